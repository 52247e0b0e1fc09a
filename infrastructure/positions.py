"""Where followers stand, in PostgreSQL: positions, parked entries, and who leads."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import AsyncConnectionPool

from application.follow import PATIENCE, Overtaken, Standing
from application.ports import Unavailable
from domain.log import Row
from infrastructure.database import told

_CHANNEL = "stored_events"
# The first of two numbers of an advisory lock; the second is the follower's name.
_LEADERS = 0x6775_6572


LAG = 100_000
"""Entries up to which a lag is counted."""


class Lag(msgspec.Struct, frozen=True):
    """How far a follower is behind: entries, seconds since it moved, entries it could not take."""

    follower: str
    behind: int
    idle: float
    parked: int


class PostgresTransaction:
    """The `Transaction` port."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], follower: str) -> None:
        self.connection = connection
        self._follower = follower

    async def parked(self) -> frozenset[UUID]:
        found = await self.connection.execute(
            "SELECT DISTINCT stream FROM parked WHERE follower = %s", (self._follower,)
        )
        return frozenset(stream for (stream,) in await found.fetchall())

    async def park(self, rows: Sequence[Row], error: str) -> None:
        await self.connection.execute(
            "INSERT INTO parked (follower, stream, position, error, parked_at)"
            " SELECT %s, stream, position, %s, now() FROM unnest(%s::uuid[], %s::bigint[]) AS t(stream, position)",
            # PostgreSQL's text holds any character but this one, and a message may quote it.
            (self._follower, error.replace("\0", "\\0"), [row.stream for row in rows], [row.position for row in rows]),
        )

    async def unpark(self, position: int) -> None:
        gone = await self.connection.execute(
            "DELETE FROM parked WHERE follower = %s AND position = %s", (self._follower, position)
        )
        if gone.rowcount != 1:
            raise Overtaken


class PostgresTurn:
    """The `Turn` port: the connection that holds the lock also hears of new entries."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def wait(self, seconds: float) -> None:
        with database_errors():
            async for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                pass


class PostgresPositions:
    """The `Positions` port."""

    def __init__(self, dsn: str, pool: AsyncConnectionPool[Any]) -> None:
        self._dsn = dsn
        self._pool = pool

    async def register(self, follower: str, version: int) -> None:
        await self._all(
            "INSERT INTO positions (follower, position, version, updated_at) VALUES (%s, 0, %s, now())"
            " ON CONFLICT (follower) DO NOTHING RETURNING 1",
            (follower, version),
        )

    async def standing(self, follower: str) -> Standing | None:
        found = await self._all("SELECT position, version FROM positions WHERE follower = %s", (follower,))
        return Standing(*found[0]) if found else None

    async def head(self) -> int:
        found = await self._all("SELECT coalesce(max(notification_id), 0) FROM stored_events", ())
        return int(found[0][0])

    async def lags(self) -> list[Lag]:
        """Of every follower, by name. `behind` is counted up to LAG, which is cheap."""
        found = await self._all(
            "SELECT follower, (SELECT count(*) FROM (SELECT FROM stored_events WHERE notification_id > p.position"
            # In order, or the table is read from its beginning to find the few at its end.
            " ORDER BY notification_id LIMIT %s) b), extract(epoch FROM clock_timestamp() - updated_at)::float8,"
            " (SELECT count(*) FROM parked WHERE parked.follower = p.follower) FROM positions p ORDER BY follower",
            (LAG,),
        )
        return [Lag(*row) for row in found]

    async def parked(self, follower: str, stream: UUID | None = None) -> list[tuple[UUID, int]]:
        return await self._all(
            "SELECT stream, position FROM parked WHERE follower = %s AND (%s::uuid IS NULL OR stream = %s)"
            " ORDER BY position",
            (follower, stream, stream),
        )

    @asynccontextmanager
    async def leading(self, follower: str) -> AsyncIterator[PostgresTurn]:
        """The lock ends with its connection, so also with this process."""
        with database_errors():
            connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, application_name=f"guerdon follower {follower}"
            )
        async with connection:
            with database_errors():
                # Asked again and again: waiting inside PostgreSQL would hold a snapshot, and with it
                # all dead rows of the database, for as long as the other process leads.
                while not await self._lead(connection, follower):  # noqa: ASYNC110
                    await asyncio.sleep(PATIENCE)
                await connection.execute(f"LISTEN {_CHANNEL}")
            yield PostgresTurn(connection)

    async def _lead(self, connection: psycopg.AsyncConnection[Any], follower: str) -> bool:
        found = await (
            await connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_LEADERS, follower))
        ).fetchone()
        return found is not None and bool(found[0])

    @asynccontextmanager
    async def advance(
        self, follower: str, version: int, previous: int, position: int
    ) -> AsyncIterator[PostgresTransaction]:
        with database_errors():
            async with self._pool.connection() as connection:
                async with connection.transaction():
                    # What is lost with the last moment before a power cut is lost whole, and read again.
                    await connection.execute("SET LOCAL synchronous_commit = off")
                    # First of all: the lock on this row keeps everybody else out until the end.
                    moved = await connection.execute(
                        "UPDATE positions SET position = %s, updated_at = now()"
                        " WHERE follower = %s AND position = %s AND version = %s",
                        (position, follower, previous, version),
                    )
                    if moved.rowcount != 1:
                        raise Overtaken
                    yield PostgresTransaction(connection, follower)
                # On a connection that is gone, psycopg leaves the block without COMMIT and without a word.
                if connection.closed:
                    raise Unavailable("the connection was lost before the commit was answered")

    async def _all(self, query: str, params: Sequence[Any]) -> list[Any]:
        with database_errors():
            async with self._pool.connection() as connection:
                found: list[Any] = await (await connection.execute(query, params)).fetchall()
                return found


@contextmanager
def database_errors() -> Iterator[None]:
    """Errors that are not the fault of the data written, as Unavailable."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError):
        raise
    except psycopg.Error as error:
        raise Unavailable(f"the database: {told(error)}") from error
