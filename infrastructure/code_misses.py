"""The budget of misses in PostgreSQL: all processes count together, and a restart forgets nothing.

Only a miss writes. Misses are forgotten one by one; whoever has more than are free waits, twice as long with each
further one. So the rate at which somebody can guess is the rate at which misses are forgotten, however many processes
and connections they use: what is tried at once beyond it is paid for in waiting.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool

from domain.errors import RateLimited
from infrastructure.clock import utc_now
from infrastructure.positions import database_errors


class Budget(msgspec.Struct, frozen=True):
    """How many misses are free, and how long one is remembered."""

    free: int
    remembered: timedelta


MEMBER = Budget(10, timedelta(minutes=1))
KEY = Budget(100, timedelta(seconds=6))
"""A till's key serves many members, each of whom may mistype: ten a minute are forgotten."""
LONGEST = timedelta(hours=1)


class PostgresMisses:
    """The `Misses` port."""

    def __init__(self, pool: AsyncConnectionPool[Any], now: Callable[[], datetime] = utc_now) -> None:
        self._pool = pool
        self._now = now

    async def admit(self, program: str, who: Sequence[str]) -> None:
        now = self._now()
        with database_errors():
            async with self._pool.connection() as connection:
                found = await connection.execute(
                    "SELECT max(waits_until) FROM code_misses"
                    " WHERE program = %s AND who = ANY(%s) AND waits_until > %s",
                    (program, list(who), now),
                )
                until = ((await found.fetchone()) or (None,))[0]
        if until is not None:
            raise RateLimited(max(1, -((now - until) // timedelta(seconds=1))))

    async def note(self, program: str, who: Sequence[str]) -> None:
        now = self._now()
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                # In one order, so that nobody waits for somebody who waits.
                for name in sorted(who):
                    budget = MEMBER if name.startswith("member:") else KEY
                    await connection.execute(
                        "INSERT INTO code_misses VALUES (%s, %s, 0, %s, %s) ON CONFLICT DO NOTHING",
                        (program, name, now, now),
                    )
                    found = await connection.execute(
                        "SELECT misses, counted_at FROM code_misses WHERE program = %s AND who = %s FOR UPDATE",
                        (program, name),
                    )
                    row = await found.fetchone()
                    assert row is not None
                    misses, counted_at = counted(row[0], row[1], now, budget)
                    await connection.execute(
                        "UPDATE code_misses SET misses = %s, counted_at = %s, waits_until = %s"
                        " WHERE program = %s AND who = %s",
                        (misses, counted_at, now + wait(misses, budget), program, name),
                    )


def counted(misses: int, counted_at: datetime, now: datetime, budget: Budget) -> tuple[int, datetime]:
    """One more miss, after what is forgotten since they were counted; and as of when they are counted then."""
    forgotten = max(0, (now - counted_at) // budget.remembered)
    if forgotten >= misses:
        return 1, now
    return misses - forgotten + 1, counted_at + forgotten * budget.remembered


def wait(misses: int, budget: Budget) -> timedelta:
    """How long somebody waits who has so many misses.

    >>> [wait(misses, MEMBER).seconds for misses in (10, 11, 12, 13, 99)]
    [0, 1, 2, 4, 3600]
    """
    over = misses - budget.free
    return timedelta(0) if over <= 0 else min(LONGEST, timedelta(seconds=2 ** min(over - 1, 20)))
