"""Worked cases A11-A14, A18, A21, A25, D16: rules about some lines of an order. Ids are those of the collection."""

from typing import Any

import msgspec
import pytest

from domain.errors import InvalidPayload, ReturnExceedsActivity
from tests.build import Json, multiply, per, points, rate, refund, rulebook
from tests.spec import Step, bought, clawed_back, do, earned, enrolled, failed, given, moved_to

# Totals 152.00; the third line has no colour.
CART: list[Json] = [
    {"id": "1", "sku": "123", "amount_minor": 12_00, "labels": {"colour": "red"}},
    {"id": "2", "sku": "000", "amount_minor": 100_00, "labels": {"colour": "blue"}},
    {"id": "3", "sku": "0001", "amount_minor": 40_00, "labels": {"kind": "delivery"}},
]
PAYLOAD: Json = {"type": "object", "properties": {"amount_minor": {"type": "integer"}}}
OPEN = {"purchase": {"data": PAYLOAD}}
"""Purchases whose schema says nothing of lines: these are the same in every program."""
RED, BLUE = "line.labels.colour == 'red'", "line.labels.colour == 'blue'"


def about(where: str | None = None, **more: Any) -> Json:
    return {"lines": {**({"where": where} if where else {}), **more}}


def shop(*rules: Json, **more: Any) -> Json:
    return rulebook(*rules, activities=OPEN, **more)


def basket(*rules: Json, expect: int, lines: list[Json] | None = None) -> None:
    order = CART if lines is None else lines
    total = sum(line["amount_minor"] for line in order)
    given(shop(*rules), enrolled()).when(bought(total, lines=order)).balance(expect)


def gave_back(*lines: Json, of: str = "p1", id: str = "r1", at: str = "2026-01-10") -> Step:  # noqa: A002
    def command(stream: Any) -> Any:
        asked = refund(stream, of, sum(line["amount_minor"] for line in lines), at, id)
        return msgspec.structs.replace(asked, lines=list(lines))

    return do(command, at)


def line(number: str, amount: int, quantity: int = 1) -> Json:
    return {"line": number, "amount_minor": amount, "quantity": quantity}


@pytest.mark.parametrize(
    ("where", "expect"),
    [
        ("line.sku != '000'", 208),  # A11
        ("line.labels.colour != 'red'", 560),  # A12: a line without the label is not red
        ("!(line.labels.colour == 'red')", 560),  # A12
        ("!has(line.labels.colour) || line.labels.colour != 'red'", 560),  # A12
        (RED, 48),  # A13
        ("line.labels['colour'] == 'red'", 48),  # A13
        ("line.labels.colour != 'red' && line.labels.kind != 'delivery'", 400),  # A14
        ("line.sku in ['123', '0001']", 208),
        ("line.sku.startsWith('000')", 560),
        ("line.amount_minor >= 4000", 560),
    ],
)
def test_a11_a12_a13_a14_a_rule_counts_only_its_lines(where: str, expect: int) -> None:
    basket(per(100, 4, **about(where)), expect=expect)


@pytest.mark.parametrize("where", ["line.sku == '123'", RED])
def test_a18_a_multiplier_of_a_line_multiplies_what_that_line_earned(where: str) -> None:
    basket(per(100, 4), multiply("3", **about(where)), expect=704)


def test_a21_spend_then_multiply_then_fixed() -> None:
    basket(
        per(100, 4, rule="four"),
        per(100, 10, rule="ten"),
        multiply("3", rule="red", **about(RED)),
        multiply("5", rule="blue", **about(BLUE)),
        points(200, rule="fixed", phase="add", **about("line.sku == '000'")),
        expect=8264,
    )


def test_multipliers_of_one_line_and_of_the_order_multiply_each_other() -> None:
    # 12.00 red and 100.00 blue of 152.00: 48 and 400 of 608 points.
    rules = [per(100, 4), multiply("2", rule="all"), multiply("3", rule="red", **about(RED))]
    basket(*rules, expect=48 * 6 + (608 - 48) * 2)
    basket(*rules, multiply("2", rule="cheap", **about("line.amount_minor < 5000")), expect=48 * 12 + 160 * 4 + 400 * 2)


def test_what_a_line_earned_is_its_share_of_the_order() -> None:
    """A step left over by one line is filled by another: shares are exact, and rounded once."""
    lines = [{"id": str(number), "sku": sku, "amount_minor": 5_00} for number, sku in enumerate("abb")]
    book = shop(per(1000, 10), multiply("4", **about("line.sku == 'a'")))
    given(book, enrolled()).when(bought(15_00, lines=lines)).then(earned(10), earned(10, "promo"))


def test_a25_a_line_paid_with_points_earns_nothing() -> None:
    lines = [
        {"id": "1", "sku": "tea", "quantity": 5, "amount_minor": 25_00},
        {"id": "2", "sku": "discount", "quantity": 1, "amount_minor": -5_00, "flags": ["paid_with_points"]},
    ]
    per_unit = {"currency": "points", "per": {"amount": "line.quantity", "step": 1, "points": 1}}
    unit = {"id": "unit", "on": "purchase", "award": per_unit}
    spend = {"spend": {"role": "spends", "currency": "points", "points": "5"}}
    book = rulebook({**unit, **about()}, points(5, rule="welcome", on="member.enrolled"), activities=OPEN | spend)
    given(book, enrolled()).when(bought(20_00, lines=lines)).then(earned(5, "unit")).balance(10)
    paid = about("line.sku == 'discount'", paid_with_points=True)
    given(shop({**unit, **paid}), enrolled()).when(bought(20_00, lines=lines)).balance(1)


def test_d16_a_void_line_never_earns() -> None:
    lines: list[Json] = [{"id": str(number), "amount_minor": 10_00} for number in range(1, 6)]
    lines[2]["flags"] = ["void"]
    basket(per(1000, 1, **about()), expect=4, lines=lines)
    basket(per(1000, 1, **about(paid_with_points=True)), expect=4, lines=lines)
    basket(points("line.quantity * 3", **about()), expect=12, lines=lines)


def test_a_flat_grant_for_a_line_is_granted_once_an_amount_of_lines_is_added_up() -> None:
    basket(points(100, rule="sku", **about("line.sku == '123'")), per(100, 4), expect=708)
    basket(points("activity.amount_minor / 100", **about("line.amount_minor > 2000")), expect=140)
    basket(rate("0.05", **about(RED)), expect=60)


def test_a_condition_looks_at_the_whole_order() -> None:
    basket(per(100, 4, when="activity.amount_minor >= 15000", **about(RED)), expect=48)
    basket(per(100, 4, when="activity.amount_minor < 15000", **about(RED)), expect=0)


def test_a_rule_about_lines_leaves_orders_without_them_alone() -> None:
    book = shop(per(100, 4, rule="lines", **about()), points(1))
    given(book, enrolled()).when(bought(152_00)).then(earned(1))


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("tea", "lines are a list of at most 1000"),
        (["tea"], "line 1 is not an object"),
        ([{"amount_minor": "5"}], "line 1: amount_minor is not a whole number of minor units"),
        ([{"amount_minor": True}], "line 1: amount_minor is not a whole number of minor units"),
        ([{"id": 7}], "line 1: its id is not a text"),
        ([{"flags": "void"}], "line 1: flags are a list of texts"),
        ([{"flags": [1]}], "line 1: flags are a list of texts"),
        ([{}] * 1_001, "lines are a list of at most 1000"),
    ],
)
def test_lines_that_are_none_fail_their_rules_and_no_others(lines: Any, error: str) -> None:
    book = shop(points(1), per(100, 4, rule="lines", **about()), multiply("2", rule="m", **about()))
    given(book, enrolled()).when(bought(1_00, lines=lines)).then(
        failed("lines", error=error), failed("m", error=error), earned(1)
    )


def test_a_line_for_which_a_condition_has_no_value_is_not_meant() -> None:
    lines = [{"id": "1", "amount_minor": 1_00, "quantity": 0}, {"id": "2", "amount_minor": 2_00, "quantity": 1}]
    basket(per(100, 1, **about("6 / line.quantity > 3")), expect=2, lines=lines)


# --- returns by line -----------------------------------------------------------------------------


def test_a_returned_line_takes_back_what_that_line_earned() -> None:
    book = shop(per(100, 4), multiply("3", **about(RED)), points(50, rule="gift", phase="add", **about(BLUE)))
    order = bought(152_00, lines=CART)
    outcome = given(book, enrolled(), order).when(gave_back(line("1", 12_00)))
    outcome.then(clawed_back(48), clawed_back(96)).balance(560 + 50)
    outcome.when(gave_back(line("2", 100_00), id="r2")).then(clawed_back(400), clawed_back(50)).balance(160)
    outcome.when(gave_back(line("3", 40_00), id="r3")).then(clawed_back(160)).balance(0)


def test_a_rate_on_lines_is_proportional_to_the_money_of_its_lines() -> None:
    book = shop(rate("0.1", **about(RED)), rate("0.01", rule="other"))
    outcome = given(book, enrolled(), bought(152_00, lines=CART)).when(gave_back(line("1", 4_00)))
    outcome.then(clawed_back(40), clawed_back(4)).when(gave_back(line("2", 100_00), id="r2")).then(
        clawed_back(100, rule="other")
    )


def test_units_come_back_with_their_line() -> None:
    lines = [{"id": "a", "quantity": 5, "amount_minor": 50_00}, {"id": "b", "quantity": 1, "amount_minor": 7_00}]
    unit = {"id": "unit", "on": "purchase", "award": {"currency": "points", "points": "line.quantity"}, **about()}
    given(shop(unit), enrolled(), bought(57_00, lines=lines)).when(gave_back(line("a", 20_00, 2))).then(
        clawed_back(2)
    ).when(gave_back(line("a", 30_00, 3), id="r2")).then(clawed_back(3)).balance(1)


def test_money_that_comes_back_without_a_line_is_shared_among_the_lines() -> None:
    book = shop(per(100, 4, **about(RED)), per(100, 1, rule="all"))
    given(book, enrolled(), bought(152_00, lines=CART)).when(
        do(lambda stream: refund(stream, "p1", 76_00, "2026-01-10"), "2026-01-10")
    ).then(clawed_back(76, rule="all"), clawed_back(24))


def test_a_line_comes_back_once() -> None:
    book = shop(per(100, 4))
    outcome = given(book, enrolled(), bought(152_00, lines=CART)).when(gave_back(line("1", 8_00)))
    outcome.when(gave_back(line("1", 8_00), id="r2")).balance(608 - 48)
    stream = outcome.stream
    assert stream.entries[-1].events[0].excess_minor == 4_00  # type: ignore[union-attr]
    with pytest.raises(ReturnExceedsActivity):
        gave_back(line("1", 12_01), id="r3").act(stream)
    with pytest.raises(InvalidPayload):
        gave_back(line("9", 1), id="r4").act(stream)


def test_whoever_returns_all_lines_has_returned_the_order_whatever_was_off_its_price() -> None:
    """Lines add up to 152.00, 140.00 was paid."""
    book = shop(per(100, 4), tiers={"levels": [{"id": "silver", "at": 500}]})
    given(book, enrolled(), bought(140_00, lines=CART)).when(
        gave_back(line("1", 12_00), line("2", 100_00), line("3", 40_00))
    ).then(clawed_back(560), moved_to(None)).balance(0)
