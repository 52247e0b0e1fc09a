"""What a decision stands on, and the sheet it is written on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from domain.calendar import Offsets
from domain.member.commands import RecordActivity
from domain.member.events import (
    BadgeGranted,
    MemberEventUnion,
    OfferAssigned,
    OfferProgressed,
    PointsClawedBack,
    PointsEarned,
    ReferralConverted,
    ScoreCounted,
)
from domain.member.state import Member, Stamp, evolve
from domain.rules.compiled import CompiledRulebook
from domain.rules.timeline import Timeline
from domain.takes import Take, Taken


class Fate(msgspec.Struct, frozen=True):
    """What became of an award's points: how many expired, how many count for tiers; less what returns took."""

    expired: int = 0
    counted: int = 0


class Given(msgspec.Struct, frozen=True):
    """An award of entry `version`: what became of it since, what returns took of it and of its counters."""

    version: int
    rulebook: int
    award: PointsEarned
    fate: Fate = Fate()
    taken: int = 0
    back: dict[str, int] = {}

    @property
    def left(self) -> int:
        return self.award.points - self.taken

    def count(self, name: str) -> int:
        """What is left of what it added to a counter."""
        return self.award.counts.get(name, 0) + self.back.get(name, 0)

    def less(self, event: PointsClawedBack) -> "Given":
        """The same after a claw-back of it."""
        back = {name: self.back.get(name, 0) + step for name, step in event.counts.items()}
        return msgspec.structs.replace(self, taken=self.taken + event.points, back=self.back | back)


class Original(msgspec.Struct, frozen=True):
    """An earlier activity of the same stream: its entry, and the member just before that entry was decided.

    `fates` tells by lot what has become since of what it earned, `taken` what it saw of shared quantities;
    `progressed` is what it counted for slots of offers, `assigned` the slots it opened.
    """

    version: int
    recorded_at: datetime
    timeline: int
    rulebook: int
    command: RecordActivity
    day: int
    awards: tuple[PointsEarned, ...]
    counts: dict[str, int]
    scores: tuple[ScoreCounted, ...]
    converted: ReferralConverted | None
    before: Member
    fates: dict[str, Fate]
    taken: Taken
    progressed: tuple[OfferProgressed, ...] = ()
    assigned: tuple[OfferAssigned, ...] = ()


class HistoryNeeded(Exception):
    """A decision looks at an earlier entry of the stream: read it and decide again."""


class NotInStream(LookupError):
    """A decision looks at an entry that the stream does not have."""


class History(Protocol):
    """The member's own stream, for decisions that look at one earlier entry."""

    def original(self, version: int) -> Original:
        """The activity of entry `version`. Raises NotInStream."""

    def badges(self, badge: str) -> Sequence[tuple[int, BadgeGranted]]:
        """Every time a badge was granted and not revoked, with the version of the entry."""

    def given(self, rule: str) -> Sequence[Given]:
        """What was ever granted under the name of a rule."""


class Circumstances(msgspec.Struct, frozen=True):
    """All that a decision may know besides the command and the member.

    `recorded_at` is the program's clock and later than the member's last entry. `zone` is the program's time
    zone, which a rulebook may override. `taken` tells of quantities that all members share.
    """

    program: str
    zone: str
    recorded_at: datetime
    timeline: Timeline
    offsets: Offsets
    history: History | None = None
    taken: Taken = msgspec.field(default_factory=Taken)


class Draft:
    """Events so far, and the member as they leave it. The member given is copied, never changed."""

    def __init__(self, member: Member, circumstances: Circumstances, at: datetime) -> None:
        self.member = member.copy()
        self.circumstances = circumstances
        self.events: list[MemberEventUnion] = []
        self.takes: list[Take] = []
        self.promises: list[str] = []
        """What other streams are to be told, by kind of promise."""
        self.now = circumstances.recorded_at
        self.version = member.version + 1
        """The version that the entry being written will have."""
        self.at = at
        self.rulebook = 0
        self.edited = False
        """Whether what new versions of the rules say of what the member has stands in this draft already."""
        self._lots = 0
        self._slots = 0

    def new_lot(self) -> str:
        """An id that is unique in the stream and the same whenever the entry is decided again."""
        self._lots += 1
        return f"{self.version}.{self._lots}"

    def new_slot(self) -> str:
        """The same for a slot of an offer."""
        self._slots += 1
        return f"{self.version}.{self._slots}"

    def record(self, event: MemberEventUnion) -> None:
        stamp = Stamp(self.version, self.at, self.now, self.rulebook)
        evolve(self.member, event, stamp)
        self.events.append(event)

    def zone(self, book: CompiledRulebook, own: str | None = None) -> str:
        """The zone whose calendar counts, under the rulebook's policy; `own` is the activity's."""
        program = book.document.time_zone or self.circumstances.zone
        match book.document.zone_policy:
            case "utc":
                return "UTC"
            case "member":
                return self.member.time_zone or program
            case "activity":
                return own or program
            case _:
                return program

    def local_day(self, book: CompiledRulebook, zone: str, instant: datetime) -> int:
        """The local day (ordinal) of an instant; a day begins at the rulebook's `day_starts`."""
        return local_day(book, zone, instant, self.circumstances.offsets)


def local_day(book: CompiledRulebook, zone: str, instant: datetime, offsets: Offsets) -> int:
    local = instant + offsets.at(zone, instant)
    starts = book.document.day_starts
    if starts != "00:00" and f"{local:%H:%M}" < starts:
        return local.toordinal() - 1
    return local.toordinal()
