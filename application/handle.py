"""The one loop: load, settle, decide, save, and decide again when something moved.

`Handler.handle` takes a `Wish` (a command for one member, and the keys it must not repeat) to a stored entry.
Wishes for one member that arrive while it is being saved are decided one after the other and saved together, as one
run of versions: a busy member costs no more than many quiet ones.
It knows nothing of HTTP. What a request looked like before it became a wish is `repeats.py`'s.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec

from application.catalogue import Catalogue
from application.ports import (
    ClaimTaken,
    Clock,
    Crypto,
    EventStore,
    Found,
    HeadMoved,
    Keys,
    NewRow,
    Save,
    SourceMoved,
    TakeRefused,
    TimelineMoved,
    Unavailable,
    Unwatched,
    Watch,
    Zones,
)
from application.programs import KnownProgram, Programs
from application.recent import Loaded, Recent
from application.rows import Wish, row_of, with_state
from application.spans import span
from application.turns import Turns
from domain.calendar import Offsets
from domain.errors import MemberErasedAlready, Refused, UnknownMember
from domain.log import NO_DIGEST, Claim, Entry, decode, fold
from domain.member.commands import EraseMember, MemberCommand
from domain.member.counters import ColdHistoryNeeded
from domain.member.decide import Decision, decide, next_instant
from domain.member.draft import Circumstances, HistoryNeeded
from domain.member.shape import SHAPE, bring_in, unpack
from domain.member.state import Member
from domain.redecide import StreamHistory
from domain.takes import Key, Taken, TakenNeeded

MAX_TRIES = 50
MAX_NEEDS = 20
"""How often a decision may ask for something more to look at; two or three times is usual."""
MAX_RUN = 64
"""The most wishes of one member that are saved together: the next ones are decided on what is stored by then."""

_OWN = ("email", "external", "erased")
"""Kinds of claims that a member may hold itself by now: one that is taken is no repeat of a request yet."""

Wanted: TypeAlias = Wish | Callable[[Loaded, KnownProgram], Wish]
"""A wish, or how to make it from the member and the rules: then it is made anew whenever either has moved.

Making it may raise Refused.
"""


class Stored(msgspec.Struct, frozen=True):
    """An entry that stands in the log. `replayed` says that it stood there before this request."""

    entry: Entry
    position: int
    replayed: bool = False
    decision: Decision | None = None

    @property
    def promises(self) -> tuple[str, ...]:
        """Kinds of promises that this request has made to other streams."""
        return self.decision.promises if self.decision is not None and not self.replayed else ()


class AlreadyThere(Exception):
    """A claim of the wish is taken: whoever asked must tell a repeat from a clash."""

    def __init__(self, claim: ClaimTaken) -> None:
        super().__init__(str(claim))
        self.claim = claim


class NothingDue(Exception):
    """A wish of the sweeper's for which time has made nothing true: there is nothing to write down."""


class _Asked:
    """A wish that waits for its answer."""

    __slots__ = ("answer", "wanted")

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.answer: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()

    def give(self, stored: Stored) -> None:
        if not self.answer.done():
            self.answer.set_result(stored)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            # Whoever asked may have gone away: nobody need retrieve it.
            self.answer.exception()


class _Chain:
    """Wishes of one member decided one after the other: their rows, which are saved together, and the refusals."""

    def __init__(self, asked: list[_Asked], loaded: Loaded, known: KnownProgram) -> None:
        self.loaded = loaded
        self.known = known
        self.asked = asked
        self.rows: list[NewRow] = []
        self.decided: list[tuple[_Asked, Wish, Decision]] = []
        self.refused: list[tuple[_Asked, Wish | None, Exception]] = []
        self.later: list[_Asked] = []
        """Wishes that touch a key of one before them: they are decided when that is committed."""
        self.keys: set[tuple[str, str]] = set()
        self.took: dict[Key, int] = {}
        self.erases = False

    def takes_along(self, wish: Wish) -> bool:
        """Whether the wish may stand in one save with those before it."""
        keys = {(claim.kind, claim.key) for claim in (*wish.claims, *wish.releases)}
        if self.rows and (not keys.isdisjoint(self.keys) or isinstance(wish.command, EraseMember)):
            return False
        self.keys |= keys
        return True

    def add(self, asked: _Asked, wish: Wish, decision: Decision, row: NewRow, loaded: Loaded) -> None:
        self.decided.append((asked, wish, decision))
        self.rows.append(row)
        self.loaded = loaded
        self.erases = isinstance(wish.command, EraseMember)
        for take in decision.takes:
            self.took[take.kind, take.key] = self.took.get((take.kind, take.key), 0) + take.amount

    def without(self, taken: ClaimTaken) -> list[_Asked]:
        """Tell whoever claimed what is taken. Those that are left, in their order."""
        for asked, wish, _ in self.decided:
            claim = next((one for one in wish.claims if (one.kind, one.key) in taken.all), None)
            if claim is not None:
                asked.fail(AlreadyThere(ClaimTaken(claim.kind, claim.key)))
        return [one for one in self.asked if not one.answer.done()]

    def standing(self, moved: SourceMoved) -> list[_Asked]:
        """Tell whoever stands on what has moved. Those that are left, in their order."""
        for asked, wish, _ in self.decided:
            if any(stream in moved.streams for stream, _ in wish.stands_on):
                asked.fail(moved)
        return [one for one in self.asked if not one.answer.done()]

    def save(self, member_key: tuple[UUID, bytes] | None = None) -> Save:
        self.rows[-1], self.loaded = with_state(self.rows[-1], self.loaded, self.known)
        return Save(
            program=self.known.program.id,
            rows=tuple(self.rows),
            timeline=len(self.known.program.published),
            member_key=member_key,
            destroys_key=self.loaded.stream if self.erases else None,
            stands_on=tuple({source for _, wish, _ in self.decided for source in wish.stands_on}),
        )


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
        recent: Recent,
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
        self._recent = recent
        self._turns = Turns()
        self._waiting: dict[UUID, list[_Asked]] = {}
        """By member that is being saved: who wants something of it meanwhile."""
        self._next: dict[UUID, deque[asyncio.Future[None]]] = {}
        """By member that is being saved: who waits to have it to itself."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.catalogue = Catalogue()

    # --- loading -------------------------------------------------------------------------------

    async def find(self, program: str, member: str) -> tuple[Loaded, KnownProgram]:
        """The member a client's id points to, or the one it was merged into. Raises UnknownMember, UnknownProgram."""
        found = await self.store.member(program, member)
        if found is None:
            raise await self.unknown(program, member)
        return await self._survivor(program, await self._loaded(found), found)

    async def to_change(self, program: str, member: str) -> tuple[Loaded, KnownProgram]:
        """The same for a decision, perhaps from memory: `handle` confirms what comes of it. Never show it."""
        loaded = self._recent.get(program, member)
        self._watch.looked_up("member", hit=loaded is not None)
        if loaded is not None and not loaded.member.into:
            return loaded, await self.programs.get(program, 0)
        return await self.find(program, member)

    async def load(self, program: str, stream: UUID) -> tuple[Loaded, KnownProgram]:
        """The member of a stream of this program, or the one it was merged into. Raises UnknownMember."""
        found = await self._stream(program, stream)
        return await self._survivor(program, await self._loaded(found), found)

    async def load_itself(self, program: str, stream: UUID) -> tuple[Loaded, KnownProgram]:
        """The member of a stream, merged or not. Raises UnknownMember."""
        found = await self._stream(program, stream)
        return await self._loaded(found), await self.programs.get(program, found.timeline)

    async def _stream(self, program: str, stream: UUID) -> Found:
        found = await self.store.stream(program, stream)
        if found is None:
            raise UnknownMember("no such member")
        return found

    async def _survivor(self, program: str, loaded: Loaded, found: Found) -> tuple[Loaded, KnownProgram]:
        if loaded.member.into:
            return await self.load(program, UUID(loaded.member.into))
        return loaded, await self.programs.get(program, found.timeline)

    def forget(self, program: str, member: str) -> None:
        """Somebody else has saved this member: what this process remembers of it is old."""
        self._recent.drop(program, member)

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
        self,
        command: MemberCommand,
        loaded: Loaded,
        known: KnownProgram,
        recorded_at: datetime,
        chain: _Chain | None = None,
    ) -> tuple[Decision, Circumstances]:
        """Decide without saving: a simulation, or the first half of a save. Brings in what the decision asks for.

        `chain` is what was decided before it and is not stored yet.
        """
        member, history, taken = loaded.member, None, dict[Key, int]()
        unsaved, took = (chain.rows, chain.took) if chain is not None else ([], {})
        for _ in range(MAX_NEEDS):
            circumstances = self.circumstances(known, recorded_at, history, taken)
            try:
                return decide(command, member, circumstances), circumstances
            except ColdHistoryNeeded:
                member = bring_in(member, await self.store.cold(loaded.stream))
            except HistoryNeeded:
                stored = await self.entries(loaded.stream, loaded.member.version - len(unsaved))
                history = StreamHistory([*stored, *(row.entry for row in unsaved)])
            except TakenNeeded as needed:
                taken |= await self.store.taken(known.program.id, needed.keys)
                for key in needed.keys:
                    taken[key] += took.get(key, 0)
        raise AssertionError("a decision asks for more and more")

    async def handle(self, wanted: Wanted, loaded: Loaded, known: KnownProgram) -> Stored:
        """Carry out a wish on a member that was loaded for it just now, or is remembered.

        Raises Refused (confirmed against the head), AlreadyThere when a claim is taken, SourceMoved when another stream
        that the wish stands on has, NothingDue, Unavailable.
        """
        stream, asked = loaded.stream, _Asked(wanted)
        waiting = self._waiting.get(stream)
        if waiting is not None:
            # Somebody is saving this member: losing a race to oneself is wasted work.
            waiting.append(asked)
            stored = await asked.answer
            await self._turns.take()
            return stored
        waiting = self._waiting[stream] = []
        after: Loaded | None = None
        try:
            after, _ = await self._run([asked], loaded, known)
        finally:
            self._leave(known.program.id, stream, after)
        stored = asked.answer.result()
        # A commit wakes all whom it saved: what is made of it is made in turns, too.
        await self._turns.take()
        return stored

    @asynccontextmanager
    async def alone(self, program: str, *streams: UUID) -> AsyncIterator[None]:
        """Several members to oneself, in this process: whoever wishes something of them meanwhile comes after.

        They are taken in one order, so that nobody waits for somebody who waits. Other processes are met at the store.
        """
        mine: list[UUID] = []
        try:
            for stream in sorted(set(streams)):
                await self._enter(program, stream)
                mine.append(stream)
            yield
        finally:
            for stream in mine:
                self._leave(program, stream)

    async def _enter(self, program: str, stream: UUID) -> None:
        if stream not in self._waiting:
            self._waiting[stream] = []
            return
        turn = asyncio.get_running_loop().create_future()
        self._next.setdefault(stream, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave(program, stream)
            raise

    def _leave(self, program: str, stream: UUID, loaded: Loaded | None = None) -> None:
        """Whoever had this member is done: it goes to who wants it alone, then to the wishes that came meanwhile."""
        if self._passed_on(stream):
            return
        waiting = self._waiting[stream]
        if waiting:
            self._hand_on(program, stream, waiting, loaded)
        else:
            del self._waiting[stream]

    def _passed_on(self, stream: UUID) -> bool:
        queue = self._next.get(stream)
        while queue:
            turn = queue.popleft()
            if not queue:
                del self._next[stream]
            if not turn.done():
                turn.set_result(None)
                return True
        return False

    def _hand_on(self, program: str, stream: UUID, waiting: list[_Asked], loaded: Loaded | None) -> None:
        """Whoever came first has its answer: those who came meanwhile are served beside it."""
        task = asyncio.create_task(self._serve(program, stream, waiting, loaded))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, program: str, stream: UUID, waiting: list[_Asked], loaded: Loaded | None) -> None:
        while waiting:
            asked = [one for one in waiting[:MAX_RUN] if not one.answer.done()]
            del waiting[:MAX_RUN]
            try:
                known = await self.programs.get(program, 0)
                # A sandbox's clock may have been set meanwhile.
                if loaded is None or known.program.sandbox:
                    loaded, known = await self.load_itself(program, stream)
                loaded, later = await self._run(asked, loaded, known)
                waiting[:0] = later
            except Exception as error:  # noqa: BLE001 - whatever it was, everybody gets an answer
                loaded = None
                for one in asked:
                    one.fail(error)
            if self._passed_on(stream):
                return
        del self._waiting[stream]

    async def _run(
        self, asked: list[_Asked], loaded: Loaded, known: KnownProgram
    ) -> tuple[Loaded | None, list[_Asked]]:
        """Answer wishes of one member: the member after them if it is known, and the wishes left for another run."""
        program = known.program.id
        for _ in range(MAX_TRIES):
            chain = await self._decided(asked, loaded, known)
            try:
                positions = await self._saved(chain)
            except ClaimTaken as taken:
                if taken.kind not in _OWN or not await self._moved(program, loaded):
                    asked = chain.without(taken)
            except SourceMoved as moved:
                asked = chain.standing(moved)
            except (HeadMoved, TimelineMoved, TakeRefused):
                pass
            else:
                if positions or not loaded.remembered or not chain.refused:
                    await self._answer(chain, positions)
                    return chain.loaded if positions else None, chain.later
            # Something moved, or a refusal stands on nothing but memory: look again.
            self._recent.drop(program, loaded.member.id)
            if not asked:
                return None, []
            loaded, known = await self.load_itself(program, loaded.stream)
        for one in asked:
            one.fail(Unavailable("too many others change this member at once"))
        return None, []

    async def _decided(self, asked: list[_Asked], loaded: Loaded, known: KnownProgram) -> _Chain:
        chain = _Chain(asked, loaded, known)
        for number, one in enumerate(asked):
            wish = None
            await self._turns.take()
            try:
                wish = one.wanted if isinstance(one.wanted, Wish) else one.wanted(chain.loaded, known)
                if not chain.takes_along(wish):
                    chain.later = asked[number:]
                    break
                recorded_at = next_instant(chain.loaded.member, chain.loaded.clock or self.wall())
                with span("decide"):
                    decision, circumstances = await self.decide(wish.command, chain.loaded, known, recorded_at, chain)
            except Exception as error:  # noqa: BLE001 - a refusal or a fault, it is this wish's and no other's
                chain.refused.append((one, wish, error))
                continue
            if wish.by_time and not decision.events:
                chain.refused.append((one, wish, NothingDue()))
                continue
            chain.add(one, wish, decision, *row_of(wish, chain.loaded, decision, circumstances, self.new_id()))
            if chain.erases:
                chain.later = asked[number + 1 :]
                break
        return chain

    async def _saved(self, chain: _Chain, member_key: tuple[UUID, bytes] | None = None) -> tuple[int, ...]:
        if not chain.rows:
            return ()
        with span("append"):
            positions = await self.store.append(chain.save(member_key))
        program = chain.known.program
        if chain.erases:
            self._recent.drop(program.id, chain.loaded.member.id)
        elif not program.sandbox:  # whose clock may be set at any time, by anybody
            self._recent.keep(program.id, msgspec.structs.replace(chain.loaded, clock=None))
        return positions

    async def _answer(self, chain: _Chain, positions: tuple[int, ...]) -> None:
        for (asked, _, decision), row, position in zip(chain.decided, chain.rows, positions, strict=True):
            asked.give(Stored(row.entry, position, decision=decision))
        for asked, wish, error in chain.refused:
            # What the head confirms to be refused may still be a repeat of what was accepted.
            taken = await self.taken_claim(wish) if wish is not None and isinstance(error, Refused) else None
            asked.fail(AlreadyThere(taken) if taken is not None else error)

    async def taken_claim(self, wish: Wish) -> ClaimTaken | None:
        for claim in wish.claims:
            if await self.store.claim(wish.program, claim.kind, claim.key) is not None:
                return ClaimTaken(claim.kind, claim.key)
        return None

    async def _moved(self, program: str, loaded: Loaded) -> bool:
        newest, _ = await self.load_itself(program, loaded.stream)
        return newest.member.version != loaded.member.version

    async def create(self, wish: Wish, wrapped_key: bytes, stream: UUID) -> Stored:
        """Carry out the first wish of a new member's stream."""
        key = self.crypto.unwrap(wrapped_key)
        for _ in range(MAX_TRIES):
            known = await self.programs.get(wish.program, await self.store.timeline(wish.program))
            nobody = Loaded(stream, Member(), NO_DIGEST, key, await self.clock.now(wish.program))
            asked = _Asked(wish)
            chain = await self._decided([asked], nobody, known)
            try:
                await self._answer(chain, await self._saved(chain, (stream, wrapped_key)))
            except ClaimTaken as taken:
                raise AlreadyThere(taken) from None
            except (HeadMoved, TimelineMoved, TakeRefused):
                continue
            return asked.answer.result()
        raise Unavailable("too many rulebooks are being published")
