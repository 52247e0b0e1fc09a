"""What a rule grants at most is said where the document says so."""

from typing import Any

import pytest

from domain.rules.check import check
from domain.rules.rulebook import read
from domain.rules.worst_case import Limit, WorstCase, worst_case

Json = Any

PURCHASE: Json = {
    "data": {
        "type": "object",
        "properties": {
            "amount_minor": {"type": "integer", "minimum": 0, "maximum": 50_000},
            "guests": {"type": "integer", "minimum": 1, "maximum": 8},
            "free": {"type": "integer"},
        },
    }
}


def most(*rules: Json, **more: Any) -> list[WorstCase]:
    document = {"currencies": {"points": {}}, "activities": {"purchase": PURCHASE}, "rules": list(rules), **more}
    checked = check(document)
    assert checked.ok, checked.findings
    return list(worst_case(read(document), checked.trees))


def rule(rule_id: str = "r", **award: Any) -> Json:
    return {"id": rule_id, "on": "purchase", "award": {"currency": "points", **award}}


@pytest.mark.parametrize(
    ("award", "expected"),
    [
        ({"points": 10}, 10),
        ({"per": {"step": 300, "points": 2}}, 332),
        ({"rate": "0.05"}, 2_500),
        ({"rate": "0.00001"}, 0),
        ({"points": "activity.guests * 10 + 5"}, 85),
        ({"points": "100 - activity.guests"}, 99),
        ({"points": "activity.amount_minor / 1000"}, 50),
        ({"points": "activity.guests > 4 ? activity.guests : 20"}, 20),
        ({"points": "activity.free"}, None),
        ({"rate": "1", "amount": "activity.free"}, None),
    ],
)
def test_the_most_of_one_activity(award: Json, expected: int | None) -> None:
    (found,) = most(rule(**award))
    assert found == WorstCase("r", "points", expected)


@pytest.mark.parametrize(
    ("cap", "once", "member"),
    [
        ([{"points": 30, "period": "month"}], 30, (Limit(30, "month"),)),
        ([{"times": 3, "period": "day"}], 100, (Limit(300, "day"),)),
        (
            [{"times": 2, "period": "day"}, {"points": 150, "period": "year"}],
            100,
            (Limit(200, "day"), Limit(150, "year")),
        ),
        ([{"points": 30, "period": "month", "partial": False}], 0, (Limit(30, "month"),)),
    ],
)
def test_caps_bound_what_a_member_gets_in_a_period(cap: Json, once: int, member: tuple[Limit, ...]) -> None:
    (found,) = most(rule(points=100) | {"cap": cap})
    assert (found.activity, found.member) == (once, member)


@pytest.mark.parametrize(
    ("budget", "everybody"),
    [
        ({"currency": "points", "points": 1_000}, 1_000),
        ({"uses": 5}, 500),
        ({"currency": "points", "points": 300, "uses": 5}, 300),
    ],
)
def test_a_budget_bounds_what_everybody_gets(budget: Json, everybody: int) -> None:
    (found,) = most(rule(points=100) | {"budget": "b"}, budgets={"b": budget})
    assert found.everybody == everybody


def test_a_multiplier_adds_to_all_that_base_rules_may_grant() -> None:
    double = {"id": "x2", "on": "purchase", "phase": "multiply", "by": "2"}
    triple = {"id": "x3", "on": "purchase", "phase": "multiply", "by": "3"}
    found = most(rule("a", points=10), rule("b", points=20), double, triple)
    # 30 become 60, then 180; each grant may be one more by rounding.
    assert [one.activity for one in found] == [10, 20, 31, 121]
    assert [one.activity for one in most(rule(points="activity.free"), double)] == [None, None]
