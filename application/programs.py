"""Programs and their rulebooks as one process knows them, read from the log and refreshed when it moves.

Rulebooks come from the bytes in the log, never from a side table: what rules is what was published.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5
from weakref import WeakValueDictionary

import msgspec

from application.ports import Crypto, EventStore, Keys, NewRow, NewState, Unwatched, Watch
from domain.calendar import MICROSECOND
from domain.errors import UnknownProgram, UnknownRulebook
from domain.log import ENGINE, TOPIC, Claim, Entry, Event, Pins, Row, decode, encode, row_digest, stream_name
from domain.program.commands import ProgramCommand
from domain.program.events import BreakageEstimated, ProgramCreated, RulebookPublished
from domain.program.state import Program, evolve
from domain.rules.compiled import CompiledRulebook
from domain.rules.rulebook import read
from domain.rules.timeline import Published, Timeline


def program_stream(program: str) -> UUID:
    """The stream of a program follows from its id, which is never used twice."""
    return uuid5(NAMESPACE_URL, f"guerdon:program:{program}")


class KnownProgram(msgspec.Struct):
    """A program folded from its stream, with its rulebooks ready to run (compiled when first asked for)."""

    program: Program
    version: int
    digest: bytes
    recorded_at: datetime | None
    documents: dict[int, RulebookPublished]
    compiled: dict[int, CompiledRulebook]
    key: bytes

    def load(self, number: int) -> CompiledRulebook:
        """A published version. Raises UnknownRulebook."""
        found = self.compiled.get(number)
        if found is None:
            published = self.documents.get(number)
            if published is None:
                raise UnknownRulebook(f"rulebook {number} was never published")
            found = self.compiled[number] = CompiledRulebook(
                number, published.digest, read(published.document), published.trees
            )
        return found

    def timeline(self, upto: Callable[[Published], bool] | None = None) -> Timeline:
        """The versions to decide under; `upto` leaves out those not yet known at some moment."""
        published = self.program.published
        if upto is not None:
            published = tuple(version for version in published if upto(version))
        return Timeline(published, self.load)

    @property
    def newest(self) -> CompiledRulebook | None:
        return self.load(len(self.program.published)) if self.program.published else None


class Programs:
    """A cache of programs that reads on from where it stood."""

    def __init__(self, store: EventStore, keys: Keys, crypto: Crypto, watch: Watch | None = None) -> None:
        self._store = store
        self._keys = keys
        self._crypto = crypto
        self._watch = watch or Unwatched()
        self._known: dict[str, KnownProgram] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(self, program: str, timeline: int | None = None) -> KnownProgram:
        """The program, at least as new as `timeline` published versions (None: as new as the log).

        Raises UnknownProgram.
        """
        known = self._there(program, timeline)
        self._watch.looked_up("program", hit=known is not None)
        if known is not None:
            return known
        turn = self._turns.setdefault(program, asyncio.Lock())
        async with turn:
            # Of many who find nothing one reads: its programs are what the others asked for, too.
            return self._there(program, timeline) or await self.refresh(program)

    def _there(self, program: str, timeline: int | None) -> KnownProgram | None:
        known = self._known.get(program)
        if known is None or timeline is None or len(known.program.published) < timeline:
            return None
        return known

    async def refresh(self, program: str) -> KnownProgram:
        known = self._known.get(program)
        rows = await self._store.rows(program_stream(program), after=known.version if known else 0)
        if known is None:
            if not rows:
                raise UnknownProgram(f"there is no program {program!r}")
            known = KnownProgram(Program(), 0, b"", None, {}, {}, await self._keys.program_key(program))
        if rows:
            known = fold_program(known, rows)
            self._known[program] = known
        return known

    async def newest_at(self, program: str, timeline: int) -> CompiledRulebook | None:
        """The newest rulebook there was when `timeline` versions were published."""
        return (await self.get(program, timeline)).load(timeline) if timeline else None


def fold_program(known: KnownProgram, rows: list[Row]) -> KnownProgram:
    """The program after these rows of its stream. A new value: readers of the old one keep a whole one."""
    program, documents = known.program, dict(known.documents)
    for row in rows:
        entry: Entry = decode(row.state)
        for event in entry.events:
            if isinstance(event, ProgramCreated | RulebookPublished | BreakageEstimated):
                program = evolve(program, event, entry.recorded_at)
            if isinstance(event, RulebookPublished):
                documents[event.number] = event
    last = rows[-1]
    return KnownProgram(
        program, last.version, last.digest, last.recorded_at, documents, dict(known.compiled), known.key
    )


def next_instant(known: KnownProgram, clock: datetime) -> datetime:
    """When the next entry of a program's stream is recorded: its times strictly increase."""
    return clock if known.recorded_at is None else max(clock, known.recorded_at + MICROSECOND)


def next_row(
    program: str,
    known: KnownProgram,
    command: ProgramCommand,
    events: tuple[Event, ...],
    actor: str,
    now: datetime,
    save: UUID,
    claims: tuple[Claim, ...] = (),
    rulebook: int = 0,
) -> NewRow:
    """The next entry of a program's stream. The stream has no state row of its own: it is folded from the log."""
    stream = program_stream(program)
    entry = Entry(
        stream=stream_name(program, "program", stream),
        version=known.version + 1,
        save=save.hex,
        recorded_at=now,
        at=now,
        actor=actor,
        input=command,
        pins=Pins(
            engine=ENGINE,
            timeline=len(known.program.published),
            rulebook=rulebook,
            rulebooks={rulebook: known.documents[rulebook].digest} if rulebook else {},
        ),
        events=events,
        claims=claims,
    )
    state = encode(entry)
    digest = row_digest(
        known.digest,
        program=program,
        kind="program",
        stream=stream,
        version=entry.version,
        recorded_at=now,
        topic=TOPIC,
        state=state,
    )
    return NewRow(
        entry=entry, stream=stream, program=program, kind="program", topic=TOPIC, state=state, digest=digest,
        member_state=NewState(0, None, b""),
    )  # fmt: skip
