"""The checked tree of an expression: what is stored, and how it is evaluated.

A published rulebook stores this tree for ever and a replay evaluates it, so its meaning needs neither
the CEL library nor a parser. It is plain JSON. Every node is a list that begins with its tag and the
place (line, column; both from 1) where its text begins:

    ["const", l, c, value]                        true, false, an integer or a text
    ["timestamp", l, c, text]                     timestamp('2026-11-22T10:00:00Z')
    ["duration", l, c, text]                      duration('36h')
    ["root", l, c, root]                          activity | line | attributes (of the member)
    ["name", l, c, name]                          the variable of a fold around it
    ["field", l, c, kind, target, name]           target.name
    ["has", l, c, target, name]                   has(target.name)
    ["item", l, c, kind, target, index]           target[index]: of a list by number, of a map by key
    ["fact", l, c, kind, root, name]              local.hour, program.id
    ["tier", l, c, set]                           member.tiers.<set>.level
    ["balance", l, c, currency, part]             member.balances.<currency>.available
    ["segment", l, c, segment]                    member.segments.<segment>
    ["counter", l, c, measure, window]            member.counters.<measure>.last_30d
    ["history", l, c, function, name, window]     history.count('purchase', 'P30D'); else 'ever'
    ["rate", l, c, amount, decimal]               rate(amount, '0.05')
    ["list", l, c, [item, ...]]
    ["call", l, c, function, [argument, ...]]     a name of `functions.FUNCTIONS`, or && || ?:
    ["fold", l, c, macro, range, name, body, condition]
                                                  all | exists | exists_one | filter | map; condition only for
                                                  range.map(name, condition, body), else null

A kind says what the data must be, checked when it is read: `bool`, `int`, `string`, `timestamp`,
`duration` or `object`, or one of these after `list` or `map` (from text). Data that has another kind, was not
sent or is null makes the expression an EvaluationError, whatever the schema said when it was sent. Only a
label that a line does not have (`line.labels.colour`) reads as ''.

The semantics are CEL's: errors are absorbed where the other side of `&&` or `||` decides, integers are
64 bits wide, division truncates. A fold counts its steps against a budget.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Protocol, TypeAlias, cast

import msgspec

from domain.rules.functions import (
    FUNCTIONS,
    INT_MAX,
    INT_MIN,
    EvaluationError,
    TooCostly,
    Value,
    duration,
    rate,
    timestamp,
)

Json: TypeAlias = "bool | int | str | list[Json] | None"
Tree: TypeAlias = list[Json]

STEPS = 10_000
"""The budget of one evaluation: elements a fold looks at, and eighths of the lists that a function walks."""

CLAUSES = 100
"""The most clauses an explanation shows."""


class Context(Protocol):
    """What an expression reads. Ask lazily: only what is evaluated is read, perhaps more than once.

    `member` holds `attributes` (a mapping), `tiers` ({set: {"level": text}}, '' for none), `balances`
    ({currency: {"available": ..., "pending": ..., "held": ..., "debt": ..., "lifetime": ...}}) and `segments`
    (the names of those that the member is in). Instants are aware. An expression about the line of an order also
    reads the attribute `line`, the line's data.
    """

    @property
    def activity(self) -> Mapping[str, Value]: ...

    @property
    def member(self) -> Mapping[str, Value]: ...

    @property
    def local(self) -> Mapping[str, Value]: ...

    @property
    def program(self) -> Mapping[str, Value]: ...

    def counter(self, measure: str, window: str, /) -> int: ...

    def history(self, function: str, name: str, window: str, /) -> int | datetime | None:
        """None where there was no first or last."""


class Clause(msgspec.Struct, frozen=True):
    """A part of an expression and what it came to: a scalar, a list of scalars, or "error: ..."."""

    text: str
    line: int
    column: int
    value: bool | int | str | list[bool | int | str]


Reference: TypeAlias = tuple[str, ...]


class _Frame:
    """What one evaluation keeps: the steps taken, and the variables of the folds around."""

    __slots__ = ("names", "steps")

    def __init__(self, depth: int) -> None:
        self.steps = 0
        self.names: list[Value] = [None] * depth

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > STEPS:
            raise TooCostly


_Code: TypeAlias = Callable[[Context, _Frame], Value]
_Names: TypeAlias = tuple[str, ...]

_FOLD_DEPTH = 8  # the check allows fewer


def evaluate(tree: Tree, context: Context) -> Value:
    """Raises EvaluationError. To evaluate a tree more than once, compile it."""
    return compile_tree(tree)(context)


def compile_tree(tree: Tree) -> Callable[[Context], Value]:
    """The tree as a function, which raises EvaluationError; about half a microsecond for a usual condition."""
    code = _compile(tree, ())
    if not _metered(tree):
        # Nothing in the tree touches the frame, so all evaluations may share one.
        idle = _Frame(0)
        return lambda context: code(context, idle)
    return lambda context: code(context, _Frame(_FOLD_DEPTH))


def clauses(tree: Tree, context: Context) -> tuple[Clause, ...]:
    """The parts of a condition, each with its value: why it matched, or did not.

    The parts are what `&&`, `||`, `!` and `?:` connect (of a ternary, the branch taken), in the order of the
    text, each followed by its operands that are not constants. Parts that evaluation would have skipped are
    shown too. Never raises.
    """
    return tuple(_parts(tree, context))[:CLAUSES]


def references(tree: Tree) -> set[Reference]:
    """All that the expression reads, for lint, for backfills, and to know what a rule depends on.

    ("activity", path), ("line", path), ("attribute", name), ("tier", set), ("balance", currency),
    ("segment", segment), ("counter", measure, window), ("history", function, name, window), ("local", name),
    ("program", name).
    A path is dotted. The elements of a list add nothing to it, nor does a map's key that is computed.
    """
    found: set[Reference] = set()
    _refer(tree, {}, found)
    return found


def unparse(tree: Tree) -> str:
    """The expression as text: the same meaning, without the author's spacing and parentheses."""
    return _text(tree, 0)


# --- compile: each node becomes a closure over the closures of its parts ---------------------------------


def _compile(tree: Tree, names: _Names) -> _Code:
    match tree:
        case ["const", _, _, value]:
            constant: Value = cast("Value", value)
            return lambda _context, _frame: constant
        case ["timestamp", _, _, str(text)]:
            instant = timestamp(text)
            return lambda _context, _frame: instant
        case ["duration", _, _, str(text)]:
            length = duration(text)
            return lambda _context, _frame: length
        case ["root", _, _, str(root)]:
            return _root(root)
        case ["name", _, _, str(name)]:
            slot = _slot(names, name)
            return lambda _context, frame: frame.names[slot]
        case ["field", _, _, str(kind), list(target), str(name)]:
            return _field(target, name, names, kind, unparse(tree))
        case ["has", _, _, list(target), str(name)]:
            return _has(_present(target, names), name)
        case ["item", _, _, str(kind), list(target), list(index)]:
            return _item(_compile(target, names), _compile(index, names), kind, unparse(tree), _default(target))
        case ["fact", _, _, str(kind), str(root), str(name)]:
            return _read(attrgetter(root), name, kind, f"{root}.{name}")
        case ["tier", _, _, str(tier_set)]:
            return _part("tiers", tier_set, "level", "string", unparse(tree))
        case ["balance", _, _, str(currency), str(part)]:
            return _part("balances", currency, part, "int", unparse(tree))
        case ["segment", _, _, str(segment)]:
            return lambda context, _frame: segment in cast("Mapping[str, Value]", context.member["segments"])
        case ["counter", _, _, str(measure), str(window)]:
            return lambda context, _frame: context.counter(measure, window)
        case ["history", _, _, str(function), str(name), str(window)]:
            return _history(function, name, window, unparse(tree))
        case ["rate", _, _, list(amount), str(decimal)]:
            return _call(rate(decimal), (_compile(amount, names),))
        case ["list", _, _, list(items)]:
            made = [_compile(_tree(item), names) for item in items]
            return lambda context, frame: [item(context, frame) for item in made]
        case ["call", _, _, "&&", [list(left), list(right)]]:
            return _both(_compile(left, names), _compile(right, names))
        case ["call", _, _, "||", [list(left), list(right)]]:
            return _either(_compile(left, names), _compile(right, names))
        case ["call", _, _, "?:", [list(condition), list(yes), list(no)]]:
            return _choose(_compile(condition, names), _compile(yes, names), _compile(no, names))
        case ["call", _, _, "in" | "== list" | "!= list" | "+ list" as function, [list(left), list(right)]]:
            return _walk(FUNCTIONS[function], _compile(left, names), _compile(right, names))
        case ["call", _, _, str(function), [list(left), ["const", _, _, value]]]:
            return _with_constant(FUNCTIONS[function], _compile(left, names), cast("Value", value))
        case ["call", _, _, str(function), list(arguments)]:
            return _call(FUNCTIONS[function], tuple(_compile(_tree(one), names) for one in arguments))
        case ["fold", _, _, str(macro), list(values), str(name), list(body), condition]:
            inside = (*names, name)
            kept = _compile(condition, inside) if isinstance(condition, list) else None
            return _fold(macro, _compile(values, names), len(names), _compile(body, inside), kept)
        case _:
            raise ValueError(f"not a node of a checked tree: {tree[:1]}")


def _tree(node: Json) -> Tree:
    if isinstance(node, list):
        return node
    raise ValueError(f"not a node of a checked tree: {node!r}")


def _slot(names: _Names, name: str) -> int:
    """The innermost fold that has the name."""
    return len(names) - 1 - names[::-1].index(name)


def _metered(node: Json) -> bool:
    match node:
        case ["fold", *_] | ["call", _, _, "in" | "== list" | "!= list" | "+ list", _]:
            return True
        case list():
            return any(_metered(part) for part in node)
        case _:
            return False


# --- reading ---------------------------------------------------------------------------------------------


def _root(root: str) -> _Code:
    if root == "attributes":
        return lambda context, _frame: context.member["attributes"]
    read = attrgetter(root)
    return lambda context, _frame: cast("Value", read(context))


def _field(target: Tree, name: str, names: _Names, kind: str, text: str) -> _Code:
    if target[0] == "root" and target[3] != "attributes":
        return _read(attrgetter(str(target[3])), name, kind, text)
    of = _compile(target, names)
    fits = _fitting(kind, text)
    default = _default(target)

    def field(context: Context, frame: _Frame) -> Value:
        value = _mapping(of(context, frame), text).get(name)
        return fits(value if value is not None else default)

    return field


def _default(target: Tree) -> Value:
    """What is read where nothing was sent. A label that a line does not have is empty: most lines lack most labels."""
    match target:
        case ["field", _, _, _, ["root", _, _, "line"], "labels"]:
            return ""
        case _:
            return None


def _read(of: Callable[[Context], Mapping[str, Value]], name: str, kind: str, text: str) -> _Code:
    """The commonest read of all, a field of a root, without a call more than it needs."""
    fits = _fitting(kind, text)
    if kind == "string":

        def text_of(context: Context, _frame: _Frame) -> Value:
            value = of(context).get(name)
            return value if type(value) is str else fits(value)

        return text_of
    return lambda context, _frame: fits(of(context).get(name))


def _has(of: _Code, name: str) -> _Code:
    def has(context: Context, frame: _Frame) -> Value:
        data = of(context, frame)
        return isinstance(data, Mapping) and data.get(name) is not None

    return has


def _present(tree: Tree, names: _Names) -> _Code:
    """What `has` looks into: nothing is there, rather than wrong, where an object around it is absent."""
    match tree:
        case ["field", _, _, _, list(target), str(name)]:
            of = _present(target, names)

            def field(context: Context, frame: _Frame) -> Value:
                data = of(context, frame)
                return data.get(name) if isinstance(data, Mapping) else None

            return field
        case _:
            return _compile(tree, names)


def _item(of: _Code, index: _Code, kind: str, text: str, default: Value) -> _Code:
    fits = _fitting(kind, text)

    def item(context: Context, frame: _Frame) -> Value:
        data = of(context, frame)
        key = index(context, frame)
        if isinstance(data, list):
            if not isinstance(key, int) or not 0 <= key < len(data):
                raise EvaluationError(f"absent: {text} (there are {len(data)} elements)")
            return fits(data[key])
        value = _mapping(data, text).get(cast("str", key))
        return fits(value if value is not None else default)

    return item


def _part(family: str, name: str, part: str, kind: str, text: str) -> _Code:
    fits = _fitting(kind, text)

    def read(context: Context, _frame: _Frame) -> Value:
        try:
            # Subscripts, not `get`: a context may make these mappings as they are read.
            return fits(cast("Mapping[str, Mapping[str, Value]]", context.member[family])[name][part])
        except KeyError:
            raise EvaluationError(f"absent: {text}") from None

    return read


def _history(function: str, name: str, window: str, text: str) -> _Code:
    def history(context: Context, _frame: _Frame) -> Value:
        value = context.history(function, name, window)
        if value is None:
            raise EvaluationError(f"absent: {text}")
        return value

    return history


def _mapping(data: Value, text: str) -> Mapping[str, Value]:
    if isinstance(data, Mapping):
        return data
    raise EvaluationError(f"absent: {text}" if data is None else f"not an object around {text}")


_TYPES: Mapping[str, type] = {
    "bool": bool,
    "int": int,
    "string": str,
    "timestamp": datetime,
    "duration": timedelta,
    "object": dict,
}


def _fitting(kind: str, text: str) -> Callable[[Value], Value]:
    """A function that returns what is of the kind, and raises for the rest."""
    first, _, element = kind.partition(" ")

    def wrong(value: Value) -> EvaluationError:
        return EvaluationError(f"absent: {text}" if value is None else f"not of type {kind}: {text}")

    if first == "int":

        def whole(value: Value) -> Value:
            # Exactly int: True is no number here.
            if type(value) is int and INT_MIN <= value <= INT_MAX:
                return value
            raise wrong(value)

        return whole
    if first == "list":
        fits = _fitting(element, text)

        def each(value: Value) -> Value:
            if type(value) is not list:
                raise wrong(value)
            for one in value:
                fits(one)
            return value

        return each
    # What a map holds is checked entry by entry, when it is read.
    expected = dict if first == "map" else _TYPES[first]

    def exactly(value: Value) -> Value:
        if isinstance(value, expected):
            return value
        raise wrong(value)

    return exactly


# --- calls and folds -------------------------------------------------------------------------------------


def _call(function: Callable[..., Value], arguments: tuple[_Code, ...]) -> _Code:
    match arguments:
        case [one]:
            return lambda context, frame: function(one(context, frame))
        case [left, right]:
            return lambda context, frame: function(left(context, frame), right(context, frame))
        case _:
            raise ValueError(f"no function of the rule language takes {len(arguments)} arguments")


def _with_constant(function: Callable[..., Value], left: _Code, constant: Value) -> _Code:
    return lambda context, frame: function(left(context, frame), constant)


def _walk(function: Callable[..., Value], left: _Code, right: _Code) -> _Code:
    """A function that walks its lists, and pays for it: otherwise a fold could make it walk without end."""

    def walk(context: Context, frame: _Frame) -> Value:
        one, two = left(context, frame), right(context, frame)
        frame.spend((len(two) if isinstance(two, list) else 0) + (len(one) if isinstance(one, list) else 0) >> 3)
        return function(one, two)

    return walk


def _both(left: _Code, right: _Code) -> _Code:
    def both(context: Context, frame: _Frame) -> Value:
        try:
            if not left(context, frame):
                return False
        except TooCostly:
            raise
        except EvaluationError:
            if not right(context, frame):
                return False
            raise
        return right(context, frame)

    return both


def _either(left: _Code, right: _Code) -> _Code:
    def either(context: Context, frame: _Frame) -> Value:
        try:
            if left(context, frame):
                return True
        except TooCostly:
            raise
        except EvaluationError:
            if right(context, frame):
                return True
            raise
        return right(context, frame)

    return either


def _choose(condition: _Code, yes: _Code, no: _Code) -> _Code:
    return lambda context, frame: yes(context, frame) if condition(context, frame) else no(context, frame)


def _fold(macro: str, values: _Code, slot: int, body: _Code, condition: _Code | None) -> _Code:
    if macro in ("all", "exists"):
        return _quantify(values, slot, body, decides=macro == "exists")
    if macro == "exists_one":
        return lambda context, frame: len(_kept(context, frame, values, slot, body)) == 1
    if macro == "filter":
        return lambda context, frame: _kept(context, frame, values, slot, body)
    if macro != "map":
        raise ValueError(f"not a macro: {macro}")

    def mapped(context: Context, frame: _Frame) -> Value:
        made: list[Value] = []
        for value in _items(context, frame, values):
            frame.spend(1)
            frame.names[slot] = value
            if condition is None or condition(context, frame):
                made.append(body(context, frame))
        return made

    return mapped


def _quantify(values: _Code, slot: int, body: _Code, *, decides: bool) -> _Code:
    """`all` looks for a false, `exists` for a true; an error counts only if there is none."""

    def quantify(context: Context, frame: _Frame) -> Value:
        failure: EvaluationError | None = None
        for value in _items(context, frame, values):
            frame.spend(1)
            frame.names[slot] = value
            try:
                if body(context, frame) is decides:
                    return decides
            except TooCostly:
                raise
            except EvaluationError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return not decides

    return quantify


def _kept(context: Context, frame: _Frame, values: _Code, slot: int, body: _Code) -> list[Value]:
    made: list[Value] = []
    for value in _items(context, frame, values):
        frame.spend(1)
        frame.names[slot] = value
        if body(context, frame):
            made.append(value)
    return made


def _items(context: Context, frame: _Frame, values: _Code) -> list[Value]:
    found = values(context, frame)
    if isinstance(found, list):
        return found
    raise EvaluationError("not a list")


# --- explanations ----------------------------------------------------------------------------------------


def _parts(tree: Tree, context: Context) -> list[Clause]:
    match tree:
        case ["call", _, _, "&&" | "||" | "!", list(arguments)]:
            return [clause for one in arguments for clause in _parts(_tree(one), context)]
        case ["call", _, _, "?:", [list(condition), list(yes), list(no)]]:
            shown = _parts(condition, context)
            try:
                taken = yes if evaluate(condition, context) else no
            except EvaluationError:
                return shown
            return shown + _parts(taken, context)
        case _:
            parts = (tree, *_operands(tree))
            return [clause for part in parts if (clause := _clause(part, context)) is not None]


def _operands(tree: Tree) -> list[Tree]:
    match tree:
        case ["call", _, _, _, list(arguments)]:
            found = [_tree(one) for one in arguments]
        case ["rate", _, _, list(amount), _]:
            found = [amount]
        case _:
            return []
    return [one for one in found if one[0] not in ("const", "timestamp", "duration", "list", "root")]


def _clause(tree: Tree, context: Context) -> Clause | None:
    try:
        value = evaluate(tree, context)
    except EvaluationError as error:
        value = f"error: {error}"
    shown = _shown(value)
    if shown is None:
        # Whole objects are not for showing: they may hold what no rule may read.
        return None
    return Clause(text=unparse(tree), line=cast("int", tree[1]), column=cast("int", tree[2]), value=shown)


def _shown(value: Value) -> bool | int | str | list[bool | int | str] | None:
    match value:
        case bool() | int() | str():
            return value
        case datetime():
            return value.isoformat()
        case timedelta():
            return f"{value // timedelta(seconds=1)}s"
        case list():
            scalars = [one for one in value if isinstance(one, bool | int | str)]
            return scalars if len(scalars) == len(value) else None
        case _:
            return None


# --- references ------------------------------------------------------------------------------------------


_Place: TypeAlias = tuple[str, str]  # a root and a dotted path: where a value is data that was sent


def _refer(tree: Tree, names: Mapping[str, _Place | None], found: set[Reference]) -> _Place | None:
    """Adds what the tree reads to `found`, and says where its value stands."""
    place = _place(tree, names, found)
    if place is not None and place[1]:
        root, path = place
        found.add(("attribute", path.partition(".")[0]) if root == "attributes" else (root, path))
    return place


def _place(tree: Tree, names: Mapping[str, _Place | None], found: set[Reference]) -> _Place | None:
    """As `_refer`, but leaves out the place itself: of `a.b.c` only the whole is read."""
    match tree:
        case ["root", _, _, str(root)]:
            return root, ""
        case ["name", _, _, str(name)]:
            return names[name]
        case ["field", _, _, _, list(target), str(name)]:
            return _below(_place(target, names, found), name)
        case ["has", _, _, list(target), str(name)]:
            # What it comes to is a bool, and stands nowhere; but the place is read.
            place = _below(_place(target, names, found), name)
            if place is not None:
                _refer(["name", 1, 1, name], {name: place}, found)
        case ["item", _, _, _, list(target), list(index)]:
            _refer(index, names, found)
            place = _place(target, names, found)
            return _below(place, str(index[3])) if index[0] == "const" and isinstance(index[3], str) else place
        case ["fact", _, _, _, str(root), str(name)]:
            found.add((root, name))
        case ["tier" | "balance" | "segment" as tag, _, _, str(name), *_]:
            found.add((str(tag), name))
        case ["counter", _, _, str(measure), str(window)]:
            found.add(("counter", measure, window))
        case ["history", _, _, str(function), str(name), str(window)]:
            found.add(("history", function, name, window))
        case ["rate", _, _, list(amount), _]:
            _refer(amount, names, found)
        case ["list", _, _, list(parts)] | ["call", _, _, _, list(parts)]:
            for part in parts:
                _refer(_tree(part), names, found)
        case ["fold", _, _, str(macro), list(values), str(name), list(body), condition]:
            place = _refer(values, names, found)
            inside = {**names, name: place}
            if isinstance(condition, list):
                _refer(condition, inside, found)
            made = _refer(body, inside, found)
            return {"filter": place, "map": made}.get(macro)
        case _:
            pass
    return None


def _below(place: _Place | None, name: str) -> _Place | None:
    return None if place is None else (place[0], f"{place[1]}.{name}".lstrip("."))


# --- text ------------------------------------------------------------------------------------------------

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEYWORDS = ("in", "true", "false", "null")
_PRECEDENCE = {"?:": 1, "||": 2, "&&": 3, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "neg": 7, "!": 7}
_POSTFIX = 8


def _text(tree: Tree, around: int) -> str:
    """In parentheses where the operator around binds tighter than the tree's own."""
    match tree:
        case ["const", _, _, bool(value)]:
            return "true" if value else "false"
        case ["const", _, _, int(value)]:
            return f"({value})" if value < 0 and around >= _POSTFIX else str(value)
        case ["const", _, _, str(value)]:
            return _quoted(value)
        case ["timestamp" | "duration" as function, _, _, str(text)]:
            return f"{function}({_quoted(text)})"
        case ["root", _, _, str(root)]:
            return "member.attributes" if root == "attributes" else root
        case ["name", _, _, str(name)]:
            return name
        case ["field", _, _, _, list(target), str(name)]:
            return _text(target, _POSTFIX) + _selector(name)
        case ["has", _, _, list(target), str(name)]:
            return f"has({_text(target, _POSTFIX)}{_selector(name)})"
        case ["item", _, _, _, list(target), list(index)]:
            return f"{_text(target, _POSTFIX)}[{_text(index, 0)}]"
        case ["fact", _, _, _, str(root), str(name)]:
            return f"{root}.{name}"
        case ["tier", _, _, str(tier_set)]:
            return f"member.tiers{_selector(tier_set)}.level"
        case ["segment", _, _, str(segment)]:
            return f"member.segments{_selector(segment)}"
        case ["balance", _, _, str(currency), str(part)]:
            return f"member.balances{_selector(currency)}.{part}"
        case ["counter", _, _, str(measure), str(window)]:
            return f"member.counters{_selector(measure)}.{window}"
        case ["history", _, _, "first" | "last" | "streak" as function, str(name), _]:
            return f"history.{function}({_quoted(name)})"
        case ["history", _, _, str(function), str(name), str(window)]:
            return f"history.{function}({_quoted(name)}, {_quoted(window)})"
        case ["rate", _, _, list(amount), str(decimal)]:
            return f"rate({_text(amount, 0)}, {_quoted(decimal)})"
        case ["list", _, _, list(items)]:
            return f"[{_listed(items)}]"
        case ["call", _, _, str(function), list(arguments)]:
            return _called(function, [_tree(one) for one in arguments], around)
        case ["fold", _, _, str(macro), list(values), str(name), list(body), condition]:
            parts = [part for part in (condition, body) if isinstance(part, list)]
            return f"{_text(values, _POSTFIX)}.{macro}({name}, {_listed(parts)})"
        case _:
            raise ValueError(f"not a node of a checked tree: {tree[:1]}")


def _called(function: str, arguments: list[Tree], around: int) -> str:
    if function == "size":
        return f"size({_text(arguments[0], 0)})"
    if function in ("startsWith", "endsWith", "contains"):
        return f"{_text(arguments[0], _POSTFIX)}.{function}({_text(arguments[1], 0)})"
    sign = function.partition(" ")[0]
    own = _PRECEDENCE.get(sign, 4)
    match arguments:
        case [["const", _, _, int(value)]] if sign == "neg":
            text = f"-({value})"  # without parentheses the parser would make one constant of it
        case [one]:
            text = ("-" if sign == "neg" else sign) + _text(one, _POSTFIX)
        case [left, right]:
            # `&&` and `||` need no parentheses on either side; the library balances long chains.
            text = f"{_text(left, own)} {sign} {_text(right, own if sign in ('&&', '||') else own + 1)}"
        case [condition, yes, no]:
            text = f"{_text(condition, own + 1)} ? {_text(yes, own + 1)} : {_text(no, own)}"
        case _:
            raise ValueError(f"no function of the rule language takes {len(arguments)} arguments")
    return f"({text})" if own < around else text


def _listed(items: Sequence[Json]) -> str:
    return ", ".join(_text(_tree(item), 0) for item in items)


def _selector(name: str) -> str:
    if _IDENTIFIER.fullmatch(name) is None:
        return f"[{_quoted(name)}]"
    return f".`{name}`" if name in _KEYWORDS else f".{name}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return "'" + "".join(char if char >= " " else f"\\u{ord(char):04x}" for char in escaped) + "'"
