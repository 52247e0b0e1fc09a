"""Worked cases A and B: what an activity earns. Ids are those of the collection of cases."""

import pytest

from domain.rules.limits import LimitedBy
from tests.build import Json, multiply, per, points, rate, rulebook
from tests.spec import bought, earned, enrolled, given

CART = [
    {"sku": "123", "amount_minor": 12_00},
    {"sku": "000", "amount_minor": 100_00},
    {"sku": "0001", "amount_minor": 40_00},
]
HAS_123 = "activity.lines.exists(one, one.sku == '123')"


def basket(*rules: Json, expect: int) -> None:
    given(rulebook(*rules), enrolled()).when(bought(152_00, lines=CART)).balance(expect)


def test_a1_a_spend_step_counts_whole_steps_only() -> None:
    given(rulebook(per(1000, 1)), enrolled()).when(bought(105_00)).then(earned(10)).balance(10)


def test_a2_a_step_of_several_points_is_floored_before_it_is_multiplied() -> None:
    given(rulebook(per(250, 5)), enrolled()).when(bought(3_00)).then(earned(5)).balance(5)


def test_a3_an_additive_promotion_is_an_award_of_its_own() -> None:
    book = rulebook(points(5), points(3, rule="promo", phase="add"))
    given(book, enrolled()).when(bought(1_00)).then(earned(5, "base"), earned(3, "promo")).balance(8)


def test_a4_a_multiplier_adds_what_it_adds_to_the_base() -> None:
    given(rulebook(points(5), multiply("3")), enrolled()).when(bought(1_00)).then(
        earned(5, "base"), earned(10, "promo")
    ).balance(15)


@pytest.mark.parametrize(
    ("base", "by", "promotion"), [(4, "1.5", 2), (5, "1.5", 2), (3, "1.1", 0), (10, "1.25", 2), (7, "1", 0)]
)
def test_a5_a_decimal_multiplier_drops_fractions(base: int, by: str, promotion: int) -> None:
    promoted = [earned(promotion, "promo")] if promotion else []
    given(rulebook(points(base), multiply(by)), enrolled()).when(bought(1_00)).then(
        earned(base, "base"), *promoted
    ).balance(base + promotion)


def test_a10_four_points_per_unit_of_money() -> None:
    basket(per(100, 4), expect=608)


def test_a16_two_spend_rules_stack() -> None:
    basket(per(100, 10, rule="ten"), per(100, 4, rule="four"), expect=2128)


def test_a17_a_flat_grant_for_a_product_joins_the_spend_rule() -> None:
    basket(per(100, 4), points(100, rule="sku", when=HAS_123), expect=708)
    basket(per(100, 4), points(100, rule="sku", when=HAS_123.replace("123", "999")), expect=608)


@pytest.mark.parametrize(("least", "expect"), [(100_00, 608), (152_00, 608), (152_01, 0), (300_00, 0)])
def test_a20_a_minimum_order_is_included_in_what_it_asks(least: int, expect: int) -> None:
    basket(per(100, 4, when=f"activity.amount_minor >= {least}"), expect=expect)


@pytest.mark.parametrize(("mode", "granted"), [("down", 2), ("half_up", 3), ("half_even", 2), ("up", 3)])
def test_a_rate_is_exact_and_rounded_once(mode: str, granted: int) -> None:
    given(rulebook(rate("0.05", round=mode)), enrolled()).when(bought(50)).then(earned(granted))


def test_a_rule_that_fails_grants_nothing_refuses_nothing_and_says_so() -> None:
    book = rulebook(points("100 / (activity.amount_minor - 100)", rule="odd"), points(5))
    outcome = given(book, enrolled()).when(bought(100)).balance(5)
    assert [event.__class__.__name__ for event in outcome.events] == ["ActivityRecorded", "RuleFailed", "PointsEarned"]


@pytest.mark.parametrize(("partial", "second"), [(True, 30), (False, 0)])
def test_b2_a_daily_cap_cuts_the_second_grant_and_names_itself(partial: bool, second: int) -> None:
    cap = [{"points": 230, "period": "day", "partial": partial}]
    book = rulebook(points("activity.amount_minor", cap=cap))
    given(book, enrolled("2026-03-01"), bought(200, "p1", "2026-03-10T08:00+01:00"), zone="Europe/Berlin").when(
        bought(50, "p2", "2026-03-10T23:59+01:00")
    ).then(earned(second, wanted=50, limited_by=LimitedBy(left=30, cap="base.0"))).balance(200 + second).when(
        bought(50, "p3", "2026-03-11T00:00+01:00")
    ).then(earned(50, limited_by=None))


def test_b2_a_cap_of_times_counts_grants() -> None:
    book = rulebook(points(7, cap=[{"times": 1, "period": "day"}]))
    given(book, enrolled(), bought(1_00, "p1")).when(bought(1_00, "p2")).then(
        earned(0, wanted=7, limited_by=LimitedBy(left=0, cap="base.0"))
    ).balance(7)


def test_b2_a_late_purchase_counts_in_the_day_it_belongs_to() -> None:
    book = rulebook(points("activity.amount_minor", cap=[{"points": 230, "period": "day"}]))
    given(book, enrolled(), bought(200, "p1", "2026-01-05"), bought(200, "p2", "2026-01-06")).when(
        bought(100, "late", "2026-01-05T20:00", learned="2026-02-01")
    ).then(earned(30))
