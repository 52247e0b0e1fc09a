"""Holds over the real store: races, the sweeper, tables, both clocks, audits, erasure."""

import asyncio
from typing import Any

import pytest

from application import history, members, points, redemptions
from application.audit import verify
from application.follow import Projector, Runner
from application.points import Hold, Order, RedeemBody
from application.redemptions import ConfirmBody, ReturnRedemptionBody
from application.replay import replay
from domain.errors import AlreadyConfirmed, HoldExpired, NotEligible, NotEnoughPoints, Refused
from infrastructure.database import connect, open_pool
from infrastructure.positions import PostgresPositions
from infrastructure.row_reader import readers
from infrastructure.tables import PostgresTables
from projections import ANALYTICS
from tests.application.engine import PROGRAM, SHOP, START, Engine, days, opened, process, run

WORTH = {
    **SHOP,
    "currencies": {"points": {"expires": {"after": "P6M"}, "value": {"per_point": "1", "max_share": "0.5"}}},
}
ORDER = Order(source="shop", id="o1", amount_minor=100)


async def hold(engine: Engine, amount: int, name: str, ttl: str = "PT15M", **more: Any) -> None:
    body = RedeemBody(id=name, member="ann", currency="points", points=amount, hold=Hold(ttl=ttl), **more)
    await points.redeem(engine.handler, PROGRAM, body, actor="test")


async def confirm(engine: Engine, name: str, some: int | None = None) -> None:
    await redemptions.confirm(engine.handler, PROGRAM, name, ConfirmBody(points=some), actor="test")


async def cancel(engine: Engine, name: str) -> None:
    await redemptions.cancel(engine.handler, PROGRAM, name, actor="test")


async def undo(engine: Engine, name: str, some: int | None = None) -> None:
    await redemptions.give_back(engine.handler, PROGRAM, name, ReturnRedemptionBody(points=some), actor="test")


async def held(engine: Engine) -> tuple[int, int]:
    balance = (await engine.read())["balances"]["points"]
    return balance["available"], balance["held"]


def sound(url: str) -> None:
    found = verify(readers(url))
    assert (found["different"], found["not_redecidable"], found["findings"]) == (0, 0, [])


def taken(url: str) -> dict[str, int]:
    with connect(url) as connection:
        return dict(connection.execute("SELECT key, used FROM takes WHERE used > 0").fetchall())


@pytest.mark.parametrize("processes", [1, 2])
def test_f5_of_fifty_holds_of_a_balance_for_one_one_is_granted(database_url: str, processes: int) -> None:
    async def story() -> None:
        async with opened(database_url) as one, process(database_url) as other:
            await one.enrol()
            await one.buy(40_00)

            async def tries(number: int) -> bool:
                try:
                    await hold([one, other][number % processes], 40, f"h{number}")
                except NotEnoughPoints:
                    return False
                return True

            granted = await asyncio.gather(*(tries(number) for number in range(50)))
            assert granted.count(True) == 1
            assert await held(one) == (0, 40)

    run(story)
    sound(database_url)


def test_of_a_confirmation_and_a_cancellation_at_once_one_counts(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as one, process(database_url) as other:
            await one.enrol()
            await one.buy(90_00)
            for number in range(20):
                await hold(one, 2, f"h{number}")
                ends = await asyncio.gather(
                    confirm(one, f"h{number}"), cancel(other, f"h{number}"), return_exceptions=True
                )
                lost = [end for end in ends if end is not None]
                assert len(lost) == 1
                assert isinstance(lost[0], AlreadyConfirmed | NotEligible)
            states = [(await redemptions.read(one.handler, PROGRAM, f"h{number}"))["state"] for number in range(20)]
            assert await held(one) == (90 - 2 * states.count("confirmed"), 0)
            assert set(states) <= {"confirmed", "cancelled"}

    run(story)
    sound(database_url)


def test_the_sweeper_lets_go_what_nobody_confirmed_and_what_it_took_of_an_order(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, WORTH) as engine:
            await engine.enrol()
            await engine.buy(90_00)
            await hold(engine, 50, "h1", order=ORDER)
            assert taken(database_url) == {"shop\x1fo1": 50}
            await engine.at(START + days(1))
            assert await held(engine) == (90, 0)
            assert await engine.sweep() == 1
            assert taken(database_url) == {}
            with pytest.raises(HoldExpired):
                await confirm(engine, "h1")
            await hold(engine, 50, "h2", order=ORDER)
            await confirm(engine, "h2", 20)
            await undo(engine, "h2")
            assert taken(database_url) == {}

    run(story)
    sound(database_url)


def test_the_past_knows_what_was_held_then(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.buy(90_00)
            await engine.at(START + days(1))
            await hold(engine, 50, "h1", "P2D")
            await engine.at(START + days(2))
            await confirm(engine, "h1", 30)
            await engine.at(START + days(3))
            await undo(engine, "h1", 10)
            found = []
            for number in range(4):
                balance = (
                    (await engine.read(as_of=START + days(number + 0.5), known_at=START + days(3)))["balances"]
                    if (number < 3)
                    else (await engine.read())["balances"]
                )
                found.append((balance["points"]["available"], balance["points"]["held"]))
            assert found == [(90, 0), (40, 50), (60, 0), (70, 0)]
            texts = [one["text"] for one in (await history.history(engine.handler, PROGRAM, "ann"))["items"]]
            assert texts[-3:] == [
                "50 points set aside for h1, until 2026-01-04 12:00 UTC",
                "30 points spent on h1, as set aside, 20 free again",
                "10 points spent on h1 came back",
            ]
            items = (await history.history(engine.handler, PROGRAM, "ann"))["items"]
            assert [one["balance_after"] for one in items[-3:]] == [40, 60, 70]
            statement = await history.statement(engine.handler, PROGRAM, "ann")
            assert statement["closing"] == {"points": 70}

    run(story)


def test_tables_say_what_became_of_each_redemption_and_a_rebuild_says_the_same(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine, open_pool(database_url, 1, 4) as pool:
            await engine.enrol()
            await engine.buy(45_00)
            await engine.buy(45_00)
            for name in ("waits", "paid", "off", "late", "back"):
                await hold(engine, 10, name, "PT1H" if name == "late" else "P9D")
            await confirm(engine, "paid", 7)
            await cancel(engine, "off")
            await confirm(engine, "back")
            await undo(engine, "back", 4)
            await engine.at(START + days(1))
            await engine.sweep()
            await undo(engine, "back")
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(database_url, pool)
            await tables.ensure()
            store = engine.handler.store
            await Runner(Projector(ANALYTICS, tables), store, positions).catch_up()
            assert await positions.parked("analytics") == []
            with connect(database_url) as connection:
                rows = connection.execute(
                    "SELECT redemption, state, points, returned FROM analytics.redemptions ORDER BY version"
                ).fetchall()
                balances = connection.execute("SELECT available, held FROM analytics.balances").fetchall()
                lots = connection.execute("SELECT sum(remaining) FROM analytics.lots").fetchall()
                sums = connection.execute(
                    "SELECT account, sum(points) FROM analytics.movements GROUP BY 1 HAVING sum(points) <> 0 ORDER BY 1"
                ).fetchall()
            assert rows == [
                ("waits", "held", 10, 0),
                ("paid", "confirmed", 7, 0),
                ("off", "cancelled", 10, 0),
                ("late", "expired", 10, 0),
                ("back", "returned", 10, 10),
            ]
            assert balances == [(73, 10)]
            assert lots == [(73,)]
            assert sums == [("member", 73), ("program", -83), ("reserve", 10)]
            incremental = await tables.digests()
            await replay(ANALYTICS, store=store, positions=positions, tables=tables, afresh=True)
            assert await tables.digests() == incremental

    run(story)
    sound(database_url)


def test_a_hold_of_somebody_who_is_erased_runs_out_and_nobody_confirms_it(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, WORTH) as engine:
            await engine.enrol()
            await engine.buy(90_00)
            await hold(engine, 50, "h1", order=ORDER)
            await members.erase(engine.handler, PROGRAM, "ann", actor="test")
            with pytest.raises(Refused) as refused:
                await confirm(engine, "h1")
            assert refused.value.code == "member-erased"
            await engine.at(START + days(1))
            assert await engine.sweep() == 1
            assert taken(database_url) == {}

    run(story)
