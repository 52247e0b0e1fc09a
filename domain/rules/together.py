"""The conditions of an activity type's rules, evaluated together: Python made from their trees.

Most rules do not match, so most of a decision's time went into finding that out one closure at a time. Here all
conditions of a phase are one function, which reads each thing once. It knows a part of the tree's language: what it
does not know is called as `celtree` compiles it. Nor does it know what an error means: a condition in which anything
fails is left open, and whoever asked evaluates it with `celtree`, whose word is the meaning.

No text of a rulebook gets into the code: names and constants are handed over as values.
"""

from collections.abc import Callable, Sequence
from typing import Any

from domain.rules.celtree import Context, Json, Tree, compile_tree, unparse
from domain.rules.functions import INT_MAX, INT_MIN, EvaluationError

_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_TESTS = {
    "int": f"type({{0}}) is int and {INT_MIN} <= {{0}} <= {INT_MAX}",
    "string": "type({0}) is str",
    "bool": "type({0}) is bool",
}
"""What must be so of a field for it to be what its schema says. Exactly: True is no number here."""
_PARTS = {"startsWith": "{0}.startswith({1})", "endsWith": "{0}.endswith({1})", "contains": "({1} in {0})"}
_LISTED = 1_000
"""The longest list that is looked through without counting steps."""

Found = Callable[[Context], list[int]]


def together(conditions: Sequence[Tree | None]) -> Found:
    """A function that gives the numbers of the conditions that hold, and `~number` for those it leaves open.

    None is the condition that always holds.
    """
    code = _Code()
    lines = []
    for number, tree in enumerate(conditions):
        if tree is None:
            lines.append(f" add({number})")
            continue
        lines += [" try:", f"  if {code.of(tree)}: add({number})", f" except EvaluationError: add({~number})"]
    begin = ["def look(context):", " found = []", " add = found.append", *code.reads]
    text = "\n".join([*begin, *(f" {name} = unread" for name in code.later), *lines, " return found"])
    exec(compile(text, "<conditions>", "exec"), code.names)  # noqa: S102 - made here, of nothing but our own words
    look: Found = code.names["look"]
    return look


def _constants(values: Sequence[Json]) -> bool:
    return len(values) <= _LISTED and all(isinstance(value, list) and value[0] == "const" for value in values)


def _constant(tree: Json) -> Json:
    assert isinstance(tree, list)
    return tree[3]


def _open() -> bool:
    raise EvaluationError("left open")


class _Code:
    """Expressions of Python for trees; what they use by name, the reads that come before them, and the names of those
    that are read `later`, when the first condition asks.
    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"EvaluationError": EvaluationError, "left_open": _open, "unread": object()}
        self.reads: list[str] = []
        self.later: list[str] = []
        self._fields: dict[tuple[str, str], str] = {}
        self._once: dict[str, str] = {}

    def of(self, tree: Tree) -> str:
        match tree:
            case ["const", _, _, bool(value)]:
                return str(value)
            case ["const", _, _, int() | str() as value]:
                return self._named(value)
            case ["field", _, _, str(kind), ["root", _, _, "activity"], str(name)] if kind in _TESTS:
                return self._field(kind, name)
            case ["counter" | "history" | "tier" | "balance" | "segment" | "fact", *_]:
                return self._read_once(tree)
            case ["field", _, _, _, ["root", _, _, "attributes"], _]:
                return self._read_once(tree)
            case ["call", _, _, "in", [list(one), ["list", _, _, list(values)]]] if _constants(values):
                return f"({self.of(one)} in {self._named(tuple(_constant(value) for value in values))})"
            case ["call", _, _, str(function), [list(text), list(part)]] if function in _PARTS:
                return _PARTS[function].format(self.of(text), self.of(part))
            case ["call", _, _, "&&" | "||" as sign, [list(left), list(right)]]:
                # Where nothing fails, CEL's are Python's.
                return f"({self.of(left)} {'and' if sign == '&&' else 'or'} {self.of(right)})"
            case ["call", _, _, "!", [list(one)]]:
                return f"(not {self.of(one)})"
            case ["call", _, _, str(sign), [list(left), list(right)]] if sign in _COMPARISONS:
                return f"({self.of(left)} {sign} {self.of(right)})"
            case _:
                return f"{self._named(compile_tree(tree))}(context)"

    def _read_once(self, tree: Tree) -> str:
        """What stays the same while conditions are looked at, and costs more to find than to remember."""
        known = self._once.get(unparse(tree))
        if known is not None:
            return f"({known} if {known} is not unread else ({known} := {self._named(compile_tree(tree))}(context)))"
        name = self._once[unparse(tree)] = f"r{len(self.later)}"
        self.later.append(name)
        return self._read_once(tree)

    def _named(self, value: Any) -> str:
        name = f"v{len(self.names)}"
        self.names[name] = value
        return name

    def _field(self, kind: str, name: str) -> str:
        field = self._fields.get((kind, name))
        if field is None:
            field = self._fields[kind, name] = f"f{len(self._fields)}"
            self.reads += [
                f" {field} = context.activity.get({self._named(name)})",
                f" {field}_fits = {_TESTS[kind].format(field)}",
            ]
        return f"({field} if {field}_fits else left_open())"
