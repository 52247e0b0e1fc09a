"""The catalogue over HTTP: put in, read, changed under its ETag, redeemed, sold out."""

from typing import Any

import msgspec
import pytest

from api.http import shapes
from tests.http.conftest import Json, Someone, with_scopes
from tests.http.test_redemptions import BOOK, till

pytestmark = pytest.mark.anyio

__all__ = ["till"]

VIP: Json = {"type": "object", "properties": {"vip": {"type": "boolean"}}}
MUG: Json = {"id": "mug", "kind": "product", "name": "A mug", "price": {"currency": "points", "points": 40}, "stock": 2}


async def test_a_reward_is_put_in_and_read(till: Someone) -> None:
    made = await till.post("/v1/rewards", MUG, headers={"idempotency-key": "k1"})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    msgspec.convert(made.json(), shapes.RewardWritten)
    read = await till.get("/v1/rewards/mug")
    assert read.headers["etag"] == '"1"'
    msgspec.convert(read.json(), shapes.Reward)
    assert (read.json()["left"], read.json()["price"]) == (2, {"currency": "points", "points": 40})
    assert [one["id"] for one in (await till.get("/v1/rewards")).json()["items"]] == ["mug"]
    again = await till.post("/v1/rewards", MUG, headers={"idempotency-key": "k1"})
    assert (again.status_code, again.json()["version"]) == (200, 1)
    other = await till.post("/v1/rewards", MUG)
    assert (other.status_code, other.json()["code"]) == (409, "reward-exists")


async def test_an_edit_says_what_it_edits(till: Someone) -> None:
    await till.post("/v1/rewards", MUG)
    blind = await till.ask("PATCH", "/v1/rewards/mug", json={"stock": 5})
    assert (blind.status_code, blind.json()["code"]) == (428, "precondition-required")
    done = await till.ask("PATCH", "/v1/rewards/mug", json={"stock": 5}, headers={"if-match": '"1"'})
    assert (done.status_code, done.headers["etag"], done.json()["stock"]) == (200, '"2"', 5)
    late = await till.ask("PATCH", "/v1/rewards/mug", json={"stock": 9}, headers={"if-match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "precondition-failed")
    free = await till.ask("PATCH", "/v1/rewards/mug", json={"stock": None}, headers={"if-match": '"2"'})
    assert (free.json()["stock"], free.json()["left"]) == (None, None)


async def test_points_are_redeemed_for_it_until_none_is_left(till: Someone) -> None:
    await till.post("/v1/rewards", MUG)
    client = await with_scopes(till, "client")
    held = await client.post("/v1/redemptions", {"id": "h1", "member": "ann", "reward": "mug", "hold": {"ttl": "PT1H"}})
    assert held.status_code == 201
    msgspec.convert(held.json(), shapes.Redeemed)
    assert (held.json()["redemption"]["state"], held.json()["redemption"]["points"]) == ("held", 40)
    done = await client.post("/v1/redemptions/h1/confirm", {})
    assert (done.status_code, done.json()["redemption"]["state"]) == (201, "confirmed")
    two = await client.post("/v1/redemptions", {"id": "r2", "member": "ann", "reward": "mug", "quantity": 2})
    assert (two.status_code, two.json()["code"]) == (409, "sold-out")
    one = await client.post("/v1/redemptions", {"id": "r2", "member": "ann", "reward": "mug"})
    assert (one.status_code, one.json()["member"]["balances"]["points"]["available"]) == (201, 20)
    assert (await client.get("/v1/rewards/mug")).json()["left"] == 0
    texts = [item["text"] for item in (await client.get("/v1/members/ann/history")).json()["items"]]
    assert "1 of mug issued for r2" in texts
    assert (await client.post("/v1/rewards", MUG | {"id": "cup"})).status_code == 403


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"reward": "cup"}, 404, "unknown-reward"),
        ({"reward": "mug", "points": 40}, 422, "invalid-payload"),
        ({"reward": "mug", "quantity": 0}, 422, "amount-out-of-range"),
        ({"reward": "a b"}, 422, "bad-id"),
        ({"currency": "points", "points": 5, "quantity": 2}, 422, "invalid-payload"),
    ],
)
async def test_what_makes_no_sense_is_refused(till: Someone, body: Any, status: int, code: str) -> None:
    await till.post("/v1/rewards", MUG)
    refused = await till.post("/v1/redemptions", {"id": "r1", "member": "ann", **body})
    assert (refused.status_code, refused.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"price": {"currency": "gold", "points": 1}}, 422, "unknown-currency"),
        ({"stock": -1}, 422, "amount-out-of-range"),
        ({"starts": "2030-01-02T00:00:00Z", "ends": "2030-01-01T00:00:00Z"}, 422, "invalid-payload"),
        ({"id": "a b"}, 422, "bad-id"),
        ({"codes": "print"}, 422, "invalid-payload"),
        ({"when": "1 + 1"}, 422, "invalid-payload"),
        ({"whenever": "true"}, 400, "unknown-field"),
    ],
)
async def test_terms_that_cannot_be_kept_are_refused(till: Someone, change: Any, status: int, code: str) -> None:
    refused = await till.post("/v1/rewards", MUG | change)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_a_member_sees_what_is_in_reach_and_why_the_rest_is_not(till: Someone) -> None:
    rewards: list[Json] = [
        MUG,
        MUG | {"id": "car", "price": {"currency": "points", "points": 5_000}},
        MUG | {"id": "none", "stock": 0, "ends": "2030-03-01T00:00:00Z"},
        MUG | {"id": "often", "when": "member.attributes.vip || history.count('visit', 'ever') > 1"},
    ]
    draft = (await till.post("/v1/rulebooks", {"document": BOOK | {"members": {"attributes": VIP}}})).json()
    await till.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    for body in rewards:
        assert (await till.post("/v1/rewards", body)).status_code == 201
    client = await with_scopes(till, "client")
    listed = (await client.get("/v1/rewards?member=ann")).json()["items"]
    assert {one["id"]: one["reasons"] for one in listed} == {
        "car": ["not-enough-points"],
        "mug": [],
        "none": ["ended", "sold-out"],
        "often": ["condition-not-met"],
    }
    assert [one["eligible"] for one in listed] == [False, True, False, False]
    often = listed[3]
    assert often["when"] == rewards[3]["when"]
    assert {"text": "history.count('visit', 'ever') > 1", "value": False} in [
        {name: one[name] for name in ("text", "value")} for one in often["clauses"]
    ]
    refused = await client.post("/v1/redemptions", {"id": "r1", "member": "ann", "reward": "often"})
    assert (refused.status_code, refused.json()["reasons"]) == (409, ["condition-not-met"])
    await till.ask("PATCH", "/v1/members/ann", json={"attributes": {"vip": True}})
    now = (await client.get("/v1/rewards?member=ann")).json()["items"]
    assert now[3]["reasons"] == []
    assert (await client.post("/v1/redemptions", {"id": "r1", "member": "ann", "reward": "often"})).status_code == 201
    assert (await client.get("/v1/rewards?member=nobody")).json()["code"] == "unknown-member"


async def test_a_condition_is_checked_when_it_is_written(till: Someone) -> None:
    wrong = await till.post("/v1/rewards", MUG | {"when": "member.tiers.status.level == 3"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid-payload")
    assert wrong.json()["errors"][0]["at"] == "/when"
    made = await till.post("/v1/rewards", MUG | {"when": "member.balances.points.lifetime >= 500"})
    assert made.json()["when"] == "member.balances.points.lifetime >= 500"
    assert (await till.get("/v1/rewards?member=ann")).json()["items"][0]["reasons"] == ["condition-not-met"]
    await till.ask("PATCH", "/v1/rewards/mug", json={"when": None}, headers={"if-match": '"1"'})
    assert (await till.get("/v1/rewards?member=ann")).json()["items"][0]["reasons"] == []
