"""The API keeps what it promised: `docs/reference/openapi.json` only ever grows."""

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from docs.contract import broken
from docs.generate import REFERENCE, contract

Json = dict[str, Any]

PROMISED: Json = msgspec.json.decode((REFERENCE / "openapi.json").read_bytes())


def test_nothing_that_was_promised_is_gone() -> None:
    assert broken(PROMISED, contract()) == [], "what clients rely on stays; add beside it"


def _property(schema: str, name: str, **becomes: Any) -> Callable[[Json], None]:
    def change(document: Json) -> None:
        shape = document["components"]["schemas"][schema]
        if becomes:
            shape["properties"][name] = becomes
        else:
            del shape["properties"][name]
            shape["required"] = [one for one in shape.get("required", []) if one != name]

    return change


def _required(schema: str, name: str) -> Callable[[Json], None]:
    return lambda document: document["components"]["schemas"][schema].setdefault("required", []).append(name)


def _optional(schema: str, name: str) -> Callable[[Json], None]:
    return lambda document: document["components"]["schemas"][schema]["required"].remove(name)


def _renamed(document: Json) -> None:
    document["paths"]["/v1/refunds"] = document["paths"].pop("/v1/returns")


def _operation(path: str, method: str, **words: Any) -> Callable[[Json], None]:
    return lambda document: document["paths"][path][method].update(words)


def _without_parameter(document: Json) -> None:
    history = document["paths"]["/v1/members/{member}/history"]["get"]
    history["parameters"] = [one for one in history["parameters"] if one["name"] != "kind"]


def _without_code(document: Json) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                answer["description"] = answer["description"].replace("sold-out:", "none-left:")


BREAKS: dict[str, tuple[Callable[[Json], None], str]] = {
    "a renamed address": (_renamed, "POST /v1/returns is gone"),
    "a renamed method of clients": (
        _operation("/v1/redemptions", "post", **{"x-name": "spend"}),
        "POST /v1/redemptions: x-name was redeem, is spend",
    ),
    "another scope": (
        _operation("/v1/redemptions", "post", **{"x-scope": "admin"}),
        "POST /v1/redemptions: x-scope was client, is admin",
    ),
    "a field that is no longer taken": (
        _property("RedeemBody", "value_minor"),
        "POST /v1/redemptions body/value_minor is gone",
    ),
    "a field that must now be sent": (
        _required("RedeemBody", "currency"),
        "POST /v1/redemptions body/currency is now required",
    ),
    "a type that is no longer taken": (
        _property("RedeemBody", "points", type="integer"),
        "POST /v1/redemptions body/points: no longer takes null",
    ),
    "a field that is no longer answered": (
        _property("Award", "granted"),
        "POST /v1/activities answer/awards/0/granted is gone",
    ),
    "a field that may now be missing": (
        _optional("Award", "granted"),
        "POST /v1/activities answer/awards/0/granted may now be missing",
    ),
    "a type that was never answered": (
        _property("Award", "granted", anyOf=[{"type": "integer"}, {"type": "string"}]),
        "POST /v1/activities answer/awards/0/granted: may now be string",
    ),
    "a parameter that is gone": (
        _without_parameter,
        "GET /v1/members/{member}/history: the parameter kind (query) is gone",
    ),
    "a renamed code": (_without_code, "the code sold-out is gone"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_what_breaks_is_named(what: str) -> None:
    change, said = BREAKS[what]
    document = copy.deepcopy(PROMISED)
    change(document)
    assert said in broken(PROMISED, document)


def test_additions_break_nothing() -> None:
    document = copy.deepcopy(PROMISED)
    schemas = document["components"]["schemas"]
    schemas["RedeemBody"]["properties"]["note"] = {"type": "string", "default": ""}
    schemas["Award"]["properties"]["told"] = {"type": "string"}
    schemas["Award"]["required"].append("told")
    document["paths"]["/v1/wishes"] = copy.deepcopy(document["paths"]["/v1/rewards"])
    # A second struct of the same name gives both other names, which no wire shows.
    schemas["other.Award"] = schemas.pop("Award")
    document = msgspec.json.decode(
        msgspec.json.encode(document).replace(b'"#/components/schemas/Award"', b'"#/components/schemas/other.Award"')
    )
    assert broken(PROMISED, document) == []
