"""Manual floors over HTTP: an operator keeps a member from falling below a level."""

import asyncio

import msgspec
import pytest

from api.http import shapes
from application.samples import COFFEE
from tests.http.conftest import Json, Someone, purchase, with_scopes

pytestmark = pytest.mark.anyio

FLOOR = "/v1/members/ann/tiers/status/floor"


async def _put(caller: Someone, body: Json, path: str = FLOOR, **headers: str) -> tuple[int, Json]:
    headers = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await caller.ask("PUT", path, content=msgspec.json.encode(body), headers=headers)
    return answer.status_code, answer.json()


@pytest.fixture
async def match(shop: Someone) -> Someone:
    """The clock stands on 4 March 2030 at noon."""
    assert (await shop.post("/v1/clock", {"now": "2030-03-04T12:00:00Z"})).status_code == 200
    return shop


async def test_a_floor_raises_at_once_and_ends_by_itself(match: Someone) -> None:
    status, done = await _put(
        match, {"level": "gold", "reason": "gold elsewhere", "until": "2031-03-01T00:00:00+01:00"}
    )
    assert status == 200
    standing = msgspec.convert(done["member"], shapes.Member).tiers["status"]
    assert (standing.level, standing.floor) == (
        "gold", shapes.TierFloor(level="gold", until=standing.valid_until, holds=True, own=None),
    )  # fmt: skip
    history = (await match.get("/v1/members/ann/history")).json()["items"]
    assert [(item["kind"], item["text"]) for item in history][-3:] == [
        ("tier_floor", "status: never below gold until 2031-02-28 23:00 UTC: gold elsewhere"),
        ("tier_changed", "status: from no level to gold (floor)"),
        ("tier_held", "status: no level of its own, held at gold by the floor"),
    ]
    await match.post("/v1/clock", {"now": "2031-03-01T00:00:00+01:00"})
    found = (await match.get("/v1/members/ann")).json()["tiers"]["status"]
    assert (found["level"], found["floor"]) == (None, None)


async def test_rules_reward_the_level_of_a_floor_and_say_why(match: Someone) -> None:
    await _put(match, {"level": "gold", "reason": "gold elsewhere"})
    await match.post("/v1/clock", {"now": "2030-03-05T12:00:00Z"})
    done = (await match.post("/v1/activities", purchase(occurred_at="2030-03-05T12:00:00Z"))).json()
    assert [(award["rule"], award["granted"]) for award in done["awards"]] == [("base", 105), ("gold-bonus", 52)]
    why = (await match.get(f"/v1/activities/{done['ref']}/explanation")).json()
    assert why["read"]["member.tiers.status.level"] == "gold"


async def test_lifting_puts_the_member_where_its_counters_say(match: Someone) -> None:
    await _put(match, {"level": "gold", "reason": "gold elsewhere"})
    lifted = await match.ask("DELETE", f"{FLOOR}?reason=by%20mistake")
    assert lifted.status_code == 200
    assert lifted.json()["member"]["tiers"]["status"]["level"] is None
    (*_, said) = (await match.get("/v1/members/ann/history?kind=tier_floor")).json()["items"]
    assert said["text"] == "status: the floor was lifted: by mistake"
    assert (await match.ask("DELETE", FLOOR)).status_code == 200


async def test_a_repeated_request_is_done_once(match: Someone) -> None:
    body = {"level": "gold", "reason": "gold elsewhere"}
    _, first = await _put(match, body, idempotency_key="k1")
    _, again = await _put(match, body, idempotency_key="k1")
    assert first["position"] == again["position"]
    status, other = await _put(match, body | {"level": "silver"}, idempotency_key="k1")
    assert (status, other["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (FLOOR, {"level": "golden", "reason": "x"}, 404, "unknown-tier"),
        ("/v1/members/ann/tiers/other/floor", {"level": "gold", "reason": "x"}, 404, "unknown-tier"),
        ("/v1/members/zoe/tiers/status/floor", {"level": "gold", "reason": "x"}, 404, "unknown-member"),
        (FLOOR, {"level": "gold", "reason": "x", "until": "2030-03-04T12:00:00Z"}, 422, "bad-time"),
        (FLOOR, {"level": "gold", "reason": "x", "until": "2031-01-01T00:00:00"}, 422, "bad-time"),
        (FLOOR, {"level": "gold", "reason": "x" * 1001}, 422, "invalid-payload"),
        (FLOOR, {"level": "gold"}, 422, "invalid-payload"),
        (FLOOR, {"level": "gold", "reason": "x", "since": "2026-01-01T00:00:00Z"}, 400, "unknown-field"),
    ],
)
async def test_what_cannot_be_is_refused(match: Someone, path: str, body: Json, status: int, code: str) -> None:
    found = await _put(match, body, path)
    assert (found[0], found[1]["code"]) == (status, code)


async def test_a_set_without_floors_and_a_client_s_key_are_refused(match: Someone) -> None:
    client = await with_scopes(match, "client")
    assert (await _put(client, {"level": "gold", "reason": "x"}))[1]["code"] == "missing-scope"
    assert (await client.ask("DELETE", FLOOR)).json()["code"] == "missing-scope"
    tiers = {"status": COFFEE["tiers"]["status"] | {"floor": False}}
    draft = (await match.post("/v1/rulebooks", {"document": COFFEE | {"tiers": tiers}})).json()
    assert (await match.post(f"/v1/rulebooks/{draft['draft']}/publish", {})).status_code == 201
    assert (await _put(match, {"level": "gold", "reason": "x"}))[1]["code"] == "floor-not-allowed"


async def test_the_log_of_a_floor_verifies_and_outlives_the_person(match: Someone) -> None:
    await _put(match, {"level": "gold", "reason": "gold elsewhere", "until": "2031-03-01T00:00:00+01:00"})
    assert (await match.ask("DELETE", "/v1/members/ann")).status_code == 200
    assert (await _put(match, {"level": "silver", "reason": "x"}))[1]["code"] == "member-erased"
    await match.post("/v1/clock", {"now": "2031-04-01T00:00:00Z"})
    job = (await match.post("/v1/audit/verify")).json()["job"]
    found: Json = {"state": "running"}
    for _ in range(200):
        found = (await match.get(f"/v1/jobs/{job}")).json()
        if found["state"] != "running":
            break
        await asyncio.sleep(0.05)
    assert (found["result"]["different"], found["result"]["first"]) == (0, None)
