"""Lots over HTTP: made to end later, brought back after they expired, once, by whom it is allowed, with reasons."""

import msgspec
import pytest

from api.http import shapes
from tests.http.conftest import Json, Someone, with_scopes

pytestmark = pytest.mark.anyio

NOW, LATER = "2030-03-03T10:00:00+01:00", "2030-06-03T10:00:00+02:00"
BOOK: Json = {
    "currencies": {"points": {"expires": {"after": "P30D"}}},
    "activities": {"purchase": {"data": {"type": "object", "properties": {"amount_minor": {"type": "integer"}}}}},
    "rules": [{"id": "base", "on": "purchase", "award": {"currency": "points", "points": 20}}],
}
LIVE: Json = {"member": "ann", "lots": ["2.1"], "expires_at": "2030-12-24T00:00:00+01:00", "reason": "closed for works"}


@pytest.fixture
async def till(admin: Someone) -> Someone:
    """The admin of a program whose points live a month, and ann, who has bought."""
    assert (await admin.post("/v1/clock", {"now": NOW})).status_code == 200
    draft = (await admin.post("/v1/rulebooks", {"document": BOOK})).json()
    assert draft["findings"] == []
    assert (await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})).status_code == 201
    assert (await admin.post("/v1/members", {"id": "ann"})).status_code == 201
    bought = {"id": "p1", "source": "shop", "type": "purchase", "member": "ann", "occurred_at": NOW, "data": {}}
    assert (await admin.post("/v1/activities", bought)).status_code == 201
    return admin


async def test_open_lots_are_extended_once(till: Someone) -> None:
    first = await till.post("/v1/lots/extend", LIVE, headers={"Idempotency-Key": "k1"})
    assert first.status_code == 201, first.text
    msgspec.convert(first.json(), shapes.Lots)
    assert first.json()["extended"] == [{"lot": "2.1", "currency": "points", "expires_at": "2030-12-23T23:00:00Z"}]
    again = await till.post("/v1/lots/extend", LIVE, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (200, first.json())
    coming = (await till.get("/v1/members/ann/expiring")).json()["items"]
    assert [(one["points"], one["expires_at"]) for one in coming] == [(20, "2030-12-23T23:00:00Z")]
    told = (await till.get("/v1/members/ann/history?kind=rescheduled")).json()["items"]
    why = "by hand: closed for works"
    assert [one["text"] for one in told] == [f"1 lot of points now until 2030-12-23 23:00 UTC, {why}"]
    assert (await till.post("/v1/lots/extend", LIVE)).json()["code"] == "not-eligible"


async def test_expired_lots_come_back_and_the_history_says_so(till: Someone) -> None:
    assert (await till.post("/v1/lots/reinstate", LIVE)).json()["code"] == "not-eligible"
    assert (await till.post("/v1/clock", {"now": LATER})).status_code == 200
    assert (await till.post("/v1/lots/extend", LIVE)).json()["code"] == "unknown-lot"
    answer = await till.post("/v1/lots/reinstate", LIVE)
    assert answer.status_code == 201, answer.text
    msgspec.convert(answer.json(), shapes.Lots)
    assert answer.json()["reinstated"] == [
        {"lot": "2.1", "currency": "points", "points": 20, "repaid": 0, "expires_at": "2030-12-23T23:00:00Z"}
    ]
    assert answer.json()["member"]["balances"]["points"]["available"] == 20
    told = (await till.get("/v1/members/ann/history?kind=reinstated")).json()["items"]
    assert [(one["text"], one["points"]) for one in told] == [("20 expired points came back: closed for works", 20)]
    lots = (await till.get("/v1/members/ann/lots")).json()["items"]
    assert [(one["id"], one["remaining"], one["state"]) for one in lots] == [("2.1", 20, "open")]


@pytest.mark.parametrize("verb", ["extend", "reinstate"])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lots": []}, "invalid-payload"),
        ({"lots": ["9.9"]}, "unknown-lot"),
        ({"lots": [""]}, "bad-id"),
        ({"expires_at": "2030-12-24T00:00:00"}, "bad-time"),
        ({"expires_at": "2030-01-01T00:00:00Z"}, "not-eligible"),
        ({"reason": ""}, "invalid-payload"),
        ({"reason": "x" * 5000}, "invalid-payload"),
        ({"member": "bob"}, "unknown-member"),
    ],
)
async def test_each_refusal_names_its_reason(till: Someone, verb: str, change: Json, code: str) -> None:
    answer = await till.post(f"/v1/lots/{verb}", LIVE | change)
    assert (400 <= answer.status_code < 500, answer.json()["code"]) == (True, code), answer.text


async def test_a_till_may_not_do_what_an_operator_may(till: Someone) -> None:
    client, operator = await with_scopes(till, "client"), await with_scopes(till, "operator")
    assert (await client.post("/v1/lots/extend", LIVE)).json()["code"] == "missing-scope"
    assert (await client.post("/v1/lots/reinstate", LIVE)).json()["code"] == "missing-scope"
    assert (await operator.post("/v1/lots/extend", LIVE)).status_code == 201
