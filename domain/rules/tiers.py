"""Levels: which one a counter's value reaches, and until when it holds."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

from domain.calendar import UNITS, Offsets, days_in_month, parse_period, period_end, reach, shift, window_start
from domain.rules.expression import Context
from domain.rules.rulebook import ID, Level, TierSet

_CALENDAR = {"calendar_year": "year"} | {unit: unit for unit in UNITS}


ANNIVERSARIES = ("anniversary", "tier_anniversary")
"""Windows of a year that begin on the day of enrolment, or on the day the level was got."""


class Tiers(msgspec.Struct, frozen=True):
    """A tier set made ready to run: the counter or the expression it looks at, and its levels from the lowest up."""

    name: str
    policy: TierSet
    counter: str
    ladder: tuple[Level, ...]
    value: Callable[[Context], Any] | None = None

    @property
    def follows(self) -> bool:
        """Whether it is looked at with everything that happens to the member, not with activities alone."""
        return self.value is not None or self.policy.demote == "at_once"


def compile_tiers(
    name: str, policy: TierSet, currencies: list[str], value: Callable[[Context], Any] | None = None
) -> Tiers:
    counter = "" if value is not None else _counter(policy, currencies)
    return Tiers(name, policy, counter, tuple(sorted(policy.levels, key=lambda level: level.at)), value)


def is_expression(measure: str) -> bool:
    """Whether a set's measure is an expression, not the name of a counter."""
    return not ID.fullmatch(measure) or measure.startswith(("member.", "history."))


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


def window(tiers: Tiers, day: int, anchor: int = 0) -> tuple[int | None, int]:
    """The local days (first, last) that count for a look at `day`; anniversaries are those of the day `anchor`."""
    if tiers.policy.window in ANNIVERSARIES:
        return anniversary(anchor, day), day
    return window_start(tiers.policy.window, day), day


def days_back(policy: TierSet) -> int:
    """An upper bound of the days that its window looks back; lifetime totals need none."""
    return 366 if policy.window in ANNIVERSARIES else reach(policy.window) or 0


def anniversary(anchor: int, day: int, *, after: int = 0) -> int:
    """The last anniversary of the local day `anchor` that is not after `day`, or the `after`th one after that."""
    first, look = date.fromordinal(anchor), date.fromordinal(day)
    year = look.year if _in_year(first, look.year) <= look else look.year - 1
    return _in_year(first, year + after).toordinal()


def _in_year(day: date, year: int) -> date:
    return date(year, day.month, min(day.day, days_in_month(12 * year + day.month - 1)))


def period_ends(tiers: Tiers, day: int, anchor: int) -> int:
    """The first local day after the period of the window that contains `day`."""
    if tiers.policy.window in ANNIVERSARIES:
        return anniversary(anchor, day, after=1)
    return period_end(_CALENDAR.get(tiers.policy.window, "year"), day)


def valid_until(tiers: Tiers, at: datetime, zone: str, offsets: Offsets, anchor: int = 0) -> datetime | None:
    """The exclusive end of a level reached or renewed at `at`: midnight after its last local day, or None."""
    validity = tiers.policy.validity or _default_validity(tiers.policy)
    if validity == "forever":
        return None
    if validity not in ("end_of_period", "end_of_next_period"):
        return end_after(validity, at, zone, offsets)
    day = period_ends(tiers, offsets.local(zone, at).date().toordinal(), anchor)
    if validity == "end_of_next_period":
        day = period_ends(tiers, day, anchor)
    return offsets.instant(zone, datetime.combine(date.fromordinal(day), time()))


def end_after(text: str, at: datetime, zone: str, offsets: Offsets) -> datetime:
    """The exclusive end of a period that begins at `at`.

    A calendar period is usable to the end of its last local day. Counted from a midnight (a review), the period's own
    end is that midnight: twelve months from 1 January end with 31 December.
    """
    period = parse_period(text)
    if not period.is_calendar:
        return at + timedelta(days=period.days + 30 * period.months, seconds=period.seconds)
    end = shift(offsets.local(zone, at), period)
    last = end.date().toordinal() + (0 if end.time() == time() else 1)
    return offsets.instant(zone, datetime.combine(date.fromordinal(last), time()))


def _default_validity(tiers: TierSet) -> str:
    if tiers.window in ("lifetime", "ever"):
        return "forever"
    if tiers.window in _CALENDAR or tiers.window in ANNIVERSARIES:
        return "end_of_period"
    days = re.fullmatch(r"last_(\d+)d", tiers.window)
    return f"P{days.group(1)}D" if days else tiers.window.removeprefix("rolling ")
