"""Webhooks, and what they are to be told, in PostgreSQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from application.access import Noted
from application.deliveries import Due, Outcome
from application.follow import Transaction
from application.messages import Whose
from application.outbox import Wish
from application.webhooks import Count, Delivery, Waiting, Webhook
from infrastructure.access import note
from infrastructure.positions import database_errors

_COLUMNS = (
    "id, program, url, types, fields, ordered, description, after, secret, previous_secret, previous_until,"
    " created_at, failing_since, disabled_at, disabled_because"
)
_GET = f"SELECT {_COLUMNS} FROM webhooks WHERE program = %s AND id = %s"
_LIST = f"SELECT {_COLUMNS} FROM webhooks WHERE program = %s AND id > %s ORDER BY id LIMIT %s"
_ADD = f"INSERT INTO webhooks ({_COLUMNS}) VALUES (%s{', %s' * _COLUMNS.count(',')})"
_CHANGE = """
UPDATE webhooks SET url = %s, types = %s, fields = %s, ordered = %s, description = %s, secret = %s,
    previous_secret = %s, previous_until = %s, failing_since = %s, disabled_at = %s, disabled_because = %s
WHERE program = %s AND id = %s
"""
_LOG = """
SELECT position, number, stream, version, type, state, attempts, created_at, due_at, ended_at, status, latency_ms, error
FROM webhook_deliveries
WHERE webhook = %(webhook)s AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(position)s::bigint IS NULL OR (position, number) < (%(position)s, %(number)s))
ORDER BY position DESC, number DESC LIMIT %(limit)s
"""
# Delivered ones are not looked at: there are many.
_COUNTS = """
SELECT w.id,
    (SELECT count(*) FROM webhook_deliveries d WHERE d.webhook = w.id AND d.state = 'waiting'),
    (SELECT count(*) FROM webhook_deliveries d WHERE d.webhook = w.id AND d.state = 'dead')
FROM webhooks w WHERE w.program = %s
"""
_PUT = """
INSERT INTO webhook_deliveries (webhook, position, number, stream, version, type, state, created_at, due_at)
SELECT w.id, t.position, t.number, t.stream, t.version, t.type, 'waiting', %(now)s, %(now)s
FROM unnest(%(webhooks)s::text[], %(positions)s::bigint[], %(numbers)s::int[], %(streams)s::uuid[],
    %(versions)s::bigint[], %(types)s::text[]) AS t(webhook, position, number, stream, version, type)
-- One that was deleted meanwhile wants nothing any more.
JOIN webhooks w ON w.id = t.webhook
ON CONFLICT (webhook, position, number) DO {conflict}
"""
_NOTE_NEW = _PUT.format(conflict="NOTHING")
_SEND_AGAIN = _PUT.format(
    conflict="UPDATE SET state = 'waiting', attempts = 0, created_at = %(now)s, due_at = %(now)s, ended_at = NULL"
)
_DEAD_AGAIN = """
UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, created_at = %(now)s, due_at = %(now)s, ended_at = NULL
WHERE (webhook, position, number) IN (
    SELECT webhook, position, number FROM webhook_deliveries
    WHERE webhook = %(webhook)s AND state = 'dead' ORDER BY position, number LIMIT %(limit)s)
"""
_READY = """
SELECT id FROM webhooks w WHERE disabled_at IS NULL AND EXISTS (
    SELECT FROM webhook_deliveries d WHERE d.webhook = w.id AND d.state = 'waiting' AND d.due_at <= %s)
"""
# What is claimed is put off at once: that is the lease. The entry and the member are read as they are now.
_CLAIM = """
WITH found AS MATERIALIZED (
    SELECT d.webhook, d.position, d.number FROM webhook_deliveries d
    WHERE d.webhook = %(webhook)s AND d.state = 'waiting' AND d.due_at <= %(now)s {first}
    ORDER BY d.due_at, d.position, d.number LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE webhook_deliveries d SET due_at = %(until)s, attempts = d.attempts + 1 FROM found
    WHERE (d.webhook, d.position, d.number) = (found.webhook, found.position, found.number)
    RETURNING d.position, d.number, d.stream, d.version, d.type, d.attempts, d.created_at
)
SELECT c.position, c.number, c.stream, c.version, c.type, c.attempts, c.created_at, e.state, s.kind, s.hot
FROM claimed c JOIN stored_events e ON e.originator_id = c.stream AND e.originator_version = c.version
LEFT JOIN state_rows s ON s.stream = c.stream
ORDER BY c.position, c.number
"""
_FIRST_OF_EACH_MEMBER = """
AND NOT EXISTS (SELECT FROM webhook_deliveries e
    WHERE e.webhook = d.webhook AND e.stream = d.stream AND e.state = 'waiting'
      AND (e.position, e.number) < (d.position, d.number))
"""
_CLAIM_ANY = _CLAIM.format(first="")
_CLAIM_IN_ORDER = _CLAIM.format(first=_FIRST_OF_EACH_MEMBER)
# Only the last attempt's word counts: whoever took longer than the lease has been followed by another.
_NOTE = """
UPDATE webhook_deliveries d SET state = t.state, due_at = t.due_at, status = t.status, latency_ms = t.latency_ms,
    error = t.error, ended_at = CASE WHEN t.state = 'waiting' THEN NULL ELSE %(now)s END
FROM unnest(%(positions)s::bigint[], %(numbers)s::int[], %(attempts)s::int[], %(states)s::text[],
    %(due)s::timestamptz[], %(status)s::int[], %(latency)s::int[], %(errors)s::text[])
    AS t(position, number, attempt, state, due_at, status, latency_ms, error)
WHERE d.webhook = %(webhook)s AND d.position = t.position AND d.number = t.number AND d.attempts = t.attempt
  AND d.state = 'waiting'
"""

_whose = msgspec.msgpack.Decoder(Whose)


class PostgresWebhooks:
    """The ports `Webhooks`, `Log` of deliveries, `Outbox` and `Queue`."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    # --- webhooks ---------------------------------------------------------------------------------

    async def add(self, webhook: Webhook, noted: Noted) -> None:
        row = list(msgspec.structs.astuple(webhook))
        row[3], row[4] = list(webhook.types), msgspec.json.encode(webhook.fields)
        await self._act(_ADD, row, noted)

    async def get(self, program: str, webhook: str) -> Webhook | None:
        found = await self._all(_GET, (program, webhook))
        return _webhook(found[0]) if found else None

    async def listed(self, program: str, after: str, limit: int) -> list[Webhook]:
        return [_webhook(row) for row in await self._all(_LIST, (program, after, limit))]

    async def change(self, webhook: Webhook, noted: Noted) -> None:
        await self._act(
            _CHANGE,
            (
                webhook.url, list(webhook.types), msgspec.json.encode(webhook.fields), webhook.ordered,
                webhook.description, webhook.secret, webhook.previous_secret, webhook.previous_until,
                webhook.failing_since, webhook.disabled_at, webhook.disabled_because, webhook.program, webhook.id,
            ),
            noted,
        )  # fmt: skip

    async def remove(self, program: str, webhook: str, noted: Noted) -> None:
        await self._act("DELETE FROM webhooks WHERE program = %s AND id = %s", (program, webhook), noted)

    async def _act(self, query: str, params: Any, noted: Noted) -> None:
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(query, params)
                await note(connection, [noted])

    async def counts(self, program: str) -> dict[str, Count]:
        """By webhook: what waits, and what was given up."""
        return {name: Count(*counts) for name, *counts in await self._all(_COUNTS, (program,))}

    # --- what is to be told -----------------------------------------------------------------------

    async def begins(self) -> int | None:
        ((begins,),) = await self._all("SELECT min(after) FROM webhooks WHERE disabled_at IS NULL", ())
        return begins if begins is None else int(begins)

    async def wishes(self, transaction: Transaction) -> list[Wish]:
        found = await transaction.connection.execute(
            "SELECT id, program, types, fields, after FROM webhooks WHERE disabled_at IS NULL"
        )
        return [
            Wish(id_, program, frozenset(types), msgspec.json.decode(fields), after)
            for id_, program, types, fields, after in await found.fetchall()
        ]

    async def put(self, transaction: Transaction, rows: Sequence[Waiting], now: datetime) -> None:
        await transaction.connection.execute(_NOTE_NEW, _columns(rows) | {"now": now})

    async def again(self, rows: Sequence[Waiting], now: datetime) -> None:
        if rows:
            await self._all(_SEND_AGAIN, _columns(rows) | {"now": now})

    async def again_dead(self, webhook: str, now: datetime, limit: int) -> int:
        with database_errors():
            async with self._pool.connection() as connection:
                done = await connection.execute(_DEAD_AGAIN, {"webhook": webhook, "now": now, "limit": limit})
                return int(done.rowcount)

    async def deliveries(
        self, webhook: str, state: str | None, before: tuple[int, int] | None, limit: int
    ) -> list[Delivery]:
        position, number = before or (None, None)
        query = {"webhook": webhook, "state": state, "position": position, "number": number, "limit": limit}
        names = Delivery.__struct_fields__
        return [Delivery(**dict(zip(names, row, strict=True))) for row in await self._all(_LOG, query)]

    # --- who tells --------------------------------------------------------------------------------

    async def ready(self, now: datetime) -> list[str]:
        return [name for (name,) in await self._all(_READY, (now,))]

    async def claim(self, webhook: str, now: datetime, until: datetime, limit: int) -> tuple[Webhook, list[Due]] | None:
        with database_errors():
            async with self._pool.connection() as connection:
                look = await connection.execute(
                    f"SELECT {_COLUMNS} FROM webhooks WHERE id = %s AND disabled_at IS NULL", (webhook,)
                )
                row = await look.fetchone()
                if row is None:
                    return None
                found = _webhook(row)
                claimed = await connection.execute(
                    _CLAIM_IN_ORDER if found.ordered else _CLAIM_ANY,
                    {
                        "webhook": webhook,
                        "now": now,
                        "until": until,
                        # One that fails is asked with one delivery at a time whether it is well again.
                        "limit": 1 if found.failing_since is not None else limit,
                    },
                )
                return found, [_due(webhook, one) for one in await claimed.fetchall()]

    async def note(self, webhook: str, outcomes: Sequence[Outcome], now: datetime) -> datetime | None:
        healthy = any(one.reply.good for one in outcomes)
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(_NOTE, _outcomes(webhook, outcomes, now))
                await connection.execute(
                    "UPDATE webhooks SET failing_since = %s WHERE id = %s AND (failing_since IS NULL) <> %s",
                    (None if healthy else now, webhook, healthy),
                )
                look = await connection.execute("SELECT failing_since FROM webhooks WHERE id = %s", (webhook,))
                row = await look.fetchone()
                return row[0] if row is not None else None

    async def disable(self, webhook: str, reason: str, now: datetime) -> None:
        await self._all(
            "UPDATE webhooks SET disabled_at = %s, disabled_because = %s WHERE id = %s AND disabled_at IS NULL",
            (now, reason, webhook),
        )

    async def prune(self, before: datetime) -> int:
        with database_errors():
            async with self._pool.connection() as connection:
                gone = await connection.execute(
                    "DELETE FROM webhook_deliveries WHERE state = 'delivered' AND ended_at < %s", (before,)
                )
                return int(gone.rowcount)

    async def whose(self, stream: UUID) -> Whose:
        """Whose stream it is, as of now."""
        found = await self._all("SELECT kind, hot FROM state_rows WHERE stream = %s", (stream,))
        return _read_whose(*found[0]) if found else Whose()

    async def all_whose(self, transaction: Transaction, streams: Collection[UUID]) -> dict[UUID, Whose]:
        """The same of many, in a follower's transaction."""
        found = await transaction.connection.execute(
            "SELECT stream, kind, hot FROM state_rows WHERE stream = ANY(%s)", (list(streams),)
        )
        return {stream: _read_whose(kind, hot) for stream, kind, hot in await found.fetchall()}

    async def _all(self, query: str, params: Any) -> list[Any]:
        with database_errors():
            async with self._pool.connection() as connection:
                done = await connection.execute(query, params)
                found: list[Any] = await done.fetchall() if done.description is not None else []
                return found


def _webhook(row: Sequence[Any]) -> Webhook:
    named = dict(zip(Webhook.__struct_fields__, row, strict=True))
    return Webhook(**named | {"types": tuple(named["types"]), "fields": msgspec.json.decode(named["fields"])})


def _due(webhook: str, row: Sequence[Any]) -> Due:
    position, number, stream, version, type_, attempts, created_at, entry, kind, hot = row
    waiting = Waiting(webhook, position, number, stream, version, type_)
    return Due(waiting, attempts, created_at, entry, _read_whose(kind, hot))


def _read_whose(kind: str | None, hot: bytes | None) -> Whose:
    return _whose.decode(hot) if kind == "member" and hot is not None else Whose()


def _columns(rows: Sequence[Waiting]) -> dict[str, Any]:
    webhooks, positions, numbers, streams, versions, types = zip(*map(msgspec.structs.astuple, rows), strict=True)
    return {
        "webhooks": list(webhooks),
        "positions": list(positions),
        "numbers": list(numbers),
        "streams": list(streams),
        "versions": list(versions),
        "types": list(types),
    }


def _outcomes(webhook: str, outcomes: Sequence[Outcome], now: datetime) -> dict[str, Any]:
    return {
        "webhook": webhook,
        "now": now,
        "positions": [one.due.waiting.position for one in outcomes],
        "numbers": [one.due.waiting.number for one in outcomes],
        "attempts": [one.due.attempt for one in outcomes],
        "states": [one.state for one in outcomes],
        "due": [one.due_at for one in outcomes],
        "status": [one.reply.status for one in outcomes],
        "latency": [round(one.reply.seconds * 1000) for one in outcomes],
        "errors": [one.reply.error for one in outcomes],
    }
