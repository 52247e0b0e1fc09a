"""A family of rulebooks: every policy that a return, a late activity or an expiry asks for, in any mixture."""

from collections.abc import Sequence
from typing import Any, TypeVar

from tests.build import PURCHASE, Json, multiply, per, points, rate, rulebook

_One = TypeVar("_One")

CODES = ("A", "B")
LEVELS = ("silver", "gold")


class Numbers:
    """Numbers that choose: each is used for one choice after the other, so that few of them say much."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)
        self._next = 0

    def below(self, end: int) -> int:
        """A whole number from 0 to end - 1."""
        place = self._next % len(self._numbers)
        self._next += 1
        number = self._numbers[place]
        self._numbers[place] = number // end
        return number % end

    def one(self, options: Sequence[_One]) -> _One:
        return options[self.below(len(options))]

    def often(self, times: int) -> bool:
        """True but for one of `times`; a zero is True, so that what is simple stays simple."""
        return self.below(times) != times - 1


_EXPIRIES: list[Any] = [
    "never",
    {"after": "P60D"},
    {"after": "P1M", "round_up": "month"},
    {"after": "PT100H"},
    {"inactive_for": "P30D"},
    {"after": "P2M", "from": "recorded"},
]
_AVAILABLE: list[Any] = ["at_once", {"after": "P3D"}, "on_action"]
_BASES = [
    per(100, 1),
    rate("0.07", round="half_up"),
    rate("0.05", cap=[{"points": 300, "period": "month"}]),
    per(100, 1, lines={"where": "line.labels.colour != 'red'"}, budget="all"),
    points(20, when="activity.amount_minor >= 2500"),
    points("line.quantity * 7", lines={}, group="one"),
]
_MORE = [
    multiply("3", rule="red", lines={"where": "line.labels.colour == 'red'"}),
    multiply("1.5", rule="silver", when="member.tiers.status.level == 'silver'"),
    points(15, rule="gift", phase="add", budget="all", when="activity.amount_minor > 900"),
    points("activity.amount_minor / 200", rule="rival", group="one", stop=True),
    points("history.count('purchase', 'P90D') + 1", rule="loyal", phase="add"),
    points("member.balances.points.available > 100 ? 5 : 0", rule="rich", phase="add"),
    points(9, rule="later", phase="add", available={"after": "P7D"}),
    points(4, rule="few", phase="add", cap=[{"times": 2, "period": "P30D", "partial": False}]),
    points(7, rule="seg", phase="add", when="member.segments.big"),
    {"id": "assigns", "on": "purchase", "phase": "add", "assign": "sum", "cap": [{"times": 2, "period": "month"}]},
]


def _points(amount: int) -> Json:
    return {"currency": "points", "points": amount}


_REWARD = _points(25)
_OFFERS: Json = {
    "sum": {"goal": {"sum": 6_000}, "of": "purchase.spend", "window": "P20D", "reward": _REWARD},
    "count": {"goal": {"count": 2}, "of": "purchase", "window": "P40D", "reward": _REWARD},
    "above": {"goal": {"one_above": 3_000}, "of": "purchase.spend", "window": "PT168H", "reward": _REWARD},
    "days": {"goal": {"periods": ["day", 2]}, "of": "purchase.spend", "window": "P14D", "reward": _REWARD},
    "spring": {
        "window": "P90D",
        "reward": {"currency": "points", "points": 5},
        "coupon": {"campaign": "spring", "codes": list(CODES), "uses": 60, "per_assignment": 3},
    },
}
_GAMES: Json = {
    "streaks": {
        "daily": {"on": "purchase", "grace": 1, "awards": [{"every": 1, **_points(2)}, {"at": 3, **_points(20)}]},
    },
    "badges": {
        "spender": {
            "measure": "spend", "at": 10_000, "window": "month", "per": "month", **_points(33), "reversal": "revoke",
        },
        "keen": {"on": "purchase", "when": "history.streak('daily') >= 2", **_points(10)},
    },
    "referrals": {
        "friends": {"trigger": "every:purchase", "owner": _points(20), "friend": _points(10), "limit": 5},
    },
}  # fmt: skip
_BOARDS = {
    "earners": {
        "score": "points_earned:points",
        "period": "month",
        "prizes": [{"rank": 1, **_points(30)}, {"rank": 2, "currency": "miles", "points": 4}],
    },
    "spenders": {
        "score": "spend",
        "ties": "count_back",
        "count_back": ["1 + activity.amount_minor % 3"],
        "prizes": [{"rank": 1, **_points(50)}],
    },
}
_FEED: Json = {
    "miles.spent": {
        "data": {"type": "object", "properties": {"miles": {"type": "integer"}}},
        "role": "spends",
        "currency": "miles",
        "points": "activity.miles",
    },
    "refund": {
        "data": {
            "type": "object",
            "properties": {"order": {"type": "string"}, "amount_minor": {"type": "integer"}},
            "required": ["order"],
        },
        "role": "reverses",
        "of": "purchase",
        "original": "activity.order",
        "amount": "activity.amount_minor",
    },
}


def other_base(document: Json, numbers: Numbers) -> Json:
    """The rulebook as it should have been: its first rule is another one."""
    return {**document, "rules": [numbers.one(_BASES), *document["rules"][1:]]}


def document(numbers: Numbers) -> Json:
    """A rulebook. All zeros are the plainest: a point per unit of money, for ever."""
    currency: Json = {
        "expires": numbers.one(_EXPIRIES),
        "available": numbers.one(_AVAILABLE),
        "spend_order": numbers.one(["expiry_first", "fifo", "lifo", "proportional"]),
        "overdraft": numbers.one(["refuse", "debt"]),
        "returns": {
            "recompute": numbers.one(["auto", "proportional", "re_evaluate"]),
            "points_paid": numbers.one(["reverse", "reissue"]),
            "recovery": numbers.one(["unlimited", "unlimited", "within_balance", "only_pending"]),
        },
    }
    if numbers.below(4) == 3:
        currency["value"] = {"per_point": "1", "max_share": "0.5"}
    if "from" not in currency["expires"]:
        currency["expires_applies_to"] = numbers.one(["new", "existing"])
    tiers = {
        "measure": numbers.one(["points_earned:points", "spend"]),
        "window": numbers.one(["lifetime", "calendar_year", "month", "rolling P2M"]),
        "downgrade": numbers.one(["none", "one_step", "recompute", "to_base"]),
        "levels": [{"id": "silver", "at": numbers.one([150, 90])}, {"id": "gold", "at": 500}],
    }
    more = {rule["id"]: rule for rule in (numbers.one(_MORE) for _ in range(numbers.below(4)))}
    return rulebook(
        numbers.one(_BASES),
        *more.values(),
        rate("0.02", rule="miles", currency="miles"),
        currency=currency,
        currencies={"miles": {**currency, "overdraft": "debt", "available": numbers.one(_AVAILABLE)}},
        activities={
            "purchase": {"data": PURCHASE, "measures": {"spend": "activity.amount_minor", "visits": "1"}},
            **_FEED,
        },
        tiers=tiers,
        late={"mode": numbers.one(["append", "append", "restate"])},
        zone_policy=numbers.one(["program", "member", "utc"]),
        groups={"one": numbers.one(["all", "best", "first"])},
        budgets={"all": {"currency": "points", "points": 400, "uses": 30, "partial": True}},
        leaderboards=_BOARDS,
        segments={"big": "member.counters.spend.last_30d > 4000 || member.balances.points.available > 60"},
        offers=_OFFERS,
        **(_GAMES if numbers.below(2) else {"referrals": _GAMES["referrals"]}),
    )
