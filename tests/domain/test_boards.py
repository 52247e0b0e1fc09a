"""Periods of leaderboards: labels, and what lies in them."""

from datetime import date

import pytest

from domain.rules.boards import days_of_label, period_label, period_of

UNITS = ("day", "week", "month", "quarter", "half", "year", "ever")


@pytest.mark.parametrize(
    ("unit", "day", "label"),
    [
        ("day", date(2026, 11, 25), "2026-11-25"),
        ("week", date(2026, 11, 25), "2026-W48"),
        ("week", date(2027, 1, 1), "2026-W53"),
        ("month", date(2026, 11, 25), "2026-11"),
        ("quarter", date(2026, 10, 1), "2026-Q4"),
        ("half", date(2026, 6, 30), "2026-H1"),
        ("year", date(2026, 11, 25), "2026"),
        ("ever", date(2026, 11, 25), "ever"),
    ],
)
def test_a_day_lies_in_the_period_with_this_label(unit: str, day: date, label: str) -> None:
    assert period_label(unit, day.toordinal()) == label
    assert period_of(unit, day.isoformat()) == label
    assert period_of(unit, label) == label


@pytest.mark.parametrize("unit", UNITS[:-1])
def test_every_day_of_twelve_years_lies_in_the_days_of_its_label(unit: str) -> None:
    for day in range(date(2020, 1, 1).toordinal(), date(2032, 1, 1).toordinal()):
        first, end = days_of_label(period_label(unit, day))
        assert first <= day < end
        assert period_label(unit, first) == period_label(unit, end - 1)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("month", "2026-W14"),  # 30 March to 5 April
        ("day", "2026-11"),
        ("month", "ever"),
        ("month", "2026-13"),
        ("month", "2026-00"),
        ("month", "2026-1"),
        ("week", "2026-W54"),
        ("week", "2025-W53"),
        ("week", "2026-W00"),
        ("day", "2026-02-30"),
        ("quarter", "2026-Q5"),
        ("half", "2026-H3"),
        ("year", "0000"),
        ("year", "9999"),
        ("year", "٢٠٢٦"),
        ("ever", "now"),
        ("ever", ""),
        ("month", "2026-11-25T10:00:00Z"),
        ("month", "'; DROP TABLE members; --"),
    ],
)
def test_what_is_no_period_is_refused(unit: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        period_of(unit, text)


@pytest.mark.parametrize(("unit", "text", "label"), [("month", "2026-W48", "2026-11"), ("year", "2026-Q1", "2026")])
def test_a_shorter_period_names_the_longer_one_it_lies_in(unit: str, text: str, label: str) -> None:
    assert period_of(unit, text) == label
