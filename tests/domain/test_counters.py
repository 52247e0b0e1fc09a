"""Counters by local day: sums and distinct days over windows, and when months that rest are asked for."""

import pytest

from domain.calendar import month_of
from domain.member.counters import ColdHistoryNeeded, days_of, distinct_days, in_days, in_window, require
from domain.member.state import Member, Month, Total

JANUARY = 739617
"""The first of January 2026."""


def walked(steps: dict[int, int]) -> Member:
    """A member whose counter `steps` moved on these days, counted from the first of January 2026."""
    member = Member()
    for day, step in steps.items():
        month = member.months.setdefault(month_of(JANUARY + day), Month())
        month.counts.setdefault("steps", {})[JANUARY + day] = step
    member.totals["steps"] = Total(ever=sum(steps.values()), days=len(steps))
    return member


WALKED = {0: 5, 10: 7, 31: 11, 40: 13, 64: 17}


@pytest.mark.parametrize(
    ("window", "day", "days", "total"),
    [
        ("ever", 64, 5, 53),
        ("ever", 63, 4, 36),
        ("ever", 0, 1, 5),
        ("month", 40, 2, 24),
        ("month", 31, 1, 11),
        ("month", 30, 2, 12),
        ("day", 10, 1, 7),
        ("day", 11, 0, 0),
        ("P40D", 64, 3, 41),
        ("P25D", 64, 2, 30),
        ("P24D", 64, 1, 17),
        ("P65D", 64, 5, 53),
        ("P64D", 64, 4, 48),
    ],
)
def test_sums_and_days_of_a_window(window: str, day: int, days: int, total: int) -> None:
    member = walked(WALKED)
    assert distinct_days(member, "steps", window, JANUARY + day) == days
    assert in_window(member, "steps", window, JANUARY + day) == total
    assert in_window(member, "steps", "days", JANUARY + day) == sum(1 for one in WALKED if one <= day)


def test_what_never_moved_is_nothing() -> None:
    member = walked(WALKED)
    assert distinct_days(member, "other", "ever", JANUARY) == 0
    assert in_days(member, "other", None, JANUARY) == 0
    assert days_of(member, "other", JANUARY, JANUARY + 90) == []


def test_the_days_are_told_in_their_order() -> None:
    assert days_of(walked(WALKED), "steps", JANUARY + 10, JANUARY + 40) == [JANUARY + day for day in (10, 31, 40)]


@pytest.mark.parametrize(("day", "needed"), [(30, True), (31, False), (40, False)])
def test_months_that_rest_are_asked_for(day: int, needed: bool) -> None:
    """February is here, January rests. What ends before a day needs that day's month on, which is to be left out."""
    member = walked({day: step for day, step in WALKED.items() if day >= 31})
    member.totals["steps"] = Total(ever=53, days=5)
    member.since = month_of(JANUARY + 31)
    if not needed:
        require(member, JANUARY + day)
        assert in_days(member, "steps", JANUARY + day, JANUARY + 70) == {31: 41, 40: 30}[day]
        assert distinct_days(member, "steps", "ever", JANUARY + day) == {31: 3, 40: 4}[day]
        return
    with pytest.raises(ColdHistoryNeeded):
        require(member, JANUARY + day)
    with pytest.raises(ColdHistoryNeeded):
        in_days(member, "steps", JANUARY + day, JANUARY + 70)
    with pytest.raises(ColdHistoryNeeded):
        days_of(member, "steps", JANUARY + day, JANUARY + 70)
    with pytest.raises(ColdHistoryNeeded):
        distinct_days(member, "steps", "day", JANUARY + day)
    # All up to the last of January is what there ever was without February: nothing that rests is looked at.
    assert distinct_days(member, "steps", "ever", JANUARY + day) == 2
    assert in_days(member, "steps", None, JANUARY + day) == 12
    with pytest.raises(ColdHistoryNeeded):
        distinct_days(member, "steps", "ever", JANUARY + day - 1)
