"""What can have happened to a member: facts, and a storage format.

Events carry outcomes: which lots opened, which lots paid, which level was reached. Folding them runs no rule.
The entry around them has the instant (`at`), the input and the pinned rulebook; events that time made
true carry an instant and a rulebook version of their own.
"""

from datetime import datetime
from typing import Any

import msgspec

from domain.rules.earning import LimitedBy


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


class LineReturned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has come back of one line of an order: units, and money in minor units."""

    quantity: int = 0
    amount_minor: int = 0


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
    activity moves `expires_at`.
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

    `reason` is `activity` (they end by inactivity), or `policy` (a `rulebook` that applies to existing lots).
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


class PointsAdjusted(MemberEvent, frozen=True, kw_only=True, tag="PointsAdjusted"):
    """An operator's correction. Positive points opened `lot`; negative ones were drawn."""

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
    had not become available yet never did.
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


class TierRenewed(MemberEvent, frozen=True, kw_only=True, tag="TierRenewed"):
    """A review at `at` kept the level."""

    set: str
    level: str | None
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
    | ActivityRecorded
    | PointsEarned
    | ScoreCounted
    | RuleFailed
    | LotActivated
    | LotExpired
    | LotsRescheduled
    | PointsRedeemed
    | PointsAdjusted
    | ActivityReversed
    | PointsClawedBack
    | TierChanged
    | TierRenewed
    | SegmentChanged
)
