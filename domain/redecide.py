"""Decide recorded inputs again, against the state of their moment and the rules they pinned.

One function serves audits (no change: every outcome must come out byte for byte), corrections and
what-if. It reads the stream and the rulebooks it pins, nothing else, so streams can be taken in any order and
by any number of processes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from domain.absorbed import (
    absorbed,
    entry_of,
    how_many,
    moved_adjustment,
    moved_given,
    moved_lot,
    moved_original,
    moved_redemption,
    moved_spend,
    whose,
)
from domain.calendar import NotPinned, recorded_offsets
from domain.errors import Refused
from domain.log import ENGINE, Entry, NotInStream, after, encoded, fold
from domain.member import lookback
from domain.member.clawback import after_event
from domain.member.closing import moved_key
from domain.member.commands import AbsorbMember, Past, RecordActivity, Settle
from domain.member.decide import decide
from domain.member.draft import Circumstances, Fate, Given, Original, PastLot, Retold, Seen, Spend
from domain.member.events import (
    ActivityRecorded,
    ActivityRestated,
    BadgeGranted,
    BadgeRevoked,
    HoldConfirmed,
    HoldReleased,
    LotActivated,
    LotExpired,
    LotsReinstated,
    OfferAssigned,
    OfferCompleted,
    OfferProgressed,
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsGivenBack,
    RedemptionReturned,
    ReferralConverted,
    ScoreCounted,
)
from domain.member.redemptions import Redemption, redemption_of, redemption_since
from domain.member.state import Member, evolve
from domain.retelling import Retelling
from domain.rules.compiled import NoSuchCurrency
from domain.rules.rewards import ISSUED_CODE
from domain.rules.timeline import Timeline
from domain.takes import Taken, TakenNeeded, recorded_taken

_MARK = 32


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

    @property
    def entries(self) -> list[Entry]:
        """Those of the stream itself, which is no absorbed one."""
        return [entry for entry in self._entries if isinstance(entry, Entry)]

    def of(self, entries: list[Entry]) -> "StreamHistory":
        """The history of the same stream with other entries, which may stand in another order."""
        return _Unordered(entries)

    def member_before(self, number: int) -> Member:
        """The member before the entry at this place in the list, to write in."""
        return self._before(number)

    def retold(self, late: RecordActivity, rulebook: int, circumstances: Circumstances) -> Retold | None:
        retelling = Retelling(self, late, rulebook, circumstances)
        return retelling.told_to_the_end() if retelling.tells_more else None

    def place_of(self, late: RecordActivity, rulebook: int, under: Circumstances) -> tuple[Member, Circumstances]:
        return Retelling(self, late, rulebook, under).until_late()

    def original(self, version: int) -> Original:
        if version < 0:
            number, history, theirs, before = self._theirs(version)
            found = moved_original(history.original(theirs), before)
            return msgspec.structs.replace(found, fates=_later(found.fates, self._entries[number:]))
        number = self._number(version)
        return _original(self._entries[number], self._before(number), self._entries[number:])

    def redemption(self, version: int) -> Redemption:
        if version < 0:
            number, history, theirs, before = self._theirs(version)
            return redemption_since(moved_redemption(history.redemption(theirs), before), self._entries[number:])
        number = self._number(version)
        return redemption_of(self._entries[number], self._before(number), self._entries[number + 1 :])

    def adjustment(self, version: int) -> PointsAdjusted:
        if version < 0:
            _, history, theirs, before = self._theirs(version)
            return moved_adjustment(history.adjustment(theirs), before)
        return lookback.adjustment(self._entries[self._number(version)])

    def undone(self, version: int) -> bool:
        if version < 0:
            _, history, theirs, _ = self._theirs(version)
            if history.undone(theirs):
                return True
        return lookback.undone(self._entries, self.adjustment(version).adjustment, version)

    def gone(self, lot: str) -> tuple[int, int]:
        expired, repaid = lookback.gone(self._entries, lot)
        if entry_of(lot) < 0:
            _, history, theirs, _ = self._theirs(entry_of(lot))
            earlier = history.gone(f"{theirs}.{lot.partition('.')[2]}")
            return expired + earlier[0], repaid + earlier[1]
        return expired, repaid

    def lapsed(self, lot: str) -> int:
        expired = lookback.lapsed(self._entries, lot)
        if entry_of(lot) < 0:
            _, history, theirs, _ = self._theirs(entry_of(lot))
            expired += history.lapsed(f"{theirs}.{lot.partition('.')[2]}")
        return expired

    def payments(self, source: str, order: str) -> list[Spend]:
        theirs = [
            moved_spend(spend, before)
            for _, command, before in absorbed(self._entries)
            for spend in StreamHistory(command.past).payments(source, order)
        ]
        return lookback.payments(self._entries, source, order, theirs)

    def lots(self) -> dict[str, PastLot]:
        found: dict[str, PastLot] = {}
        for _, command, before in absorbed(self._entries):
            theirs = (moved_lot(past, before) for past in StreamHistory(command.past).lots().values())
            found |= {past.lot.id: past for past in theirs}
        return found | lookback.lots_ever(self._entries)

    def seen(self, version: int) -> list[Seen]:
        if version < 0:
            number, history, theirs, _ = self._theirs(version)
            return [*history.seen(theirs), *lookback.seen(self._entries[number:])]
        return lookback.seen(self._entries[self._number(version) :])

    def given(self, rule: str) -> list[Given]:
        found: dict[str, Given] = {}
        before = 0
        for entry in self._entries:
            if isinstance(entry.input, AbsorbMember):
                theirs = (moved_given(one, before) for one in StreamHistory(entry.input.past).given(rule))
                found |= {one.award.lot: one for one in theirs}
                before += how_many(entry.input)
            for event in entry.events:
                match event:
                    case PointsEarned() if event.rule == rule and event.points:
                        fate = _at_first(event, entry.recorded_at)
                        by = event.restated
                        version, rulebook = (by.activity, by.rulebook) if by else (entry.version, entry.pins.rulebook)
                        found[event.lot] = Given(version, rulebook, event, fate, corrected=_is_corrected(entry, event))
                    case LotExpired() | LotActivated() | PointsClawedBack() if event.lot in found:
                        given = found[event.lot]
                        if isinstance(event, PointsClawedBack):
                            given = given.less(event)
                        fate = after_event(given.fate, event.lot, event)
                        found[event.lot] = msgspec.structs.replace(given, fate=fate)
                    case PointsGivenBack() | LotsReinstated():
                        for lot, given in found.items():
                            found[lot] = msgspec.structs.replace(given, fate=after_event(given.fate, lot, event))
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
                before += how_many(entry.input)
                continue
            for event in entry.events:
                if isinstance(event, BadgeGranted) and event.badge == badge:
                    by = event.restated
                    found[event.period] = (by.activity if by else entry.version, event)
                elif isinstance(event, BadgeRevoked) and event.badge == badge:
                    found.pop(event.period, None)
        return list(found.values())

    def _theirs(self, version: int) -> tuple[int, "StreamHistory", int, int]:
        """Where an absorbed member came in, its history, the number that it had there, how many came in before it."""
        (number, command, before), theirs = whose(self._entries, version)
        return number, StreamHistory(command.past), theirs, before

    def _number(self, version: int) -> int:
        number = bisect_left(self._entries, version, key=lambda entry: entry.version)
        if number == len(self._entries) or self._entries[number].version != version:
            raise NotInStream(f"entry {version} is not in this stream")
        return number

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


class _Unordered(StreamHistory):
    """Entries that need not stand in the order of their versions."""

    def _number(self, version: int) -> int:
        for number, entry in enumerate(self._entries):
            if entry.version == version:
                return number
        raise NotInStream(f"entry {version} is not in this stream")


def _original(entry: Entry | Past, before: Member, since: Sequence[Entry | Past]) -> Original:
    assert isinstance(entry.input, RecordActivity)
    # What time had made true by then comes first in the entry, and the decision saw it.
    for event in entry.events[: entry.settled]:
        evolve(before, event, entry.stamp)  # type: ignore[arg-type]
    recorded = next(event for event in entry.events if isinstance(event, ActivityRecorded))
    own = _with_restated(entry, since)
    # What offers gave goes back with their slots, not with this activity.
    given = {event.lot for event in own if isinstance(event, OfferCompleted)}
    awards = tuple(_left_of(event, own) for event in own if isinstance(event, PointsEarned) and event.lot not in given)
    counts = dict(recorded.counts)
    for moved in own:
        if isinstance(moved, ActivityRestated):
            counts |= {name: counts.get(name, 0) + step for name, step in moved.counts.items()}
    return Original(
        version=entry.version,
        recorded_at=entry.recorded_at,
        timeline=entry.pins.timeline,
        rulebook=entry.pins.rulebook,
        command=entry.input,
        day=recorded.day,
        awards=tuple(award for award in awards if award.points),
        counts=counts,
        scores=tuple(event for event in entry.events if isinstance(event, ScoreCounted) and event.activity is None),
        converted=next((event for event in entry.events if isinstance(event, ReferralConverted)), None),
        before=before,
        fates=_fates(awards, entry.recorded_at, since),
        taken=taken_of(entry),
        progressed=_progressed(own),
        assigned=tuple(event for event in own if isinstance(event, OfferAssigned)),
        corrected=_corrected(since),
    )


def _with_restated(entry: Entry | Past, since: Sequence[Entry | Past]) -> list[object]:
    """What an activity's own entry says about it, and what later ones do."""
    own: list[object] = [
        event
        for event in entry.events[entry.settled :]
        if getattr(event, "restated", None) is None and not isinstance(event, ActivityRestated)
    ]
    for later in since:
        for event in later.events:
            about = event if isinstance(event, ActivityRestated) else getattr(event, "restated", None)
            if about is not None and about.activity == entry.version:
                own.append(event)
    return own


def _corrected(since: Iterable[Entry | Past]) -> frozenset[str]:
    """Lots that were granted for earlier activities by no late one: a past entry no longer says what asked for it."""
    return frozenset(
        event.lot
        for later in since
        for event in later.events
        if isinstance(event, PointsEarned) and _is_corrected(later, event)
    )


def _is_corrected(entry: Entry | Past, award: PointsEarned) -> bool:
    return award.restated is not None and not isinstance(entry.input, RecordActivity)


def _left_of(award: PointsEarned, own: Iterable[object]) -> PointsEarned:
    """An award without what restatements took of it."""
    for event in own:
        if isinstance(event, PointsClawedBack) and event.lot == award.lot:
            counts = {name: award.counts.get(name, 0) + event.counts.get(name, 0) for name in award.counts}
            award = msgspec.structs.replace(award, points=award.points - event.points, counts=counts)
    return award


def _progressed(own: Iterable[object]) -> tuple[OfferProgressed, ...]:
    """What an activity counted for each slot."""
    found: dict[str, OfferProgressed] = {}
    for event in own:
        if isinstance(event, OfferProgressed):
            before = found[event.slot].step if event.slot in found else 0
            found[event.slot] = msgspec.structs.replace(event, step=before + event.step)
    return tuple(event for event in found.values() if event.step)


def _fates(awards: Iterable[PointsEarned], recorded_at: datetime, since: Sequence[Entry | Past]) -> dict[str, Fate]:
    """By lot: what has become of the awards in the entries since."""
    return _later({award.lot: _at_first(award, recorded_at) for award in awards}, since)


def _later(fates: dict[str, Fate], since: Sequence[Entry | Past]) -> dict[str, Fate]:
    found = dict(fates)
    for entry in since:
        for event in entry.events:
            if isinstance(event, LotExpired | LotActivated | PointsClawedBack) and event.lot in found:
                found[event.lot] = after_event(found[event.lot], event.lot, event)
            elif (
                isinstance(event, PointsGivenBack | HoldConfirmed | HoldReleased | RedemptionReturned) and event.expired
            ) or isinstance(event, LotsReinstated):
                found = {lot: after_event(fate, lot, event) for lot, fate in found.items()}
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
    except (Refused, NotInStream, NoSuchCurrency, NotPinned) as error:
        return Difference(entry.version, "different", f"now refused: {error}")
    if encoded(decision.events) != encoded(entry.events):
        return Difference(entry.version, "different", "events differ")
    if encoded(decision.takes) != encoded(entry.takes):
        return Difference(entry.version, "different", "what it takes of shared quantities differs")
    if decision.freed != tuple(claim.key for claim in entry.releases if claim.kind == ISSUED_CODE):
        return Difference(entry.version, "different", "the codes that it gives up differ")
    if decision.at != entry.at or decision.settled != entry.settled:
        return Difference(entry.version, "different", "the decision instant differs")
    if encoded(after(decision.member, entry.recorded_at)) != encoded(entry.after):
        return Difference(entry.version, "different", "balances differ")
    return Difference(entry.version, "equal")
