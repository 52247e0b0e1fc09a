"""What was left of a budget, day by day, and when it is gone."""

from datetime import UTC, date, datetime, timedelta

import pytest

from api.console.budgets import burn

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def day(ago: int) -> date:
    return (NOW - timedelta(days=ago)).date()


def test_the_line_comes_down_to_what_is_left_and_returns_lift_it() -> None:
    found = burn([(day(9), 300), (day(5), 200), (day(2), -100)], 600, NOW)
    assert found is not None
    assert [level for _, level in found.chart.changes] == [1_000, 700, 500, 600]
    assert (found.chart.top, found.chart.bottom) == (1_000, 0)


@pytest.mark.parametrize(
    ("days", "left", "pace", "ahead"),
    [
        ([(9, 300), (0, 100)], 400, 280, 10),  # 400 in ten days, as much is left
        ([(27, 280)], 280, 70, 28),  # ten a day over 28 days
        ([(28, 9_000), (27, 280)], 280, 70, 28),  # what is longer ago is not the pace
        ([(200, 5_000)], 100, 0, None),  # nothing went lately
        ([(9, 300), (3, -300)], 500, 0, None),  # all of it came back
        ([(9, 300)], 0, 210, None),  # gone already
        ([(9, 300)], -50, 210, None),  # the budget was cut below what was taken
        ([(27, 1)], 100, 0, None),  # longer than two years
        ([(0, 7)], 8, 49, 2),  # a begun day is a day
    ],
)
def test_the_pace_of_the_last_four_weeks_goes_on(
    days: list[tuple[int, int]], left: int, pace: int, ahead: int | None
) -> None:
    found = burn([(day(ago), points) for ago, points in days], left, NOW)
    assert found is not None
    assert found.pace == pace
    assert found.out == (NOW + timedelta(days=ahead) if ahead is not None else None)
    assert bool(found.chart.ahead) == (ahead is not None)


def test_a_far_end_does_not_squeeze_what_was() -> None:
    """280 in 28 days, 2,800 are left: gone in 280 days, of which the picture shows as many as it looks back."""
    found = burn([(day(27), 280)], 2_800, NOW)
    assert found is not None
    assert found.out == NOW + timedelta(days=280)
    assert 490 <= found.chart.now <= 510
    line = found.chart.ahead.rpartition("L")[2]
    assert line.startswith("1000 ")
    assert 25 <= int(line.split()[1]) <= 60


def test_of_what_nobody_took_there_is_no_picture() -> None:
    assert burn([], 1_000, NOW) is None
