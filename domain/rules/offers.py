"""Offers: what counts towards one, when its goal is reached, how long a slot of it is open.

Every goal is a counter and a target: `sum` adds a measure up, `count` and the goals about one activity count those that
qualify, `distinct` and `periods` look at the calendar periods in which there was one. What an activity adds depends on
its own measure alone, so a return takes back just that.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal

import msgspec

from domain.calendar import MICROSECOND, Offsets, parse_period, period_end, period_start, shift
from domain.rules.rulebook import Coupon, Offer, Reward, Rulebook

GOALS = ("one_above", "one_at_least", "sum", "count", "distinct", "periods")

Kind = Literal["one_above", "one_at_least", "sum", "count", "distinct", "periods"]


class CompiledGoal(msgspec.Struct, frozen=True):
    """What activities of the type `on` add, by their `measure` (None: by being there), and when that is enough.

    `mark` is what one activity is compared with, `unit` the calendar unit of `distinct` and `periods`.
    """

    kind: Kind
    on: str
    measure: str | None
    target: int
    mark: int = 0
    unit: str = ""

    def step(self, value: int) -> int:
        """What an activity whose measure is `value` adds; of goals about periods: whether it counts for its period."""
        match self.kind:
            case "one_above":
                return int(value > self.mark)
            case "one_at_least":
                return int(value >= self.mark)
            case "sum":
                return value
            case _:
                return int(value > 0)

    def period(self, day: int) -> int | None:
        """The first day of the period that an activity of a local day counts for; None where there are none."""
        return period_start(self.unit, day) if self.unit else None

    def progress(self, periods: Iterable[int]) -> int:
        """How far a goal about periods has come: how many there are, or the most that follow each other."""
        found = sorted(periods)
        if self.kind == "distinct" or not found:
            return len(found)
        longest = run = 1
        for before, after in pairwise(found):
            run = run + 1 if period_end(self.unit, before) == after else 1
            longest = max(longest, run)
        return longest


class CompiledOffer(msgspec.Struct, frozen=True):
    """An offer ready to run. `codes` are those of its coupon."""

    id: str
    declared: Offer
    goal: CompiledGoal | None
    codes: frozenset[str]

    @property
    def reward(self) -> Reward | None:
        return self.declared.reward

    @property
    def coupon(self) -> Coupon | None:
        return self.declared.coupon

    def last_instant(self, assigned_at: datetime, zone: str, offsets: Offsets) -> datetime:
        """Until when a slot that opens at `assigned_at` is open, this instant included."""
        ends = []
        if self.declared.window is not None:
            period = parse_period(self.declared.window)
            exact = assigned_at + timedelta(days=period.days, seconds=period.seconds)
            local = (
                offsets.instant(zone, shift(offsets.local(zone, assigned_at), period)) if period.is_calendar else exact
            )
            ends.append(local)
        if self.coupon is not None and self.coupon.to is not None:
            ends.append(last_of(self.coupon.to, zone, offsets))
        return min(ends)

    def usable(self, at: datetime, zone: str, offsets: Offsets) -> bool:
        """Whether the coupon's days contain an instant."""
        assert self.coupon is not None
        first, last = self.coupon.from_, self.coupon.to
        return (first is None or first_of(first, zone, offsets) <= at) and (
            last is None or at <= last_of(last, zone, offsets)
        )


def compile_offers(book: Rulebook) -> dict[str, CompiledOffer]:
    """By id. A goal whose `of` is not clear is none: `check` refuses such a document."""
    found = {}
    for name, declared in sorted(book.offers.items()):
        codes = frozenset(declared.coupon.codes) if declared.coupon is not None else frozenset[str]()
        found[name] = CompiledOffer(name, declared, _goal(declared, book), codes)
    return found


def meant_by(of: str, book: Rulebook) -> list[tuple[str, str | None]]:
    """What `of` may name: (activity type, measure), or a type alone. Names have dots, so there may be several."""
    found: list[tuple[str, str | None]] = [(of, None)] if of in book.activities else []
    for place, letter in enumerate(of):
        kind, measure = of[:place], of[place + 1 :]
        if letter == "." and kind in book.activities and measure in book.activities[kind].measures:
            found.append((kind, measure))
    return found


def _goal(declared: Offer, book: Rulebook) -> CompiledGoal | None:
    goal = declared.goal
    meant = meant_by(declared.of or "", book)
    if goal is None or len(meant) != 1:
        return None
    on, measure = meant[0]
    if goal.one_above is not None:
        return CompiledGoal("one_above", on, measure, 1, mark=goal.one_above)
    if goal.one_at_least is not None:
        return CompiledGoal("one_at_least", on, measure, 1, mark=goal.one_at_least)
    if goal.sum is not None:
        return CompiledGoal("sum", on, measure, goal.sum)
    if goal.count is not None:
        return CompiledGoal("count", on, measure, goal.count)
    if goal.distinct is not None:
        return CompiledGoal("distinct", on, measure, goal.distinct[1], unit=goal.distinct[0])
    if goal.periods is not None:
        return CompiledGoal("periods", on, measure, goal.periods[1], unit=goal.periods[0])
    return None


# --- days of coupons -----------------------------------------------------------------------------


def first_of(text: str, zone: str, offsets: Offsets) -> datetime:
    """The first instant of a local day (`2026-03-01`), or an instant as it is. Raises ValueError for neither."""
    day = _day(text)
    return _instant(text) if day is None else offsets.instant(zone, datetime.combine(day, time()))


def last_of(text: str, zone: str, offsets: Offsets) -> datetime:
    """The last instant of a local day, or an instant as it is. Raises ValueError for neither."""
    day = _day(text)
    if day is None:
        return _instant(text)
    return offsets.instant(zone, datetime.combine(day + timedelta(days=1), time())) - MICROSECOND


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if len(text) == 10 else None


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return found.astimezone(UTC)


def codes_of(offers: Mapping[str, CompiledOffer]) -> dict[str, tuple[str, ...]]:
    """By code the offers whose coupon has it, by id."""
    found: dict[str, list[str]] = {}
    for name, offer in offers.items():
        for code in offer.codes:
            found.setdefault(code, []).append(name)
    return {code: tuple(names) for code, names in found.items()}
