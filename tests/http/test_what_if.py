"""From a draft to a version over HTTP: findings with their place, what-if as a job, and its tables."""

import asyncio
import copy
import json
from typing import Any

import pytest

from api.http import shapes
from application.samples import COFFEE
from tests.http.conftest import Someone, purchase, with_scopes

pytestmark = pytest.mark.anyio
Json = Any


def richer() -> Json:
    document: Json = copy.deepcopy(COFFEE)
    document["rules"][1]["award"]["per"]["points"] *= 2
    return document


async def done(someone: Someone, job: str) -> Json:
    found: Json = {}
    for _ in range(400):
        found = (await someone.get(f"/v1/jobs/{job}")).json()
        if found["state"] != "running":
            break
        await asyncio.sleep(0.05)
    assert found["state"] == "done", found
    return found


async def test_findings_stand_in_the_text_that_was_sent(shop: Someone) -> None:
    document = richer()
    document["rules"][1]["when"] = "activity.amount > 0"
    body = '{"document":\n' + json.dumps(document, indent=2) + "}"
    draft = (await shop.post("/v1/rulebooks", body.encode())).json()
    (finding,) = draft["findings"]
    line = json.dumps(document, indent=2).split("\n")[finding["place"]["line"] - 1]
    assert line[finding["place"]["column"] - 1 :].startswith("amount > 0")
    assert draft["worst_case"] is None
    again = (await shop.post(f"/v1/rulebooks/{draft['draft']}/check")).json()
    assert again["findings"] == draft["findings"]


async def test_a_good_draft_says_what_it_can_grant_at_most(shop: Someone) -> None:
    draft = (await shop.post("/v1/rulebooks", {"document": richer()})).json()
    assert draft["findings"] == []
    most = {one["rule"]: one for one in draft["worst_case"]}
    assert most["login"]["member"] == [{"points": 2, "period": "day"}]
    assert "/activities/login/measures/logins" in draft["unread"]


async def test_a_draft_is_compared_with_what_is_in_force(shop: Someone) -> None:
    draft = (await shop.post("/v1/rulebooks", {"document": richer()})).json()["draft"]
    found = (await shop.get(f"/v1/rulebooks/1/diff/{draft}")).json()
    assert (found["from"], found["to"]) == (1, draft)
    assert [one["text"] for one in found["changes"]] == ["rule base: points per step 1 -> 2"]
    shapeless = (await shop.post("/v1/rulebooks", {"document": []})).json()["draft"]
    assert (await shop.get(f"/v1/rulebooks/1/diff/{shapeless}")).json()["code"] == "rulebook-invalid"


async def test_a_version_is_scheduled_then_in_force_then_superseded(shop: Someone) -> None:
    async def states() -> list[str]:
        return [one["state"] for one in (await shop.get("/v1/rulebooks")).json()["items"]]

    async def published(at: str) -> None:
        draft = (await shop.post("/v1/rulebooks", {"document": richer()})).json()["draft"]
        answer = await shop.post(f"/v1/rulebooks/{draft}/publish", {"effective_from": at})
        assert answer.status_code == 201, answer.text

    await shop.post("/v1/clock", {"now": "2030-01-01T00:00:00Z"})
    assert await states() == ["in_force"]
    await published("2030-03-01T00:00:00Z")
    assert await states() == ["scheduled", "in_force"]
    # A newer one that begins earlier overtakes it: it will never rule.
    await published("2030-02-01T00:00:00Z")
    assert await states() == ["scheduled", "superseded", "in_force"]
    await shop.post("/v1/clock", {"now": "2030-02-02T00:00:00Z"})
    assert await states() == ["in_force", "superseded", "superseded"]
    assert (await shop.get("/v1/rulebooks/1")).json()["state"] == "superseded"


async def test_a_draft_is_tried_on_history_in_a_job(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    draft = (await shop.post("/v1/rulebooks", {"document": richer()})).json()["draft"]
    log = (await shop.get("/v1/log")).json()
    started = await shop.post(f"/v1/rulebooks/{draft}/simulate", {"from": "2026-11-01T00:00:00Z"})
    assert started.status_code == 202
    assert started.headers["location"] == f"/v1/jobs/{started.json()['job']}"
    job = await done(shop, started.json()["job"])
    assert set(shapes.Job.__struct_fields__) <= job.keys()
    result = job["result"]
    (points,) = result["currencies"]
    assert points["winners"] == 1
    assert result["winners"][0]["difference"] == 105
    assert result["window"] == {"from": "2026-11-01T00:00:00Z", "to": None}
    assert (await shop.get("/v1/log")).json() == log

    text = await shop.get(f"/v1/jobs/{started.json()['job']}/csv?table=rules")
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    head, *rows = text.text.splitlines()
    assert head.startswith("rule,currency,times_recorded,times_tried,")
    assert any(row.startswith("base,points,1,1,") for row in rows)
    wrong = await shop.get(f"/v1/jobs/{started.json()['job']}/csv?table=none")
    assert wrong.json()["code"] == "invalid-payload"


async def test_a_published_version_can_be_tried_too_and_nonsense_cannot(shop: Someone) -> None:
    assert (await shop.post("/v1/rulebooks/1/simulate")).status_code == 202
    assert (await shop.post("/v1/rulebooks/2/simulate")).json()["code"] == "unknown-rulebook"
    assert (await shop.post("/v1/rulebooks/x/simulate")).json()["code"] == "unknown-rulebook"
    broken = (await shop.post("/v1/rulebooks", {"document": {"rules": [{"id": "x", "on": "y"}]}})).json()["draft"]
    assert (await shop.post(f"/v1/rulebooks/{broken}/simulate")).json()["code"] == "rulebook-invalid"
    window = {"from": "2026-11-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}
    assert (await shop.post("/v1/rulebooks/1/simulate", window)).json()["code"] == "bad-time"
    verify = (await shop.post("/v1/audit/verify")).json()["job"]
    assert (await shop.get(f"/v1/jobs/{verify}/csv")).json()["code"] == "unknown-job"


async def test_an_auditor_may_try_and_a_client_may_not(shop: Someone) -> None:
    auditor, client = await with_scopes(shop, "auditor"), await with_scopes(shop, "client")
    assert (await auditor.post("/v1/rulebooks/1/simulate")).status_code == 202
    assert (await client.post("/v1/rulebooks/1/simulate")).json()["code"] == "missing-scope"
