"""Streaks: how many calendar periods in a row an activity came.

Everything here counts in local days: a period is named by its first one. What is stored of a member is in
`member/streaks.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from domain.calendar import month_of, period_end, period_start
from domain.rules.expression import Context, EvaluationError
from domain.rules.rulebook import Rulebook, Streak

Evaluator = Callable[[Context], Any]


class StreakAward(msgspec.Struct, frozen=True):
    """What a streak grants: at a length, or for every so many periods. `counter` counts how often, by local day."""

    counter: str
    at: int | None
    every: int | None
    currency: str
    points: int

    def due(self, length: int) -> int:
        """How often a run of so many periods is granted this."""
        if self.every is not None:
            return length // self.every
        return 1 if self.at is not None and length >= self.at else 0


class CompiledStreak(msgspec.Struct, frozen=True):
    """A streak ready to run. `rule` is what its awards are by, `ticks` and `skips` are counters."""

    id: str
    declared: Streak
    when: Evaluator | None
    awards: tuple[StreakAward, ...]

    @property
    def rule(self) -> str:
        return f"streak:{self.id}"

    @property
    def ticks(self) -> str:
        return f"tick:{self.id}"

    @property
    def skips(self) -> str:
        """Days that a member who moved between zones never had, counted on the day of the next tick."""
        return f"skip:{self.id}"

    def start(self, day: int) -> int:
        """The first local day of the period that contains `day`."""
        return period_start(self.declared.period, day)

    def end(self, day: int) -> int:
        """The first local day after that period."""
        return period_end(self.declared.period, day)

    def missed(self, last: int, period: int) -> int:
        """How many periods lie between two others."""
        return self._number(period) - self._number(last) - 1

    def goes_on(self, last: int, day: int) -> bool:
        """Whether a run that ended with the period `last` can still be continued on the local day `day`."""
        return self.missed(last, day) <= self.declared.grace

    def length_at(self, length: int, last: int, day: int) -> int:
        """How long a run that ended with the period `last` is on the local day `day`: nothing once it is broken."""
        return length if last and self.goes_on(last, day) else 0

    def _number(self, day: int) -> int:
        match self.declared.period:
            case "day":
                return day
            case "week":
                return (day - 1) // 7  # day 1 of the calendar was a Monday
            case _:
                return month_of(day)


class Run(msgspec.Struct, frozen=True):
    """Periods in a row, from the period of `first` to that of `last`; `length` are those with a tick."""

    first: int
    last: int
    length: int


def compile_streaks(book: Rulebook, evaluator: Callable[[str], Evaluator | None], kind: str
                    ) -> tuple[CompiledStreak, ...]:  # fmt: skip
    """The streaks that an activity type counts for, by id."""
    only = next(iter(book.currencies), "")
    return tuple(
        CompiledStreak(
            id=name,
            declared=declared,
            when=evaluator(f"/streaks/{name}/when"),
            awards=tuple(
                StreakAward(
                    counter=f"streak:{name}:{f'every{one.every}' if one.every is not None else one.at}",
                    at=one.at,
                    every=one.every,
                    currency=one.currency or only,
                    points=one.points,
                )
                for one in declared.awards
            ),
        )
        for name, declared in sorted(book.streaks.items())
        if declared.on == kind
    )


def streak_names(book: Rulebook) -> dict[str, str]:
    """What `history.streak` may name, and the streak it means: an id, or a type that only one streak is on."""
    found: dict[str, str] = {}
    kinds = [declared.on for declared in book.streaks.values()]
    for name, declared in book.streaks.items():
        if kinds.count(declared.on) == 1:
            found[declared.on] = name
    return found | {name: name for name in book.streaks}


def ticked(streaks: Iterable[CompiledStreak], context: Context) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The streaks that an activity counts for, and those whose condition failed, with their errors."""
    found, failed = [], []
    for streak in streaks:
        try:
            if streak.when is None or streak.when(context):
                found.append(streak.id)
        except EvaluationError as error:
            failed.append((streak.rule, str(error)))
    return tuple(found), tuple(failed)


def runs(streak: CompiledStreak, periods: Iterable[int], skipped: Mapping[int, int]) -> Iterator[Run]:
    """Runs of the periods, which are in order. `skipped` are days by period that count as not missed before it."""
    run: Run | None = None
    for period in periods:
        if run is not None and streak.missed(run.last, period) - skipped.get(period, 0) <= streak.declared.grace:
            run = Run(run.first, period, run.length + 1)
            continue
        if run is not None:
            yield run
        run = Run(period, period, 1)
    if run is not None:
        yield run
