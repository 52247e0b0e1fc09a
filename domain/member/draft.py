"""What a decision stands on, and the sheet it is written on."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from domain.calendar import Offsets
from domain.member.commands import RecordActivity
from domain.member.events import (
    BadgeGranted,
    Draw,
    MemberEventUnion,
    OfferAssigned,
    OfferProgressed,
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    ReferralConverted,
    ScoreCounted,
)
from domain.member.outcomes import Story
from domain.member.redemptions import Redemption
from domain.member.state import Lot, Member, Stamp, evolve
from domain.rules.compiled import CompiledRulebook
from domain.rules.timeline import Timeline
from domain.takes import Take, Taken

if TYPE_CHECKING:
    from domain.member.activities import Evaluated


class Fate(msgspec.Struct, frozen=True):
    """What became of an award's points: how many expired, how many count for tiers; less what returns took."""

    expired: int = 0
    counted: int = 0


class Given(msgspec.Struct, frozen=True):
    """An award of entry `version`: what became of it since, what returns took of it and of its counters.

    One that a correction granted drew on nothing that members share.
    """

    version: int
    rulebook: int
    award: PointsEarned
    fate: Fate = Fate()
    taken: int = 0
    back: dict[str, int] = {}
    corrected: bool = False

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
    `progressed` is what it counted for slots of offers, `assigned` the slots it opened, `corrected` the lots that
    corrections granted for it, which drew on nothing that members share.
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
    corrected: frozenset[str] = frozenset()


class Told(msgspec.Struct, frozen=True):
    """The decision is told again in its place: ruled by the version it pinned, learned of when it was recorded.

    What was accepted is not refused again, and what time brought stays as it was.
    """

    rulebook: int
    learned_at: datetime


class Retold(msgspec.Struct, frozen=True):
    """A stream in two stories: as it was recorded, and as it would have been with a late activity in its place.

    `member` is the member of the second one, settled now; `after` the entries of the activities that come after
    the late one, in order; `evaluated` and `events` are those of the late one; `takes` what the second story takes
    of shared quantities beyond the first.
    """

    recorded: Story
    told: Story
    member: Member
    after: tuple[int, ...]
    evaluated: "Evaluated"
    events: tuple[MemberEventUnion, ...]
    takes: tuple[Take, ...]


class Spend(msgspec.Struct, frozen=True):
    """Points that were spent, or taken by hand: which lots paid, what was owed for it, and what came back since.

    `share` is what it took of the money of an order that points may pay.
    """

    entry: int
    id: str
    currency: str
    rulebook: int
    draws: tuple[Draw, ...]
    debt: int = 0
    back: int = 0
    share: Take | None = None

    @property
    def points(self) -> int:
        return sum(draw.points for draw in self.draws) + self.debt


class PastLot(msgspec.Struct, frozen=True):
    """A lot that there ever was, with the end that it had last; `entry` is the last one that knew it open."""

    lot: Lot
    entry: int


class Seen(msgspec.Struct, frozen=True):
    """An activity, as far as it keeps lots alive."""

    type: str
    occurred_at: datetime
    recorded_at: datetime
    rulebook: int
    time_zone: str | None


class HistoryNeeded(Exception):
    """A decision looks at an earlier entry of the stream: read it and decide again."""


class History(Protocol):
    """The member's own stream, for decisions that look at one earlier entry."""

    def original(self, version: int) -> Original:
        """The activity of entry `version`. Raises NotInStream."""

    def badges(self, badge: str) -> Sequence[tuple[int, BadgeGranted]]:
        """Every time a badge was granted and not revoked, with the version of the entry."""

    def given(self, rule: str) -> Sequence[Given]:
        """What was ever granted under the name of a rule."""

    def retold(self, late: RecordActivity, rulebook: int, circumstances: "Circumstances") -> Retold | None:
        """The stream with a late activity in its place; None where nothing comes after it."""

    def place_of(self, late: RecordActivity, rulebook: int, under: "Circumstances") -> tuple[Member, "Circumstances"]:
        """The member just before a late activity, in its place, and the circumstances it is decided under there."""

    def adjustment(self, version: int) -> PointsAdjusted:
        """The adjustment of entry `version`."""

    def undone(self, version: int) -> bool:
        """Whether that adjustment was reversed, or cancelled while it was pending."""

    def gone(self, lot: str) -> tuple[int, int]:
        """How much of a lot expired, and how much of it repaid debt when it was activated."""

    def lapsed(self, lot: str) -> int:
        """How much of a lot expired and neither came back nor was taken back since."""

    def payments(self, source: str, order: str) -> Sequence[Spend]:
        """The redemptions that paid for an order."""

    def lots(self) -> dict[str, PastLot]:
        """Every lot that there ever was, by id."""

    def seen(self, version: int) -> Sequence[Seen]:
        """The activities of entry `version` and of those since."""

    def redemption(self, version: int) -> Redemption:
        """The redemption that entry `version` made, and what became of it. Raises NotInStream."""


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
    told: Told | None = None


class Draft:
    """Events so far, and the member as they leave it. The member given is copied, never changed."""

    def __init__(self, member: Member, circumstances: Circumstances, at: datetime) -> None:
        self.member = member.copy()
        self.circumstances = circumstances
        self.events: list[MemberEventUnion] = []
        self.takes: list[Take] = []
        self.promises: list[str] = []
        """What other streams are to be told, by kind of promise."""
        self.freed: list[str] = []
        """Codes of units that are held no more: another member may have them."""
        self.now = circumstances.recorded_at
        self.version = member.version + 1
        """The version that the entry being written will have."""
        self.at = at
        self.rulebook = 0
        self.edited = False
        """Whether what new versions of the rules say of what the member has stands in this draft already."""
        self._lots = 0
        self._slots = 0
        self._stamp = Stamp(self.version, at, self.now, 0)

    @property
    def learned_at(self) -> datetime:
        """When the program learned of what is decided: now, unless it is told again."""
        told = self.circumstances.told
        return self.now if told is None else told.learned_at

    def new_lot(self) -> str:
        """An id that is unique in the stream and the same whenever the entry is decided again."""
        self._lots += 1
        return f"{self.version}.{self._lots}"

    def new_slot(self) -> str:
        """The same for a slot of an offer."""
        self._slots += 1
        return f"{self.version}.{self._slots}"

    def record(self, event: MemberEventUnion) -> None:
        stamp = self._stamp
        if stamp.at is not self.at or stamp.rulebook != self.rulebook:
            stamp = self._stamp = Stamp(self.version, self.at, self.now, self.rulebook)
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
