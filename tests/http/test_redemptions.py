"""Redemptions over HTTP: held, confirmed, cancelled, returned and read; each refusal with its own code."""

from typing import Any

import msgspec
import pytest

from api.http import shapes
from tests.http.conftest import Json, Someone, opened, with_scopes

pytestmark = pytest.mark.anyio

NOW = "2030-03-04T09:00:00Z"
BOOK: Json = {
    "currencies": {"points": {"expires": {"after": "P30D"}, "value": {"per_point": "1"}}},
    "activities": {"visit": {"data": {"type": "object"}}},
    "rules": [{"id": "base", "on": "visit", "award": {"currency": "points", "points": 100}}],
}


@pytest.fixture
async def till(admin: Someone) -> Someone:
    """The admin of a sandbox whose member ann has 100 points."""
    assert (await admin.post("/v1/clock", {"now": NOW})).status_code == 200
    draft = (await admin.post("/v1/rulebooks", {"document": BOOK})).json()
    assert draft["findings"] == []
    assert (await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})).status_code == 201
    assert (await admin.post("/v1/members", {"id": "ann"})).status_code == 201
    visit = {"id": "v1", "source": "shop", "type": "visit", "member": "ann", "occurred_at": NOW, "data": {}}
    assert (await admin.post("/v1/activities", visit)).status_code == 201
    return admin


async def hold(till: Someone, points: int = 40, ttl: str = "PT15M", name: str = "h1") -> Any:
    body = {"id": name, "member": "ann", "currency": "points", "points": points, "hold": {"ttl": ttl}}
    return await till.post("/v1/redemptions", body)


async def balance(till: Someone) -> tuple[int, int]:
    held = (await till.get("/v1/members/ann")).json()["balances"]["points"]
    return held["available"], held["held"]


async def test_points_are_held_and_confirmed(till: Someone) -> None:
    made = await hold(till)
    assert made.status_code == 201
    msgspec.convert(made.json(), shapes.Redeemed)
    assert made.json()["redemption"] | {"expires_at": ""} == {
        "id": "h1", "state": "held", "currency": "points", "points": 40, "value_minor": 40,
        "draws": [{"lot": "2.1", "points": 40}], "codes": [], "expires_at": "",
    }  # fmt: skip
    assert made.json()["redemption"]["expires_at"].startswith("2030-03-04T09:15:00")
    assert await balance(till) == (60, 40)
    done = await till.post("/v1/redemptions/h1/confirm", {"points": 30})
    assert done.status_code == 201
    msgspec.convert(done.json(), shapes.RedemptionChanged)
    assert done.json()["redemption"]["state"] == "confirmed"
    assert done.json()["given_back"] == [{"lot": "2.1", "points": 10}]
    assert await balance(till) == (70, 0)
    now = (await till.get("/v1/redemptions/h1")).json()
    msgspec.convert(now, shapes.RedemptionNow)
    assert (now["state"], now["points"], now["returned"], now["member"]) == ("confirmed", 30, 0, "ann")


async def test_a_confirmation_said_twice_is_answered_twice_and_done_once(till: Someone) -> None:
    await hold(till)
    first = await till.post("/v1/redemptions/h1/confirm", {})
    again = await till.post("/v1/redemptions/h1/confirm", {})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = await till.post("/v1/redemptions/h1/confirm", {"points": 5})
    assert (other.status_code, other.json()["code"]) == (409, "already-confirmed")
    cancel = await till.post("/v1/redemptions/h1/cancel", {})
    assert (cancel.status_code, cancel.json()["code"]) == (409, "already-confirmed")
    assert await balance(till) == (60, 0)


async def test_points_are_free_again_when_cancelled_or_when_time_runs_out(till: Someone) -> None:
    await hold(till)
    done = await till.post("/v1/redemptions/h1/cancel", {})
    assert (done.status_code, done.json()["redemption"]["state"]) == (201, "cancelled")
    assert (await till.post("/v1/redemptions/h1/cancel", {})).status_code == 200
    assert await balance(till) == (100, 0)
    await hold(till, name="h2")
    clock = await till.post("/v1/clock", {"now": "2030-03-04T09:20:00Z"})
    assert clock.json()["settled"] == 1
    assert (await till.get("/v1/redemptions/h2")).json()["state"] == "expired"
    late = await till.post("/v1/redemptions/h2/confirm", {})
    assert (late.status_code, late.json()["code"]) == (409, "hold-expired")
    assert await balance(till) == (100, 0)


async def test_what_was_spent_comes_back_in_parts_and_no_further(till: Someone) -> None:
    spend = {"id": "s1", "member": "ann", "currency": "points", "points": 40}
    assert (await till.post("/v1/redemptions", spend)).status_code == 201
    part = await till.post("/v1/redemptions/s1/return", {"points": 15}, headers={"idempotency-key": "k1"})
    assert part.status_code == 201
    msgspec.convert(part.json(), shapes.RedemptionChanged)
    assert part.json()["redemption"]["state"] == "confirmed"
    assert [(one["lot"], one["points"]) for one in part.json()["given_back"]] == [("2.1", 15)]
    again = await till.post("/v1/redemptions/s1/return", {"points": 15}, headers={"idempotency-key": "k1"})
    assert (again.status_code, again.json()) == (200, part.json())
    assert await balance(till) == (75, 0)
    over = await till.post("/v1/redemptions/s1/return", {"points": 26})
    assert (over.status_code, over.json()["code"]) == (409, "return-exceeds-activity")
    rest = await till.post("/v1/redemptions/s1/return", {"mode": "reissue"})
    assert (rest.status_code, rest.json()["redemption"]["state"]) == (201, "returned")
    assert (await till.get("/v1/redemptions/s1")).json()["state"] == "returned"
    assert await balance(till) == (100, 0)
    more = await till.post("/v1/redemptions/s1/return", {})
    assert (more.status_code, more.json()["code"]) == (409, "already-reversed")
    kinds = [one["kind"] for one in (await till.get("/v1/members/ann/history")).json()["items"]]
    assert kinds[-3:] == ["redeemed", "given_back", "given_back"]
    lots = (await till.get("/v1/members/ann/lots")).json()["items"]
    assert [(lot["id"], lot["remaining"], lot["state"]) for lot in lots] == [("2.1", 75, "open"), ("5.1", 25, "open")]


@pytest.mark.parametrize("ttl", ["15 minutes", "P1M", "PT0S", "P31D", ""])
async def test_a_hold_has_a_life_that_can_be_read(till: Someone, ttl: str) -> None:
    refused = await hold(till, ttl=ttl)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-payload")
    assert refused.json()["errors"][0]["at"] == "/hold/ttl"
    assert await balance(till) == (100, 0)


@pytest.mark.parametrize("verb", ["confirm", "cancel", "return"])
async def test_nothing_can_be_done_with_a_redemption_that_is_not_there(till: Someone, verb: str) -> None:
    refused = await till.post(f"/v1/redemptions/nope/{verb}", {})
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown-redemption")
    assert (await till.get("/v1/redemptions/nope")).json()["code"] == "unknown-redemption"


async def test_another_program_does_not_see_it(till: Someone, app: Any) -> None:
    await hold(till)
    other = await opened(app, till.client, "other")
    assert (await other.get("/v1/redemptions/h1")).status_code == 404
    assert (await other.post("/v1/redemptions/h1/confirm", {})).status_code == 404


async def test_what_an_erased_member_redeemed_is_not_shown_to_whoever_has_the_id_next(till: Someone) -> None:
    await hold(till)
    assert (await till.get("/v1/redemptions/h1")).status_code == 200
    assert (await till.ask("DELETE", "/v1/members/ann")).status_code == 200
    assert (await till.post("/v1/members", {"id": "ann"})).status_code == 201
    gone = await till.get("/v1/redemptions/h1")
    assert (gone.status_code, gone.json()["code"]) == (410, "member-erased")


async def test_the_wrong_amounts_are_told_where_they_stand(till: Someone) -> None:
    await hold(till)
    for points in (0, -1, 41, 2**53):
        refused = await till.post("/v1/redemptions/h1/confirm", {"points": points})
        assert refused.status_code == 422, refused.text
    assert await balance(till) == (60, 40)
    client = await with_scopes(till, "client")
    assert (await client.post("/v1/redemptions/h1/confirm", {})).status_code == 201
