"""Pending points over HTTP: activated and cancelled, once, by whom it is allowed, and refused with reasons."""

import msgspec
import pytest

from api.http import shapes
from tests.http.conftest import Json, Someone, with_scopes

pytestmark = pytest.mark.anyio

NOW = "2030-03-03T10:00:00+01:00"
BOOK: Json = {
    "currencies": {"points": {"available": "on_action", "expires": {"after": "P30D"}}},
    "activities": {"purchase": {"data": {"type": "object", "properties": {"amount_minor": {"type": "integer"}}}}},
    "rules": [
        {"id": "base", "on": "purchase", "award": {"currency": "points", "points": 20}},
        {"id": "now", "on": "purchase", "available": "at_once", "award": {"currency": "points", "points": 5}},
    ],
}


@pytest.fixture
async def till(admin: Someone) -> Someone:
    """The admin of a program whose points wait, and ann, who has bought."""
    assert (await admin.post("/v1/clock", {"now": NOW})).status_code == 200
    draft = (await admin.post("/v1/rulebooks", {"document": BOOK})).json()
    assert draft["findings"] == []
    assert (await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})).status_code == 201
    assert (await admin.post("/v1/members", {"id": "ann"})).status_code == 201
    bought = {"id": "p1", "source": "shop", "type": "purchase", "member": "ann", "occurred_at": NOW, "data": {}}
    answer = await admin.post("/v1/activities", bought)
    assert answer.status_code == 201
    msgspec.convert(answer.json(), shapes.Activity)
    assert [award["available_at"] for award in answer.json()["awards"]] == [None, "2030-03-03T09:00:00Z"]
    return admin


ORDER: Json = {"member": "ann", "activity": {"source": "shop", "id": "p1"}}


async def test_pending_points_are_activated_once(till: Someone) -> None:
    first = await till.post("/v1/pending/activate", ORDER, headers={"Idempotency-Key": "k1"})
    assert first.status_code == 201, first.text
    msgspec.convert(first.json(), shapes.Pending)
    assert first.json()["activated"] == [
        {"lot": "2.1", "currency": "points", "points": 20, "repaid": 0, "expires_at": "2030-04-02T22:00:00Z"}
    ]
    again = await till.post("/v1/pending/activate", ORDER, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await till.get("/v1/members/ann")).json()["balances"]["points"]["available"] == 25
    unkeyed = await till.post("/v1/pending/activate", {"member": "ann", "lots": ["2.1"]})
    assert (unkeyed.status_code, unkeyed.json()["activated"]) == (201, [])


async def test_pending_points_are_cancelled_and_the_history_says_so(till: Someone) -> None:
    answer = await till.post("/v1/pending/cancel", ORDER)
    assert answer.status_code == 201, answer.text
    msgspec.convert(answer.json(), shapes.Pending)
    assert answer.json()["cancelled"] == [{"lot": "2.1", "currency": "points", "points": 20}]
    told = (await till.get("/v1/members/ann/history")).json()["items"][-1]
    assert (told["kind"], told["cause"], told["points"], told["balance_after"]) == ("cancelled", "shop/p1", 0, 5)
    (cancelled, kept) = (await till.get("/v1/members/ann/lots")).json()["items"]
    assert (cancelled["state"], cancelled["remaining"], kept["state"]) == ("returned", 0, "open")


@pytest.mark.parametrize(
    ("verb", "body", "status", "code"),
    [
        ("activate", {"member": "ann"}, 422, "invalid-payload"),
        ("activate", ORDER | {"lots": ["2.1"]}, 422, "invalid-payload"),
        ("activate", {"member": "ann", "lots": []}, 422, "invalid-payload"),
        ("activate", {"member": "ann", "lots": ["\u0000"]}, 400, "malformed-json"),
        ("activate", {"member": "ann", "lots": ["x" * 300]}, 422, "bad-id"),
        ("activate", {"member": "ann", "lots": ["9.9"]}, 404, "unknown-lot"),
        ("activate", {"member": "bob", "lots": ["2.1"]}, 404, "unknown-member"),
        ("cancel", {"member": "ann", "lots": ["2.2"]}, 409, "not-eligible"),
        ("cancel", {"member": "ann", "activity": {"source": "shop", "id": "p9"}}, 404, "unknown-activity"),
        ("cancel", ORDER | {"surprise": 1}, 400, "unknown-field"),
    ],
)
async def test_what_cannot_be_is_refused(till: Someone, verb: str, body: Json, status: int, code: str) -> None:
    answer = await till.post(f"/v1/pending/{verb}", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_another_members_activity_is_unknown(till: Someone) -> None:
    assert (await till.post("/v1/members", {"id": "bob"})).status_code == 201
    answer = await till.post("/v1/pending/cancel", ORDER | {"member": "bob"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-activity")


async def test_a_till_may_not_do_what_an_operator_may(till: Someone) -> None:
    client, operator = await with_scopes(till, "client"), await with_scopes(till, "operator")
    assert (await client.post("/v1/pending/activate", ORDER)).json()["code"] == "missing-scope"
    assert (await operator.post("/v1/pending/activate", ORDER)).status_code == 201


async def test_an_adjustment_waits_for_an_action(till: Someone) -> None:
    gift = {
        "id": "a1",
        "member": "ann",
        "currency": "points",
        "points": 50,
        "reason": "survey",
        "available": "on_action",
    }
    made = await till.post("/v1/adjustments", gift)
    assert made.status_code == 201, made.text
    (lot,) = made.json()["adjustment"]["lots"]
    assert made.json()["member"]["balances"]["points"]["pending"] == 70
    for wrong in ({"points": -50}, {"available_at": NOW}, {"available": "someday"}):
        assert (await till.post("/v1/adjustments", gift | {"id": "a2"} | wrong)).json()["code"] == "invalid-payload"
    cancelled = await till.post("/v1/pending/cancel", {"member": "ann", "lots": [lot]})
    assert cancelled.json()["cancelled"] == [{"lot": lot, "currency": "points", "points": 50}]
    told = (await till.get("/v1/members/ann/history?kind=adjustment_reversed")).json()["items"]
    assert [one["text"] for one in told] == ["50 points by hand taken back: a1"]
