"""Lists of codes in PostgreSQL.

A code is leased before it is issued: leases skip rows that others are taking, so that parallel claims never pick the
same and never wait for each other. The lease is only manners: the guard is the claim of the save that issues it. A
process that dies between the two leaves a code that is free again when its lease is over, unless the log has it. Codes
that a hold keeps stay in the list: the claim keeps them out of leases until the hold is over.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from psycopg_pool import AsyncConnectionPool

from domain.rules.rewards import ISSUED_CODE
from infrastructure.positions import database_errors

_AT_ONCE = 10_000

_LEASE = """
WITH free AS MATERIALIZED (
    SELECT program, code FROM listed_codes l
    WHERE program = %s AND reward = %s AND free_at <= now()
        AND NOT EXISTS (SELECT FROM claims c WHERE c.program = l.program AND c.kind = 'issued-code' AND c.key = l.code)
    ORDER BY free_at LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE listed_codes l SET free_at = now() + interval '1 minute' FROM free f
WHERE l.program = f.program AND l.code = f.code RETURNING l.code
"""


class PostgresListedCodes:
    """The `CodePool` port."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def add(self, program: str, reward: str, codes: Iterable[str]) -> int:
        added, source = 0, iter(codes)
        while batch := list(islice(source, _AT_ONCE)):
            with database_errors():
                async with self._pool.connection() as connection:
                    done = await connection.execute(
                        "INSERT INTO listed_codes (program, reward, code) SELECT %s, %s, code FROM"
                        " unnest(%s::text[]) AS t(code) WHERE NOT EXISTS (SELECT FROM claims c WHERE c.program = %s"
                        " AND c.kind = 'issued-code' AND c.key = t.code) ON CONFLICT DO NOTHING",
                        (program, reward, batch, program),
                    )
                    added += done.rowcount
        return added

    async def elsewhere(self, program: str, reward: str, codes: Sequence[str]) -> set[str]:
        query = "SELECT code FROM listed_codes WHERE program = %s AND reward <> %s AND code = ANY(%s)"
        return await self._of(query, program, reward, codes)

    async def held(self, program: str, codes: Sequence[str]) -> set[str]:
        return await self._of(
            "SELECT key FROM claims WHERE program = %s AND kind = %s AND key = ANY(%s)", program, ISSUED_CODE, codes
        )

    async def _of(self, query: str, program: str, name: str, codes: Sequence[str]) -> set[str]:
        with database_errors():
            async with self._pool.connection() as connection:
                found = await connection.execute(query, (program, name, list(codes)))
                return {row[0] for row in await found.fetchall()}

    async def lease(self, program: str, reward: str, count: int) -> list[str]:
        with database_errors():
            async with self._pool.connection() as connection:
                found = await connection.execute(_LEASE, (program, reward, count))
                return [row[0] for row in await found.fetchall()]

    async def give_back(self, program: str, codes: Sequence[str]) -> None:
        # Later than the beginning of any lease that is looking for codes just now: it passes over them.
        await self._do(
            "UPDATE listed_codes SET free_at = clock_timestamp() WHERE program = %s AND code = ANY(%s)", program, codes
        )

    async def issued(self, program: str, codes: Sequence[str]) -> None:
        await self._do("DELETE FROM listed_codes WHERE program = %s AND code = ANY(%s)", program, codes)

    async def left(self, program: str, reward: str) -> int:
        with database_errors():
            async with self._pool.connection() as connection:
                found = await connection.execute(
                    "SELECT count(*) FROM listed_codes l WHERE program = %s AND reward = %s AND free_at <= now()"
                    " AND (free_at = '-infinity' OR NOT EXISTS (SELECT FROM claims c WHERE c.program = l.program"
                    " AND c.kind = 'issued-code' AND c.key = l.code))",
                    (program, reward),
                )
                row = await found.fetchone()
                return int(row[0]) if row is not None else 0

    async def _do(self, query: str, program: str, codes: Sequence[str]) -> None:
        if codes:
            with database_errors():
                async with self._pool.connection() as connection:
                    await connection.execute(query, (program, list(codes)))
