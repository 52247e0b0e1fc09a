"""M9: what analysts read is what the log says, and made again from nothing it is the same bytes."""

import asyncio

from hypothesis import HealthCheck, given, settings

from application.follow import Projector, Runner
from application.replay import replay
from domain.log import after, decode, fold
from domain.member.state import Member
from infrastructure.database import connect, open_pool
from infrastructure.positions import PostgresPositions
from infrastructure.tables import PostgresTables
from projections import ANALYTICS
from tests.application.engine import opened
from tests.application.test_two_clocks import STEPS, lead_a_life
from tests.conftest import fresh_database

_BALANCES = "SELECT currency, available, pending, held, debt, lifetime FROM analytics.balances"
_LOTS = "SELECT lot, remaining FROM analytics.lots WHERE state IN ('open', 'pending')"
_TIERS = "SELECT to_level FROM analytics.tier_history WHERE reason <> 'renewed' ORDER BY version, number"


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_m9_tables_equal_folds_and_a_rebuild_equals_both(
    database_server: str, steps: list[tuple[str, int, int]]
) -> None:
    async def story(url: str) -> None:
        async with opened(url) as engine, open_pool(url, 1, 4) as pool:
            tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(url, pool)
            await tables.ensure()
            await lead_a_life(engine, steps)
            store = engine.handler.store
            await Runner(Projector(ANALYTICS, tables), store, positions).catch_up()
            loaded, _ = await engine.handler.find("main", "ann")
            member = Member()
            for row in await store.rows(loaded.stream):
                fold(member, decode(row.state))
            assert member.recorded_at is not None
            held = after(member, member.recorded_at)
            with connect(url) as connection:
                assert connection.execute(_BALANCES).fetchall() == [
                    (name, b.available, b.pending, b.held, b.debt, b.lifetime) for name, b in held.balances.items()
                ]
                assert dict(connection.execute(_LOTS).fetchall()) == {lot.id: lot.remaining for lot in member.lots}
                path = [level for standing in member.tiers.values() for _, level in standing.path]
                assert [level for (level,) in connection.execute(_TIERS).fetchall()] == path
            incremental = await tables.digests()
            await replay(ANALYTICS, store=store, positions=positions, tables=tables, afresh=True)
            assert await tables.digests() == incremental

    with fresh_database(database_server) as url:
        asyncio.run(story(url))
