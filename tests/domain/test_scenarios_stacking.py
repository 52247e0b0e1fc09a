"""Worked case B5: which promotions of one purchase go together, and what is said of those that do not."""

from typing import Any

import pytest

from domain.rules.limits import LimitedBy
from tests.build import Json, multiply, per, points, rulebook
from tests.spec import Told, bought, clawed_back, earned, enrolled, given, returned


def book(*rules: Json, limit: int | None = None, **categories: str) -> Json:
    stacking: Json = {"categories": categories} | ({"limit": limit} if limit else {})
    return rulebook(points(1), *rules, stacking=stacking)


def promo(amount: int, rule: str, category: str, **more: Any) -> Json:
    return points(amount, rule=rule, phase="add", category=category, **more)


def skipped(wanted: int, rule: str, by: str) -> Told:
    return earned(0, rule, wanted=wanted, limited_by=LimitedBy(left=0, stacking=by))


@pytest.mark.parametrize(
    ("one", "other", "stack"),
    [
        ("common", "common", True),
        ("common", "never", False),
        ("never", "common", False),
        ("common", "always", True),
        ("always", "common", True),
        ("never", "never", True),
        ("never", "always", True),
        ("always", "never", True),
        ("always", "always", True),
    ],
)
def test_b5_what_goes_together(one: str, other: str, stack: bool) -> None:
    document = book(promo(10, "a", "first"), promo(20, "b", "second"), first=one, second=other)
    expected = earned(20, "b", limited_by=None) if stack else skipped(20, "b", "first")
    given(document, enrolled()).when(bought(1_00)).then(earned(1), earned(10, "a"), expected)


def test_b5_the_earlier_one_applies_whatever_it_grants() -> None:
    rules = (promo(10, "a", "c", priority=50), promo(20, "b", "n", priority=1))
    given(book(*rules, c="common", n="never"), enrolled()).when(bought(1_00)).then(
        earned(1), earned(20, "b"), skipped(10, "a", "n")
    )


def test_a_limit_counts_promotions_only_and_says_so() -> None:
    rules = [promo(10, name, "c") for name in ("a", "b", "d")]
    given(book(*rules, limit=2, c="common"), enrolled()).when(bought(1_00)).then(
        earned(1), earned(10, "a"), earned(10, "b"), skipped(10, "d", "limit")
    ).balance(21)


def test_a_promotion_that_grants_nothing_is_in_nobodys_way() -> None:
    rules = [
        promo(10, "a", "c", when="activity.amount_minor > 500"),
        promo(0, "b", "c"),
        promo(20, "d", "n"),
    ]
    given(book(*rules, c="common", n="never"), enrolled()).when(bought(1_00)).then(earned(1), earned(20, "d"))


def test_a_promotion_whose_limit_is_reached_is_in_nobodys_way() -> None:
    once: Json = {"cap": [{"times": 1, "period": "day"}]}
    rules = [promo(10, "a", "c", **once), promo(20, "b", "n")]
    given(book(*rules, c="common", n="never"), enrolled()).when(bought(1_00)).then(
        earned(1), earned(10, "a"), skipped(20, "b", "c")
    ).when(bought(1_00, "p2")).then(
        earned(1), earned(0, "a", limited_by=LimitedBy(left=0, cap="a.0")), earned(20, "b", limited_by=None)
    )


def test_a_multiplier_that_is_skipped_multiplies_nothing() -> None:
    document = rulebook(
        per(100, 1),
        multiply("2", rule="double", category="c"),
        multiply("3", rule="triple", category="n"),
        multiply("1.5", rule="vip", category="a"),
        stacking={"categories": {"c": "common", "n": "never", "a": "always"}},
    )
    given(document, enrolled()).when(bought(10_00)).then(
        earned(10), earned(10, "double"), skipped(40, "triple", "c"), earned(10, "vip")
    ).balance(30)


def test_a_group_chooses_first() -> None:
    rules = [promo(10, "a", "c", group="g"), promo(20, "b", "c", group="g"), promo(5, "d", "n", priority=200)]
    document = book(*rules, c="common", n="never") | {"groups": {"g": "best"}}
    given(document, enrolled()).when(bought(1_00)).then(
        earned(1),
        earned(0, "a", limited_by=LimitedBy(left=0, group="g")),
        earned(20, "b"),
        skipped(5, "d", "c"),
    )


def test_what_was_skipped_is_not_taken_back() -> None:
    document = book(promo(10, "a", "c"), promo(20, "b", "n"), c="common", n="never")
    given(document, enrolled(), bought(1_00)).when(returned(None)).then(clawed_back(1), clawed_back(10)).balance(0)
