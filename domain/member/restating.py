"""A late activity in its place: what it earns there, and what that changes of what came after it.

The stream is told again with the late activity where it belongs (`domain/retelling.py`). What comes out differently
is written down beside the late activity, as of the activities it is about; what was recorded stays as it is.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from domain.member.bonuses import granted
from domain.member.clawback import claw_back
from domain.member.commands import RecordActivity
from domain.member.compensating import open_more, take_back_of
from domain.member.counters import require
from domain.member.draft import Draft, HistoryNeeded, Retold
from domain.member.events import (
    ActivityRecorded,
    ActivityRestated,
    BadgeRevoked,
    ExperimentAssigned,
    OfferAssigned,
    OfferCompleted,
    OfferProgressed,
    OfferReopened,
    OfferViewed,
    OfferWithdrawn,
    PointsEarned,
    Restated,
    RuleFailed,
    ScoreCounted,
    StreakMoved,
    TierRestated,
    TierStep,
)
from domain.member.lives import keep_alive
from domain.member.offers import offer_of, rule_name, slot_named
from domain.member.outcomes import Granted, Outcome, RuleName, SlotName, SlotOutcome
from domain.member.referrals import convert
from domain.member.slots import with_step
from domain.member.state import TierStanding
from domain.rules.compiled import CompiledRulebook

if TYPE_CHECKING:
    from domain.member.activities import Evaluated

_Name = TypeVar("_Name")


def with_late(draft: Draft, book: CompiledRulebook, command: RecordActivity) -> Retold | None:
    """The stream with an activity in its place, where that is before what was decided already. Raises HistoryNeeded."""
    member, at = draft.member, command.occurred_at
    late = any(last >= at for last in member.last.values())
    # Levels that began and ended before anybody looked are part of the story, too.
    unseen = bool(book.tiers) and member.recorded_at is not None and at <= member.recorded_at
    if not late and not unseen:
        return None
    history = draft.circumstances.history
    if history is None:
        raise HistoryNeeded("what came after a late activity")
    return history.retold(command, book.number, draft.circumstances)


def restate(draft: Draft, book: CompiledRulebook, command: RecordActivity, retold: Retold) -> "Evaluated":
    """Record a late activity, and compensate what it changes of later ones. How the rules saw it in its place."""
    told = retold.told.activities
    require(draft.member, min(told[one].day for one in (draft.version, *retold.after)))
    sheet = _Sheet(draft, retold)
    sheet.late(command)
    for version in retold.after:
        sheet.compare(version)
    sheet.offers()
    sheet.badges()
    sheet.streaks()
    sheet.tiers(book)
    draft.takes += retold.takes
    return retold.evaluated


class _Sheet:
    """Writes what one story has beyond the other."""

    def __init__(self, draft: Draft, retold: Retold) -> None:
        self.draft = draft
        self.retold = retold
        self.recorded, self.told = retold.recorded, retold.told
        self.zone = retold.evaluated.zone
        self.compared = {draft.version, *retold.after}

    def restated(self, version: int) -> Restated | None:
        """What says that a fact is about the activity of another entry than this one."""
        return None if version == self.draft.version else self.told.activities[version].restated

    # --- the late one --------------------------------------------------------------------------

    def late(self, command: RecordActivity) -> None:
        """The late activity itself, as it was decided in its place."""
        draft, mine = self.draft, self.told.activities[self.draft.version]
        noted = next(event for event in self.retold.events if isinstance(event, ActivityRecorded))
        draft.record(noted)
        more = _beyond(mine.counts, noted.counts)
        if more:
            draft.record(_header(mine, more))
        own = {id(award) for granted in mine.granted.values() for award in granted.awards}
        for event in self.retold.events:
            if (
                isinstance(event, RuleFailed)
                or (isinstance(event, ScoreCounted) and event.activity is None)
                or (isinstance(event, ExperimentAssigned) and event.experiment not in draft.member.arms)
            ):
                draft.record(event)
            elif isinstance(event, PointsEarned) and id(event) in own:
                self.open(event, event.points, event.wanted, event.counts, draft.version)
        keep_alive(draft, command.type, command.occurred_at, self.zone)
        if draft.member.referred is not None:
            convert(draft, command, mine.day, self.zone)

    # --- awards --------------------------------------------------------------------------------

    def compare(self, version: int) -> None:
        """An activity that came after the late one: what its rules grant more, or less."""
        was, told = self.recorded.activities[version], self.told.activities[version]
        counts = _beyond(told.counts, was.counts)
        names = sorted(was.granted.keys() | told.granted.keys())
        changes: list[tuple[RuleName, Granted, Granted, dict[str, int]]] = []
        for name in names:
            before, after = was.granted.get(name, Granted()), told.granted.get(name, Granted())
            beyond = _beyond(after.counts, before.counts)
            if after.points != before.points:
                changes.append((name, before, after, beyond))
            else:
                counts |= beyond
        scores = _beyond(told.scores, was.scores)
        if not counts and not changes and not scores:
            return
        self.draft.record(_header(told, counts))
        for (rule, currency), before, after, beyond in changes:
            more = after.points - before.points
            if more < 0:
                take_back_of(self.draft, rule, currency, -more, beyond, version, self.restated(version))
            else:
                wanted = max(more, after.wanted - before.wanted)
                self.open(after.awards[0], more, wanted, beyond, version)
        for (leaderboard, board, period), score in scores.items():
            self.draft.record(
                ScoreCounted(
                    leaderboard=leaderboard,
                    board=board,
                    period=period,
                    day=told.day,
                    score=score,
                    activity=version,
                )
            )

    def open(
        self,
        award: PointsEarned,
        points: int,
        wanted: int,
        counts: dict[str, int],
        version: int,
        lot: str | None = None,
    ) -> None:
        """Open a lot that lives as the award of the other story does."""
        award = msgspec.structs.replace(
            award, lot=lot or self.draft.new_lot(), points=points, wanted=wanted, counts=counts
        )
        open_more(self.draft, award, self.told.activities[version].at, self.zone, self.restated(version))

    # --- offers --------------------------------------------------------------------------------

    def offers(self) -> None:
        """What each slot counts, and what it gave or gives: taken back first, then given."""
        both = [name for name in self.recorded.slots if name in self.told.slots]
        gone = [name for name in self.recorded.slots if name not in self.told.slots and name[0] in self.compared]
        for name in (*both, *gone):
            was = self.recorded.slots[name]
            completed = self.told.slots[name].completed if name in self.told.slots else 0
            if was.completed != completed and was.completed in self.compared:
                self.reopen(was)
        for name in gone:
            slot = slot_named(self.draft.member, self.recorded.slots[name].opened.slot)
            if slot is not None and not slot.uses and not slot.completed:
                self.draft.record(OfferWithdrawn(slot=slot.id, offer=slot.offer, day=self.told.activities[name[0]].day))
        for name in sorted(self.told.slots, key=lambda one: (self.told.slots[one].opened.assigned_at, one)):
            if name in self.recorded.slots or name[0] in self.compared:
                self.slot(name)

    def reopen(self, was: SlotOutcome) -> None:
        version, slot = was.completed, was.opened.slot
        about = self.told.activities[version].restated
        self.draft.record(OfferReopened(slot=slot, offer=was.opened.offer, activity=version, restated=about))
        for given in granted(self.draft, rule_name(was.opened.offer)) if was.lot else ():
            if given.award.lot == was.lot:
                book = self.draft.circumstances.timeline.version(given.rulebook)
                policy = book.document.currencies[given.award.currency]
                claw_back(self.draft, policy, given, given.left, {}, about)

    def slot(self, name: SlotName) -> None:
        """One slot of the story that was told: opened, seen, counted for and completed as it is there."""
        draft, told = self.draft, self.told.slots[name]
        was = self.recorded.slots.get(name)
        opened = was.opened if was is not None else self.assign(told)
        slot, offer = opened.slot, opened.offer
        if told.viewed_at is not None and (was is None or was.viewed_at != told.viewed_at):
            draft.record(OfferViewed(slot=slot, offer=offer, at=told.viewed_at))
        before = was.steps if was is not None else {}
        for version, period in sorted({*before, *told.steps}, key=lambda one: (one[0], one[1] or 0)):
            step = told.steps.get((version, period), 0) - before.get((version, period), 0)
            if step and version in self.compared:
                self.progress(slot, version, period, step)
        if told.completed and told.completed in self.compared and (was is None or was.completed != told.completed):
            award = self.told.rewards.get(told.lot)
            lot = draft.new_lot() if award is not None else ""
            restated = self.restated(told.completed)
            draft.record(OfferCompleted(slot=slot, offer=offer, lot=lot, restated=restated))
            if award is not None:
                self.open(award, award.points, award.wanted, award.counts, told.completed, lot)

    def assign(self, told: SlotOutcome) -> OfferAssigned:
        restated = self.restated(told.origin)
        rulebook = told.opened.rulebook or self.told.activities[told.origin].rulebook
        own = self.draft.rulebook if restated is None else restated.rulebook
        event = msgspec.structs.replace(
            told.opened,
            slot=self.draft.new_slot(),
            rulebook=rulebook if rulebook != own else 0,
            restated=restated,
        )
        self.draft.record(event)
        return event

    def progress(self, name: str, version: int, period: int | None, step: int) -> None:
        slot = slot_named(self.draft.member, name)
        assert slot is not None, f"slot {name} is withdrawn"
        progress = slot.progress + step
        goal = offer_of(self.draft, slot).goal
        if period is not None and goal is not None:
            progress = goal.progress(with_step(slot.periods, period, step))
        self.draft.record(
            OfferProgressed(
                slot=slot.id,
                offer=slot.offer,
                step=step,
                progress=progress,
                period=period,
                restated=self.restated(version),
            )
        )

    # --- where the member stands ---------------------------------------------------------------

    def badges(self) -> None:
        for name, (version, event) in sorted(self.recorded.badges.items()):
            told = self.told.badges.get(name)
            if version in self.compared and (told is None or told[0] != version):
                back = {counter: -step for counter, step in event.counts.items()}
                self.draft.record(BadgeRevoked(badge=event.badge, period=event.period, day=event.day, counts=back))
        for name, (version, event) in sorted(self.told.badges.items()):
            was = self.recorded.badges.get(name)
            if version in self.compared and (was is None or was[0] != version):
                self.draft.record(msgspec.structs.replace(event, restated=self.restated(version)))

    def streaks(self) -> None:
        member = self.draft.member
        for name, told in sorted(self.retold.member.streaks.items()):
            if member.streaks.get(name) != told:
                self.draft.record(
                    StreakMoved(
                        streak=name,
                        day=self.told.activities[self.draft.version].day,
                        current=told.current,
                        longest=told.longest,
                        previous=told.previous,
                        first=told.first,
                        last=told.last,
                        at=told.at,
                        zone=told.zone,
                        reason="late",
                    )
                )

    def tiers(self, book: CompiledRulebook) -> None:
        member = self.draft.member
        for name in sorted(member.tiers.keys() | self.retold.member.tiers.keys()):
            was = member.tiers.get(name, TierStanding())
            told = self.retold.member.tiers.get(name, TierStanding())
            if was == told:
                continue
            shared = 0
            while was.path[shared : shared + 1] and was.path[shared : shared + 1] == told.path[shared : shared + 1]:
                shared += 1
            apart = [step[0] for step in (*was.path[shared : shared + 1], *told.path[shared : shared + 1])]
            at = min(apart, default=told.since or self.draft.at)
            self.draft.record(
                TierRestated(
                    set=name,
                    from_=was.level,
                    to=told.level,
                    at=at,
                    rulebook=book.number,
                    path=tuple(TierStep(*step) for step in told.path if step[0] >= at),
                    since=told.since,
                    valid_until=told.valid_until,
                    grace=told.grace,
                    upgrade_at=told.upgrade_at,
                    beneath=told.beneath,
                    own_since=told.own_since,
                )
            )


def _header(told: Outcome, counts: dict[str, int]) -> ActivityRestated:
    return ActivityRestated(activity=told.version, at=told.at, rulebook=told.rulebook, day=told.day, counts=counts)


def _beyond(told: Mapping[_Name, int], was: Mapping[_Name, int]) -> dict[_Name, int]:
    """By how much the first exceeds the second, where it does or falls short."""
    found = {name: told.get(name, 0) - was.get(name, 0) for name in (*told, *(one for one in was if one not in told))}
    return {name: step for name, step in found.items() if step}
