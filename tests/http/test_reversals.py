"""Adjustments are reversed over HTTP: once, and only forced where the points have moved on."""

import msgspec
import pytest

from api.http import shapes
from tests.http.conftest import Json, Someone, with_scopes

pytestmark = pytest.mark.anyio


async def _adjusted(shop: Someone, points: int, name: str) -> Json:
    body = {"id": name, "member": "ann", "currency": "points", "points": points, "reason": "test"}
    answer = await shop.post("/v1/adjustments", body)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def test_d18_an_adjustment_is_reversed_once(shop: Someone) -> None:
    await _adjusted(shop, 50, "a1")
    key = {"Idempotency-Key": "k1"}
    answer = await shop.post("/v1/adjustments/a1/reverse", {}, headers=key)
    assert answer.status_code == 201, answer.text
    msgspec.convert(answer.json(), shapes.AdjustmentReversed)
    taken = answer.json()["reversal"]["taken"]
    assert (taken["points"], taken["debt"], taken["expired"]) == (50, 0, 0)
    assert (await shop.post("/v1/adjustments/a1/reverse", {}, headers=key)).json() == answer.json()
    again = await shop.post("/v1/adjustments/a1/reverse", {"force": True})
    assert (again.status_code, again.json()["code"]) == (409, "already-reversed")
    told = (await shop.get("/v1/members/ann/history?kind=adjustment_reversed")).json()["items"]
    assert [(one["points"], one["text"]) for one in told] == [(-50, "50 points by hand taken back: a1")]


async def test_d18_what_was_taken_comes_back(shop: Someone) -> None:
    await _adjusted(shop, 50, "a1")
    await _adjusted(shop, -20, "a2")
    answer = await shop.post("/v1/adjustments/a2/reverse", {})
    assert answer.status_code == 201, answer.text
    assert [(one["adjustment"], one["points"]) for one in answer.json()["reversal"]["given_back"]] == [("a2", 20)]
    told = (await shop.get("/v1/members/ann/history?kind=given_back")).json()["items"]
    assert [one["text"] for one in told] == ["20 points taken by hand a2 came back"]


async def test_d18_points_that_moved_on_need_force(shop: Someone) -> None:
    before = (await shop.get("/v1/members/ann")).json()["balances"]["points"]["available"]
    await _adjusted(shop, 50, "a1")
    await _adjusted(shop, -(before + 40), "a2")
    refused = await shop.post("/v1/adjustments/a1/reverse", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "not-enough-points")
    forced = await shop.post("/v1/adjustments/a1/reverse", {"force": True})
    assert forced.json()["reversal"]["taken"]["debt"] == 40


async def test_only_operators_reverse_and_only_what_there_is(shop: Someone) -> None:
    unknown = await shop.post("/v1/adjustments/nothing/reverse", {})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-adjustment")
    client = await with_scopes(shop, "client")
    assert (await client.post("/v1/adjustments/a1/reverse", {})).json()["code"] == "missing-scope"
