"""The inbox in PostgreSQL: what was taken, and who records it."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import AsyncConnectionPool

from application.draining import Due, Ended
from application.inbox import AT_ONCE, BUCKETS, Kept, State, Waiting
from application.repeats import SEPARATOR
from infrastructure.clock import utc_now
from infrastructure.positions import database_errors

# The first of two numbers of an advisory lock; the second is the bucket.
_BUCKETS = 0x696E_626F
_COUNTED = 10_000
"""Up to so many waiting ones are counted."""
_COUNTED_FOR = 1.0
"""Seconds for which a count is good enough."""

# What the log knows already, or the inbox under its name or key, is left out.
_PUT = """
INSERT INTO inbox (ref, program, bucket, lane, source, id, key, hash, actor, correlation, body, received_at)
SELECT g.ref, g.program, g.bucket, g.lane, g.source, g.id, g.key, g.hash, g.actor, g.correlation, g.body, g.received_at
FROM unnest(%(ref)s::uuid[], %(program)s::text[], %(bucket)s::int[], %(lane)s::text[], %(source)s::text[],
    %(id)s::text[], %(key)s::text[], %(hash)s::text[], %(actor)s::text[], %(correlation)s::text[], %(body)s::bytea[],
    %(received_at)s::timestamptz[])
    WITH ORDINALITY AS g(ref, program, bucket, lane, source, id, key, hash, actor, correlation, body, received_at, ord)
LEFT JOIN LATERAL (
    SELECT true AS there FROM claims c
    WHERE c.program = g.program AND c.kind = 'activity' AND c.key = g.source || %(separator)s || g.id LIMIT 1
) named ON true
LEFT JOIN LATERAL (
    SELECT true AS there FROM claims c
    WHERE c.program = g.program AND c.kind = 'key' AND c.key = g.key LIMIT 1
) keyed ON true
WHERE named.there IS NULL AND keyed.there IS NULL
ORDER BY g.ord
ON CONFLICT DO NOTHING RETURNING ref
"""
_REPLACE = """
UPDATE inbox SET state = 'waiting', bucket = %(bucket)s, lane = %(lane)s, key = %(key)s, hash = %(hash)s,
    actor = %(actor)s, correlation = %(correlation)s, body = %(body)s, received_at = %(received_at)s, code = NULL,
    detail = '', ended_at = NULL, number = nextval(pg_get_serial_sequence('inbox', 'number'))
WHERE ref = %(ref)s AND state = 'parked'
"""
_KEPT = ", ".join(Kept.__struct_fields__)
_HELD = f"SELECT {_KEPT} FROM inbox WHERE program = %s AND (ref = ANY(%s) OR key = ANY(%s))"
_LIST = f"""
SELECT {_KEPT} FROM inbox
WHERE program = %(program)s AND state = %(state)s AND number > %(after)s
  AND (%(code)s::text IS NULL OR code = %(code)s) AND (%(lane)s::text IS NULL OR lane = %(lane)s)
ORDER BY number LIMIT %(limit)s
"""
_AGAIN = """
UPDATE inbox SET state = 'waiting', code = NULL, detail = '', ended_at = NULL WHERE ref IN (
    SELECT ref FROM inbox WHERE program = %(program)s AND state = 'parked' AND body IS NOT NULL
      AND (%(all)s OR ref = ANY(%(refs)s)) AND (%(code)s::text IS NULL OR code = %(code)s)
      AND (%(lane)s::text IS NULL OR lane = %(lane)s)
    ORDER BY number LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""
_COUNT = "SELECT count(*) FROM (SELECT FROM inbox WHERE state = 'waiting' LIMIT %s) few"
# Numbers go over all buckets: where a bucket's own reach from and to is how much waits in all, about.
_ABOUT = """
SELECT coalesce(sum(last.number - first.number + 1) / %(buckets)s, 0) FROM generate_series(0, %(buckets)s - 1) b(bucket)
JOIN LATERAL (SELECT number FROM inbox i WHERE i.bucket = b.bucket AND state = 'waiting'
    ORDER BY number LIMIT 1) first ON true
JOIN LATERAL (SELECT number FROM inbox i WHERE i.bucket = b.bucket AND state = 'waiting'
    ORDER BY number DESC LIMIT 1) last ON true
"""
_FILLED = """
SELECT b FROM generate_series(0, %s - 1) b
WHERE EXISTS (SELECT FROM inbox i WHERE i.bucket = b AND i.state = 'waiting')
"""
_PAGE = """
SELECT ref, program, lane, key, actor, correlation, body FROM inbox
WHERE bucket = %s AND state = 'waiting' ORDER BY number LIMIT %s
"""
# A key binds what came of a request, not a refusal; whose it was is in the log from now on.
_NOTE = """
UPDATE inbox i SET state = CASE WHEN t.code IS NULL THEN 'recorded' ELSE 'parked' END, ended_at = %(now)s,
    activity = t.activity, position = t.position, code = t.code, detail = t.detail,
    key = CASE WHEN t.code IS NULL THEN i.key END,
    lane = CASE WHEN t.code IS NULL OR t.erased THEN '' ELSE i.lane END,
    body = CASE WHEN t.code IS NULL OR t.erased THEN NULL ELSE i.body END
FROM unnest(%(refs)s::uuid[], %(activities)s::text[], %(positions)s::bigint[], %(codes)s::text[], %(details)s::text[],
    %(erased)s::boolean[]) AS t(ref, activity, position, code, detail, erased)
WHERE i.ref = t.ref AND i.state = 'waiting'
"""
_PRUNE = """
DELETE FROM inbox WHERE (state = 'recorded' AND ended_at < %s) OR (state = 'parked' AND ended_at < %s)
"""


class Backed(msgspec.Struct, frozen=True):
    """What waits in all programs: how many about, since when the oldest has (seconds), and how many are parked."""

    waiting: int
    oldest: float
    parked: int


class PostgresInbox:
    """The ports `Inbox` and `Backlog`."""

    def __init__(self, dsn: str, pool: AsyncConnectionPool[Any]) -> None:
        self._dsn = dsn
        self._pool = pool
        self._counted: tuple[float, int] | None = None

    # --- taking in -----------------------------------------------------------------------------

    async def put(self, rows: Sequence[Waiting]) -> set[UUID]:
        columns = {
            name: [getattr(row, name) for row in rows] for name in Waiting.__struct_fields__
        } | {"separator": SEPARATOR}  # fmt: skip
        return {ref for (ref,) in await self._all(_PUT, columns)}

    async def replace(self, row: Waiting) -> bool:
        with database_errors():
            async with self._pool.connection() as connection:
                try:
                    done = await connection.execute(_REPLACE, msgspec.structs.asdict(row))
                except psycopg.errors.UniqueViolation:
                    return False  # somebody used the key meanwhile
                return bool(done.rowcount == 1)

    async def held(self, program: str, refs: Collection[UUID], keys: Collection[str]) -> list[Kept]:
        return _kept(await self._all(_HELD, (program, list(refs), list(keys))))

    async def waiting(self, most: int) -> int:
        now = utc_now().timestamp()
        # Close to the bound it is looked at each time.
        if (
            self._counted is None
            or not 0 <= now - self._counted[0] < _COUNTED_FOR
            or self._counted[1] + _COUNTED >= most
        ):
            self._counted = now, await self._count()
        return self._counted[1]

    async def _count(self) -> int:
        ((few,),) = await self._all(_COUNT, (_COUNTED,))
        if few < _COUNTED:
            return int(few)
        ((about,),) = await self._all(_ABOUT, {"buckets": BUCKETS})
        return max(int(about), int(few))

    # --- operators -----------------------------------------------------------------------------

    async def listed(
        self, program: str, *, state: State, code: str | None, lane: str | None, after: int, limit: int
    ) -> list[Kept]:
        query = {"program": program, "state": state, "code": code, "lane": lane, "after": after, "limit": limit}
        return _kept(await self._all(_LIST, query))

    async def again(self, program: str, *, refs: Collection[UUID], code: str | None, lane: str | None) -> int:
        query = {"program": program, "all": not refs, "refs": list(refs), "code": code, "lane": lane, "limit": AT_ONCE}
        return await self._changed(_AGAIN, query)

    async def discard(self, program: str, ref: UUID) -> bool:
        gone = "DELETE FROM inbox WHERE program = %s AND ref = %s AND state = 'parked'"
        return await self._changed(gone, (program, ref)) == 1

    async def backed(self) -> Backed:
        """For whoever watches."""
        waiting = await self._count()
        ((oldest, parked),) = await self._all(
            "SELECT (SELECT extract(epoch FROM now() - min(received_at))::float8 FROM generate_series(0, %s - 1) b"
            " JOIN LATERAL (SELECT received_at FROM inbox i WHERE i.bucket = b AND state = 'waiting'"
            " ORDER BY number LIMIT 1) f ON true),"
            " (SELECT count(*) FROM (SELECT FROM inbox WHERE state = 'parked' LIMIT %s) p)",
            (BUCKETS, _COUNTED),
        )
        return Backed(waiting, oldest or 0.0, parked)

    # --- recording -----------------------------------------------------------------------------

    @asynccontextmanager
    async def locking(self) -> AsyncIterator["PostgresLocks"]:
        """On a connection of their own: a process that dies lets go of all at once."""
        with database_errors():
            connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, application_name="guerdon inbox"
            )
        async with connection:
            yield PostgresLocks(connection)

    async def filled(self) -> list[int]:
        return [bucket for (bucket,) in await self._all(_FILLED, (BUCKETS,))]

    async def page(self, bucket: int, limit: int) -> list[Due]:
        return [Due(*row) for row in await self._all(_PAGE, (bucket, limit))]

    async def note(self, outcomes: Sequence[Ended], now: datetime) -> None:
        columns = {
            "refs": [one.ref for one in outcomes],
            "activities": [one.activity for one in outcomes],
            "positions": [one.position for one in outcomes],
            "codes": [one.code for one in outcomes],
            # PostgreSQL's text holds any character but this one, and a sentence may quote it.
            "details": [one.detail.replace("\0", "\\0") for one in outcomes],
            "erased": [one.erased for one in outcomes],
            "now": now,
        }
        await self._changed(_NOTE, columns)

    async def prune(self, recorded: datetime, parked: datetime) -> None:
        await self._changed(_PRUNE, (recorded, parked))

    async def _all(self, query: str, params: Any) -> list[Any]:
        with database_errors():
            async with self._pool.connection() as connection:
                found: list[Any] = await (await connection.execute(query, params)).fetchall()
                return found

    async def _changed(self, query: str, params: Any) -> int:
        with database_errors():
            async with self._pool.connection() as connection:
                return int((await connection.execute(query, params)).rowcount)


class PostgresLocks:
    """The `Locks` port."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def take(self, bucket: int) -> bool:
        with database_errors():
            look = await self._connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (_BUCKETS, bucket))
            found = await look.fetchone()
            return found is not None and bool(found[0])

    async def leave(self, bucket: int) -> None:
        with database_errors():
            await self._connection.execute("SELECT pg_advisory_unlock(%s, %s)", (_BUCKETS, bucket))


def _kept(rows: Sequence[Sequence[Any]]) -> list[Kept]:
    return [Kept(**dict(zip(Kept.__struct_fields__, row, strict=True))) for row in rows]
