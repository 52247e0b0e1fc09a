"""The rulebook document: what business people own, one JSON document per version.

Read in this order: `Rulebook` (the document), `Rule`, `Currency`, `TierSet`. Reading a document checks its
shape only; `check.py` judges what it says, `compiled.py` makes it ready to run. The vocabulary is described key
by key in docs/reference/rulebook.md. Structs here forbid unknown keys: a misspelt policy must not be a
silent default.
"""

import hashlib
import re
from typing import Any, Literal

import msgspec

from domain.numbers import MAX_AMOUNT, Rounding

Json = Any
Expression = str


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all parts of a rulebook."""


class Availability(Section, frozen=True, kw_only=True):
    """When a lot can be spent: `{"after": "P14D"}` or `{"at": "2027-01-01T00:00:00Z"}`."""

    after: str | None = None
    at: str | None = None


class Expiry(Section, frozen=True, kw_only=True):
    """When a lot ends. `after` counts on the local calendar from `from`, then rounds up to `round_up`.

    `inactive_for` counts from the member's last activity instead (one of `activities`, where these are given), so
    that each activity moves the end.
    """

    after: str | None = None
    from_: Literal["occurred", "recorded", "available"] = msgspec.field(default="occurred", name="from")
    round_up: str = "day"
    inactive_for: str | None = None
    activities: list[str] = []
    at: str | None = None


class MoneyValue(Section, frozen=True, kw_only=True):
    """What points are worth: money minor units per smallest unit of the currency, rounded once.

    `minimum` and `step` bound the points of one spend, `max_share` the part of an order.
    """

    per_point: str
    round: Rounding = "up"
    round_to: int = 1
    minimum: int = 0
    step: int = 1
    max_share: str | None = None


class Returns(Section, frozen=True, kw_only=True):
    """What a return takes back, and from where."""

    recompute: Literal["auto", "proportional", "re_evaluate"] = "auto"
    recovery: Literal["unlimited", "within_balance", "only_pending"] = "unlimited"
    points_paid: Literal["reverse", "reissue"] = "reverse"
    over_return: Literal["clamp", "refuse"] = "clamp"
    absorb: list[str] = []


class Currency(Section, frozen=True, kw_only=True):
    """A loyalty currency. Amounts everywhere count its smallest unit; `scale` is for display."""

    scale: int = 0
    spendable: bool = True
    available: str | Availability = "at_once"
    expires: str | Expiry = "never"
    expires_applies_to: Literal["new", "existing"] = "new"
    spend_order: Literal["expiry_first", "fifo", "lifo", "proportional"] = "expiry_first"
    overdraft: Literal["refuse", "debt"] = "refuse"
    value: MoneyValue | None = None
    returns: Returns = Returns()


class ActivityType(Section, frozen=True, kw_only=True):
    """What one type of activity carries and what it does.

    Without a role it earns. `reverses` returns an earlier activity, `spends` reports points spent elsewhere, `assigns`
    assigns an offer, `views` says that one was seen.
    """

    data: dict[str, Json] = {}
    personal: list[str] = []
    money: str | None = None
    measures: dict[str, Expression] = {}
    role: Literal["reverses", "spends", "assigns", "views"] | None = None
    of: str | None = None
    original: Expression | None = None
    amount: Expression | None = None
    currency: str | None = None
    points: Expression | None = None
    offer: Expression | None = None


class Per(Section, frozen=True, kw_only=True):
    """Whole steps only: `floor(amount / step) * points`."""

    amount: Expression = "activity.amount_minor"
    step: int
    points: int


class Award(Section, frozen=True, kw_only=True):
    """How many points, in one of three ways: `points` (a number or an expression), `per`, `rate`."""

    currency: str
    points: int | Expression | None = None
    per: Per | None = None
    rate: str | None = None
    amount: Expression = "activity.amount_minor"


class Cap(Section, frozen=True, kw_only=True):
    """An upper bound of what a rule grants (`points`) or how often (`times`) in a period of local days."""

    points: int | None = None
    times: int | None = None
    per: Literal["member", "rule", "group", "program"] = "member"
    period: str = "ever"
    partial: bool = True


class Lines(Section, frozen=True, kw_only=True):
    """Which lines of an order a rule is about: those that `where` selects.

    Void lines never count, lines that were paid with points only where `paid_with_points` says so.
    """

    where: Expression | None = None
    paid_with_points: bool = False


class Variant(Section, frozen=True, kw_only=True):
    """The arm of an experiment whose members a rule is for."""

    experiment: str
    arm: str


class PromotionCalendar(Section, frozen=True, kw_only=True):
    """The local days (`rrule`) and hours (`from`, included, to `to`, not) in which a rule applies.

    Wall-clock time: a clock that is set moves the hours with it. Hours that end before they begin run past midnight.
    """

    rrule: str | None = None
    from_: str = msgspec.field(default="00:00", name="from")
    to: str = "24:00"
    zone: Literal["store", "program"] = "program"


class Rule(Section, frozen=True, kw_only=True):
    """One rule: on an activity type, when a condition holds, award or multiply."""

    id: str
    on: str
    phase: Literal["base", "multiply", "add"] = "base"
    when: Expression | None = None
    group: str | None = None
    category: str | None = None
    priority: int = 100
    stop: bool = False
    starts: str | None = None
    ends: str | None = None
    calendar: PromotionCalendar | None = None
    award: Award | None = None
    by: str | None = None
    lines: Lines | None = None
    round: Rounding = "down"
    available: str | Availability | None = None
    expires: str | Expiry | None = None
    cap: list[Cap] = []
    budget: str | None = None
    variant: Variant | None = None
    assign: str | None = None


class Budget(Section, frozen=True, kw_only=True):
    """What the rules that name it may grant together, to all members: `points` of a currency, or so many `uses`.

    `liability_minor` is the money that all the points may be worth, at the currency's own value. With `partial` the
    last grant is cut to what is left; otherwise it falls away.
    """

    currency: str | None = None
    points: int | None = None
    uses: int | None = None
    liability_minor: int | None = None
    partial: bool = True


class Experiment(Section, frozen=True, kw_only=True):
    """Arms with their weights. A member is in one of them for ever, from its first exposure on."""

    arms: dict[str, int]


class Stacking(Section, frozen=True, kw_only=True):
    """Which promotions of one activity go together: at most `limit`, by category. What it means is in `stacking.py`."""

    limit: int | None = None
    categories: dict[str, Literal["common", "never", "always"]] = {}


Choice = Literal["all", "best", "first", "newest", "exclusive"]
"""Which of a group's matching rules apply."""


class Level(Section, frozen=True, kw_only=True):
    id: str
    at: int


class TierSet(Section, frozen=True, kw_only=True):
    """Levels reached by a counter over a window.

    `measure` is `points_earned` (or `points_earned:CURRENCY`) or a declared measure. `validity` says how long a
    level holds before it is reviewed; its default follows the window: lifetime for ever, calendar windows to the
    end of the period, rolling windows one window long.
    """

    measure: str = "points_earned"
    window: str = "lifetime"
    upgrade: Literal["at_once", "next_period"] = "at_once"
    validity: str | None = None
    downgrade: Literal["none", "one_step", "recompute", "to_base"] = "recompute"
    grace: str | None = None
    min_stay: str | None = None
    count_pending: bool = False
    count_current: bool = True
    demote: Literal["at_once", "at_review"] = "at_review"
    on_edit: Literal["next_review", "now"] = "next_review"
    floor: bool = True
    levels: list[Level]


class Prize(Section, frozen=True, kw_only=True):
    """What everybody of a rank wins when a period closes."""

    rank: int
    currency: str
    points: int


class Leaderboard(Section, frozen=True, kw_only=True):
    """Members ranked by a score over a period, on one board or on one per value of `by`.

    `score` is `points_earned`, `points_earned:CURRENCY`, a declared measure or an expression. `on` names the activity
    types that count; None is every type for which all the expressions check. What it means is in `boards.py`.
    """

    score: Expression = "points_earned"
    by: Expression | None = None
    on: list[str] | None = None
    when: Expression | None = None
    period: Literal["day", "week", "month", "quarter", "half", "year", "ever"] = "ever"
    starts: str | None = None
    ends: str | None = None
    ties: Literal["competition", "dense", "ordinal", "count_back"] = "competition"
    count_back: list[Expression] = []
    prizes: list[Prize] = []


class Goal(Section, frozen=True, kw_only=True):
    """What completes an offer: exactly one of these, about what its `of` names.

    `one_above` and `one_at_least` are about one activity, `sum` and `count` about all of them together; `distinct` is
    in how many calendar periods there was one, `periods` how many of these follow each other.
    """

    one_above: int | None = None
    one_at_least: int | None = None
    sum: int | None = None
    count: int | None = None
    distinct: tuple[str, int] | None = None
    periods: tuple[str, int] | None = None


class Reward(Section, frozen=True, kw_only=True):
    """What a completed offer, or the use of its code, gives."""

    currency: str
    points: int


class Coupon(Section, frozen=True, kw_only=True):
    """Codes that only members who were assigned the offer may use, on the days from `from` to `to`, both included.

    `uses` is how often each code may be used by all members together, `per_assignment` how often for one slot.
    """

    campaign: str
    codes: list[str]
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    uses: int | None = None
    per_assignment: int | None = None


class Offer(Section, frozen=True, kw_only=True):
    """A challenge or a coupon that is assigned to members. What it means is in `offers.py`.

    `of` names an activity type and one of its measures, `purchase.spend`, or an activity type alone.
    """

    goal: Goal | None = None
    of: str | None = None
    window: str | None = None
    reward: Reward | None = None
    requires_view: bool = False
    coupon: Coupon | None = None


class StreakAward(Section, frozen=True, kw_only=True):
    """What a streak grants when it is `at` so many periods long, or for `every` so many."""

    at: int | None = None
    every: int | None = None
    points: int
    currency: str | None = None


class Streak(Section, frozen=True, kw_only=True):
    """Calendar periods in a row in which an activity came. At most `grace` of them in between may be missed."""

    on: str
    when: Expression | None = None
    period: Literal["day", "week", "month"] = "day"
    grace: int = 0
    awards: list[StreakAward] = []


class Badge(Section, frozen=True, kw_only=True):
    """Granted once, or once a period: when a condition holds, or a measure reaches a mark over a window."""

    on: str | None = None
    when: Expression | None = None
    measure: str | None = None
    at: int | None = None
    window: str = "ever"
    per: Literal["day", "week", "month", "quarter", "half", "year", "ever"] = "ever"
    points: int | None = None
    currency: str | None = None
    reversal: Literal["keep", "revoke"] = "keep"


class ReferralReward(Section, frozen=True, kw_only=True):
    points: int
    currency: str | None = None


class Referral(Section, frozen=True, kw_only=True):
    """What the owner of a code and the friend who came with it have, when the friend does what `trigger` says.

    The points wait for the period `hold`. A code brings at most `limit` friends, and is `valid` for a period.
    """

    trigger: str
    owner: ReferralReward | None = None
    friend: ReferralReward | None = None
    hold: str | None = None
    limit: int | None = None
    valid: str | None = None


class Members(Section, frozen=True, kw_only=True):
    """What members carry. `birthday` names the attribute that holds the day, as `MM-DD`."""

    attributes: dict[str, Json] = {}
    birthday: str | None = None


class Late(Section, frozen=True, kw_only=True):
    """What happens to activities that arrive late or early."""

    rule_time: Literal["occurred", "recorded"] = "occurred"
    tier_time: Literal["occurred", "recorded"] = "occurred"
    max_age: str | None = None
    future_skew: str = "PT5M"
    mode: Literal["append", "restate"] = "append"


class Rulebook(Section, frozen=True, kw_only=True):
    """The whole document."""

    members: Members = Members()
    time_zone: str | None = None
    zone_policy: Literal["program", "member", "activity", "utc"] = "program"
    day_starts: str = "00:00"
    currencies: dict[str, Currency] = {}
    activities: dict[str, ActivityType] = {}
    late: Late = Late()
    unknown_member: Literal["refuse", "enrol", "hold"] = "refuse"
    before_enrolment: Literal["accept", "refuse"] = "accept"
    rules: list[Rule] = []
    groups: dict[str, Choice] = {}
    stacking: Stacking = Stacking()
    budgets: dict[str, Budget] = {}
    segments: dict[str, Expression] = {}
    experiments: dict[str, Experiment] = {}
    tiers: dict[str, TierSet] = {}
    offers: dict[str, Offer] = {}
    streaks: dict[str, Streak] = {}
    badges: dict[str, Badge] = {}
    referrals: dict[str, Referral] = {}
    leaderboards: dict[str, Leaderboard] = {}


ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")

_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical(document: Json) -> bytes:
    """The bytes a digest is taken over: JSON with sorted keys and no white space.

    Raises ValueError for a number that is no whole number within +-(2^53 - 1): a rate is a string here, so
    that every reader in every language sees the same bytes (not RFC 8785, which writes floats).
    """
    _only_integers(document, "")
    return _ENCODER.encode(document)


def digest_of(document: Json) -> str:
    return "sha256:" + hashlib.sha256(canonical(document)).hexdigest()


def read(document: Json) -> Rulebook:
    """The document as a `Rulebook`. Raises msgspec.ValidationError whose text ends with the place."""
    return msgspec.convert(document, Rulebook)


def _only_integers(value: Json, at: str) -> None:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return
    if isinstance(value, int):
        if abs(value) > MAX_AMOUNT:
            raise ValueError(f"{at or '/'}: {value} is beyond 2^53 - 1")
    elif isinstance(value, dict):
        for key, part in value.items():
            _only_integers(part, f"{at}/{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _only_integers(part, f"{at}/{index}")
    else:
        raise TypeError(f"{at or '/'}: numbers are whole here; write a rate as a string")
