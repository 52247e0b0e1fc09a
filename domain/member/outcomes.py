"""What came of a member's activities: gathered from events, whatever entries they stand in.

An activity's outcome is what its own entry gave, with what returns took back and what later entries restated. So
one story of a stream, as it was recorded, can be compared with another, as it would have been.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from domain.member.events import (
    ActivityRecorded,
    ActivityRestated,
    ActivityReversed,
    BadgeGranted,
    BadgeRevoked,
    OfferAssigned,
    OfferCompleted,
    OfferProgressed,
    OfferReopened,
    OfferViewed,
    OfferWithdrawn,
    PointsClawedBack,
    PointsEarned,
    Restated,
    ScoreCounted,
    StreakMoved,
)

RuleName = tuple[str, str]
"""(rule, currency)."""
SlotName = tuple[int, str, int]
"""(entry of the activity that assigned it, offer, its number among those): the same in every story."""
Board = tuple[str, str, str]
"""(leaderboard, board, period)."""


class Granted(msgspec.Struct):
    """What one rule gave for one activity, all in all; `awards` are its lots as they were opened."""

    points: int = 0
    wanted: int = 0
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    awards: list[PointsEarned] = msgspec.field(default_factory=list)

    def add(self, points: int, counts: dict[str, int]) -> None:
        self.points += points
        for name, step in counts.items():
            self.counts[name] = self.counts.get(name, 0) + step


class Outcome(msgspec.Struct):
    """What came of one activity. `counts` are the counters that it moves beside those of its awards."""

    version: int
    at: datetime
    rulebook: int
    day: int
    counts: dict[str, int]
    granted: dict[RuleName, Granted] = msgspec.field(default_factory=dict)
    scores: dict[Board, int] = msgspec.field(default_factory=dict)
    places: dict[Board, tuple[int, ...]] = msgspec.field(default_factory=dict)

    @property
    def restated(self) -> Restated:
        return Restated(self.version, self.at, self.rulebook)

    def count(self, counts: dict[str, int]) -> None:
        for name, step in counts.items():
            self.counts[name] = self.counts.get(name, 0) + step


class SlotOutcome(msgspec.Struct):
    """What came of one slot: what each activity counted for it (by period, where its goal has some)."""

    opened: OfferAssigned
    origin: int
    viewed_at: datetime | None = None
    steps: dict[tuple[int, int | None], int] = msgspec.field(default_factory=dict)
    completed: int = 0
    """The entry of the activity that completed it; 0: none has."""
    lot: str = ""
    uses: int = 0


class Story:
    """The outcomes of a stream, entry after entry."""

    def __init__(self) -> None:
        self.activities: dict[int, Outcome] = {}
        self.slots: dict[SlotName, SlotOutcome] = {}
        self.badges: dict[tuple[str, str], tuple[int, BadgeGranted]] = {}
        self.rewards: dict[str, PointsEarned] = {}
        """Lots that offers gave, which go with their slots."""
        self._lots: dict[str, tuple[int, RuleName]] = {}
        self._offered: set[str] = set()
        self._names: dict[str, SlotName] = {}

    def add(self, version: int, rulebook: int, events: Iterable[object]) -> None:
        for event in events:
            match event:
                case ActivityRecorded():
                    self.activities[version] = Outcome(
                        version, event.occurred_at, rulebook, event.day, dict(event.counts)
                    )
                case ActivityRestated() | ActivityReversed() if event.activity in self.activities:
                    self.activities[event.activity].count(event.counts)
                case StreakMoved() if version in self.activities:
                    self.activities[version].count(event.counts)
                case PointsEarned():
                    self._earned(version, event)
                case PointsClawedBack() if event.lot in self._lots:
                    origin, name = self._lots[event.lot]
                    self.activities[origin].granted[name].add(-event.points, event.counts)
                case ScoreCounted():
                    self._scored(version, event)
                case BadgeGranted():
                    self.badges[event.badge, event.period] = (_origin(event.restated, version), event)
                case BadgeRevoked():
                    self.badges.pop((event.badge, event.period), None)
                case OfferAssigned():
                    self._assigned(version, event)
                case OfferViewed() | OfferProgressed() | OfferCompleted() | OfferReopened() if (
                    event.slot in self._names
                ):
                    self._slot(self.slots[self._names[event.slot]], version, event)
                case OfferWithdrawn() if event.slot in self._names:
                    del self.slots[self._names.pop(event.slot)]
                case _:
                    pass

    def _earned(self, version: int, event: PointsEarned) -> None:
        origin = _origin(event.restated, version)
        if event.lot in self._offered:
            self.rewards[event.lot] = event
        elif event.occasion is None and origin in self.activities:
            name = (event.rule, event.currency)
            granted = self.activities[origin].granted.setdefault(name, Granted())
            granted.add(event.points, event.counts)
            granted.wanted += event.wanted
            granted.awards.append(event)
            self._lots[event.lot] = (origin, name)

    def _scored(self, version: int, event: ScoreCounted) -> None:
        outcome = self.activities.get(version if event.activity is None else event.activity)
        if outcome is not None:
            board = (event.leaderboard, event.board, event.period)
            outcome.scores[board] = outcome.scores.get(board, 0) + event.score
            if event.activity is None:
                outcome.places[board] = event.places

    def _assigned(self, version: int, event: OfferAssigned) -> None:
        origin = _origin(event.restated, version)
        number = sum(1 for entry, offer, _ in self.slots if (entry, offer) == (origin, event.offer))
        name = self._names[event.slot] = (origin, event.offer, number)
        self.slots[name] = SlotOutcome(event, origin)

    def _slot(
        self,
        slot: SlotOutcome,
        version: int,
        event: OfferViewed | OfferProgressed | OfferCompleted | OfferReopened,
    ) -> None:
        match event:
            case OfferViewed():
                slot.viewed_at = event.at
            case OfferProgressed():
                origin = event.activity if event.activity is not None else _origin(event.restated, version)
                key = (origin, event.period)
                slot.steps[key] = slot.steps.get(key, 0) + event.step
            case OfferCompleted():
                slot.completed, slot.lot = _origin(event.restated, version), event.lot
                self._offered.add(event.lot)
            case OfferReopened():
                slot.completed, slot.lot = 0, ""


def _origin(restated: Restated | None, version: int) -> int:
    """The entry of the activity that an event is about."""
    return restated.activity if restated is not None else version
