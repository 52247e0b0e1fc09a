"""Every way to get a rulebook wrong is found, by code and place, with line and column where an expression stands."""

import copy
import json
from typing import Any

import pytest

from domain.rules.check import check
from domain.rules.rulebook import read
from infrastructure.zones import SystemZones

Json = Any
Place = tuple[str, str, int | None, int | None]
"""Code, JSON pointer, line and column."""

GOOD: Json = {
    "currencies": {"points": {}},
    "activities": {
        "purchase": {
            "data": {
                "type": "object",
                "properties": {
                    "amount_minor": {"type": "integer"},
                    "note": {"type": "string"},
                    "email": {"type": "string"},
                },
                "required": ["amount_minor"],
            },
            "personal": ["/email"],
            "measures": {"spend": "activity.amount_minor"},
        }
    },
    "rules": [
        {
            "id": "base",
            "on": "purchase",
            "when": "activity.amount_minor > 0",
            "award": {
                "currency": "points",
                "per": {"amount": "activity.amount_minor", "step": 100, "points": 1},
            },
        }
    ],
    "tiers": {"status": {"levels": [{"id": "silver", "at": 100}]}},
}


def _offer(**parts: Json) -> Json:
    """Offers with one in which something is wrong."""
    good: Json = {"goal": {"sum": 5}, "of": "purchase.spend", "window": "P7D"}
    return {"o": {name: part for name, part in (good | parts).items() if part is not None}}


# What is put where (`-` appends), and what is found.
BROKEN: list[tuple[str, Json, list[Place]]] = [
    ("/rulez", [], [("shape", "", None, None)]),
    ("/rules/0/phase", "late", [("shape", "/rules/0/phase", None, None)]),
    ("/rules/0/award/per/step", "10", [("shape", "/rules/0/award/per/step", None, None)]),
    ("/time_zone", "Mars/Olympus", [("unknown-zone", "/time_zone", None, None)]),
    ("/day_starts", "25:00", [("bad-time", "/day_starts", None, None)]),
    ("/late/max_age", "30 days", [("bad-period", "/late/max_age", None, None)]),
    ("/late/mode", "rewrite", [("shape", "/late/mode", None, None)]),
    ("/currencies/points/scale", 12, [("out-of-range", "/currencies/points/scale", None, None)]),
    ("/currencies/points/expires", "P12M", [("bad-policy", "/currencies/points/expires", None, None)]),
    (
        "/currencies/points/expires",
        {"after": "P12M", "at": "2027-01-01T00:00:00Z"},
        [("missing", "/currencies/points/expires", None, None)],
    ),
    (
        "/currencies/points/expires",
        {"after": "P12M", "round_up": "02-30"},
        [("bad-policy", "/currencies/points/expires/round_up", None, None)],
    ),
    ("/currencies/points/value", {"per_point": "-1"}, [("bad-rate", "/currencies/points/value/per_point", None, None)]),
    (
        "/currencies/points/value",
        {"per_point": "0"},
        [("out-of-range", "/currencies/points/value/per_point", None, None)],
    ),
    ("/currencies/points/available", "someday", [("bad-policy", "/currencies/points/available", None, None)]),
    (
        "/currencies/po ints",
        {},
        [("bad-id", "/currencies/po ints", None, None), ("ambiguous", "/tiers/status/measure", None, None)],
    ),
    (
        "/activities/purchase/data/properties/amount_minor/type",
        "number",
        [("schema", "/activities/purchase/data/properties/amount_minor/type", None, None)],
    ),
    ("/activities/purchase/personal", ["email"], [("bad-pointer", "/activities/purchase/personal/0", None, None)]),
    (
        "/activities/purchase/measures/spend",
        "activity.amount",
        [("expression", "/activities/purchase/measures/spend", 1, 10)],
    ),
    (
        "/activities/purchase/measures/spend",
        "activity.note",
        [("expression", "/activities/purchase/measures/spend", 1, 1)],
    ),
    (
        "/activities/redeem",
        {"role": "spends", "currency": "miles"},
        [
            ("unknown-currency", "/activities/redeem/currency", None, None),
            ("missing", "/activities/redeem/points", None, None),
        ],
    ),
    (
        "/activities/refund",
        {"role": "reverses", "of": "sale", "original": "activity.x"},
        [
            ("unknown-activity-type", "/activities/refund/of", None, None),
            ("expression", "/activities/refund/original", 1, 10),
        ],
    ),
    ("/rules/0/on", "sale", [("unknown-activity-type", "/rules/0/on", None, None)]),
    ("/rules/0/when", "activity.amount_minor >", [("expression", "/rules/0/when", 1, 24)]),
    ("/rules/0/when", "activity.amount_minor > 0 &&\n  activity.amount > 3", [("expression", "/rules/0/when", 2, 12)]),
    ("/rules/0/when", "activity.amount_minor", [("expression", "/rules/0/when", 1, 1)]),
    ("/rules/0/when", "activity.email == 'a'", [("expression", "/rules/0/when", 1, 10)]),
    ("/rules/0/when", "member.email == 'a'", [("expression", "/rules/0/when", 1, 8)]),
    ("/rules/0/when", "activity.note > 5", [("expression", "/rules/0/when", 1, 15)]),
    (
        "/rules/0/when",
        "timestamp(now()) > 5",
        [("expression", "/rules/0/when", 1, 11), ("expression", "/rules/0/when", 1, 18)],
    ),
    ("/rules/0/when", "activity.amount_minor * 0.5 > 1.0", [("expression", "/rules/0/when", 1, 23)]),
    (
        "/rules/0/when",
        "member.tiers.status.level == 'gold' || member.tiers.vip.level == 'x'",
        [("expression", "/rules/0/when", 1, 53)],
    ),
    ("/rules/0/when", "member.counters.visits.ever > 1", [("expression", "/rules/0/when", 1, 17)]),
    ("/rules/0/when", "history.count('sale', 'P30D') > 1", [("expression", "/rules/0/when", 1, 15)]),
    ("/rules/0/when", "history.count('purchase', 'P3') > 1", [("expression", "/rules/0/when", 1, 27)]),
    ("/rules/0/award/currency", "miles", [("unknown-currency", "/rules/0/award/currency", None, None)]),
    ("/rules/0/award/points", 5, [("missing", "/rules/0/award", None, None)]),
    ("/rules/0/award/per/step", 0, [("out-of-range", "/rules/0/award/per", None, None)]),
    ("/rules/0/by", "2", [("misplaced", "/rules/0/by", None, None)]),
    ("/rules/0/starts", "2027-01-01", [("bad-time", "/rules/0/starts", None, None)]),
    ("/rules/0/cap", [{"period": "month"}], [("missing", "/rules/0/cap/0", None, None)]),
    ("/rules/0/cap", [{"points": 5, "period": "fortnight"}], [("bad-window", "/rules/0/cap/0/period", None, None)]),
    ("/rules/0/calendar", {"rrule": "FREQ=HOURLY"}, [("bad-calendar", "/rules/0/calendar/rrule", None, None)]),
    ("/rules/0/calendar", {"from": "9:00"}, [("bad-time", "/rules/0/calendar/from", None, None)]),
    ("/rules/0/calendar", {"from": "24:00", "to": "08:00"}, [("bad-time", "/rules/0/calendar/from", None, None)]),
    ("/rules/0/calendar", {"to": "25:00"}, [("bad-time", "/rules/0/calendar/to", None, None)]),
    ("/rules/0/calendar", {"from": "09:00", "to": "09:00"}, [("bad-calendar", "/rules/0/calendar/to", None, None)]),
    ("/rules/0/calendar", {"zone": "member"}, [("shape", "/rules/0/calendar/zone", None, None)]),
    ("/rules/0/cap", [{"points": 5, "per": "group"}], [("missing", "/rules/0/cap/0/per", None, None)]),
    (
        "/rules/0/cap",
        [{"points": 5, "per": "rule", "period": "P30D"}],
        [("bad-window", "/rules/0/cap/0/period", None, None)],
    ),
    (
        "/budgets",
        {"summer": {"liability_minor": 5, "currency": "points"}},
        [("missing", "/budgets/summer/liability_minor", None, None)],
    ),
    ("/members", {"birthday": "born"}, [("missing", "/members/birthday", None, None)]),
    (
        "/rules/0/on",
        "member.birthday",
        [
            ("expression", "/rules/0/when", 1, 10),
            ("expression", "/rules/0/award/per/amount", 1, 10),
            ("missing", "/members/birthday", None, None),
        ],
    ),
    (
        "/rules/-",
        {"id": "b", "on": "member.anniversary", "lines": {}, "award": {"currency": "points", "points": 1}},
        [("misplaced", "/rules/1/lines", None, None)],
    ),
    (
        "/rules/-",
        {
            "id": "b",
            "on": "tier.renewed",
            "award": {"currency": "points", "points": 1},
            "cap": [{"points": 9, "per": "rule"}],
        },
        [("misplaced", "/rules/1/cap/0/per", None, None)],
    ),
    ("/tiers/status/measure", "member.balances.miles.available", [("expression", "/tiers/status/measure", 1, 17)]),
    ("/tiers/status/measure", "member.tiers.status.level", [("expression", "/tiers/status/measure", 1, 1)]),
    ("/tiers/status/measure", "activity.amount_minor + 1", [("expression", "/tiers/status/measure", 1, 10)]),
    ("/tiers/status/grace", "soon", [("bad-period", "/tiers/status/grace", None, None)]),
    ("/tiers/status/min_stay", "PT1H", [("bad-period", "/tiers/status/min_stay", None, None)]),
    ("/tiers/status/upgrade", "next_period", [("bad-window", "/tiers/status/upgrade", None, None)]),
    (
        "/tiers/status",
        {"window": "year", "demote": "at_once", "levels": [{"id": "silver", "at": 1}]},
        [("bad-window", "/tiers/status/demote", None, None)],
    ),
    (
        "/tiers/status",
        {"measure": "member.balances.points.debt", "count_current": False, "levels": [{"id": "silver", "at": 1}]},
        [("misplaced", "/tiers/status/count_current", None, None)],
    ),
    ("/experiments", {"x": {"arms": {}}}, [("out-of-range", "/experiments/x/arms", None, None)]),
    ("/experiments", {"x": {"arms": {"a": 0}}}, [("out-of-range", "/experiments/x/arms", None, None)]),
    ("/experiments", {"x": {"arms": {"a": 2, "b": -1}}}, [("out-of-range", "/experiments/x/arms", None, None)]),
    ("/experiments", {"x": {"arms": {"a b": 1}}}, [("bad-id", "/experiments/x/arms/a b", None, None)]),
    (
        "/rules/0/variant",
        {"experiment": "x", "arm": "a"},
        [("unknown-experiment", "/rules/0/variant/experiment", None, None)],
    ),
    ("/rules/0/category", "vip", [("unknown-category", "/rules/0/category", None, None)]),
    ("/stacking", {"limit": 0}, [("out-of-range", "/stacking/limit", None, None)]),
    ("/stacking", {"categories": {"vip": "sometimes"}}, [("shape", "/stacking/categories/...", None, None)]),
    ("/stacking", {"categories": {"limit": "never"}}, [("bad-id", "/stacking/categories/limit", None, None)]),
    ("/rules/0/group", "g1", [("unknown-group", "/rules/0/group", None, None)]),
    ("/groups", {"g1": "worst"}, [("shape", "/groups/...", None, None)]),
    ("/rules/0/lines", {"when": "true"}, [("shape", "/rules/0/lines", None, None)]),
    ("/rules/0/lines", {"where": "line.skew == 'a'"}, [("expression", "/rules/0/lines/where", 1, 6)]),
    ("/rules/0/lines", {"where": "line.labels.colour == 3"}, [("expression", "/rules/0/lines/where", 1, 20)]),
    ("/rules/0/when", "line.sku == 'a'", [("expression", "/rules/0/when", 1, 6)]),
    ("/rules/0/award/per/amount", "line.quantity", [("expression", "/rules/0/award/per/amount", 1, 6)]),
    ("/rules/0/budget", "summer", [("unknown-budget", "/rules/0/budget", None, None)]),
    ("/budgets", {"summer": {}}, [("missing", "/budgets/summer", None, None)]),
    ("/budgets", {"summer": {"points": 5}}, [("missing", "/budgets/summer/currency", None, None)]),
    (
        "/budgets",
        {"summer": {"points": -1, "currency": "miles"}},
        [
            ("out-of-range", "/budgets/summer/points", None, None),
            ("unknown-currency", "/budgets/summer/currency", None, None),
        ],
    ),
    (
        "/rules/-",
        {"id": "base", "on": "purchase", "award": {"currency": "points", "points": 1}},
        [("duplicate-id", "/rules/1/id", None, None)],
    ),
    ("/rules/-", {"id": "double", "on": "purchase", "phase": "multiply"}, [("missing", "/rules/1/by", None, None)]),
    (
        "/rules/-",
        {"id": "half", "on": "purchase", "phase": "multiply", "by": "0.5"},
        [("out-of-range", "/rules/1/by", None, None)],
    ),
    ("/rules/-", {"id": "none", "on": "purchase"}, [("missing", "/rules/1/award", None, None)]),
    (
        "/rules/-",
        {"id": "r", "on": "purchase", "award": {"currency": "points", "rate": "5%"}},
        [("bad-rate", "/rules/1/award/rate", None, None)],
    ),
    ("/offers", {"a:b": {"window": "P7D"}}, [("bad-id", "/offers/a:b", None, None)]),
    ("/offers", {"o": {}}, [("missing", "/offers/o/window", None, None)]),
    ("/offers", {"o": {"window": "a week"}}, [("bad-period", "/offers/o/window", None, None)]),
    ("/offers", {"o": {"window": "P1MT1H"}}, [("bad-period", "/offers/o/window", None, None)]),
    ("/offers", {"o": {"window": "P999Y"}}, [("bad-period", "/offers/o/window", None, None)]),
    ("/offers", {"o": {"window": "P7D", "of": "purchase"}}, [("misplaced", "/offers/o/of", None, None)]),
    ("/offers", _offer(goal={}), [("missing", "/offers/o/goal", None, None)]),
    ("/offers", _offer(goal={"sum": 5, "count": 3}), [("missing", "/offers/o/goal", None, None)]),
    ("/offers", _offer(of=None), [("missing", "/offers/o/of", None, None)]),
    ("/offers", _offer(of="sale.spend"), [("unknown-activity-type", "/offers/o/of", None, None)]),
    ("/offers", _offer(of="purchase.visits"), [("unknown-measure", "/offers/o/of", None, None)]),
    ("/offers", _offer(of="purchase"), [("unknown-measure", "/offers/o/of", None, None)]),
    ("/offers", _offer(goal={"sum": 0}), [("out-of-range", "/offers/o/goal/sum", None, None)]),
    ("/offers", _offer(goal={"one_above": -1}), [("out-of-range", "/offers/o/goal/one_above", None, None)]),
    ("/offers", _offer(goal={"periods": ["day", 0]}), [("out-of-range", "/offers/o/goal/periods", None, None)]),
    ("/offers", _offer(goal={"distinct": ["fortnight", 3]}), [("bad-window", "/offers/o/goal/distinct", None, None)]),
    ("/offers", _offer(goal={"distinct": ["day"]}), [("shape", "/offers/.../goal/distinct", None, None)]),
    (
        "/offers",
        _offer(reward={"currency": "miles", "points": 0}),
        [
            ("unknown-currency", "/offers/o/reward/currency", None, None),
            ("out-of-range", "/offers/o/reward/points", None, None),
        ],
    ),
    (
        "/offers",
        _offer(coupon={"campaign": "", "codes": [], "uses": 0, "per_assignment": 0}),
        [
            ("missing", "/offers/o/coupon/campaign", None, None),
            ("missing", "/offers/o/coupon/codes", None, None),
            ("out-of-range", "/offers/o/coupon/uses", None, None),
            ("out-of-range", "/offers/o/coupon/per_assignment", None, None),
        ],
    ),
    (
        "/offers",
        _offer(coupon={"campaign": "c", "codes": ["A", "A", "\n"], "from": "soon", "to": "2027-01-01T00:00:00"}),
        [
            ("duplicate-id", "/offers/o/coupon/codes/1", None, None),
            ("bad-id", "/offers/o/coupon/codes/2", None, None),
            ("bad-time", "/offers/o/coupon/from", None, None),
            ("bad-time", "/offers/o/coupon/to", None, None),
        ],
    ),
    (
        "/offers",
        _offer(coupon={"campaign": "c", "codes": ["A"], "from": "2027-01-02", "to": "2027-01-01"}),
        [("bad-time", "/offers/o/coupon/to", None, None)],
    ),
    (
        "/activities/seen",
        {"role": "views"},
        [("missing", "/activities/seen/offer", None, None)],
    ),
    (
        "/activities/sent",
        {"role": "assigns", "offer": "activity.offer"},
        [("expression", "/activities/sent/offer", 1, 10)],
    ),
    ("/rules/-", {"id": "a", "on": "purchase", "assign": "o"}, [("unknown-offer", "/rules/1/assign", None, None)]),
    ("/tiers/status/measure", "visits", [("unknown-measure", "/tiers/status/measure", None, None)]),
    ("/tiers/status/window", "fortnight", [("bad-window", "/tiers/status/window", None, None)]),
    ("/tiers/status/levels", [], [("missing", "/tiers/status/levels", None, None)]),
    ("/tiers/status/levels/-", {"id": "gold", "at": 100}, [("duplicate-id", "/tiers/status/levels", None, None)]),
    ("/tiers/status/validity", "end_of_period", [("bad-window", "/tiers/status/validity", None, None)]),
    ("/currencies/miles", {}, [("ambiguous", "/tiers/status/measure", None, None)]),
]


@pytest.mark.parametrize(("at", "value", "expected"), BROKEN, ids=[f"{at}={value}"[:60] for at, value, _ in BROKEN])
def test_what_is_wrong_is_found_where_it_stands(at: str, value: Json, expected: list[Place]) -> None:
    checked = check(_with(at, value), known_zone=SystemZones().known)
    errors = [found for found in checked.findings if found.severity == "error"]
    assert [(found.code, found.at, found.line, found.column) for found in errors] == expected
    assert not checked.ok


@pytest.mark.parametrize(("at", "value", "expected"), BROKEN, ids=[f"{at}={value}"[:60] for at, value, _ in BROKEN])
def test_what_is_wrong_has_its_place_in_the_submitted_text(at: str, value: Json, expected: list[Place]) -> None:
    document = _with(at, value)
    text = json.dumps(document, indent=2)
    lines = text.split("\n")
    errors = [
        one for one in check(document, known_zone=SystemZones().known, text=text).findings if one.severity == "error"
    ]
    assert len(errors) == len(expected)
    for found in errors:
        assert found.place is not None
        here = lines[found.place.line - 1][found.place.column - 1 :]
        part, whole = _part(document, found.at)
        if found.line is not None and found.column is not None:
            # Inside the expression: what stands there is what the expression has there.
            rest = part.split("\n")[found.line - 1][found.column - 1 :]
            assert here.startswith(rest or '"')
        elif whole:
            assert here.startswith(json.dumps(part)[:1])
        else:
            # It is missing: the thing that lacks it begins here.
            assert here.startswith(("{", "["))


def _part(document: Json, at: str) -> tuple[Json, bool]:
    """What is at a pointer, or the nearest thing around it; and whether it is there."""
    part = document
    for step in at.split("/")[1:]:
        inner = part[int(step)] if isinstance(part, list) and step.isdecimal() else None
        if isinstance(part, dict) and step in part:
            inner = part[step]
        if inner is None:
            return part, False
        part = inner
    return part, True


def test_a_budget_and_its_rules_count_in_one_currency() -> None:
    document = _with("/budgets", {"summer": {"points": 5, "currency": "points"}})
    document["currencies"]["miles"] = {}
    document["tiers"] = {}
    document["rules"] += [
        {"id": "other", "on": "purchase", "award": {"currency": "miles", "points": 1}, "budget": "summer"},
        {"id": "any", "on": "purchase", "phase": "multiply", "by": "2", "budget": "summer"},
        {"id": "this", "on": "purchase", "award": {"currency": "points", "points": 1}, "budget": "summer"},
    ]
    found = check(document).findings
    assert [(one.code, one.at) for one in found] == [
        ("other-currency", "/rules/1/budget"),
        ("other-currency", "/rules/2/budget"),
    ]


def test_a_rule_that_assigns_does_nothing_else() -> None:
    document = _with("/offers", _offer())
    document["rules"][0] |= {
        "assign": "o",
        "budget": "b",
        "expires": "never",
        "available": "at_once",
        "cap": [{"points": 5}],
    }
    document["rules"].append({"id": "m", "on": "purchase", "phase": "multiply", "by": "2", "assign": "o"})
    document["budgets"] = {"b": {"uses": 5}}
    found = [(one.code, one.at) for one in check(document).findings]
    assert [one for one in found if one[0] == "misplaced"] == [
        ("misplaced", "/rules/0/award"),
        ("misplaced", "/rules/0/budget"),
        ("misplaced", "/rules/0/available"),
        ("misplaced", "/rules/0/expires"),
        ("misplaced", "/rules/0/cap/0"),
        ("misplaced", "/rules/1/by"),
        ("misplaced", "/rules/1/assign"),
    ]


def test_what_an_offer_counts_is_named_without_doubt() -> None:
    document = _with("/offers", _offer(of="purchase.spend"))
    document["activities"]["purchase.spend"] = {}
    assert [(one.code, one.at) for one in check(document).findings] == [("ambiguous", "/offers/o/of")]


def test_a_return_is_nothing_to_count_and_a_reward_without_a_goal_is_worth_a_word() -> None:
    document = _with("/offers", {"o": {"window": "P7D", "reward": {"currency": "points", "points": 1}}})
    document["activities"]["refund"] = {"role": "reverses", "of": "purchase", "original": "'x'"}
    document["offers"] |= {"r": _offer(goal={"count": 1}, of="refund")["o"]}
    assert [(one.severity, one.code, one.at) for one in check(document).findings] == [
        ("warning", "unused", "/offers/o/reward"),
        ("error", "misplaced", "/offers/r/of"),
    ]


def test_groups_that_do_nothing_and_groups_over_phases_are_worth_a_word() -> None:
    document = _with("/groups", {"empty": "best", "mixed": "first"})
    document["rules"][0]["group"] = "mixed"
    document["rules"].append({"id": "m", "on": "purchase", "phase": "multiply", "by": "2", "group": "mixed"})
    found = check(document).findings
    assert [(one.severity, one.code, one.at) for one in found] == [
        ("warning", "unused-group", "/groups/empty"),
        ("warning", "group-over-phases", "/groups/mixed"),
    ]


def test_a_good_rulebook_has_no_findings() -> None:
    checked = check(GOOD, known_zone=SystemZones().known)
    assert checked.findings == ()
    assert sorted(checked.trees) == [
        "/activities/purchase/measures/spend",
        "/rules/0/award/per/amount",
        "/rules/0/when",
    ]


def test_an_expression_is_shown_with_a_caret_under_the_mistake() -> None:
    (found,) = check(_with("/rules/0/when", "activity.amount_minor > 0 &&\n  activity.amount > 3")).findings
    assert found.text == "  activity.amount > 3\n           ^"
    assert found.message == "there is no field 'amount'; did you mean 'amount_minor'?"
    assert found.rule == "base"


@pytest.mark.parametrize("document", [None, [], "rules", 3, {"rules": {}}, {"rules": [[]]}, {"currencies": None}])
def test_whatever_is_sent_check_answers_with_findings(document: Json) -> None:
    checked = check(document)
    assert [found.code for found in checked.findings] == ["shape"]


@pytest.mark.parametrize(
    ("at", "value", "expected"),
    [
        ("/currencies", {"coins": {}}, ("error", "currency-removed", "/currencies/points")),
        ("/currencies/points/scale", 2, ("error", "scale-changed", "/currencies/points/scale")),
        (
            "/activities/purchase/measures/spend",
            "activity.amount_minor * 2",
            ("error", "measure-changed", "/activities/purchase/measures/spend"),
        ),
        (
            "/activities/purchase/measures/visits",
            "1",
            ("warning", "new-measure", "/activities/purchase/measures/visits"),
        ),
    ],
)
def test_what_members_have_history_in_does_not_change(at: str, value: Json, expected: tuple[str, str, str]) -> None:
    found = check(_with(at, value), before=read(GOOD)).findings
    assert expected in [(one.severity, one.code, one.at) for one in found]


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
