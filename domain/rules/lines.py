"""The lines of an order, as a rule that is about some of them sees it.

Such a rule sees the order as if it consisted of its lines alone: `activity.amount_minor` is their sum,
`activity.lines` are they, and an amount that reads `line` is evaluated for each and added up. Its condition (`when`)
still looks at the whole order. A rule without `lines` takes the order's own total as it was sent.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from domain.numbers import MAX_AMOUNT
from domain.rules.expression import Context, EvaluationError, Value

MAX_LINES = 1_000
"""More lines than any order has; each costs an evaluation per rule."""

VOID = frozenset({"void", "voided"})
PAID_WITH_POINTS = frozenset({"paid_with_points", "paid-with-points"})

SHAPE: Mapping[str, Any] = {
    "id": {"type": "string"},
    "sku": {"type": "string"},
    "quantity": {"type": "integer"},
    "amount_minor": {"type": "integer"},
    "labels": {"type": "object"},
    "flags": {"type": "array", "items": {"type": "string"}},
}
"""What a line has in every program (http.md); a payload's schema may say more."""


class Line(msgspec.Struct, frozen=True):
    """One line: where it stands in the order, its name there, its money in minor units, and all that it carries."""

    number: int
    id: str
    amount: int
    data: dict[str, Any]

    def flagged(self, flags: frozenset[str]) -> bool:
        return not flags.isdisjoint(self.data["flags"])


def lines_of(data: Mapping[str, Any]) -> tuple[Line, ...]:
    """The lines of an activity's data that count: all but void ones. Raises EvaluationError for what are no lines."""
    sent = data.get("lines")
    if sent is None:
        return ()
    if not isinstance(sent, list) or len(sent) > MAX_LINES:
        raise EvaluationError(f"lines are a list of at most {MAX_LINES}")
    found = (_line(number, one) for number, one in enumerate(sent, 1))
    return tuple(line for line in found if not line.flagged(VOID))


def _line(number: int, sent: object) -> Line:
    if not isinstance(sent, dict):
        raise EvaluationError(f"line {number} is not an object")
    data = {"id": str(number), "sku": "", "quantity": 1, "amount_minor": 0, "labels": {}, "flags": []} | {
        name: value for name, value in sent.items() if value is not None
    }
    name, amount, flags = data["id"], data["amount_minor"], data["flags"]
    if not isinstance(name, str):
        raise EvaluationError(f"line {number}: its id is not a text")
    if type(amount) is not int or abs(amount) > MAX_AMOUNT:
        raise EvaluationError(f"line {number}: amount_minor is not a whole number of minor units")
    if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        raise EvaluationError(f"line {number}: flags are a list of texts")
    return Line(number, name, amount, data)


def narrowed(data: Mapping[str, Any], lines: tuple[Line, ...]) -> dict[str, Any]:
    """The order as if it consisted of these lines alone."""
    return {**data, "amount_minor": sum(line.amount for line in lines), "lines": [line.data for line in lines]}


class OrderContext:
    """What an expression reads where some lines of the order, or one `line` of them, stand for it."""

    def __init__(self, around: Context, activity: Mapping[str, Any], line: Mapping[str, Any] | None = None) -> None:
        self.activity: Mapping[str, Value] = activity
        self.line = line
        self._around = around

    @property
    def member(self) -> Mapping[str, Value]:
        return self._around.member

    @property
    def local(self) -> Mapping[str, Value]:
        return self._around.local

    @property
    def program(self) -> Mapping[str, Value]:
        return self._around.program

    def counter(self, measure: str, window: str, /) -> int:
        return self._around.counter(measure, window)

    def history(self, function: str, name: str, window: str, /) -> Any:
        return self._around.history(function, name, window)
