"""What cannot be computed with is refused before it can be published, and amounts stay whole numbers of 53 bits."""

from typing import Any

import pytest

from domain.numbers import MAX_AMOUNT
from domain.rules.check import check
from tests.build import multiply, per, points, rulebook
from tests.spec import adjusted, bought, enrolled, given, returned

EVERY_CENT = points("activity.amount_minor")


@pytest.mark.parametrize(
    ("document", "at"),
    [
        (rulebook(currency={"expires": {"after": "P9999Y"}}), "/currencies/points/expires/after"),
        (rulebook(currency={"available": {"after": "P1001Y"}}), "/currencies/points/available/after"),
        (rulebook(points(5, cap=[{"points": 8, "period": "P3000Y"}])), "/rules/0/cap/0/period"),
        (rulebook(points("history.count('purchase', 'P3000Y')")), "/rules/0/award/points"),
        (rulebook(tiers={"validity": "P9000Y", "levels": [{"id": "s", "at": 1}]}), "/tiers/status/validity"),
        (rulebook(late={"future_skew": "P9999Y"}), "/late/future_skew"),
        (rulebook(late={"max_age": "P9999Y"}), "/late/max_age"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_periods_that_leave_the_calendar_are_not_publishable(document: dict[str, Any], at: str) -> None:
    assert [(one.severity, one.at) for one in check(document).findings] == [("error", at)]


def test_a_thousand_years_are_fine() -> None:
    book = rulebook(
        points("history.count('purchase', 'P1000Y') + 1", cap=[{"points": 8, "period": "P1000Y"}]),
        currency={"expires": {"after": "P1000Y"}, "available": {"after": "PT1H"}},
        tiers={"window": "rolling P1000Y", "levels": [{"id": "s", "at": 1}]},
    )
    given(book, enrolled()).when(bought(1_00, at="2199-01-02")).balance(0, pending=1).balance(1, at="3198-01-01")


def test_a_balance_beyond_53_bits_is_refused() -> None:
    given(rulebook(EVERY_CENT), enrolled(), bought(MAX_AMOUNT - 1, "p1")).when(bought(1, "p2")).balance(
        MAX_AMOUNT
    ).when(bought(1, "p3")).refused("amount-out-of-range").when(adjusted(1, "2026-01-05")).refused(
        "amount-out-of-range"
    )


def test_an_award_beyond_53_bits_is_a_rule_that_fails() -> None:
    given(rulebook(per(1, 2, rule="double"), EVERY_CENT), enrolled()).when(bought(MAX_AMOUNT)).balance(MAX_AMOUNT)


def test_a_multiplier_beyond_53_bits_is_a_rule_that_fails() -> None:
    given(rulebook(EVERY_CENT, multiply("3")), enrolled()).when(bought(MAX_AMOUNT)).balance(MAX_AMOUNT)


def test_negative_and_absent_amounts_earn_nothing_by_steps_and_rates() -> None:
    given(rulebook(per(100, 5)), enrolled()).when(bought(-500)).then().balance(0)


def test_an_activity_of_no_money_can_be_returned_once() -> None:
    given(rulebook(points(5)), enrolled(), bought(0)).when(returned(None)).balance(0).when(
        returned(None, id="r2")
    ).balance(0)


def test_a_multiplier_after_a_base_that_was_rounded_up_grants_no_more_than_the_product() -> None:
    # 0.4 of a point was issued as 1; half as much again is 0.6, which is there already.
    book = rulebook(
        per(1, 0, rule="nothing"),
        {"id": "base", "on": "purchase", "award": {"currency": "points", "rate": "0.4"}, "round": "up"},
        multiply("1.5", rule="first"),
        multiply("1.5", rule="second"),
    )
    given(book, enrolled()).when(bought(1)).balance(1)
