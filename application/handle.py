"""The one loop: load, settle, decide, save, and decide again when something moved.

`Handler.handle` takes a `Wish` (a command for one member, and the keys it must not repeat) to a stored entry.
It knows nothing of HTTP. What a request looked like before it became a command is `requests.py`'s.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from application.ports import (
    ClaimTaken,
    Clock,
    Crypto,
    EventStore,
    Found,
    HeadMoved,
    Keys,
    NewRow,
    NewState,
    Save,
    TakeRefused,
    TimelineMoved,
    Unavailable,
    Unwatched,
    Watch,
    Zones,
)
from application.programs import KnownProgram, Programs
from application.spans import span
from domain.calendar import Offsets
from domain.errors import MemberErasedAlready, Refused, UnknownMember
from domain.log import (
    ENGINE,
    NO_DIGEST,
    TOPIC,
    Claim,
    Entry,
    Pins,
    after,
    decode,
    encode,
    fold,
    row_digest,
    stream_name,
)
from domain.member.commands import EraseMember, MemberCommand
from domain.member.counters import ColdHistoryNeeded
from domain.member.decide import Decision, decide, next_instant
from domain.member.draft import Circumstances, HistoryNeeded
from domain.member.settle import next_due
from domain.member.shape import SHAPE, bring_in, horizon_of, pack, unpack
from domain.member.state import Member
from domain.redecide import StreamHistory
from domain.takes import Key, Taken, TakenNeeded

MAX_TRIES = 50


class Wish(msgspec.Struct, kw_only=True, frozen=True):
    """A command for one member, with everything that the entry says around it.

    `claims` are keys that must be new. `by_time` marks the sweeper's entries, which have no input.
    """

    program: str
    command: MemberCommand
    actor: str
    claims: tuple[Claim, ...] = ()
    releases: tuple[Claim, ...] = ()
    cause: str | None = None
    correlation: str | None = None
    by_time: bool = False


class Loaded(msgspec.Struct, frozen=True):
    """A member as the store has it: the book, the end of its digest chain, its own key, the program's clock.

    `key` is None once the member was erased. `clock` None follows the wall clock.
    """

    stream: UUID
    member: Member
    digest: bytes
    key: bytes | None = None
    clock: datetime | None = None


Wanted: TypeAlias = Wish | Callable[[Loaded], Wish]
"""A wish, or how to make it from the member: then it is made anew whenever the member turns out to have moved."""


class Stored(msgspec.Struct, frozen=True):
    """An entry that stands in the log. `replayed` says that it stood there before this request."""

    entry: Entry
    position: int
    replayed: bool = False
    decision: Decision | None = None


class AlreadyThere(Exception):
    """A claim of the wish is taken: whoever asked must tell a repeat from a clash."""

    def __init__(self, claim: ClaimTaken) -> None:
        super().__init__(str(claim))
        self.claim = claim


class NothingDue(Exception):
    """A wish of the sweeper's for which time has made nothing true: there is nothing to write down."""


class Handler:
    """The loop with what it needs. One per process; safe for any number of tasks."""

    def __init__(
        self,
        *,
        store: EventStore,
        keys: Keys,
        crypto: Crypto,
        clock: Clock,
        wall: Callable[[], datetime],
        zones: Zones,
        programs: Programs,
        new_id: Callable[[], UUID],
        watch: Watch | None = None,
    ) -> None:
        self.store = store
        self.keys = keys
        self.crypto = crypto
        self.clock = clock
        self.wall = wall
        self.zones = zones
        self.programs = programs
        self.new_id = new_id
        self._watch = watch or Unwatched()
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    # --- loading -------------------------------------------------------------------------------

    async def find(self, program: str, member: str) -> tuple[Loaded, KnownProgram]:
        """The member a client's id points to. Raises UnknownMember, UnknownProgram."""
        found = await self.store.member(program, member)
        if found is None:
            raise await self.unknown(program, member)
        return await self._loaded(found), await self.programs.get(program, found.timeline)

    async def load(self, program: str, stream: UUID) -> tuple[Loaded, KnownProgram]:
        """The member of a stream of this program. Raises UnknownMember."""
        found = await self.store.stream(program, stream)
        if found is None:
            raise UnknownMember("no such member")
        return await self._loaded(found), await self.programs.get(program, found.timeline)

    def now(self, loaded: Loaded) -> datetime:
        """The program's clock as this member sees it: never before its last entry."""
        clock = loaded.clock or self.wall()
        return max(clock, loaded.member.recorded_at or clock)

    def erased_claim(self, known: KnownProgram, member: str) -> Claim:
        """What stays of an erased member's id: an HMAC that tells "gone" from "never there"."""
        return Claim("erased", self.crypto.fingerprint(known.key, "member", member))

    async def unknown(self, program: str, member: str) -> Refused:
        """The refusal for an id that points to nobody. Raises UnknownProgram."""
        known = await self.programs.get(program, 0)
        claim = self.erased_claim(known, member)
        if await self.store.claim(program, claim.kind, claim.key) is not None:
            return MemberErasedAlready("the member was erased")
        return UnknownMember(f"there is no member {member!r} in this program")

    async def _loaded(self, found: Found) -> Loaded:
        row = found.row
        # A row of another shape was written by another version of this code: the log is the truth.
        hit = row.shape == SHAPE
        self._watch.looked_up("state", hit=hit)
        member = unpack(row.hot) if hit else await self.folded(row.stream, row.version)
        key = self.crypto.unwrap(found.key) if found.key is not None else None
        return Loaded(row.stream, member, row.digest, key, found.clock)

    async def folded(self, stream: UUID, upto: int | None = None) -> Member:
        """The member folded from the log."""
        member = Member()
        for row in await self.store.rows(stream, upto=upto):
            fold(member, decode(row.state))
        return member

    async def entries(self, stream: UUID, upto: int | None = None) -> list[Entry]:
        return [decode(row.state) for row in await self.store.rows(stream, upto=upto)]

    # --- deciding ------------------------------------------------------------------------------

    def circumstances(
        self,
        known: KnownProgram,
        recorded_at: datetime,
        history: "StreamHistory | None" = None,
        taken: Mapping[Key, int] | None = None,
    ) -> Circumstances:
        return Circumstances(
            program=known.program.id,
            zone=known.program.time_zone,
            recorded_at=recorded_at,
            timeline=known.timeline(),
            offsets=Offsets(self.zones.offset),
            history=history,
            taken=Taken(dict(taken or {})),
        )

    async def decide(
        self, command: MemberCommand, loaded: Loaded, known: KnownProgram, recorded_at: datetime
    ) -> tuple[Decision, Circumstances]:
        """Decide without saving: a simulation, or the first half of a save. Brings in what the decision asks for."""
        member, history, taken = loaded.member, None, dict[Key, int]()
        while True:
            circumstances = self.circumstances(known, recorded_at, history, taken)
            try:
                return decide(command, member, circumstances), circumstances
            except ColdHistoryNeeded:
                member = bring_in(member, await self.store.cold(loaded.stream))
            except HistoryNeeded:
                history = StreamHistory(await self.entries(loaded.stream, loaded.member.version))
            except TakenNeeded as needed:
                taken |= await self.store.taken(known.program.id, needed.keys)

    async def handle(self, wanted: Wanted, loaded: Loaded, known: KnownProgram) -> Stored:
        """Carry out a wish on a member that was loaded for it just now.

        Raises Refused (confirmed against the head), AlreadyThere when a claim is taken, NothingDue, Unavailable.
        """
        program = known.program.id
        # One decision at a time per member in this process: losing a race to oneself is wasted work.
        turn = self._turns.setdefault(loaded.stream, asyncio.Lock())
        stale = turn.locked()
        async with turn:
            for _ in range(MAX_TRIES):
                if stale:
                    loaded, known = await self.load(program, loaded.stream)
                wish = wanted if isinstance(wanted, Wish) else wanted(loaded)
                try:
                    return await self._attempt(wish, loaded, known)
                except (HeadMoved, TimelineMoved, TakeRefused):
                    stale = True
                except AlreadyThere:
                    # The store names a taken claim before a moved head: it may be the member's own by now.
                    if isinstance(wanted, Wish) or not await self._moved(program, loaded):
                        raise
                    stale = True
        raise Unavailable("too many others change this member at once")

    async def _moved(self, program: str, loaded: Loaded) -> bool:
        newest, _ = await self.load(program, loaded.stream)
        return newest.member.version != loaded.member.version

    async def create(self, wish: Wish, wrapped_key: bytes, stream: UUID) -> Stored:
        """Carry out the first wish of a new member's stream."""
        for _ in range(MAX_TRIES):
            known = await self.programs.get(wish.program, await self.store.timeline(wish.program))
            try:
                clock = await self.clock.now(wish.program)
                loaded = Loaded(stream, Member(), NO_DIGEST, None, clock)
                return await self._attempt(wish, loaded, known, member_key=(stream, wrapped_key))
            except (HeadMoved, TimelineMoved, TakeRefused):
                continue
        raise Unavailable("too many rulebooks are being published")

    async def _attempt(
        self, wish: Wish, loaded: Loaded, known: KnownProgram, member_key: tuple[UUID, bytes] | None = None
    ) -> Stored:
        recorded_at = next_instant(loaded.member, loaded.clock or self.wall())
        try:
            with span("decide"):
                decision, circumstances = await self.decide(wish.command, loaded, known, recorded_at)
        except Refused:
            # The state came from the store, so the refusal is confirmed, unless this is a repeat.
            for claim in wish.claims:
                if await self.store.claim(wish.program, claim.kind, claim.key) is not None:
                    raise AlreadyThere(ClaimTaken(claim.kind, claim.key)) from None
            raise
        if wish.by_time and not decision.events:
            raise NothingDue
        row = self._row(wish, loaded, known, decision, circumstances)
        save = Save(
            program=wish.program,
            rows=(row,),
            timeline=circumstances.timeline.number,
            member_key=member_key,
            destroys_key=loaded.stream if isinstance(wish.command, EraseMember) else None,
        )
        try:
            with span("append"):
                (position,) = await self.store.append(save)
        except ClaimTaken as taken:
            raise AlreadyThere(taken) from None
        return Stored(row.entry, position, decision=decision)

    def _row(
        self, wish: Wish, loaded: Loaded, known: KnownProgram, decision: Decision, circumstances: Circumstances
    ) -> NewRow:
        used = circumstances.timeline.used
        recorded_at = circumstances.recorded_at
        entry = Entry(
            stream=stream_name(wish.program, "member", loaded.stream),
            version=decision.member.version,
            save=self.new_id().hex,
            recorded_at=recorded_at,
            at=decision.at,
            actor=wish.actor,
            cause=wish.cause,
            correlation=wish.correlation,
            input=None if wish.by_time else wish.command,
            facts={"taken": circumstances.taken.used} if circumstances.taken.used else {},
            pins=Pins(
                engine=ENGINE,
                timeline=circumstances.timeline.number,
                rulebook=decision.rulebook,
                rulebooks=dict(sorted(used.items())),
                zone=circumstances.zone,
                offsets=circumstances.offsets.used,
            ),
            events=decision.events,
            settled=decision.settled,
            after=after(decision.member, recorded_at),
            claims=wish.claims,
            takes=decision.takes,
            releases=wish.releases,
        )
        state = encode(entry)
        newest = known.newest
        hot, cold = pack(decision.member, horizon_of(newest) if newest else 0, recorded_at.toordinal())
        return NewRow(
            entry=entry,
            stream=loaded.stream,
            program=wish.program,
            kind="member",
            topic=TOPIC,
            state=state,
            digest=row_digest(
                loaded.digest,
                program=wish.program,
                kind="member",
                stream=loaded.stream,
                version=entry.version,
                recorded_at=recorded_at,
                topic=TOPIC,
                state=state,
            ),
            member_state=NewState(SHAPE, next_due(decision.member), hot, cold),
        )
