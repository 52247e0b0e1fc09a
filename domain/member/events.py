"""What can have happened to a member: facts, and a storage format.

Events carry outcomes: which lots opened, which lots paid, which level was reached. Folding them runs no rule.
The entry around them has the instant (`at`), the input and the pinned rulebook; events that time made
true carry an instant and a rulebook version of their own.
"""

from datetime import datetime
from typing import Any

import msgspec

from domain.member.closing import Closing
from domain.member.pool import SpendingLimit
from domain.rules.limits import LimitedBy
from domain.rules.referrals import Reward
from domain.takes import Take


class MemberEvent(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="event",
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,  # trees of values: no cycle can come of them
):
    """Base of all member events."""


class Draw(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Points that one lot gave."""

    lot: str
    points: int


class Idle(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """A lot ends when the member has been idle `for` a period: without any activity, or one of `activities`."""

    for_: str
    round_up: str = "day"
    activities: tuple[str, ...] = ()


class Part(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Points that came out of a lot, or became one, on their way between members. `repaid` of them went to debt.

    Between a person and its household `origin` is the lot that they came out of at the sender's.
    """

    lot: str
    points: int
    expires_at: datetime | None = None
    idle: Idle | None = None
    repaid: int = 0
    origin: str = ""


class Gone(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """What was left in a lot of a member that was merged into another; `pending` points could not be spent yet."""

    lot: str
    currency: str
    points: int
    pending: bool = False


class Occasion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What time brought about at `at`: a birthday, an anniversary, a renewal, under a version of the rules."""

    kind: str
    at: datetime
    rulebook: int


class Restated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The fact is about the activity of an earlier entry, which happened at `at` and was ruled by `rulebook`.

    What was learned since has that activity come out differently: it takes effect as if it had been so at once.
    """

    activity: int
    at: datetime
    rulebook: int


class TierStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """From `at` on the member stood at `level`."""

    at: datetime
    level: str | None


class OwnLevel(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """The level that a member's own counters hold, whatever a floor does; the fields are those of a standing."""

    level: str | None = None
    since: datetime | None = None
    valid_until: datetime | None = None
    grace: datetime | None = None


class LineReturned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has come back of one line of an order: units, and money in minor units."""

    quantity: int = 0
    amount_minor: int = 0


class OpenLot(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A lot that points come back to: `points` is what comes, the rest is what the lot was and when it ends.

    Where the lot is still open, only its points are added to. With `pending` it waits for `available_at`.
    """

    lot: str
    points: int
    granted: int
    occurred_at: datetime
    entry: int
    rule: str
    rulebook: int
    available_at: datetime | None = None
    expires_at: datetime | None = None
    day: int = 0
    pending: bool = False
    idle: Idle | None = None


class MemberEnrolled(MemberEvent, frozen=True, kw_only=True, tag="MemberEnrolled"):
    member: str
    enrolled_at: datetime
    attributes: dict[str, Any] = {}
    time_zone: str | None = None
    consents: dict[str, bool] = {}
    sealed: bytes = b""


class MemberChanged(MemberEvent, frozen=True, kw_only=True, tag="MemberChanged"):
    attributes: dict[str, Any] | None = None
    time_zone: str | None = None
    consents: dict[str, bool] | None = None
    sealed: bytes | None = None


class MemberStatusChanged(MemberEvent, frozen=True, kw_only=True, tag="MemberStatusChanged"):
    status: str
    reason: str


class MemberErased(MemberEvent, frozen=True, kw_only=True, tag="MemberErased"):
    """The person is forgotten; points, tiers and totals stay where they are."""

    reason: str = ""


class MemberMerged(MemberEvent, frozen=True, kw_only=True, tag="MemberMerged"):
    """The member is one with that of the stream `into`, whose entry `entry` has all that this one had.

    `lots`, `debt` and `slots`, the open ones, are what went there.
    """

    merge: str
    into: str
    entry: int
    lots: tuple[Gone, ...] = ()
    slots: tuple[str, ...] = ()
    debt: dict[str, int] = {}


class MemberAbsorbed(MemberEvent, frozen=True, kw_only=True, tag="MemberAbsorbed"):
    """The member of the stream `member`, closed with its entry `entry`, is one with this one from now on.

    `survivor` is this stream: a referral by any of those who are one now counts for nothing any more.
    """

    merge: str
    member: str
    entry: int
    closing: Closing
    survivor: str = ""


class HouseholdFormed(MemberEvent, frozen=True, kw_only=True, tag="HouseholdFormed"):
    """The stream is the account of a household from now on: its pool of points. The fields are those of the command."""

    household: str
    spenders: str = "all"
    leaving: str = "take"
    limit: SpendingLimit | None = None


class HouseholdChanged(MemberEvent, frozen=True, kw_only=True, tag="HouseholdChanged"):
    """The household is on these terms from now on."""

    spenders: str = "all"
    leaving: str = "take"
    limit: SpendingLimit | None = None


class HouseholdDissolved(MemberEvent, frozen=True, kw_only=True, tag="HouseholdDissolved"):
    """The household is no more: nobody belongs to it, and its pool is empty."""

    reason: str = ""


class HouseholdJoined(MemberEvent, frozen=True, kw_only=True, tag="HouseholdJoined"):
    """The person belongs to the household of the stream `household`, whose entry `entry` says so, too."""

    household: str
    entry: int


class MemberSeated(MemberEvent, frozen=True, kw_only=True, tag="MemberSeated"):
    """The person of the stream `member` belongs to this household, as its `owner` or a `member`.

    Without `entry` it did before, in another role.
    """

    member: str
    entry: int = 0
    role: str


class HouseholdLeft(MemberEvent, frozen=True, kw_only=True, tag="HouseholdLeft"):
    """The person belongs no more to the household that it joined as the stream `household`.

    The entry `entry` of it says so, too, or of the household that it was merged into since.
    """

    household: str
    entry: int


class SeatVacated(MemberEvent, frozen=True, kw_only=True, tag="SeatVacated"):
    """A person, by these streams, belongs to this household no more. What it leaves in the pool is the household's."""

    members: tuple[str, ...]
    entry: int = 0


class HouseholdSpent(MemberEvent, frozen=True, kw_only=True, tag="HouseholdSpent"):
    """It was the person of the stream `member` who spent, or with `held` set aside, points of this household.

    `day` is the first local day of the period whose limit they count for; 0 for ever.
    """

    redemption: str
    member: str
    currency: str
    points: int
    day: int = 0
    held: bool = False


class ActivityRecorded(MemberEvent, frozen=True, kw_only=True, tag="ActivityRecorded"):
    """An activity counted. `day` is its local day (ordinal) in the pinned zone, `counts` moves counters."""

    source: str
    id: str
    type: str
    occurred_at: datetime
    day: int
    counts: dict[str, int] = {}


class PointsEarned(MemberEvent, frozen=True, kw_only=True, tag="PointsEarned"):
    """A rule granted points: a lot was opened, unless nothing was left to grant.

    `points` is what was granted of `wanted`; `repaid` of it went to debt and never was in the lot. The lot is
    spendable while available_at <= now < expires_at; `available_at` None waits for an action. With `idle` every
    activity moves `expires_at`. With `occasion` time brought it, at an instant and under a rulebook of its own; with
    `restated` it is what an earlier activity earns beyond what it was granted.
    """

    lot: str
    currency: str
    rule: str
    wanted: int
    points: int
    available_at: datetime | None
    day: int
    expires_at: datetime | None = None
    repaid: int = 0
    limited_by: LimitedBy | None = None
    counts: dict[str, int] = {}
    idle: Idle | None = None
    occasion: Occasion | None = None
    restated: Restated | None = None


class OccasionPlanned(MemberEvent, frozen=True, kw_only=True, tag="OccasionPlanned"):
    """The next occasion of a kind is at `at`; None: there is none."""

    occasion: str
    at: datetime | None


class OccasionReached(MemberEvent, frozen=True, kw_only=True, tag="OccasionReached"):
    """A birthday or an anniversary began, of the local `year`; the next one is at `next_at`."""

    occasion: str
    at: datetime
    rulebook: int
    year: int
    next_at: datetime | None = None


class ScoreCounted(MemberEvent, frozen=True, kw_only=True, tag="ScoreCounted"):
    """A result counted on a leaderboard, in the period with this label; `board` is '' where it has only one.

    `places` count for count-back. With `activity`, the entry of a returned one, the score and the places are taken
    back from where that one counted. `day` is the activity's local day.
    """

    leaderboard: str
    period: str
    day: int
    score: int
    board: str = ""
    places: tuple[int, ...] = ()
    activity: int | None = None


class OfferAssigned(MemberEvent, frozen=True, kw_only=True, tag="OfferAssigned"):
    """A slot of an offer was opened: what happens from `assigned_at` to `ends_at`, both included, counts for it.

    `rule` is the rule that assigned it, if one did; `counts` moves the counters of its caps on the local `day`.
    `rulebook` is the version that defines it, 0 for the entry's own.
    """

    slot: str
    offer: str
    assigned_at: datetime
    ends_at: datetime
    day: int
    rule: str = ""
    counts: dict[str, int] = {}
    rulebook: int = 0
    restated: Restated | None = None


class OfferViewed(MemberEvent, frozen=True, kw_only=True, tag="OfferViewed"):
    """The member saw the offer at `at`, while the slot was open."""

    slot: str
    offer: str
    at: datetime


class OfferProgressed(MemberEvent, frozen=True, kw_only=True, tag="OfferProgressed"):
    """An activity counted `step` for a slot, whose progress is now `progress`.

    Of a goal about periods, `period` is the first local day of the one that the step is about. With `activity`, the
    entry of a returned one, the step is taken back. With `restated` it is what an earlier activity counts otherwise.
    """

    slot: str
    offer: str
    step: int
    progress: int
    period: int | None = None
    activity: int | None = None
    restated: Restated | None = None


class OfferCompleted(MemberEvent, frozen=True, kw_only=True, tag="OfferCompleted"):
    """A slot reached its goal. `lot` is that of its reward, '' where there is none."""

    slot: str
    offer: str
    lot: str = ""
    restated: Restated | None = None


class OfferReopened(MemberEvent, frozen=True, kw_only=True, tag="OfferReopened"):
    """The return of the activity of entry `activity` left a completed slot below its goal: it was not completed.

    With `restated` nothing was returned: that activity did not complete it after all.
    """

    slot: str
    offer: str
    activity: int
    restated: Restated | None = None


class OfferWithdrawn(MemberEvent, frozen=True, kw_only=True, tag="OfferWithdrawn"):
    """The activity that a slot was assigned by was returned whole, before the slot was completed or used."""

    slot: str
    offer: str
    day: int
    counts: dict[str, int] = {}


class StreakMoved(MemberEvent, frozen=True, kw_only=True, tag="StreakMoved"):
    """A streak stands at another length: an activity of the local `day` counted, or one was returned.

    `first` and `last` are the first local days of the periods with which the current run begins and ends (0 where
    there is none), `at` and `zone` the instant and the zone of the activity that it ends with. `reason` is `ticked`,
    `begun` (after a break, or the first time), `late` or `returned`. `counts` are days that a member who moved
    between zones never had.
    """

    streak: str
    day: int
    current: int
    longest: int
    previous: int
    first: int
    last: int
    at: datetime
    zone: str
    reason: str
    counts: dict[str, int] = {}


class BadgeGranted(MemberEvent, frozen=True, kw_only=True, tag="BadgeGranted"):
    """The member has a badge, in the period with this label (`ever`: for good). `day` is the activity's local day."""

    badge: str
    period: str
    day: int
    at: datetime
    counts: dict[str, int] = {}
    restated: Restated | None = None


class BadgeRevoked(MemberEvent, frozen=True, kw_only=True, tag="BadgeRevoked"):
    """A return took a badge away that was granted on the local `day`."""

    badge: str
    period: str
    day: int
    counts: dict[str, int] = {}


class ReferralCodeIssued(MemberEvent, frozen=True, kw_only=True, tag="ReferralCodeIssued"):
    """The member has a code to bring friends with."""

    code: str


class MemberReferred(MemberEvent, frozen=True, kw_only=True, tag="MemberReferred"):
    """The member came with the code of the stream `owner`. It counts for `referrals` on the terms of `rulebook`."""

    owner: str
    code: str
    referrals: tuple[str, ...]
    rulebook: int
    at: datetime


class ReferralConverted(MemberEvent, frozen=True, kw_only=True, tag="ReferralConverted"):
    """What a referred member did counted for `referrals`; `rewards` are to be granted to the stream `owner`."""

    owner: str
    referrals: tuple[str, ...]
    rulebook: int
    at: datetime
    rewards: tuple[Reward, ...] = ()


class ReferralReversed(MemberEvent, frozen=True, kw_only=True, tag="ReferralReversed"):
    """What entry `conversion` had counted was returned: the stream `owner` is to give back what it had for it."""

    conversion: int
    owner: str
    referrals: tuple[str, ...]


class ReferralRewarded(MemberEvent, frozen=True, kw_only=True, tag="ReferralRewarded"):
    """The stream `friend` brought something with its entry `conversion`; `passed_over`: the member has left."""

    friend: str
    conversion: int
    referrals: tuple[str, ...]
    passed_over: bool = False


class ReferralTakenBack(MemberEvent, frozen=True, kw_only=True, tag="ReferralTakenBack"):
    """What the stream `friend` had brought with its entry `conversion` was taken back."""

    friend: str
    conversion: int
    referrals: tuple[str, ...]


class ExperimentAssigned(MemberEvent, frozen=True, kw_only=True, tag="ExperimentAssigned"):
    """The member was exposed to an experiment for the first time and is in one of its arms for ever."""

    experiment: str
    arm: str


class OfferClosed(MemberEvent, frozen=True, kw_only=True, tag="OfferClosed"):
    """A slot's window is over, at `at`: completed or not."""

    slot: str
    offer: str
    at: datetime


class CodeRedeemed(MemberEvent, frozen=True, kw_only=True, tag="CodeRedeemed"):
    """A coupon's code was used at `at`, for a slot of its offer. `lot` is that of its reward, '' for none."""

    code: str
    campaign: str
    slot: str
    offer: str
    at: datetime
    lot: str = ""


class RuleFailed(MemberEvent, frozen=True, kw_only=True, tag="RuleFailed"):
    """A rule or measure could not be evaluated and counted as nothing."""

    rule: str
    error: str


class LotActivated(MemberEvent, frozen=True, kw_only=True, tag="LotActivated"):
    """Pending points became spendable at `at`; `repaid` of them went to debt."""

    lot: str
    currency: str
    points: int
    at: datetime
    repaid: int = 0


class LotsRescheduled(MemberEvent, frozen=True, kw_only=True, tag="LotsRescheduled"):
    """Open lots end at another instant from `at` on, and by `idle` from then on where it is given.

    `reason` is `activity` (they end by inactivity), `policy` (a `rulebook` that applies to existing lots),
    `activation` (their life begins, by `rulebook`), or `extension` (an operator lets them end later).
    """

    currency: str
    lots: tuple[str, ...]
    at: datetime
    expires_at: datetime | None
    reason: str
    idle: Idle | None = None
    rulebook: int = 0


class LotExpired(MemberEvent, frozen=True, kw_only=True, tag="LotExpired"):
    """What was left in the lot at `at` is gone; `pending` points never could be spent."""

    lot: str
    currency: str
    points: int
    at: datetime
    pending: bool = False


class LotsReinstated(MemberEvent, frozen=True, kw_only=True, tag="LotsReinstated"):
    """What had expired came back into the `lots` it was in, with a new end; `repaid` of it, by lot, went to debt."""

    currency: str
    lots: tuple[OpenLot, ...] = ()
    repaid: tuple[Draw, ...] = ()


class PointsRedeemed(MemberEvent, frozen=True, kw_only=True, tag="PointsRedeemed"):
    """Points were spent: `draws` names the lots that paid, `debt` what none could.

    `redemption` is the id of a redemption, or with `source` that of an activity that reported one.
    """

    redemption: str
    source: str | None = None
    currency: str
    points: int
    draws: tuple[Draw, ...]
    value_minor: int | None = None
    debt: int = 0


class PointsHeld(MemberEvent, frozen=True, kw_only=True, tag="PointsHeld"):
    """Points were set aside for a redemption until `ends_at`, not included: `draws` names the lots that gave them.

    `takes` is what the redemption took of shared quantities, which they get back when nothing comes of it.
    """

    redemption: str
    currency: str
    points: int
    draws: tuple[Draw, ...]
    ends_at: datetime
    value_minor: int | None = None
    takes: tuple[Take, ...] = ()


class HoldConfirmed(MemberEvent, frozen=True, kw_only=True, tag="HoldConfirmed"):
    """Points that the entry `original` had set aside were spent: `points`, from the lots of `draws`.

    Of the rest, `released` is in its lots again, `repaid` went to debt, and `expired` had ended meanwhile.
    """

    redemption: str
    original: int
    currency: str
    points: int
    draws: tuple[Draw, ...]
    value_minor: int | None = None
    released: tuple[Draw, ...] = ()
    repaid: tuple[Draw, ...] = ()
    expired: tuple[Draw, ...] = ()


class HoldReleased(MemberEvent, frozen=True, kw_only=True, tag="HoldReleased"):
    """What the entry `original` had set aside was let go at `at`, because it was `cancelled` or had `expired`.

    `released` is in its lots again, `repaid` went to debt, and `expired` had ended meanwhile.
    """

    redemption: str
    original: int
    currency: str
    points: int
    at: datetime
    reason: str
    released: tuple[Draw, ...] = ()
    repaid: tuple[Draw, ...] = ()
    expired: tuple[Draw, ...] = ()


class RedemptionReturned(MemberEvent, frozen=True, kw_only=True, tag="RedemptionReturned"):
    """(Part of) what was redeemed by the entry `original` came back: into `lots`, but for what was `repaid` to debt.

    `draws` says which lots had paid it, `expired` which of that came back to lots that had ended, and is gone. `mode`
    is `reverse` (to the lots that paid) or `reissue` (in a new one). `complete`: all of it has come back now.
    """

    redemption: str
    original: int
    currency: str
    points: int
    mode: str
    draws: tuple[Draw, ...]
    complete: bool = False
    lots: tuple[OpenLot, ...] = ()
    repaid: int = 0
    expired: tuple[Draw, ...] = ()
    value_minor: int | None = None


class RewardReserved(MemberEvent, frozen=True, kw_only=True, tag="RewardReserved"):
    """Units of a reward are held with the price. `counts` moves the member's counter on the local `day`.

    `codes` are those of a list that are kept for them.
    """

    redemption: str
    reward: str
    quantity: int
    day: int
    counts: dict[str, int] = {}
    codes: tuple[str, ...] = ()


class RewardIssued(MemberEvent, frozen=True, kw_only=True, tag="RewardIssued"):
    """Units of a reward are the member's, each with one of `codes` where it has them.

    What was reserved before is counted already: then there are no `counts`.
    """

    redemption: str
    reward: str
    quantity: int
    codes: tuple[str, ...] = ()
    day: int = 0
    counts: dict[str, int] = {}


class RewardReleased(MemberEvent, frozen=True, kw_only=True, tag="RewardReleased"):
    """Units of a reward are in stock again: the hold is over, or the redemption was returned. Their codes are void."""

    redemption: str
    reward: str
    quantity: int
    day: int
    counts: dict[str, int] = {}


class IssuedCodeUsed(MemberEvent, frozen=True, kw_only=True, tag="IssuedCodeUsed"):
    """The code of a unit, which the stream `owner` has from a redemption, was used at `at`, for good."""

    code: str
    reward: str
    redemption: str
    owner: str
    at: datetime


class PointsAdjusted(MemberEvent, frozen=True, kw_only=True, tag="PointsAdjusted"):
    """An operator's correction, or what a code brought (its reward is the `reason`).

    Positive points opened `lot`; negative ones were drawn.
    """

    adjustment: str
    currency: str
    points: int
    reason: str
    lot: str | None = None
    available_at: datetime | None = None
    expires_at: datetime | None = None
    repaid: int = 0
    draws: tuple[Draw, ...] = ()
    debt: int = 0
    idle: Idle | None = None


class PointsSent(MemberEvent, frozen=True, kw_only=True, tag="PointsSent"):
    """Points went to the stream `to`, whose entry `entry` receives them: `parts` names the lots that gave.

    With `back` they go back to where they came from, as these parts; `debt` is what no lot could give back.
    """

    transfer: str
    to: str
    entry: int
    currency: str
    points: int
    parts: tuple[Part, ...]
    debt: int = 0
    back: tuple[Part, ...] = ()

    @property
    def arrives(self) -> tuple[Part, ...]:
        return self.back or self.parts


class PointsReceived(MemberEvent, frozen=True, kw_only=True, tag="PointsReceived"):
    """Points came from the stream `sender`, whose entry `entry` sent them. Each part opened a lot."""

    transfer: str
    sender: str
    entry: int
    currency: str
    points: int
    parts: tuple[Part, ...]
    reversal: bool = False


class AdjustmentReversed(MemberEvent, frozen=True, kw_only=True, tag="AdjustmentReversed"):
    """The points that an adjustment gave were taken: from its own lot, then from others, then as debt.

    `expired` of them were gone already.
    """

    adjustment: str
    currency: str
    lot: str
    points: int
    from_pending: tuple[Draw, ...] = ()
    from_lots: tuple[Draw, ...] = ()
    from_other: tuple[Draw, ...] = ()
    expired: int = 0
    debt: int = 0


class PointsGivenBack(MemberEvent, frozen=True, kw_only=True, tag="PointsGivenBack"):
    """Points came back that the entry `entry` had taken: `repaid` of them to debt, the rest into `lots`.

    `expired` came back to lots that had ended, and went with them. `spend` is the id of the redemption or adjustment.
    """

    spend: str
    entry: int
    currency: str
    points: int
    lots: tuple[OpenLot, ...] = ()
    expired: tuple[Draw, ...] = ()
    repaid: int = 0


class ActivityReversed(MemberEvent, frozen=True, kw_only=True, tag="ActivityReversed"):
    """(Part of) the activity of entry `activity` was returned.

    `returned_minor` is the total so far, `excess_minor` what exceeded the original; `lines` is what has come back of
    each line so far, by its id; `counts` gives measures back to the activity's own local `day`.
    """

    return_id: str
    source: str
    activity: int
    amount_minor: int
    returned_minor: int
    day: int
    excess_minor: int = 0
    counts: dict[str, int] = {}
    complete: bool = False
    lines: dict[str, LineReturned] = {}


class PointsClawedBack(MemberEvent, frozen=True, kw_only=True, tag="PointsClawedBack"):
    """Points of one award were taken back: from its own pending or open lot, other lots, then debt.

    `expired` of them were gone already, `written_off` were forgiven. `counted` of them had counted for tiers: what
    had not become available yet never did. With `restated` nothing was returned: the award itself is smaller.
    """

    activity: int
    lot: str
    rule: str
    currency: str
    points: int
    day: int
    from_pending: tuple[Draw, ...] = ()
    from_lots: tuple[Draw, ...] = ()
    from_other: tuple[Draw, ...] = ()
    expired: int = 0
    counted: int = 0
    debt: int = 0
    written_off: int = 0
    counts: dict[str, int] = {}
    restated: Restated | None = None


class ActivityRestated(MemberEvent, frozen=True, kw_only=True, tag="ActivityRestated"):
    """The activity of entry `activity` comes out differently: what does follows in this entry.

    `counts` moves counters on its local `day` that no other event of it does.
    """

    activity: int
    at: datetime
    rulebook: int
    day: int
    counts: dict[str, int] = {}


class TierChanged(MemberEvent, frozen=True, kw_only=True, tag="TierChanged"):
    """The member moved to level `to` (None is below all levels) at `at`.

    `evidence` is the counter's value; the level is reviewed at `valid_until`, or never.
    """

    set: str
    from_: str | None = msgspec.field(name="from")
    to: str | None
    reason: str
    evidence: int
    at: datetime
    rulebook: int
    valid_until: datetime | None = None


class TierGraceBegan(MemberEvent, frozen=True, kw_only=True, tag="TierGraceBegan"):
    """A review at `at` did not keep the level, which holds until it is looked at once more, at `until`."""

    set: str
    level: str | None
    evidence: int
    at: datetime
    rulebook: int
    until: datetime


class TierUpgradePlanned(MemberEvent, frozen=True, kw_only=True, tag="TierUpgradePlanned"):
    """A higher level was reached and begins with the next period, at `at`; None: not any more."""

    set: str
    at: datetime | None


class TierRenewed(MemberEvent, frozen=True, kw_only=True, tag="TierRenewed"):
    """A review at `at` kept the level."""

    set: str
    level: str | None
    evidence: int
    at: datetime
    rulebook: int
    valid_until: datetime | None = None


class TierRestated(MemberEvent, frozen=True, kw_only=True, tag="TierRestated"):
    """Where the member stands in a set, and stood since `at`: `path` is every step from then on.

    `grace` and `upgrade_at` are what a review did not keep, and when a level that was reached begins; `beneath` and
    `own_since` what the member's own counters hold where a floor holds it above that, and since when otherwise.
    """

    set: str
    from_: str | None = msgspec.field(name="from")
    to: str | None
    at: datetime
    rulebook: int
    path: tuple[TierStep, ...] = ()
    since: datetime | None = None
    valid_until: datetime | None = None
    grace: datetime | None = None
    upgrade_at: datetime | None = None
    beneath: OwnLevel | None = None
    own_since: datetime | None = None


class TierFloorSet(MemberEvent, frozen=True, kw_only=True, tag="TierFloorSet"):
    """An operator set a level below which the member does not fall, before `until` or for good; None: lifted."""

    set: str
    level: str | None
    reason: str
    at: datetime
    until: datetime | None = None


class TierHeld(MemberEvent, frozen=True, kw_only=True, tag="TierHeld"):
    """Where the member's own counters stand from `at` on, beside the `level` it is on while or after a floor holds it.

    Where the two differ, the floor holds it, until `valid_until` or for good. `evidence` is the counter's value.
    """

    set: str
    level: str | None
    own: OwnLevel
    evidence: int
    at: datetime
    rulebook: int
    valid_until: datetime | None = None


class SegmentChanged(MemberEvent, frozen=True, kw_only=True, tag="SegmentChanged"):
    """The member came to be in a segment at `at`, or to be out of it: judged then, under `rulebook` (0: none)."""

    segment: str
    inside: bool
    at: datetime
    rulebook: int


MemberEventUnion = (
    MemberEnrolled
    | MemberChanged
    | MemberStatusChanged
    | MemberErased
    | MemberMerged
    | MemberAbsorbed
    | HouseholdFormed
    | HouseholdChanged
    | HouseholdDissolved
    | HouseholdJoined
    | HouseholdLeft
    | HouseholdSpent
    | MemberSeated
    | SeatVacated
    | ActivityRecorded
    | PointsEarned
    | ScoreCounted
    | StreakMoved
    | BadgeGranted
    | BadgeRevoked
    | ReferralCodeIssued
    | MemberReferred
    | ReferralConverted
    | ReferralReversed
    | ReferralRewarded
    | ReferralTakenBack
    | ExperimentAssigned
    | OccasionPlanned
    | OccasionReached
    | RuleFailed
    | LotActivated
    | LotExpired
    | LotsRescheduled
    | LotsReinstated
    | PointsRedeemed
    | PointsSent
    | PointsReceived
    | PointsHeld
    | HoldConfirmed
    | HoldReleased
    | RedemptionReturned
    | RewardReserved
    | RewardIssued
    | RewardReleased
    | IssuedCodeUsed
    | PointsAdjusted
    | AdjustmentReversed
    | PointsGivenBack
    | ActivityReversed
    | PointsClawedBack
    | TierChanged
    | TierRenewed
    | TierGraceBegan
    | TierUpgradePlanned
    | ActivityRestated
    | TierRestated
    | TierFloorSet
    | TierHeld
    | OfferAssigned
    | OfferViewed
    | OfferProgressed
    | OfferCompleted
    | OfferReopened
    | OfferWithdrawn
    | OfferClosed
    | CodeRedeemed
    | SegmentChanged
)
