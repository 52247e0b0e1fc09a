"""The programs' clocks: real time, or what a sandbox was set to.

A set clock stands still until it is set again, so that a year can be tried out in a minute. It moves forward
only: what was recorded stays recorded before what comes.
"""

from datetime import datetime
from typing import Any

from psycopg_pool import AsyncConnectionPool

from domain.errors import ClockBackwards, NotASandbox, UnknownProgram
from infrastructure.clock import utc_now

# The first setting may lie anywhere while the program is empty: history is imported that way. With members, real
# time was the clock so far. One statement, so that of two settings at once the later one cannot be undone.
_SET = """
UPDATE programs p SET clock = %(now)s
WHERE p.id = %(program)s AND p.sandbox AND CASE
    WHEN p.clock IS NOT NULL THEN p.clock <= %(now)s
    ELSE %(wall)s <= %(now)s
         OR NOT EXISTS (SELECT 1 FROM state_rows s WHERE s.program = p.id AND s.kind = 'member')
END
RETURNING p.clock
"""


class ProgramClock:
    """The `Clock` port, and the one way to set a sandbox's clock."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._real: set[str] = set()

    async def now(self, program: str) -> datetime:
        """The program's instant, in UTC. A program that is not a sandbox never becomes one, and is not asked again."""
        if program in self._real:
            return utc_now()
        async with self._pool.connection() as connection:
            found = await (
                await connection.execute("SELECT sandbox, clock FROM programs WHERE id = %s", (program,))
            ).fetchone()
        if found is None:
            return utc_now()
        sandbox, clock = found
        if not sandbox:
            self._real.add(program)
        return utc_now() if clock is None else clock

    async def set(self, program: str, now: datetime) -> datetime:
        """Set a sandbox's clock. Raises NotASandbox, ClockBackwards, UnknownProgram."""
        wall = utc_now()
        async with self._pool.connection() as connection:
            found = await (await connection.execute(_SET, {"program": program, "now": now, "wall": wall})).fetchone()
            if found is not None:
                return now
            row = await (
                await connection.execute("SELECT sandbox, clock FROM programs WHERE id = %s", (program,))
            ).fetchone()
        if row is None:
            raise UnknownProgram(f"there is no program {program!r}")
        sandbox, clock = row
        if not sandbox:
            raise NotASandbox("only a sandbox has a clock that can be set")
        raise ClockBackwards(
            f"the clock stands at {(clock or wall).isoformat()}",
            errors=[("/now", "not before the clock of the program")],
        )
