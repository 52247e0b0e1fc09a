"""What a program owes its members in points, and what of it is revenue: day by day, as known on a day.

Estimates of breakage are facts of the program (`estimate`). `report` walks the days of the table `liability_daily`
under them: nothing of it is stored, so a restated day and a corrected estimate need no other correction.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from itertools import groupby
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from application.answers import Answered
from application.handle import MAX_TRIES, Handler
from application.payloads import sane_text
from application.ports import HeadMoved, Save, Unavailable
from application.programs import next_instant, next_row
from domain.errors import UnknownCurrency
from domain.liability import Cohort, expected, factors, ladder, recognised, share_of
from domain.numbers import Exact, exact
from domain.program.commands import EstimateBreakage
from domain.program.decide import estimate_breakage
from domain.program.events import BreakageEstimated

Json = dict[str, Any]
_DIGITS = 6


class EstimateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`redeemed_share` is of points issued and not taken back; `deferred_per_point` is minor units of money.

    `effective_on` is the day of the program's clock when left out.
    """

    currency: str
    redeemed_share: str
    deferred_per_point: str
    effective_on: date | None = None
    reason: str = ""


class Day(msgspec.Struct, frozen=True):
    """One day of a currency: what moved, and of that `restated`, what became known on a later day."""

    currency: str
    day: date
    issued: int = 0
    redeemed: int = 0
    given_back: int = 0
    expired: int = 0
    taken_back: int = 0
    adjusted: int = 0
    repaid: int = 0
    moved: int = 0
    outstanding: int = 0
    debt: int = 0
    redeemed_minor: int = 0
    restated: int = 0

    @property
    def kept(self) -> int:
        return self.issued + self.adjusted + self.moved - self.taken_back - self.repaid


class Step(msgspec.Struct, frozen=True):
    """Points of a cohort in one month: how old it was, what was issued, redeemed, ended, taken back."""

    currency: str
    cohort: date
    age: int
    issued: int
    redeemed: int
    expired: int
    taken_back: int


class Analytics(Protocol):
    """The tables for analysts, as far as these questions need them."""

    async def days(self, program: str, currency: str | None, known_on: date | None) -> Sequence[Day]:
        """All days in order of currency and day, as known at the end of a day (None: now)."""

    async def steps(self, program: str, currency: str | None) -> Sequence[Step]:
        """In order of currency, cohort and age."""


# --- estimates -----------------------------------------------------------------------------------


async def estimate(handler: Handler, program: str, body: EstimateBody, *, actor: str) -> Answered:
    """State the next version of an estimate. Raises UnknownCurrency, InvalidPayload."""
    sane_text("/reason", body.reason)
    for _ in range(MAX_TRIES):
        known = await handler.programs.refresh(program)
        newest = known.newest
        if newest is None or body.currency not in newest.document.currencies:
            raise UnknownCurrency(f"there is no currency {body.currency!r}", errors=[("/currency", "not declared")])
        clock = await handler.clock.now(program)
        command = EstimateBreakage(
            currency=body.currency,
            redeemed_share=body.redeemed_share,
            deferred_per_point=body.deferred_per_point,
            effective_on=body.effective_on or clock.date(),
            reason=body.reason,
        )
        (event,) = estimate_breakage(command, known.program)
        row = next_row(program, known, command, (event,), actor, next_instant(known, clock), handler.new_id())
        try:
            (position,) = await handler.store.append(Save(program=program, rows=(row,)))
        except HeadMoved:
            continue
        return Answered(201, _estimate(event) | {"position": position}, position)
    raise Unavailable("too many others change this program at once")


def _estimate(event: BreakageEstimated) -> Json:
    return {
        "estimate": event.number,
        "currency": event.currency,
        "redeemed_share": event.redeemed_share,
        "deferred_per_point": event.deferred_per_point,
        "effective_on": event.effective_on,
        "reason": event.reason,
    }


async def estimates(handler: Handler, program: str) -> list[Json]:
    """Every version there ever was, in order."""
    return [_estimate(event) for event in (await handler.programs.refresh(program)).program.estimates]


# --- the books ---------------------------------------------------------------------------------


async def liability(
    handler: Handler,
    analytics: Analytics,
    program: str,
    *,
    currency: str | None = None,
    since: date | None = None,
    until: date | None = None,
    known_on: date | None = None,
) -> list[Json]:
    """Days with something in them. `since` and `until` bound what is shown, both included, and not what is summed."""
    known = await handler.programs.refresh(program)
    document = known.newest.document if known.newest is not None else None
    declared = document.currencies if document is not None else {}
    found = []
    for name, days in groupby(await analytics.days(program, currency, known_on), key=attrgetter("currency")):
        worth = declared[name].value if name in declared else None
        mine = [one for one in known.program.estimates if one.currency == name]
        found += [
            row
            for row in report(list(days), mine, exact(worth.per_point) if worth is not None else None)
            if (since is None or row["day"] >= since) and (until is None or row["day"] <= until)
        ]
    return found


def report(days: Sequence[Day], estimates: Sequence[BreakageEstimated], per_point: Exact | None = None) -> list[Json]:
    """The days of one currency with running sums, and what of the deferred revenue was recognised by each.

    Where a new estimate begins to count, what it makes of all that was before is `caught_up_minor` of that day.
    """
    books, found = _Books(), []
    by_day = {one.day: one for one in days}
    waiting = sorted(estimates, key=attrgetter("effective_on", "number"))
    for day in sorted({*by_day, *(one.effective_on for one in waiting if days)}):
        caught_up = 0
        while waiting and waiting[0].effective_on <= day:
            caught_up += books.estimated(waiting.pop(0))
        one = by_day.get(day) or Day(days[0].currency, day)
        revenue = caught_up + books.moved(one)
        found.append(
            {
                "currency": one.currency,
                "day": day,
                **{name: getattr(one, name) for name in _SHOWN},
                "restated": one.restated,
                "outstanding": books.outstanding,
                "outstanding_minor": _worth(books.outstanding, per_point),
                "owed": books.debt,
                "owed_minor": _worth(books.debt, per_point),
                "estimate": books.estimate.number if books.estimate is not None else None,
                "expected": books.expected if books.estimate is not None else None,
                "allocated_minor": books.allocated if books.estimate is not None else None,
                "revenue_minor": revenue if books.estimate is not None else None,
                "caught_up_minor": caught_up if books.estimate is not None else None,
                "recognised_minor": books.recognised if books.estimate is not None else None,
                "deferred_minor": books.allocated - books.recognised if books.estimate is not None else None,
            }
        )
    return found


_SHOWN = ("issued", "redeemed", "given_back", "expired", "taken_back", "adjusted", "repaid", "redeemed_minor")


def _worth(points: int, per_point: Exact | None) -> int | None:
    return points * per_point.n // per_point.d if per_point is not None else None


class _Books:
    """Sums of a currency up to a day. What is deferred for a point is what counted on the day it was issued."""

    def __init__(self) -> None:
        self.kept = self.redeemed = self.outstanding = self.debt = self.recognised = 0
        self.deferred = Fraction(0)
        self.estimate: BreakageEstimated | None = None

    @property
    def allocated(self) -> int:
        return Exact(self.deferred.numerator, self.deferred.denominator).whole("half_up")

    @property
    def expected(self) -> int:
        assert self.estimate is not None
        return expected(self.kept, self.redeemed, self.outstanding, exact(self.estimate.redeemed_share))

    def estimated(self, event: BreakageEstimated) -> int:
        """Revenue that the new estimate makes of what there is. The first one defers all that was issued before it."""
        if self.estimate is None:
            self.deferred = self.kept * _rate(event)
        self.estimate = event
        return self._recognise()

    def moved(self, day: Day) -> int:
        self.kept += day.kept
        self.redeemed += day.redeemed - day.given_back
        self.outstanding += day.outstanding
        self.debt += day.debt
        if self.estimate is None:
            return 0
        self.deferred += day.kept * _rate(self.estimate)
        return self._recognise()

    def _recognise(self) -> int:
        before, self.recognised = self.recognised, recognised(self.allocated, self.redeemed, self.expected)
        return self.recognised - before


def _rate(event: BreakageEstimated) -> Fraction:
    rate = exact(event.deferred_per_point)
    return Fraction(rate.n, rate.d)


# --- breakage ----------------------------------------------------------------------------------


async def breakage(handler: Handler, analytics: Analytics, program: str, *, currency: str | None = None) -> list[Json]:
    """By currency: the triangle of cohorts, how each will end by the chain ladder, and the share that follows."""
    today = (await handler.clock.now(program)).date()
    return [
        triangle(name, list(steps), today)
        for name, steps in groupby(await analytics.steps(program, currency), key=attrgetter("currency"))
    ]


def triangle(currency: str, steps: Sequence[Step], today: date) -> Json:
    named = [(month, _cohort(list(some), month, today)) for month, some in groupby(steps, key=attrgetter("cohort"))]
    cohorts = [one for _, one in named]
    share = share_of(cohorts)
    return {
        "currency": currency,
        "factors": [_decimal(one) for one in factors(cohorts)],
        "redeemed_share": _decimal(share) if share is not None else None,
        "cohorts": [
            {
                "cohort": month,
                "kept": one.kept,
                "redeemed": list(one.redeemed),
                "outstanding": one.outstanding,
                "projected_redeemed": end.redeemed,
                "projected_breakage": end.breakage,
            }
            for (month, one), end in zip(named, ladder(cohorts), strict=True)
        ],
    }


def _cohort(steps: Sequence[Step], month: date, today: date) -> Cohort:
    kept = sum(one.issued - one.taken_back for one in steps)
    ages = max(1 + (today.year - month.year) * 12 + today.month - month.month, 1 + max(one.age for one in steps))
    by_age = dict.fromkeys(range(ages), 0)
    for one in steps:
        by_age[max(one.age, 0)] += one.redeemed
    running = list(_running(by_age.values()))
    return Cohort(kept, tuple(running), kept - running[-1] - sum(one.expired for one in steps))


def _running(steps: Iterable[int]) -> Iterator[int]:
    total = 0
    for step in steps:
        total += step
        yield total


def _decimal(fraction: Fraction) -> str:
    """Six digits after the point, rounded half up."""
    whole = Exact(fraction.numerator * 10**_DIGITS, fraction.denominator).whole("half_up")
    return f"{whole // 10**_DIGITS}.{whole % 10**_DIGITS:0{_DIGITS}}"
