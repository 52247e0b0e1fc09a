"""Payload schemas: what is accepted, what is refused, and what of it a rule can read."""

from typing import Any

import pytest

from domain.rules.schema import compile_schema, readable, shape

PURCHASE: dict[str, Any] = {
    "type": "object",
    "required": ["amount_minor"],
    "properties": {
        "amount_minor": {"type": "integer", "minimum": 0},
        "day": {"type": "string", "format": "date"},
        "sku": {"type": "string", "pattern": "^[a-z]+$"},
        "shipping": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "country": {"type": "string"}},
        },
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "labels": {"type": "object"},
        "extra": {},
    },
    "$defs": {
        "line": {
            "type": "object",
            "required": ["sku", "engraving"],
            "properties": {"sku": {"type": "string"}, "engraving": {"type": "string"}},
        }
    },
}


@pytest.mark.parametrize(
    ("data", "errors"),
    [
        ({"amount_minor": 5}, ()),
        ({"amount_minor": 5, "extra": 1.5}, ()),
        ({"amount_minor": 5, "extra": {"at": [1.0]}}, ()),
        ({"amount_minor": 5.0}, (("/amount_minor", 'the value is not of type "integer"'),)),
        ({"amount_minor": 5.5}, (("/amount_minor", 'the value is not of type "integer"'),)),
        ({"amount_minor": "5"}, (("/amount_minor", 'the value is not of type "integer"'),)),
        ({"amount_minor": True}, (("/amount_minor", 'the value is not of type "integer"'),)),
        ({"amount_minor": -1}, (("/amount_minor", "the value is less than the minimum of 0"),)),
        ({}, (("", '"amount_minor" is a required property'),)),
        ({"amount_minor": 1, "day": "tomorrow"}, (("/day", 'the value is not a "date"'),)),
        ({"amount_minor": 1, "sku": "A"}, (("/sku", 'the value does not match "^[a-z]+$"'),)),
        ({"amount_minor": 1, "lines": [{"sku": 1, "engraving": ""}]},
         (("/lines/0/sku", 'the value is not of type "string"'),)),
        ([], (("", 'the value is not of type "object"'),)),
        ({1: 2}, (("", "not JSON, or nested too deeply"),)),
    ],
)  # fmt: skip
def test_data_is_valid_or_says_where_it_is_not(data: Any, errors: tuple[tuple[str, str], ...]) -> None:
    assert compile_schema(PURCHASE).errors(data) == errors


def test_all_errors_are_told_in_order() -> None:
    found = compile_schema(PURCHASE).errors({"sku": 1, "day": 2})
    assert [at for at, _ in found] == ["", "/day", "/sku"]


def test_a_message_does_not_tell_the_value() -> None:
    """It may be personal, and messages travel to logs."""
    data = {"amount_minor": "For Ann", "day": "For Ann", "lines": "For Ann"}
    assert "Ann" not in repr(compile_schema(PURCHASE).errors(data))


@pytest.mark.parametrize(
    "data",
    [
        {"amount_minor": float("inf")},
        {"amount_minor": float("nan")},
        {"day": "\ud800"},
        {"amount_minor": 10**400},
    ],
)
def test_what_is_hardly_json_is_an_error_and_no_crash(data: Any) -> None:
    compile_schema(PURCHASE).errors(data)
    assert compile_schema({"additionalProperties": {"type": "boolean"}}).errors(data) != ()


def test_data_nested_without_end_is_an_error_or_valid_but_no_crash() -> None:
    data: Any = 1.5
    for _ in range(100_000):
        data = [data]
    assert compile_schema(PURCHASE).errors({"amount_minor": 1, "extra": data}) != ()


def test_an_empty_schema_takes_anything() -> None:
    assert compile_schema({}).problems == ()
    assert compile_schema({}).errors({"any": ["thing"]}) == ()


@pytest.mark.parametrize(
    ("document", "at", "message"),
    [
        ({"properties": {"price": {"type": "number"}}}, "/properties/price/type", "numbers are whole"),
        ({"items": {"type": ["number", "null"]}}, "/items/type", "numbers are whole"),
        ({"anyOf": [{}, {"type": "number"}]}, "/anyOf/1/type", "numbers are whole"),
        ({"type": "integer", "minimum": 0.5}, "/minimum", "numbers are whole"),
        ({"enum": [1.5]}, "/enum", "numbers are whole"),
        ({"$ref": "https://example.com/schema"}, "/$ref", "a reference stays in its document"),
        (
            {"properties": {"a/b": {"$ref": "other"}}},
            "/properties/a~1b/$ref",
            "a reference stays in its document",
        ),
        ({"$id": "https://example.com"}, "/$id", "$id is not supported"),
        ({"$dynamicRef": "#node"}, "/$dynamicRef", "$dynamicRef is not supported"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema", "schemas are of draft 2020-12"),
        ({"properties": {"a": 3}}, "/properties/a", "a schema is an object"),
        ({"$ref": "#/$defs/nope"}, "", "does not exist"),
        ({"type": "strin"}, "/type", "a type is one of string, integer"),
        ({"properties": 3}, "/properties", "not of type"),
        ({"pattern": "("}, "/pattern", "linear time"),
        ({"pattern": "(?=a)b"}, "/pattern", "linear time"),
        ({"pattern": "(a)\\1"}, "/pattern", "linear time"),
        ({"pattern": "(a{1000}){1000}"}, "/pattern", "linear time"),
        ({"patternProperties": {"(?<!a)b": {}}}, "/patternProperties/(?<!a)b", "linear time"),
    ],
)
def test_a_schema_we_do_not_accept_says_why(document: dict[str, Any], at: str, message: str) -> None:
    schema = compile_schema(document)
    [(found_at, found), *_] = schema.problems
    assert found_at == at
    assert message in found
    assert schema.errors({}) == (("", "the schema itself is not valid"),)


def test_a_property_may_have_any_name() -> None:
    names = ["type", "$ref", "number", "$id", "minimum", "properties"]
    schema = compile_schema({"properties": {name: {"type": "string"} for name in names}})
    assert schema.problems == ()
    assert schema.errors({"type": "number", "$id": "x"}) == ()


def test_a_schema_nested_too_deeply_is_refused() -> None:
    document: dict[str, Any] = {}
    for _ in range(5000):
        document = {"items": document}
    [(_, message)] = compile_schema(document).problems
    assert "nested deeper" in message


def test_a_pattern_cannot_stall() -> None:
    schema = compile_schema({"type": "string", "pattern": "^(a+)+$"})
    assert schema.errors("a" * 50_000 + "!") != ()


# --- what rules read -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "int"),
        ({"type": "boolean"}, "bool"),
        ({"type": ["string", "null"]}, "string"),
        ({"enum": ["a", "b", None]}, "string"),
        ({"const": 3}, "int"),
        ({"type": "array", "items": {"type": "integer"}}, "list int"),
        ({"type": "object"}, "map string"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "map int"),
        ({"type": "object", "additionalProperties": {"properties": {"a": {"type": "string"}}}},
         "map object /properties/it/additionalProperties"),
        ({"type": "object", "properties": {"a": {}}}, "object /properties/it"),
        ({"$ref": "#/$defs/self"}, "object /$defs/self"),
        ({"type": "array", "items": {"$ref": "#/$defs/self"}}, "list object /$defs/self"),
        ({}, None),
        ({"type": "number"}, None),
        ({"type": ["string", "integer"]}, None),
        ({"enum": ["a", 1]}, None),
        ({"anyOf": [{"type": "string"}]}, None),
        ({"type": "array"}, None),
        ({"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}, None),
        ({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}, None),
        ({"$ref": "#/$defs/nope"}, None),
        ({"$ref": "#/$defs/loop"}, None),
        (True, None),
    ],
)  # fmt: skip
def test_a_property_is_read_as_one_kind_or_not_at_all(part: Any, kind: str | None) -> None:
    definitions = {
        "self": {"type": "object", "properties": {"inner": {"$ref": "#/$defs/self"}}},
        "loop": {"$ref": "#/$defs/loop"},
    }
    fields = shape({"properties": {"it": part, "no-identifier": part}, "$defs": definitions})
    assert fields[""] == ({} if kind is None else {"it": kind})


def test_an_object_may_contain_itself() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert shape(node) == {"": {"next": "object "}}
    assert shape({"$ref": "#/$defs/n", "$defs": {"n": node}})[""] == {"next": "object /$defs/n"}


@pytest.mark.parametrize(
    ("personal", "gone", "left"),
    [
        ("/shipping/name", "shipping.name", "shipping.country"),
        ("/shipping", "shipping", "amount_minor"),
        ("/lines/*/engraving", "lines.engraving", "lines.sku"),
        ("/lines/0/engraving", "lines.engraving", "lines.sku"),
        ("/lines/engraving", "lines.engraving", "lines.sku"),
        ("/lines/*", "lines", "amount_minor"),
        ("/labels/owner", "labels", "amount_minor"),
        ("/nope/nope", "nope", "amount_minor"),
    ],
)
def test_what_is_personal_cannot_be_read(personal: str, gone: str, left: str) -> None:
    paths = _paths(readable(PURCHASE, [personal]))
    assert gone not in paths
    assert left in paths


def test_several_fields_may_be_personal() -> None:
    cut = readable(PURCHASE, ["/shipping/name", "/lines/*/engraving", "/shipping/country"])
    paths = _paths(cut)
    assert {"shipping", "lines", "lines.sku"} <= paths
    assert not paths & {"shipping.name", "shipping.country", "lines.engraving"}
    assert compile_schema(cut).problems == ()
    assert "engraving" in PURCHASE["$defs"]["line"]["properties"], "the document itself is as it was"


def _paths(document: dict[str, Any]) -> set[str]:
    """Every path that a rule can read, dotted."""
    objects = shape(document)
    found: set[str] = set()

    def walk(place: str, before: str) -> None:
        for name, kind in objects[place].items():
            found.add(before + name)
            if "object " in kind:
                walk(kind.partition("object ")[2], f"{before}{name}.")

    walk("", "")
    return found
