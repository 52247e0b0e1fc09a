"""What of an order is left, line by line: tables of numbers for returns that name lines, and for those that do not."""

from typing import Any

import pytest

from domain.errors import InvalidPayload, ReturnExceedsActivity
from domain.member.events import LineReturned
from domain.member.kept import LinesBack, kept_of, lines_back, order_lines
from tests.build import Json

ORDER: Json = {
    "amount_minor": 100,
    "lines": [
        {"id": "a", "quantity": 2, "amount_minor": 50},
        {"id": "b", "quantity": 1, "amount_minor": 30},
        {"id": "c", "quantity": 3, "amount_minor": 20},
    ],
}
LINES = order_lines(ORDER)


def back(*asked: tuple[str, int], before: dict[str, LineReturned] | None = None, refuse: bool = False) -> LinesBack:
    return lines_back(
        [{"line": line, "amount_minor": amount} for line, amount in asked], LINES, before or {}, refuse=refuse
    )


@pytest.mark.parametrize(
    ("asked", "amount", "excess", "complete"),
    [
        ([("a", 20)], 20, 0, False),
        ([("a", 20), ("b", 10)], 30, 0, False),
        ([("a", 20), ("a", 30)], 50, 0, False),
        ([("a", 50), ("b", 30)], 80, 0, False),
        ([("a", 50), ("b", 30), ("c", 19)], 99, 0, False),
        ([("a", 50), ("b", 30), ("c", 20)], 100, 0, True),
        ([("a", 40), ("a", 40)], 50, 30, False),
        ([("a", 40), ("a", 40), ("b", 30), ("b", 5)], 80, 35, False),
    ],
)
def test_lines_that_come_back_add_up(asked: list[tuple[str, int]], amount: int, excess: int, complete: bool) -> None:
    found = back(*asked)
    assert (found.amount, found.excess, found.complete) == (amount, excess, complete)


def test_units_are_counted_one_unless_the_return_says_how_many() -> None:
    asked = [
        {"line": "a", "amount_minor": 10},
        {"line": "a", "amount_minor": 10},
        {"line": "c", "amount_minor": 5, "quantity": 2},
    ]
    found = lines_back(asked, LINES, {"a": LineReturned(1, 5)}, refuse=False)
    assert found.so_far == {"a": LineReturned(3, 25), "c": LineReturned(2, 5)}


@pytest.mark.parametrize(
    ("before", "asked", "refuse", "most"),
    [
        (0, 51, False, 50),  # never more than the whole line
        (0, 51, True, 50),
        (20, 31, True, 30),
        (20, 30, True, None),
        (20, 31, False, None),
        (20, 51, False, 50),
    ],
)
def test_more_than_is_left_of_a_line(before: int, asked: int, refuse: bool, most: int | None) -> None:
    so_far = {"a": LineReturned(1, before)} if before else {}
    if most is None:
        assert back(("a", asked), before=so_far, refuse=refuse).amount == min(asked, 50 - before)
        return
    with pytest.raises(ReturnExceedsActivity) as refusal:
        back(("b", 1), ("a", asked), before=so_far, refuse=refuse)
    assert refusal.value.errors == (("/lines/1/amount_minor", f"at most {most}"),)


def test_a_line_that_was_not_bought_does_not_come_back() -> None:
    with pytest.raises(InvalidPayload) as refusal:
        back(("a", 1), ("z", 1))
    assert refusal.value.errors == (("/lines/1/line", "not in the order"),)


@pytest.mark.parametrize(
    ("returned", "left"),
    [
        (0, {1: 50, 2: 30, 3: 20}),
        (10, {1: 45, 2: 27, 3: 18}),
        (1, {1: 49, 2: 30, 3: 20}),  # the largest rest gives the unit
        (3, {1: 49, 2: 29, 3: 19}),  # 1.5, 0.9 and 0.6: the two largest rests give a unit each
        (7, {1: 46, 2: 28, 3: 19}),
        (99, {1: 1, 2: 0, 3: 0}),
        (100, {1: 0, 2: 0, 3: 0}),
    ],
)
def test_money_without_a_line_is_shared_by_largest_remainder(returned: int, left: dict[int, int]) -> None:
    found = kept_of(ORDER, returned, {})
    assert sum(found.left.values()) == 100 - returned
    assert {number + 1: amount for number, amount in enumerate(found.left.values())} == left
    assert found.data["amount_minor"] == 100 - returned


def _lines(found: Any) -> list[tuple[str, int, Any]]:
    return [(line["id"], line["amount_minor"], line["quantity"]) for line in found.data["lines"]]


def test_lines_and_money_together() -> None:
    """All of b is back, and one of two a; ten more without a line fall on a and c in the proportion of 25 to 20."""
    found = kept_of(ORDER, 65, {"a": LineReturned(1, 25), "b": LineReturned(1, 30)})
    assert _lines(found) == [("a", 19, 1), ("c", 16, 3)]


def test_more_units_than_were_bought_leave_none_and_what_is_no_number_stays() -> None:
    order: Json = {
        **ORDER,
        "lines": [{**ORDER["lines"][0], "quantity": 2}, {"id": "f", "quantity": 1, "amount_minor": 0}],
    }
    found = kept_of(order, 10, {"a": LineReturned(5, 10)})
    assert _lines(found) == [("a", 40, 0), ("f", 0, 1)]
