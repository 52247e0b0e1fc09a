"""Texts that no store can hold are refused at the door, in every way an activity can come."""

from typing import Any

import msgspec
import pytest

from tests.http.conftest import Json, Someone, purchase

pytestmark = pytest.mark.anyio

EVENT: Json = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "shop",
    "type": "purchase",
    "time": "2026-11-21T10:00:00+01:00",
    "subject": "ann",
    "data": {"amount_minor": 1},
}
HEADERS = {f"ce-{name}": value for name, value in EVENT.items() if name != "data"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}


def with_escape(value: Any, escape: str) -> bytes:
    """The JSON of a value with an escape sequence where it says HERE."""
    return msgspec.json.encode(value).replace(b"HERE", escape.encode())


@pytest.mark.parametrize("escape", [r"\ud800", r"\uDFFF", r"x\udbffy", r"\u0000"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "HERE"},
        {"source": "HERE"},
        {"type": "HERE"},
        {"subject": "HERE"},
        {"member": "HERE"},
        {"timezone": "HERE"},
        {"extension": "HERE"},
        {"exHEREt": "x"},
        {"data": {"amount_minor": 1, "x": ["HERE"]}},
        {"data": {"amount_minor": 1, "HERE": 1}},
    ],
)
async def test_halves_of_characters_in_events(shop: Someone, wrong: Json, escape: str) -> None:
    sent = with_escape(EVENT | wrong, escape)
    answer = await shop.post("/v1/activities", sent, headers=STRUCTURED)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-json")
    await refused_in_batch(shop, sent, "malformed-json")
    assert (await shop.get("/v1/members/ann")).status_code == 200


async def refused_in_batch(shop: Someone, sent: bytes, code: str) -> None:
    answer = await shop.post("/v1/activities", b"[" + sent + b"]", headers=BATCHED)
    told = answer.json()
    # Halves of characters already end the reading of the whole array.
    problem = told if answer.status_code >= 400 else told["items"][0]["problem"]
    assert problem["code"] == code


@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "member"])
async def test_control_characters_in_ids_of_events(shop: Someone, name: str) -> None:
    sent = with_escape({**EVENT, name: "aHEREb"}, r"\u001f")
    answer = await shop.post("/v1/activities", sent, headers=STRUCTURED)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-id")
    await refused_in_batch(shop, sent, "bad-id")


@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "member"])
@pytest.mark.parametrize("value", ["a%00b", "a%1fb", "a%ed%a0%80b", "a%ff"])
async def test_headers_that_are_no_text(shop: Someone, name: str, value: str) -> None:
    answer = await shop.post("/v1/activities", {"amount_minor": 1}, headers=HEADERS | {f"ce-{name}": value})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-id")
    assert answer.json()["errors"][0]["at"] == f"/{name}"


@pytest.mark.parametrize("name", ["time", "timezone", "extension", "memberemail"])
async def test_other_headers_that_are_no_text(shop: Someone, name: str) -> None:
    headers = HEADERS | {f"ce-{name}": "a%00b"}
    answer = await shop.post("/v1/activities", {"amount_minor": 1}, headers=headers)
    assert answer.status_code == 422


async def test_binary_data_is_read_as_strictly(shop: Someone) -> None:
    sent = with_escape({"amount_minor": 1, "x": "HERE"}, r"\ud800")
    answer = await shop.post("/v1/activities", sent, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-json")


async def test_pairs_and_other_escapes_are_text(shop: Someone) -> None:
    sent = with_escape({**EVENT, "extension": "HERE"}, r"\ud83d\ude00\n\u00e9")
    answer = await shop.post("/v1/activities", sent, headers=STRUCTURED)
    assert answer.status_code == 201, answer.text
    named = await shop.post("/v1/activities", {"amount_minor": 1}, headers=HEADERS | {"ce-id": "caf%C3%A9"})
    assert named.status_code == 201, named.text


async def test_plain_bodies(shop: Someone) -> None:
    for wrong in ({"member": "HERE"}, {"id": "HERE"}, {"data": {"amount_minor": 1, "x": "HERE"}}):
        sent = with_escape(purchase() | wrong, r"\ud800")
        answer = await shop.post("/v1/activities", sent)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed-json")
    answer = await shop.post("/v1/activities", purchase(time_zone="Nowhere/X"))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-time")
    answer = await shop.post("/v1/activities/simulate", purchase(member="a b"))
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-member")
