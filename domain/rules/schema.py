"""Payload schemas: what an activity's data, or a member's attributes, may hold.

JSON Schema (2020-12) as operators know it, less what an engine of whole numbers cannot take: no `number`, no
references to other documents, and patterns only as far as they match in linear time. `compile_schema`
validates what comes in, `readable` cuts out what is personal, `shape` says what a rule can read of the rest.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import jsonschema_rs

Json: TypeAlias = Any  # a JSON value, as decoded; schemas are read key by key

MAX_DEPTH = 32
"""Levels of schemas inside schemas."""

_ONE = ("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then",
        "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
_REFUSED = (
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
)
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = ("string", "integer", "boolean", "object", "array", "null")
_SCALARS = {"string": "string", "integer": "int", "boolean": "bool"}
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Schema:
    """One schema, compiled. `problems` are (JSON pointer in the schema, message); publish only without."""

    def __init__(self, document: Mapping[str, Json]) -> None:
        self.problems: tuple[tuple[str, str], ...] = tuple(_findings(document, "", 0))
        self._validator: jsonschema_rs.Validator | None = None
        if self.problems:
            return
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                dict(document),
                validate_formats=True,
                # Messages name the place and the rule, never the value: it may be personal.
                mask="the value",
                # Linear time, so neither a schema nor a payload can stall a server.
                pattern_options=jsonschema_rs.RegexOptions(),
                offline=True,
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            at = _pointer(error.instance_path) if isinstance(error, jsonschema_rs.ValidationError) else ""
            message = error.message if isinstance(error, jsonschema_rs.ValidationError) else str(error)
            if '"regex"' in message:
                message = "not a pattern that matches in linear time: no look-around, no back-references, no giants"
            self.problems = ((at, message),)
        except ValueError as error:
            self.problems = (("", str(error)),)

    def errors(self, data: Json) -> tuple[tuple[str, str], ...]:
        """What is wrong with `data`: (JSON pointer, message), empty when it is valid.

        `data` is JSON as decoded. 5.0 is no integer here, though JSON Schema says it is.
        """
        if self._validator is None:
            return (("", "the schema itself is not valid"),)
        try:
            if _has_float(data):
                data = _no_integral_floats(data)
            if self._validator.is_valid(data):
                return ()
            found = {(_pointer(error.instance_path), error.message) for error in self._validator.iter_errors(data)}
        except (ValueError, RecursionError):
            return (("", "not JSON, or nested too deeply"),)
        return tuple(sorted(found))


def compile_schema(document: Mapping[str, Json]) -> Schema:
    """Never raises: what is wrong with the document stands in `problems`."""
    return Schema(document)


def readable(document: Mapping[str, Json], personal: Sequence[str]) -> dict[str, Json]:
    """The schema without its personal fields, for rules to read.

    `personal` are JSON pointers into the data, such as "/shipping/name" or "/lines/*/engraving" (`*`, or any
    index, for every element). A pointer into a map without declared properties takes the whole map away.
    """
    schema: dict[str, Json] = dict(document)
    for pointer in personal:
        tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
        if tokens:
            schema = {**_without(schema, tokens, schema), **_definitions(schema)}
    return schema


def line_schema(document: Mapping[str, Json], usual: Mapping[str, Json], personal: Sequence[str]) -> dict[str, Json]:
    """The schema of an order's line: what lines have everywhere (`usual`), and what the payload's schema says of them.

    `document` is the payload's schema without its personal fields; `personal` are their pointers.
    """
    lines, place = _resolved((document.get("properties") or {}).get("lines"), "/properties/lines", document)
    line, _ = _resolved(lines.get("items"), f"{place}/items", document)
    hidden = _personal_of_lines(personal)
    properties = {name: part for name, part in usual.items() if not {name, "*"} & hidden}
    return {"type": "object", "properties": properties | (line.get("properties") or {}), **_definitions(document)}


def _personal_of_lines(personal: Sequence[str]) -> set[str]:
    """The names of a line's fields that are personal; `*` where all are."""
    hidden = set()
    for pointer in personal:
        name, *tokens = pointer.split("/")[1:] or [""]
        if name == "lines":
            rest = tokens[1:] if tokens and (tokens[0] in ("*", "-") or tokens[0].isdecimal()) else tokens
            hidden.add(rest[0] if rest else "*")
    return hidden


def shape(document: Mapping[str, Json]) -> dict[str, dict[str, str]]:
    """What a rule can read: the fields of each object, by the object's place in the schema ("" is the root).

    A field is `bool`, `int`, `string` or `object <place>`, or one of these after `list` or `map` (from text).
    An object without declared properties is a map, of strings unless `additionalProperties` says otherwise.
    Left out is what has no single type, lists of lists, maps of lists, and names that are no identifiers.
    """
    objects: dict[str, dict[str, str]] = {}
    root, place = _resolved(document, "", document)
    _object(root, place, document, objects)
    if place:
        objects[""] = objects[place]
    return objects


# --- what is refused ---------------------------------------------------------------------------------


def _findings(schema: Json, at: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        yield at, "a schema is an object, or true or false"
        return
    if depth > MAX_DEPTH:
        yield at, f"schemas nested deeper than {MAX_DEPTH}"
        return
    types = schema.get("type", [])
    for one in types if isinstance(types, list) else [types]:
        if one == "number":
            yield f"{at}/type", "numbers are whole: declare an integer of cents, or a decimal as a string"
        elif one not in _TYPES:
            yield f"{at}/type", f"a type is one of {', '.join(_TYPES)}"
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference != "#" and not reference.startswith("#/"):
        yield f"{at}/$ref", "a reference stays in its document: write it like #/$defs/line"
    if depth == 0 and schema.get("$schema", _DRAFT) not in (_DRAFT, _DRAFT + "#"):
        yield f"{at}/$schema", f"schemas are of draft 2020-12: {_DRAFT}"
    for keyword in _REFUSED:
        if keyword in schema:
            yield (
                f"{at}/{keyword}",
                f"{keyword} is not supported: define parts under $defs and name them with $ref",
            )
    for keyword, value in schema.items():
        if keyword not in _NAMED and keyword not in _ONE and keyword not in _MANY and _has_float(value):
            yield f"{at}/{_escaped(str(keyword))}", "numbers are whole: no fractions and no exponents"
    for place, inner in _inner(schema, at):
        yield from _findings(inner, place, depth + 1)


def _inner(schema: Mapping[str, Json], at: str) -> Iterator[tuple[str, Json]]:
    for keyword in _ONE:
        if keyword in schema:
            yield f"{at}/{keyword}", schema[keyword]
    for keyword in _MANY:
        parts = schema.get(keyword)
        if isinstance(parts, list):
            yield from ((f"{at}/{keyword}/{number}", part) for number, part in enumerate(parts))
    for keyword in _NAMED:
        named = schema.get(keyword)
        if isinstance(named, Mapping):
            yield from ((f"{at}/{keyword}/{_escaped(str(name))}", part) for name, part in named.items())


# --- floats ------------------------------------------------------------------------------------------


def _has_float(data: Json) -> bool:
    # Asked of every payload: most of what it holds is looked at without a call.
    kind = type(data)
    if kind is dict or kind is list:
        for one in data.values() if kind is dict else data:
            inner = type(one)
            if inner is float or ((inner is dict or inner is list) and _has_float(one)):
                return True
        return False
    return kind is float


def _no_integral_floats(data: Json) -> Json:
    """5.0 becomes a fraction, which is valid exactly where a float that is no integer would be."""
    match data:
        case float():
            return 0.5
        case dict():
            return {key: _no_integral_floats(value) for key, value in data.items()}
        case list():
            return [_no_integral_floats(value) for value in data]
        case _:
            return data


# --- what rules read ---------------------------------------------------------------------------------


def _resolved(schema: Json, at: str, document: Mapping[str, Json]) -> tuple[Mapping[str, Json], str]:
    """The schema that a chain of references ends at, and its place; an empty one where there is none."""
    for _ in range(MAX_DEPTH):
        if not isinstance(schema, Mapping):
            break
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema, at
        at, schema = reference.removeprefix("#"), document
        for token in at.split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(schema, list):
                schema = schema[int(name)] if name.isdecimal() and int(name) < len(schema) else None
            else:
                schema = schema.get(name) if isinstance(schema, Mapping) else None
    return {}, at


def _kind(schema: Json, at: str, document: Mapping[str, Json], objects: dict[str, dict[str, str]]) -> str | None:
    found, at = _resolved(schema, at, document)
    kind = _type(found)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if kind == "array":
        element = _kind(found.get("items"), f"{at}/items", document, objects)
        return f"list {element}" if element is not None and not element.startswith(("list ", "map ")) else None
    if kind != "object":
        return None
    additional = found.get("additionalProperties", True)
    if found.get("properties") or additional is False:
        _object(found, at, document, objects)
        return f"object {at}"
    if additional is True:
        return "map string"
    element = _kind(additional, f"{at}/additionalProperties", document, objects)
    return f"map {element}" if element is not None and not element.startswith(("list ", "map ")) else None


def _type(schema: Mapping[str, Json]) -> str | None:
    declared = schema.get("type")
    if isinstance(declared, str):
        return declared
    if isinstance(declared, list):
        types = [one for one in declared if one != "null"]
        return types[0] if len(types) == 1 and isinstance(types[0], str) else None
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list):
        names = {_NAMES.get(type(value)) for value in values if value is not None}
        return names.pop() if len(names) == 1 else None
    return "object" if "properties" in schema else None


_NAMES: Mapping[type, str] = {str: "string", int: "integer", bool: "boolean"}


def _object(
    schema: Mapping[str, Json], at: str, document: Mapping[str, Json], objects: dict[str, dict[str, str]]
) -> None:
    if at in objects:
        return  # a schema may contain itself
    fields = objects[at] = {}
    properties = schema.get("properties")
    for name, part in properties.items() if isinstance(properties, Mapping) else ():
        if _IDENTIFIER.fullmatch(name) is None:
            continue
        kind = _kind(part, f"{at}/properties/{name}", document, objects)
        if kind is not None:
            fields[name] = kind


def _without(schema: Json, tokens: list[str], document: Mapping[str, Json]) -> dict[str, Json]:
    """A copy without what the tokens lead to; references on the way are written out."""
    found, _ = _resolved(schema, "", document)
    made = dict(found)
    head, rest = tokens[0], tokens[1:]
    if _type(made) == "array":
        # A pointer may leave out the index: a name under a list is a name in each of its elements.
        inner = rest if head == "*" or head == "-" or head.isdecimal() else tokens
        made["items"] = _without(made.get("items"), inner, document) if inner else {}
        return made
    properties = made.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return {}
    if head in properties:
        kept = {name: part for name, part in properties.items() if name != head}
        if rest:
            kept[head] = _without(properties[head], rest, document)
        made["properties"] = kept
        # What is cut out is neither required nor, where it was the last, a reason to see a map.
        made["required"] = [name for name in made.get("required", ()) if name in kept]
        made.setdefault("additionalProperties", False)
    return made


def _definitions(schema: Mapping[str, Json]) -> dict[str, Json]:
    return {keyword: schema[keyword] for keyword in ("$defs", "definitions") if keyword in schema}


# --- pointers ----------------------------------------------------------------------------------------


def _pointer(path: Sequence[str | int]) -> str:
    return "".join(f"/{_escaped(str(token))}" for token in path)


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")
