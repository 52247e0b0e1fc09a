"""Refusals: the answers a decision may give instead of events.

A refusal is an answer, not a fault: nothing is recorded. Each class is one reason with a frozen
`code` (docs/reference/problems); HTTP statuses live only in `api/http/problems.py`.
"""

from collections.abc import Sequence


class Refused(Exception):
    """Base of all refusals. `errors` are (JSON pointer, message) pairs, `reasons` are words for machines."""

    code = "refused"

    def __init__(self, message: str, *, errors: Sequence[tuple[str, str]] = (), reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)
        self.reasons = tuple(reasons)


class UnknownMember(Refused):
    code = "unknown-member"


class UnknownActivity(Refused):
    code = "unknown-activity"


class UnknownActivityType(Refused):
    code = "unknown-activity-type"


class UnknownCurrency(Refused):
    code = "unknown-currency"


class UnknownMoney(Refused):
    code = "unknown-money"


class UnknownProgram(Refused):
    code = "unknown-program"


class UnknownRulebook(Refused):
    code = "unknown-rulebook"


class UnknownLeaderboard(Refused):
    code = "unknown-leaderboard"


class UnknownPosition(Refused):
    code = "unknown-position"


class UnknownAdjustment(Refused):
    code = "unknown-adjustment"


class UnknownLot(Refused):
    code = "unknown-lot"


class UnknownHousehold(Refused):
    code = "unknown-household"


class UnknownReward(Refused):
    code = "unknown-reward"


class MemberExists(Refused):
    code = "member-exists"


class ProgramExists(Refused):
    code = "program-exists"


class IdentityTaken(Refused):
    code = "identity-taken"


class MemberSuspended(Refused):
    code = "member-suspended"


class MemberErasedAlready(Refused):
    code = "member-erased"


class MergedAway(Refused):
    code = "member-merged"


class ActivityDiffers(Refused):
    code = "activity-differs"


class KeyReused(Refused):
    code = "idempotency-key-reused"


class InProgress(Refused):
    code = "in-progress"


class NotEnoughPoints(Refused):
    """The member asked to spend more than the lots that are still open; numbers in smallest units."""

    code = "not-enough-points"

    def __init__(self, *, asked: int, available: int) -> None:
        super().__init__(f"{asked} points asked for, {available} available")
        self.asked = asked
        self.available = available


class BelowMinimum(Refused):
    code = "below-minimum"


class RateLimited(Refused):
    """Too many codes were tried in vain: again after `seconds`."""

    code = "rate-limited"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many codes were tried in vain: try again in {seconds} s")
        self.seconds = seconds


class NotEligible(Refused):
    code = "not-eligible"


class UnknownOffer(Refused):
    code = "unknown-offer"


class UnknownTier(Refused):
    code = "unknown-tier"


class FloorNotAllowed(Refused):
    code = "floor-not-allowed"


class CodeNotTargeted(Refused):
    code = "code-not-targeted"


class CodeOutsideWindow(Refused):
    code = "code-outside-window"


class CodeNotInCampaign(Refused):
    code = "code-not-in-campaign"


class CodeUsed(Refused):
    code = "code-used"


class ReturnExceedsActivity(Refused):
    code = "return-exceeds-activity"


class AmountOutOfRange(Refused):
    code = "amount-out-of-range"


class InvalidPayload(Refused):
    code = "invalid-payload"


class BadId(Refused):
    code = "bad-id"


class BadTime(Refused):
    code = "bad-time"


class TooOld(Refused):
    code = "too-old"


class FromTheFuture(Refused):
    code = "from-the-future"


class VersionConflict(Refused):
    code = "version-conflict"


class RulebookInvalid(Refused):
    code = "rulebook-invalid"


class NotASandbox(Refused):
    code = "not-a-sandbox"


class ClockBackwards(Refused):
    code = "clock-backwards"


class UnknownTransfer(Refused):
    code = "unknown-transfer"


class AlreadyReversed(Refused):
    code = "already-reversed"


class UnknownCode(Refused):
    code = "unknown-code"


class SelfReferral(Refused):
    code = "self-referral"


class LimitReached(Refused):
    code = "limit-reached"


class SameActor(Refused):
    """Whoever proposed a correction cannot approve it."""

    code = "same-actor"


class NotTried(Refused):
    """A correction whose dry run is not over cannot be approved."""

    code = "not-tried"


class UnknownCorrection(Refused):
    """There is no such correction."""

    code = "unknown-correction"


class UnknownRedemption(Refused):
    code = "unknown-redemption"


class SoldOut(Refused):
    code = "sold-out"


class RewardExists(Refused):
    code = "reward-exists"


class HoldExpired(Refused):
    code = "hold-expired"


class AlreadyConfirmed(Refused):
    code = "already-confirmed"
