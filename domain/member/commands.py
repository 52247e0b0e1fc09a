"""What can be asked of a member: the inputs that entries keep for ever.

Each class is a storage format as well as a request: its tag is explicit, its golden file is in
tests/golden. Amounts are smallest units or minor units, times are aware datetimes in UTC. Personal values
never stand here in the clear: `sealed` is cipher text under the member's own key.
"""

from datetime import datetime
from typing import Any

import msgspec

from domain.member.events import Idle, MemberEventUnion, Part
from domain.member.pool import SpendingLimit
from domain.member.state import Stamp
from domain.numbers import MAX_AMOUNT
from domain.rules.referrals import Reward
from domain.rules.rewards import RewardTerms
from domain.takes import Take


class Command(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="command",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """Base of all member commands."""


class Introduction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose code somebody came with, as it stands in the stream `owner`."""

    owner: str
    code: str
    issued_at: datetime


class EnrolMember(Command, frozen=True, kw_only=True, tag="EnrolMember"):
    """Make a member. `member` is the client's id; `enrolled_at` is when it happened in the world."""

    member: str
    enrolled_at: datetime
    attributes: dict[str, Any] = {}
    time_zone: str | None = None
    consents: dict[str, bool] = {}
    data: dict[str, Any] = {}
    sealed: bytes = b""
    introduction: Introduction | None = None


class ChangeMember(Command, frozen=True, kw_only=True, tag="ChangeMember"):
    """Replace what is given; what is None stays. `sealed` holds the whole of the personal fields."""

    attributes: dict[str, Any] | None = None
    time_zone: str | None = None
    consents: dict[str, bool] | None = None
    sealed: bytes | None = None


class SetMemberStatus(Command, frozen=True, kw_only=True, tag="SetMemberStatus"):
    status: str
    reason: str


class EraseMember(Command, frozen=True, kw_only=True, tag="EraseMember"):
    """Forget the person. The key that opens the personal fields is destroyed with the same save."""

    reason: str = ""


class RecordActivity(Command, frozen=True, kw_only=True, tag="RecordActivity"):
    """Something happened. `data` is the payload without its personal fields, which are in `sealed`."""

    source: str
    id: str
    type: str
    occurred_at: datetime
    data: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    time_zone: str | None = None
    sealed: bytes = b""


class Brought(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points of one currency on their way from a household's pool to a person: these parts of its lots."""

    currency: str
    parts: tuple[Part, ...]


class ReturnActivity(Command, frozen=True, kw_only=True, tag="ReturnActivity"):
    """Take back (part of) an activity. `original` is the version of its entry in this stream.

    `amount_minor` None returns all that is left. `type`, `data` and `sealed` are those of a reversing activity.
    `origin` is the stream of the entry where that is of a member which this one has absorbed. `pooled` is what the
    pool of the stream `household` has still of what the activity earned; what is taken of it, the entry
    `household_entry` of that stream sends.
    """

    source: str
    id: str
    activity_source: str
    activity_id: str
    original: int
    occurred_at: datetime
    amount_minor: int | None = None
    lines: list[dict[str, Any]] = []
    type: str | None = None
    data: dict[str, Any] = {}
    sealed: bytes = b""
    origin: str = ""
    gives_back: bool = False
    """Whether points that paid for the order come back: entries of before that was offered say nothing."""
    household: str = ""
    household_entry: int = 0
    pooled: tuple[Brought, ...] = ()

    def __post_init__(self) -> None:
        _positive(self.amount_minor)


class RedeemPoints(Command, frozen=True, kw_only=True, tag="RedeemPoints"):
    """Spend points, by number or by the money they are worth; on an order of `order_minor` in money, where known.

    With `hold_seconds` they are set aside for so long, to be confirmed or cancelled. `by` is the stream of the person
    who spends the points of a household.
    """

    id: str
    currency: str
    points: int | None = None
    value_minor: int | None = None
    order_source: str | None = None
    order_id: str | None = None
    order_minor: int | None = None
    hold_seconds: int | None = None
    by: str = ""

    def __post_init__(self) -> None:
        _positive(self.points)
        _positive(self.value_minor)
        _positive(self.hold_seconds)


class RedeemReward(Command, frozen=True, kw_only=True, tag="RedeemReward"):
    """Redeem units of a reward on the terms of entry `version` of its stream. `codes` are those of the units, if any.

    With `hold_seconds` price and units are set aside for so long, to be confirmed or cancelled. `by` is the stream of
    the person who spends the points of a household.
    """

    id: str
    terms: RewardTerms
    version: int
    quantity: int = 1
    codes: tuple[str, ...] = ()
    order_source: str | None = None
    order_id: str | None = None
    hold_seconds: int | None = None
    by: str = ""

    def __post_init__(self) -> None:
        _positive(self.quantity)
        _positive(self.hold_seconds)


class ConfirmRedemption(Command, frozen=True, kw_only=True, tag="ConfirmRedemption"):
    """Spend what the entry `original` set aside: all of it, or `points`; then the rest is free again.

    `codes` are those of the units of a reward.
    """

    redemption: str
    original: int
    points: int | None = None
    codes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _positive(self.points)


class CancelRedemption(Command, frozen=True, kw_only=True, tag="CancelRedemption"):
    """Let go what the entry `original` set aside."""

    redemption: str
    original: int


class ReturnRedemption(Command, frozen=True, kw_only=True, tag="ReturnRedemption"):
    """Give back what was redeemed by the entry `original`: all that is left of it, or `points`.

    `mode` is `reverse` or `reissue`; without one, what the currency says. `origin` is the stream of the entry where
    that is of a member which this one has absorbed.
    """

    redemption: str
    original: int
    points: int | None = None
    mode: str | None = None
    origin: str = ""

    def __post_init__(self) -> None:
        _positive(self.points)


class AdjustPoints(Command, frozen=True, kw_only=True, tag="AdjustPoints"):
    """An operator's correction by hand: points come (positive) or go (negative).

    With `on_action` they come pending, until somebody activates them.
    """

    id: str
    currency: str
    points: int
    reason: str
    allow_negative: bool = False
    expires_at: datetime | None = None
    available_at: datetime | None = None
    on_action: bool = False

    def __post_init__(self) -> None:
        if self.points == 0 or abs(self.points) > MAX_AMOUNT:
            raise ValueError("points is a whole number from 1 to 2^53 - 1, or its negative")


class SendPoints(Command, frozen=True, kw_only=True, tag="SendPoints"):
    """Give points to the member of the stream `to`, whose entry `entry` is to receive them."""

    id: str
    to: str
    entry: int
    currency: str
    points: int

    def __post_init__(self) -> None:
        _positive(self.points)


class ReceivePoints(Command, frozen=True, kw_only=True, tag="ReceivePoints"):
    """Take what the entry `entry` of the stream `sender` sends: a lot for each part, which ends when the part does."""

    id: str
    sender: str
    entry: int
    currency: str
    parts: tuple[Part, ...]
    reversal: bool = False


class GiveBackPoints(Command, frozen=True, kw_only=True, tag="GiveBackPoints"):
    """Send `parts`, the lots that a transfer opened here, back to the stream `to`, whose entry `entry` takes them.

    Without `force` only while nothing of them is spent.
    """

    id: str
    to: str
    entry: int
    currency: str
    parts: tuple[Part, ...]
    force: bool = False


class MergeMember(Command, frozen=True, kw_only=True, tag="MergeMember"):
    """Close the member for good: its entry `entry` of the stream `into` has all that it had."""

    id: str
    into: str
    entry: int


class PastPins(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Of an entry's pins what later decisions look at."""

    timeline: int = 0
    rulebook: int = 0


class Past(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An entry of a member that was merged, as far as later decisions look at it: without its personal fields."""

    version: int
    recorded_at: datetime
    at: datetime
    pins: PastPins = PastPins()
    input: "RecordActivity | RedeemPoints | RedeemReward | AbsorbMember | None" = None
    facts: dict[str, Any] = {}
    events: tuple[MemberEventUnion, ...] = ()
    settled: int = 0
    takes: tuple[Take, ...] = ()

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.version, self.at, self.recorded_at, self.pins.rulebook)


class AbsorbMember(Command, frozen=True, kw_only=True, tag="AbsorbMember"):
    """Take over the member of the stream `member`, closed with its entry `entry`, whose entries were `past`.

    So the survivor's stream has by itself all that the return of an old order looks at. `survivor` is that stream:
    whose code brought one of the two is not to be paid for what they do themselves. Entries of before that have none.
    """

    id: str
    member: str
    entry: int
    past: tuple[Past, ...]
    survivor: str = ""


class PlaceInTier(Command, frozen=True, kw_only=True, tag="PlaceInTier"):
    """Put the member on a level that it has brought from elsewhere; reviewed at `valid_until`, or never."""

    set: str
    level: str
    valid_until: datetime | None = None


class ReverseAdjustment(Command, frozen=True, kw_only=True, tag="ReverseAdjustment"):
    """Undo the adjustment of the entry `original`; with `force` also where its points have moved on."""

    adjustment: str
    original: int
    force: bool = False


class ActivatePending(Command, frozen=True, kw_only=True, tag="ActivatePending"):
    """Make pending points spendable now: those of `lots`, or all that the entry `original` of an activity opened."""

    lots: tuple[str, ...] = ()
    activity_source: str | None = None
    activity_id: str | None = None
    original: int = 0


class CancelPending(Command, frozen=True, kw_only=True, tag="CancelPending"):
    """Take pending points back, as if they had never been granted; which ones is said as in `ActivatePending`."""

    lots: tuple[str, ...] = ()
    activity_source: str | None = None
    activity_id: str | None = None
    original: int = 0


class ExtendLots(Command, frozen=True, kw_only=True, tag="ExtendLots"):
    """Let open lots end at a later instant."""

    lots: tuple[str, ...]
    expires_at: datetime
    reason: str


class ReinstateLots(Command, frozen=True, kw_only=True, tag="ReinstateLots"):
    """Bring back what expired of lots, until `expires_at`."""

    lots: tuple[str, ...]
    expires_at: datetime
    reason: str


class PayPrize(Command, frozen=True, kw_only=True, tag="PayPrize"):
    """Pay what a rank won when a leaderboard's period was closed at `closed_at`, under the rulebook of the close."""

    leaderboard: str
    period: str
    closed_at: datetime
    rulebook: int
    rank: int
    currency: str
    points: int
    board: str = ""

    def __post_init__(self) -> None:
        _positive(self.points)


class IssueReferralCode(Command, frozen=True, kw_only=True, tag="IssueReferralCode"):
    """Give the member a code to bring friends with, unless there is one."""

    code: str


class ReferMember(Command, frozen=True, kw_only=True, tag="ReferMember"):
    """Note that the member came with somebody's code."""

    introduction: Introduction


class PayReferral(Command, frozen=True, kw_only=True, tag="PayReferral"):
    """Grant what the stream `friend` brought with its entry `conversion`, on the terms of that entry."""

    friend: str
    conversion: int
    referrals: tuple[str, ...]
    rulebook: int
    occurred_at: datetime
    rewards: tuple[Reward, ...] = ()


class ReverseReferral(Command, frozen=True, kw_only=True, tag="ReverseReferral"):
    """Take back what the entry `paid` of this stream granted: it was returned at `occurred_at`.

    `origin` is the stream of that entry where it is of a member which this one has absorbed.
    """

    friend: str
    conversion: int
    referrals: tuple[str, ...]
    rulebook: int
    occurred_at: datetime
    paid: int
    origin: str = ""


class AssignOffer(Command, frozen=True, kw_only=True, tag="AssignOffer"):
    """Open a slot of an offer for the member, as of `at`."""

    offer: str
    at: datetime


class RedeemCode(Command, frozen=True, kw_only=True, tag="RedeemCode"):
    """Use the code of a coupon: of `campaign`, or of whichever it fits. `at` None is when it is recorded."""

    code: str
    campaign: str | None = None
    at: datetime | None = None


class UseIssuedCode(Command, frozen=True, kw_only=True, tag="UseIssuedCode"):
    """Use the code of a unit that the entry `entry` of the stream `owner` issued at `issued_at`, on these terms."""

    code: str
    redemption: str
    owner: str
    entry: int
    issued_at: datetime
    terms: RewardTerms
    at: datetime | None = None


class CorrectedAward(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """By how much a rule granted too little (positive) or too much, of `wanted` that it should have.

    A lot that is opened for it lives as said here.
    """

    rule: str
    currency: str
    points: int
    wanted: int = 0
    counts: dict[str, int] = {}
    available_at: datetime | None = None
    expires_at: datetime | None = None
    idle: Idle | None = None


class CorrectedActivity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a correction changes of the activity of entry `activity`, of the local `day`, that `rulebook` ruled.

    `cascaded`: it came after the corrected window, and follows from that.
    """

    activity: int
    at: datetime
    rulebook: int
    day: int
    awards: tuple[CorrectedAward, ...]
    cascaded: bool = False


class ApplyCorrection(Command, frozen=True, kw_only=True, tag="ApplyCorrection"):
    """Apply what a correction found when the member was at version `seen`; perhaps to reverse another one."""

    correction: str
    seen: int
    rows: tuple[CorrectedActivity, ...]
    reverses: str = ""


class SetTierFloor(Command, frozen=True, kw_only=True, tag="SetTierFloor"):
    """Keep the member from falling below `level` of a tier set, before `until` or for good. None lifts the floor."""

    set: str
    level: str | None
    reason: str
    until: datetime | None = None


class FormHousehold(Command, frozen=True, kw_only=True, tag="FormHousehold"):
    """Open the account of a household. `household` is the client's id.

    `spenders` is `all` or `owner`; `leaving` is `take` or `stay`: what becomes of the points of who leaves.
    """

    household: str
    spenders: str = "all"
    leaving: str = "take"
    limit: SpendingLimit | None = None


class ChangeHousehold(Command, frozen=True, kw_only=True, tag="ChangeHousehold"):
    """Put a household on these terms. `owner` is the stream of the member who owns it from now on, if that changes."""

    spenders: str = "all"
    leaving: str = "take"
    limit: SpendingLimit | None = None
    owner: str = ""


class DissolveHousehold(Command, frozen=True, kw_only=True, tag="DissolveHousehold"):
    """Close the account of a household that everybody has left."""

    reason: str = ""


class JoinHousehold(Command, frozen=True, kw_only=True, tag="JoinHousehold"):
    """Belong to the household of the stream `household`, whose entry `entry` says so, too."""

    household: str
    entry: int


class SeatMember(Command, frozen=True, kw_only=True, tag="SeatMember"):
    """Take the person of the stream `member`, whose entry `entry` joins, into this household."""

    member: str
    entry: int
    role: str = "member"


class VacateSeat(Command, frozen=True, kw_only=True, tag="VacateSeat"):
    """Let a person go, by all its streams that sit here. The entry `entry` of the stream `to` takes what goes along.

    Without `to` the person was erased, and takes nothing.
    """

    id: str
    members: tuple[str, ...]
    to: str = ""
    entry: int = 0


class LeaveHousehold(Command, frozen=True, kw_only=True, tag="LeaveHousehold"):
    """Belong to the household of the stream `household` no more, and take what its entry `entry` sends along."""

    id: str
    household: str
    entry: int
    brought: tuple[Brought, ...] = ()


class SurrenderPoints(Command, frozen=True, kw_only=True, tag="SurrenderPoints"):
    """Send parts of a household's lots to the stream `to`, whose entry `entry` takes back what had earned them."""

    id: str
    to: str
    entry: int
    brought: tuple[Brought, ...]


class Settle(Command, frozen=True, kw_only=True, tag="Settle"):
    """Write down what time has made true; asks for nothing."""


def _positive(amount: int | None) -> None:
    # Asserted here as well as at the door: msgspec checks bounds on decoding, not on construction.
    if amount is not None and not 0 < amount <= MAX_AMOUNT:
        raise ValueError("an amount is a whole number from 1 to 2^53 - 1")


MemberCommand = (
    EnrolMember
    | ChangeMember
    | SetMemberStatus
    | EraseMember
    | RecordActivity
    | ReturnActivity
    | RedeemPoints
    | RedeemReward
    | ConfirmRedemption
    | CancelRedemption
    | ReturnRedemption
    | AdjustPoints
    | SendPoints
    | ReceivePoints
    | GiveBackPoints
    | MergeMember
    | FormHousehold
    | ChangeHousehold
    | DissolveHousehold
    | JoinHousehold
    | SeatMember
    | VacateSeat
    | LeaveHousehold
    | SurrenderPoints
    | AbsorbMember
    | PlaceInTier
    | ReverseAdjustment
    | ActivatePending
    | CancelPending
    | ExtendLots
    | ReinstateLots
    | PayPrize
    | IssueReferralCode
    | ReferMember
    | PayReferral
    | ReverseReferral
    | AssignOffer
    | RedeemCode
    | UseIssuedCode
    | ApplyCorrection
    | SetTierFloor
    | Settle
)
