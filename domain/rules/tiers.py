"""Levels: which one a counter's value reaches, and until when it holds."""

import re
from datetime import date, datetime, time, timedelta

from domain.calendar import UNITS, Offsets, parse_period, period_end, shift, window_start
from domain.rules.rulebook import Level, TierSet

_CALENDAR = {"calendar_year": "year"} | {unit: unit for unit in UNITS}


def ladder(tiers: TierSet) -> list[Level]:
    """The levels from the lowest up."""
    return sorted(tiers.levels, key=lambda level: level.at)


def reached(tiers: TierSet, value: int) -> str | None:
    """The highest level whose threshold `value` meets; None below all."""
    best = None
    for level in ladder(tiers):
        if value >= level.at:
            best = level.id
    return best


def rank(tiers: TierSet, level: str | None) -> int:
    """0 below all levels, 1 for the lowest. A level that the set no longer has counts as below all."""
    for number, one in enumerate(ladder(tiers), 1):
        if one.id == level:
            return number
    return 0


def after_review(tiers: TierSet, current: str | None, value: int) -> str | None:
    """The level after a review with `value`, under the set's downgrade policy."""
    target = reached(tiers, value)
    now, then = rank(tiers, current), rank(tiers, target)
    if then >= now or tiers.downgrade == "recompute":
        return target
    if tiers.downgrade == "none":
        return current
    if tiers.downgrade == "to_base":
        return None
    return ladder(tiers)[now - 2].id if now >= 2 else None


def counter_of(tiers: TierSet, currencies: list[str]) -> str:
    """The counter a set looks at. Plain `points_earned` needs a rulebook with one currency (check says so)."""
    points = "granted" if tiers.count_pending else "earned"
    if tiers.measure == "points_earned":
        return f"{points}:{currencies[0]}"
    if tiers.measure.startswith("points_earned:"):
        return f"{points}:" + tiers.measure.removeprefix("points_earned:")
    return f"measure:{tiers.measure}"


def window(tiers: TierSet, day: int) -> tuple[int | None, int]:
    """The local days (first, last) that count for a look at `day`."""
    return window_start(tiers.window, day), day


def valid_until(tiers: TierSet, at: datetime, zone: str, offsets: Offsets) -> datetime | None:
    """The exclusive end of a level reached or renewed at `at`: midnight after its last local day, or None."""
    validity = tiers.validity or _default_validity(tiers)
    if validity == "forever":
        return None
    local = offsets.local(zone, at)
    day = local.date().toordinal()
    unit = _CALENDAR.get(tiers.window, "year")
    if validity == "end_of_period":
        last = period_end(unit, day)
    elif validity == "end_of_next_period":
        last = period_end(unit, period_end(unit, day))
    else:
        # A calendar period is usable to the end of its last local day. Counted from a midnight (a review),
        # the period's own end is that midnight: twelve months from 1 January end with 31 December.
        period = parse_period(validity)
        if not period.is_calendar:
            return at + timedelta(days=period.days + 30 * period.months, seconds=period.seconds)
        end = shift(local, period)
        last = end.date().toordinal() + (0 if end.time() == time() else 1)
    return offsets.instant(zone, datetime.combine(date.fromordinal(last), time()))


def _default_validity(tiers: TierSet) -> str:
    if tiers.window in ("lifetime", "ever"):
        return "forever"
    if tiers.window in _CALENDAR:
        return "end_of_period"
    days = re.fullmatch(r"last_(\d+)d", tiers.window)
    return f"P{days.group(1)}D" if days else tiers.window.removeprefix("rolling ")
