"""Why a condition does not hold: the part of it that decides so.

Of `a && b && c` that is the first that is false or has no value; of anything else the whole of it. The parts of an
explanation show everything; this is what one says first.
"""

from collections.abc import Iterator
from typing import cast

import msgspec

from domain.rules.celtree import Clause, Context, Tree, clauses, evaluate, unparse
from domain.rules.functions import EvaluationError


class WhyNot(msgspec.Struct, frozen=True):
    """A clause that is not so, and what the things in it are."""

    clause: Clause
    operands: tuple[Clause, ...]


def why_not(tree: Tree, context: Context) -> WhyNot | None:
    """What keeps a condition from holding; None where it holds. Never raises."""
    for part in _conjuncts(tree):
        value: bool | str
        try:
            value = bool(evaluate(part, context))
        except EvaluationError as error:
            value = f"error: {error}"
        if value is not True:
            whole = Clause(unparse(part), cast("int", part[1]), cast("int", part[2]), value)
            return WhyNot(whole, tuple(one for one in clauses(part, context) if one.text != whole.text))
    return None


def _conjuncts(tree: Tree) -> Iterator[Tree]:
    match tree:
        case ["call", _, _, "&&", [list(left), list(right)]]:
            yield from _conjuncts(left)
            yield from _conjuncts(right)
        case _:
            yield tree
