"""What can be said of a condition without evaluating it: that it never holds, or always.

Nothing here is a proof of the opposite: a condition of which nothing is said may still never hold. It knows constants,
comparisons of one thing with constants under `&&`, and what a payload's schema leaves possible.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from domain.rules.celtree import Tree, evaluate, references, unparse
from domain.rules.functions import EvaluationError

Json = Any
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Impossible(msgspec.Struct, frozen=True):
    """A part of a condition that is never so: where it stands, and why."""

    line: int
    column: int
    why: str


def always(tree: Tree | None) -> bool:
    """Whether a condition holds whatever happened; None is the condition of a rule without one."""
    match tree:
        case None:
            return True
        case ["call", _, _, "&&", [list(left), list(right)]]:
            return always(left) and always(right)
        case ["call", _, _, "||", [list(left), list(right)]]:
            return always(left) or always(right)
        case _:
            return _constant(tree) is True


def never(tree: Tree, schema: Mapping[str, Json]) -> Impossible | None:
    """Why a condition over payloads of `schema` cannot hold; None where it may."""
    match tree:
        case ["call", _, _, "||", [list(left), list(right)]]:
            one, other = never(left, schema), never(right, schema)
            return one if one is not None and other is not None else None
        case ["call", _, _, "&&", _]:
            parts = list(_conjuncts(tree))
            for part in parts:
                found = never(part, schema)
                if found is not None:
                    return found
            return _contradiction(parts, schema)
        case _:
            if _constant(tree) is False:
                return Impossible(*_place(tree), f"{unparse(tree)} is false")
            return _contradiction([tree], schema)


def comparisons(tree: Tree) -> Iterator[tuple[str, Tree, Any, Tree]]:
    """(sign, what, constant, node) for each comparison with a constant, anywhere in a tree."""
    compared = _compared(tree)
    if compared is not None:
        yield (*compared, tree)
    for part in tree:
        yield from _inside(part)


def _inside(part: Any) -> Iterator[tuple[str, Tree, Any, Tree]]:
    if isinstance(part, list) and part and isinstance(part[0], str):
        yield from comparisons(part)
    elif isinstance(part, list):
        for one in part:
            yield from _inside(one)


def declared(tree: Tree, schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """The schema of the field of the payload that a tree reads; empty where it reads something else."""
    match tree:
        case ["root", _, _, "activity"]:
            return schema
        case ["field", _, _, _, list(target), str(name)]:
            properties = declared(target, schema).get("properties")
            found = properties.get(name) if isinstance(properties, dict) else None
            return found if isinstance(found, dict) else {}
        case _:
            return {}


class _Left:
    """What comparisons leave possible of one thing."""

    def __init__(self, schema: Mapping[str, Json]) -> None:
        self.least, self.most = _whole(schema.get("minimum")), _whole(schema.get("maximum"))
        allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
        self.values: set[Any] | None = set(allowed) if isinstance(allowed, list) and _scalars(allowed) else None
        self.others: set[Any] = set()

    def narrow(self, sign: str, value: Any) -> None:
        if sign == "==":
            self.values = {value} if self.values is None else self.values & {value}
        elif sign == "!=":
            self.others.add(value)
        elif type(value) is int:
            self._bound(sign, value)

    def _bound(self, sign: str, value: int) -> None:
        if sign in (">", ">="):
            least = value + (sign == ">")
            self.least = least if self.least is None else max(self.least, least)
        else:
            most = value - (sign == "<")
            self.most = most if self.most is None else min(self.most, most)

    @property
    def nothing(self) -> bool:
        if self.values is not None:
            return not any(self._possible(value) for value in self.values)
        return self.least is not None and self.most is not None and self.least > self.most

    def _possible(self, value: Any) -> bool:
        if value in self.others:
            return False
        if type(value) is not int:
            return True
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


def _contradiction(parts: list[Tree], schema: Mapping[str, Json]) -> Impossible | None:
    left: dict[str, _Left] = {}
    for part in parts:
        compared = _compared(part)
        if compared is None:
            continue
        sign, what, value = compared
        name = unparse(what)
        here = left.get(name)
        if here is None:
            here = left[name] = _Left(declared(what, schema))
        here.narrow(sign, value)
        if here.nothing:
            return Impossible(*_place(part), f"{unparse(part)} can never be so here")
    return None


def _compared(tree: Tree) -> tuple[str, Tree, Any] | None:
    """The comparison of something with a constant: (sign, what, constant)."""
    match tree:
        case ["call", _, _, str(sign), [list(what), ["const", _, _, value]]] if sign in _MIRRORED:
            return (sign, what, value) if what[0] != "const" else None
        case ["call", _, _, str(sign), [["const", _, _, value], list(what)]] if sign in _MIRRORED:
            return _MIRRORED[sign], what, value
        case _:
            return None


def _conjuncts(tree: Tree) -> Iterator[Tree]:
    match tree:
        case ["call", _, _, "&&", [list(left), list(right)]]:
            yield from _conjuncts(left)
            yield from _conjuncts(right)
        case _:
            yield tree


def _constant(tree: Tree) -> Any:
    """The value of a tree that reads nothing; None where it reads, or has no value."""
    if tree[0] == "root" or references(tree):
        return None
    try:
        return evaluate(tree, cast("Any", None))
    except (EvaluationError, AttributeError, IndexError, ValueError):
        return None


def _place(tree: Tree) -> tuple[int, int]:
    return cast("int", tree[1]), cast("int", tree[2])


def _whole(value: Json) -> int | None:
    return value if type(value) is int else None


def _scalars(values: list[Json]) -> bool:
    return all(isinstance(value, str | int | bool) for value in values)
