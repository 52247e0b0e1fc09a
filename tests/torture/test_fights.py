"""Two processes keep the same tables, and neither believes that the other one lives: every entry counts once."""

import asyncio
import os
import random
import signal
from typing import NamedTuple

import psycopg
import pytest

from infrastructure.database import connect
from tests.application.engine import SHOP, opened
from tests.projections.boards import house
from tests.torture import victims
from tests.torture.seeds import seed
from tests.torture.verdict import audited, unfolded

pytestmark = pytest.mark.slow

FIGHTS = 100
KILL_EVERY = 10
BATCH = 3
SEED = seed(5)
PAUSE = 0.002
"""Seconds between two looks: nobody tells who leads."""


def test_a_hundred_fights_of_two_leaders_leave_tables_that_are_the_fold_of_the_log(database_url: str) -> None:
    """One is stopped while it leads, loses its lock, and goes on as if nothing had happened while the other leads."""

    async def story() -> None:
        chance = random.Random(SEED)
        async with opened(database_url, SHOP, start=None, sandbox=False) as engine, house(database_url):
            for number in range(8):
                await engine.enrol(f"m{number}")

            async def busy() -> None:
                while True:
                    await engine.buy(chance.randrange(100, 9_000), member=f"m{chance.randrange(8)}")

            writing = asyncio.create_task(busy())
            rivals = [victims.start(victims.tables, database_url, BATCH) for _ in range(2)]
            with connect(database_url) as eye:
                for fight in range(FIGHTS):
                    # The lock of one that was killed outlives it by a moment.
                    while (before := look(eye)).leader not in (  # noqa: ASYNC110
                        alive := {one.pid: one for one in rivals}
                    ):
                        await asyncio.sleep(PAUSE)
                    assert before.leader is not None
                    stopped = alive[before.leader]
                    os.kill(before.leader, signal.SIGSTOP)
                    take_lock_away(eye, before.leader)
                    # The other one leads, and has taken what was written meanwhile; or somebody waits, because the one
                    # that was stopped is in the middle of a batch.
                    while not (now := look(eye)).held and (
                        now.leader in (None, before.leader) or now.position <= before.position
                    ):
                        assert not writing.done()
                        if now.leader == before.leader:
                            # It had just taken the lock anew, and its connection did not say so yet.
                            take_lock_away(eye, before.leader)
                        await asyncio.sleep(PAUSE)
                    if fight % KILL_EVERY == KILL_EVERY - 1:
                        victims.end(stopped)
                        rivals[rivals.index(stopped)] = victims.start(victims.tables, database_url, BATCH)
                    else:
                        os.kill(before.leader, signal.SIGCONT)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            for one in rivals:
                victims.end(one)
        assert await unfolded(database_url) == []
        assert audited(database_url) == []

    asyncio.run(story())


class Ring(NamedTuple):
    """What can be seen of a fight from outside."""

    leader: int | None
    """The process that holds the lock: its connection says which one it is."""
    position: int
    held: bool
    """Whether somebody waits for the row of the position, which another one has locked in the middle of a batch."""


_RING = """
SELECT (SELECT split_part(application_name, ' ', 4)::int FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE %(leader)s),
       (SELECT position FROM positions WHERE follower = 'analytics'),
       EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
               AND query LIKE 'UPDATE positions%%')
"""


def look(connection: psycopg.Connection) -> Ring:
    found = connection.execute(_RING, {"leader": f"{victims.LEADER}%"}).fetchone()
    assert found is not None
    return Ring(*found)


def take_lock_away(connection: psycopg.Connection, process: int) -> None:
    """End the connection by which a process holds it, as a network does that has lost a machine."""
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = %s",
        [f"{victims.LEADER} {process}"],
    )
