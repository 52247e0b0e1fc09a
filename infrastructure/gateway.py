"""Sources of the gateway and their letters, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool

from application.follow import Transaction
from application.gateway.inbox import Letter
from application.gateway.mapping import KEEP_DAYS
from application.gateway.sources import Source
from domain.log import Claim
from infrastructure.positions import database_errors

_SOURCE = ", ".join(Source.__struct_fields__)
_LETTER = ", ".join(Letter.__struct_fields__)
_ADD_SOURCE = f"INSERT INTO gateway_sources ({_SOURCE}) VALUES (%s{', %s' * _SOURCE.count(',')})"
_GET_SOURCE = f"""
SELECT {_SOURCE} FROM gateway_sources WHERE id = %(id)s AND (%(program)s::text IS NULL OR program = %(program)s)
"""
_LIST_SOURCES = f"SELECT {_SOURCE} FROM gateway_sources WHERE program = %s AND id > %s ORDER BY id LIMIT %s"
_CHANGE_SOURCE = """
UPDATE gateway_sources SET mapping = %(mapping)s, document = %(document)s, secret = %(secret)s,
    previous_secret = %(previous_secret)s, previous_until = %(previous_until)s WHERE id = %(id)s
"""
_KEEP_MAPPING = """
INSERT INTO gateway_mappings (source, mapping, document) VALUES (%s, %s, %s) ON CONFLICT (source, mapping) DO NOTHING
"""
_PUT = f"""
INSERT INTO gateway_inbox ({_LETTER}) VALUES (%s{", %s" * _LETTER.count(",")})
ON CONFLICT (source, event) WHERE state <> 'refused' DO NOTHING
"""
_SAME_EVENT = f"SELECT {_LETTER} FROM gateway_inbox WHERE source = %s AND event = %s AND state <> 'refused'"
_WAIT = """
INSERT INTO gateway_waits (program, kind, key, letter)
SELECT %(program)s, t.kind, t.key, i.id FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS t(kind, key)
JOIN gateway_inbox i ON i.id = %(letter)s ON CONFLICT DO NOTHING
"""
_KEEP_LATEST = """
DELETE FROM gateway_inbox WHERE id IN (
    SELECT id FROM gateway_inbox WHERE source = %s AND state = 'refused' ORDER BY received_at DESC OFFSET %s)
"""
_GET = f"SELECT {_LETTER} FROM gateway_inbox WHERE program = %s AND id = %s"
_LIST = f"""
SELECT {_LETTER} FROM gateway_inbox
WHERE program = %(program)s AND (%(source)s::text IS NULL OR source = %(source)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(before)s::text IS NULL
       OR (received_at, id) < (SELECT received_at, id FROM gateway_inbox WHERE id = %(before)s))
ORDER BY received_at DESC, id DESC LIMIT %(limit)s
"""
# One that waits on and was woken meanwhile is due: that is left as it is. What is recorded stays recorded, and a text
# that was forgotten meanwhile stays forgotten.
_NOTE = """
UPDATE gateway_inbox SET state = %(state)s, mapping = %(mapping)s, code = %(code)s, detail = %(detail)s,
    member = %(member)s, ref = %(ref)s, position = %(position)s, due_at = %(due_at)s, ended_at = %(ended_at)s,
    sealed = %(sealed)s
WHERE id = %(id)s AND (%(state)s = 'recorded' OR state <> 'recorded')
  AND (%(sealed)s::bytea IS NULL OR sealed IS NOT NULL)
  AND (%(state)s <> 'waiting' OR due_at IS NOT DISTINCT FROM %(before)s)
"""
_CLAIM_DUE = f"""
UPDATE gateway_inbox SET due_at = %(until)s, attempts = attempts + 1 WHERE id IN (
    SELECT id FROM gateway_inbox WHERE state = 'waiting' AND due_at <= %(now)s
    ORDER BY due_at, received_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING {_LETTER}
"""
_WAKE = """
UPDATE gateway_inbox SET due_at = %(now)s WHERE state = 'waiting' AND id IN (
    SELECT w.letter FROM gateway_waits w
    JOIN unnest(%(programs)s::text[], %(kinds)s::text[], %(keys)s::text[]) AS t(program, kind, key)
      ON w.program = t.program AND w.kind = t.kind AND w.key = t.key)
"""
# The text of what nobody has claimed or mended in time is not kept: it may be personal.
_FORGET = """
UPDATE gateway_inbox i SET state = 'dead', code = 'too-old', detail = 'not kept any longer', sealed = NULL,
    due_at = NULL, ended_at = coalesce(ended_at, %(now)s)
FROM gateway_sources s
WHERE s.id = i.source AND i.state IN ('waiting', 'dead') AND i.sealed IS NOT NULL
  AND i.received_at < %(now)s - make_interval(days =>
    coalesce((convert_from(s.document, 'UTF8')::json->>'keep_days')::int, %(keep_days)s))
"""
# A dead letter that has its text waits for nothing; whose it is has to be known if the person is erased.
_WAITS_NO_MORE = "DELETE FROM gateway_waits w USING gateway_inbox i WHERE i.id = w.letter AND i.sealed IS NULL"


_ANY_WAITS = """
SELECT EXISTS (SELECT FROM gateway_inbox i JOIN gateway_waits w ON w.letter = i.id WHERE i.state = 'waiting')
"""


class PostgresGateway:
    """The ports `Inbox` (with `Sources`) and `Waits`."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    # --- sources ----------------------------------------------------------------------------------

    async def add_source(self, source: Source) -> None:
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(_ADD_SOURCE, list(msgspec.structs.astuple(source)))
                await connection.execute(_KEEP_MAPPING, (source.id, source.mapping, source.document))

    async def source(self, source: str, program: str | None = None) -> Source | None:
        found = await self._all(_GET_SOURCE, {"id": source, "program": program})
        return Source(**dict(zip(Source.__struct_fields__, found[0], strict=True))) if found else None

    async def sources(self, program: str, after: str, limit: int) -> list[Source]:
        found = await self._all(_LIST_SOURCES, (program, after, limit))
        return [Source(**dict(zip(Source.__struct_fields__, row, strict=True))) for row in found]

    async def change_source(self, source: Source) -> None:
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(_CHANGE_SOURCE, msgspec.structs.asdict(source))
                await connection.execute(_KEEP_MAPPING, (source.id, source.mapping, source.document))

    async def mappings(self, source: str) -> list[tuple[int, bytes, datetime]]:
        return await self._all(
            "SELECT mapping, document, created_at FROM gateway_mappings WHERE source = %s ORDER BY mapping DESC",
            (source,),
        )

    async def remove_source(self, source: str) -> None:
        await self._all("DELETE FROM gateway_sources WHERE id = %s", (source,))

    # --- letters ----------------------------------------------------------------------------------

    async def take_in(self, letter: Letter, waits: Sequence[Claim]) -> Letter | None:
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                done = await connection.execute(_PUT, list(msgspec.structs.astuple(letter)))
                if done.rowcount == 1:
                    if waits:
                        await connection.execute(_WAIT, _waiting(letter, waits))
                    return None
                look = await connection.execute(_SAME_EVENT, (letter.source, letter.event))
                row = await look.fetchone()
                return _letter(row) if row is not None else letter

    async def refuse(self, letter: Letter, kept: int) -> None:
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(_PUT, list(msgspec.structs.astuple(letter)))
                await connection.execute(_KEEP_LATEST, (letter.source, kept))

    async def letter(self, program: str, letter: str) -> Letter | None:
        found = await self._all(_GET, (program, letter))
        return _letter(found[0]) if found else None

    async def letters(
        self, program: str, source: str | None, state: str | None, before: str | None, limit: int
    ) -> list[Letter]:
        query = {"program": program, "source": source, "state": state, "before": before, "limit": limit}
        return [_letter(row) for row in await self._all(_LIST, query)]

    async def note(self, letter: Letter, before: datetime | None, waits: Sequence[Claim] = ()) -> None:
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(_NOTE, msgspec.structs.asdict(letter) | {"before": before})
                if letter.sealed is None:
                    await connection.execute("DELETE FROM gateway_waits WHERE letter = %s", (letter.id,))
                elif waits:
                    await connection.execute(_WAIT, _waiting(letter, waits))

    async def claim_due(self, now: datetime, until: datetime, limit: int) -> list[Letter]:
        found = await self._all(_CLAIM_DUE, {"now": now, "until": until, "limit": limit})
        return [_letter(row) for row in found]

    async def prune(self, now: datetime, recorded_before: datetime) -> int:
        with database_errors():
            async with self._pool.connection() as connection, connection.transaction():
                forgotten = await connection.execute(_FORGET, {"now": now, "keep_days": KEEP_DAYS})
                gone = await connection.execute(
                    "DELETE FROM gateway_inbox WHERE state = 'recorded' AND ended_at < %s", (recorded_before,)
                )
                await connection.execute(_WAITS_NO_MORE)
                return int(forgotten.rowcount + gone.rowcount)

    # --- what waits -------------------------------------------------------------------------------

    async def any_waits(self) -> bool:
        ((found,),) = await self._all(_ANY_WAITS, ())
        return bool(found)

    async def wake(self, transaction: Transaction, claims: Sequence[tuple[str, str, str]], now: datetime) -> None:
        programs, kinds, keys = zip(*claims, strict=True)
        await transaction.connection.execute(
            _WAKE, {"now": now, "programs": list(programs), "kinds": list(kinds), "keys": list(keys)}
        )

    async def _all(self, query: str, params: Any) -> list[Any]:
        with database_errors():
            async with self._pool.connection() as connection:
                done = await connection.execute(query, params)
                found: list[Any] = await done.fetchall() if done.description is not None else []
                return found


def _letter(row: Sequence[Any]) -> Letter:
    return Letter(**dict(zip(Letter.__struct_fields__, row, strict=True)))


def _waiting(letter: Letter, waits: Sequence[Claim]) -> dict[str, Any]:
    return {
        "program": letter.program,
        "letter": letter.id,
        "kinds": [one.kind for one in waits],
        "keys": [one.key for one in waits],
    }
