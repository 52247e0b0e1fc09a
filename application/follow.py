"""Followers: whoever reads the log entry by entry and keeps something in step with it.

One runner serves them all. It reads the log in batches from where the follower stands, and moves the follower's
position by compare-and-set in the transaction that writes what the follower makes of the batch: so every entry
counts exactly once, whoever else runs the same follower, and wherever a process dies.

An entry that cannot be taken is parked, together with all later entries of its stream, and everything else goes on.
`retry_parked` takes them again, in order.

Read on in this order: what a board is (Table, Projection, Boards), the ports, the Runner, the Projector.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from time import perf_counter
from typing import Any, Protocol
from uuid import UUID

import msgspec
import structlog
from msgspec.structs import astuple

from application.collector import uncollected
from application.ports import Unavailable
from application.spans import span
from domain.log import Entry, Row, decode

log = structlog.get_logger(__name__)

BATCH = 5_000
POLL = 0.2
"""Seconds after which the log is looked at even though nothing was notified."""
PATIENCE = 1.0
"""Seconds to wait before trying again what was not possible."""
RESTS = 4
"""How many times as long as it worked a follower rests: most of what a batch costs is the same for few entries and for
many, and it is taken from those who write."""
LONGEST_REST = 0.5
"""Seconds. Who waits for a position (`?at_least=`) waits for this as well."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An entry, and where it stands."""

    position: int
    program: str
    kind: str
    stream: UUID
    entry: Entry

    @property
    def version(self) -> int:
        return self.entry.version

    @property
    def recorded_at(self) -> datetime:
        return self.entry.recorded_at


def placed(row: Row) -> Placed:
    """Raises msgspec.ValidationError for stored bytes that this code does not know."""
    return Placed(row.position, row.program, row.kind, row.stream, decode(row.state))


# --- what a board is ---------------------------------------------------------------------------

Key = tuple[object, ...]


class Rows(dict[Key, Any]):
    """Rows of one table by key: those that `reads` named and that exist, and those written meanwhile.

    Rows that no later entry looks at are not kept by key: they are just added.
    """

    def __init__(self, known: Mapping[Key, Any]) -> None:
        super().__init__(known)
        self.known = known
        self.added: list[Any] = []
        self.add = self.added.append

    def new(self) -> list[Any]:
        return self.added + [row for key, row in self.items() if key not in self.known]

    def changed(self) -> list[Any]:
        return [self[key] for key, row in self.known.items() if self[key] is not row]

    def replaced(self) -> list[Any]:
        """What those that changed were before."""
        return [row for key, row in self.known.items() if self[key] is not row]


class Table(msgspec.Struct, frozen=True):
    """A table, declared by the struct of its rows: each field is a column, and its annotation the comment.

    `replaced` says that an entry gives the whole row, so that what stood there need not be known.
    """

    name: str
    comment: str
    row: type[msgspec.Struct]
    key: tuple[str, ...]
    indexes: tuple[str, ...] = ()
    replaced: bool = False


class View(msgspec.Struct, frozen=True):
    """A question that the tables answer when it is asked. `query` reads tables of its own schema as {schema}.name."""

    name: str
    comment: str
    columns: Mapping[str, str]
    query: str


def _no_keys(_: Placed) -> tuple[Key, ...]:
    return ()


class Projection(msgspec.Struct, frozen=True):
    """A question: its table, and the fold that answers it.

    `apply` writes one entry of a stream of `kind` into the rows; it sees the entries of a stream in order, those
    of different streams in any. `reads` names the rows it has to see for that.
    `sum`, of rows that entries of many streams count in, makes one of two that were made apart.
    `version` is raised when the meaning of `apply` or the table changes: all rows are then made again.
    """

    table: Table
    version: int
    apply: Callable[[Rows, Placed], None]
    reads: Callable[[Placed], Iterable[Key]] = _no_keys
    sum: Callable[[Any, Any], Any] | None = None
    kind: str = "member"


class Tally(msgspec.Struct, frozen=True):
    """How many rows of another table (`of`) there are under each key: a table of its own, whose last column is that.

    `keys` names what a row counts under, as long as it is as it is. What nothing counts under has no row.
    """

    table: Table
    version: int
    of: str
    keys: Callable[[Any], Iterable[Key]]

    def moved(self, rows: Rows) -> dict[Key, int]:
        """By how much each count changes."""
        found: dict[Key, int] = {}
        for row in rows.new():
            for key in self.keys(row):
                found[key] = found.get(key, 0) + 1
        for row in rows.changed():
            for key in self.keys(row):
                found[key] = found.get(key, 0) + 1
        for row in rows.replaced():
            for key in self.keys(row):
                found[key] = found.get(key, 0) - 1
        return {key: by for key, by in found.items() if by}


class Boards(msgspec.Struct, frozen=True):
    """All tables and views of a schema, kept by one follower of its name.

    The version is the sum of its projections' and tallies', so that of two versions of the code the newer is known.
    """

    name: str
    projections: tuple[Projection, ...]
    tallies: tuple[Tally, ...] = ()
    views: tuple[View, ...] = ()

    @property
    def version(self) -> int:
        return sum(one.version for one in self._every)

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(one.table for one in self._every)

    @property
    def _every(self) -> tuple[Projection | Tally, ...]:
        return (*self.projections, *self.tallies)


# --- the ports ---------------------------------------------------------------------------------


class Standing(msgspec.Struct, frozen=True):
    """How far a follower has read, and which version of it."""

    position: int
    version: int


class Overtaken(Exception):
    """Another process moved the follower's position meanwhile: nothing of the batch was written."""


class OtherVersion(Exception):
    """What the follower keeps was written by another version of it, or is not there at all (None)."""

    def __init__(self, follower: str, stored: int | None) -> None:
        super().__init__(f"{follower} is at version {stored}")
        self.stored = stored


class Transaction(Protocol):
    """What a follower writes, and its position: both or neither."""

    @property
    def connection(self) -> Any:
        """The database's own handle, for followers that know the database."""

    async def parked(self) -> frozenset[UUID]:
        """Streams that have parked entries."""

    async def park(self, rows: Sequence[Row], error: str) -> None: ...

    async def unpark(self, position: int) -> None:
        """Raises Overtaken when the entry is not parked any more."""


class Turn(Protocol):
    """Being the one process that runs a follower."""

    async def wait(self, seconds: float) -> None:
        """Until something was written to the log since the last call, or the time is over."""


class Positions(Protocol):
    """Where followers stand. Everything raises Unavailable when the database is the reason."""

    async def register(self, follower: str, version: int) -> None:
        """Let a follower begin at the log's beginning, unless it is known already."""

    async def standing(self, follower: str) -> Standing | None: ...

    async def head(self) -> int:
        """The last position in the log; 0 when it is empty."""

    async def parked(
        self, follower: str, stream: UUID | None = None, *, program: str | None = None
    ) -> list[tuple[UUID, int]]:
        """(stream, position) of parked entries, in one program or in all, in order of position."""

    def leading(self, follower: str) -> AbstractAsyncContextManager[Turn]:
        """Wait until no other process runs the follower, and keep others from it."""

    def advance(
        self, follower: str, version: int, previous: int, position: int
    ) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that moves the follower from `previous` to `position`. Raises Overtaken.

        Nobody else can write as this follower until the transaction ends. Errors that are not the data's fault
        are raised as Unavailable.
        """


class Log(Protocol):
    """The part of the event store that is read here."""

    async def log(self, program: str | None, *, after: int = 0, limit: int = 100) -> list[Row]: ...


class Tables(Protocol):
    """Rows in tables, inside a follower's transaction."""

    async def load(
        self, transaction: Transaction, schema: str, table: Table, keys: Collection[Key]
    ) -> dict[Key, Any]: ...

    async def add(self, transaction: Transaction, schema: str, table: Table, rows: Sequence[Any]) -> None:
        """Rows under keys that were not there."""

    async def replace(self, transaction: Transaction, schema: str, table: Table, rows: Sequence[Any]) -> None:
        """Rows in place of those under the same keys, if any."""

    async def remove(self, transaction: Transaction, schema: str, table: Table, keys: Collection[Key]) -> None: ...


class Follower(Protocol):
    """What the runner runs. `take` either takes the whole batch or raises; its effects outside the transaction
    may happen again.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None: ...


# --- the runner --------------------------------------------------------------------------------


class Runner:
    """Runs one follower. Any number of processes may run the same one; one at a time leads."""

    def __init__(self, follower: Follower, store: Log, positions: Positions, batch: int = BATCH) -> None:
        self.follower = follower
        self._store = store
        self._positions = positions
        self._batch = batch
        self._position: int | None = None

    async def run(self) -> None:
        """Follow the log until cancelled. Raises OtherVersion."""
        await lead(self.follower.name, self._positions, self.step, self._forget, self._batch)

    def _forget(self) -> None:
        self._position = None

    async def catch_up(self) -> int:
        """Take all that is in the log now; how many entries that were."""
        taken = 0
        while step := await self.step():
            taken += step
        return taken

    async def step(self) -> int:
        """Take one batch; how many entries it had, 0 at the end of the log."""
        if self._position is None:
            self._position = await self._stand()
        rows = await self._store.log(None, after=self._position, limit=self._batch)
        if rows:
            with span("follow batch", follower=self.follower.name, entries=len(rows)):
                await to_the_end(self._take(rows))
        return len(rows)

    @property
    def position(self) -> int:
        return self._position or 0

    async def _stand(self) -> int:
        return (await _standing(self.follower, self._positions)).position

    async def _take(self, rows: Sequence[Row]) -> None:
        """Take a batch; halve it around an entry that cannot be taken, until that one is alone."""
        try:
            await self._commit(rows)
        except (Overtaken, Unavailable):
            # The position in memory may be wrong now: a commit that lost its answer may have moved it.
            self._position = None
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the fault of one of these entries
            if len(rows) > 1:
                half = len(rows) // 2
                await self._take(rows[:half])
                await self._take(rows[half:])
            else:
                # Not its message, which may quote the entry: that stands in the table, beside the log.
                failed = type(error).__name__
                log.warning("entry parked", follower=self.follower.name, position=rows[0].position, error=failed)
                await self._commit(rows, _text(error))

    async def _commit(self, rows: Sequence[Row], error: str | None = None) -> None:
        assert self._position is not None
        last = rows[-1].position
        async with self._positions.advance(
            self.follower.name, self.follower.version, self._position, last
        ) as transaction:
            if error is not None:
                await transaction.park(rows, error)
            else:
                parked = await transaction.parked()
                behind = [row for row in rows if row.stream in parked] if parked else []
                if behind:
                    await transaction.park(behind, "waits behind an earlier entry of its stream")
                    rows = [row for row in rows if row.stream not in parked]
                if rows:
                    with uncollected():
                        await self.follower.take([placed(row) for row in rows], transaction)
        self._position = last


async def lead(
    follower: str, positions: Positions, step: Callable[[], Awaitable[int]], begin: Callable[[], None], batch: int
) -> None:
    """Take steps of up to `batch` entries until cancelled, in the one process that leads.

    `begin` comes before the first one, and whenever another process may have taken some. Unless it is behind by a whole
    batch, it rests in between.
    """
    while True:
        try:
            async with positions.leading(follower) as turn:
                begin()
                while True:
                    began = perf_counter()
                    taken = await step()
                    if taken < batch:
                        await asyncio.sleep(rest_after(perf_counter() - began))
                    if not taken:
                        await turn.wait(POLL)
        except Overtaken:
            log.info("overtaken", follower=follower)
        except Unavailable as error:
            log.warning("follower waits", follower=follower, reason=str(error))
            await asyncio.sleep(PATIENCE)


def rest_after(seconds: float) -> float:
    """How long a follower rests that has worked so long."""
    return min(RESTS * seconds, LONGEST_REST)


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do the work; when cancelled meanwhile, end it first. So a process that stops has done whole batches."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def retry_parked(
    follower: Follower, store: Log, positions: Positions, program: str | None = None
) -> tuple[int, int]:
    """Take parked entries again, in order, of one program or of all; how many were taken, and how many stay parked.

    May run beside the runner. A stream goes on being parked until its last parked entry was taken.
    """
    taken = 0
    for stream in dict.fromkeys(stream for stream, _ in await positions.parked(follower.name, program=program)):
        while waiting := await positions.parked(follower.name, stream):
            position = waiting[0][1]
            try:
                await _retry(follower, store, positions, position)
            except Overtaken:
                continue  # the runner was quicker; it has moved, nothing is lost
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - as in the runner
                log.warning("entry stays parked", follower=follower.name, position=position, error=type(error).__name__)
                break
            taken += 1
    return taken, len(await positions.parked(follower.name, program=program))


async def _retry(follower: Follower, store: Log, positions: Positions, position: int) -> None:
    standing = await _standing(follower, positions)
    (row,) = await store.log(None, after=position - 1, limit=1)
    # Moving to where it stands is how the runner is kept out for the moment.
    async with positions.advance(follower.name, standing.version, standing.position, standing.position) as transaction:
        await transaction.unpark(position)
        await follower.take([placed(row)], transaction)


async def _standing(follower: Follower, positions: Positions) -> Standing:
    standing = await positions.standing(follower.name)
    if standing is None or standing.version != follower.version:
        raise OtherVersion(follower.name, standing.version if standing else None)
    return standing


async def wait_for(
    positions: Positions, followers: Iterable[str], position: int, seconds: float, every: float = 0.01
) -> bool:
    """Whether all the followers have read up to `position`, or do within `seconds`."""
    behind = list(followers)
    try:
        async with asyncio.timeout(seconds):
            while True:
                standings = [await positions.standing(follower) for follower in behind]
                if all(standing is not None and standing.position >= position for standing in standings):
                    return True
                await asyncio.sleep(every)
    except TimeoutError:
        return False


def _text(error: Exception) -> str:
    """What the table says of an error: its first line. A database adds the whole row on further ones."""
    return f"{type(error).__name__}: {error}".partition("\n")[0][:2_000]


# --- the follower that paints the boards -------------------------------------------------------


class Projector:
    """The follower that keeps the tables of `boards` in `schema`: load what is there, fold, write."""

    def __init__(self, boards: Boards, tables: Tables, schema: str | None = None) -> None:
        self._boards = boards
        self._tables = tables
        self.schema = schema or boards.name

    @property
    def name(self) -> str:
        return self.schema

    @property
    def version(self) -> int:
        return self._boards.version

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None:
        # Neighbours in the tables' keys are written together: their index pages are touched once, not at random.
        batch = sorted(batch, key=lambda one: one.stream.int)
        for projection in self._boards.projections:
            table, apply, reads = projection.table, projection.apply, projection.reads
            ours = [one for one in batch if one.kind == projection.kind]
            keys = {key for one in ours for key in reads(one)}
            known = await self._tables.load(transaction, self.schema, table, keys) if keys else {}
            rows = Rows(known)
            for one in ours:
                apply(rows, one)
            added, changed = rows.new(), rows.changed()
            if table.replaced:
                added, changed = [], added
            if added:
                await self._tables.add(transaction, self.schema, table, added)
            if changed:
                await self._tables.replace(transaction, self.schema, table, changed)
            for tally in self._boards.tallies:
                if tally.of == table.name and (moved := tally.moved(rows)):
                    await self._count(transaction, tally.table, moved)

    async def _count(self, transaction: Transaction, table: Table, moved: Mapping[Key, int]) -> None:
        known = await self._tables.load(transaction, self.schema, table, moved)
        counts = {key: by + (astuple(known[key])[-1] if key in known else 0) for key, by in moved.items()}
        if left := [table.row(*key, count) for key, count in counts.items() if count]:
            await self._tables.replace(transaction, self.schema, table, left)
        if gone := [key for key, count in counts.items() if not count]:
            await self._tables.remove(transaction, self.schema, table, gone)
