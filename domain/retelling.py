"""A stream told again in the order in which things happened, with a late activity in its place.

Every input is decided where it belongs: activities by (occurred_at, source, id), everything else when it was decided,
each under the version of the rules that ruled it. The clock of the story is the place itself, as if all had been
told in time. What time brought (birthdays and the like) stays as it was, and so does what was spent.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from domain.calendar import BEGINNING, MICROSECOND
from domain.errors import Refused
from domain.log import Entry, NotInStream
from domain.member.commands import (
    AssignOffer,
    EnrolMember,
    RecordActivity,
    ReturnActivity,
)
from domain.member.decide import Decision, decide
from domain.member.draft import Circumstances, Draft, Retold, Told
from domain.member.events import ExperimentAssigned, MemberEventUnion, OfferAssigned, PointsEarned
from domain.member.outcomes import Story
from domain.member.settle import settle
from domain.member.spending import SHARE
from domain.member.standing import lift_tiers
from domain.member.state import Member
from domain.rules.compiled import NoSuchCurrency
from domain.takes import Key, Take, Taken

if TYPE_CHECKING:
    from domain.redecide import StreamHistory

Place = tuple[datetime, int, str, str, int]
"""When, and at equal instants: assignments, activities by source and id, whatever else; then as recorded."""


class _Item(msgspec.Struct, frozen=True):
    """An entry in its place. With `facts` it is what time brought in it, which is taken as it was."""

    place: Place
    entry: Entry
    facts: tuple[MemberEventUnion, ...] = ()


def in_order(entries: Sequence[Entry]) -> list[_Item]:
    """The inputs of a stream, and what time brought, in the order in which they happened."""
    places: dict[int, Place] = {}
    items = []
    for entry in entries:
        for at, facts in _brought(entry):
            items.append(_Item((at, 2, "", "", entry.version), entry, facts))
        if entry.input is not None:
            place = places[entry.version] = _place(entry, places)
            items.append(_Item(place, entry))
    return sorted(items, key=lambda item: item.place)


def _place(entry: Entry, places: dict[int, Place]) -> Place:
    command, version = entry.input, entry.version
    match command:
        case EnrolMember():
            return BEGINNING, 0, "", "", version
        case RecordActivity() if entry.at == command.occurred_at:
            return command.occurred_at, 1, command.source, command.id, version
        case AssignOffer():
            return entry.at, 0, "", "", version
        case ReturnActivity() if not command.origin and command.original in places:
            return max(entry.at, places[command.original][0]), 2, "", "", version
        case _:
            return entry.at, 2, "", "", version


def _brought(entry: Entry) -> Iterable[tuple[datetime, tuple[MemberEventUnion, ...]]]:
    """What time brought in an entry that no input did: awards of occasions and what these assigned, by instant."""
    found: dict[datetime, list[MemberEventUnion]] = {}
    at = entry.recorded_at
    for number, event in enumerate(entry.events):
        match event:
            case PointsEarned() if event.occasion is not None:
                at = event.occasion.at
                found.setdefault(at, []).append(event)
            case OfferAssigned() if number < entry.settled:
                found.setdefault(event.assigned_at, []).append(event)
            case ExperimentAssigned() if number < entry.settled:
                found.setdefault(at, []).append(event)
            case _:
                pass
    return [(when, tuple(events)) for when, events in found.items()]


class _Pool(Taken):
    """What is taken of shared quantities by now, without what this stream took in the one story, with the other's."""

    def __init__(self, now: Taken, less: Counter[Key]) -> None:
        super().__init__()
        self._now = now
        self.moved: Counter[Key] = Counter()
        self.moved.subtract(less)

    def of(self, kind: str, key: str, beside: Iterable[Key] = ()) -> int:
        return self._now.of(kind, key, beside) + self.moved[kind, key]

    def lacks(self, kind: str, key: str) -> bool:
        return self._now.lacks(kind, key)

    def looking_back(self) -> Taken:
        return self


class Retelling:
    """One stream, with a late activity that is being decided."""

    def __init__(
        self, history: "StreamHistory", late: RecordActivity, rulebook: int, circumstances: Circumstances
    ) -> None:
        self.circumstances = circumstances
        self.entries = history.entries
        self.late = late
        first = self.entries[-1]
        self.version = first.version + 1
        self.entry = msgspec.structs.replace(
            first,
            version=self.version,
            recorded_at=circumstances.recorded_at,
            at=late.occurred_at,
            input=late,
            pins=msgspec.structs.replace(first.pins, rulebook=rulebook),
            events=(),
            settled=0,
            takes=(),
        )
        self.items = in_order([*self.entries, self.entry])
        self.number = next(number for number, item in enumerate(self.items) if item.entry is self.entry)
        kept = self._kept()
        self.member = history.member_before(kept)
        # Of a version that came into force meanwhile it was done what it asks for: only what comes is done.
        self.member.timeline = circumstances.timeline.number
        self.member.occasions = {}
        self.recorded, self.told = Story(), Story()
        for entry in self.entries[:kept]:
            self._tell(self.recorded, entry)
            self._tell(self.told, entry)
        for entry in self.entries[kept:]:
            self._tell(self.recorded, entry)
        self.shared = {entry.version for entry in self.entries[:kept]}
        self.so_far = self.entries[:kept]
        self.history = history.of(self.so_far)
        taken = Counter[Key]()
        self.apart = {item.entry.version for item in self.items if item.facts}
        """Entries whose takes are time's as well: these stay as they are."""
        for entry in self.entries[kept:]:
            taken.update(self._takes(entry, entry.takes))
        self.pool = _Pool(circumstances.taken, taken)
        self.ceilings = {(take.kind, take.key): take.ceiling for entry in self.entries[kept:] for take in entry.takes}
        self.decision: Decision | None = None

    @property
    def tells_more(self) -> bool:
        """Whether the late activity is not the last one, or levels may have come and gone since it happened."""
        book = self.circumstances.timeline.version(self.entry.pins.rulebook)
        after = self.items[self.number + 1 :]
        return bool(book.tiers) or any(isinstance(item.entry.input, RecordActivity) for item in after)

    def _kept(self) -> int:
        """How many entries come before all others and were recorded before the late one happened: they stand."""
        places = {item.entry.version: item.place for item in self.items if not item.facts}
        at = self.items[self.number].place
        least = [at]
        for entry in reversed(self.entries):
            least.append(min(least[-1], places.get(entry.version, (entry.recorded_at, 2, "", "", entry.version))))
        least.reverse()
        count = 0
        for number, entry in enumerate(self.entries):
            place = places.get(entry.version, (entry.recorded_at, 2, "", "", entry.version))
            if place >= least[number + 1] or entry.recorded_at >= at[0]:
                break
            count = number + 1
        return count

    def until_late(self) -> tuple[Member, Circumstances]:
        """The member just before the late activity, and the circumstances that it is decided under."""
        for item in self.items[: self.number]:
            self._again(item)
        return self.member, self._under(self.items[self.number])

    def told_to_the_end(self) -> Retold:
        for item in self.items:
            self._again(item)
        now = self.circumstances.recorded_at
        if self.member.recorded_at is None or now > self.member.recorded_at:
            draft = Draft(self.member, self._at(now, Told(0, now)), now)
            settle(draft)
            self.member = draft.member
        decision = self.decision
        assert decision is not None and decision.evaluated is not None, "the late activity is part of the story"
        after = [
            item.entry.version
            for item in self.items[self.number + 1 :]
            if not item.facts
            and isinstance(item.entry.input, RecordActivity | EnrolMember)
            and item.entry.version in self.told.activities
            and item.entry.version in self.recorded.activities
        ]
        takes = tuple(
            Take(kind, key, amount, self.ceilings[kind, key])
            for (kind, key), amount in sorted(self.pool.moved.items())
            if amount
        )
        return Retold(self.recorded, self.told, self.member, tuple(after), decision.evaluated, decision.events, takes)

    def _again(self, item: _Item) -> None:
        entry = item.entry
        if entry.version in self.shared:
            return
        self.member.version = entry.version - 1
        under = self._under(item)
        if item.facts:
            self._brought(item, under)
            return
        assert entry.input is not None
        try:
            decision = decide(entry.input, self.member, under)  # type: ignore[arg-type]
        except (Refused, NotInStream, NoSuchCurrency):
            if entry is self.entry:
                raise
            # It could not be so in this story: it stays as it was, and what it took stays taken.
            self.pool.moved.update(self._takes(entry, entry.takes))
            return
        self.member = decision.member
        self.pool.moved.update(self._takes(entry, decision.takes))
        self.ceilings |= {(take.kind, take.key): take.ceiling for take in decision.takes}
        told = msgspec.structs.replace(
            entry,
            recorded_at=under.recorded_at,
            at=decision.at,
            events=decision.events,
            settled=decision.settled,
            takes=decision.takes,
        )
        self.so_far.append(told)
        self._tell(self.told, told)
        if entry is self.entry:
            self.decision = decision

    def _brought(self, item: _Item, under: Circumstances) -> None:
        draft = Draft(self.member, under, item.place[0])
        settle(draft)
        for event in item.facts:
            draft.record(event)
        book = under.timeline.at(item.place[0])
        if book is not None:
            zone = draft.zone(book)
            lift_tiers(draft, book, item.place[0], draft.local_day(book, zone, item.place[0]), zone)
        draft.member.recorded_at = draft.now
        self.member = draft.member

    def _under(self, item: _Item) -> Circumstances:
        last = self.member.recorded_at
        at = item.place[0] if not isinstance(item.entry.input, EnrolMember) else item.entry.at
        now = at if last is None or at > last else last + MICROSECOND
        return self._at(now, Told(item.entry.pins.rulebook, item.entry.recorded_at))

    def _at(self, now: datetime, told: Told) -> Circumstances:
        return msgspec.structs.replace(
            self.circumstances, recorded_at=now, history=self.history, taken=self.pool, told=told
        )

    @staticmethod
    def _tell(story: Story, entry: Entry) -> None:
        story.add(entry.version, entry.pins.rulebook, entry.events)

    def _takes(self, entry: Entry, takes: Iterable[Take]) -> Counter[Key]:
        # How much of an order points have paid is between that order and its redemptions.
        found = Counter[Key]()
        for take in takes:
            if take.kind != SHARE and entry.version not in self.apart:
                found[take.kind, take.key] += take.amount
        return found
