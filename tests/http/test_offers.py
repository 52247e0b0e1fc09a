"""Offers over HTTP: assigned, seen, completed, read; and codes of coupons, each refusal with its own code."""

from typing import Any

import msgspec
import pytest

from api.http import shapes
from tests.http.conftest import Json, Someone, with_scopes

pytestmark = pytest.mark.anyio

NOW = "2030-03-03T10:00:00+01:00"
BOOK: Json = {
    "currencies": {"points": {}},
    "activities": {
        "purchase": {
            "data": {"type": "object", "properties": {"amount_minor": {"type": "integer"}}},
            "measures": {"spend": "activity.amount_minor"},
        },
        "offer.viewed": {
            "data": {"type": "object", "properties": {"offer_id": {"type": "string"}}},
            "role": "views",
            "offer": "activity.offer_id",
        },
    },
    "offers": {
        "bogo10": {
            "goal": {"one_above": 1000},
            "of": "purchase.spend",
            "window": "PT168H",
            "reward": {"currency": "points", "points": 10},
        },
        "seen": {"goal": {"sum": 500}, "of": "purchase.spend", "window": "P7D", "requires_view": True},
        "spring": {
            "reward": {"currency": "points", "points": 5},
            "coupon": {
                "campaign": "c1",
                "codes": ["SPRING", "TWICE"],
                "from": "2030-03-02",
                "to": "2030-03-08",
                "uses": 2,
            },
        },
        "summer": {"coupon": {"campaign": "c2", "codes": ["SUMMER"], "from": "2030-06-01", "to": "2030-06-30"}},
    },
}


@pytest.fixture
async def fair(admin: Someone) -> Someone:
    """The admin of a program with offers and the member ann; its clock stands on 3 March."""
    assert (await admin.post("/v1/clock", {"now": NOW})).status_code == 200
    draft = (await admin.post("/v1/rulebooks", {"document": BOOK})).json()
    assert draft["findings"] == []
    assert (await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})).status_code == 201
    assert (await admin.post("/v1/members", {"id": "ann"})).status_code == 201
    return admin


def _bought(amount: int, name: str = "p1", at: str = NOW, **more: Any) -> Json:
    return {"id": name, "source": "shop", "type": "purchase", "member": "ann", "occurred_at": at,
            "data": {"amount_minor": amount}, **more}  # fmt: skip


async def _assigned(fair: Someone, offer: str, **more: Any) -> Json:
    answer = await fair.post(f"/v1/offers/{offer}/assignments", {"member": "ann", **more})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def test_an_offer_is_assigned_completed_and_read(fair: Someone) -> None:
    made = await _assigned(fair, "bogo10", at=NOW)
    msgspec.convert(made, shapes.OfferAssigned)
    assert made["assignment"]["ends_at"] == "2030-03-10T09:00:00Z"
    slot = made["assignment"]["slot"]
    (open_slot,) = (await fair.get("/v1/members/ann")).json()["offers"]
    assert (open_slot["state"], open_slot["progress"], open_slot["target"]) == ("open", 0, 1)
    activity = (await fair.post("/v1/activities", _bought(1_001))).json()
    assert activity["effects"] == [{"kind": "offer_completed", "offer": "bogo10", "slot": slot}]
    assert [(one["rule"], one["granted"]) for one in activity["awards"]] == [("offer:bogo10", 10)]
    told = (await fair.get(f"/v1/activities/{activity['ref']}/explanation")).json()
    assert told["offers"] == [
        {"offer": "bogo10", "slot": slot, "step": 1, "progress": 1, "target": 1, "completed": True, "note": None}
    ]
    items = (await fair.get("/v1/members/ann/offers")).json()["items"]
    assert [(one["slot"], one["state"], one["completed_at"]) for one in items] == [
        (slot, "completed", "2030-03-03T09:00:00Z")
    ]
    returned = await fair.post(
        "/v1/returns",
        {"id": "r1", "source": "shop", "activity": {"source": "shop", "id": "p1"}, "occurred_at": NOW},
    )
    assert returned.json()["effects"] == [{"kind": "offer_reopened", "offer": "bogo10", "slot": slot}]
    assert returned.json()["member"]["balances"]["points"]["available"] == 0
    texts = [one["text"] for one in (await fair.get("/v1/members/ann/history")).json()["items"]]
    assert texts[1:] == [
        "The offer bogo10 was assigned, until 2030-03-10 09:00 UTC",
        "purchase p1 from shop",
        "+1 for the offer bogo10, which makes 1",
        "The offer bogo10 was completed",
        "10 points earned by offer:bogo10",
        "Return r1 from shop of 1001 minor units",
        "-1 for the offer bogo10, which makes 0",
        "The offer bogo10 is not completed any more, after a return",
        "10 points of offer:bogo10 taken back",
    ]


async def test_an_explanation_says_why_an_activity_counts_nothing(fair: Someone) -> None:
    for offer in ("bogo10", "seen", "spring"):
        await _assigned(fair, offer)
    await fair.post("/v1/clock", {"now": "2030-03-04T10:00:00+01:00"})
    activity = (await fair.post("/v1/activities", _bought(1_000, at="2030-03-04T09:30:00+01:00"))).json()
    told = (await fair.get(f"/v1/activities/{activity['ref']}/explanation")).json()
    assert [(one["offer"], one["step"], one["note"]) for one in told["offers"]] == [
        ("bogo10", 0, "does not qualify"),
        ("seen", 0, "not seen by then"),
        ("spring", 0, "the offer has no goal"),
    ]


async def test_offers_say_which_are_in_reach_and_why_others_are_not(fair: Someone) -> None:
    for offer in ("bogo10", "seen", "summer"):
        await _assigned(fair, offer)
    items = (await fair.get("/v1/offers?member=ann")).json()["items"]
    assert [(one["offer"], one["eligible"], one["reasons"]) for one in items] == [
        ("bogo10", True, []),
        ("seen", False, ["not-viewed"]),
        ("spring", False, ["not-assigned"]),
        ("summer", False, ["outside-window"]),
    ]
    assert len(items[0]["slots"]) == 1
    plain = (await fair.get("/v1/offers")).json()["items"]
    assert plain[2] == {
        "offer": "spring",
        "reward": {"currency": "points", "points": 5},
        "coupon": {"campaign": "c1", "from": "2030-03-02", "to": "2030-03-08", "uses": 2},
    }


async def test_a_code_that_is_good_gives_its_reward(fair: Someone) -> None:
    await _assigned(fair, "spring")
    answer = await fair.post("/v1/codes/redeem", {"code": "SPRING", "member": "ann", "campaign": "c1"})
    assert answer.status_code == 201, answer.text
    msgspec.convert(answer.json(), shapes.CodeRedeemed)
    assert answer.json()["member"]["balances"]["points"]["available"] == 5
    (effect,) = answer.json()["effects"]
    assert (effect["kind"], effect["offer"]) == ("code_redeemed", "spring")


async def test_each_refusal_of_a_code_names_its_reason_and_nothing_is_done(fair: Someone) -> None:
    async def code(name: str, **more: Any) -> str:
        answer = await fair.post("/v1/codes/redeem", {"code": name, "member": "ann", **more})
        assert answer.status_code == 409, answer.text
        found: str = answer.json()["code"]
        return found

    assert await code("SPRING") == "code-not-targeted"
    await _assigned(fair, "spring", at="2030-03-01T09:00:00+01:00")
    await _assigned(fair, "summer")
    assert await code("OTHER") == "code-not-in-campaign"
    assert await code("SPRING", campaign="c2") == "code-not-in-campaign"
    assert await code("SPRING", at="2030-03-01T23:59:59+01:00") == "code-outside-window"
    assert await code("SUMMER") == "code-outside-window"
    for _ in range(2):
        assert (await fair.post("/v1/codes/redeem", {"code": "TWICE", "member": "ann"})).status_code == 201
    before = (await fair.get("/v1/members/ann")).json()
    assert await code("TWICE") == "code-used"
    assert (await fair.get("/v1/members/ann")).json() == before


async def test_a_repeated_request_is_answered_again_and_done_once(fair: Someone) -> None:
    key = {"idempotency-key": "k1"}
    first = await fair.post("/v1/offers/spring/assignments", {"member": "ann"}, headers=key)
    again = await fair.post("/v1/offers/spring/assignments", {"member": "ann"}, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await fair.post("/v1/offers/bogo10/assignments", {"member": "ann"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    key = {"idempotency-key": "k2"}
    first = await fair.post("/v1/codes/redeem", {"code": "SPRING", "member": "ann"}, headers=key)
    again = await fair.post("/v1/codes/redeem", {"code": "SPRING", "member": "ann"}, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert first.json()["member"]["balances"]["points"]["available"] == 5


async def test_what_cannot_be_is_refused(fair: Someone) -> None:
    table: list[tuple[str, Json, int, str]] = [
        ("/v1/offers/none/assignments", {"member": "ann"}, 404, "unknown-offer"),
        ("/v1/offers/bogo10/assignments", {"member": "zoe"}, 404, "unknown-member"),
        ("/v1/offers/bogo10/assignments", {"member": "ann", "at": "2031-01-01T00:00:00Z"}, 422, "from-the-future"),
        ("/v1/offers/bogo10/assignments", {"member": "ann", "until": 1}, 400, "unknown-field"),
        ("/v1/offers/spring/assignments", {"member": "ann", "at": "2029-01-01T00:00:00"}, 422, "bad-time"),
        ("/v1/codes/redeem", {"code": "", "member": "ann"}, 422, "bad-id"),
        ("/v1/codes/redeem", {"code": "A\n", "member": "ann"}, 422, "bad-id"),
    ]
    for path, body, status, code in table:
        answer = await fair.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    client = await with_scopes(fair, "client")
    assert (await client.post("/v1/offers/bogo10/assignments", {"member": "ann"})).status_code == 403


async def test_a_member_as_of_a_moment_has_the_offers_of_that_moment(fair: Someone) -> None:
    await _assigned(fair, "seen", at="2030-03-01T10:00:00+01:00")
    viewed = {"id": "v1", "source": "app", "type": "offer.viewed", "member": "ann", "data": {"offer_id": "seen"}}
    await fair.post("/v1/activities", viewed | {"occurred_at": "2030-03-02T10:00:00+01:00"})
    await fair.post("/v1/activities", _bought(300, "p1", "2030-03-02T11:00:00+01:00"))
    await fair.post("/v1/activities", _bought(300, "p2", "2030-03-03T09:00:00+01:00"))
    (now,) = (await fair.get("/v1/members/ann")).json()["offers"]
    assert (now["state"], now["progress"]) == ("completed", 600)
    (then,) = (await fair.get("/v1/members/ann?as_of=2030-03-02T12:00:00%2B01:00")).json()["offers"]
    assert (then["state"], then["progress"]) == ("open", 300)
    before = (await fair.get("/v1/members/ann?as_of=2030-02-28T12:00:00%2B01:00")).json()
    assert before["offers"] == []
