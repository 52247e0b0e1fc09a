"""The member as the next decision needs it, and `evolve`, which folds facts into it.

`Member` is an account book: `evolve` writes in it, `decide` works on a copy of it. What stands in it are values,
which are replaced and never changed, so that a copy has them in common with its original. `evolve` runs no rule,
refuses nothing and knows no clock.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, assert_never

import msgspec
from msgspec.structs import asdict, replace

from domain.calendar import month_of
from domain.member.closing import ClosedPool
from domain.member.events import (
    ActivityRecorded,
    ActivityRestated,
    ActivityReversed,
    AdjustmentReversed,
    BadgeGranted,
    BadgeRevoked,
    CodeRedeemed,
    Draw,
    ExperimentAssigned,
    HoldConfirmed,
    HoldReleased,
    HouseholdChanged,
    HouseholdDissolved,
    HouseholdFormed,
    HouseholdJoined,
    HouseholdLeft,
    HouseholdSpent,
    Idle,
    IssuedCodeUsed,
    LineReturned,
    LotActivated,
    LotExpired,
    LotsReinstated,
    LotsRescheduled,
    MemberAbsorbed,
    MemberChanged,
    MemberEnrolled,
    MemberErased,
    MemberEventUnion,
    MemberMerged,
    MemberReferred,
    MemberSeated,
    MemberStatusChanged,
    OccasionPlanned,
    OccasionReached,
    OfferAssigned,
    OfferClosed,
    OfferCompleted,
    OfferProgressed,
    OfferReopened,
    OfferViewed,
    OfferWithdrawn,
    OpenLot,
    OwnLevel,
    Part,
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsGivenBack,
    PointsHeld,
    PointsReceived,
    PointsRedeemed,
    PointsSent,
    RedemptionReturned,
    ReferralCodeIssued,
    ReferralConverted,
    ReferralReversed,
    ReferralRewarded,
    ReferralTakenBack,
    RewardIssued,
    RewardReleased,
    RewardReserved,
    RuleFailed,
    ScoreCounted,
    SeatVacated,
    SegmentChanged,
    StreakMoved,
    TierChanged,
    TierFloorSet,
    TierGraceBegan,
    TierHeld,
    TierRenewed,
    TierRestated,
    TierUpgradePlanned,
)
from domain.member.games import BadgeStanding, Referred, StreakStanding
from domain.member.lots import Lots
from domain.member.pool import Origin, Pool, Seat, SetAside
from domain.member.slots import Slot, changed, opened
from domain.takes import Take

BY_HAND = "adjustment"
"""What stands for the rule of a lot that an operator opened."""

TRANSFERRED = "transfer"
"""What stands for the rule of a lot that another member gave."""


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """What the entry says around its events."""

    version: int
    at: datetime
    recorded_at: datetime
    rulebook: int


class Lot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Points that came together and end together. `remaining` is what has not been spent, taken or expired.

    Packed by place, not by name: most of a hot row is lots.
    """

    id: str
    currency: str
    points: int
    remaining: int
    occurred_at: datetime
    available_at: datetime | None
    expires_at: datetime | None
    entry: int
    rule: str
    rulebook: int
    active: bool
    day: int = 0
    """The local day that its points count on for tiers; 0 for points that count on none."""
    idle: Idle | None = None
    """Activities move `expires_at` by this."""

    def spendable(self, now: datetime) -> bool:
        """Half-open: available_at <= now < expires_at."""
        return (
            self.available_at is not None
            and self.available_at <= now
            and (self.expires_at is None or now < self.expires_at)
        )


class Hold(msgspec.Struct, frozen=True, gc=False):
    """Points set aside for a redemption by an entry, until `ends_at`. `parts` are the lots, with what each gave."""

    id: str
    currency: str
    points: int
    parts: tuple[Lot, ...]
    entry: int
    ends_at: datetime
    rulebook: int
    value_minor: int | None = None
    takes: tuple[Take, ...] = ()
    reward: str = ""
    quantity: int = 0
    day: int = 0
    counts: dict[str, int] = {}
    codes: tuple[str, ...] = ()


class Total(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A counter over all time: its sum, and on how many local days it moved."""

    ever: int = 0
    days: int = 0


class Reversed(msgspec.Struct, gc=False):
    """How much of an activity has come back: money, points per lot, counters, lines, scores per leaderboard."""

    returned_minor: int = 0
    taken: dict[str, int] = {}
    counts: dict[str, int] = {}
    complete: bool = False
    lines: dict[str, LineReturned] = {}
    scores: dict[str, int] = {}


class Month(msgspec.Struct, gc=False):
    """Counters by local day, returns of the activities of this month, and slots of offers that ended in it (UTC)."""

    counts: dict[str, dict[int, int]] = {}
    reversed: dict[int, Reversed] = {}
    slots: dict[str, Slot] = {}

    def copy(self) -> "Month":
        return Month({name: dict(days) for name, days in self.counts.items()}, dict(self.reversed), dict(self.slots))


class Far(msgspec.Struct, frozen=True, gc=False):
    """One counter by month and local day, complete from the month `since` until where the book's months begin."""

    since: int
    months: dict[int, dict[int, int]] = {}


class Shared(dict[int, Month]):
    """Months that books have in common. Each is copied before it is written in: `own` are those that have been."""

    __slots__ = ("own",)

    def __init__(self, months: dict[int, Month]) -> None:
        super().__init__(months)
        self.own: set[int] = set()


class Floor(msgspec.Struct, frozen=True, gc=False):
    """A level below which an operator lets nobody fall while now < until, or for good."""

    level: str
    until: datetime | None = None


class TierStanding(msgspec.Struct, frozen=True, gc=False):
    """Where the member stands in one tier set. `path` is every (instant, level) so far, oldest first.

    `grace` is the review that did not keep the level, `upgrade_at` when a level that was reached begins. `beneath` is
    what the member's own counters hold while a floor holds it above that; `own_since` is since when they hold the level
    that it is on, where that is another instant than `since`.
    """

    level: str | None = None
    since: datetime | None = None
    valid_until: datetime | None = None
    path: list[tuple[datetime, str | None]] = []
    grace: datetime | None = None
    upgrade_at: datetime | None = None
    floor: Floor | None = None
    beneath: OwnLevel | None = None
    own_since: datetime | None = None

    @property
    def own_level(self) -> str | None:
        """The level that the member's own counters hold: every activity asks."""
        return self.level if self.beneath is None else self.beneath.level

    @property
    def own(self) -> OwnLevel:
        """What the member's own counters hold, whatever a floor does."""
        return self.beneath or OwnLevel(self.level, self.own_since or self.since, self.valid_until, self.grace)


class Planned(msgspec.Struct, frozen=True, gc=False):
    """The next occasion of a kind, and the local year of the last one that was reached (0: none)."""

    at: datetime | None = None
    year: int = 0


class Member(msgspec.Struct, gc=False):
    """A member's account book.

    `months` holds the counters by day from month `since` on (0: all of them); older months lie in cold rows
    and are brought in when a decision asks for them. `far` has the few counters that rules look further back at.
    """

    id: str = ""
    status: str = ""
    enrolled_at: datetime | None = None
    version: int = 0
    recorded_at: datetime | None = None
    timeline: int = 0
    """How many rulebooks were published when the last entry was decided."""
    time_zone: str | None = None
    attributes: dict[str, Any] = {}
    consents: dict[str, bool] = {}
    sealed: bytes = b""
    lots: list[Lot] = []
    debt: dict[str, int] = {}
    held: dict[str, int] = {}
    holds: dict[str, Hold] = {}
    """By redemption: what is set aside now. `held` has the sums."""
    totals: dict[str, Total] = {}
    first: dict[str, datetime] = {}
    last: dict[str, datetime] = {}
    months: dict[int, Month] = {}
    since: int = 0
    tiers: dict[str, TierStanding] = {}
    slots: tuple[Slot, ...] = ()
    """Open slots of offers, in the order in which they were recorded."""
    closed_until: datetime | None = None
    """The last instant of the latest slot that is closed: what happens after it counts for open ones alone."""
    streaks: dict[str, StreakStanding] = {}
    badges: dict[str, BadgeStanding] = {}
    code: str = ""
    code_at: datetime | None = None
    referred: Referred | None = None
    referrals: dict[str, int] = {}
    """How many friends have brought something, by referral."""
    arms: dict[str, str] = {}
    """By experiment: the arm that was drawn."""
    occasions: dict[str, Planned] = {}
    segments: tuple[str, ...] = ()
    """Those the member is in, by name. Since when is not here: that depends on who looked."""
    into: str = ""
    """The stream of the member that this one was merged into."""
    absorbed: tuple[str, ...] = ()
    """The streams of members that were merged into this one, and those that these had absorbed."""
    far: dict[str, Far] = {}
    household: str = ""
    """The stream of the household that a person belongs to."""
    pool: Pool | None = None
    """What a household's account has besides points. None: this is a person's."""

    @property
    def exists(self) -> bool:
        return self.status != ""

    def copy(self) -> "Member":
        """A book with the same in it to decide on. From then on either is written in without the other's changing."""
        # Three years have many months, and a decision writes in one or two.
        if not isinstance(self.months, Shared) or self.months.own:
            self.months = Shared(self.months)
        if not isinstance(self.lots, Lots):
            self.lots = Lots(self.lots)
        return replace(
            self,
            lots=self.lots.copy(),
            debt=self.debt.copy(),
            held=self.held.copy(),
            holds=self.holds.copy() if self.holds else {},
            totals=self.totals.copy(),
            first=self.first.copy(),
            last=self.last.copy(),
            months=Shared(self.months),
            tiers=self.tiers.copy(),
            streaks=self.streaks.copy(),
            badges=self.badges.copy(),
            referrals=self.referrals.copy(),
            arms=self.arms.copy() if self.arms else {},
            occasions=self.occasions.copy() if self.occasions else {},
        )


def evolve(member: Member, event: MemberEventUnion, stamp: Stamp) -> None:
    """Write one fact into the book. Total: the past cannot be argued with."""
    match event:
        case PointsEarned():
            points, counts = event.points, event.counts
            if points:
                active = _spendable(event, stamp)
                _open(member, event, points, event.rule, stamp, active=active)
                granted, earned = _named(event.currency)
                counts = {granted: points, earned: points, **counts} if active else {granted: points, **counts}
            if counts:
                _count(member, counts, event.day)
        case ActivityRecorded():
            _count(member, event.counts, event.day)
            first, last = member.first.get(event.type), member.last.get(event.type)
            if first is None or event.occurred_at < first:
                member.first[event.type] = event.occurred_at
            if last is None or event.occurred_at > last:
                member.last[event.type] = event.occurred_at
        case LotExpired():
            _take(member, (Draw(event.lot, event.points),))
        case LotsRescheduled():
            moved = set(event.lots)
            for place, lot in enumerate(member.lots):
                if lot.id in moved:
                    idle = lot.idle if event.reason == "activity" else event.idle
                    member.lots[place] = replace(lot, expires_at=event.expires_at, idle=idle)
        case LotsReinstated():
            for one in event.lots:
                _put_back(member, reopened(one, event.currency))
            _owe(member, event.currency, -sum(draw.points for draw in event.repaid))
        case LotActivated():
            for place, lot in enumerate(member.lots):
                if lot.id == event.lot:
                    member.lots[place] = replace(lot, active=True, available_at=event.at)
                    if lot.day:
                        _count(member, {f"earned:{event.currency}": event.points}, lot.day)
                    if event.repaid:
                        _take(member, (Draw(event.lot, event.repaid),))
                        _owe(member, event.currency, -event.repaid)
                    break
        case PointsRedeemed():
            _take(member, event.draws)
            _owe(member, event.currency, event.debt)
        case PointsHeld():
            _set_aside(member, event, stamp)
        case HoldConfirmed() | HoldReleased():
            _let_go(member, event)
        case RewardReserved():
            member.holds[event.redemption] = replace(
                member.holds[event.redemption],
                reward=event.reward,
                quantity=event.quantity,
                day=event.day,
                counts=event.counts,
                codes=event.codes,
            )
            _count(member, event.counts, event.day)
        case RewardIssued() | RewardReleased():
            _count(member, event.counts, event.day)
        case IssuedCodeUsed():
            pass
        case RedemptionReturned():
            for back in event.lots:
                _put_back(member, reopened(back, event.currency))
            _owe(member, event.currency, -event.repaid)
        case PointsAdjusted():
            if event.points > 0:
                _open(member, event, event.points, BY_HAND, stamp, active=_spendable(event, stamp))
            _take(member, event.draws)
            _owe(member, event.currency, event.debt)
        case PointsSent():
            _take(member, event.parts)
            _owe(member, event.currency, event.debt)
        case PointsReceived():
            _receive(member, event, stamp)
        case AdjustmentReversed():
            for draws in (event.from_pending, event.from_lots, event.from_other):
                _take(member, draws)
            _owe(member, event.currency, event.debt)
        case PointsGivenBack():
            for one in event.lots:
                _put_back(member, reopened(one, event.currency))
            _owe(member, event.currency, -event.repaid)
        case ActivityReversed():
            _count(member, event.counts, event.day)
            note = _reversed(member, event.activity, event.day)
            note.returned_minor = event.returned_minor
            note.complete = event.complete
            note.lines = event.lines
            for name, step in event.counts.items():
                note.counts[name] = note.counts.get(name, 0) + step
        case PointsClawedBack():
            for draws in (event.from_pending, event.from_lots, event.from_other):
                _take(member, draws)
            _owe(member, event.currency, event.debt)
            name = event.currency
            _count(member, {f"granted:{name}": -event.points, f"earned:{name}": -event.counted}, event.day)
            _count(member, event.counts, event.day)
            if event.restated is None:
                taken = _reversed(member, event.activity, event.day).taken
                taken[event.lot] = taken.get(event.lot, 0) + event.points
        case ActivityRestated():
            _count(member, event.counts, event.day)
        case TierChanged():
            before = member.tiers.get(event.set, TierStanding())
            member.tiers[event.set] = TierStanding(
                event.to,
                event.at,
                event.valid_until,
                [*before.path, (event.at, event.to)],
                upgrade_at=_still_planned(before, event.at),
                floor=before.floor,
            )
        case TierRenewed():
            standing = member.tiers.get(event.set, TierStanding())
            member.tiers[event.set] = replace(standing, valid_until=event.valid_until, grace=None)
        case TierGraceBegan():
            standing = member.tiers.get(event.set, TierStanding())
            member.tiers[event.set] = replace(standing, valid_until=event.until, grace=event.at)
        case TierUpgradePlanned():
            standing = member.tiers.get(event.set, TierStanding())
            member.tiers[event.set] = replace(standing, upgrade_at=event.at)
        case TierRestated():
            standing = member.tiers.get(event.set, TierStanding())
            member.tiers[event.set] = replace(
                standing,
                level=event.to,
                since=event.since,
                valid_until=event.valid_until,
                path=[
                    *(step for step in standing.path if step[0] < event.at),
                    *((one.at, one.level) for one in event.path),
                ],
                grace=event.grace,
                upgrade_at=event.upgrade_at,
                beneath=event.beneath,
                own_since=event.own_since,
            )
        case TierFloorSet():
            standing = member.tiers.get(event.set, TierStanding())
            floor = Floor(event.level, event.until) if event.level is not None else None
            member.tiers[event.set] = replace(standing, floor=floor)
        case TierHeld():
            standing = member.tiers.get(event.set, TierStanding())
            own, held = event.own, event.level != event.own.level
            member.tiers[event.set] = replace(
                standing,
                since=standing.since if held or own.since is not None else None,
                valid_until=event.valid_until,
                path=_before_floor(standing.path, event.at, own.level) if held else standing.path,
                grace=None if held else own.grace,
                upgrade_at=_still_planned(standing, event.at),
                beneath=own if held else None,
                own_since=None if held or own.since == standing.since else own.since,
            )
        case MemberEnrolled():
            member.id = event.member
            member.status = "active"
            member.enrolled_at = event.enrolled_at
            member.attributes = event.attributes
            member.time_zone = event.time_zone
            member.consents = event.consents
            member.sealed = event.sealed
        case MemberChanged():
            if event.attributes is not None:
                member.attributes = event.attributes
            if event.time_zone is not None:
                member.time_zone = event.time_zone
            if event.consents is not None:
                member.consents = event.consents
            if event.sealed is not None:
                member.sealed = event.sealed
        case MemberStatusChanged():
            member.status = event.status
        case MemberErased():
            member.status = "erased"
            member.sealed = b""
            member.attributes = {}
            member.code = ""
            member.arms = {}
            member.occasions = {}
            member.slots = ()
        case MemberMerged():
            _close(member, event)
        case MemberAbsorbed():
            _absorb(member, event)
        case ScoreCounted():
            if event.activity is not None:
                scores = _reversed(member, event.activity, event.day).scores
                scores[event.leaderboard] = scores.get(event.leaderboard, 0) + event.score
        case OfferAssigned():
            ruled_by = event.restated.rulebook if event.restated is not None else stamp.rulebook
            member.slots = (*member.slots, opened(event, ruled_by))
            _count(member, event.counts, event.day)
        case OfferViewed() | OfferProgressed() | OfferCompleted() | OfferReopened() | CodeRedeemed():
            _change_slot(member, event, stamp)
        case OfferClosed():
            _close_slot(member, event.slot)
        case OfferWithdrawn():
            _withdraw_slot(member, event.slot)
            _count(member, event.counts, event.day)
        case StreakMoved():
            member.streaks[event.streak] = StreakStanding(
                event.current, event.longest, event.previous, event.first, event.last, event.at, event.zone
            )
            _count(member, event.counts, event.day)
        case BadgeGranted():
            count = member.badges.get(event.badge, BadgeStanding()).count + 1
            member.badges[event.badge] = BadgeStanding(count, event.at, event.period)
            _count(member, event.counts, event.day)
        case BadgeRevoked():
            badge = member.badges.pop(event.badge, BadgeStanding())
            if badge.count > 1:
                member.badges[event.badge] = replace(badge, count=badge.count - 1)
            _count(member, event.counts, event.day)
        case ReferralCodeIssued():
            member.code, member.code_at = event.code, stamp.recorded_at
        case MemberReferred():
            member.referred = Referred(event.owner, event.referrals, event.rulebook, event.at)
        case ReferralConverted() | ReferralReversed():
            if member.referred is not None:
                step = 1 if isinstance(event, ReferralConverted) else -1
                member.referred = member.referred.counted(event.referrals, step)
        case ReferralRewarded() | ReferralTakenBack():
            step = -1 if isinstance(event, ReferralTakenBack) else 0 if event.passed_over else 1
            for name in event.referrals if step else ():
                member.referrals[name] = member.referrals.get(name, 0) + step
        case ExperimentAssigned():
            member.arms[event.experiment] = event.arm
        case OccasionPlanned():
            planned = member.occasions.get(event.occasion, Planned())
            member.occasions[event.occasion] = replace(planned, at=event.at)
        case OccasionReached():
            member.occasions[event.occasion] = Planned(event.next_at, event.year)
        case RuleFailed():
            pass
        case SegmentChanged():
            others = (name for name in member.segments if name != event.segment)
            member.segments = tuple(sorted((*others, event.segment))) if event.inside else tuple(others)
        case HouseholdFormed():
            member.id, member.status, member.enrolled_at = event.household, "active", stamp.at
            member.pool = Pool(event.spenders, event.leaving, event.limit)
        case HouseholdJoined():
            member.household = event.household
        case HouseholdLeft():
            member.household = ""
        case HouseholdChanged() | HouseholdDissolved() | MemberSeated() | SeatVacated() | HouseholdSpent():
            _change_household(member, event, stamp)
        case _:
            assert_never(event)


def _before_floor(
    path: list[tuple[datetime, str | None]], at: datetime, level: str | None
) -> list[tuple[datetime, str | None]]:
    """The path with a level that a late activity reached before a floor put the member above it."""
    if not path or at >= path[-1][0]:
        return path
    return [*path[:-1], (at, level), path[-1]]


def _still_planned(standing: TierStanding, at: datetime) -> datetime | None:
    """When a level begins that was reached before, if that is after `at`."""
    return standing.upgrade_at if standing.upgrade_at is not None and standing.upgrade_at > at else None


def _open(
    member: Member, event: PointsEarned | PointsAdjusted, points: int, rule: str, stamp: Stamp, *, active: bool
) -> None:
    assert event.lot is not None
    _owe(member, event.currency, -event.repaid)
    if points == event.repaid:
        return
    # When it was earned, and under which rules, where the entry does not say so.
    own = (event.occasion or event.restated) if isinstance(event, PointsEarned) else None
    member.lots.append(
        Lot(
            id=event.lot,
            currency=event.currency,
            points=points,
            remaining=points - event.repaid,
            occurred_at=own.at if own is not None else stamp.at,
            available_at=event.available_at,
            expires_at=event.expires_at,
            entry=stamp.version,
            rule=rule,
            rulebook=own.rulebook if own is not None else stamp.rulebook,
            active=active,
            day=event.day if isinstance(event, PointsEarned) else 0,
            idle=event.idle,
        )
    )


def _close(member: Member, event: MemberMerged) -> None:
    """All goes to the survivor. What stays says of which currencies there was something, and what happened when."""
    member.status, member.into = "merged", event.into
    for lot in event.lots:
        _take(member, (Draw(lot.lot, lot.points),))
    for currency, points in event.debt.items():
        _owe(member, currency, -points)
    member.totals = {name: Total() for name in member.totals if name.startswith("granted:")}
    member.first, member.last, member.months, member.since, member.far = {}, {}, {}, 0, {}
    member.tiers, member.slots, member.closed_until = {}, (), None
    member.streaks, member.badges, member.referrals, member.referred = {}, {}, {}, None
    member.arms, member.occasions = {}, {}
    member.household = ""
    if member.pool is not None:
        member.pool = replace(member.pool, seats={}, origins={}, holding={})


def _absorb(member: Member, event: MemberAbsorbed) -> None:
    closing = event.closing
    member.absorbed = (*member.absorbed, event.member, *closing.absorbed)
    for one in closing.lots:
        idle = Idle(one.idle.for_, one.idle.round_up, one.idle.activities) if one.idle is not None else None
        member.lots.append(Lot(**(asdict(one) | {"idle": idle})))
    for currency, points in closing.debt.items():
        _owe(member, currency, points)
    for name, days in closing.counts.items():
        member.totals.setdefault(name, Total())
        for day, step in days.items():
            _count(member, {name: step}, day)
    for kind, at in closing.first.items():
        member.first[kind] = min(at, member.first.get(kind, at))
    for kind, at in closing.last.items():
        member.last[kind] = max(at, member.last.get(kind, at))
    for month, notes in closing.returned.items():
        for entry, note in notes.items():
            lines = {name: LineReturned(*line) for name, line in note.lines.items()}
            _numbered(member, month).reversed[entry] = Reversed(**(asdict(note) | {"lines": lines}))
    member.slots = (*member.slots, *(Slot(**asdict(one)) for one in closing.slots))
    for slot in closing.ended:
        _month(member, slot.ends_at.toordinal()).slots[slot.id] = Slot(**asdict(slot))
    if closing.closed_until is not None and (member.closed_until is None or closing.closed_until > member.closed_until):
        member.closed_until = closing.closed_until
    if not member.code:
        member.code, member.code_at = closing.code, closing.code_at
    if member.referred is None and closing.referred is not None:
        member.referred = Referred(**asdict(closing.referred))
    if event.survivor and member.referred is not None and member.referred.owner in (event.survivor, *member.absorbed):
        # Nobody brings themselves; that a code was used stays.
        member.referred = replace(member.referred, referrals=())
    for name, count in closing.referrals.items():
        member.referrals[name] = member.referrals.get(name, 0) + count
    member.arms = closing.arms | member.arms
    if member.pool is not None:
        pool = member.pool.vacated((event.member,)) if event.member in member.pool.seats else member.pool
        theirs = closing.pool or ClosedPool()
        member.pool = replace(
            pool,
            seats={name: Seat(one.role, one.since) for name, one in theirs.seats.items()} | pool.seats,
            origins={lot: Origin(*one) for lot, one in theirs.origins.items()} | pool.origins,
        )


def _change_household(
    member: Member,
    event: HouseholdChanged | HouseholdDissolved | MemberSeated | SeatVacated | HouseholdSpent,
    stamp: Stamp,
) -> None:
    pool = member.pool
    assert pool is not None
    match event:
        case HouseholdChanged():
            member.pool = pool.on_terms(event.spenders, event.leaving, event.limit)
        case HouseholdDissolved():
            member.status = "dissolved"
        case MemberSeated():
            member.pool = pool.seated(event.member, event.role, stamp.at)
        case SeatVacated():
            member.pool = pool.vacated(event.members)
        case HouseholdSpent():
            one = SetAside(event.member, event.currency, event.points, event.day)
            member.pool = pool.spent(event.redemption, one, held=event.held)


def _receive(member: Member, event: PointsReceived, stamp: Stamp) -> None:
    # Whoever has had points of a currency is told of it even when they are gone.
    member.totals.setdefault(f"granted:{event.currency}", Total())
    for part in event.parts:
        _owe(member, event.currency, -part.repaid)
        if part.points > part.repaid:
            member.lots.append(
                Lot(
                    id=part.lot,
                    currency=event.currency,
                    points=part.points,
                    remaining=part.points - part.repaid,
                    occurred_at=stamp.at,
                    available_at=stamp.at,
                    expires_at=part.expires_at,
                    entry=stamp.version,
                    rule=TRANSFERRED,
                    rulebook=stamp.rulebook,
                    active=True,
                    idle=part.idle,
                )
            )
    if member.pool is not None:
        open_lots = {lot.id for lot in member.lots} | {part.id for hold in member.holds.values() for part in hold.parts}
        origins = {part.lot: Origin(event.sender, part.origin) for part in event.parts if part.origin}
        member.pool = member.pool.given(origins, open_lots)


def reopened(opened: OpenLot, currency: str) -> Lot:
    """The lot that an event opens with its past."""
    return Lot(
        id=opened.lot,
        currency=currency,
        points=opened.granted,
        remaining=opened.points,
        occurred_at=opened.occurred_at,
        available_at=opened.available_at,
        expires_at=opened.expires_at,
        entry=opened.entry,
        rule=opened.rule,
        rulebook=opened.rulebook,
        active=not opened.pending,
        day=opened.day,
        idle=opened.idle,
    )


def _put_back(member: Member, back: Lot) -> None:
    """Points go into their lot where it is still open, else it is opened again."""
    for place, lot in enumerate(member.lots):
        if lot.id == back.id:
            member.lots[place] = replace(lot, remaining=lot.remaining + back.remaining)
            return
    member.lots.append(back)


def _set_aside(member: Member, event: PointsHeld, stamp: Stamp) -> None:
    lots = {lot.id: lot for lot in member.lots}
    parts = tuple(replace(lots[draw.lot], remaining=draw.points) for draw in event.draws)
    _take(member, event.draws)
    _hold(member, event.currency, event.points)
    member.holds[event.redemption] = Hold(
        event.redemption,
        event.currency,
        event.points,
        parts,
        stamp.version,
        event.ends_at,
        stamp.rulebook,
        event.value_minor,
        event.takes,
    )


def _let_go(member: Member, event: HoldConfirmed | HoldReleased) -> None:
    hold = member.holds.pop(event.redemption)
    parts = {part.id: part for part in hold.parts}
    for draw in event.released:
        _put_back(member, replace(parts[draw.lot], remaining=draw.points))
    _owe(member, event.currency, -sum(draw.points for draw in event.repaid))
    _hold(member, event.currency, -hold.points)
    if member.pool is not None:
        spent = event.points if isinstance(event, HoldConfirmed) else 0
        member.pool = member.pool.let_go(event.redemption, spent)


def _hold(member: Member, currency: str, points: int) -> None:
    held = member.held.get(currency, 0) + points
    assert held >= 0, f"held in {currency} below zero"
    if held:
        member.held[currency] = held
    else:
        member.held.pop(currency, None)


def _spendable(event: PointsEarned | PointsAdjusted, stamp: Stamp) -> bool:
    """Whether points can be spent from the moment on when the program knew of them.

    What an occasion brings it knows at once, whenever that is written down.
    """
    available_at = event.available_at
    if available_at is None:
        return False
    occasion = event.occasion if isinstance(event, PointsEarned) else None
    return available_at <= (occasion.at if occasion is not None else stamp.recorded_at)


def _take(member: Member, draws: tuple[Draw, ...] | tuple[Part, ...]) -> None:
    if not draws:
        return
    taken, empty = {draw.lot: draw.points for draw in draws}, []
    for place, lot in enumerate(member.lots):
        if lot.id in taken:
            left = lot.remaining - taken.pop(lot.id)
            # Stops this member, not the program: a lot below zero means an event that could not have been decided.
            assert left >= 0, f"lot {lot.id} below zero"
            if left:
                member.lots[place] = replace(lot, remaining=left)
            else:
                empty.append(place)
            if not taken:
                break
    assert not taken, f"draws from lots that are not open: {sorted(taken)}"
    for place in reversed(empty):
        del member.lots[place]


def _owe(member: Member, currency: str, points: int) -> None:
    if points:
        owed = member.debt.get(currency, 0) + points
        assert owed >= 0, f"debt in {currency} below zero"
        if owed:
            member.debt[currency] = owed
        else:
            del member.debt[currency]


@lru_cache(maxsize=256)
def _named(currency: str) -> tuple[str, str]:
    """The counters of what is granted in a currency, and of what of that can be spent."""
    return f"granted:{currency}", f"earned:{currency}"


def _count(member: Member, counts: dict[str, int], day: int) -> None:
    """Move counters on a local day by their steps."""
    if not counts:
        return
    by_name, totals = _month(member, day).counts, member.totals
    for name, step in counts.items():
        if step == 0:
            continue
        days, moved = by_name.get(name), 0
        if days is None:
            by_name[name], moved = {day: step}, 1
        elif day not in days:
            days[day], moved = step, 1
        elif days[day] + step:
            days[day] += step
        else:
            del days[day]
            moved = -1
        total = totals.get(name)
        totals[name] = Total(total.ever + step, total.days + moved) if total is not None else Total(step, moved)


def _reversed(member: Member, activity: int, day: int) -> Reversed:
    """The note of what came back of an activity, kept with the month of its day; a fresh copy to write in."""
    month = _month(member, day)
    old = month.reversed.get(activity)
    note = month.reversed[activity] = (
        replace(old, taken=dict(old.taken), counts=dict(old.counts), scores=dict(old.scores)) if old else Reversed()
    )
    return note


def _change_slot(
    member: Member,
    event: OfferViewed | OfferProgressed | OfferCompleted | OfferReopened | CodeRedeemed,
    stamp: Stamp,
) -> None:
    for place, slot in enumerate(member.slots):
        if slot.id == event.slot:
            member.slots = (
                *member.slots[:place],
                changed(slot, event, stamp.version, stamp.at),
                *member.slots[place + 1 :],
            )
            return
    rows = _closed_in(member, event.slot)
    rows.slots[event.slot] = changed(rows.slots[event.slot], event, stamp.version, stamp.at)


def _close_slot(member: Member, name: str) -> None:
    """An ended slot goes to the month of its end, and with it to the cold rows."""
    slot = next(one for one in member.slots if one.id == name)
    member.slots = tuple(one for one in member.slots if one is not slot)
    _month(member, slot.ends_at.toordinal()).slots[name] = slot
    if member.closed_until is None or slot.ends_at > member.closed_until:
        member.closed_until = slot.ends_at


def _withdraw_slot(member: Member, name: str) -> None:
    left = tuple(one for one in member.slots if one.id != name)
    if len(left) == len(member.slots):
        del _closed_in(member, name).slots[name]
    member.slots = left


def _closed_in(member: Member, name: str) -> Month:
    """The month that has a closed slot, to write in."""
    return _numbered(member, next(number for number, rows in member.months.items() if name in rows.slots))


def _month(member: Member, day: int) -> Month:
    """The month of a local day, to write in."""
    return _numbered(member, month_of(day))


def _numbered(member: Member, number: int) -> Month:
    months = member.months
    rows = months.get(number)
    if rows is None or (isinstance(months, Shared) and number not in months.own):
        rows = months[number] = rows.copy() if rows is not None else Month({}, {})
        if isinstance(months, Shared):
            months.own.add(number)
    return rows
