"""What the application needs from outside, as protocols."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.log import Entry, Row
from domain.takes import Key


class StateRow(msgspec.Struct, frozen=True):
    """A stream's head and the cached state that goes with it."""

    stream: UUID
    program: str
    kind: str
    version: int
    position: int
    recorded_at: datetime
    digest: bytes
    shape: int
    due_at: datetime | None
    hot: bytes


class Found(msgspec.Struct, frozen=True):
    """A member's state row with what every decision needs beside it, read in one look.

    `timeline` is the number of published rulebooks, `clock` what a sandbox's clock was set to, `key` the member's own
    key as stored (None once it was destroyed).
    """

    row: StateRow
    timeline: int
    clock: datetime | None
    key: bytes | None


class NewState(msgspec.Struct, frozen=True):
    """The state row (and cold rows by month) to write with a save; the store knows version and position."""

    shape: int
    due_at: datetime | None
    hot: bytes
    cold: dict[int, bytes] = {}


class NewRow(msgspec.Struct, frozen=True):
    """One entry to append: encoded, digested, with the state it leads to (None where a row after it says that)."""

    entry: Entry
    stream: UUID
    program: str
    kind: str
    topic: str
    state: bytes
    digest: bytes
    member_state: NewState | None = None


class NewProgram(msgspec.Struct, frozen=True):
    id: str
    stream: UUID
    sandbox: bool
    key: bytes


class Save(msgspec.Struct, frozen=True, kw_only=True):
    """All that one accepted command writes, in one transaction or not at all (law 6).

    The head of a stream must be exactly one version below its first row; further rows of it follow without gaps.
    `timeline` is the number of published rulebooks it was decided under; `publishes` raises that number.
    `stands_on` are other streams that it was decided from, with the version that their head still has to be.
    """

    program: str
    rows: tuple[NewRow, ...]
    timeline: int | None = None
    publishes: int | None = None
    member_key: tuple[UUID, bytes] | None = None
    destroys_key: UUID | None = None
    new_program: NewProgram | None = None
    stands_on: tuple[tuple[UUID, int], ...] = ()


class ClaimRow(msgspec.Struct, frozen=True):
    """A key that was claimed, and the entry that claimed it."""

    stream: UUID
    version: int
    position: int
    hash: str


class SaveRefused(Exception):
    """A save did not pass one of its checks: decide again."""


class HeadMoved(SaveRefused):
    """Another save came first on a stream."""


class TimelineMoved(SaveRefused):
    """Another rulebook was published meanwhile."""


class SourceMoved(SaveRefused):
    """Another stream that a save stands on has changed: who asked must look at it again. `streams` are those."""

    def __init__(self, *streams: UUID) -> None:
        super().__init__(", ".join(str(stream) for stream in streams))
        self.streams = frozenset(streams)


class ClaimTaken(SaveRefused):
    """A key is not new. `all` are the taken keys of the save, this one among them."""

    def __init__(self, kind: str, key: str, others: Collection[tuple[str, str]] = ()) -> None:
        super().__init__(f"{kind} {key}")
        self.kind = kind
        self.key = key
        self.all = frozenset({(kind, key), *others})


class TakeRefused(SaveRefused):
    """A quantity would pass its ceiling."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"{kind} {key}")
        self.kind = kind
        self.key = key


class Unavailable(Exception):
    """The store cannot be reached now; nothing is known to have been written."""


class Watch(Protocol):
    """Who counts what happens, for operators. Nothing depends on it, and no member is named to it."""

    def saved(self, seconds: float) -> None:
        """A save was answered, so long after it was handed over."""

    def wrote(self, saves: int, seconds: float) -> None:
        """So many saves were tried in one transaction."""

    def conflicted(self, check: str) -> None:
        """A save did not pass: head, source or timeline (it is decided again), take or claim."""

    def looked_up(self, cache: str, *, hit: bool) -> None:
        """A cache had what was asked for, or it had to be made from the log."""


class Unwatched:
    """The `Watch` that counts nothing."""

    def saved(self, seconds: float) -> None: ...
    def wrote(self, saves: int, seconds: float) -> None: ...
    def conflicted(self, check: str) -> None: ...
    def looked_up(self, cache: str, *, hit: bool) -> None: ...


class EventStore(Protocol):
    """The log, with the rows that are written in the same transaction."""

    async def append(self, save: Save) -> tuple[int, ...]:
        """Write a save; the position of each of its rows. Raises SaveRefused or Unavailable."""

    async def member(self, program: str, member: str) -> Found | None:
        """The member a client's id points to. Looks that are under way together are one query."""

    async def stream(self, program: str, stream: UUID) -> Found | None:
        """The member of a stream, if it belongs to the program."""

    async def timeline(self, program: str) -> int | None:
        """How many rulebooks are published; None when there is no such program."""

    async def cold(self, stream: UUID) -> dict[int, bytes]:
        """The cold rows of a stream by month."""

    async def rows(
        self, stream: UUID, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> list[Row]:
        """The stored rows of a stream in order of version."""

    async def log(self, program: str | None, *, after: int = 0, limit: int = 100) -> list[Row]:
        """Rows of a program (or of all) in order of position."""

    async def claim(self, program: str, kind: str, key: str) -> ClaimRow | None:
        """Who holds a key."""

    async def taken(self, program: str, keys: Collection[Key]) -> dict[Key, int]:
        """How much of each shared quantity, by (kind, key), is taken now; 0 of what nobody took of yet."""

    async def promised(self, program: str, kind: str, kept: str) -> list[tuple[UUID, int]]:
        """Entries that claim a key as `kind` which nobody claims as `kept`, in the order of the log."""

    async def members(self, program: str, after: UUID | None, limit: int) -> Sequence[UUID]:
        """The member streams of a program in order of their ids."""

    async def rewards(self, program: str) -> Sequence[UUID]:
        """The reward streams of a program."""

    async def edits_swept(self, program: str, upto: int | None = None) -> int:
        """The last version whose edits were swept; `upto` notes that this one was, too."""

    async def due(self, program: str, now: datetime, limit: int) -> Sequence[UUID]:
        """Member streams for which time has something to write down."""


class Keys(Protocol):
    """Keys outside the log: one per member, one per program."""

    async def member_key(self, stream: UUID) -> bytes | None:
        """The member's own key; None once it was destroyed."""

    async def program_key(self, program: str) -> bytes: ...


class Crypto(Protocol):
    """What `infrastructure/vault.py` does."""

    def new_key(self) -> bytes: ...
    def unwrap(self, wrapped: bytes) -> bytes: ...
    def seal(self, key: bytes, plain: bytes, context: bytes) -> bytes: ...
    def open(self, key: bytes, sealed: bytes, context: bytes) -> bytes: ...
    def fingerprint(self, key: bytes, *parts: str | bytes) -> str: ...


class Clock(Protocol):
    """The program's clock: the wall clock, or what a sandbox was set to."""

    async def now(self, program: str) -> datetime: ...


class Zones(Protocol):
    def offset(self, zone: str, epoch_seconds: int) -> int: ...
    def known(self, zone: str) -> bool: ...
