"""L4 to L6: what was deferred for points becomes revenue as they are redeemed, and what is left of it when they end."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.liability import Cohort, Projected, allocate, expected, factors, ladder, recognised, share_of
from domain.numbers import Exact

amounts = st.integers(0, 10**12)


def test_l4_the_standards_own_example() -> None:
    goods, points = allocate(100_000, 100_000, 9_500)
    assert (goods, points) == (91_324, 8_676)
    first = recognised(points, 4_500, 9_500)
    assert first == 4_110
    # In the second year the estimate rises to 9,700: the difference is caught up at once.
    both = recognised(points, 8_500, 9_700)
    assert both - first == 3_493
    assert points - both == 1_073


def test_l4_the_estimate_is_a_share_of_what_was_issued() -> None:
    assert expected(10_000, 4_500, 5_500, Exact(95, 100)) == 9_500
    assert expected(10_000, 8_500, 1_500, Exact(97, 100)) == 9_700


def test_l5_the_divisor_is_what_will_be_redeemed_not_what_was_issued() -> None:
    """The blog's figure, 158 x 50 % = 79, divides by points issued: half redeemed of those that ever will be is all."""
    issued, redeemed, share = 200, 100, Exact(1, 2)
    will_be = expected(issued, redeemed, issued - redeemed, share)
    assert will_be == 100
    assert recognised(158, redeemed, will_be) == 158
    assert recognised(158, redeemed // 2, will_be) == 79


def test_l6_expiry_releases_what_is_left() -> None:
    allocated, share = 8_676, Exact(95, 100)
    before = recognised(allocated, 4_500, expected(10_000, 4_500, 5_500, share))
    some = recognised(allocated, 4_500, expected(10_000, 4_500, 1_000, share))
    all_gone = recognised(allocated, 4_500, expected(10_000, 4_500, 0, share))
    assert before == 4_110
    assert some == 7_099
    assert all_gone == allocated


@given(amounts, amounts, amounts)
def test_the_parts_of_a_price_are_the_whole(price: int, goods: int, points: int) -> None:
    first, second = allocate(price, goods, points)
    assert first + second == price
    assert first >= 0
    assert second >= 0


@given(amounts, amounts, amounts, amounts, st.integers(0, 100))
def test_never_more_is_earned_than_was_deferred_and_more_redeemed_never_earns_less(
    allocated: int, redeemed: int, more: int, outstanding: int, percent: int
) -> None:
    share, kept = Exact(percent, 100), redeemed + more + outstanding
    first = recognised(allocated, redeemed, expected(kept, redeemed, more + outstanding, share))
    second = recognised(allocated, redeemed + more, expected(kept, redeemed + more, outstanding, share))
    assert 0 <= first <= second <= allocated


# --- the chain ladder ---------------------------------------------------------------------------

OLD = Cohort(1_000, (100, 300, 600), 200)
YOUNGER = Cohort(1_000, (200, 500), 500)
NEW = Cohort(2_000, (300,), 1_700)


def test_each_age_grows_as_older_cohorts_did() -> None:
    # From age 0 to 1: 100 + 200 became 300 + 500; from 1 to 2: 300 became 600.
    assert factors([OLD, YOUNGER, NEW]) == (Fraction(800, 300), Fraction(2))


def test_the_ladder_completes_the_triangle_within_what_is_outstanding() -> None:
    assert ladder([OLD, YOUNGER, NEW]) == (
        Projected(600, 400),
        Projected(1_000, 0),
        Projected(1_600, 400),
    )
    assert share_of([OLD, YOUNGER, NEW]) == Fraction(3_200, 4_000)


def test_nobody_redeems_more_than_there_is() -> None:
    assert ladder([Cohort(100, (10, 90), 10), Cohort(100, (50,), 50)])[1] == Projected(100, 0)


@pytest.mark.parametrize("cohorts", [[], [Cohort(0, (), 0)]])
def test_before_anything_was_issued_there_is_no_share(cohorts: list[Cohort]) -> None:
    assert share_of(cohorts) is None


def test_where_nothing_was_redeemed_nothing_grows() -> None:
    assert ladder([Cohort(100, (0, 0), 100), Cohort(50, (0,), 50)]) == (Projected(0, 100), Projected(0, 50))
