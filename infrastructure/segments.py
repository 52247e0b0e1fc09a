"""Segments in PostgreSQL: counted in the table that the followers keep."""

from typing import Any

from psycopg.sql import SQL, Identifier
from psycopg_pool import AsyncConnectionPool

from infrastructure.positions import database_errors


class PostgresSegments:
    """The `Segments` port. Nothing here is prepared: tables are swapped when they are rebuilt."""

    def __init__(self, pool: AsyncConnectionPool[Any], schema: str) -> None:
        self._pool = pool
        self._members = Identifier(schema, "segments")

    async def counts(self, program: str) -> dict[str, int]:
        query = SQL("SELECT segment, count(*) FROM {} WHERE program = %s AND left_at IS NULL GROUP BY segment").format(
            self._members
        )
        with database_errors():
            async with self._pool.connection() as connection:
                rows = await connection.execute(query, (program,), prepare=False)
                return dict(await rows.fetchall())

    async def count(self, program: str, segment: str) -> int:
        query = SQL("SELECT count(*) FROM {} WHERE program = %s AND segment = %s AND left_at IS NULL").format(
            self._members
        )
        with database_errors():
            async with self._pool.connection() as connection:
                found = await (await connection.execute(query, (program, segment), prepare=False)).fetchone()
                assert found is not None
                return int(found[0])
