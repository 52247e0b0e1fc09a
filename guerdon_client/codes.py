"""An exception per code of a problem. Generated; see `docs/client.py`."""

from guerdon_client.problems import Problem


class ActivityDiffers(Problem, code="activity-differs"):
    """The activity is recorded with another body."""


class AlreadyConfirmed(Problem, code="already-confirmed"):
    """Already confirmed."""


class AlreadyReversed(Problem, code="already-reversed"):
    """Already reversed."""


class AmountOutOfRange(Problem, code="amount-out-of-range"):
    """An amount is out of range."""


class BacklogFull(Problem, code="backlog-full"):
    """Too much waits to be recorded."""


class BadId(Problem, code="bad-id"):
    """Not an acceptable id."""


class BadTime(Problem, code="bad-time"):
    """Not an acceptable time."""


class Behind(Problem, code="behind"):
    """The answer is not ready yet."""


class BelowMinimum(Problem, code="below-minimum"):
    """Less than the minimum."""


class ClockBackwards(Problem, code="clock-backwards"):
    """The clock only goes forward."""


class CodeNotInCampaign(Problem, code="code-not-in-campaign"):
    """The code belongs to another campaign."""


class CodeNotTargeted(Problem, code="code-not-targeted"):
    """The code is for another member."""


class CodeOutsideWindow(Problem, code="code-outside-window"):
    """The code is not valid now."""


class CodeUsed(Problem, code="code-used"):
    """The code has been used."""


class FloorNotAllowed(Problem, code="floor-not-allowed"):
    """The rules allow no floor here."""


class FromTheFuture(Problem, code="from-the-future"):
    """The activity lies in the future."""


class HoldExpired(Problem, code="hold-expired"):
    """The hold has expired."""


class IdempotencyKeyReused(Problem, code="idempotency-key-reused"):
    """The idempotency key belongs to another request."""


class IdentityTaken(Problem, code="identity-taken"):
    """Another member has this identity."""


class InProgress(Problem, code="in-progress"):
    """The same request is being worked on."""


class InvalidPayload(Problem, code="invalid-payload"):
    """A field does not fit."""


class LetterClosed(Problem, code="letter-closed"):
    """The letter is closed."""


class LimitReached(Problem, code="limit-reached"):
    """A limit is reached."""


class MalformedJson(Problem, code="malformed-json"):
    """The body is not acceptable JSON."""


class MappingFailed(Problem, code="mapping-failed"):
    """The message has not what the mapping looks for."""


class MappingInvalid(Problem, code="mapping-invalid"):
    """The mapping has errors."""


class MemberErased(Problem, code="member-erased"):
    """The member was erased."""


class MemberExists(Problem, code="member-exists"):
    """The member exists."""


class MemberMerged(Problem, code="member-merged"):
    """The member was merged into another."""


class MemberSuspended(Problem, code="member-suspended"):
    """The member is not active."""


class MissingScope(Problem, code="missing-scope"):
    """The API key may not do this."""


class NotASandbox(Problem, code="not-a-sandbox"):
    """The program is not a sandbox."""


class NotEligible(Problem, code="not-eligible"):
    """Not eligible."""


class NotEnoughPoints(Problem, code="not-enough-points"):
    """Not enough points."""


class NotTried(Problem, code="not-tried"):
    """The dry run is not over."""


class PreconditionFailed(Problem, code="precondition-failed"):
    """It was edited meanwhile."""


class PreconditionRequired(Problem, code="precondition-required"):
    """An edit must say what it edits."""


class ProgramExists(Problem, code="program-exists"):
    """The program exists."""


class RateLimited(Problem, code="rate-limited"):
    """Too many requests."""


class ReturnExceedsActivity(Problem, code="return-exceeds-activity"):
    """More is returned than was bought."""


class RewardExists(Problem, code="reward-exists"):
    """The reward exists."""


class RulebookInvalid(Problem, code="rulebook-invalid"):
    """The rulebook has errors."""


class SameActor(Problem, code="same-actor"):
    """Somebody else has to do this."""


class SelfReferral(Problem, code="self-referral"):
    """A member's own code brings nobody."""


class SoldOut(Problem, code="sold-out"):
    """Sold out."""


class TooLarge(Problem, code="too-large"):
    """The body is too large."""


class TooOld(Problem, code="too-old"):
    """The activity is too old."""


class Unauthenticated(Problem, code="unauthenticated"):
    """No valid API key was given."""


class Unavailable(Problem, code="unavailable"):
    """Cannot answer now."""


class UnknownActivity(Problem, code="unknown-activity"):
    """No such activity."""


class UnknownActivityType(Problem, code="unknown-activity-type"):
    """No such activity type."""


class UnknownAdjustment(Problem, code="unknown-adjustment"):
    """No such adjustment."""


class UnknownCode(Problem, code="unknown-code"):
    """No such code."""


class UnknownCorrection(Problem, code="unknown-correction"):
    """No such correction."""


class UnknownCurrency(Problem, code="unknown-currency"):
    """No such currency."""


class UnknownField(Problem, code="unknown-field"):
    """A field is not known here."""


class UnknownHousehold(Problem, code="unknown-household"):
    """No such household."""


class UnknownInboxEntry(Problem, code="unknown-inbox-entry"):
    """No such entry of the inbox."""


class UnknownJob(Problem, code="unknown-job"):
    """No such job."""


class UnknownKey(Problem, code="unknown-key"):
    """No such API key."""


class UnknownLeaderboard(Problem, code="unknown-leaderboard"):
    """No such leaderboard."""


class UnknownLetter(Problem, code="unknown-letter"):
    """No such letter."""


class UnknownLot(Problem, code="unknown-lot"):
    """No such lot."""


class UnknownMember(Problem, code="unknown-member"):
    """No such member."""


class UnknownMoney(Problem, code="unknown-money"):
    """Not the money of this program."""


class UnknownOffer(Problem, code="unknown-offer"):
    """No such offer."""


class UnknownPosition(Problem, code="unknown-position"):
    """No such entry."""


class UnknownProgram(Problem, code="unknown-program"):
    """No such program."""


class UnknownRedemption(Problem, code="unknown-redemption"):
    """No such redemption."""


class UnknownReward(Problem, code="unknown-reward"):
    """No such reward."""


class UnknownRulebook(Problem, code="unknown-rulebook"):
    """No such rulebook."""


class UnknownSegment(Problem, code="unknown-segment"):
    """No such segment."""


class UnknownSource(Problem, code="unknown-source"):
    """No such source."""


class UnknownTier(Problem, code="unknown-tier"):
    """No such tier."""


class UnknownTransfer(Problem, code="unknown-transfer"):
    """No such transfer."""


class UnknownWebhook(Problem, code="unknown-webhook"):
    """No such webhook."""


class UnsupportedMediaType(Problem, code="unsupported-media-type"):
    """The body is in a format not taken here."""


class VersionConflict(Problem, code="version-conflict"):
    """Another version came first."""
