"""What an entry moved: double-entry lines, derived from its events alone.

Every movement is a pair of lines, from one account to another: so the lines of each event sum to zero. The
accounts of a member, per currency:

- `member`    what can be spent
- `pending`   granted, not yet spendable
- `reserve`   held for a redemption that is not confirmed yet
- `debt`      what is owed, as a negative number: it sinks when no lot can pay, rises when an award repays it
- `program`   the other side of awards, spending and claw-backs: the issuer
- `breakage`  what expired
- `transfer`  what is on its way to another member: the entries of both sum to zero together

A line has two times: `effective_at` in the world, and `recorded_at` when we learned of it. The balance as of
T, known at K, is the sum of the member account's lines effective at or before T and recorded at or before K.
"""

from datetime import datetime
from typing import Literal, assert_never

import msgspec

from domain.correction.events import CorrectionApplied, CorrectionApproved, CorrectionProposed, CorrectionTried
from domain.log import Entry
from domain.member.commands import (
    ActivatePending,
    ApplyCorrection,
    CancelPending,
    PayPrize,
    PayReferral,
    ReinstateLots,
    ReverseAdjustment,
    ReverseReferral,
)
from domain.member.correcting import correction_cause
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
    IssuedCodeUsed,
    LotActivated,
    LotExpired,
    LotsReinstated,
    LotsRescheduled,
    MemberAbsorbed,
    MemberChanged,
    MemberEnrolled,
    MemberErased,
    MemberMerged,
    MemberReferred,
    MemberSeated,
    MemberStatusChanged,
    Occasion,
    OccasionPlanned,
    OccasionReached,
    OfferAssigned,
    OfferClosed,
    OfferCompleted,
    OfferProgressed,
    OfferReopened,
    OfferViewed,
    OfferWithdrawn,
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
    Restated,
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
from domain.member.prizes import prize_cause
from domain.member.referral_payments import referral_cause
from domain.program.events import BreakageEstimated, LeaderboardClosed, PrizesPaid, ProgramCreated, RulebookPublished
from domain.reward.events import RewardChanged, RewardCreated

Account = Literal["member", "pending", "reserve", "debt", "program", "breakage", "transfer"]
Kind = Literal[
    "award",
    "activation",
    "repayment",
    "expiry",
    "spend",
    "hold",
    "release",
    "given_back",
    "adjustment",
    "claw_back",
    "write_off",
    "transfer",
    "merge",
    "reinstatement",
]

OWN_SOURCE = "guerdon"
"""The source of activities that are the engine's own: enrolling."""


REINSTATED = "lots:reinstate"
"""The cause of what comes back from breakage, which has no id of its own."""


class Movement(msgspec.Struct, frozen=True, gc=False):
    """One line. `points` is signed, in smallest units.

    `cause` is what was asked: `source/id` of an activity or a return, the id of a redemption, an adjustment,
    a transfer or a merge. It is None, as `rulebook` is, where time alone acted.
    """

    currency: str
    account: Account
    points: int
    effective_at: datetime
    recorded_at: datetime
    kind: Kind
    cause: str | None
    lot: str | None
    rule: str | None
    rulebook: int | None


def slot_cause(event: CodeRedeemed) -> str:
    """`offer:spring/12.1`: the slot whose code was used."""
    return f"offer:{event.offer}/{event.slot}"


def movements(entry: Entry) -> tuple[Movement, ...]:
    """The lines of an entry, in the order of its events. Entries of other streams than members' have none."""
    sheet = _Sheet(entry)
    if isinstance(entry.input, PayPrize):
        sheet.cause = prize_cause(entry.input)
    elif isinstance(entry.input, PayReferral | ReverseReferral):
        sheet.cause = referral_cause(entry.input)
    elif isinstance(entry.input, ApplyCorrection):
        sheet.cause = correction_cause(entry.input)
    elif isinstance(entry.input, ActivatePending | CancelPending):
        sheet.asked = pending_cause(entry.input)
    elif isinstance(entry.input, ReinstateLots):
        sheet.asked = REINSTATED
    elif isinstance(entry.input, ReverseAdjustment):
        sheet.asked = entry.input.adjustment
    for number, event in enumerate(entry.events):
        if number == entry.settled:
            sheet.rulebook = entry.pins.rulebook or None
            sheet.cause = sheet.asked or sheet.cause
        match event:
            case ActivityRecorded():
                sheet.earned_at = event.occurred_at
                sheet.cause = cause_of(event)
            case PointsEarned():
                if event.points and event.occasion is not None:
                    sheet.celebrate(event, event.occasion)
                elif event.points and event.restated is not None:
                    sheet.restate(event, event.restated)
                elif event.points:
                    sheet.grant("award", event, sheet.earned_at, event.points, event.rule)
            case LotActivated():
                sheet.move(event.currency, "pending", "member", event.points, event.at, "activation", event.lot)
                sheet.move(event.currency, "member", "debt", event.repaid, event.at, "repayment", event.lot)
            case LotExpired():
                giver: Account = "pending" if event.pending else "member"
                sheet.move(event.currency, giver, "breakage", event.points, event.at, "expiry", event.lot)
            case PointsRedeemed():
                sheet.cause = f"{event.source}/{event.redemption}" if event.source else event.redemption
                sheet.pay("spend", event, entry.recorded_at)
            case PointsHeld():
                sheet.cause = event.redemption
                for draw in event.draws:
                    sheet.move(event.currency, "member", "reserve", draw.points, entry.recorded_at, "hold", draw.lot)
            case HoldConfirmed():
                sheet.cause = event.redemption
                for draw in event.draws:
                    sheet.move(event.currency, "reserve", "program", draw.points, entry.recorded_at, "spend", draw.lot)
                sheet.let_go(event, entry.recorded_at)
            case HoldReleased():
                if event.reason == "cancelled":
                    sheet.cause = event.redemption
                sheet.let_go(event, event.at)
            case RedemptionReturned():
                sheet.cause = event.redemption
                sheet.return_redemption(event, entry.recorded_at)
            case PointsAdjusted():
                sheet.cause = event.adjustment
                if event.points > 0:
                    sheet.grant("adjustment", event, entry.recorded_at, event.points, None)
                else:
                    sheet.pay("adjustment", event, entry.recorded_at)
            case PointsSent():
                sheet.cause = event.transfer
                sheet.send(event)
            case PointsReceived():
                sheet.cause = event.transfer
                sheet.receive(event)
            case MemberMerged():
                sheet.cause = event.merge
                sheet.hand_over(event)
            case MemberAbsorbed():
                sheet.cause = event.merge
                sheet.take_over(event)
            case AdjustmentReversed():
                sheet.take(event, entry.recorded_at, "adjustment", None)
                sheet.move(event.currency, "debt", "program", event.debt, entry.recorded_at, "adjustment", event.lot)
            case PointsGivenBack():
                sheet.give_back(event)
            case LotsReinstated():
                sheet.reinstate(event)
            case ActivityReversed():
                sheet.cause = f"{event.source}/{event.return_id}"
            case PointsClawedBack():
                sheet.claw_back(event)
            case CodeRedeemed():
                sheet.cause = slot_cause(event)
            case (
                MemberEnrolled()
                | MemberChanged()
                | MemberStatusChanged()
                | MemberErased()
                | ExperimentAssigned()
                | OccasionPlanned()
                | OccasionReached()
                | RuleFailed()
                | ScoreCounted()
                | StreakMoved()
                | BadgeGranted()
                | BadgeRevoked()
                | ReferralCodeIssued()
                | MemberReferred()
                | ReferralConverted()
                | ReferralReversed()
                | ReferralRewarded()
                | ReferralTakenBack()
                | SegmentChanged()
                | TierChanged()
                | TierRenewed()
                | TierGraceBegan()
                | TierUpgradePlanned()
                | ActivityRestated()
                | TierRestated()
                | TierFloorSet()
                | TierHeld()
                | LotsRescheduled()
                | RewardReserved()
                | RewardIssued()
                | RewardReleased()
                | IssuedCodeUsed()
                | RewardCreated()
                | RewardChanged()
                | OfferAssigned()
                | OfferViewed()
                | OfferProgressed()
                | OfferCompleted()
                | HouseholdFormed()
                | HouseholdChanged()
                | HouseholdDissolved()
                | HouseholdJoined()
                | HouseholdLeft()
                | HouseholdSpent()
                | MemberSeated()
                | SeatVacated()
                | OfferReopened()
                | OfferWithdrawn()
                | OfferClosed()
                | ProgramCreated()
                | RulebookPublished()
                | LeaderboardClosed()
                | PrizesPaid()
                | BreakageEstimated()
                | CorrectionProposed()
                | CorrectionTried()
                | CorrectionApproved()
                | CorrectionApplied()
            ):
                pass
            case _:
                assert_never(event)
    return tuple(sheet.lines)


def merged_points(event: MemberMerged | MemberAbsorbed) -> dict[str, int]:
    """By currency: what could be spent and went to the survivor (negative), or came to it."""
    found: dict[str, int] = {}
    if isinstance(event, MemberMerged):
        for gone in event.lots:
            if not gone.pending:
                found[gone.currency] = found.get(gone.currency, 0) - gone.points
        return found
    for lot in event.closing.lots:
        if lot.active:
            found[lot.currency] = found.get(lot.currency, 0) + lot.remaining
    return found


def cause_of(activity: ActivityRecorded) -> str:
    """`source/id`. An enrolment's id is the client's id of the member, which erasure must be able to forget."""
    return f"{activity.source}/{activity.type if activity.source == OWN_SOURCE else activity.id}"


def occasion_cause(occasion: Occasion) -> str:
    """`guerdon/member.birthday`: what time brought about has no id of its own."""
    return f"{OWN_SOURCE}/{occasion.kind}"


def pending_cause(command: ActivatePending | CancelPending) -> str:
    """`shop/p1` where an activity was named, else what was done, which has no id of its own."""
    done = "activate" if isinstance(command, ActivatePending) else "cancel"
    return f"{command.activity_source}/{command.activity_id}" if command.activity_id else f"pending:{done}"


class _Sheet:
    """Lines so far, and what they have in common. `asked` is the cause of what time did not do."""

    __slots__ = ("asked", "at", "cause", "earned_at", "lines", "recorded_at", "rulebook")

    def __init__(self, entry: Entry) -> None:
        self.lines: list[Movement] = []
        self.at = entry.at
        self.earned_at = entry.at
        self.recorded_at = entry.recorded_at
        self.rulebook: int | None = None
        self.cause: str | None = None
        self.asked: str | None = None

    def grant(
        self,
        kind: Kind,
        event: PointsEarned | PointsAdjusted,
        earned_at: datetime,
        points: int,
        rule: str | None,
        known_at: datetime | None = None,
    ) -> None:
        """Points that came: to the member when they can be spent already, else to pending.

        What is learned of late may have become spendable on the way: then both steps stand here, each at its
        time.
        """
        available_at, lot = event.available_at, event.lot
        if available_at is None or available_at > (known_at or self.recorded_at):
            self.move(event.currency, "program", "pending", points, earned_at, kind, lot, rule)
            return
        if available_at <= earned_at:
            available_at = earned_at
            self.move(event.currency, "program", "member", points, earned_at, kind, lot, rule)
        else:
            self.move(event.currency, "program", "pending", points, earned_at, kind, lot, rule)
            self.move(event.currency, "pending", "member", points, available_at, "activation", lot, rule)
        self.move(event.currency, "member", "debt", event.repaid, available_at, "repayment", lot, rule)

    def celebrate(self, event: PointsEarned, occasion: Occasion) -> None:
        """Points that an occasion brought: known when it happened, whatever entry they stand in."""
        cause, rulebook = self.cause, self.rulebook
        self.cause, self.rulebook = occasion_cause(occasion), occasion.rulebook
        self.grant("award", event, occasion.at, event.points, event.rule, occasion.at)
        self.cause, self.rulebook = cause, rulebook

    def restate(self, event: PointsEarned, restated: Restated) -> None:
        """Points that an earlier activity earns beyond its own: as of that one, because of this entry's."""
        rulebook, self.rulebook = self.rulebook, restated.rulebook
        self.grant("award", event, restated.at, event.points, event.rule)
        self.rulebook = rulebook

    def pay(self, kind: Kind, event: PointsRedeemed | PointsAdjusted, at: datetime) -> None:
        """Points that went: from the lots that paid, and as debt what none could."""
        self._draw(event.currency, "member", event.draws, at, kind, None)
        self.move(event.currency, "debt", "program", event.debt, at, kind)

    def send(self, event: PointsSent) -> None:
        """Points on their way: from the lots that gave, and as debt what none could give back."""
        for part in event.parts:
            self.move(event.currency, "member", "transfer", part.points, self.recorded_at, "transfer", part.lot)
        self.move(event.currency, "debt", "transfer", event.debt, self.recorded_at, "transfer")

    def receive(self, event: PointsReceived) -> None:
        """Points that arrive; debt is repaid first."""
        for part in event.parts:
            self.move(event.currency, "transfer", "member", part.points, self.recorded_at, "transfer", part.lot)
            self.move(event.currency, "member", "debt", part.repaid, self.recorded_at, "repayment", part.lot)

    def hand_over(self, event: MemberMerged) -> None:
        """All of a member's accounts are emptied."""
        at = self.recorded_at
        for gone in event.lots:
            account: Account = "pending" if gone.pending else "member"
            self.move(gone.currency, account, "transfer", gone.points, at, "merge", gone.lot)
        for currency, points in event.debt.items():
            self.move(currency, "transfer", "debt", points, at, "merge")

    def take_over(self, event: MemberAbsorbed) -> None:
        """What the other member's accounts held is this one's."""
        at = self.recorded_at
        for lot in event.closing.lots:
            account: Account = "member" if lot.active else "pending"
            self.move(lot.currency, "transfer", account, lot.remaining, at, "merge", lot.id)
        for currency, points in event.closing.debt.items():
            self.move(currency, "debt", "transfer", points, at, "merge")

    def let_go(self, event: HoldConfirmed | HoldReleased, at: datetime) -> None:
        """What was held and is free again; points whose lot has ended are not."""
        for draw in event.released:
            self.move(event.currency, "reserve", "member", draw.points, at, "release", draw.lot)
        for draw in event.repaid:
            self.move(event.currency, "reserve", "member", draw.points, at, "release", draw.lot)
            self.move(event.currency, "member", "debt", draw.points, at, "repayment", draw.lot)
        for draw in event.expired:
            self.move(event.currency, "reserve", "breakage", draw.points, at, "expiry", draw.lot)

    def return_redemption(self, event: RedemptionReturned, at: datetime) -> None:
        """Points that were spent and come back; to lots that had ended, and no further."""
        for lot in event.lots:
            self.move(event.currency, "program", "member", lot.points, at, "given_back", lot.lot)
        self.move(event.currency, "program", "member", event.repaid, at, "given_back")
        self.move(event.currency, "member", "debt", event.repaid, at, "repayment")
        for draw in event.expired:
            self.move(event.currency, "program", "breakage", draw.points, at, "given_back", draw.lot)

    def claw_back(self, event: PointsClawedBack) -> None:
        """Points taken back, effective when the return happened, or the activity that never earned them.

        What is forgiven arises as debt and is written off at once, so that it can be added up.
        """
        currency, rule = event.currency, event.rule
        at = event.restated.at if event.restated is not None else self.at
        self.take(event, at, "claw_back", rule)
        owed = event.debt + event.written_off
        self.move(currency, "debt", "program", owed, at, "claw_back", event.lot, rule)
        self.move(currency, "program", "debt", event.written_off, at, "write_off", event.lot, rule)

    def give_back(self, event: PointsGivenBack) -> None:
        """Points that come back when what they paid for is undone; to lots that have ended, and on to what expired."""
        currency, at = event.currency, self.at
        self.move(currency, "program", "member", event.repaid, at, "given_back")
        self.move(currency, "member", "debt", event.repaid, at, "repayment")
        for lot in event.lots:
            self.move(currency, "program", "member", lot.points, at, "given_back", lot.lot)
        for draw in event.expired:
            self.move(currency, "program", "breakage", draw.points, at, "given_back", draw.lot)

    def reinstate(self, event: LotsReinstated) -> None:
        """What expired comes back from breakage."""
        for draw in event.repaid:
            self.move(event.currency, "breakage", "member", draw.points, self.at, "reinstatement", draw.lot)
            self.move(event.currency, "member", "debt", draw.points, self.at, "repayment", draw.lot)
        for lot in event.lots:
            self.move(event.currency, "breakage", "member", lot.points, self.at, "reinstatement", lot.lot)

    def take(self, event: PointsClawedBack | AdjustmentReversed, at: datetime, kind: Kind, rule: str | None) -> None:
        """Points taken from the lots that an event names."""
        self._draw(event.currency, "pending", event.from_pending, at, kind, rule)
        self._draw(event.currency, "member", event.from_lots, at, kind, rule)
        self._draw(event.currency, "member", event.from_other, at, kind, rule)

    def _draw(
        self,
        currency: str,
        giver: Account,
        draws: tuple[Draw, ...],
        at: datetime,
        kind: Kind,
        rule: str | None,
    ) -> None:
        for draw in draws:
            self.move(currency, giver, "program", draw.points, at, kind, draw.lot, rule)

    def move(
        self,
        currency: str,
        giver: Account,
        taker: Account,
        points: int,
        at: datetime,
        kind: Kind,
        lot: str | None = None,
        rule: str | None = None,
    ) -> None:
        if points:
            rest = (at, self.recorded_at, kind, self.cause, lot, rule, self.rulebook)
            self.lines.append(Movement(currency, giver, -points, *rest))
            self.lines.append(Movement(currency, taker, points, *rest))
