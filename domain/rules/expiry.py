"""When a lot begins and ends: the expiry grammar.

Computed in local wall time of the pinned zone, stored as an instant. Calendar periods are usable to the
end of the last local day, so the instant is the midnight after it; periods in hours are exact.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from domain.calendar import Offsets, parse_period, period_end, shift
from domain.rules.rulebook import Availability, Expiry


def available_at(policy: str | Availability, *, occurred_at: datetime, zone: str, offsets: Offsets) -> datetime | None:
    """The instant from which a lot can be spent; None means "on action"."""
    if isinstance(policy, Availability):
        if policy.at is not None:
            return max(occurred_at, datetime.fromisoformat(policy.at).astimezone(UTC))
        period = parse_period(policy.after or "PT0S")
        if not period.is_calendar:
            return occurred_at + timedelta(days=period.days + 30 * period.months, seconds=period.seconds)
        return offsets.instant(zone, shift(offsets.local(zone, occurred_at), period))
    return None if policy == "on_action" else occurred_at


def expires_at(
    policy: str | Expiry,
    *,
    occurred_at: datetime,
    recorded_at: datetime,
    available: datetime | None,
    zone: str,
    offsets: Offsets,
) -> datetime | None:
    """The instant from which a lot can no longer be spent; None means never."""
    if not isinstance(policy, Expiry):
        return None
    if policy.at is not None:
        # In UTC like every stored instant: a state row gives nothing else back.
        return datetime.fromisoformat(policy.at).astimezone(UTC)
    if policy.after is None:
        return None
    start = {"occurred": occurred_at, "recorded": recorded_at, "available": available or occurred_at}[policy.from_]
    period = parse_period(policy.after)
    if not period.is_calendar:
        return start + timedelta(days=period.days + 30 * period.months, seconds=period.seconds)
    return offsets.instant(zone, _end(policy.after, policy.round_up, offsets.local(zone, start).date()))


@lru_cache(maxsize=4096)
def _end(after: str, unit: str, begins: date) -> datetime:
    """The midnight that ends a calendar period; all that is earned on one day ends alike."""
    last = shift(datetime.combine(begins, time()), parse_period(after)).date()
    return datetime.combine(round_up(last, unit), time())


def round_up(last: date, unit: str) -> date:
    """The day after the last usable one, for a life that ends on `last` and is rounded up to `unit`.

    >>> round_up(date(2021, 7, 6), "month"), round_up(date(2021, 7, 6), "03-31")
    (datetime.date(2021, 8, 1), datetime.date(2022, 4, 1))
    """
    if "-" not in unit:
        return date.fromordinal(period_end(unit, last.toordinal()))
    month, day = (int(part) for part in unit.split("-"))
    for year in (last.year, last.year + 1):
        # 02-29 means the last day of February.
        end = date(year, 3, 1) - timedelta(days=1) if (month, day) == (2, 29) else date(year, month, day)
        if end >= last:
            return end + timedelta(days=1)
    raise AssertionError("a yearly day comes every year")
