"""Why a rule does not apply: the clause that decides so, with what the things in it are."""

import pytest

from domain.rules.celtree import Tree
from domain.rules.expression import Environment
from domain.rules.why import why_not
from tests.domain.test_expression import Facts

SCHEMA = {
    "type": "object",
    "properties": {"amount": {"type": "integer"}, "store": {"type": "string"}, "note": {"type": "string"}},
}
ENVIRONMENT = Environment.build(activity=SCHEMA, attributes={})


def tree(source: str) -> Tree:
    return ENVIRONMENT.check(source, "bool")


@pytest.mark.parametrize(
    ("source", "text", "place", "operands"),
    [
        ("activity.amount > 100", "activity.amount > 100", (1, 1), {"activity.amount": 50}),
        (
            "activity.store == 'a' && activity.amount > 100",
            "activity.amount > 100",
            (1, 26),
            {"activity.amount": 50},
        ),
        (
            "activity.amount > 1 && (activity.store == 'b' && false)",
            "activity.store == 'b'",
            (1, 25),
            {"activity.store": "a"},
        ),
        (
            "activity.amount > 1 && (activity.store == 'b' || activity.store == 'c')",
            "activity.store == 'b' || activity.store == 'c'",
            (1, 25),
            {"activity.store == 'b'": False, "activity.store": "a", "activity.store == 'c'": False},
        ),
        ("activity.note == 'x' && activity.amount > 1", "activity.note == 'x'", (1, 1), None),
        (
            "!(activity.amount > 1)",
            "!(activity.amount > 1)",
            (1, 1),
            {"activity.amount > 1": True, "activity.amount": 50},
        ),
    ],
)
def test_the_clause_that_decides(
    source: str, text: str, place: tuple[int, int], operands: dict[str, object] | None
) -> None:
    found = why_not(tree(source), Facts(amount=50, store="a"))
    assert found is not None
    assert (found.clause.text, found.clause.line, found.clause.column) == (text, *place)
    if operands is None:
        assert str(found.clause.value).startswith("error: ")
    else:
        assert {one.text: one.value for one in found.operands} == operands


def test_a_condition_that_holds_has_no_such_clause() -> None:
    assert why_not(tree("activity.amount > 1 && activity.store == 'a'"), Facts(amount=50, store="a")) is None
