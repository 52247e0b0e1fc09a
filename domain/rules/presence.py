"""What a condition reads of a payload or of attributes without asking whether it was sent.

A field that the schema does not require has no value where it is missing: the condition fails, which is noted, and
whoever wrote it seldom meant that. `has()` may stand on either side of `&&` and `||`: the other side is then absorbed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from domain.rules.celtree import Tree

Json = Any
Path: TypeAlias = tuple[str, ...]
"""A root, `activity` or `attributes`, and the names below it."""

_NOTHING: frozenset[Path] = frozenset()


def unasked(tree: Tree, schemas: Mapping[str, Mapping[str, Json]]) -> Iterator[tuple[Tree, str]]:
    """(node, name as written) of each optional field that is read unasked, once for each name.

    `schemas` are the payload's and the attributes', by root; of another root nothing is said.
    """
    seen = set()
    for node, path in _read(tree, schemas, _NOTHING):
        if path not in seen:
            seen.add(path)
            yield node, ".".join(("member", *path) if path[0] == "attributes" else path)


def _read(tree: Tree, schemas: Mapping[str, Mapping[str, Json]], sent: frozenset[Path]) -> Iterator[tuple[Tree, Path]]:
    match tree:
        case ["call", _, _, "&&", [list(left), list(right)]]:
            yield from _read(left, schemas, sent | _asked(right, so=True))
            yield from _read(right, schemas, sent | _asked(left, so=True))
        case ["call", _, _, "||", [list(left), list(right)]]:
            yield from _read(left, schemas, sent | _asked(right, so=False))
            yield from _read(right, schemas, sent | _asked(left, so=False))
        case ["call", _, _, "?:", [list(condition), list(yes), list(no)]]:
            yield from _read(condition, schemas, sent)
            yield from _read(yes, schemas, sent | _asked(condition, so=True))
            yield from _read(no, schemas, sent | _asked(condition, so=False))
        case ["field", _, _, _, list(target), _]:
            path = _path(tree)
            if path is not None and path not in sent and _optional(path, schemas):
                yield tree, path
            else:
                yield from _read(target, schemas, sent)
        case ["has", _, _, list(target), _]:
            yield from _read(target, schemas, sent)
        case _:
            for part in tree[3:]:
                yield from _parts(part, schemas, sent)


def _parts(part: Any, schemas: Mapping[str, Mapping[str, Json]], sent: frozenset[Path]) -> Iterator[tuple[Tree, Path]]:
    if isinstance(part, list):
        if part and isinstance(part[0], str):
            yield from _read(part, schemas, sent)
        else:
            for one in part:
                yield from _parts(one, schemas, sent)


def _asked(tree: Tree, *, so: bool) -> frozenset[Path]:
    """What is there for sure where a condition is `so`."""
    match tree:
        case ["has", _, _, list(target), str(name)]:
            above = _path(target)
            if not so or above is None:
                return _NOTHING
            path = (*above, name)
            return frozenset(path[:length] for length in range(2, len(path) + 1))
        case ["call", _, _, "!", [list(inner)]]:
            return _asked(inner, so=not so)
        case ["call", _, _, "&&" | "||" as sign, [list(left), list(right)]]:
            one, other = _asked(left, so=so), _asked(right, so=so)
            return one | other if (sign == "&&") is so else one & other
        case _:
            return _NOTHING


def _path(tree: Tree) -> Path | None:
    match tree:
        case ["root", _, _, str(root)]:
            return (root,)
        case ["field", _, _, _, list(target), str(name)]:
            above = _path(target)
            return (*above, name) if above is not None else None
        case _:
            return None


def _optional(path: Path, schemas: Mapping[str, Mapping[str, Json]]) -> bool:
    """Whether its own object may come without it. False where the schema, as far as it is read here, says nothing."""
    root, *above, name = path
    schema: Any = schemas.get(root)
    for step in above:
        schema = _properties(schema).get(step)
    return name in _properties(schema) and name not in schema.get("required", ())


def _properties(schema: Any) -> Mapping[str, Json]:
    found = schema.get("properties") if isinstance(schema, Mapping) else None
    return found if isinstance(found, Mapping) else {}
