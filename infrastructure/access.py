"""The table of accesses. Acts are written by whoever does them, in the same transaction; looks behind the answers.

Looks are written a batch a second, and at the end of a process. What a process that is killed had not written yet is
lost: a second of looks. What the database could not take is kept for the next try.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from application.access import Looks, Noted
from application.messages import Whose
from infrastructure.clock import utc_now
from infrastructure.positions import database_errors

MOST_WAITING = 100_000
"""Rows that wait at most: while the database is away nobody looks at anybody for long."""
_EVERY = 1.0
_A_MINUTE, _A_DAY = 60.0, 86_400.0
_ADD = """
INSERT INTO access_log (program, at, kind, actor, what, member, about, request)
SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::text[],
                     %s::text[])
"""
_LIST = """
SELECT id, program, at, kind, actor, what, member, about, request FROM access_log
WHERE program = %(program)s AND (%(member)s::uuid IS NULL OR member = %(member)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s) AND (%(after)s::timestamptz IS NULL OR at >= %(after)s)
  AND (%(until)s::timestamptz IS NULL OR at < %(until)s) AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s
"""

log = structlog.get_logger(__name__)
_whose = msgspec.msgpack.Decoder(Whose)


async def note(connection: psycopg.AsyncConnection[Any], rows: Sequence[Noted]) -> None:
    """Write rows in the transaction that the connection is in."""
    now = utc_now()
    await connection.execute(
        _ADD,
        [
            [row.program for row in rows],
            [row.at or now for row in rows],
            [row.kind for row in rows],
            [row.actor for row in rows],
            [row.what for row in rows],
            [row.member for row in rows],
            [row.about for row in rows],
            [row.request for row in rows],
        ],
    )


class AccessTable:
    """The buffer of looks, and its table. Start one per process. Rows older than `days` are removed."""

    def __init__(self, pool: AsyncConnectionPool[Any], days: int) -> None:
        self._pool = pool
        self._days = days
        self._waiting: deque[Noted] = deque(maxlen=MOST_WAITING)
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._writer = asyncio.create_task(self._write_forever())

    async def stop(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        await self.flush()

    def looked(self, looks: Looks) -> None:
        """Somebody was answered."""
        self._waiting.extend(looks.rows(utc_now()))

    async def flush(self) -> None:
        """Write what waits."""
        batch = list(self._waiting)
        if not batch:
            return
        self._waiting.clear()
        written = False
        try:
            async with self._pool.connection() as connection:
                await note(connection, batch)
            written = True
        except psycopg.Error as error:
            log.warning("accesses not written yet", count=len(batch), error=type(error).__name__)
        finally:
            if not written:
                self._waiting.extendleft(reversed(batch))

    async def prune(self) -> int:
        """Remove rows that are older than they are kept."""
        with database_errors():
            async with self._pool.connection() as connection:
                gone = await connection.execute(
                    "DELETE FROM access_log WHERE at < now() - make_interval(days => %s)", (self._days,)
                )
                return int(gone.rowcount)

    async def listed(
        self,
        program: str,
        *,
        member: UUID | None,
        actor: str | None,
        after: datetime | None,
        before: int | None,
        limit: int,
        until: datetime | None = None,
    ) -> list[tuple[int, Noted]]:
        """What this process has not written yet is written first."""
        await self.flush()
        asked = {
            "program": program, "member": member, "actor": actor, "after": after, "until": until, "before": before,
            "limit": limit,
        }  # fmt: skip
        with database_errors():
            async with self._pool.connection() as connection:
                rows = await (await connection.execute(_LIST, asked)).fetchall()
        return [
            (
                number,
                Noted(
                    program=program, at=at, kind=kind, actor=who, what=what, member=whose, about=about, request=request
                ),
            )
            for number, program, at, kind, who, what, whose, about, request in rows
        ]

    async def named(self, streams: Sequence[UUID]) -> dict[UUID, str]:
        """From their state rows, which are always current."""
        with database_errors():
            async with self._pool.connection() as connection:
                found = await connection.execute(
                    "SELECT stream, hot FROM state_rows WHERE stream = ANY(%s) AND kind = 'member'", (list(streams),)
                )
                rows = await found.fetchall()
        whose = {stream: _whose.decode(hot) for stream, hot in rows}
        return {stream: one.id for stream, one in whose.items() if one.status != "erased"}

    async def _write_forever(self) -> None:
        prune_at = time.monotonic() + _A_MINUTE
        while True:
            await asyncio.sleep(_EVERY)
            await self.flush()
            if time.monotonic() >= prune_at:
                prune_at = time.monotonic() + _A_DAY
                try:
                    await self.prune()
                except Exception as error:  # noqa: BLE001 - tomorrow is another day
                    log.warning("old accesses not removed", error=type(error).__name__)
