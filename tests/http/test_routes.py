"""What routes answer: activities in every envelope, batches, the clock, reading what was written, the log."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from api.http import shapes
from tests.http.conftest import Json, Someone, purchase, with_scopes

pytestmark = pytest.mark.anyio

_EVENT: Json = {
    "specversion": "1.0",
    "id": "order-1",
    "source": "shop",
    "type": "purchase",
    "subject": "ann",
    "time": "2026-11-21T10:00:00+01:00",
    "datacontenttype": "application/json",
    "traceparent": "00-1",
    "data": {"amount_minor": 10_500},
}


def _fits(answer: Any, shape: type) -> None:
    msgspec.convert(answer, shape)


async def test_answers_have_the_documented_shapes(shop: Someone) -> None:
    activity = (await shop.post("/v1/activities", purchase())).json()
    _fits(activity, shapes.Activity)
    _fits((await shop.get(f"/v1/activities/{activity['ref']}")).json(), shapes.Activity)
    _fits((await shop.get(f"/v1/activities/{activity['ref']}/explanation")).json(), shapes.Explanation)
    _fits((await shop.post("/v1/activities/simulate", purchase("x"))).json(), shapes.Simulated)
    _fits((await shop.post("/v1/activities/batch", [purchase("b"), {}])).json(), shapes.Batch)
    _fits((await shop.post("/v1/members", {"id": "bob"})).json(), shapes.Enrolled)
    then = activity["recorded_at"]
    for query in ("", f"?known_at={then}", f"?as_of={then}"):
        _fits((await shop.get(f"/v1/members/ann{query}")).json(), shapes.Member)
    _fits((await shop.ask("PATCH", "/v1/members/ann", json={"consents": {"mail": True}})).json(), shapes.MemberWritten)
    _fits((await shop.post("/v1/members/ann/status", {"status": "active", "reason": "x"})).json(), shapes.MemberWritten)
    redemption = {"id": "r", "member": "ann", "currency": "points", "points": 100}
    _fits((await shop.post("/v1/redemptions", redemption)).json(), shapes.Redeemed)
    adjustment = {"id": "a", "member": "ann", "currency": "points", "points": 5, "reason": "x"}
    _fits((await shop.post("/v1/adjustments", adjustment)).json(), shapes.Adjusted)
    returned = {
        "id": "t",
        "source": "shop",
        "activity": {"source": "shop", "id": "order-1"},
        "occurred_at": "2026-11-21T12:00:00Z",
    }
    _fits((await shop.post("/v1/returns", returned)).json(), shapes.Returned)
    for path in ("history", "lots"):
        _fits((await shop.get(f"/v1/members/ann/{path}")).json(), shapes.Page)
    _fits((await shop.get("/v1/members/ann/statement")).json(), shapes.Statement)
    _fits((await shop.get("/v1/members/ann/expiring")).json(), shapes.Expiring)
    _fits((await shop.get("/v1/log")).json(), shapes.Page)
    _fits((await shop.get("/v1/audit/members/ann")).json(), shapes.AuditedMember)
    _fits((await shop.get("/v1/rulebooks")).json(), shapes.Rulebooks)
    _fits((await shop.get("/v1/rulebooks/1")).json(), shapes.Rulebook)
    _fits((await shop.get("/v1/rulebooks/rb_1")).json(), shapes.Draft)
    _fits((await shop.get("/v1/rulebooks/1/diff/1")).json(), shapes.Difference)
    _fits((await shop.get("/v1/keys")).json(), shapes.KeyList)
    _fits((await shop.get("/v1/clock")).json(), shapes.ClockAnswer)
    _fits((await shop.ask("DELETE", "/v1/members/bob")).json(), shapes.MemberErased)


async def test_cloud_events_are_the_same_activities(shop: Someone) -> None:
    plain = await shop.post("/v1/activities", _EVENT, headers={"content-type": "application/cloudevents+json"})
    assert plain.status_code == 201, plain.text
    headers = {f"ce-{name}": value for name, value in _EVENT.items() if isinstance(value, str)}
    binary = await shop.post("/v1/activities", _EVENT["data"], headers=headers)
    assert (binary.status_code, binary.json()) == (200, plain.json())
    batched = await shop.post(
        "/v1/activities",
        [_EVENT, _EVENT | {"id": "order-2"}, _EVENT | {"specversion": "0.3"}, 7],
        headers={"content-type": "application/cloudevents-batch+json"},
    )
    assert [item["status"] for item in batched.json()["items"]] == [200, 201, 422, 422]


async def test_bad_cloud_events_are_refused_with_their_place(shop: Someone) -> None:
    table: list[tuple[Json, str]] = [
        ({"time": None}, "/occurred_at"),
        ({"data_base64": "AA=="}, "/data_base64"),
        ({"datacontenttype": "text/xml"}, "/datacontenttype"),
        ({"specversion": "2"}, "/specversion"),
    ]
    for change, at in table:
        answer = await shop.post(
            "/v1/activities", _EVENT | change, headers={"content-type": "application/cloudevents+json"}
        )
        assert 400 <= answer.status_code < 500
        assert answer.json()["errors"][0]["at"] == at, answer.text


async def test_a_batch_answers_each_item_on_its_own(shop: Someone) -> None:
    items = [
        json.dumps(purchase("b-1")),
        json.dumps(purchase("b-1", data={"amount_minor": 1})),
        "{",
        json.dumps(purchase("b-2", member="zoe")),
        json.dumps(purchase("b-1")),
        json.dumps(purchase("b-3")),
    ]
    lines = await shop.post(
        "/v1/activities/batch", "\n".join(items).encode() + b"\n", headers={"content-type": "application/x-ndjson"}
    )
    found = [json.loads(line) for line in lines.text.splitlines()]
    assert [item["index"] for item in found] == [0, 1, 2, 3, 4, 5]
    assert [item["status"] for item in found] == [201, 409, 400, 404, 200, 201]
    assert found[1]["problem"]["code"] == "activity-differs"
    assert found[0]["answer"] == found[4]["answer"]


async def test_a_batch_is_repeated_under_its_key(shop: Someone) -> None:
    items = [purchase(f"b-{number}") for number in range(30)]
    first = await shop.post("/v1/activities/batch", items, headers={"idempotency-key": "batch"})
    again = await shop.post("/v1/activities/batch", items, headers={"idempotency-key": "batch"})
    assert {item["status"] for item in first.json()["items"]} == {201}
    assert {item["status"] for item in again.json()["items"]} == {200}
    assert again.json()["position"] == first.json()["position"]


async def test_a_batch_is_bounded(shop: Someone) -> None:
    answer = await shop.post("/v1/activities/batch", b"[" + b"1," * 10_000 + b"1]")
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    for body, code in ((b"{}", "invalid-payload"), (b"[", "malformed-json"), (b"[" * 100_000, "malformed-json")):
        answer = await shop.post("/v1/activities/batch", body)
        assert answer.json()["code"] == code
    assert (await shop.post("/v1/activities/batch", [])).json()["items"] == []


async def test_of_parallel_requests_with_one_key_one_counts(shop: Someone) -> None:
    wishes = [shop.post("/v1/activities", purchase(), headers={"idempotency-key": "same"}) for _ in range(20)]
    answers = await asyncio.gather(*wishes)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"in-progress"}
    member = (await shop.get("/v1/members/ann")).json()
    assert member["balances"]["points"]["available"] == 155


async def test_a_read_waits_for_what_was_written_and_says_when_it_is_behind(shop: Someone) -> None:
    position = (await shop.post("/v1/activities", purchase())).json()["position"]
    assert (await shop.get(f"/v1/members/ann?at_least={position}")).status_code == 200
    answer = await shop.get(f"/v1/members/ann?at_least={position + 1_000_000}")
    assert (answer.status_code, answer.json()["code"]) == (503, "behind")
    assert int(answer.headers["retry-after"]) >= 1


async def test_the_log_is_read_in_pages(shop: Someone) -> None:
    whole = (await shop.get("/v1/log")).json()["items"]
    assert len(whole) >= 3
    found: list[Json] = []
    page: Json = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        page = (await shop.get(f"/v1/log?limit=1&cursor={page['next_cursor']}")).json()
        found += page["items"]
    assert found == whole
    assert [entry["position"] for entry in whole] == sorted(entry["position"] for entry in whole)
    assert all(len(entry["digest"]) == 64 for entry in whole)
    assert "ann@example.org" not in json.dumps(whole)


async def test_a_draft_is_edited_by_who_has_seen_it(shop: Someone) -> None:
    draft = await shop.post("/v1/rulebooks", {"document": {}})
    path = f"/v1/rulebooks/{draft.json()['draft']}"
    body: Json = {"document": {"rules": []}}
    assert (await shop.ask("PUT", path, json=body)).json()["code"] == "precondition-required"
    edited = await shop.ask("PUT", path, json=body, headers={"if-match": draft.headers["etag"]})
    assert edited.status_code == 200
    stale = await shop.ask("PUT", path, json=body, headers={"if-match": draft.headers["etag"]})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition-failed")
    assert (await shop.get(path)).headers["etag"] == edited.headers["etag"]


async def test_a_rulebook_with_errors_is_not_published(shop: Someone) -> None:
    document = {"rules": [{"id": "x", "on": "nothing", "award": {"currency": "none", "points": 1}}]}
    draft = (await shop.post("/v1/rulebooks", {"document": document})).json()
    assert draft["findings"]
    answer = await shop.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    assert (answer.status_code, answer.json()["code"]) == (422, "rulebook-invalid")


async def test_a_sandboxs_clock_is_set_forward_and_settles_what_is_due(app: Litestar, shop: Someone) -> None:
    forward = await shop.post("/v1/clock", {"now": "2029-01-01T00:00:00+01:00"})
    assert forward.status_code == 200
    assert forward.json()["settled"] == 1
    assert (await shop.get("/v1/clock")).json()["now"] == "2028-12-31T23:00:00Z"
    assert (await shop.post("/v1/clock", {"now": "2028-01-01T00:00:00Z"})).json()["code"] == "clock-backwards"
    assert (await shop.get("/v1/members/ann")).json()["balances"]["points"]["available"] == 0


async def test_a_fresh_sandbox_begins_anywhere_and_a_real_program_has_real_time(shop: Someone) -> None:
    old = await shop.post("/v1/programs", {"id": "old", "sandbox": True, "money": "EUR", "time_zone": "UTC"})
    someone = Someone(shop.client, old.json()["key"])
    assert (await someone.post("/v1/clock", {"now": "2019-01-01T00:00:00Z"})).status_code == 200
    assert (await someone.get("/v1/clock")).json()["now"] == "2019-01-01T00:00:00Z"
    real = await shop.post("/v1/programs", {"id": "real", "sandbox": False, "money": "EUR", "time_zone": "UTC"})
    someone = Someone(shop.client, real.json()["key"])
    assert (await someone.post("/v1/clock", {"now": "2099-01-01T00:00:00Z"})).json()["code"] == "not-a-sandbox"


async def test_an_auditor_verifies_the_log_in_a_job(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    auditor = await with_scopes(shop, "auditor")
    started = await auditor.post("/v1/audit/verify")
    assert started.status_code == 202
    job: Json = {}
    for _ in range(200):
        job = (await auditor.get(f"/v1/jobs/{started.json()['job']}")).json()
        if job["state"] != "running":
            break
        await asyncio.sleep(0.05)
    assert job["state"] == "done", job
    _fits(job, shapes.Job)
    assert job["result"]["different"] == 0
    assert job["result"]["first"] is None
    assert job["done"] == job["of"] > 0


async def test_refusals_are_kept_for_the_console_without_what_was_sent(app: Litestar, shop: Someone) -> None:
    await shop.post("/v1/activities", purchase(data={"amount_minor": 1, "store": 7}))
    await shop.post("/v1/activities/batch", [purchase(type="barter")])
    await app.state.wired.refusals.stop()
    found = (await shop.get("/v1/refusals")).json()["items"]
    assert [one["code"] for one in found] == ["unknown-activity-type", "invalid-payload"]
    assert {one["program"] for one in found} == {"main"}


async def test_an_erased_member_is_gone_and_its_repeats_say_so(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase(), headers={"idempotency-key": "k"})
    assert (await shop.ask("DELETE", "/v1/members/ann")).status_code == 200
    assert (await shop.get("/v1/members/ann")).json()["code"] == "member-erased"
    repeat = await shop.post("/v1/activities", purchase(), headers={"idempotency-key": "k"})
    assert (repeat.status_code, repeat.json()["code"]) == (410, "member-erased")


async def test_the_server_says_how_it_is(shop: Someone, nobody: Someone) -> None:
    await shop.get("/v1/members/ann")
    assert (await nobody.get("/livez")).status_code == 200
    assert (await nobody.get("/readyz")).status_code == 200
    metrics = await nobody.get("/metrics")
    assert 'route="/v1/members/{member}"' in metrics.text
    assert "ann" not in metrics.text.replace("channel", "")


async def test_without_a_database_reads_and_writes_are_unavailable_and_the_process_lives(
    app: Litestar, shop: Someone, nobody: Someone
) -> None:
    await app.state.wired.pool.close()
    assert (await nobody.get("/livez")).status_code == 200
    for answer in (
        await nobody.get("/readyz"),
        await shop.get("/v1/members/ann"),
        await shop.post("/v1/activities", purchase()),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1


async def test_what_will_expire_and_what_never_does_sum_to_the_balances(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase("expires-1"))
    await shop.post("/v1/activities", purchase("expires-2", data={"amount_minor": 4200}))
    items = (await shop.get("/v1/members/ann/expiring")).json()["items"]
    balances = (await shop.get("/v1/members/ann")).json()["balances"]
    assert items
    for currency, held in balances.items():
        scheduled = sum(item["points"] for item in items if item["currency"] == currency)
        assert scheduled == held["available"] + held["pending"]
