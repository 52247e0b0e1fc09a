"""The latest refusals of each program, for the console.

They are no part of the log. They are written behind the answers, a batch a second, and old ones are removed; what
does not fit into the buffer meanwhile is dropped, for a flood of refusals must not become a flood of writes.
"""

import asyncio
from collections import deque
from datetime import datetime
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from infrastructure.clock import utc_now

KEPT = 1_000
_EVERY = 1.0

log = structlog.get_logger(__name__)


class Refusal(msgspec.Struct, frozen=True):
    """An answer that was a refusal. `detail` is its sentence; no part of the request is kept."""

    program: str
    at: datetime
    actor: str
    code: str
    detail: str


class Refusals:
    """The buffer and its table. Start one per process."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._waiting: deque[Refusal] = deque(maxlen=KEPT)
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._writer = asyncio.create_task(self._write_forever())

    async def stop(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._flush()

    def note(self, program: str, actor: str, code: str, detail: str) -> None:
        self._waiting.append(Refusal(program, utc_now(), actor, code, detail))

    async def latest(self, program: str, limit: int) -> list[Refusal]:
        """The newest first, as far as they have been written."""
        async with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Refusal)) as cursor:
            await cursor.execute(
                "SELECT program, at, actor, code, detail FROM refusals WHERE program = %s ORDER BY id DESC LIMIT %s",
                (program, limit),
            )
            found: list[Refusal] = await cursor.fetchall()
            return found

    async def _write_forever(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self._flush()

    async def _flush(self) -> None:
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not batch:
            return
        try:
            async with self._pool.connection() as connection:
                await connection.execute(
                    "INSERT INTO refusals (program, at, actor, code, detail)"
                    " SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])",
                    [list(column) for column in zip(*map(msgspec.structs.astuple, batch), strict=True)],
                )
                await connection.execute(
                    "DELETE FROM refusals r USING unnest(%s::text[]) AS p(program) WHERE r.program = p.program"
                    " AND r.id < (SELECT min(id) FROM (SELECT id FROM refusals k WHERE k.program = p.program"
                    " ORDER BY id DESC LIMIT %s) newest)",
                    (sorted({one.program for one in batch}), KEPT),
                )
        except psycopg.Error as error:
            log.warning("refusals not kept", count=len(batch), error=type(error).__name__)
