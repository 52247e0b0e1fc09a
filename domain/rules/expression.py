"""Expressions: the conditions and amounts of rules.

An operator writes CEL (https://cel.dev). `Environment.check` has Google's library parse it and check its
types against what the rule may read, refuses what could differ between machines or never end, and turns the
rest into the tree of `celtree`. Publishing stores that tree, and only trees are ever evaluated: the library
takes no part in a decision.

Read `celtree` first: the tree, its meaning, and the texts and references that come from it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

import msgspec

from domain.numbers import MAX_AMOUNT
from domain.rules.celtree import (
    Clause,
    Context,
    Json,
    Reference,
    Tree,
    clauses,
    compile_tree,
    evaluate,
    references,
    unparse,
)
from domain.rules.functions import EvaluationError, Value, duration, rate, timestamp
from domain.rules.schema import shape

__all__ = [
    "CheckFailed",
    "Clause",
    "Context",
    "Environment",
    "EvaluationError",
    "Problem",
    "Reference",
    "Tree",
    "Value",
    "clauses",
    "compile_tree",
    "evaluate",
    "references",
    "under",
    "unparse",
]

MAX_LENGTH = 4_000
MAX_NODES = 500
MAX_DEPTH = 50
MAX_FOLDS = 2
"""How deep iterations may stand inside each other."""
MAX_PROBLEMS = 20

Kind: TypeAlias = str
Expected: TypeAlias = Literal["int", "bool", "string", "timestamp"]

_CALENDAR = ("day", "week", "month", "quarter", "half", "year")
COUNTER_WINDOWS = ("ever", "days", *_CALENDAR)
"""The windows of `member.counters.<measure>`, besides `last_<n>d`; `days` counts distinct local days."""
_LAST_DAYS = re.compile(r"last_[1-9][0-9]{0,3}d", re.ASCII)
_HISTORY_WINDOW = re.compile(r"ever|day|week|month|quarter|half|year|P[1-9][0-9]{0,3}[DWMY]", re.ASCII)
BALANCE_PARTS = ("available", "pending", "held", "debt", "lifetime")

_FACTS: Mapping[str, Kind] = {
    "local.hour": "int",
    "local.weekday": "int",
    "local.day": "int",
    "local.month": "int",
    "local.year": "int",
    "local.date": "string",
    "local.at": "timestamp",
    "program.id": "string",
}
_ROOTS = ("activity", "line", "member", "history", "local", "program")


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with an expression, and where. `text` is the line of the source above a caret."""

    message: str
    line: int
    column: int
    text: str


class CheckFailed(Exception):
    """An expression may not be published. `problems` are in the order of the text, and never none."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{one.line}:{one.column}: {one.message}" for one in problems))
        self.problems = problems


class Declared(msgspec.Struct, frozen=True):
    """The names of a rulebook that an expression may mention."""

    tier_sets: frozenset[str]
    currencies: frozenset[str]
    measures: frozenset[str]
    types: frozenset[str]
    windows: tuple[str, ...]
    streaks: frozenset[str]
    segments: frozenset[str]


class Environment:
    """What an expression in one place of a rulebook may read. Build it once, check many."""

    def __init__(self, library: Any, declared: Declared, names: Mapping[str, str]) -> None:
        self._library = library
        self._declared = declared
        # The library's name of each object type -> how an author would call it, with its fields.
        self._names = names

    @classmethod
    def build(
        cls,
        activity: Mapping[str, Any] | None,
        attributes: Mapping[str, Any],
        tier_sets: Iterable[str] = (),
        currencies: Iterable[str] = (),
        measures: Iterable[str] = (),
        types: Iterable[str] = (),
        windows: Iterable[str] = COUNTER_WINDOWS,
        *,
        streaks: Iterable[str] = (),
        segments: Iterable[str] = (),
        line: Mapping[str, Any] | None = None,
    ) -> "Environment":
        """An environment for these declarations.

        `activity`, `line` and `attributes` are JSON Schemas without personal fields (`schema.readable`).
        Without `activity`, as in a segment, no activity can be read; `line` is only for conditions on the
        lines of an order. Properties whose names are no identifiers cannot be read; ids of the rulebook can,
        written as in `member.tiers['gold-club'].level`. `windows` are those of counters, besides
        `last_<n>d`; `streaks` is what `history.streak` may name.
        """
        declared = Declared(
            tier_sets=frozenset(tier_sets),
            currencies=frozenset(currencies),
            measures=frozenset(measures),
            types=frozenset(types),
            windows=tuple(windows),
            streaks=frozenset(streaks),
            segments=frozenset(segments),
        )
        roots = {"activity": activity, "line": line, "member.attributes": attributes}
        library, names = _library({name: root for name, root in roots.items() if root is not None})
        return cls(library, declared, names)

    def check(self, source: str, expects: Expected) -> Tree:
        """The tree of an expression that gives `expects`; raises CheckFailed, whatever the text."""
        unreadable = _unreadable(source)
        if unreadable is not None:
            raise CheckFailed((unreadable,))
        try:
            checked = self._library.compile(source).serialize()
        except RuntimeError as error:
            raise CheckFailed(self._translated(str(error), source)) from None
        try:
            return _Reader(_Message(checked), source, self._declared).tree(expects)
        except _Refused as refused:
            raise CheckFailed((_problem(str(refused), source, refused.line, refused.column),)) from None

    def _translated(self, report: str, source: str) -> tuple[Problem, ...]:
        """The library's report, in which each problem is a line "ERROR: <input>:1:9: message"."""
        found = []
        for place, text in ((match.group(1, 2), match.group(3)) for match in _REPORTED.finditer(report)):
            message = self._message(text)
            if message is not None:
                line, column = (max(int(number), 1) for number in place)
                quoted = _NAMED.match(text)
                column = _at_name(source, line, column, quoted.group(1) if quoted else "")
                found.append(_problem(message, source, line, column))
        if not found:
            found = [_problem(_DEEP if "recursion" in report else report.splitlines()[0], source, 1, 1)]
        unique = {(one.line, one.column, one.message): one for one in found}
        return tuple(unique[key] for key in sorted(unique))[:MAX_PROBLEMS]

    def _message(self, text: str) -> str | None:
        """The library's words in ours; None for what only follows from another problem. Unknown ones stay."""
        if "*error*" in text:
            return None
        if "recursion" in text:
            return _DEEP
        if match := _UNDECLARED.match(text):
            return self._unknown(match.group(1))
        if match := _NO_FIELD.match(text):
            name, fields = match.group(1), self._names.get(match.group(2), "")
            return f"there is no field {name!r}{_hint(name, fields.split())}"
        if match := _NO_OVERLOAD.match(text):
            function = match.group(1).replace("_", "").lstrip("@")
            message = f"{function!r} does not take {_OBJECT.sub('object', match.group(2))}"
            return f"{message}: {_WHOLE}" if "double" in message else message
        if match := _NO_SELECT.match(text):
            return f"this is of type {match.group(1)} and has no fields"
        return text.partition(" expecting {")[0].replace("Syntax error: ", "syntax: ")

    def _unknown(self, name: str) -> str:
        if name in _FOREIGN:
            return f"{name!r} is not part of the rule language"
        if name.partition(".")[0] == "line":
            return "there is no line here: only a rule with `lines` looks at one"
        known = [*_FACTS, *_FUNCTIONS, "member.attributes", *_FAMILIES, "activity", "line"]
        below = [one for one in known if one.startswith(f"{name}.")]
        return f"unknown name {name!r}" + (f": it holds {', '.join(below)}" if below else _hint(name, known))


# --- the library -----------------------------------------------------------------------------------------

_REPORTED = re.compile(r"^(?:INVALID_ARGUMENT: )?ERROR: <input>:(-?\d+):(-?\d+): (.*?)(?: \[[A-Z_]+\])?$", re.MULTILINE)
_UNDECLARED = re.compile(r"undeclared reference to '(.*?)'")
_NO_FIELD = re.compile(r"undefined field '(.*?)' not found in struct '(.*?)'")
_NAMED = re.compile(r"(?:undeclared reference to|undefined field|found no matching overload for) '([\w.]*)'")
_NO_OVERLOAD = re.compile(r"found no matching overload for '(.*?)' applied to '(.*)'")
_NO_SELECT = re.compile(r"expression of type '(.*?)' cannot be the operand of a select")
_OBJECT = re.compile(r"guerdon\.O\d+")
_WHOLE = "numbers are whole; for a share write rate(amount, '0.05')"
_DEEP = "nested too deeply: write it in several rules, or with fewer parentheses"
_FOREIGN = ("matches", "type", "dyn", "string", "int", "uint", "double", "bytes", "bool")

_FUNCTIONS: Mapping[str, tuple[Kind, ...]] = {
    "history.count": ("string", "string", "int"),
    "history.days": ("string", "string", "int"),
    "history.sum": ("string", "string", "int"),
    "history.first": ("string", "timestamp"),
    "history.last": ("string", "timestamp"),
    "history.streak": ("string", "int"),
    "rate": ("int", "string", "int"),
}
"""Our own functions: the kinds of the arguments, then of the result."""

# Declared as maps, so that ids that are no identifiers can be written in brackets. Which keys there
# are, and that they are all there, is checked by `_Reader`.
_FAMILIES: Mapping[str, Kind] = {
    "member.tiers": "string", "member.balances": "int", "member.counters": "int", "member.segments": "bool",
}  # fmt: skip
_FLAT = "member.segments"
"""The family whose members are no families themselves."""


def _library(roots: Mapping[str, Mapping[str, Any]]) -> tuple[Any, dict[str, str]]:
    """The library's environment, and the fields of each object type by the library's name for it."""
    # Imported here: a process that only evaluates stored trees needs neither.
    from cel_expr_python import cel
    from google.protobuf import descriptor_pb2, descriptor_pool

    types = cel.Type
    scalars = {"bool": types.BOOL, "int": types.INT, "string": types.STRING, "timestamp": types.TIMESTAMP}
    variables = {name: scalars[kind] for name, kind in _FACTS.items()}
    for name, kind in _FAMILIES.items():
        inner = scalars[kind] if name == _FLAT else types.Map(types.STRING, scalars[kind])
        variables[name] = types.Map(types.STRING, inner)

    file = descriptor_pb2.FileDescriptorProto(name="guerdon.proto", package="guerdon", syntax="proto3")
    fields: dict[str, str] = {}
    declared: dict[str, str] = {}
    for root, document in roots.items():
        objects = shape(document)
        names = {place: f"guerdon.O{len(fields) + number}" for number, place in enumerate(objects)}
        declared[root] = names[""]
        for place, members in objects.items():
            fields[names[place]] = " ".join(members)
            _describe(file.message_type.add(name=names[place].removeprefix("guerdon.")), members, names)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    pool.FindFileByName(file.name)  # builds it now, and raises if it is wrong
    variables |= {root: types(name) for root, name in declared.items()}

    functions = [
        cel.FunctionDecl(name, [cel.Overload(name, scalars[kinds[-1]], [scalars[kind] for kind in kinds[:-1]], False)])
        for name, kinds in _FUNCTIONS.items()
    ]
    return cel.NewEnv(descriptor_pool=pool, variables=variables, functions=functions), fields


def _describe(message: Any, members: Mapping[str, Kind], names: Mapping[str, str]) -> None:
    """The fields of one object type as protobuf sees them."""
    # Protobuf would derive JSON names, and refuse fooBar beside foo_bar.
    message.options.deprecated_legacy_json_field_conflicts = True
    taken = set(members)
    for number, (name, kind) in enumerate(members.items(), start=1):
        field = message.field.add(name=name, number=number, label=1)
        first, _, element = kind.partition(" ")
        if first == "list":
            field.label = 3
            _set_type(field, element, names)
        elif first == "map":
            # A map is a list of entries, whose type must have just this name.
            entry = "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Entry"
            if entry in taken:
                del message.field[-1]
                continue
            taken.add(entry)
            nested = message.nested_type.add(name=entry)
            nested.options.map_entry = True
            _set_type(nested.field.add(name="key", number=1, label=1), "string", names)
            _set_type(nested.field.add(name="value", number=2, label=1), element, names)
            field.label, field.type, field.type_name = 3, 11, f".guerdon.{message.name}.{entry}"
        else:
            _set_type(field, kind, names)


def _set_type(field: Any, kind: Kind, names: Mapping[str, str]) -> None:
    name, _, place = kind.partition(" ")
    field.type = {"bool": 8, "int": 3, "string": 9, "object": 11}[name]
    if name == "object":
        field.type_name = f".{names[place]}"


class _Message:
    """A protobuf message read field by field, by the numbers of cel/expr/syntax.proto and checked.proto.

    The tree is deeper than protobuf's own decoder is willing to go.
    """

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[int | bytes]] = {}
        position = 0
        while position < len(data):
            key, position = _varint(data, position)
            value: int | bytes
            if key & 7 == 0:
                value, position = _varint(data, position)
            else:
                # Fixed widths (1: a double, 5: a float) only occur in what is refused.
                length, position = _varint(data, position) if key & 7 == 2 else ({1: 8, 5: 4}[key & 7], position)
                value, position = data[position : position + length], position + length
            self._fields.setdefault(key >> 3, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def number(self, number: int) -> int:
        value = self._fields.get(number, [0])[-1]
        assert isinstance(value, int)
        return value - 2**64 if value >= 2**63 else value

    def text(self, number: int) -> str:
        return self._bytes(number).decode()

    def texts(self, number: int) -> list[str]:
        return [value.decode() for value in self._fields.get(number, []) if isinstance(value, bytes)]

    def numbers(self, number: int) -> list[int]:
        """A repeated number, packed as proto3 packs it."""
        data, found, position = self._bytes(number), [], 0
        while position < len(data):
            value, position = _varint(data, position)
            found.append(value)
        return found

    def message(self, number: int) -> "_Message":
        return _Message(self._bytes(number))

    def messages(self, number: int) -> "Iterator[_Message]":
        return (_Message(value) for value in self._fields.get(number, []) if isinstance(value, bytes))

    def _bytes(self, number: int) -> bytes:
        value = self._fields.get(number, [b""])[-1]
        assert isinstance(value, bytes)
        return value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7


# --- from the checked expression to the tree ---------------------------------------------------------


class _Refused(Exception):
    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


# Which functions there are: CEL's name of each overload that is accepted -> the tree's name. The
# list is closed; what is not in it is refused, whatever the library may learn.
_OVERLOADS: Mapping[str, str] = {
    "logical_and": "&&",
    "logical_or": "||",
    "logical_not": "!",
    "conditional": "?:",
    "equals": "==",
    "not_equals": "!=",
    **{f"less_{kind}": "<" for kind in ("bool", "int64", "string", "timestamp", "duration")},
    **{f"less_equals_{kind}": "<=" for kind in ("bool", "int64", "string", "timestamp", "duration")},
    **{f"greater_{kind}": ">" for kind in ("bool", "int64", "string", "timestamp", "duration")},
    **{f"greater_equals_{kind}": ">=" for kind in ("bool", "int64", "string", "timestamp", "duration")},
    "in_list": "in",
    "in_map": "in map",
    "add_int64": "+",
    "subtract_int64": "-",
    "multiply_int64": "*",
    "divide_int64": "/",
    "modulo_int64": "%",
    "negate_int64": "neg",
    "add_string": "+ string",
    "add_list": "+ list",
    "add_timestamp_duration": "+ time",
    "add_duration_timestamp": "+ time",
    "add_duration_duration": "+ time",
    "subtract_timestamp_timestamp": "- time",
    "subtract_timestamp_duration": "- time",
    "subtract_duration_duration": "- time",
    "size_string": "size",
    "string_size": "size",
    "size_list": "size",
    "list_size": "size",
    "starts_with_string": "startsWith",
    "ends_with_string": "endsWith",
    "contains_string": "contains",
}

_LISTED = ("list bool", "list int", "list string", "list timestamp", "list duration", "list nothing")
_PLAIN = ("bool", "int", "string", "timestamp", "duration")

# Fields of cel.expr.Expr, and of the messages that it holds.
_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _FOLD = 3, 4, 5, 6, 7, 8, 9


class _Reader:
    """Reads one checked expression."""

    def __init__(self, wrapped: _Message, source: str, declared: Declared) -> None:
        checked = wrapped.message(2)  # google.protobuf.Any holds a cel.expr.CheckedExpr
        self._root = checked.message(4)
        self._source = source
        self._declared = declared
        self._references = {entry.number(1): entry.message(2) for entry in checked.messages(2)}
        self._types = {entry.number(1): entry.message(2) for entry in checked.messages(3)}
        self._offsets = {entry.number(1): entry.number(2) for entry in checked.message(5).messages(4)}
        self._nodes = 0
        self._depth = 0
        self._variables: list[str] = []

    def tree(self, expects: Expected) -> Tree:
        kind = self._kind(self._root)
        if kind != expects:
            raise _Refused(f"this gives {_named(kind)}, and {_named(expects)} is needed", 1, 1)
        return self._read(self._root)

    def _read(self, node: _Message) -> Tree:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _Refused(f"too long: more than {MAX_NODES} parts", 1, 1)
        if self._depth >= MAX_DEPTH:
            raise self._refused(_DEEP, node)
        self._depth += 1
        tree = self._family(node) or self._node(node)
        self._depth -= 1
        return tree

    def _node(self, node: _Message) -> Tree:
        if _CONST in node:
            return self._constant(node)
        if _IDENT in node:
            return self._name(node, node.message(_IDENT).text(1))
        if _SELECT in node:
            return self._select(node)
        if _CALL in node:
            return self._call(node)
        if _LIST in node:
            return self._list(node)
        if _FOLD in node:
            return self._fold(node)
        raise self._refused("maps and objects cannot be made here", node)

    # Kinds and places

    def _kind(self, node: _Message) -> Kind:
        found = self._types.get(node.number(2))
        kind = "nothing" if found is None else _kind(found)
        if kind == "list unknown" and _LIST in node and 1 not in node.message(_LIST):
            return "list nothing"
        return kind

    def _place(self, node: _Message) -> tuple[int, int]:
        """Line and column of a node, both from 1; of an operator or a select, where the sign stands."""
        offset = self._offsets.get(node.number(2), 0)
        before = self._source[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    def _refused(self, message: str, node: _Message) -> _Refused:
        line, column = self._place(node)
        name = node.message(_SELECT).text(2) if _SELECT in node else ""
        name = node.message(_CALL).text(2) if _CALL in node else name
        name = node.message(_IDENT).text(1) if _IDENT in node else name
        return _Refused(message, line, _at_name(self._source, line, column, name))

    def _made(self, tag: str, node: _Message, *rest: Json, name: str = "") -> Tree:
        """A node of the tree, at the place where its text begins: where its leftmost part does.

        The library puts a call at its parenthesis; `name` is what stands before it.
        """
        line, column = self._place(node)
        offset = self._offsets.get(node.number(2), 0)
        if name and self._source.endswith(name, 0, offset):
            column -= len(name)
        first = min([(line, column), *_places(list(rest))])
        return [tag, *first, *rest]

    # Leaves

    def _constant(self, node: _Message) -> Tree:
        constant = node.message(_CONST)
        if 2 in constant:
            return self._made("const", node, bool(constant.number(2)))
        if 3 in constant:
            number = constant.number(3)
            if abs(number) > MAX_AMOUNT:
                raise self._refused(f"a number beyond {MAX_AMOUNT}", node)
            return self._made("const", node, number)
        if 6 in constant:
            text = constant.text(6)
            if "\0" in text:
                raise self._refused("a text cannot hold the character NUL", node)
            return self._made("const", node, text)
        if 5 in constant:
            raise self._refused(_WHOLE, node)
        raise self._refused("constants are true, false, whole numbers and texts", node)

    def _name(self, node: _Message, name: str) -> Tree:
        if name in self._variables:
            return self._made("name", node, name)
        if name in ("activity", "line"):
            return self._made("root", node, name)
        if name == "member.attributes":
            return self._made("root", node, "attributes", name="member")
        if name in _FACTS:
            root, _, fact = name.partition(".")
            return self._made("fact", node, _FACTS[name], root, fact, name=root)
        raise self._refused(f"unknown name {name!r}", node)

    def _qualified(self, node: _Message) -> str:
        """The name of the variable that a select or an ident stands for; '' where it is not one."""
        reference = self._references.get(node.number(2))
        return reference.text(1) if reference is not None and (_SELECT in node or _IDENT in node) else ""

    def _select(self, node: _Message) -> Tree:
        select = node.message(_SELECT)
        target = self._read(select.message(1))
        if 3 in select:
            return self._made("has", node, target, select.text(2), name="has")
        return self._made("field", node, self._known(node), target, select.text(2))

    def _known(self, node: _Message) -> Kind:
        kind = self._kind(node)
        if "unknown" in kind or "nothing" in kind:
            raise self._refused("the type of this is not known", node)
        return kind

    # member.tiers, member.balances, member.counters

    def _family(self, node: _Message) -> Tree | None:
        """The node for member.counters.<measure>.<window> and its like, all of whose keys are declared."""
        keys: list[tuple[str, _Message]] = []
        inner = node
        while (family := self._qualified(inner)) not in _FAMILIES:
            step = self._key(inner)
            if step is None:
                return None
            key, where, inner = step
            keys.append((key, where))
        keys.reverse()
        names, parts = self._keys(family)
        if _SELECT in node and 3 in node.message(_SELECT):
            raise self._refused(f"has() is not for {family}: what is declared is always there", node)
        if family == _FLAT:
            return self._segment(node, inner, keys)
        if len(keys) != 2:
            last = parts[0] if len(parts) == 1 else f"<{'|'.join(parts)}>"
            raise self._refused(f"write {family}.<{_OF[family]}>.{last}", node)
        (name, at), (part, part_at) = keys
        if name not in names:
            raise self._refused(f"there is no {_OF[family]} {name!r}{_hint(name, names)}", at)
        if part not in parts and not (family == "member.counters" and _LAST_DAYS.fullmatch(part)):
            raise self._refused(f"there is no {part!r} here{_hint(part, parts) or ': ' + ', '.join(parts)}", part_at)
        tag = {"member.tiers": "tier", "member.balances": "balance", "member.counters": "counter"}[family]
        return self._made(tag, inner, name, *([] if tag == "tier" else [part]), name="member")

    def _segment(self, node: _Message, inner: _Message, keys: list[tuple[str, _Message]]) -> Tree:
        if len(keys) != 1:
            raise self._refused(f"write {_FLAT}.<segment>", node)
        ((name, at),) = keys
        names = self._declared.segments
        if name not in names:
            raise self._refused(f"there is no segment {name!r}{_hint(name, names)}", at)
        return self._made("segment", inner, name, name="member")

    def _key(self, node: _Message) -> tuple[str, _Message, _Message] | None:
        """(key, where it stands, what it is a key of) of a select, or of an index that is written out."""
        if _SELECT in node:
            select = node.message(_SELECT)
            return select.text(2), node, select.message(1)
        call = node.message(_CALL) if _CALL in node else None
        if call is None or call.text(2) != "_[_]":
            return None
        target, index = call.messages(3)
        if _CONST in index and 6 in index.message(_CONST):
            return index.message(_CONST).text(6), index, target
        return None

    def _keys(self, family: str) -> tuple[frozenset[str], tuple[str, ...]]:
        match family:
            case "member.tiers":
                return self._declared.tier_sets, ("level",)
            case "member.balances":
                return self._declared.currencies, BALANCE_PARTS
            case "member.segments":
                return self._declared.segments, ()
            case _:
                return self._declared.measures, (*self._declared.windows, "last_30d")

    # Calls

    def _call(self, node: _Message) -> Tree:
        call = node.message(_CALL)
        name = call.text(2)
        arguments = [*([call.message(1)] if 1 in call else []), *call.messages(3)]
        overloads = self._references[node.number(2)].texts(3)
        if len(overloads) != 1:
            raise self._refused("the type of this is not known", node)
        [overload] = overloads
        if overload in ("index_list", "index_map"):
            return self._index(node, arguments)
        if overload in ("string_to_timestamp", "string_to_duration"):
            return self._moment(node, name, arguments[0])
        if overload.startswith("history."):
            return self._history(node, overload, arguments)
        if overload == "rate":
            decimal = self._literal(arguments[1], "the rate")
            self._valid(rate, decimal, arguments[1])
            return self._made("rate", node, self._operand(arguments[0]), decimal, name="rate")
        function = _OVERLOADS.get(overload)
        if function is None:
            raise self._refused(_refusal(name, overload), node)
        return self._function(node, function, arguments)

    def _function(self, node: _Message, function: str, arguments: list[_Message]) -> Tree:
        kinds = [self._kind(argument) for argument in arguments]
        if function == "size":
            # A list of objects has a size, though nothing else is done with it.
            return self._made("call", node, function, [self._read(arguments[0])], name="size")
        if function == "in map":
            return self._made("call", node, function, [self._operand(arguments[0]), self._read(arguments[1])])
        if function in ("==", "!=") and any(kind.startswith("list ") for kind in kinds):
            function += " list"
        return self._made("call", node, function, [self._operand(argument) for argument in arguments])

    def _operand(self, node: _Message) -> Tree:
        read = self._read(node)  # first: what is wrong inside says more
        kind = self._kind(node)
        if kind not in _PLAIN and kind not in _LISTED:
            raise self._refused(f"{_named(kind)} cannot be used as a value: name one of its fields", node)
        return read

    def _index(self, node: _Message, arguments: list[_Message]) -> Tree:
        return self._made("item", node, self._known(node), self._read(arguments[0]), self._operand(arguments[1]))

    def _literal(self, node: _Message, what: str) -> str:
        if _CONST in node and 6 in node.message(_CONST):
            return node.message(_CONST).text(6)
        raise self._refused(f"{what} must be written out, as a text in quotes", node)

    def _valid(self, parse: Any, text: str, node: _Message) -> None:
        try:
            parse(text)
        except ValueError as error:
            raise self._refused(str(error), node) from None

    def _moment(self, node: _Message, name: str, argument: _Message) -> Tree:
        text = self._literal(argument, f"the {name}")
        self._valid(timestamp if name == "timestamp" else duration, text, argument)
        return self._made(name, node, text, name=name)

    def _history(self, node: _Message, overload: str, arguments: list[_Message]) -> Tree:
        function = overload.removeprefix("history.")
        what, names = {
            "sum": ("measure", self._declared.measures),
            "streak": ("streak", self._declared.streaks),
        }.get(function, ("activity type", self._declared.types))
        name = self._literal(arguments[0], f"the {what}")
        if name not in names:
            raise self._refused(f"there is no {what} {name!r}{_hint(name, names)}", arguments[0])
        window = "ever"
        if len(arguments) > 1:
            window = self._literal(arguments[1], "the window")
            if _HISTORY_WINDOW.fullmatch(window) is None:
                raise self._refused(
                    f"{window!r} is no window: ever, {', '.join(_CALENDAR)}, or a period such as P30D",
                    arguments[1],
                )
        return self._made("history", node, function, name, window, name=overload)

    # Lists and iteration

    def _list(self, node: _Message) -> Tree:
        items = list(node.message(_LIST).messages(1))
        if items and self._kind(node) not in _LISTED:
            raise self._refused("the elements of a list are texts, numbers, ... all of one type", node)
        return self._made("list", node, [self._operand(item) for item in items])

    def _fold(self, node: _Message) -> Tree:
        fold = node.message(_FOLD)
        name, values = fold.text(1), fold.message(2)
        kind = self._kind(values)
        if kind.startswith("map "):
            raise self._refused("iteration over a map: it has no order, so name the key", values)
        if not kind.startswith("list ") or kind in ("list unknown", "list nothing"):
            raise self._refused("iteration needs a list whose type is known", values)
        if name in _ROOTS:
            line, column = self._place(node)  # the parenthesis before the name
            raise _Refused(f"{name!r} has a meaning already: choose another name", line, column + 1)
        if len(self._variables) >= MAX_FOLDS:
            raise self._refused(f"iterations inside each other go {MAX_FOLDS} deep at most", node)
        expanded = _expansion(fold)
        if expanded is None or 8 in fold:
            raise self._refused("iteration is by all, exists, exists_one, filter and map", node)
        macro, body, condition = expanded
        range_tree = self._read(values)
        self._variables.append(name)
        read = [None if part is None else self._read(part) for part in (condition, body)]
        self._variables.pop()
        if macro == "map" and self._known(body).startswith(("list ", "map ")):
            raise self._refused("lists of lists are not part of the rule language", body)
        return self._made("fold", node, macro, range_tree, name, read[1], read[0])


def _expansion(fold: _Message) -> tuple[str, _Message, _Message | None] | None:
    """Which macro a comprehension was written as: (macro, body, condition)."""
    step = fold.message(6).message(_CALL)
    parts = list(step.messages(3))
    match step.text(2):
        case "_&&_":
            return "all", parts[1], None
        case "_||_":
            return "exists", parts[1], None
        case "_?_:_":
            added = list(parts[1].message(_CALL).messages(3))[1]
            if _LIST not in added:
                return "exists_one", parts[0], None
            [element] = added.message(_LIST).messages(1)
            # `filter` keeps the element as it is; so does a `map` that could have been a filter.
            if _IDENT in element and element.message(_IDENT).text(1) == fold.text(1):
                return "filter", parts[0], None
            return "map", element, parts[0]
        case "_+_":
            [element] = parts[1].message(_LIST).messages(1)
            return "map", element, None
        case _:
            return None


_OF = {
    "member.tiers": "tier set", "member.balances": "currency", "member.counters": "measure",
    "member.segments": "segment",
}  # fmt: skip
_PRIMITIVES = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}
_ARTICLES = {"int": "a whole number", "bool": "true or false", "string": "a text", "object": "an object"}


def _kind(found: _Message) -> Kind:
    """A cel.expr.Type in the tree's words."""
    if 3 in found:
        return _PRIMITIVES.get(found.number(3), "unknown")
    if 5 in found:
        return {2: "timestamp", 3: "duration"}.get(found.number(5), "unknown")
    if 6 in found:
        element = _kind(found.message(6).message(1))
        return "list unknown" if " " in element else f"list {element}"
    if 7 in found:
        return f"map {_kind(found.message(7).message(2))}"
    return "object" if 9 in found else "unknown"


def _places(parts: list[Json]) -> Iterator[tuple[int, int]]:
    """Where the trees among the parts of a node begin."""
    for part in parts:
        match part:
            case [str(), int(line), int(column), *_]:
                yield line, column
            case [[*_], *_]:
                yield from _places(part)
            case _:
                pass


def _at_name(source: str, line: int, column: int, name: str) -> int:
    """The column of a name, where the library gives the dot before it or the parenthesis after it."""
    text = source.split("\n")[line - 1] if line <= source.count("\n") + 1 else ""
    last = name.rpartition(".")[2]
    if last and text[column - 1 : column] == "." and text.startswith(last, column):
        return column + 1
    if last and text.endswith(last, 0, column - 1):
        return column - len(last)
    return column


def _named(kind: Kind) -> str:
    first, _, element = kind.partition(" ")
    if first in ("list", "map"):
        return f"a {first} of {element}"
    return _ARTICLES.get(kind, f"a {kind}")


def _refusal(name: str, overload: str) -> str:
    if overload.startswith(("timestamp_to_", "duration_to_")):
        return f"{name}() depends on the host's time zones: read local.hour, local.weekday, local.date"
    if name == "matches":
        return "matches() is not part of the rule language: use startsWith, endsWith, contains or `in`"
    if name == "size":
        return "size() is for texts and lists"
    if name in ("timestamp", "duration"):
        return f"{name}() takes a text in quotes"
    sign = name.replace("_", "").lstrip("@")
    if sign and not sign[0].isalpha():
        return f"{sign!r} is for whole numbers, texts, lists and times"
    return f"{name}() is not part of the rule language"


def _hint(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


# --- the text ----------------------------------------------------------------------------------------


def _unreadable(source: str) -> Problem | None:
    """What is wrong with a text that the library's parser should not even see."""
    if len(source) > MAX_LENGTH:
        return _problem(f"too long: {len(source)} characters, {MAX_LENGTH} at most", source, 1, 1)
    for offset, char in enumerate(source):
        if "\ud800" <= char <= "\udfff" or (char < " " and char not in "\t\n\r"):
            line, column = source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)
            return _problem(f"a character that is not text: U+{ord(char):04X}", source, line, column)
    return None


def _problem(message: str, source: str, line: int, column: int) -> Problem:
    return Problem(message, line, column, under(source, line, column))


def under(source: str, line: int, column: int) -> str:
    """A line of a text with a caret under a column; of a long line, what stands around the place."""
    lines = source.split("\n")
    text = lines[line - 1] if line <= len(lines) else ""
    start = max(0, column - 60)
    excerpt = text[start : start + 100].replace("\t", " ").replace("\r", " ")
    shown = "".join(char if char.isprintable() else "\ufffd" for char in excerpt)
    return f"{shown}\n{' ' * (column - 1 - start)}^"
