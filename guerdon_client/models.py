"""What answers hold, and the parts of bodies. Generated; see `docs/client.py`.

Times are texts (RFC 3339), amounts smallest units. A server may send more than this client knows.
"""

from typing import Any, Literal

import msgspec


class FieldError(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where in the request, as a JSON pointer, and what is wrong there."""

    at: str
    message: str


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The body of every answer that is not a success."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: "list[FieldError]" = []
    reasons: list[str] = []


class Access(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Somebody read or administered. `member` is the id of the `stream` as long as it has one; both are null where
    a read listed several members.
    """

    at: str
    kind: Literal["act", "read"]
    actor: str
    what: str
    member: "str | None"
    stream: "str | None"
    about: "str | None"
    request: "str | None"


class AccessList(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[Access]"
    next_cursor: "str | None"


class Activity(msgspec.Struct, kw_only=True, omit_defaults=True):
    ref: str
    position: int
    occurred_at: str
    recorded_at: str
    rulebook: "RulebookPin | None"
    awards: "list[Award]"
    effects: list[dict[str, Any]]
    member: "MemberAfter"


class ActivityName(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The business key of an activity."""

    source: str
    id: str


class Adjusted(msgspec.Struct, kw_only=True, omit_defaults=True):
    adjustment: dict[str, Any]
    member: "MemberAfter"
    position: int


class AdjustmentReversed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`taken` of an adjustment that gave, `given_back` of one that took."""

    reversal: dict[str, Any]
    member: "MemberAfter"
    position: int


class Arm(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What members did since they were first exposed: activities, points granted, points redeemed."""

    arm: str
    members: int
    activities: "MeasuredMean"
    granted: "MeasuredMean"
    redeemed: "MeasuredMean"


class Assignment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A slot that was opened: what happens from `assigned_at` to `ends_at`, both included, counts for it."""

    offer: str
    slot: str
    assigned_at: str
    ends_at: str


class AuditedMember(msgspec.Struct, kw_only=True, omit_defaults=True):
    member: str
    entries: list[dict[str, Any]]
    state: dict[str, Any]
    digest: str


class Award(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`limited_by` names the cap, budget, group or stacking limit that bit, and what it left.

    `available_at` is null for points that wait until somebody activates them.
    """

    rule: str
    currency: str
    wanted: int
    granted: int
    limited_by: "dict[str, Any] | None"
    available_at: "str | None"
    expires_at: "str | None"
    lots: list[str]


class BadgeStanding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How often it is held; when and for which period it was granted last."""

    count: int
    granted_at: str
    period: str


class Balance(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`pending` is not spendable yet, `debt` is repaid by the next award, `lifetime` is all that was ever earned."""

    available: int
    pending: int
    held: int
    debt: int
    lifetime: int


class Batch(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[BatchItem]"
    position: int


class BatchItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One activity of a batch: its answer, or its problem."""

    index: int
    status: int
    answer: "dict[str, Any] | None" = None
    problem: "Problem | None" = None


class Board(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A page of a board. Of a closed period the frozen rows, unless `restated` was asked for."""

    items: "list[Standing]"
    next_cursor: "str | None"
    leaderboard: str
    board: str
    period: str
    ties: Literal["competition", "count_back", "dense", "ordinal"]
    closed: bool
    restated: bool
    close: "dict[str, Any] | None"


class BoardClosed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`digest` covers all rows, `members` counts them; `prizes` say how many win each."""

    leaderboard: str
    board: str
    period: str
    ties: str
    closed_at: str
    rulebook: int
    members: int
    digest: str
    prizes: list[dict[str, Any]]
    position: int


class Breakage(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[BreakageOf]"


class BreakageOf(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`factors` from each age to the next, and the share of all points that follows: decimals."""

    currency: str
    factors: list[str]
    redeemed_share: "str | None"
    cohorts: "list[CohortOfPoints]"


class Bundle(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`state` is the entry as it is stored; `checkpoint` and `statement` are signed notes."""

    format: str
    program: str
    checkpoint: str
    statement: str
    keys: list[str]
    streams: "list[ProvenStream]"


class ClawedBack(msgspec.Struct, kw_only=True, omit_defaults=True):
    rule: str
    currency: str
    wanted: int
    from_pending: int
    from_lots: int
    from_other: int
    debt: int
    written_off: int


class ClockAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`settled` counts the members for whom something fell due."""

    now: str
    settled: "int | None" = None
    position: "int | None" = None


class CodeRedeemed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`code` says of which campaign it was, and for which slot of which offer it was used.

    Or of which `reward` and `redemption`, and what it `gives`.
    """

    code: dict[str, Any]
    rulebook: "RulebookPin"
    awards: "list[Award]"
    effects: list[dict[str, Any]]
    member: "MemberAfter"
    position: int


class CohortOfPoints(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Points that the activities of one month earned. `redeemed` is cumulative, by age in months."""

    cohort: str
    kept: int
    redeemed: list[int]
    outstanding: int
    projected_redeemed: int
    projected_breakage: int


class Consistency(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`proof` leads from `from_root` to `to_root` (RFC 6962): hashes in hex."""

    from_: int = msgspec.field(name="from")
    to: int
    proof: list[str]
    from_root: str
    to_root: str
    checkpoint: str


class Contribution(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Points from the lot `from_lot` of a member, which are the lot `lot` of the pool. `left` are there still."""

    member: "str | None"
    transfer: str
    at: str
    currency: str
    points: int
    lot: str
    from_lot: str
    expires_at: "str | None"
    left: int


class Contributions(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[Contribution]"
    next_cursor: "str | None"


class Corrected(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What changes of one activity by one rule. `member` is null for who was erased since."""

    member: "str | None"
    activity: str
    occurred_at: str
    rule: str
    currency: str
    wanted: int
    recorded: int
    difference: int
    state: str


class Correction(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`moved` are members that have changed since the dry run, and were left as they are."""

    correction: str
    state: Literal["applied", "approved", "proposed", "trying"]
    reason: str
    window: dict[str, Any]
    cascade: Literal["none", "to_now"]
    rules: list[str]
    reverses: "str | None"
    proposed_by: str
    proposed_at: str
    approved_by: "str | None"
    approved_at: "str | None"
    members: int
    applied: int
    moved: "list[str | None]"
    totals: list[dict[str, Any]]
    items: "list[Corrected]"
    next_cursor: "str | None"


class CorrectionStarted(msgspec.Struct, kw_only=True, omit_defaults=True):
    correction: str
    job: str


class Delivery(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One event for one webhook. `status`, `latency_ms` and `error` are of the last attempt."""

    id: str
    type: str
    position: int
    state: Literal["dead", "delivered", "waiting"]
    attempts: int
    created_at: str
    next_attempt_at: "str | None"
    ended_at: "str | None"
    status: "int | None"
    latency_ms: "int | None"
    error: "str | None"


class DeliveryList(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[Delivery]"
    next_cursor: "str | None"


class Difference(msgspec.Struct, kw_only=True, omit_defaults=True):
    from_: int | str = msgspec.field(name="from")
    to: int | str
    changes: Any


class Draft(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`worst_case` says what each rule grants at most, `unread` names measures that nothing reads."""

    draft: str
    digest: "str | None"
    findings: "list[Finding]"
    worst_case: "list[dict[str, Any]] | None"
    unread: "list[str] | None"


class Enrolled(msgspec.Struct, kw_only=True, omit_defaults=True):
    member: dict[str, Any]
    awards: "list[Award]"
    effects: list[dict[str, Any]]
    position: int


class Estimate(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version of a currency's estimate, numbered by currency."""

    estimate: int
    currency: str
    redeemed_share: str
    deferred_per_point: str
    effective_on: str
    reason: str


class EstimateMade(msgspec.Struct, kw_only=True, omit_defaults=True):
    estimate: int
    currency: str
    redeemed_share: str
    deferred_per_point: str
    effective_on: str
    reason: str
    position: int


class Estimates(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[Estimate]"
    next_cursor: "None" = None


class ExperimentOf(msgspec.Struct, kw_only=True, omit_defaults=True):
    experiment: str
    arms: "list[Arm]"


class Experiments(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[ExperimentOf]"


class Expiring(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: list[dict[str, Any]]


class Explanation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Each rule, each clause with its value, what was wanted and granted; `read` is what the rules looked at.

    `offers` says what it counted for each slot, and why nothing; `restated` what later entries made of its
    awards.
    """

    rules: list[dict[str, Any]]
    read: dict[str, Any]
    offers: list[dict[str, Any]]
    streaks: list[dict[str, Any]] = []
    badges: list[dict[str, Any]] = []
    referral: "dict[str, Any] | None" = None
    restated: list[dict[str, Any]] = []


class Export(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that is kept about a member, in the clear. `streams`: the member's own, and of who was merged into it.

    `personal` and `consents` say what was known and agreed to since when; `lots`, `history`, `redemptions` and
    `activities` are whole, the latter with personal fields and metadata.
    """

    format: str
    program: str
    exported_at: str
    streams: list[str]
    member: dict[str, Any]
    personal: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    history: list[dict[str, Any]]
    lots: list[dict[str, Any]]
    redemptions: list[dict[str, Any]]
    codes: list[dict[str, Any]]
    activities: list[dict[str, Any]]
    households: list[dict[str, Any]] = []


class Finding(msgspec.Struct, kw_only=True, omit_defaults=True):
    severity: Literal["error", "warning"]
    code: str
    rule: "str | None"
    at: str
    line: "int | None"
    column: "int | None"
    message: str
    place: "Place | None"


class GatewayChecked(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`meant` is the activity with the ways to its member, or the return; null for a message that is none of ours."""

    findings: "list[GatewayFinding]"
    meant: "dict[str, Any] | None"
    code: "str | None"
    detail: "str | None"


class GatewayFinding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`at` is a JSON pointer into the mapping."""

    severity: Literal["error", "warning"]
    code: str
    at: str
    message: str


class GatewaySource(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`address` is where its messages go. `mapping` numbers the `document` in use."""

    id: str
    name: str
    address: str
    mapping: int
    document: dict[str, Any]
    previous_secret_until: "str | None"
    created_at: str
    findings: "list[GatewayFinding]"


class GatewaySourceList(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[GatewaySource]"
    next_cursor: "str | None"


class Hold(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How long to set points aside: `ttl` is an ISO 8601 duration without months or years."""

    ttl: str


class Household(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`balances` are those of the pool; `status` is active, suspended, closed or dissolved."""

    id: str
    status: str
    spenders: str
    leaving: str
    limit: "HouseholdLimit | None"
    balances: "dict[str, Balance]"
    members: "list[HouseholdMember]"
    version: int


class HouseholdAsIs(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The terms of a household."""

    id: str
    spenders: str
    leaving: str
    limit: "HouseholdLimit | None"


class HouseholdGone(msgspec.Struct, kw_only=True, omit_defaults=True):
    household: str
    status: str
    position: int


class HouseholdJoined(msgspec.Struct, kw_only=True, omit_defaults=True):
    household: str
    member: str
    role: str
    position: int


class HouseholdLeft(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`points` is what went along, by currency."""

    household: str
    member: str
    points: dict[str, int]
    position: int


class HouseholdLimit(msgspec.Struct, kw_only=True, omit_defaults=True):
    points: int
    per: str


class HouseholdMember(msgspec.Struct, kw_only=True, omit_defaults=True):
    """By currency: what the member ever put in, what is left of that, and what it spent in the limit's period.

    `member` is null once it was erased.
    """

    member: "str | None"
    role: str
    since: str
    contributed: dict[str, int]
    left: dict[str, int]
    spent: dict[str, int]


class HouseholdWritten(msgspec.Struct, kw_only=True, omit_defaults=True):
    household: "HouseholdAsIs"
    position: int


class InboxEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`activity` is the reference of the recorded one; `problem` says why it is parked."""

    inbox: str
    state: Literal["parked", "recorded", "waiting"]
    source: str
    id: str
    member: "str | None"
    received_at: str
    ended_at: "str | None"
    activity: "str | None"
    position: "int | None"
    problem: "InboxProblem | None"


class InboxList(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[InboxEntry]"
    next_cursor: "str | None"


class InboxProblem(msgspec.Struct, kw_only=True, omit_defaults=True):
    code: str
    detail: str


class Inclusion(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`proof` leads from `leaf` to `root` (RFC 6962): hashes in hex, the nearest first."""

    position: int
    index: int
    size: int
    seal: str
    leaf: str
    proof: list[str]
    root: str
    checkpoint: str


class Job(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`done` out of `of`; `result` when `state` is done."""

    state: Literal["done", "failed", "running"]
    done: int
    of: int
    result: "dict[str, Any] | None"


class JobStarted(msgspec.Struct, kw_only=True, omit_defaults=True):
    job: str


class KeyList(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[KeyShown]"
    next_cursor: "str | None"


class KeyMade(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`key` is shown this one time."""

    id: str
    program: str
    scopes: list[str]
    name: str
    created_at: str
    revoked_at: "str | None"
    key: str
    position: int


class KeyShown(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: str
    program: str
    scopes: list[str]
    name: str
    created_at: str
    revoked_at: "str | None"


class Letter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A message that was taken in. `code` says why it waits or is dead; `ref` is the activity it became."""

    letter: str
    source: str
    event: str
    mapping: int
    state: Literal["dead", "recorded", "refused", "waiting"]
    code: "str | None"
    detail: "str | None"
    member: "str | None"
    ref: "str | None"
    position: "int | None"
    attempts: int
    received_at: str
    ended_at: "str | None"


class LetterList(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[Letter]"
    next_cursor: "str | None"


class LetterShown(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`contents` is what it says; null once it is recorded."""

    letter: str
    source: str
    event: str
    mapping: int
    state: Literal["dead", "recorded", "refused", "waiting"]
    code: "str | None"
    detail: "str | None"
    member: "str | None"
    ref: "str | None"
    position: "int | None"
    attempts: int
    received_at: str
    ended_at: "str | None"
    contents: "dict[str, Any] | None"


class LiabilityDay(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Points of one currency. `outstanding` and `owed` are sums up to the day, `owed` is what members owe.

    In minor units of money: `outstanding_minor` and `owed_minor` by the currency's value, null where it has
    none; those from `allocated_minor` on by the `estimate`, null before there is one. `expected` points will
    ever be redeemed.
    """

    currency: str
    day: str
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
    outstanding_minor: "int | None"
    owed: int
    owed_minor: "int | None"
    estimate: "int | None"
    expected: "int | None"
    allocated_minor: "int | None"
    revenue_minor: "int | None"
    caught_up_minor: "int | None"
    recognised_minor: "int | None"
    deferred_minor: "int | None"


class LiabilityDays(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[LiabilityDay]"
    next_cursor: "None" = None


class LimitBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The most points of a currency that each member spends in a period."""

    points: int
    per: Literal["day", "ever", "half", "month", "quarter", "week", "year"]


class Lots(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Lots that end later than they did, or that are open again; `repaid` of the points went to debt."""

    extended: list[dict[str, Any]]
    reinstated: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    member: "MemberAfter"
    position: int


class MeasuredMean(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The sum over an arm, its members' mean, and the bounds of its 95 % interval: decimals, null for one member."""

    total: int
    mean: str
    low: "str | None"
    high: "str | None"


class Member(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: str
    status: str
    enrolled_at: "str | None"
    profile: "dict[str, Any] | None"
    attributes: dict[str, Any]
    balances: "dict[str, Balance]"
    tiers: "dict[str, TierStanding]"
    counters: dict[str, dict[str, int]]
    offers: list[dict[str, Any]] = []
    streaks: "dict[str, StreakStanding]" = {}
    badges: "dict[str, BadgeStanding]" = {}
    referrals: dict[str, Any] = {}
    email: "str | None" = None
    external_ids: list[str] = []
    consents: dict[str, bool] = {}
    time_zone: "str | None" = None
    household: "str | None" = None


class MemberAfter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The member as the entry left it."""

    id: str
    balances: "dict[str, Balance]"
    tiers: "dict[str, TierStanding]"


class MemberErased(msgspec.Struct, kw_only=True, omit_defaults=True):
    member: dict[str, Any]
    position: int


class MemberWritten(msgspec.Struct, kw_only=True, omit_defaults=True):
    member: "Member"
    position: int


class Merged(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`merge` has the points and the debt by currency that came over; `member` is the survivor after it."""

    merge: dict[str, Any]
    effects: list[dict[str, Any]]
    member: "MemberAfter"
    position: int


class NextLevel(msgspec.Struct, kw_only=True, omit_defaults=True):
    level: str
    needs: int


class NoticeList(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[NoticeShown]"
    next_cursor: "str | None"


class NoticePreview(msgspec.Struct, kw_only=True, omit_defaults=True):
    subject: str
    body: str


class NoticeShown(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`reason` says why it waits or was not sent. `member` is null once erased."""

    key: str
    member: "str | None"
    kind: str
    state: Literal["dead", "sending", "sent", "skipped", "unknown", "waiting"]
    reason: "str | None"
    attempts: int
    created_at: str
    due_at: "str | None"
    ended_at: "str | None"


class Notices(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`languages` are those that there are words in, by kind."""

    document: "dict[str, Any] | None"
    languages: dict[str, list[str]]


class OfferAssigned(msgspec.Struct, kw_only=True, omit_defaults=True):
    assignment: "Assignment"
    rulebook: "RulebookPin"
    member: "MemberAfter"
    position: int


class Order(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An order that points pay for. `amount_minor` is for one that is not recorded yet."""

    source: str
    id: str
    amount_minor: "int | None" = None


class OwnPlace(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A member's row; `items` has it between those above and below."""

    rank: "int | None"
    member: "str | None"
    name: "str | None"
    score: int
    tiebreak: list[int]
    reached_at: "str | None"
    above: "list[Standing]"
    below: "list[Standing]"
    items: "list[Standing]"
    leaderboard: str
    board: str
    period: str
    closed: bool


class Page(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Give `next_cursor` back as `cursor` for the next page; null on the last one."""

    items: list[dict[str, Any]]
    next_cursor: "str | None"


class Pending(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Lots that can be spent now, or lots that are gone; `expires_at` where a lot's life began with this."""

    activated: list[dict[str, Any]]
    cancelled: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    member: "MemberAfter"
    position: int


class Place(msgspec.Struct, kw_only=True, omit_defaults=True):
    line: int
    column: int


class Price(msgspec.Struct, kw_only=True, omit_defaults=True):
    currency: str
    points: int


class ProgramMade(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`key` is the program's first key, shown this one time."""

    id: str
    sandbox: bool
    money: str
    time_zone: str
    key: str
    key_id: str
    position: int


class ProvenRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    version: int
    position: int
    recorded_at: str
    topic: str
    state: str
    index: int
    proof: list[str]


class ProvenStream(msgspec.Struct, kw_only=True, omit_defaults=True):
    kind: Literal["member", "program"]
    id: str
    rows: "list[ProvenRow]"


class PublicKeyShape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`key` is name, short form and key, as C2SP writes them."""

    key: str
    created_at: str
    retired_at: "str | None"


class PublicKeys(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[PublicKeyShape]"


class Published(msgspec.Struct, kw_only=True, omit_defaults=True):
    version: int
    digest: str
    effective_from: str
    position: int


class Quiet(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Hours of the member's own day (HH:MM, half open, past midnight or not) in which nobody is written to."""

    from_: str = msgspec.field(name="from")
    until: str


class Redeemed(msgspec.Struct, kw_only=True, omit_defaults=True):
    redemption: "Redemption"
    member: "MemberAfter"
    position: int


class Redelivery(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many are sent again. Where `next_after` is a number, ask again from there."""

    queued: int
    next_after: "int | None"


class Redemption(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: str
    state: Literal["cancelled", "confirmed", "expired", "held", "returned"]
    points: int
    value_minor: "int | None"
    draws: list[dict[str, Any]]
    codes: list[str]
    expires_at: "str | None"


class RedemptionChanged(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`given_back` is what is free again, by lot, `repaid` what went to debt, `expired` what had ended."""

    redemption: "Redemption"
    given_back: list[dict[str, Any]]
    repaid: int
    expired: list[dict[str, Any]]
    member: "MemberAfter"
    position: int


class RedemptionNow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A redemption as it stands: `returned` of its points have come back."""

    id: str
    state: Literal["cancelled", "confirmed", "expired", "held", "returned"]
    points: int
    value_minor: "int | None"
    draws: list[dict[str, Any]]
    codes: list[str]
    expires_at: "str | None"
    currency: str
    returned: int
    member: str


class ReferralCode(msgspec.Struct, kw_only=True, omit_defaults=True):
    code: str
    member: str
    issued_at: str
    position: int


class Referrals(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`referred` says whether the member came with a code; `items` are what the own code has brought."""

    code: "str | None"
    referred: "dict[str, Any] | None"
    items: list[dict[str, Any]]
    next_cursor: "str | None"


class Referred(msgspec.Struct, kw_only=True, omit_defaults=True):
    member: str
    effects: list[dict[str, Any]]
    position: int


class Refusals(msgspec.Struct, kw_only=True, omit_defaults=True):
    """At most 1,000 are kept for a program."""

    items: list[dict[str, Any]]


class Retried(msgspec.Struct, kw_only=True, omit_defaults=True):
    retried: int


class ReturnLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    line: str
    amount_minor: int
    quantity: int = 1


class Returned(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`from_household` is what the household's pool gave, by currency, of what the return left owed."""

    return_: dict[str, Any] = msgspec.field(name="return")
    clawed_back: "list[ClawedBack]"
    given_back: list[dict[str, Any]]
    excess_minor: int
    effects: list[dict[str, Any]]
    member: "MemberAfter"
    position: int
    from_household: dict[str, int] = {}


class Reward(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`left` is what is neither redeemed nor held; null, as `stock`, where there is no limit.

    `codes_left` counts the codes of a list, where one reward is read.
    """

    id: str
    kind: Literal["code", "credit", "discount", "gift", "product"]
    name: str
    price: dict[str, Any]
    stock: "int | None"
    left: "int | None"
    per_member: "int | None"
    starts: "str | None"
    ends: "str | None"
    when: "str | None"
    codes: "Literal['generate', 'list'] | None"
    codes_left: "int | None"
    valid: "dict[str, Any] | None"
    gives: "dict[str, Any] | None"
    withdrawn: bool
    version: int


class RewardWritten(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: str
    kind: Literal["code", "credit", "discount", "gift", "product"]
    name: str
    price: dict[str, Any]
    stock: "int | None"
    left: "int | None"
    per_member: "int | None"
    starts: "str | None"
    ends: "str | None"
    when: "str | None"
    codes: "Literal['generate', 'list'] | None"
    codes_left: "int | None"
    valid: "dict[str, Any] | None"
    gives: "dict[str, Any] | None"
    withdrawn: bool
    version: int
    position: int


class Rulebook(msgspec.Struct, kw_only=True, omit_defaults=True):
    digest: "str | None"
    document: Any


class RulebookPin(msgspec.Struct, kw_only=True, omit_defaults=True):
    version: int
    digest: str


class Rulebooks(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: list[dict[str, Any]]
    drafts: list[dict[str, Any]]
    next_cursor: "str | None"


class Segment(msgspec.Struct, kw_only=True, omit_defaults=True):
    segment: str
    when: str
    members: int


class SignedCheckpoint(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`checkpoint` is the signed note, to be kept as it is; `root` in hex."""

    checkpoint: str
    origin: str
    size: int
    root: str
    position: int


class Simulated(msgspec.Struct, kw_only=True, omit_defaults=True):
    ref: str
    position: int
    occurred_at: str
    recorded_at: str
    rulebook: "RulebookPin | None"
    awards: "list[Award]"
    effects: list[dict[str, Any]]
    member: "MemberAfter"
    explanation: "Explanation"


class Standing(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`member` and `name` are null for who was erased or wants no name here; `tiebreak` counts 1st places, 2nd,
    ...
    """

    rank: "int | None"
    member: "str | None"
    name: "str | None"
    score: int
    tiebreak: list[int]
    reached_at: "str | None"


class Statement(msgspec.Struct, kw_only=True, omit_defaults=True):
    opening: dict[str, Any]
    closing: dict[str, Any]
    items: list[dict[str, Any]]


class StreakStanding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Periods in a row as of now; `last` is the first day of the last period that counted."""

    current: int
    longest: int
    previous: int
    since: "str | None"
    last: "str | None"


class Taken(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An activity that cannot be lost any more, and is recorded soon: see `/v1/activities/inbox/{inbox}`."""

    inbox: str
    state: Literal["waiting"]


class TierFloor(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A level that an operator lets the member not fall below; for good where `until` is null.

    `own` is the level that the member's own counters hold; `holds` says that the floor holds the member above
    it.
    """

    level: str
    until: "str | None"
    holds: bool
    own: "str | None"


class TierStanding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`needs` is what is missing: to the next level, or to keep this one at its review.

    `projected` is the level after the next review if nothing happens until then, what is missing to keep this
    one, and what of each currency is available. `begins` is when a level begins that was reached; `grace` says
    that the last review did not keep this one. `floor` is the one in force.
    """

    level: "str | None"
    since: "str | None" = None
    valid_until: "str | None" = None
    progress: "int | None" = None
    next: "NextLevel | None" = None
    keep: "dict[str, Any] | None" = None
    grace: bool = False
    begins: "str | None" = None
    projected: "dict[str, Any] | None" = None
    floor: "TierFloor | None" = None


class Transferred(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`transfer.lots` are those that opened at the receiver's; `from` and `to` are the members after it."""

    transfer: dict[str, Any]
    from_: "MemberAfter" = msgspec.field(name="from")
    to: "MemberAfter"
    position: int


class ValidBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A code is good from the period `after` its issue on, `for` a period, such as P10D."""

    after: "str | None" = None
    for_: "str | None" = msgspec.field(default=None, name="for")


class Webhook(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`events` empty means all. `failing_since` says that no delivery has succeeded since."""

    id: str
    url: str
    events: list[str]
    filter: dict[str, Any]
    ordered: bool
    description: str
    created_at: str
    enabled: bool
    disabled_at: "str | None"
    disabled_because: "str | None"
    failing_since: "str | None"
    previous_secret_until: "str | None"


class WebhookList(msgspec.Struct, kw_only=True, omit_defaults=True):
    items: "list[Webhook]"
    next_cursor: "str | None"


class WebhookMade(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`secret` is shown this one time. It is told of what lies behind `position`."""

    id: str
    url: str
    events: list[str]
    filter: dict[str, Any]
    ordered: bool
    description: str
    created_at: str
    enabled: bool
    disabled_at: "str | None"
    disabled_because: "str | None"
    failing_since: "str | None"
    previous_secret_until: "str | None"
    secret: str
    position: int


class WebhookReply(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a receiver answered: `error` says why it does not count as received."""

    id: str
    delivered: bool
    status: "int | None"
    latency_ms: int
    error: "str | None"


class WebhookRotated(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`secret` is the new one, shown this one time."""

    id: str
    url: str
    events: list[str]
    filter: dict[str, Any]
    ordered: bool
    description: str
    created_at: str
    enabled: bool
    disabled_at: "str | None"
    disabled_because: "str | None"
    failing_since: "str | None"
    previous_secret_until: "str | None"
    secret: str


class Words(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A notice of one kind in one language, as Jinja templates of plain text."""

    subject: str
    body: str
