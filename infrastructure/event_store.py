"""The log in PostgreSQL: group commit over the table of the `eventsourcing` recorder.

Concurrent saves wait in a queue; one writer takes them all and, in one transaction, takes the log's lock
once, checks every save, inserts the rows of those that pass and tells each waiter. The lock makes position
order equal commit order, so readers that tail the log skip nothing. A save that fails a check fails alone.
The table keeps the library's layout (extra columns are ours), so its own readers can follow it.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from application.access import acts_of, administers, seen
from application.ports import (
    ClaimRow,
    ClaimTaken,
    Found,
    HeadMoved,
    Save,
    SaveRefused,
    SourceMoved,
    StateRow,
    TakeRefused,
    TimelineMoved,
    Unavailable,
    Unwatched,
    Watch,
)
from application.spans import span
from domain.log import Row
from domain.takes import Key
from infrastructure import appending, arrays, traces
from infrastructure.access import note
from infrastructure.database import told
from infrastructure.gathered import Gathered

log = structlog.get_logger()

_LOCK = "LOCK TABLE stored_events IN EXCLUSIVE MODE"
_NOTIFY = "NOTIFY stored_events"

_FOUND = """k.key, s.stream, s.program, s.kind, s.version, s.position, s.recorded_at, s.digest, s.shape, s.due_at,
    s.hot, p.timeline, CASE WHEN p.sandbox THEN p.clock END"""
_BY_ID = f"""
SELECT c.key, {_FOUND} FROM unnest(%s::text[], %s::text[]) AS w(program, member)
JOIN claims c ON c.program = w.program AND c.kind = 'member' AND c.key = w.member
JOIN state_rows s ON s.stream = c.stream JOIN programs p ON p.id = s.program
LEFT JOIN member_keys k ON k.stream = s.stream"""
_BY_STREAM = f"""
SELECT NULL, {_FOUND} FROM unnest(%s::text[], %s::uuid[]) AS w(program, stream)
JOIN state_rows s ON s.stream = w.stream AND s.program = w.program AND s.kind = 'member'
JOIN programs p ON p.id = s.program LEFT JOIN member_keys k ON k.stream = s.stream"""

_ROW = """originator_id AS stream, originator_version AS version, topic, state, notification_id AS position,
          program, kind, recorded_at, digest, seal"""

MAX_BATCH = 256
READERS = 2
"""Look-ups of members under way at once: while one waits for PostgreSQL, the next gathers who asks."""


class _Waiting:
    """A save in the queue, and the future of whoever waits for it."""

    __slots__ = ("future", "save")

    def __init__(self, save: Save, future: "asyncio.Future[tuple[int, ...]]") -> None:
        self.save = save
        self.future = future

    @property
    def alone(self) -> bool:
        """Saves that touch more than the common tables go in a batch of their own."""
        save = self.save
        return (
            save.new_program is not None
            or save.publishes is not None
            or save.destroys_key is not None
            or administers(save)
        )

    def keys(self) -> set[object]:
        """What no other save in the same batch may touch: the batch is checked as one statement."""
        found: set[object] = {row.stream for row in self.save.rows}
        for row in self.save.rows:
            found.update((row.program, claim.kind, claim.key) for claim in row.entry.claims)
            found.update((row.program, claim.kind, claim.key) for claim in row.entry.releases)
        return found


class PostgresEventStore:
    """The `EventStore` port. Open one per process; it owns one writing connection and a pool for reads."""

    def __init__(self, dsn: str, pool: AsyncConnectionPool[Any], watch: Watch | None = None) -> None:
        self._dsn = dsn
        self._pool = pool
        self._watch = watch or Unwatched()
        self._queue: list[_Waiting] = []
        self._under_way: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._taken = Gathered(self._read_taken)
        self._asked: dict[tuple[str, str | UUID], asyncio.Future[Found | None]] = {}
        self._read = asyncio.Event()
        self._readers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._writer = asyncio.create_task(self._write_forever())
        self._readers = [asyncio.create_task(self._read_forever()) for _ in range(READERS)]

    async def stop(self) -> None:
        """Let the queue drain and the last batch be answered, then stop the writer."""
        while self._queue or self._under_way:  # noqa: ASYNC110 - once, at the end of a process
            await asyncio.sleep(0.005)
        if self._writer is not None:
            self._writer.cancel()
            for reader in self._readers:
                reader.cancel()
            await asyncio.gather(self._writer, *self._readers, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()

    # --- writing -------------------------------------------------------------------------------

    async def append(self, save: Save) -> tuple[int, ...]:
        waiting = _Waiting(save, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._wake.set()
        began = perf_counter()
        try:
            return await waiting.future
        finally:
            self._watch.saved(perf_counter() - began)

    async def _write_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                batch = self._under_way = self._next_batch()
                try:
                    with span("write batch", saves=len(batch)):
                        await self._write(batch)
                except asyncio.CancelledError:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it was, every waiter gets an answer
                    await self._after_failure(batch, error)
                self._under_way = []

    def _next_batch(self) -> list[_Waiting]:
        """The longest run of waiting saves that do not touch each other's keys."""
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        seen: set[object] = set()
        sources: set[object] = set()
        for waiting in self._queue:
            keys, stands_on = waiting.keys(), {stream for stream, _ in waiting.save.stands_on}
            # Saves may stand on the same stream, but none beside one that moves it.
            meets = not keys.isdisjoint(seen) or not keys.isdisjoint(sources) or not stands_on.isdisjoint(seen)
            seen |= keys
            sources |= stands_on
            if len(batch) >= MAX_BATCH or meets or (waiting.alone and batch):
                # Nothing that shares a key with a save put off may overtake it.
                later.append(waiting)
                continue
            batch.append(waiting)
            if waiting.alone:
                later += self._queue[len(batch) + len(later) :]
                break
        self._queue = later
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        connection = await self._writing_connection()
        began = perf_counter()
        cursor = self._cursor(connection)
        async with connection.pipeline():
            await connection.execute("BEGIN", prepare=True)
            await connection.execute(_LOCK, prepare=True)
            await connection.execute(_NOTIFY, prepare=True)
            columns = appending.columns_of([one.save for one in batch])
            await cursor.execute(appending.APPEND, columns, prepare=True, binary=True)
            if not batch[0].alone:
                await connection.execute("COMMIT", prepare=True)
        rows = await cursor.fetchall()
        if batch[0].alone:
            if any(row[2] is None for row in rows):
                await self._besides(connection, batch[0].save)
            await connection.execute("COMMIT")
        self._watch.wrote(len(batch), perf_counter() - began)
        positions: dict[int, list[int]] = {}
        refused: dict[int, SaveRefused] = {}
        for save, position, reason, kind, key in rows:
            if reason is None:
                positions.setdefault(save, []).append(position)
            else:
                refused[save] = _worse(refused.get(save), _refusal(reason, kind, key))
        for number, waiting in enumerate(batch):
            if waiting.future.done():
                continue
            if number in refused:
                self._watch.conflicted(_CHECKS[type(refused[number])])
                waiting.future.set_exception(refused[number])
            else:
                waiting.future.set_result(tuple(positions[number]))

    def _cursor(self, connection: psycopg.AsyncConnection[Any]) -> psycopg.AsyncRawCursor[Any]:
        return psycopg.AsyncRawCursor(connection)

    async def _besides(self, connection: psycopg.AsyncConnection[Any], save: Save) -> None:
        if save.new_program is not None:
            new = save.new_program
            await connection.execute(
                "INSERT INTO programs (id, stream, sandbox, key) VALUES (%s, %s, %s, %s)",
                (new.id, new.stream, new.sandbox, new.key),
            )
        if save.publishes is not None:
            await connection.execute("UPDATE programs SET timeline = %s WHERE id = %s", (save.publishes, save.program))
        if save.destroys_key is not None:
            await connection.execute("DELETE FROM member_keys WHERE stream = %s", (save.destroys_key,))
            await traces.forget(connection, save.program, save.rows[-1].entry.releases)
        if acts := acts_of(save):
            await note(connection, acts)

    async def _after_failure(self, batch: list[_Waiting], error: Exception) -> None:
        """The connection broke or PostgreSQL refused: find out what was stored before answering.

        A lost connection may have lost only the answer to COMMIT. The log is asked for the very row.
        """
        log.warning("write failed", error=told(error), saves=len(batch))
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
        if len(batch) > 1 and not _unreachable(error):
            # Some save carries what PostgreSQL refuses: the others must not suffer for it.
            for waiting in batch:
                try:
                    await self._write([waiting])
                except Exception as alone:  # noqa: BLE001
                    await self._after_failure([waiting], alone)
            return
        try:
            stored = await self._stored([one.save for one in batch])
        except Exception:  # noqa: BLE001 - not known to be stored is what we say
            stored = {}
        for number, waiting in enumerate(batch):
            if waiting.future.done():
                continue
            if len(stored.get(number, ())) == len(waiting.save.rows):
                waiting.future.set_result(tuple(stored[number]))
            elif _unreachable(error):
                waiting.future.set_exception(Unavailable("the database cannot be reached"))
            else:
                waiting.future.set_exception(error)

    async def _stored(self, saves: Sequence[Save]) -> dict[int, list[int]]:
        """The positions of the very rows of these saves that are in the log, by the number of the save."""
        rows = [(number, row) for number, save in enumerate(saves) for row in save.rows]
        async with self._pool.connection() as connection:
            found = await connection.execute(
                "SELECT save, notification_id FROM unnest(%s::int[], %s::uuid[], %s::bigint[], %s::bytea[])"
                " AS t(save, stream, version, digest) JOIN stored_events s"
                " ON originator_id = stream AND originator_version = t.version AND s.digest = t.digest"
                " ORDER BY notification_id",
                (
                    [number for number, _ in rows],
                    [row.stream for _, row in rows],
                    [row.entry.version for _, row in rows],
                    [row.digest for _, row in rows],
                ),
            )
            positions: dict[int, list[int]] = {}
            for save, position in await found.fetchall():
                positions.setdefault(save, []).append(position)
        return positions

    async def _writing_connection(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, application_name="guerdon writer"
            )
            await self._connection.execute("SET TIME ZONE 'UTC'")
            arrays.register(self._connection)
            # The plan must not depend on the sizes of the first batches.
            await self._connection.execute("SET plan_cache_mode = force_generic_plan")
            await self._connection.execute("SET jit = off")
        return self._connection

    # --- reading -------------------------------------------------------------------------------

    async def _all(self, query: str, params: Sequence[Any], row: Any = None) -> list[Any]:
        try:
            async with self._pool.connection() as connection:
                cursor = connection.cursor(binary=True, row_factory=class_row(row)) if row else connection.cursor()
                await cursor.execute(query, params)
                found: list[Any] = await cursor.fetchall()
                return found
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise Unavailable("the database cannot be reached") from error

    async def member(self, program: str, member: str) -> Found | None:
        return await self._look((program, member))

    async def stream(self, program: str, stream: UUID) -> Found | None:
        return await self._look((program, stream))

    async def _look(self, name: tuple[str, str | UUID]) -> Found | None:
        """Ask the reader, which answers all who ask meanwhile with one query."""
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = asyncio.get_running_loop().create_future()
            self._read.set()
        found = await asyncio.shield(asked)
        if found is not None:
            seen(found.row.stream)
        return found

    async def _read_forever(self) -> None:
        while True:
            await self._read.wait()
            self._read.clear()
            asked, self._asked = self._asked, {}
            await self._answer(asked)

    async def _answer(self, asked: "dict[tuple[str, str | UUID], asyncio.Future[Found | None]]") -> None:
        try:
            found = await self._found([*asked])
        except Exception as error:  # noqa: BLE001 - those who asked get it
            if len(asked) > 1 and not isinstance(error, Unavailable):
                # One of the names is more than PostgreSQL takes: the others must not suffer for it.
                for name, future in asked.items():
                    await self._answer({name: future})
                return
            for future in asked.values():
                future.set_exception(error)
                # Whoever asked may have gone away: nobody need retrieve it.
                future.exception()
        else:
            for name, future in asked.items():
                future.set_result(found.get(name))

    async def _found(self, names: list[tuple[str, str | UUID]]) -> dict[tuple[str, str | UUID], Found]:
        by_id = [name for name in names if isinstance(name[1], str)]
        by_stream = [name for name in names if not isinstance(name[1], str)]
        rows = []
        if by_id:
            rows += await self._all(_BY_ID, ([p for p, _ in by_id], [m for _, m in by_id]))
        if by_stream:
            rows += await self._all(_BY_STREAM, ([p for p, _ in by_stream], [s for _, s in by_stream]))
        return {(row[3], row[0] or row[2]): Found(StateRow(*row[2:12]), row[12], row[13], row[1]) for row in rows}

    async def timeline(self, program: str) -> int | None:
        found = await self._all("SELECT timeline FROM programs WHERE id = %s", (program,))
        return found[0][0] if found else None

    async def cold(self, stream: UUID) -> dict[int, bytes]:
        return dict(await self._all("SELECT month, body FROM cold_rows WHERE stream = %s", (stream,)))

    async def rows(
        self, stream: UUID, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> list[Row]:
        rows: list[Row] = await self._all(
            f"SELECT {_ROW} FROM stored_events WHERE originator_id = %s AND originator_version > %s"
            " AND originator_version <= %s ORDER BY originator_version LIMIT %s",
            (stream, after, upto if upto is not None else 2**62, limit),
            Row,
        )
        if rows and rows[0].kind == "member":
            seen(stream)
        return rows

    async def log(self, program: str | None, *, after: int = 0, limit: int = 100) -> list[Row]:
        return await self._all(
            f"SELECT {_ROW} FROM stored_events WHERE notification_id > %s AND (%s::text IS NULL OR program = %s)"
            " ORDER BY notification_id LIMIT %s",
            (after, program, program, limit),
            Row,
        )

    async def claim(self, program: str, kind: str, key: str) -> ClaimRow | None:
        found = await self._all(
            "SELECT stream, version, position, hash FROM claims WHERE program = %s AND kind = %s AND key = %s",
            (program, kind, key),
            ClaimRow,
        )
        return found[0] if found else None

    async def taken(self, program: str, keys: Collection[Key]) -> dict[Key, int]:
        found = await self._taken.ask([(program, *key) for key in keys])
        return {(kind, key): used for (_, kind, key), used in found.items()}

    async def _read_taken(self, names: list[tuple[str, str, str]]) -> dict[tuple[str, str, str], int]:
        found = await self._all(
            "SELECT program, kind, key, used FROM takes JOIN unnest(%s::text[], %s::text[], %s::text[])"
            " AS w(program, kind, key) USING (program, kind, key)",
            [list(column) for column in zip(*names, strict=True)],
        )
        return dict.fromkeys(names, 0) | {(program, kind, key): used for program, kind, key, used in found}

    async def promised(self, program: str, kind: str, kept: str) -> list[tuple[UUID, int]]:
        return await self._all(
            "SELECT c.stream, c.version FROM claims c WHERE c.program = %s AND c.kind = %s AND NOT EXISTS ("
            " SELECT FROM claims k WHERE k.program = c.program AND k.kind = %s AND k.key = c.key) ORDER BY c.position",
            (program, kind, kept),
        )

    async def members(self, program: str, after: UUID | None, limit: int) -> Sequence[UUID]:
        found = await self._all(
            "SELECT stream FROM state_rows WHERE program = %s AND kind = 'member' AND stream > %s"
            " ORDER BY stream LIMIT %s",
            (program, after or UUID(int=0), limit),
        )
        return [row[0] for row in found]

    async def rewards(self, program: str) -> Sequence[UUID]:
        found = await self._all(
            "SELECT stream FROM state_rows WHERE program = %s AND kind = 'reward' ORDER BY stream", (program,)
        )
        return [row[0] for row in found]

    async def edits_swept(self, program: str, upto: int | None = None) -> int:
        found = await self._all(
            "UPDATE programs SET edits_swept = greatest(edits_swept, %s) WHERE id = %s RETURNING edits_swept"
            if upto is not None
            else "SELECT edits_swept FROM programs WHERE %s::int IS NULL AND id = %s",
            (upto, program),
        )
        return found[0][0] if found else 0

    async def due(self, program: str, now: datetime, limit: int) -> Sequence[UUID]:
        found = await self._all(
            "SELECT stream FROM state_rows WHERE program = %s AND due_at <= %s ORDER BY due_at, stream LIMIT %s",
            (program, now, limit),
        )
        return [row[0] for row in found]


def _unreachable(error: Exception) -> bool:
    # A limit such as that of an index entry's length counts as operational too, but is the fault of one save.
    limit = isinstance(error, psycopg.OperationalError) and (error.sqlstate or "").startswith("54")
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not limit


def _refusal(reason: str, kind: str, key: str) -> SaveRefused:
    if reason == "claim":
        return ClaimTaken(kind, key)
    if reason == "take":
        return TakeRefused(kind, key)
    if reason == "source":
        return SourceMoved(UUID(key))
    return HeadMoved() if reason == "head" else TimelineMoved()


# A claim that is taken is final; a moved head only asks to look again. Business keys come before transport keys.
_ORDER = (HeadMoved, TimelineMoved, TakeRefused, SourceMoved, ClaimTaken)
_CHECKS = {
    HeadMoved: "head", TimelineMoved: "timeline", TakeRefused: "take", SourceMoved: "source", ClaimTaken: "claim",
}  # fmt: skip


def _worse(one: SaveRefused | None, other: SaveRefused) -> SaveRefused:
    if isinstance(one, ClaimTaken) and isinstance(other, ClaimTaken):
        return ClaimTaken(one.kind, one.key, one.all | other.all)
    if isinstance(one, SourceMoved) and isinstance(other, SourceMoved):
        return SourceMoved(*one.streams, *other.streams)
    if one is None or _ORDER.index(type(other)) > _ORDER.index(type(one)):
        return other
    return one
