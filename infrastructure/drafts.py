"""Drafts of rulebooks in PostgreSQL."""

from datetime import datetime

from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from application.rulebooks import Draft

_ADD = """
INSERT INTO drafts (program, number, document, note, etag, created_at, updated_at)
SELECT %s, coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s FROM drafts WHERE program = %s
RETURNING number, document, note, etag, created_at, updated_at, published_version
"""
_LIST = """
SELECT number, document, note, etag, created_at, updated_at, published_version
FROM drafts WHERE program = %s AND (%s::int IS NULL OR number = %s) ORDER BY number DESC
"""
_REPLACE = """
UPDATE drafts SET document = %s, note = %s, etag = %s, updated_at = %s
WHERE program = %s AND number = %s AND etag = %s
"""


class PostgresDrafts:
    """The `Drafts` port."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def add(self, program: str, document: bytes, note: str, etag: str, now: datetime) -> Draft:
        async with self._pool.connection() as connection, connection.transaction():
            # One number at a time: whoever comes second waits here and then sees the first one's row.
            await connection.execute("SELECT FROM programs WHERE id = %s FOR NO KEY UPDATE", (program,))
            cursor = connection.cursor(row_factory=class_row(Draft))
            await cursor.execute(_ADD, (program, document, note, etag, now, now, program))
            (draft,) = await cursor.fetchall()
            return draft

    async def get(self, program: str, number: int) -> Draft | None:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Draft))
            return await (await cursor.execute(_LIST, (program, number, number))).fetchone()

    async def list(self, program: str) -> list[Draft]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Draft))
            return await (await cursor.execute(_LIST, (program, None, None))).fetchall()

    async def replace(
        self, program: str, number: int, document: bytes, note: str, etag: str, now: datetime, *, expects: str
    ) -> bool:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_REPLACE, (document, note, etag, now, program, number, expects))
            return cursor.rowcount == 1

    async def published(self, program: str, number: int, version: int) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(
                "UPDATE drafts SET published_version = %s WHERE program = %s AND number = %s",
                (version, program, number),
            )
