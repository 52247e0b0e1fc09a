"""What members are to be told, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool

from application.follow import Transaction
from application.notices.noting import Expiring, Noted
from application.notices.settings import NoticesBody, NoticeSettings
from application.notices.telling import Notice
from infrastructure.positions import database_errors

_SETTINGS = "SELECT program, document, after FROM notice_settings"
_PUT_SETTINGS = """
INSERT INTO notice_settings (program, document, after) VALUES (%s, %s, %s)
ON CONFLICT (program) DO UPDATE SET document = excluded.document
"""
_PUT = """
INSERT INTO notices (program, stream, key, kind, about, state, reason, attempts, created_at, due_at)
SELECT t.program, t.stream, t.key, t.kind, t.about, 'waiting', '', 0, %(now)s, %(now)s
FROM unnest(%(programs)s::text[], %(streams)s::uuid[], %(keys)s::text[], %(kinds)s::text[], %(abouts)s::bytea[])
    AS t(program, stream, key, kind, about)
ON CONFLICT (program, stream, key) DO NOTHING
"""
_COLUMNS = ", ".join(Notice.__struct_fields__)
_CLAIM = f"""
UPDATE notices SET state = 'sending', due_at = %(until)s WHERE (program, stream, key) IN (
    SELECT program, stream, key FROM notices WHERE state = 'waiting' AND due_at <= %(now)s
    ORDER BY due_at, created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING {_COLUMNS}
"""
_NOTE = """
UPDATE notices SET state = %(state)s, reason = %(reason)s, attempts = %(attempts)s, due_at = %(due_at)s,
    ended_at = %(ended_at)s
WHERE program = %(program)s AND stream = %(stream)s AND key = %(key)s AND state = 'sending'
"""
_ABANDON = """
UPDATE notices SET state = 'unknown', reason = 'nobody noted what became of it', ended_at = %s
WHERE state = 'sending' AND due_at < %s
"""
_LIST = f"""
SELECT {_COLUMNS} FROM notices
WHERE program = %(program)s AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(at)s::timestamptz IS NULL OR (created_at, key) < (%(at)s, %(key)s))
ORDER BY created_at DESC, key DESC LIMIT %(limit)s
"""
_EXPIRING = """
SELECT DISTINCT stream, currency, expires_at FROM {schema}.lots
WHERE program = %s AND state = 'open' AND remaining > 0 AND expires_at > %s AND expires_at <= %s
ORDER BY expires_at, stream, currency
"""


class PostgresNotices:
    """The ports `Notices` (with `NoticeBook`) and `SettingsTable`. `schema` is where the tables for analysts are."""

    def __init__(self, pool: AsyncConnectionPool[Any], schema: str) -> None:
        self._pool = pool
        self._expiring = _EXPIRING.format(schema=schema)

    async def settings(self, program: str) -> NoticeSettings | None:
        found = await self._all(f"{_SETTINGS} WHERE program = %s", (program,))
        return _settings(found[0]) if found else None

    async def put_settings(self, settings: NoticeSettings) -> None:
        document = msgspec.json.encode(settings.body)
        await self._all(_PUT_SETTINGS, (settings.program, document, settings.after))

    async def all_settings(self) -> list[NoticeSettings]:
        found = [_settings(row) for row in await self._all(_SETTINGS, ())]
        return [one for one in found if one.body.kinds]

    async def settings_in(self, transaction: Transaction) -> list[NoticeSettings]:
        found = await (await transaction.connection.execute(_SETTINGS)).fetchall()
        return [_settings(row) for row in found]

    async def put(self, transaction: Transaction | None, rows: Sequence[Noted], now: datetime) -> None:
        query = {
            "now": now,
            "programs": [one.program for one in rows],
            "streams": [one.stream for one in rows],
            "keys": [one.key for one in rows],
            "kinds": [one.kind for one in rows],
            "abouts": [msgspec.json.encode(one.about) for one in rows],
        }
        if transaction is not None:
            await transaction.connection.execute(_PUT, query)
        else:
            await self._all(_PUT, query)

    async def expiring(self, program: str, after: datetime, before: datetime) -> list[Expiring]:
        return [Expiring(*row) for row in await self._all(self._expiring, (program, after, before))]

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[Notice]:
        return [_notice(row) for row in await self._all(_CLAIM, {"now": now, "until": until, "limit": limit})]

    async def note(self, notice: Notice) -> None:
        await self._all(_NOTE, msgspec.structs.asdict(notice))

    async def abandon(self, now: datetime) -> int:
        return await self._count(_ABANDON, (now, now))

    async def listed(
        self, program: str, state: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> list[Notice]:
        at, key = before or (None, None)
        query = {"program": program, "state": state, "at": at, "key": key, "limit": limit}
        return [_notice(row) for row in await self._all(_LIST, query)]

    async def prune(self, before: datetime) -> int:
        return await self._count("DELETE FROM notices WHERE ended_at < %s AND kind <> 'expiring'", (before,))

    async def _count(self, query: str, params: Any) -> int:
        with database_errors():
            async with self._pool.connection() as connection:
                return int((await connection.execute(query, params)).rowcount)

    async def _all(self, query: str, params: Any) -> list[Any]:
        with database_errors():
            async with self._pool.connection() as connection:
                done = await connection.execute(query, params)
                found: list[Any] = await done.fetchall() if done.description is not None else []
                return found


def _settings(row: Sequence[Any]) -> NoticeSettings:
    program, document, after = row
    return NoticeSettings(program=program, body=msgspec.json.decode(document, type=NoticesBody), after=after)


def _notice(row: Sequence[Any]) -> Notice:
    named = dict(zip(Notice.__struct_fields__, row, strict=True))
    return Notice(**named | {"about": msgspec.json.decode(named["about"])})
