"""`Prefer: respond-async`: taken now, recorded later, lost never."""

from typing import Any

import msgspec
import pytest
from httpx2 import Response
from litestar import Litestar

from api.http.activities import NDJSON
from api.http.cloudevents import STRUCTURED
from application.draining import Drain
from application.members import erase_again
from infrastructure.database import connect
from tests.http.conftest import Json, Someone, purchase, with_scopes
from tests.http.test_metrics import metrics

pytestmark = pytest.mark.anyio

LATER = {"prefer": "respond-async"}


async def take(someone: Someone, body: Any, key: str | None = None) -> Response:
    keyed = {"idempotency-key": key} if key is not None else {}
    return await someone.post("/v1/activities", body, headers=LATER | keyed)


async def drain(app: Litestar) -> int:
    wired = app.state.wired
    return await Drain(wired.handler, wired.inbox).drain()


async def state(someone: Someone, taken: Response) -> Json:
    found: Json = (await someone.get(taken.headers["location"])).json()
    return found


async def available(someone: Someone) -> int:
    """What ann has beside her welcome."""
    points: int = (await someone.get("/v1/members/ann")).json()["balances"]["points"]["available"]
    return points - 50


async def test_an_activity_is_taken_and_recorded_later(app: Litestar, shop: Someone) -> None:
    taken = await take(shop, purchase())
    assert taken.status_code == 202
    assert taken.headers["preference-applied"] == "respond-async"
    assert taken.headers["location"] == f"/v1/activities/inbox/{taken.json()['inbox']}"
    assert taken.json()["state"] == "waiting"
    before = await state(shop, taken)
    assert (before["state"], before["source"], before["id"], before["member"]) == (
        "waiting", "shop", "order-1", "ann",
    )  # fmt: skip
    assert await available(shop) == 0
    assert await drain(app) == 1
    assert await available(shop) == 105
    after = await state(shop, taken)
    assert (after["state"], after["problem"]) == ("recorded", None)
    recorded = (await shop.get(f"/v1/activities/{after['activity']}?at_least={after['position']}")).json()
    assert recorded["ref"] == after["activity"]
    assert [award["granted"] for award in recorded["awards"]] == [105]


@pytest.mark.parametrize("prefer", ["wait=10, respond-async", "Respond-Async; a=b", "handling=lenient,respond-async"])
async def test_the_preference_may_stand_among_others(prefer: str, shop: Someone) -> None:
    assert (await shop.post("/v1/activities", purchase(), headers={"prefer": prefer})).status_code == 202


@pytest.mark.parametrize("prefer", ["wait=10", "return=minimal", "respond-sync", ""])
async def test_any_other_preference_is_none(prefer: str, shop: Someone) -> None:
    assert (await shop.post("/v1/activities", purchase(), headers={"prefer": prefer})).status_code == 201


async def test_the_same_again_is_the_same_entry_and_once_recorded_its_answer(app: Litestar, shop: Someone) -> None:
    first, again = await take(shop, purchase(), "k"), await take(shop, purchase(), "k")
    assert (first.status_code, again.status_code) == (202, 202)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert await drain(app) == 1
    late = await take(shop, purchase(), "k")
    assert (late.status_code, late.headers["idempotent-replayed"]) == (200, "true")
    assert late.json()["ref"] == (await state(shop, first))["activity"]
    assert (await shop.post("/v1/activities", purchase(), headers={"idempotency-key": "k"})).status_code == 200
    assert await available(shop) == 105


async def test_repeats_are_known_whichever_way_came_first(app: Litestar, shop: Someone) -> None:
    waiting = await take(shop, purchase("waits"), "k-1")
    assert (await take(shop, purchase("waits", data={"amount_minor": 1}))).json()["code"] == "activity-differs"
    assert (await take(shop, purchase("another"), "k-1")).json()["code"] == "idempotency-key-reused"
    assert (await shop.post("/v1/activities", purchase("there"), headers={"idempotency-key": "k-2"})).status_code == 201
    assert (await take(shop, purchase("there"))).status_code == 200
    assert (await take(shop, purchase("there", data={"amount_minor": 1}))).json()["code"] == "activity-differs"
    assert (await take(shop, purchase("new"), "k-2")).json()["code"] == "idempotency-key-reused"
    # What waits is no obstacle to who cannot wait; its turn finds it recorded.
    assert (await shop.post("/v1/activities", purchase("waits"), headers={"idempotency-key": "k-1"})).status_code == 201
    assert await drain(app) == 1
    assert (await state(shop, waiting))["state"] == "recorded"
    assert await available(shop) == 210


async def test_what_is_wrong_in_itself_is_refused_at_once(shop: Someone) -> None:
    for body, code in (
        (b"{", "malformed-json"),
        (purchase(more=1), "unknown-field"),
        (purchase(id=""), "bad-id"),
        (purchase(occurred_at="2026-11-21T10:00:00"), "bad-time"),
        (purchase(time_zone="Nowhere/Nothing"), "bad-time"),
        (purchase(member_email="ann@example.org"), "invalid-payload"),
        (purchase(member=None, member_email="nobody"), "invalid-payload"),
    ):
        assert (await take(shop, body)).json()["code"] == code
    assert (await shop.get("/v1/activities/inbox?state=waiting")).json()["items"] == []


async def test_what_the_rules_refuse_is_parked_with_the_code_and_can_be_mended_and_tried_again(
    app: Litestar, shop: Someone
) -> None:
    wrong = await take(shop, purchase("wrong", data={"amount_minor": "much"}), "k")
    nobody = await take(shop, purchase("nobody", member="bob"))
    fine = await take(shop, purchase("fine"))
    assert await drain(app) == 3
    assert (await state(shop, fine))["state"] == "recorded"
    assert (await state(shop, wrong))["problem"]["code"] == "invalid-payload"
    parked = (await shop.get("/v1/activities/inbox")).json()["items"]
    assert [(one["id"], one["state"], one["problem"]["code"]) for one in parked] == [
        ("wrong", "parked", "invalid-payload"),
        ("nobody", "parked", "unknown-member"),
    ]
    (only,) = (await shop.get("/v1/activities/inbox?code=unknown-member&member=bob")).json()["items"]
    assert only["inbox"] == nobody.json()["inbox"]
    # Who is enrolled by now earns; a refusal binds neither name nor key, so another body may mend it.
    await shop.post("/v1/members", {"id": "bob"})
    assert (await shop.post("/v1/activities/inbox/retry", {"code": "unknown-member"})).json() == {"retried": 1}
    mended = await take(shop, purchase("wrong"), "k")
    assert (mended.status_code, mended.json()) == (202, wrong.json())
    assert await drain(app) == 2
    assert (await state(shop, nobody))["state"] == "recorded"
    assert (await state(shop, wrong))["state"] == "recorded"
    assert (await shop.get("/v1/activities/inbox")).json() == {"items": [], "next_cursor": None}
    assert await available(shop) == 210


async def test_parked_ones_are_retried_by_name_and_discarded_one_by_one(app: Litestar, shop: Someone) -> None:
    names = [(await take(shop, purchase(f"n{i}", member="bob"))).json()["inbox"] for i in range(3)]
    assert await drain(app) == 3
    first = (await shop.get("/v1/activities/inbox?limit=2")).json()
    second = (await shop.get(f"/v1/activities/inbox?limit=2&cursor={first['next_cursor']}")).json()
    assert [one["inbox"] for one in first["items"] + second["items"]] == names
    assert (await shop.post("/v1/activities/inbox/retry", {"inbox": names[:1]})).json() == {"retried": 1}
    assert (await shop.post("/v1/activities/inbox/retry", {"inbox": []})).json() == {"retried": 0}
    assert (await shop.ask("DELETE", f"/v1/activities/inbox/{names[0]}")).status_code == 404
    gone = await shop.ask("DELETE", f"/v1/activities/inbox/{names[1]}")
    assert (gone.status_code, gone.json()["state"]) == (200, "parked")
    assert (await shop.get(f"/v1/activities/inbox/{names[1]}")).json()["code"] == "unknown-inbox-entry"
    assert (await shop.get("/v1/activities/inbox/in_1")).json()["code"] == "unknown-inbox-entry"
    assert (await shop.post("/v1/activities/inbox/retry", {})).json() == {"retried": 1}


async def test_another_program_and_a_client_see_nothing_of_it(shop: Someone, stranger: Someone) -> None:
    taken = await take(shop, purchase())
    assert (await stranger.get(taken.headers["location"])).status_code == 404
    assert (await stranger.get("/v1/activities/inbox?state=waiting")).json()["items"] == []
    assert (await (await with_scopes(shop, "client")).get("/v1/activities/inbox")).json()["code"] == "missing-scope"


async def test_a_batch_is_taken_item_by_item(app: Litestar, shop: Someone) -> None:
    await shop.post("/v1/activities", purchase("there"))
    items = [purchase("a"), {"id": "b"}, purchase("there"), purchase("a"), purchase("c"), purchase("bad", member="#")]
    items[5]["source"] = "guerdon"
    taken = await shop.post("/v1/activities/batch", items, headers=LATER | {"idempotency-key": "k"})
    assert taken.status_code == 202
    found = taken.json()["items"]
    assert [one["status"] for one in found] == [202, 422, 200, 202, 202, 422]
    assert found[3]["answer"] == found[0]["answer"]
    again = await shop.post("/v1/activities/batch", items, headers=LATER | {"idempotency-key": "k"})
    assert [one["status"] for one in again.json()["items"]] == [202, 422, 200, 202, 202, 422]
    assert await drain(app) == 2
    assert await available(shop) == 315


async def test_lines_and_cloud_events_are_taken_too(app: Litestar, shop: Someone) -> None:
    lines = b"\n".join(msgspec.json.encode(purchase(f"l{i}")) for i in range(3))
    taken = await shop.post("/v1/activities/batch", lines, headers=LATER | {"content-type": NDJSON})
    assert taken.status_code == 202
    assert [msgspec.json.decode(line)["status"] for line in taken.content.splitlines()] == [202] * 3
    event = {
        "specversion": "1.0", "id": "e1", "source": "shop", "type": "purchase", "subject": "ann",
        "time": "2026-11-21T10:00:00Z", "data": {"amount_minor": 10_500},
    }  # fmt: skip
    body = msgspec.json.encode(event)
    assert (await shop.post("/v1/activities", body, headers=LATER | {"content-type": STRUCTURED})).status_code == 202
    assert await drain(app) == 4
    assert await available(shop) == 420


async def test_no_more_is_taken_than_may_wait(app: Litestar, shop: Someone) -> None:
    app.state.wired = msgspec.structs.replace(
        app.state.wired, settings=msgspec.structs.replace(app.state.wired.settings, most_waiting=2)
    )
    assert [(await take(shop, purchase(f"o{i}"))).status_code for i in range(2)] == [202, 202]
    full = await take(shop, purchase("o2"))
    assert (full.status_code, full.json()["code"]) == (503, "backlog-full")
    assert int(full.headers["retry-after"]) >= 1
    batch = await shop.post("/v1/activities/batch", [purchase("o3")], headers=LATER)
    assert batch.json()["code"] == "backlog-full"
    assert (await shop.post("/v1/activities", purchase("o4"))).status_code == 201
    assert await drain(app) == 2
    assert (await take(shop, purchase("o2"))).status_code == 202


async def test_what_waits_is_cipher_text_and_goes_with_the_member(
    app: Litestar, shop: Someone, database_url: str
) -> None:
    def stored() -> str:
        with connect(database_url) as connection:
            return str(connection.execute("SELECT * FROM inbox").fetchall())

    await take(shop, purchase(metadata={"note": "by the harbour"}))
    mailed = await take(shop, purchase("o2", member=None, member_email="ann@example.org", type="mystery"))
    await take(shop, purchase("o3", type="mystery"))
    assert "harbour" not in stored()
    assert "ann@example.org" not in stored()
    assert await drain(app) == 3
    assert (await state(shop, mailed))["problem"]["code"] == "unknown-activity-type"
    waits = await take(shop, purchase("o4", metadata={"note": "too late"}))
    assert (await shop.ask("DELETE", "/v1/members/ann")).status_code == 200
    assert (await shop.get("/v1/activities/inbox")).json()["items"] == []
    assert await drain(app) == 1
    late = await state(shop, waits)
    assert (late["problem"]["code"], late["member"]) == ("member-erased", None)
    assert "'member:ann'" not in stored()
    # There is nothing left of it to try again.
    assert (await shop.post("/v1/activities/inbox/retry", {})).json() == {"retried": 0}


async def test_what_is_parked_goes_with_an_erasure_whoever_asks_for_it(
    app: Litestar, shop: Someone, database_url: str
) -> None:
    """Such as `guerdon erasures apply` after a restored backup, and whoever was merged into the member."""
    await shop.post("/v1/members", {"id": "anna", "email": "anna@example.org"})
    await take(shop, purchase("o1", member="anna", type="mystery"))
    await take(shop, purchase("o2", member=None, member_email="anna@example.org", type="mystery"))
    assert await drain(app) == 2
    handler = app.state.wired.handler
    loaded, known = await handler.find("main", "anna")
    assert await erase_again(handler, known.program.id, loaded.stream, actor="cli", reason="restored")
    assert (await shop.get("/v1/activities/inbox")).json()["items"] == []
    with connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM inbox").fetchone() == (0,)


async def test_what_waits_and_what_is_parked_is_counted(app: Litestar, shop: Someone) -> None:
    await take(shop, purchase("bad", type="mystery"))
    await drain(app)
    await take(shop, purchase())
    found = await metrics(shop)
    assert found["guerdon_inbox_waiting",] == 1
    assert found["guerdon_inbox_parked",] == 1
    assert found["guerdon_inbox_oldest_seconds",] >= 0
    assert found["guerdon_activities_total", "taken"] == 2
