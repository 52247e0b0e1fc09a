"""Decide recorded inputs again, against the state of their moment and the rules they pinned.

One function serves audits (no change: every outcome must come out byte for byte), corrections and
what-if. It reads the stream and the rulebooks it pins, nothing else, so streams can be taken in any order and
by any number of processes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal, TypeVar

import msgspec

from domain.calendar import recorded_offsets
from domain.errors import Refused
from domain.log import ENGINE, Entry, after, encoded, fold
from domain.member.clawback import after_event
from domain.member.closing import ROOM, moved_id, moved_key
from domain.member.commands import AbsorbMember, Past, RecordActivity, Settle
from domain.member.decide import decide
from domain.member.draft import Circumstances, Fate, Given, Original
from domain.member.events import (
    ActivityRecorded,
    BadgeGranted,
    BadgeRevoked,
    LotActivated,
    LotExpired,
    OfferAssigned,
    OfferCompleted,
    OfferProgressed,
    PointsClawedBack,
    PointsEarned,
    ReferralConverted,
    ScoreCounted,
)
from domain.member.state import Member, evolve
from domain.rules.timeline import Timeline
from domain.takes import Taken, TakenNeeded, recorded_taken

_MARK = 32

_SlotEvent = TypeVar("_SlotEvent", OfferProgressed, OfferAssigned)


class Difference(msgspec.Struct, frozen=True):
    """How a decision made again compares to the recorded one."""

    version: int
    verdict: Literal["equal", "different", "not_redecidable", "older_engine"]
    detail: str = ""


class StreamHistory:
    """The entries of one member's stream, for decisions that look back at one of them. The list may grow meanwhile.

    Entries of members that this one has absorbed are looked at by the numbers that they have here.
    """

    def __init__(self, entries: Sequence[Entry | Past]) -> None:
        self._entries = entries
        self._marks = [Member()]
        """The member before every `_MARK`th entry, as far as anybody looked: many returns fold a stream once."""

    def original(self, version: int) -> Original:
        if version < 0:
            return self._absorbed_original(version)
        number = bisect_left(self._entries, version, key=lambda entry: entry.version)
        if number == len(self._entries) or self._entries[number].version != version:
            raise LookupError(f"entry {version} is not in this stream")
        return _original(self._entries[number], self._before(number), self._entries[number:])

    def given(self, rule: str) -> list[Given]:
        found: dict[str, Given] = {}
        before = 0
        for entry in self._entries:
            if isinstance(entry.input, AbsorbMember):
                theirs = (_moved_given(one, before) for one in StreamHistory(entry.input.past).given(rule))
                found |= {one.award.lot: one for one in theirs}
                before += 1 + _absorbed(entry.input)
            for event in entry.events:
                match event:
                    case PointsEarned() if event.rule == rule and event.points:
                        fate = _at_first(event, entry.recorded_at)
                        found[event.lot] = Given(entry.version, entry.pins.rulebook, event, fate)
                    case LotExpired() | LotActivated() | PointsClawedBack() if event.lot in found:
                        given = found[event.lot]
                        if isinstance(event, PointsClawedBack):
                            given = given.less(event)
                        fate = after_event(given.fate, event.lot, event)
                        found[event.lot] = msgspec.structs.replace(given, fate=fate)
                    case _:
                        pass
        return list(found.values())

    def badges(self, badge: str) -> list[tuple[int, BadgeGranted]]:
        found: dict[str, tuple[int, BadgeGranted]] = {}
        before = 0
        for entry in self._entries:
            if isinstance(entry.input, AbsorbMember):
                # What the entry itself says was granted, it had from there.
                for version, theirs in StreamHistory(entry.input.past).badges(badge):
                    found.setdefault(theirs.period, (moved_key(version, before), theirs))
                before += 1 + _absorbed(entry.input)
                continue
            for event in entry.events:
                if isinstance(event, BadgeGranted) and event.badge == badge:
                    found[event.period] = (entry.version, event)
                elif isinstance(event, BadgeRevoked) and event.badge == badge:
                    del found[event.period]
        return list(found.values())

    def _absorbed_original(self, version: int) -> Original:
        """An activity of a member that this one has absorbed, and what has become of it here since."""
        before = 0
        for number, entry in enumerate(self._entries):
            if not isinstance(entry.input, AbsorbMember):
                continue
            theirs = version + (before + 1) * ROOM
            count = 1 + _absorbed(entry.input)
            if theirs > -(count - 1) * ROOM:
                found = _moved_original(StreamHistory(entry.input.past).original(theirs), before)
                fates = _later(found.fates, self._entries[number:])
                return msgspec.structs.replace(found, fates=fates)
            before += count
        raise LookupError(f"no absorbed member has entry {version}")

    def _before(self, number: int) -> Member:
        mark, rest = divmod(number, _MARK)
        while len(self._marks) <= mark:
            self._marks.append(self._after(len(self._marks) - 1, _MARK))
        return self._after(mark, rest)

    def _after(self, mark: int, count: int) -> Member:
        """The member `count` entries after a mark, to write in."""
        member = self._marks[mark].copy()
        for entry in self._entries[mark * _MARK : mark * _MARK + count]:
            fold(member, entry)
        return member


def _absorbed(command: AbsorbMember) -> int:
    """How many members an absorbed one had absorbed itself."""
    inputs = (entry.input for entry in command.past)
    return sum(1 + _absorbed(one) for one in inputs if isinstance(one, AbsorbMember))


def _moved_given(given: Given, before: int) -> Given:
    return msgspec.structs.replace(
        given, version=moved_key(given.version, before), award=_moved_award(given.award, before)
    )


def _moved_award(award: PointsEarned, before: int) -> PointsEarned:
    return msgspec.structs.replace(award, lot=moved_id(award.lot, before))


def _moved_original(original: Original, before: int) -> Original:
    """An activity by the numbers that the survivor's stream knows it by."""
    return msgspec.structs.replace(
        original,
        version=moved_key(original.version, before),
        awards=tuple(_moved_award(award, before) for award in original.awards),
        fates={moved_id(lot, before): fate for lot, fate in original.fates.items()},
        progressed=tuple(_moved_slot(one, before) for one in original.progressed),
        assigned=tuple(_moved_slot(one, before) for one in original.assigned),
    )


def _moved_slot(event: _SlotEvent, before: int) -> _SlotEvent:
    return msgspec.structs.replace(event, slot=moved_id(event.slot, before))


def _original(entry: Entry | Past, before: Member, since: Sequence[Entry | Past]) -> Original:
    assert isinstance(entry.input, RecordActivity)
    # What time had made true by then comes first in the entry, and the decision saw it.
    for event in entry.events[: entry.settled]:
        evolve(before, event, entry.stamp)  # type: ignore[arg-type]
    recorded = next(event for event in entry.events if isinstance(event, ActivityRecorded))
    own = entry.events[entry.settled :]
    earned = [event for event in own if isinstance(event, PointsEarned) and event.points]
    # What offers gave goes back with their slots, not with this activity.
    given = {event.lot for event in entry.events if isinstance(event, OfferCompleted)}
    awards = tuple(event for event in earned if event.lot not in given)
    return Original(
        version=entry.version,
        recorded_at=entry.recorded_at,
        timeline=entry.pins.timeline,
        rulebook=entry.pins.rulebook,
        command=entry.input,
        day=recorded.day,
        awards=awards,
        counts=recorded.counts,
        scores=tuple(event for event in entry.events if isinstance(event, ScoreCounted)),
        converted=next((event for event in entry.events if isinstance(event, ReferralConverted)), None),
        before=before,
        fates=_fates(awards, entry.recorded_at, since),
        taken=taken_of(entry),
        progressed=tuple(event for event in entry.events if isinstance(event, OfferProgressed)),
        assigned=tuple(event for event in own if isinstance(event, OfferAssigned)),
    )


def _fates(awards: Iterable[PointsEarned], recorded_at: datetime, since: Sequence[Entry | Past]) -> dict[str, Fate]:
    """By lot: what has become of the awards in the entries since."""
    return _later({award.lot: _at_first(award, recorded_at) for award in awards}, since)


def _later(fates: dict[str, Fate], since: Sequence[Entry | Past]) -> dict[str, Fate]:
    found = dict(fates)
    for entry in since:
        for event in entry.events:
            if isinstance(event, LotExpired | LotActivated | PointsClawedBack) and event.lot in found:
                found[event.lot] = after_event(found[event.lot], event.lot, event)
    return found


def _at_first(award: PointsEarned, recorded_at: datetime) -> Fate:
    """What becomes of an award in its own entry: points count for tiers once they are available."""
    at_once = award.available_at is not None and award.available_at <= recorded_at
    return Fate(counted=award.points if at_once else 0)


def circumstances_of(entry: Entry, timeline: Timeline, history: StreamHistory | None = None) -> Circumstances:
    """The circumstances an entry was decided under, from its pins."""
    return Circumstances(
        program=entry.program,
        zone=entry.pins.zone,
        recorded_at=entry.recorded_at,
        timeline=timeline.cut(entry.pins.timeline),
        offsets=recorded_offsets(entry.pins.offsets),
        history=history,
        taken=taken_of(entry),
    )


def taken_of(entry: Entry | Past) -> Taken:
    """What the decision knew of quantities that all members share."""
    return recorded_taken(entry.facts.get("taken", {}))


def redecide(
    entries: Iterable[Entry], timeline: Timeline, watch: Callable[[Member, Entry], None] | None = None
) -> Iterator[Difference]:
    """Decide each entry of a member's stream again and compare events, instant and balances.

    `watch` is shown the member after each entry, folded from the recorded events.
    """
    member = Member()
    so_far: list[Entry] = []
    history = StreamHistory(so_far)
    for entry in entries:
        yield _compare(member, entry, timeline, history)
        fold(member, entry)
        so_far.append(entry)
        if watch is not None:
            watch(member, entry)


def _compare(member: Member, entry: Entry, timeline: Timeline, history: StreamHistory) -> Difference:
    if entry.pins.engine != ENGINE:
        return Difference(entry.version, "older_engine", f"engine {entry.pins.engine}")
    for number, digest in entry.pins.rulebooks.items():
        if number > len(timeline.published) or timeline.published[number - 1].digest != digest:
            return Difference(entry.version, "different", f"rulebook {number} is not the one that was pinned")
    circumstances = circumstances_of(entry, timeline, history)
    command = entry.input if entry.input is not None else Settle()
    try:
        decision = decide(command, member, circumstances)  # type: ignore[arg-type]
    except TakenNeeded as needed:
        return Difference(entry.version, "different", f"its facts do not tell what was taken of {needed}")
    except (Refused, KeyError, LookupError) as error:
        return Difference(entry.version, "different", f"now refused: {error}")
    if encoded(decision.events) != encoded(entry.events):
        return Difference(entry.version, "different", "events differ")
    if encoded(decision.takes) != encoded(entry.takes):
        return Difference(entry.version, "different", "what it takes of shared quantities differs")
    if decision.at != entry.at or decision.settled != entry.settled:
        return Difference(entry.version, "different", "the decision instant differs")
    if encoded(after(decision.member, entry.recorded_at)) != encoded(entry.after):
        return Difference(entry.version, "different", "balances differ")
    return Difference(entry.version, "equal")
