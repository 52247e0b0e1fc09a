"""The AsyncAPI document says what really goes over a broker."""

import re
from typing import Any

import msgspec
import pytest
from jsonschema_rs import validator_for

from api.broker.asyncapi import document
from api.broker.bridge import read
from application.messages import TYPES, Whose, message, type_of
from tests.build import Stream, World, enrol, per, purchase, rulebook
from tests.http.conftest import Json

DOCUMENT: Json = msgspec.json.decode(document("1"))


def _resolved(pointer: str) -> Any:
    found: Any = DOCUMENT
    for part in pointer.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _fits(name: str, value: Any) -> list[str]:
    schema = DOCUMENT["components"]["messages"][name]["payload"] | {"components": DOCUMENT["components"]}
    return [error.message for error in validator_for(schema).iter_errors(value)]


def test_every_reference_leads_somewhere() -> None:
    pointers = set(re.findall(r'"\$ref":"(#/[^"]+)"', document("1").decode()))
    assert len(pointers) > len(TYPES)
    for pointer in pointers:
        assert _resolved(pointer)


def test_every_event_is_a_message_of_the_channel() -> None:
    assert set(DOCUMENT["channels"]["events"]["messages"]) == set(TYPES)
    assert len(DOCUMENT["operations"]["tellEvent"]["messages"]) == len(TYPES)


@pytest.mark.parametrize("more", [{}, {"member": "ann"}, {"loyaltycard": "extension"}])
def test_an_activity_that_fits_is_read(more: Json) -> None:
    event = {"specversion": "1.0", "id": "a", "source": "s", "type": "purchase", "time": "2026-01-02T10:00:00Z"} | more
    assert _fits("activity", event) == []
    assert read(msgspec.json.encode(event)).id == "a"
    assert _fits("activity", event | {"specversion": "0.3"})


def test_what_is_told_fits() -> None:
    life = Stream(World(rulebook(per(100, 1))))
    life.do(enrol(member="ann"), "2026-01-01")
    life.do(purchase(50_00, "p1", at="2026-01-02"), "2026-01-03")
    told = 0
    for entry in life.entries:
        for number, event in enumerate(entry.events):
            sent = msgspec.json.decode(msgspec.json.encode(message(entry, 1, number, Whose("ann", "active"))))
            assert _fits(type_of(event), sent) == []
            assert _fits(type_of(event), sent | {"type": "Another"})
            told += 1
    assert told >= 3
