"""Every way to get streaks and badges wrong is found, by code and place."""

import copy
from typing import Any

import pytest

from domain.rules.check import check
from domain.rules.rulebook import read

Json = Any

GOOD: Json = {
    "currencies": {"points": {}},
    "activities": {
        "login": {"data": {"type": "object", "properties": {"minutes": {"type": "integer"}}}},
        "purchase": {
            "data": {"type": "object", "properties": {"amount_minor": {"type": "integer"}}},
            "measures": {"spend": "activity.amount_minor"},
        },
        "refund": {"role": "reverses", "of": "purchase", "original": "'x'"},
    },
    "rules": [{"id": "base", "on": "purchase", "award": {"currency": "points", "points": 1}}],
    "streaks": {"daily": {"on": "login", "when": "activity.minutes > 1", "awards": [{"at": 7, "points": 50}]}},
    "badges": {
        "regular": {"on": "login", "when": "history.streak('daily') >= 7", "points": 10},
        "spender": {"measure": "spend", "at": 100, "window": "P30D", "per": "month"},
    },
}
_STREAK, _AWARD, _BADGE, _MARK = "/streaks/daily", "/streaks/daily/awards/0", "/badges/regular", "/badges/spender"

BROKEN: list[tuple[str, Json, list[tuple[str, str, int | None, int | None]]]] = [
    ("/streaks/to day", {"on": "login"}, [("bad-id", "/streaks/to day", None, None)]),
    (f"{_STREAK}/period", "quarter", [("shape", "/streaks/.../period", None, None)]),
    (f"{_STREAK}/of", "login", [("shape", "/streaks/...", None, None)]),
    (f"{_STREAK}/on", "visit", [("unknown-activity-type", f"{_STREAK}/on", None, None)]),
    (f"{_STREAK}/on", "refund", [("misplaced", f"{_STREAK}/on", None, None)]),
    (f"{_STREAK}/when", "activity.hours > 1", [("expression", f"{_STREAK}/when", 1, 10)]),
    (f"{_STREAK}/when", "activity.minutes", [("expression", f"{_STREAK}/when", 1, 1)]),
    (f"{_STREAK}/grace", -1, [("out-of-range", f"{_STREAK}/grace", None, None)]),
    (f"{_AWARD}/every", 2, [("missing", _AWARD, None, None)]),
    (f"{_AWARD}/at", None, [("missing", _AWARD, None, None)]),
    (f"{_AWARD}/at", 0, [("out-of-range", _AWARD, None, None)]),
    (f"{_AWARD}/points", 0, [("out-of-range", f"{_AWARD}/points", None, None)]),
    (f"{_AWARD}/currency", "miles", [("unknown-currency", f"{_AWARD}/currency", None, None)]),
    (f"{_STREAK}/awards/-", {"at": 7, "points": 1}, [("duplicate-id", f"{_STREAK}/awards/1", None, None)]),
    (
        "/currencies/miles",
        {},
        [("ambiguous", f"{_AWARD}/currency", None, None), ("ambiguous", f"{_BADGE}/currency", None, None)],
    ),
    ("/rules/0/id", "streak:daily", [("duplicate-id", _STREAK, None, None)]),
    ("/rules/0/id", "badge:regular", [("duplicate-id", _BADGE, None, None)]),
    ("/rules/0/when", "history.streak('weekly') > 1", [("expression", "/rules/0/when", 1, 16)]),
    ("/badges/b b", {"on": "login", "when": "true"}, [("bad-id", "/badges/b b", None, None)]),
    (f"{_BADGE}/on", "refund", [("misplaced", f"{_BADGE}/on", None, None)]),
    (f"{_BADGE}/on", None, [("missing", f"{_BADGE}/on", None, None)]),
    (f"{_BADGE}/when", None, [("missing", _BADGE, None, None)]),
    (f"{_BADGE}/when", "history.streak('daily')", [("expression", f"{_BADGE}/when", 1, 1)]),
    (f"{_BADGE}/measure", "spend", [("missing", _BADGE, None, None)]),
    (f"{_BADGE}/points", -1, [("out-of-range", f"{_BADGE}/points", None, None)]),
    (f"{_BADGE}/reversal", "undo", [("shape", "/badges/.../reversal", None, None)]),
    (f"{_MARK}/measure", "visits", [("unknown-measure", f"{_MARK}/measure", None, None)]),
    (f"{_MARK}/on", "login", [("unknown-measure", f"{_MARK}/on", None, None)]),
    (f"{_MARK}/at", None, [("missing", f"{_MARK}/at", None, None)]),
    (f"{_MARK}/at", 0, [("out-of-range", f"{_MARK}/at", None, None)]),
    (f"{_MARK}/window", "fortnight", [("bad-window", f"{_MARK}/window", None, None)]),
    (f"{_MARK}/currency", "points", [("misplaced", f"{_MARK}/currency", None, None)]),
]


@pytest.mark.parametrize(("at", "value", "places"), BROKEN, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_wrong_is_found_where_it_is(
    at: str, value: Json, places: list[tuple[str, str, int | None, int | None]]
) -> None:
    found = check(_with(at, value)).findings
    assert [(one.code, one.at, one.line, one.column) for one in found] == places


def test_good_games_have_no_findings() -> None:
    assert check(GOOD).findings == ()


@pytest.mark.parametrize(
    ("at", "value", "expected"),
    [
        (f"{_STREAK}/period", "week", ("streak-changed", f"{_STREAK}/period")),
        (f"{_STREAK}/on", "purchase", ("streak-changed", f"{_STREAK}/on")),
        (f"{_MARK}/per", "ever", ("badge-changed", f"{_MARK}/per")),
        (f"{_STREAK}/grace", 3, None),
        (f"{_MARK}/at", 200, None),
    ],
)
def test_what_members_have_history_in_does_not_change(at: str, value: Json, expected: tuple[str, str] | None) -> None:
    found = [(one.code, one.at) for one in check(_with(at, value), before=read(GOOD)).findings]
    assert (expected in found) if expected else not found


def _with(at: str, value: Json) -> Json:
    document = copy.deepcopy(GOOD)
    part = document
    *way, last = at.split("/")[1:]
    for step in way:
        part = part[int(step)] if isinstance(part, list) else part.setdefault(step, {})
    if last == "-":
        part.append(value)
    else:
        part[last] = value
    return document
