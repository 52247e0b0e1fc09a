"""A request has an id: in the answer, in the lines of the log about it, and in the entry that it led to."""

from typing import Any

import pytest
import structlog

from tests.http.conftest import RETURN, Someone, purchase

pytestmark = pytest.mark.anyio

_SENT = {"x-request-id": "till-7.0001"}


async def _correlations(shop: Someone) -> list[str | None]:
    return [item.get("correlation") for item in (await shop.get("/v1/log?limit=1000")).json()["items"]]


async def test_the_id_that_was_sent_is_answered_and_stands_in_the_entry(shop: Someone) -> None:
    answer = await shop.post("/v1/activities", purchase(), headers=_SENT)
    assert answer.headers["x-request-id"] == "till-7.0001"
    assert (await _correlations(shop))[-1] == "till-7.0001"


async def test_every_write_to_a_member_keeps_the_id_of_its_request(shop: Someone) -> None:
    before = len(await _correlations(shop))
    await shop.post("/v1/members", {"id": "bob"}, headers=_SENT)
    await shop.post("/v1/activities", purchase(), headers=_SENT)
    await shop.post("/v1/activities/batch", [purchase("b1"), purchase("b2")], headers=_SENT)
    await shop.post("/v1/returns", RETURN, headers=_SENT)
    spend = {"id": "r", "member": "ann", "currency": "points", "points": 100}
    await shop.post("/v1/redemptions", spend, headers=_SENT)
    gift = {"id": "a", "member": "ann", "currency": "points", "points": 5, "reason": "x"}
    await shop.post("/v1/adjustments", gift, headers=_SENT)
    await shop.ask("PATCH", "/v1/members/bob", json={"consents": {"mail": True}}, headers=_SENT)
    await shop.post("/v1/members/bob/status", {"status": "suspended", "reason": "x"}, headers=_SENT)
    await shop.ask("DELETE", "/v1/members/bob", headers=_SENT)
    assert (await _correlations(shop))[before:] == ["till-7.0001"] * 10


async def test_a_repeat_has_an_id_of_its_own_and_changes_nothing(shop: Someone) -> None:
    first = await shop.post("/v1/activities", purchase(), headers=_SENT)
    again = await shop.post("/v1/activities", purchase(), headers={"x-request-id": "another"})
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-request-id"] == "another"
    assert again.content == first.content
    assert (await _correlations(shop))[-1] == "till-7.0001"


@pytest.mark.parametrize("sent", [None, "", "ann@example.org", "a b", "x" * 129])
async def test_without_an_acceptable_id_there_is_a_new_one(nobody: Someone, sent: str | None) -> None:
    headers = {} if sent is None else {"x-request-id": sent}
    given = {(await nobody.get("/livez", headers=headers)).headers["x-request-id"] for _ in range(2)}
    assert len(given) == 2
    assert sent not in given


async def test_refusals_and_addresses_that_lead_nowhere_have_an_id_too(nobody: Someone) -> None:
    for path, status in (("/v1/members/ann", 401), ("/nowhere", 404)):
        answer = await nobody.get(path, headers=_SENT)
        assert (answer.status_code, answer.headers["x-request-id"]) == (status, "till-7.0001")


async def test_lines_of_the_log_name_the_request_they_belong_to(nobody: Someone) -> None:
    seen: list[Any] = []

    def keep(_logger: object, _method: str, event: Any) -> Any:
        seen.append(event)
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep], cache_logger_on_first_use=False)
    try:
        await nobody.get("/nowhere", headers=_SENT)
        structlog.get_logger("between").info("idle")
    finally:
        structlog.reset_defaults()
    (line,) = [event for event in seen if event["event"] == "request"]
    assert (line["request"], line["route"], line["status"]) == ("till-7.0001", "", 404)
    assert "request" not in next(event for event in seen if event["event"] == "idle")
