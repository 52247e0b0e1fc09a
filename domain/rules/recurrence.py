"""When a promotion runs: local days by an RRULE of RFC 5545, and the hours of those days.

A rule is asked one thing only: is this day one of its days? That needs no list of occurrences, so the day is tested
directly, and the answer is the same for ever whatever library made lists of it. What can only be found by counting
from the first occurrence (`COUNT`, `BYSETPOS`) is not taken: `ends` says the same. `tests/rules/test_recurrence.py`
holds this against an independent implementation.
"""

import re
from datetime import date, datetime, time

import msgspec

from domain.calendar import days_in_month, month_of, month_start
from domain.rules.rulebook import PromotionCalendar

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_WEEKDAYS = {name: number for number, name in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}
_PARTS = frozenset({"FREQ", "INTERVAL", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "WKST"})
_FIRST_DAY = date(2001, 1, 1).toordinal()
"""A Monday, from which a rule without `starts` counts."""
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
MIDNIGHT = 24 * 60


class Recurrence(msgspec.Struct, frozen=True):
    """A rule made ready to be asked. Weekdays count from 0, Monday; an ordinal 0 is every such day."""

    freq: str
    first: int
    interval: int = 1
    until: int | None = None
    weekdays: tuple[tuple[int, int], ...] = ()
    monthdays: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    week_starts: int = 0

    def occurs(self, day: int) -> bool:
        """Whether the local day is one of its days."""
        if self.until is not None and day > self.until:
            return False
        found = date.fromordinal(day)
        if self.months and found.month not in self.months:
            return False
        return self._period(found) and self._chosen(found)

    def _period(self, day: date) -> bool:
        """Whether the day lies in one of every `interval` periods."""
        if self.interval == 1:
            return True
        first = date.fromordinal(self.first)
        match self.freq:
            case "DAILY":
                apart = day.toordinal() - self.first
            case "WEEKLY":
                apart = (self._week(day) - self._week(first)) // 7
            case "MONTHLY":
                apart = 12 * (day.year - first.year) + day.month - first.month
            case _:
                apart = day.year - first.year
        return apart % self.interval == 0

    def _week(self, day: date) -> int:
        return day.toordinal() - (day.weekday() - self.week_starts) % 7

    def _chosen(self, day: date) -> bool:
        """Whether the day is one of those of its period; what the rule leaves open is as on its first day."""
        first = date.fromordinal(self.first)
        last = days_in_month(month_of(day.toordinal()))
        if self.monthdays and day.day not in self.monthdays and day.day - last - 1 not in self.monthdays:
            return False
        if self.weekdays:
            return any(self._is_weekday(day, nth, weekday) for nth, weekday in self.weekdays)
        if self.monthdays or self.freq == "DAILY":
            return True
        if self.freq == "WEEKLY":
            return day.weekday() == first.weekday()
        return day.day == first.day and (self.freq == "MONTHLY" or bool(self.months) or day.month == first.month)

    def _is_weekday(self, day: date, nth: int, weekday: int) -> bool:
        if day.weekday() != weekday:
            return False
        if nth == 0:
            return True
        number = day.toordinal()
        if self.freq == "YEARLY" and not self.months:
            begins, ends = date(day.year, 1, 1).toordinal(), date(day.year, 12, 31).toordinal() + 1
        else:
            begins = month_start(month_of(number))
            ends = month_start(month_of(number) + 1)
        return nth == ((number - begins) // 7 + 1 if nth > 0 else -((ends - 1 - number) // 7 + 1))


class Hours(msgspec.Struct, frozen=True):
    """Hours of the days of a rule, in minutes of the wall clock: `begins` included, `ends` not.

    Hours that end before they begin run into the next day and belong to the day on which they began.
    """

    days: Recurrence
    begins: int
    ends: int
    of_store: bool
    """By the calendar of the zone that the activity names, not the program's."""

    def contain(self, local: datetime) -> bool:
        """Whether a promotion runs at this wall-clock time."""
        minute, day = 60 * local.hour + local.minute, local.toordinal()
        if self.begins < self.ends:
            return self.begins <= minute < self.ends and self.days.occurs(day)
        if minute >= self.begins:
            return self.days.occurs(day)
        return minute < self.ends and self.days.occurs(day - 1)


def hours_of(policy: PromotionCalendar, starts: str | None) -> Hours:
    """Raises ValueError for a rule or a time that is none."""
    return Hours(
        days=recurrence(policy.rrule, starts),
        begins=minutes(policy.from_),
        ends=minutes(policy.to),
        of_store=policy.zone == "store",
    )


def minutes(text: str) -> int:
    """`16:00` in minutes; the end of the day is `24:00`. Raises ValueError."""
    if text == "24:00":
        return MIDNIGHT
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text!r} is not a time of day such as 16:00, or 24:00")
    found = time.fromisoformat(text)
    return 60 * found.hour + found.minute


def recurrence(text: str | None, starts: str | None) -> Recurrence:
    """An RRULE, counted from the date of `starts`. None is every day. Raises ValueError."""
    first = datetime.fromisoformat(starts).toordinal() if starts else _FIRST_DAY
    if text is None:
        return Recurrence("DAILY", first)
    parts = _parts(text)
    freq = parts.get("FREQ", "")
    if freq not in FREQUENCIES:
        raise ValueError(f"FREQ is one of {', '.join(FREQUENCIES)}")
    weekdays = tuple(_weekday(one) for one in _list(parts, "BYDAY"))
    if freq in ("DAILY", "WEEKLY") and any(nth for nth, _ in weekdays):
        raise ValueError("BYDAY has numbers only with FREQ=MONTHLY or FREQ=YEARLY")
    if freq == "WEEKLY" and "BYMONTHDAY" in parts:
        raise ValueError("BYMONTHDAY is not for FREQ=WEEKLY")
    week_starts = parts.get("WKST", "MO")
    if week_starts not in _WEEKDAYS:
        raise ValueError("WKST is a weekday such as MO")
    return Recurrence(
        freq=freq,
        first=first,
        interval=_number(parts.get("INTERVAL", "1"), "INTERVAL", 1, 9999),
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        weekdays=weekdays,
        monthdays=tuple(_number(one, "BYMONTHDAY", -31, 31) for one in _list(parts, "BYMONTHDAY")),
        months=tuple(_number(one, "BYMONTH", 1, 12) for one in _list(parts, "BYMONTH")),
        week_starts=_WEEKDAYS[week_starts],
    )


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.removeprefix("RRULE:").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise ValueError(f"{part!r} is not NAME=VALUE")
        if name not in _PARTS:
            raise ValueError(f"{name} is not taken: only {', '.join(sorted(_PARTS))}")
        if name in parts:
            raise ValueError(f"{name} stands twice")
        parts[name] = value
    return parts


def _list(parts: dict[str, str], name: str) -> list[str]:
    return parts[name].split(",") if name in parts else []


def _weekday(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", text)
    if found is None:
        raise ValueError(f"BYDAY: {text!r} is not a weekday such as TU, 1TU or -1FR")
    return _number(found[1], "BYDAY", -53, 53) if found[1] else 0, _WEEKDAYS[found[2]]


def _number(text: str, name: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,4}", text) or not least <= int(text) <= most or (least < 0 and int(text) == 0):
        raise ValueError(f"{name}: {text!r} is not a number from {least} to {most}")
    return int(text)


def _until(text: str) -> int:
    """A local date, included. A time of day is not taken: it would cut a day's hours in two."""
    if not re.fullmatch(r"\d{8}", text):
        raise ValueError("UNTIL is a date such as 20271231, the last day")
    return date.fromisoformat(text).toordinal()
