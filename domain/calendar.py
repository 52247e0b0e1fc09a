"""Days, periods and windows, computed from UTC offsets that the caller looks up and the entry pins.

The domain has no time-zone data of its own. `Offsets` asks for the UTC offset of a zone at an
instant and remembers each answer; the answers stand in the entry's pins, so a decision made again
in ten years, on a host with other zone data, sees the same days (blueprint, laws 2 and 3).

Days are proleptic ordinals (`date.toordinal`), months are `12 * year + month - 1`.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import msgspec

Lookup = Callable[[str, int], int]
"""(zone name, seconds since 1970) -> UTC offset in seconds; raises KeyError where the answer is unknown."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_DAY = timedelta(days=1)
_NO_OFFSET = timedelta(0)
_LOCAL_EPOCH = EPOCH.replace(tzinfo=None)


class Offsets:
    """UTC offsets, with a memory of what was asked."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.used: dict[str, dict[int, int]] = {}

    def at(self, zone: str, instant: datetime) -> timedelta:
        if zone == "UTC":
            return _NO_OFFSET
        since = instant - EPOCH
        # Towards zero, as seconds were pinned from the first entry on.
        seconds = since.days * 86_400 + since.seconds if since.days >= 0 else int(since.total_seconds())
        known = self.used.setdefault(zone, {})
        offset = known.get(seconds)
        if offset is None:
            offset = known[seconds] = self._lookup(zone, seconds)
        return _length(offset)

    def local(self, zone: str, instant: datetime) -> datetime:
        """Wall-clock time in the zone, as a datetime without zone."""
        # By way of a duration: `replace(tzinfo=None)` takes ten times as long, and every decision looks several times.
        return _LOCAL_EPOCH + (instant - EPOCH + self.at(zone, instant))

    def instant(self, zone: str, local: datetime) -> datetime:
        """The instant at which the zone's clocks first show `local`, or jump over it."""
        as_utc = EPOCH + (local - _LOCAL_EPOCH)
        if zone == "UTC":
            return as_utc
        # Offsets of the day before and the day after: in between the clocks may be set, whichever way.
        before = self.at(zone, as_utc - _DAY)
        first = as_utc - before
        if self.at(zone, first) == before:
            return first
        after = self.at(zone, as_utc + _DAY)
        second = as_utc - after
        return second if self.at(zone, second) == after else first


@lru_cache(maxsize=256)
def _length(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


class NotPinned(LookupError):
    """A decision made again asks for an offset that the recorded one did not ask for."""


def recorded_offsets(used: dict[str, dict[int, int]]) -> Offsets:
    """Offsets as pinned in an entry: what was not asked then cannot be asked now (NotPinned)."""

    def pinned(zone: str, seconds: int) -> int:
        try:
            return used[zone][seconds]
        except KeyError:
            raise NotPinned(f"the offset of {zone} at {seconds} is not pinned") from None

    return Offsets(pinned)


class Period(msgspec.Struct, frozen=True):
    """An ISO 8601 duration. Months and days are counted on the local calendar, seconds exactly."""

    months: int = 0
    days: int = 0
    seconds: int = 0

    @property
    def is_calendar(self) -> bool:
        return self.seconds == 0


_PERIOD = re.compile(
    r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?"
    r"(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?"
)


@lru_cache(maxsize=1024)
def parse_period(text: str) -> Period:
    """`P12M`, `P14D`, `PT168H`. Raises ValueError; years, weeks and parts may be mixed.

    >>> parse_period("P1Y6M")
    Period(months=18, days=0, seconds=0)
    """
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as P12M, P14D or PT5M")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return Period(12 * years + months, 7 * weeks + days, 3600 * hours + 60 * minutes + seconds)


def add_months(day: date, months: int) -> date:
    """Month arithmetic that clamps to the month's end: 31 January + 1 month is 28 or 29 February."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = days_in_month(index)
    return date(year, month + 1, min(day.day, last))


def days_in_month(month: int) -> int:
    return month_start(month + 1) - month_start(month)


@lru_cache(maxsize=4096)
def month_of(day: int) -> int:
    """The month of a day; that of the first day for what lies before the calendar."""
    found = date.fromordinal(max(day, 1))
    return found.year * 12 + found.month - 1


@lru_cache(maxsize=4096)
def month_start(month: int) -> int:
    year, zero_based = divmod(month, 12)
    return date(year, zero_based + 1, 1).toordinal()


def shift(local: datetime, period: Period) -> datetime:
    """Wall-clock arithmetic: months first (clamped), then days, then seconds."""
    moved = datetime.combine(add_months(local.date(), period.months), local.time())
    return moved + timedelta(days=period.days, seconds=period.seconds)


UNITS = ("day", "week", "month", "quarter", "half", "year")


def period_start(unit: str, day: int) -> int:
    """First day of the calendar unit that contains `day`; weeks start on Monday."""
    if unit == "day":
        return day
    found = date.fromordinal(day)
    if unit == "week":
        return day - found.weekday()
    months = {"month": 1, "quarter": 3, "half": 6, "year": 12}[unit]
    return month_start((month_of(day) // months) * months)


def period_end(unit: str, day: int) -> int:
    """First day after the calendar unit that contains `day`."""
    if unit == "day":
        return day + 1
    if unit == "week":
        return period_start("week", day) + 7
    months = {"month": 1, "quarter": 3, "half": 6, "year": 12}[unit]
    return month_start((month_of(day) // months + 1) * months)


@lru_cache(maxsize=256)
def _window(window: str) -> tuple[str, Period | None]:
    if window in ("ever", "lifetime"):
        return "ever", None
    if window in UNITS:
        return window, None
    if window == "calendar_year":
        return "year", None
    last = re.fullmatch(r"last_(\d{1,5})d", window)
    if last is not None:
        return "rolling", Period(days=int(last.group(1)))
    period = parse_period(window.removeprefix("rolling "))
    if not period.is_calendar or period == Period():
        raise ValueError(f"{window!r}: a window counts whole days; use P30D or P12M")
    return "rolling", period


@lru_cache(maxsize=4096)
def window_start(window: str, day: int) -> int | None:
    """First local day of the window that ends with `day` (included); None for all time.

    `day|week|month|quarter|half|year` are calendar units; `P30D`, `last_30d`, `rolling P12M` reach back
    from `day`: the 30 days ending with it, the days after the same day twelve months ago.
    Raises ValueError for words that are no window.
    """
    kind, period = _window(window)
    if kind == "ever":
        return None
    if kind != "rolling" or period is None:
        return period_start(kind, day)
    back = add_months(date.fromordinal(day), -period.months).toordinal() - period.days
    return back + 1


def reach(window: str) -> int | None:
    """An upper bound of the days a window looks back; None for all time."""
    kind, period = _window(window)
    if kind == "ever":
        return None
    if kind == "rolling" and period is not None:
        return period.days + 31 * period.months
    return {"day": 1, "week": 7, "month": 31, "quarter": 92, "half": 184, "year": 366}[kind]
