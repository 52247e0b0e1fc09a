"""What analysts read of members that gave each other points and became one: balances, lots, slots, nothing lost."""

import asyncio

from application import merge_members, redemptions
from application.follow import Projector, Runner
from application.merge_members import MergeBody
from application.offers import AssignBody, assign
from application.redemptions import ReturnRedemptionBody
from application.replay import replay
from infrastructure.database import connect, open_pool
from infrastructure.positions import PostgresPositions
from infrastructure.tables import PostgresTables
from projections import ANALYTICS
from tests.application.engine import PROGRAM, SHOP, START, days, opened
from tests.application.test_merges import merge, two
from tests.application.test_transfers import transfer

OFFER = {
    "bogo": {
        "goal": {"count": 2},
        "of": "purchase",
        "window": "P60D",
        "reward": {"currency": "points", "points": 10},
    }
}
_LOTS = "SELECT state, remaining FROM analytics.lots l JOIN analytics.members m USING (stream) WHERE m.member = %s"
_SLOTS = "SELECT state, progress FROM analytics.offer_progress JOIN analytics.members USING (stream) WHERE member = %s"
_BALANCE = "SELECT available FROM analytics.balances JOIN analytics.members USING (stream) WHERE member = %s"
_ACCOUNTS = "SELECT account, sum(points) FROM analytics.movements GROUP BY 1 HAVING sum(points) <> 0"


def test_tables_follow_transfers_and_merges_and_a_rebuild_equals_them(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, SHOP | {"offers": OFFER}) as engine, open_pool(database_url, 1, 4) as pool:
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(database_url, pool)
            await tables.ensure()
            await two(engine)
            await assign(engine.handler, PROGRAM, "bogo", AssignBody(member="old"), actor="test")
            await engine.at(START + days(1))
            await engine.buy(1_00, member="old", name="o2")
            await transfer(engine, 40, taker="old")
            await engine.at(START + days(2))
            await merge(engine)
            await engine.buy(1_00, member="old", name="o3")
            await engine.give_back("o1")
            await engine.give_back("o2")
            await engine.redeem(5)
            # Late, and before the merge in the world: then the offer was not the survivor's.
            await engine.at(START + days(3))
            await engine.buy(0, at=START + days(1))
            assert (await engine.read(as_of=START + days(1)))["offers"] == []
            store = engine.handler.store
            await Runner(Projector(ANALYTICS, tables), store, positions).catch_up()
            assert await engine.available() == 106
            with connect(database_url) as connection:
                assert connection.execute("SELECT count(*) FROM parked").fetchone() == (0,)
                assert connection.execute(_BALANCE, ["ann"]).fetchone() == (106,)
                assert connection.execute(_BALANCE, ["old"]).fetchone() == (0,)
                left = connection.execute(_LOTS, ["ann"]).fetchall()
                assert sum(points for state, points in left if state == "open") == 106
                assert {points for _, points in connection.execute(_LOTS, ["old"]).fetchall()} == {0}
                assert connection.execute(_SLOTS, ["old"]).fetchall() == [("merged", 1)]
                assert connection.execute(_SLOTS, ["ann"]).fetchall() == [("completed", 2)]
                sums: dict[str, int] = dict(connection.execute(_ACCOUNTS).fetchall())
                assert "transfer" not in sums
                assert sum(sums.values()) == 0
            incremental = await tables.digests()
            await replay(ANALYTICS, store=store, positions=positions, tables=tables, afresh=True)
            assert await tables.digests() == incremental

    asyncio.run(story())


def test_a_redemption_of_a_member_that_was_merged_since_comes_back_in_the_tables_too(database_url: str) -> None:
    """Through two merges: the survivor knows the entry that redeemed by a number that no stream has."""

    async def story() -> None:
        async with opened(database_url) as engine, open_pool(database_url, 1, 4) as pool:
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(database_url, pool)
            await tables.ensure()
            for name in ("ann", "old", "eve"):
                await engine.enrol(name)
                await engine.buy(100_00, member=name)
                await engine.redeem(40, member=name, name=f"{name}-r")
            for survivor, loser in (("old", "eve"), ("ann", "old")):
                body = MergeBody(id=f"m-{loser}", survivor=survivor, loser=loser)
                await merge_members.merge(engine.handler, PROGRAM, body, actor="test")
            for name, back in (("eve-r", 15), ("eve-r", None), ("old-r", 30), ("ann-r", None)):
                again = ReturnRedemptionBody(points=back)
                await redemptions.give_back(engine.handler, PROGRAM, name, again, actor="test")
            await Runner(Projector(ANALYTICS, tables), engine.handler.store, positions).catch_up()
            with connect(database_url) as connection:
                assert connection.execute("SELECT position, error FROM parked").fetchall() == []
                assert connection.execute(_BALANCE, ["ann"]).fetchone() == (300 - 10,)
                rows = "SELECT redemption, returned, state FROM analytics.redemptions ORDER BY 1"
                assert connection.execute(rows).fetchall() == [
                    ("ann-r", 40, "returned"),
                    ("eve-r", 40, "returned"),
                    ("old-r", 30, "confirmed"),
                ]

    asyncio.run(story())


def test_points_that_come_back_to_a_lot_that_a_merged_member_had_used_up_and_that_has_ended(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine, open_pool(database_url, 1, 4) as pool:
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(database_url, pool)
            await tables.ensure()
            for name in ("ann", "old"):
                await engine.enrol(name)
                await engine.buy(40_00, member=name)
            await engine.redeem(40, member="old", name="all")
            body = MergeBody(id="m", survivor="ann", loser="old")
            await merge_members.merge(engine.handler, PROGRAM, body, actor="test")
            await engine.at(START + days(400))
            await redemptions.give_back(engine.handler, PROGRAM, "all", ReturnRedemptionBody(), actor="test")
            await Runner(Projector(ANALYTICS, tables), engine.handler.store, positions).catch_up()
            with connect(database_url) as connection:
                assert connection.execute("SELECT position, error FROM parked").fetchall() == []
                assert connection.execute(_BALANCE, ["ann"]).fetchone() == (0,)

    asyncio.run(story())
