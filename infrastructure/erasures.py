"""Erased members, as the database has them: those who have a stream and no key."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from application.messages import Whose
from infrastructure.positions import database_errors

_PAGE = 10_000
_ERASED = """
SELECT s.program, s.stream FROM state_rows s LEFT JOIN member_keys k USING (stream)
WHERE s.kind = 'member' AND k.stream IS NULL AND (%(program)s::text IS NULL OR s.program = %(program)s)
ORDER BY s.program, s.position
"""
_WITH_KEY = """
SELECT s.stream, s.hot FROM state_rows s JOIN member_keys k USING (stream)
WHERE s.kind = 'member' AND s.stream > %s ORDER BY s.stream LIMIT %s
"""

_whose = msgspec.msgpack.Decoder(Whose)


class PostgresErasures:
    """The `Erasures` port."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def erased(self, program: str | None) -> Sequence[tuple[str, UUID]]:
        with database_errors():
            async with self._pool.connection() as connection:
                found = await connection.execute(_ERASED, {"program": program})
                return [(of, stream) for of, stream in await found.fetchall()]

    async def forgotten_keys(self) -> int:
        """A backup of the keys alone may be older than the log beside it."""
        gone, last = 0, UUID(int=0)
        with database_errors():
            async with self._pool.connection() as connection:
                while rows := await (await connection.execute(_WITH_KEY, (last, _PAGE))).fetchall():
                    last = rows[-1][0]
                    erased = [stream for stream, hot in rows if _whose.decode(hot).status == "erased"]
                    if erased:
                        done = await connection.execute("DELETE FROM member_keys WHERE stream = ANY(%s)", (erased,))
                        gone += int(done.rowcount)
        return gone
