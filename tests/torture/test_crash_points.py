"""A process that dies at any of the named points, at its first, second and a later passing, leaves nothing behind."""

import asyncio
import random
from datetime import timedelta

import pytest

from infrastructure.database import connect
from tests.application.engine import PROGRAM, START, opened
from tests.torture import victims
from tests.torture.clients import Crowd, Wishes
from tests.torture.evening import prepared
from tests.torture.machines import free_port
from tests.torture.points import FOLLOWER, MIGRATION, REBUILD, REQUEST, SWEEP
from tests.torture.tail import Tail
from tests.torture.verdict import Ledger, audited, judge, unfolded

pytestmark = pytest.mark.slow

PASSINGS = (1, 2, 20)
MEMBERS = 12


@pytest.mark.parametrize("point", REQUEST)
def test_a_server_that_dies_at_a_point_has_done_each_request_or_not_begun_it(database_url: str, point: str) -> None:
    async def story() -> None:
        key, port, ledger = await prepared(database_url, MEMBERS), free_port(), Ledger()
        tail, wishes = Tail(database_url), Wishes(random.Random(point), MEMBERS)
        tail.follow()
        for passing in PASSINGS:
            victim = victims.start(victims.serve, database_url, port, point=(point, passing))
            crowd = Crowd([port], key, ledger, random.Random(passing))
            working = [asyncio.create_task(crowd.shop(wishes)) for _ in range(8)]
            working.append(asyncio.create_task(crowd.deliver(wishes, 20)))
            assert await asyncio.to_thread(victims.died_there, victim)
            next_one = victims.start(victims.serve, database_url, port)
            crowd.over.set()
            await asyncio.gather(*working)
            victims.end(next_one)
        verdict = await judge(database_url, ledger, [tail])
        assert verdict.sound, verdict

    asyncio.run(story())


async def busy(dsn: str) -> None:
    """A log to follow: some members and what they did in a fortnight; at its end something is due for each."""
    async with opened(dsn) as engine:
        for number in range(MEMBERS):
            await engine.enrol(f"m{number}")
        await asyncio.gather(
            *(engine.buy(60_00, member=f"m{number % MEMBERS}", at=START) for number in range(12 * MEMBERS))
        )
        await engine.at(START + timedelta(days=20))


@pytest.mark.parametrize("point", FOLLOWER)
def test_a_follower_that_dies_at_a_point_has_taken_each_batch_once_or_not_at_all(database_url: str, point: str) -> None:
    async def story() -> None:
        await busy(database_url)
        assert await unfolded(database_url, catch_up=False)
        for passing in PASSINGS[:2] * 2:
            victim = victims.start(victims.tables, database_url, 7, point=(point, passing))
            assert await asyncio.to_thread(victims.died_there, victim)
        assert await unfolded(database_url) == []

    asyncio.run(story())


@pytest.mark.parametrize("point", SWEEP)
def test_a_sweep_that_died_is_ended_by_the_next_one(database_url: str, point: str) -> None:
    def due() -> int:
        with connect(database_url) as connection:
            found = connection.execute(
                "SELECT count(*) FROM state_rows JOIN programs ON id = program WHERE due_at <= clock"
            ).fetchone()
        assert found is not None
        return int(found[0])

    asyncio.run(busy(database_url))
    left = due()
    assert left == MEMBERS
    for passing in (1, 2, 5):
        assert victims.died_there(victims.start(victims.sweeper, database_url, PROGRAM, point=(point, passing)))
        left -= passing
        assert due() == left
    assert victims.ended(victims.start(victims.sweeper, database_url, PROGRAM)) == 0
    assert due() == 0
    assert audited(database_url) == []


@pytest.mark.parametrize("point", REBUILD)
def test_a_rebuild_that_died_is_ended_by_the_next_one(database_url: str, point: str) -> None:
    asyncio.run(busy(database_url))
    assert asyncio.run(unfolded(database_url)) == []
    for _ in PASSINGS:
        assert victims.died_there(victims.start(victims.rebuilder, database_url, point=(point, 1)))
        assert asyncio.run(unfolded(database_url)) == []
    assert victims.ended(victims.start(victims.rebuilder, database_url)) == 0
    assert asyncio.run(unfolded(database_url)) == []


@pytest.mark.parametrize("passing", [1, 2, 3])
@pytest.mark.parametrize("point", MIGRATION)
def test_migrations_that_died_half_way_are_ended_by_the_next_run(
    empty_database_url: str, database_url: str, point: str, passing: int
) -> None:
    assert victims.died_there(victims.start(victims.migrator, empty_database_url, point=(point, passing)))
    assert victims.ended(victims.start(victims.migrator, empty_database_url)) == 0
    assert _layout(empty_database_url) == _layout(database_url)


def _layout(dsn: str) -> list[tuple[object, ...]]:
    with connect(dsn) as connection:
        return connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, 2"
        ).fetchall()
