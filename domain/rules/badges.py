"""Badges: what is granted once, or once a period: for a condition, or for a measure that reaches a mark."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.calendar import period_end, period_start
from domain.rules.boards import EVER, period_label
from domain.rules.expression import Context
from domain.rules.rulebook import Badge, Rulebook

Evaluator = Callable[[Context], Any]


class CompiledBadge(msgspec.Struct, frozen=True):
    """A badge ready to run. `rule` is what its points are by, `counter` counts how often it was granted."""

    id: str
    declared: Badge
    when: Evaluator | None
    currency: str

    @property
    def rule(self) -> str:
        return f"badge:{self.id}"

    @property
    def counter(self) -> str:
        return f"badge:{self.id}"

    @property
    def measure(self) -> str | None:
        """The counter that has to reach the mark, where there is one."""
        return f"measure:{self.declared.measure}" if self.declared.measure is not None else None

    def period(self, day: int) -> str:
        """The label of the period, once in which it is granted, that contains a local day."""
        return period_label(self.declared.per, day)

    def days(self, day: int) -> tuple[int | None, int]:
        """The local days of that period: the first (None: there is none), and the last."""
        per = self.declared.per
        return (None, day) if per == EVER else (period_start(per, day), period_end(per, day) - 1)


def compile_badges(book: Rulebook, evaluator: Callable[[str], Evaluator | None], kind: str | None
                   ) -> tuple[CompiledBadge, ...]:  # fmt: skip
    """The badges that an activity type may bring (None: all of them), by id."""
    only, activity = next(iter(book.currencies), ""), book.activities.get(kind) if kind is not None else None
    measures = activity.measures if activity is not None else {}
    return tuple(
        CompiledBadge(name, declared, evaluator(f"/badges/{name}/when"), declared.currency or only)
        for name, declared in sorted(book.badges.items())
        if kind is None or declared.on == kind or (declared.on is None and declared.measure in measures)
    )
