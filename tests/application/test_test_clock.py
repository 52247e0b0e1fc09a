"""M11: a sandbox's clock goes on by a year, and all that falls due on the way happens in order, each at its instant."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from application.handle import NothingDue
from application.history import history
from application.rows import Wish
from domain.member.commands import Settle
from tests.application.engine import START, Engine, opened, run

A_YEAR_ON = datetime(2027, 1, 1, 12, tzinfo=UTC)
MONTHS = [datetime(2026, month, 1, 12, tzinfo=UTC) for month in range(2, 13)]


async def _fell_due(engine: Engine, member: str) -> list[tuple[str, datetime, int | None]]:
    """What time has made true: what, when, and how many points."""
    items = (await history(engine.handler, "main", member))["items"]
    return [(one["kind"], one["at"], one["points"]) for one in items if one["cause"] is None and one["at"] > START]


async def _bought(engine: Engine, member: str) -> None:
    await engine.enrol(member)
    await engine.buy(20_000, member=member, name=f"o-{member}")


def test_m11_activations_expiries_and_reviews_of_a_year_happen_in_order(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await _bought(engine, "ann")
            await engine.at(A_YEAR_ON)
            await engine.sweep()
            found = await _fell_due(engine, "ann")
        kinds: list[Any] = [(kind, at.date().isoformat(), points) for kind, at, points in found]
        assert kinds == [
            ("activated", "2026-01-15", 20),
            ("expired", "2026-07-02", -200),
            ("expired", "2026-07-02", -20),
            ("tier_renewed", "2027-01-01", None),
        ]
        assert [at for _, at, _ in found] == sorted(at for _, at, _ in found)

    run(story)


def test_m11_a_year_at_once_is_a_year_month_by_month(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await _bought(engine, "ann")
            await _bought(engine, "bob")
            for month in MONTHS:
                await engine.at(month)
                # Only bob is looked at every month.
                with suppress(NothingDue):
                    wish = Wish(program="main", command=Settle(), actor="sweeper", by_time=True)
                    await engine.handler.handle(wish, *await engine.handler.find("main", "bob"))
            await engine.at(A_YEAR_ON)
            await engine.sweep()
            assert await _fell_due(engine, "ann") == await _fell_due(engine, "bob")
            one, other = await engine.read("ann"), await engine.read("bob")
            for name in ("balances", "tiers", "counters"):
                assert one[name] == other[name]

    run(story)
