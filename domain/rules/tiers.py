"""Levels: which one a counter's value reaches, and until when it holds."""

import re
from datetime import date, datetime, time, timedelta

import msgspec

from domain.calendar import UNITS, Offsets, parse_period, period_end, shift, window_start
from domain.rules.rulebook import Level, TierSet

_CALENDAR = {"calendar_year": "year"} | {unit: unit for unit in UNITS}


class Tiers(msgspec.Struct, frozen=True):
    """A tier set made ready to run: the counter it looks at, and its levels from the lowest up."""

    name: str
    policy: TierSet
    counter: str
    ladder: tuple[Level, ...]


def compile_tiers(name: str, policy: TierSet, currencies: list[str]) -> Tiers:
    return Tiers(name, policy, _counter(policy, currencies), tuple(sorted(policy.levels, key=lambda level: level.at)))


def reached(tiers: Tiers, value: int) -> str | None:
    """The highest level whose threshold `value` meets; None below all."""
    best = None
    for level in tiers.ladder:
        if value >= level.at:
            best = level.id
    return best


def rank(tiers: Tiers, level: str | None) -> int:
    """0 below all levels, 1 for the lowest. A level that the set no longer has counts as below all."""
    if level is not None:
        for number, one in enumerate(tiers.ladder, 1):
            if one.id == level:
                return number
    return 0


def after_review(tiers: Tiers, current: str | None, value: int) -> str | None:
    """The level after a review with `value`, under the set's downgrade policy."""
    target = reached(tiers, value)
    now, then = rank(tiers, current), rank(tiers, target)
    if then >= now or tiers.policy.downgrade == "recompute":
        return target
    if tiers.policy.downgrade == "none":
        return current
    if tiers.policy.downgrade == "to_base":
        return None
    return tiers.ladder[now - 2].id if now >= 2 else None


def _counter(tiers: TierSet, currencies: list[str]) -> str:
    """The counter a set looks at. Plain `points_earned` needs a rulebook with one currency (check says so)."""
    points = "granted" if tiers.count_pending else "earned"
    if tiers.measure == "points_earned":
        return f"{points}:{currencies[0]}"
    if tiers.measure.startswith("points_earned:"):
        return f"{points}:" + tiers.measure.removeprefix("points_earned:")
    return f"measure:{tiers.measure}"


def window(tiers: Tiers, day: int) -> tuple[int | None, int]:
    """The local days (first, last) that count for a look at `day`."""
    return window_start(tiers.policy.window, day), day


def valid_until(tiers: Tiers, at: datetime, zone: str, offsets: Offsets) -> datetime | None:
    """The exclusive end of a level reached or renewed at `at`: midnight after its last local day, or None."""
    validity = tiers.policy.validity or _default_validity(tiers.policy)
    if validity == "forever":
        return None
    local = offsets.local(zone, at)
    day = local.date().toordinal()
    unit = _CALENDAR.get(tiers.policy.window, "year")
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
