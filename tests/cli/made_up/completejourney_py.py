"""A small year of the same shape as the package's, to be found in its place: what `guerdon demo` is tested with.

Twelve households bring a basket of two lines on each of JOURNEY_DAYS days, the last of which is 2018-01-01. Household n
spends n times ten dollars and some cents, the first as much as the second, and household 3 uses one coupon twice.
"""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

LAST = datetime(2018, 1, 1)  # noqa: DTZ001 - the package's times have no zone
HOUSEHOLDS = range(1, 13)


class Column(list[Any]):
    """As far as a column of a data frame is used."""

    def tolist(self) -> list[Any]:
        return list(self)


def get_data(which: Sequence[str]) -> dict[str, dict[str, Column]]:
    days = [LAST - timedelta(days=ago) for ago in reversed(range(int(os.environ.get("JOURNEY_DAYS", "30"))))]
    lines = [
        (household, 300 + household, 10_000 + 100 * number + household, number // 7 + 1,
         day + timedelta(hours=4, minutes=household), dollars)
        for number, day in enumerate(days)
        for household in HOUSEHOLDS
        for dollars in (10.0 * max(household, 2), 0.29)
    ]  # fmt: skip
    tables = {
        "transactions": _table(
            lines, "household_id", "store_id", "basket_id", "week", "transaction_timestamp", "sales_value"
        ),
        "demographics": _table(
            [(3, "35-44", "50-74K", "Homeowner", float("nan"), "2", "2 Adults No Kids", "0")],
            "household_id", "age", "income", "home_ownership", "marital_status", "household_size", "household_comp",
            "kids_count",
        ),
        "campaigns": _table([(26, 3), (26, 4)], "campaign_id", "household_id"),
        "campaign_descriptions": _table(
            [(26, "Type B", days[0] - timedelta(days=4))], "campaign_id", "campaign_type", "start_date"
        ),
        "coupon_redemptions": _table(
            [(3, 51380041013, 26, days[0]), (3, 51380041013, 26, days[1])],
            "household_id", "coupon_upc", "campaign_id", "redemption_date",
        ),
    }  # fmt: skip
    return {name: tables[name] for name in which}


def _table(rows: list[tuple[Any, ...]], *columns: str) -> dict[str, Column]:
    return {name: Column(row[index] for row in rows) for index, name in enumerate(columns)}
