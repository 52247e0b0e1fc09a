"""The shapes of answers, for the documentation and for the tests that hold answers to it.

Answers may gain fields; none is renamed or removed. Amounts are smallest units or minor units, times RFC 3339.
"""

from datetime import date, datetime
from typing import Any, Literal

import msgspec

from api.http.problems import Problem

Json = dict[str, Any]


class Balance(msgspec.Struct, kw_only=True):
    """`pending` is not spendable yet, `debt` is repaid by the next award, `lifetime` is all that was ever earned."""

    available: int
    pending: int
    held: int
    debt: int
    lifetime: int


class NextLevel(msgspec.Struct, kw_only=True):
    level: str
    needs: int


class TierFloor(msgspec.Struct, kw_only=True):
    """A level that an operator lets the member not fall below; for good where `until` is null.

    `own` is the level that the member's own counters hold; `holds` says that the floor holds the member above it.
    """

    level: str
    until: datetime | None
    holds: bool
    own: str | None


class TierStanding(msgspec.Struct, kw_only=True):
    """`needs` is what is missing: to the next level, or to keep this one at its review.

    `projected` is the level after the next review if nothing happens until then, what is missing to keep this one, and
    what of each currency is available. `begins` is when a level begins that was reached; `grace` says that the last
    review did not keep this one. `floor` is the one in force.
    """

    level: str | None
    since: datetime | None = None
    valid_until: datetime | None = None
    progress: int | None = None
    next: NextLevel | None = None
    keep: Json | None = None
    grace: bool = False
    begins: datetime | None = None
    projected: Json | None = None
    floor: TierFloor | None = None


class StreakStanding(msgspec.Struct, kw_only=True):
    """Periods in a row as of now; `last` is the first day of the last period that counted."""

    current: int
    longest: int
    previous: int
    since: date | None
    last: date | None


class BadgeStanding(msgspec.Struct, kw_only=True):
    """How often it is held; when and for which period it was granted last."""

    count: int
    granted_at: datetime
    period: str


class Member(msgspec.Struct, kw_only=True):
    id: str
    status: str
    enrolled_at: datetime | None
    profile: Json | None
    attributes: Json
    balances: dict[str, Balance]
    tiers: dict[str, TierStanding]
    counters: dict[str, dict[str, int]]
    offers: list[Json] = []
    streaks: dict[str, StreakStanding] = {}
    badges: dict[str, BadgeStanding] = {}
    referrals: Json = {}
    email: str | None = None
    external_ids: list[str] = []
    consents: dict[str, bool] = {}
    time_zone: str | None = None
    household: str | None = None


class MemberAfter(msgspec.Struct, kw_only=True):
    """The member as the entry left it."""

    id: str
    balances: dict[str, Balance]
    tiers: dict[str, TierStanding]


class RulebookPin(msgspec.Struct, kw_only=True):
    version: int
    digest: str


class Award(msgspec.Struct, kw_only=True):
    """`limited_by` names the cap, budget, group or stacking limit that bit, and what it left.

    `available_at` is null for points that wait until somebody activates them.
    """

    rule: str
    currency: str
    wanted: int
    granted: int
    limited_by: Json | None
    available_at: datetime | None
    expires_at: datetime | None
    lots: list[str]


class Activity(msgspec.Struct, kw_only=True):
    ref: str
    position: int
    occurred_at: datetime
    recorded_at: datetime
    rulebook: RulebookPin | None
    awards: list[Award]
    effects: list[Json]
    member: MemberAfter


class Explanation(msgspec.Struct, kw_only=True):
    """Each rule, each clause with its value, what was wanted and granted; `read` is what the rules looked at.

    `offers` says what it counted for each slot, and why nothing; `restated` what later entries made of its awards.
    """

    rules: list[Json]
    read: Json
    offers: list[Json]
    streaks: list[Json] = []
    badges: list[Json] = []
    referral: Json | None = None
    restated: list[Json] = []


class Simulated(Activity, kw_only=True):
    explanation: Explanation


class BatchItem(msgspec.Struct, kw_only=True):
    """One activity of a batch: its answer, or its problem."""

    index: int
    status: int
    answer: Json | None = None
    problem: Problem | None = None


class Taken(msgspec.Struct, kw_only=True):
    """An activity that cannot be lost any more, and is recorded soon: see `/v1/activities/inbox/{inbox}`."""

    inbox: str
    state: Literal["waiting"]


class InboxProblem(msgspec.Struct, kw_only=True):
    code: str
    detail: str


class InboxEntry(msgspec.Struct, kw_only=True):
    """`activity` is the reference of the recorded one; `problem` says why it is parked."""

    inbox: str
    state: Literal["waiting", "recorded", "parked"]
    source: str
    id: str
    member: str | None
    received_at: datetime
    ended_at: datetime | None
    activity: str | None
    position: int | None
    problem: InboxProblem | None


class InboxList(msgspec.Struct, kw_only=True):
    items: list[InboxEntry]
    next_cursor: str | None


class Retried(msgspec.Struct, kw_only=True):
    retried: int


class Batch(msgspec.Struct, kw_only=True):
    items: list[BatchItem]
    position: int


class Enrolled(msgspec.Struct, kw_only=True):
    member: Json
    awards: list[Award]
    effects: list[Json]
    position: int


class ReferralCode(msgspec.Struct, kw_only=True):
    code: str
    member: str
    issued_at: datetime
    position: int


class Referred(msgspec.Struct, kw_only=True):
    member: str
    effects: list[Json]
    position: int


class Referrals(msgspec.Struct, kw_only=True):
    """`referred` says whether the member came with a code; `items` are what the own code has brought."""

    code: str | None
    referred: Json | None
    items: list[Json]
    next_cursor: str | None


class MemberWritten(msgspec.Struct, kw_only=True):
    member: Member
    position: int


class MemberErased(msgspec.Struct, kw_only=True):
    member: Json
    position: int


class ClawedBack(msgspec.Struct, kw_only=True):
    rule: str
    currency: str
    wanted: int
    from_pending: int
    from_lots: int
    from_other: int
    debt: int
    written_off: int


class Returned(msgspec.Struct, kw_only=True, rename={"return_": "return"}):
    """`from_household` is what the household's pool gave, by currency, of what the return left owed."""

    return_: Json
    clawed_back: list[ClawedBack]
    given_back: list[Json]
    excess_minor: int
    effects: list[Json]
    member: MemberAfter
    position: int
    from_household: dict[str, int] = {}


class Redemption(msgspec.Struct, kw_only=True):
    id: str
    state: Literal["held", "confirmed", "cancelled", "expired", "returned"]
    points: int
    value_minor: int | None
    draws: list[Json]
    codes: list[str]
    expires_at: datetime | None


class Redeemed(msgspec.Struct, kw_only=True):
    redemption: Redemption
    member: MemberAfter
    position: int


class RedemptionNow(Redemption, kw_only=True):
    """A redemption as it stands: `returned` of its points have come back."""

    currency: str
    returned: int
    member: str


class RedemptionChanged(msgspec.Struct, kw_only=True):
    """`given_back` is what is free again, by lot, `repaid` what went to debt, `expired` what had ended."""

    redemption: Redemption
    given_back: list[Json]
    repaid: int
    expired: list[Json]
    member: MemberAfter
    position: int


class Reward(msgspec.Struct, kw_only=True):
    """`left` is what is neither redeemed nor held; null, as `stock`, where there is no limit.

    `codes_left` counts the codes of a list, where one reward is read.
    """

    id: str
    kind: Literal["discount", "product", "code", "credit", "gift"]
    name: str
    price: Json
    stock: int | None
    left: int | None
    per_member: int | None
    starts: datetime | None
    ends: datetime | None
    when: str | None
    codes: Literal["generate", "list"] | None
    codes_left: int | None
    valid: Json | None
    gives: Json | None
    withdrawn: bool
    version: int


class RewardWritten(Reward, kw_only=True):
    position: int


class Assignment(msgspec.Struct, kw_only=True):
    """A slot that was opened: what happens from `assigned_at` to `ends_at`, both included, counts for it."""

    offer: str
    slot: str
    assigned_at: datetime
    ends_at: datetime


class OfferAssigned(msgspec.Struct, kw_only=True):
    assignment: Assignment
    rulebook: RulebookPin
    member: MemberAfter
    position: int


class CodeRedeemed(msgspec.Struct, kw_only=True):
    """`code` says of which campaign it was, and for which slot of which offer it was used.

    Or of which `reward` and `redemption`, and what it `gives`.
    """

    code: Json
    rulebook: RulebookPin
    awards: list[Award]
    effects: list[Json]
    member: MemberAfter
    position: int


class Adjusted(msgspec.Struct, kw_only=True):
    adjustment: Json
    member: MemberAfter
    position: int


class Transferred(msgspec.Struct, kw_only=True):
    """`transfer.lots` are those that opened at the receiver's; `from` and `to` are the members after it."""

    transfer: Json
    from_: MemberAfter = msgspec.field(name="from")
    to: MemberAfter
    position: int


class HouseholdLimit(msgspec.Struct, kw_only=True):
    points: int
    per: str


class HouseholdAsIs(msgspec.Struct, kw_only=True):
    """The terms of a household."""

    id: str
    spenders: str
    leaving: str
    limit: HouseholdLimit | None


class HouseholdWritten(msgspec.Struct, kw_only=True):
    household: HouseholdAsIs
    position: int


class HouseholdMember(msgspec.Struct, kw_only=True):
    """By currency: what the member ever put in, what is left of that, and what it spent in the limit's period.

    `member` is null once it was erased.
    """

    member: str | None
    role: str
    since: datetime
    contributed: dict[str, int]
    left: dict[str, int]
    spent: dict[str, int]


class Household(msgspec.Struct, kw_only=True):
    """`balances` are those of the pool; `status` is active, suspended, closed or dissolved."""

    id: str
    status: str
    spenders: str
    leaving: str
    limit: HouseholdLimit | None
    balances: dict[str, Balance]
    members: list[HouseholdMember]
    version: int


class Contribution(msgspec.Struct, kw_only=True):
    """Points from the lot `from_lot` of a member, which are the lot `lot` of the pool. `left` are there still."""

    member: str | None
    transfer: str
    at: datetime
    currency: str
    points: int
    lot: str
    from_lot: str
    expires_at: datetime | None
    left: int


class Contributions(msgspec.Struct, kw_only=True):
    items: list[Contribution]
    next_cursor: str | None


class HouseholdJoined(msgspec.Struct, kw_only=True):
    household: str
    member: str
    role: str
    position: int


class HouseholdLeft(msgspec.Struct, kw_only=True):
    """`points` is what went along, by currency."""

    household: str
    member: str
    points: dict[str, int]
    position: int


class HouseholdGone(msgspec.Struct, kw_only=True):
    household: str
    status: str
    position: int


class Merged(msgspec.Struct, kw_only=True):
    """`merge` has the points and the debt by currency that came over; `member` is the survivor after it."""

    merge: Json
    effects: list[Json]
    member: MemberAfter
    position: int


class AdjustmentReversed(msgspec.Struct, kw_only=True):
    """`taken` of an adjustment that gave, `given_back` of one that took."""

    reversal: Json
    member: MemberAfter
    position: int


class Pending(msgspec.Struct, kw_only=True):
    """Lots that can be spent now, or lots that are gone; `expires_at` where a lot's life began with this."""

    activated: list[Json]
    cancelled: list[Json]
    effects: list[Json]
    member: MemberAfter
    position: int


class Lots(msgspec.Struct, kw_only=True):
    """Lots that end later than they did, or that are open again; `repaid` of the points went to debt."""

    extended: list[Json]
    reinstated: list[Json]
    effects: list[Json]
    member: MemberAfter
    position: int


class Page(msgspec.Struct, kw_only=True):
    """Give `next_cursor` back as `cursor` for the next page; null on the last one."""

    items: list[Json]
    next_cursor: str | None


class Standing(msgspec.Struct, kw_only=True):
    """`member` and `name` are null for who was erased or wants no name here; `tiebreak` counts 1st places, 2nd, ..."""

    rank: int | None
    member: str | None
    name: str | None
    score: int
    tiebreak: list[int]
    reached_at: datetime | None


class Board(msgspec.Struct, kw_only=True):
    """A page of a board. Of a closed period the frozen rows, unless `restated` was asked for."""

    items: list[Standing]
    next_cursor: str | None
    leaderboard: str
    board: str
    period: str
    ties: Literal["competition", "dense", "ordinal", "count_back"]
    closed: bool
    restated: bool
    close: Json | None


class OwnPlace(Standing, kw_only=True):
    """A member's row; `items` has it between those above and below."""

    above: list[Standing]
    below: list[Standing]
    items: list[Standing]
    leaderboard: str
    board: str
    period: str
    closed: bool


class BoardClosed(msgspec.Struct, kw_only=True):
    """`digest` covers all rows, `members` counts them; `prizes` say how many win each."""

    leaderboard: str
    board: str
    period: str
    ties: str
    closed_at: datetime
    rulebook: int
    members: int
    digest: str
    prizes: list[Json]
    position: int


class Refusals(msgspec.Struct, kw_only=True):
    """At most 1,000 are kept for a program."""

    items: list[Json]


class Statement(msgspec.Struct, kw_only=True):
    opening: Json
    closing: Json
    items: list[Json]


class Expiring(msgspec.Struct, kw_only=True):
    items: list[Json]


class ProgramMade(msgspec.Struct, kw_only=True):
    """`key` is the program's first key, shown this one time."""

    id: str
    sandbox: bool
    money: str
    time_zone: str
    key: str
    key_id: str
    position: int


class KeyShown(msgspec.Struct, kw_only=True):
    id: str
    program: str
    scopes: list[str]
    name: str
    created_at: datetime
    revoked_at: datetime | None


class KeyMade(KeyShown, kw_only=True):
    """`key` is shown this one time."""

    key: str
    position: int


class KeyList(msgspec.Struct, kw_only=True):
    items: list[KeyShown]
    next_cursor: str | None


class ClockAnswer(msgspec.Struct, kw_only=True):
    """`settled` counts the members for whom something fell due."""

    now: datetime
    settled: int | None = None
    position: int | None = None


class Place(msgspec.Struct, kw_only=True):
    line: int
    column: int


class Finding(msgspec.Struct, kw_only=True):
    severity: Literal["error", "warning"]
    code: str
    rule: str | None
    at: str
    line: int | None
    column: int | None
    message: str
    place: Place | None


class Draft(msgspec.Struct, kw_only=True):
    """`worst_case` says what each rule grants at most, `unread` names measures that nothing reads."""

    draft: str
    digest: str | None
    findings: list[Finding]
    worst_case: list[Json] | None
    unread: list[str] | None


class Published(msgspec.Struct, kw_only=True):
    version: int
    digest: str
    effective_from: datetime
    position: int


class Rulebooks(msgspec.Struct, kw_only=True):
    items: list[Json]
    drafts: list[Json]
    next_cursor: str | None


class Rulebook(msgspec.Struct, kw_only=True):
    digest: str | None
    document: Any


class Difference(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    from_: int | str
    to: int | str
    changes: Any


class AuditedMember(msgspec.Struct, kw_only=True):
    member: str
    entries: list[Json]
    state: Json
    digest: str


class SignedCheckpoint(msgspec.Struct, kw_only=True):
    """`checkpoint` is the signed note, to be kept as it is; `root` in hex."""

    checkpoint: str
    origin: str
    size: int
    root: str
    position: int


class Inclusion(msgspec.Struct, kw_only=True):
    """`proof` leads from `leaf` to `root` (RFC 6962): hashes in hex, the nearest first."""

    position: int
    index: int
    size: int
    seal: str
    leaf: str
    proof: list[str]
    root: str
    checkpoint: str


class Consistency(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """`proof` leads from `from_root` to `to_root` (RFC 6962): hashes in hex."""

    from_: int
    to: int
    proof: list[str]
    from_root: str
    to_root: str
    checkpoint: str


class ProvenRow(msgspec.Struct, kw_only=True):
    version: int
    position: int
    recorded_at: datetime
    topic: str
    state: str
    index: int
    proof: list[str]


class ProvenStream(msgspec.Struct, kw_only=True):
    kind: Literal["program", "member"]
    id: str
    rows: list[ProvenRow]


class Bundle(msgspec.Struct, kw_only=True):
    """`state` is the entry as it is stored; `checkpoint` and `statement` are signed notes."""

    format: str
    program: str
    checkpoint: str
    statement: str
    keys: list[str]
    streams: list[ProvenStream]


class PublicKeyShape(msgspec.Struct, kw_only=True):
    """`key` is name, short form and key, as C2SP writes them."""

    key: str
    created_at: datetime
    retired_at: datetime | None


class PublicKeys(msgspec.Struct, kw_only=True):
    items: list[PublicKeyShape]


class Segment(msgspec.Struct, kw_only=True):
    segment: str
    when: str
    members: int


class JobStarted(msgspec.Struct, kw_only=True):
    job: str


class CorrectionStarted(msgspec.Struct, kw_only=True):
    correction: str
    job: str


class Corrected(msgspec.Struct, kw_only=True):
    """What changes of one activity by one rule. `member` is null for who was erased since."""

    member: str | None
    activity: str
    occurred_at: datetime
    rule: str
    currency: str
    wanted: int
    recorded: int
    difference: int
    state: str


class Correction(msgspec.Struct, kw_only=True):
    """`moved` are members that have changed since the dry run, and were left as they are."""

    correction: str
    state: Literal["trying", "proposed", "approved", "applied"]
    reason: str
    window: Json
    cascade: Literal["none", "to_now"]
    rules: list[str]
    reverses: str | None
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    members: int
    applied: int
    moved: list[str | None]
    totals: list[Json]
    items: list[Corrected]
    next_cursor: str | None


class Job(msgspec.Struct, kw_only=True):
    """`done` out of `of`; `result` when `state` is done."""

    state: Literal["running", "done", "failed"]
    done: int
    of: int
    result: Json | None


class Webhook(msgspec.Struct, kw_only=True):
    """`events` empty means all. `failing_since` says that no delivery has succeeded since."""

    id: str
    url: str
    events: list[str]
    filter: Json
    ordered: bool
    description: str
    created_at: datetime
    enabled: bool
    disabled_at: datetime | None
    disabled_because: str | None
    failing_since: datetime | None
    previous_secret_until: datetime | None


class WebhookMade(Webhook, kw_only=True):
    """`secret` is shown this one time. It is told of what lies behind `position`."""

    secret: str
    position: int


class WebhookRotated(Webhook, kw_only=True):
    """`secret` is the new one, shown this one time."""

    secret: str


class WebhookList(msgspec.Struct, kw_only=True):
    items: list[Webhook]
    next_cursor: str | None


class WebhookReply(msgspec.Struct, kw_only=True):
    """What a receiver answered: `error` says why it does not count as received."""

    id: str
    delivered: bool
    status: int | None
    latency_ms: int
    error: str | None


class Delivery(msgspec.Struct, kw_only=True):
    """One event for one webhook. `status`, `latency_ms` and `error` are of the last attempt."""

    id: str
    type: str
    position: int
    state: Literal["waiting", "delivered", "dead"]
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    ended_at: datetime | None
    status: int | None
    latency_ms: int | None
    error: str | None


class DeliveryList(msgspec.Struct, kw_only=True):
    items: list[Delivery]
    next_cursor: str | None


class Redelivery(msgspec.Struct, kw_only=True):
    """How many are sent again. Where `next_after` is a number, ask again from there."""

    queued: int
    next_after: int | None


class Access(msgspec.Struct, kw_only=True):
    """Somebody read or administered. `member` is the id of the `stream` as long as it has one; both are null where a
    read listed several members.
    """

    at: datetime
    kind: Literal["read", "act"]
    actor: str
    what: str
    member: str | None
    stream: str | None
    about: str | None
    request: str | None


class AccessList(msgspec.Struct, kw_only=True):
    items: list[Access]
    next_cursor: str | None


class Export(msgspec.Struct, kw_only=True):
    """All that is kept about a member, in the clear. `streams`: the member's own, and of who was merged into it.

    `personal` and `consents` say what was known and agreed to since when; `lots`, `history`, `redemptions` and
    `activities` are whole, the latter with personal fields and metadata.
    """

    format: str
    program: str
    exported_at: datetime
    streams: list[str]
    member: Json
    personal: list[Json]
    consents: list[Json]
    history: list[Json]
    lots: list[Json]
    redemptions: list[Json]
    codes: list[Json]
    activities: list[Json]
    households: list[Json] = []


class LiabilityDay(msgspec.Struct, kw_only=True):
    """Points of one currency. `outstanding` and `owed` are sums up to the day, `owed` is what members owe.

    In minor units of money: `outstanding_minor` and `owed_minor` by the currency's value, null where it has none; those
    from `allocated_minor` on by the `estimate`, null before there is one. `expected` points will ever be redeemed.
    """

    currency: str
    day: date
    issued: int
    redeemed: int
    given_back: int
    expired: int
    taken_back: int
    adjusted: int
    repaid: int
    redeemed_minor: int
    restated: int
    outstanding: int
    outstanding_minor: int | None
    owed: int
    owed_minor: int | None
    estimate: int | None
    expected: int | None
    allocated_minor: int | None
    revenue_minor: int | None
    caught_up_minor: int | None
    recognised_minor: int | None
    deferred_minor: int | None


class LiabilityDays(msgspec.Struct, kw_only=True):
    items: list[LiabilityDay]
    next_cursor: None = None


class Estimate(msgspec.Struct, kw_only=True):
    """A version of a currency's estimate, numbered by currency."""

    estimate: int
    currency: str
    redeemed_share: str
    deferred_per_point: str
    effective_on: date
    reason: str


class EstimateMade(Estimate, kw_only=True):
    position: int


class Estimates(msgspec.Struct, kw_only=True):
    items: list[Estimate]
    next_cursor: None = None


class CohortOfPoints(msgspec.Struct, kw_only=True):
    """Points that the activities of one month earned. `redeemed` is cumulative, by age in months."""

    cohort: date
    kept: int
    redeemed: list[int]
    outstanding: int
    projected_redeemed: int
    projected_breakage: int


class BreakageOf(msgspec.Struct, kw_only=True):
    """`factors` from each age to the next, and the share of all points that follows: decimals."""

    currency: str
    factors: list[str]
    redeemed_share: str | None
    cohorts: list[CohortOfPoints]


class Breakage(msgspec.Struct, kw_only=True):
    items: list[BreakageOf]


class GatewayFinding(msgspec.Struct, kw_only=True):
    """`at` is a JSON pointer into the mapping."""

    severity: Literal["error", "warning"]
    code: str
    at: str
    message: str


class GatewaySource(msgspec.Struct, kw_only=True):
    """`address` is where its messages go. `mapping` numbers the `document` in use."""

    id: str
    name: str
    address: str
    mapping: int
    document: Json
    previous_secret_until: datetime | None
    created_at: datetime
    findings: list[GatewayFinding]


class GatewaySourceList(msgspec.Struct, kw_only=True):
    items: list[GatewaySource]
    next_cursor: str | None


class GatewayChecked(msgspec.Struct, kw_only=True):
    """`meant` is the activity with the ways to its member, or the return; null for a message that is none of ours."""

    findings: list[GatewayFinding]
    meant: Json | None
    code: str | None
    detail: str | None


class Letter(msgspec.Struct, kw_only=True):
    """A message that was taken in. `code` says why it waits or is dead; `ref` is the activity it became."""

    letter: str
    source: str
    event: str
    mapping: int
    state: Literal["waiting", "recorded", "dead", "refused"]
    code: str | None
    detail: str | None
    member: str | None
    ref: str | None
    position: int | None
    attempts: int
    received_at: datetime
    ended_at: datetime | None


class LetterShown(Letter, kw_only=True):
    """`contents` is what it says; null once it is recorded."""

    contents: Json | None


class LetterList(msgspec.Struct, kw_only=True):
    items: list[Letter]
    next_cursor: str | None


class Notices(msgspec.Struct, kw_only=True):
    """`languages` are those that there are words in, by kind."""

    document: Json | None
    languages: dict[str, list[str]]


class NoticePreview(msgspec.Struct, kw_only=True):
    subject: str
    body: str


class NoticeShown(msgspec.Struct, kw_only=True):
    """`reason` says why it waits or was not sent. `member` is null once erased."""

    key: str
    member: str | None
    kind: str
    state: Literal["waiting", "sending", "sent", "skipped", "dead", "unknown"]
    reason: str | None
    attempts: int
    created_at: datetime
    due_at: datetime | None
    ended_at: datetime | None


class NoticeList(msgspec.Struct, kw_only=True):
    items: list[NoticeShown]
    next_cursor: str | None


class MeasuredMean(msgspec.Struct, kw_only=True):
    """The sum over an arm, its members' mean, and the bounds of its 95 % interval: decimals, null for one member."""

    total: int
    mean: str
    low: str | None
    high: str | None


class Arm(msgspec.Struct, kw_only=True):
    """What members did since they were first exposed: activities, points granted, points redeemed."""

    arm: str
    members: int
    activities: MeasuredMean
    granted: MeasuredMean
    redeemed: MeasuredMean


class ExperimentOf(msgspec.Struct, kw_only=True):
    experiment: str
    arms: list[Arm]


class Experiments(msgspec.Struct, kw_only=True):
    items: list[ExperimentOf]
