"""What a member keeps of an order when part of it goes back, by line."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from domain.errors import InvalidPayload, ReturnExceedsActivity
from domain.member.events import LineReturned
from domain.rules.expression import EvaluationError
from domain.rules.lines import Line, lines_of


class LinesBack(msgspec.Struct, frozen=True):
    """What a return by lines comes to: all that has come back so far by line id, its money now, what was too much.

    `complete` says that nothing of any line is left.
    """

    so_far: dict[str, LineReturned]
    amount: int
    excess: int
    complete: bool


class Kept(msgspec.Struct, frozen=True):
    """The payload of what is kept, and the money left of each line by its number in the order."""

    data: dict[str, Any]
    left: dict[int, int]


def order_lines(data: Mapping[str, Any]) -> tuple[Line, ...]:
    """The lines of a recorded order; none where they cannot be read as lines."""
    try:
        return lines_of(data)
    except EvaluationError:
        return ()


def lines_back(
    asked: Sequence[Mapping[str, Any]], lines: tuple[Line, ...], so_far: dict[str, LineReturned], *, refuse: bool
) -> LinesBack:
    """Add the lines of a return to those that came back before. Raises InvalidPayload, ReturnExceedsActivity.

    More than is left of a line counts as far as it goes, unless `refuse`; more than the whole line is never taken.
    """
    known = {line.id: line for line in lines}
    total = dict(so_far)
    amount = excess = 0
    for number, one in enumerate(asked):
        line = known.get(one["line"])
        if line is None:
            raise InvalidPayload("the order has no such line", errors=[(f"/lines/{number}/line", "not in the order")])
        before = total.get(line.id, LineReturned())
        left, wanted = line.amount - before.amount_minor, one["amount_minor"]
        if wanted > line.amount or (wanted > left and refuse):
            raise ReturnExceedsActivity(
                f"{wanted} returned of a line of {line.amount}, of which {left} is left",
                errors=[(f"/lines/{number}/amount_minor", f"at most {left if refuse else line.amount}")],
            )
        total[line.id] = LineReturned(before.quantity + one.get("quantity", 1), before.amount_minor + min(wanted, left))
        amount += min(wanted, left)
        excess += max(0, wanted - left)
    complete = all(total.get(line.id, LineReturned()).amount_minor >= line.amount for line in lines)
    return LinesBack(total, amount, excess, complete)


def kept_of(data: Mapping[str, Any], returned_minor: int, by_line: Mapping[str, LineReturned]) -> Kept:
    """The order without what came back. Money that came back without naming lines is shared among those that are left.

    In proportion to what is left of each, by largest remainder, so that the parts sum to the whole.
    """
    kept = {**data, "amount_minor": data["amount_minor"] - returned_minor}
    lines = order_lines(data)
    if not lines:
        return Kept(kept, {})
    back = {line.number: by_line.get(line.id, LineReturned()) for line in lines}
    left = {line.number: line.amount - back[line.number].amount_minor for line in lines}
    spread = returned_minor - sum(one.amount_minor for one in back.values())
    shared = _shared(max(0, spread), {number: amount for number, amount in left.items() if amount > 0})
    left = {number: amount - shared.get(number, 0) for number, amount in left.items()}
    kept["lines"] = [
        {**line.data, "amount_minor": left[line.number], "quantity": _quantity(line, back[line.number])}
        for line in lines
        if left[line.number] or not line.amount
    ]
    return Kept(kept, left)


def _quantity(line: Line, back: LineReturned) -> Any:
    quantity = line.data["quantity"]
    return max(0, quantity - back.quantity) if type(quantity) is int else quantity


def _shared(amount: int, among: dict[int, int]) -> dict[int, int]:
    whole = sum(among.values())
    if not whole:
        return {}
    amount = min(amount, whole)
    parts = {number: one * amount // whole for number, one in among.items()}
    by_rest = sorted(among, key=lambda number: (-(among[number] * amount % whole), number))
    for number in by_rest[: amount - sum(parts.values())]:
        parts[number] += 1
    return parts
