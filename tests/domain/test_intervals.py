"""Means, and how sure they are."""

import statistics

from hypothesis import given
from hypothesis import strategies as st

from domain.intervals import MICRO, Mean, mean


def _of(values: list[int]) -> Mean | None:
    return mean(len(values), sum(values), sum(value * value for value in values))


def test_nobody_has_no_mean_and_one_no_interval() -> None:
    assert _of([]) is None
    assert _of([7]) == Mean(7 * MICRO, None, None)


def test_who_all_did_the_same_leave_no_doubt() -> None:
    assert _of([5, 5, 5]) == Mean(5 * MICRO, 5 * MICRO, 5 * MICRO)


@given(st.lists(st.integers(-10_000, 10_000), min_size=2, max_size=60))
def test_the_interval_is_that_of_the_textbook(values: list[int]) -> None:
    found = _of(values)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    half = 1.96 * statistics.stdev(values) / len(values) ** 0.5
    assert abs(found.mean / MICRO - statistics.mean(values)) < 1e-5
    assert abs((found.high - found.low) / 2 / MICRO - half) < 1e-4
