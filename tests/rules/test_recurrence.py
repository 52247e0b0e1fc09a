"""Days by RRULE are those that an independent implementation of RFC 5545 lists (python-dateutil)."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.rules.recurrence import Hours, recurrence

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
YEARS = 3


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A rule of the parts that are taken. Not one without any day: the other implementation looks for it for ever."""
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={freq}", f"INTERVAL={draw(st.integers(1, 4))}"]
    by_day, by_monthday = draw(st.booleans()), freq != "WEEKLY" and draw(st.booleans())
    if by_day:
        nth = range(-4, 5) if freq in ("MONTHLY", "YEARLY") and not by_monthday else range(1)
        days = draw(st.lists(st.tuples(st.sampled_from(nth), st.sampled_from(WEEKDAYS)), min_size=1, max_size=3))
        parts.append("BYDAY=" + ",".join(f"{n or ''}{day}" for n, day in days))
    if by_monthday:
        common, any_day = draw(st.integers(1, 28)), st.integers(-31, 31).filter(bool)
        parts.append("BYMONTHDAY=" + ",".join(map(str, [common, *draw(st.lists(any_day, max_size=3))])))
    if draw(st.booleans()):
        parts.append("BYMONTH=" + ",".join(map(str, draw(st.lists(st.integers(1, 12), min_size=1, max_size=6)))))
    if draw(st.booleans()):
        parts.append(f"WKST={draw(st.sampled_from(WEEKDAYS))}")
    return ";".join(parts)


@settings(deadline=None, max_examples=150)
@given(rules(), st.dates(date(2023, 1, 1), date(2026, 12, 31)))
def test_a_day_is_one_of_a_rules_days_where_another_implementation_lists_it(rule: str, first: date) -> None:
    starts = datetime.combine(first, time())
    ends = starts + timedelta(days=366 * YEARS)
    listed = {found.toordinal() for found in rrulestr(f"{rule};UNTIL={ends:%Y%m%d}", dtstart=starts)}
    mine = recurrence(rule, starts.replace(tzinfo=UTC).isoformat())
    days = range(starts.toordinal(), ends.toordinal() + 1)
    assert {day for day in days if mine.occurs(day)} == listed


@pytest.mark.parametrize(
    "rule",
    [
        "BYDAY=TU", "FREQ=HOURLY", "FREQ=WEEKLY;COUNT=3", "FREQ=WEEKLY;BYSETPOS=1", "FREQ=WEEKLY;BYDAY=1TU",
        "FREQ=WEEKLY;BYMONTHDAY=1", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=YEARLY;BYMONTH=13",
        "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;UNTIL=20270101T120000Z", "FREQ=DAILY;UNTIL=20270231",
        "FREQ=DAILY;FREQ=DAILY", "FREQ", "", "FREQ=WEEKLY;WKST=1MO",
    ],
)  # fmt: skip
def test_what_is_not_taken_is_refused(rule: str) -> None:
    with pytest.raises(ValueError):
        recurrence(rule, None)


@pytest.mark.parametrize(
    ("local", "runs"),
    [
        ("2026-03-03T21:59", False),
        ("2026-03-03T22:00", True),
        ("2026-03-04T01:59:59", True),
        ("2026-03-04T02:00", False),
        ("2026-03-04T23:00", False),
        ("2026-03-03T01:00", False),
    ],
)
def test_hours_past_midnight_belong_to_the_day_on_which_they_began(local: str, runs: bool) -> None:
    tuesdays = Hours(recurrence("FREQ=WEEKLY;BYDAY=TU", None), begins=22 * 60, ends=2 * 60, of_store=False)
    assert tuesdays.contain(datetime.fromisoformat(local)) is runs


def test_until_is_the_last_day() -> None:
    rule = recurrence("RRULE:FREQ=DAILY;UNTIL=20270131", None)
    assert rule.occurs(date(2027, 1, 31).toordinal())
    assert not rule.occurs(date(2027, 2, 1).toordinal())
