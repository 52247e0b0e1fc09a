"""The routes of webhooks. What is told, and how often, is in tests/webhooks."""

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from standardwebhooks.webhooks import Webhook as Verifier

from api.http import shapes
from infrastructure.outgoing import Outgoing
from tests.http.conftest import Json, Someone, purchase, with_scopes
from tests.webhooks.house import OK_URL
from tests.webhooks.receiver import Receiver, answering, receiving

pytestmark = pytest.mark.anyio


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture
def to_loopback(app: Litestar, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with GUERDON_WEBHOOKS_TO_LOOPBACK."""
    import api.wiring

    monkeypatch.setattr(api.wiring, "Outgoing", lambda **_: Outgoing(to_loopback=True))


async def _made(someone: Someone, **more: object) -> Json:
    answer = await someone.post("/v1/webhooks", {"url": OK_URL, **more})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def test_a_webhook_is_made_read_changed_and_deleted_and_shows_its_secret_once(shop: Someone) -> None:
    made = await _made(shop, events=["TierChanged", "PointsEarned"], filter={"rule": "base"}, description="crm")
    assert made["secret"].startswith("whsec_")
    assert set(made) == set(shapes.WebhookMade.__struct_fields__)
    assert made["events"] == ["PointsEarned", "TierChanged"]
    read = (await shop.get(f"/v1/webhooks/{made['id']}")).json()
    assert read == {name: value for name, value in made.items() if name not in ("secret", "position")}
    assert (await shop.get("/v1/webhooks")).json()["items"] == [read]
    changed = await shop.ask("PATCH", f"/v1/webhooks/{made['id']}", json={"events": [], "filter": {}, "ordered": True})
    assert changed.json() == read | {"events": [], "filter": {}, "ordered": True}
    off = (await shop.ask("PATCH", f"/v1/webhooks/{made['id']}", json={"enabled": False})).json()
    assert (off["enabled"], off["disabled_because"]) == (False, "by its owner")
    on = (await shop.ask("PATCH", f"/v1/webhooks/{made['id']}", json={"enabled": True})).json()
    assert (on["enabled"], on["disabled_at"], on["disabled_because"]) == (True, None, None)
    rotated = (await shop.post(f"/v1/webhooks/{made['id']}/rotate")).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_until"] is not None
    assert (await shop.ask("DELETE", f"/v1/webhooks/{made['id']}")).json()["id"] == made["id"]
    assert (await shop.get(f"/v1/webhooks/{made['id']}")).json()["code"] == "unknown-webhook"
    assert (await shop.get("/v1/webhooks")).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({}, "/url"),
        ({"url": "http://example.org/"}, "/url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "/url"),
        ({"url": "http://127.0.0.1:8080/"}, "/url"),
        ({"url": "https://[::ffff:7f00:1]/"}, "/url"),
        ({"url": "https://example.org/" + "a" * 2_000}, "/url"),
        ({"url": "https://[/"}, "/url"),
        ({"url": OK_URL, "events": ["PointsEarned", "Unheard"]}, "/events/1"),
        ({"url": OK_URL, "filter": {"sealed": ""}}, "/filter/sealed"),
        ({"url": OK_URL, "events": ["TierChanged"], "filter": {"rule": "base"}}, "/filter/rule"),
        ({"url": OK_URL, "filter": {"rule": {}}}, "/filter/..."),
        ({"url": OK_URL, "description": "a" * 201}, "/description"),
    ],
)
async def test_a_webhook_that_cannot_be_told_is_refused_with_the_place(shop: Someone, body: Json, at: str) -> None:
    answer = await shop.post("/v1/webhooks", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-payload")
    if "..." not in at:
        assert at in [one["at"] for one in answer.json()["errors"]], answer.text
    made = await _made(shop)
    if body:
        assert (await shop.ask("PATCH", f"/v1/webhooks/{made['id']}", json=body)).status_code == 422


async def test_a_webhook_of_another_program_does_not_exist(shop: Someone, stranger: Someone) -> None:
    made = await _made(shop)
    for method, path in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test"), ("GET", "/deliveries"),
        ("POST", "/redeliver"),
    ):  # fmt: skip
        answer = await stranger.ask(
            method, f"/v1/webhooks/{made['id']}{path}", **({} if method == "GET" else {"json": {}})
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-webhook"), (method, path)
    assert (await stranger.get("/v1/webhooks")).json()["items"] == []
    assert (await shop.get(f"/v1/webhooks/{made['id']}")).status_code == 200


async def test_admins_decide_where_events_go_and_operators_look_after_it(shop: Someone) -> None:
    made = await _made(shop)
    operator, client = await with_scopes(shop, "operator"), await with_scopes(shop, "client")
    assert (await operator.get("/v1/webhooks")).status_code == 200
    assert (await operator.post("/v1/webhooks", {"url": OK_URL})).status_code == 403
    assert (await operator.post(f"/v1/webhooks/{made['id']}/rotate")).status_code == 403
    assert (await operator.post(f"/v1/webhooks/{made['id']}/redeliver", {"state": "dead"})).status_code == 200
    assert (await client.get("/v1/webhooks")).status_code == 403


async def test_lists_of_webhooks_and_deliveries_have_pages(shop: Someone, app: Litestar) -> None:
    names = sorted([(await _made(shop))["id"] for _ in range(3)])
    first = (await shop.get("/v1/webhooks?limit=2")).json()
    assert [one["id"] for one in first["items"]] == names[:2]
    rest = (await shop.get(f"/v1/webhooks?limit=2&cursor={first['next_cursor']}")).json()
    assert ([one["id"] for one in rest["items"]], rest["next_cursor"]) == (names[2:], None)
    bought = (await shop.post("/v1/activities", purchase())).json()
    again = await shop.post(f"/v1/webhooks/{names[0]}/redeliver", {"after": 0})
    assert again.json()["next_after"] is None
    everything = (await shop.get(f"/v1/webhooks/{names[0]}/deliveries")).json()["items"]
    assert len(everything) == again.json()["queued"]
    assert set(everything[0]) == set(shapes.Delivery.__struct_fields__)
    assert everything[0]["position"] == bought["position"]
    paged, cursor = [], ""
    while True:
        page = (await shop.get(f"/v1/webhooks/{names[0]}/deliveries?limit=2{cursor}")).json()
        paged += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert paged == everything
    for query in ("state=lost", "cursor=x", "cursor=1-", "limit=0"):
        assert (await shop.get(f"/v1/webhooks/{names[0]}/deliveries?{query}")).status_code == 422, query


@pytest.mark.usefixtures("to_loopback")
async def test_a_made_up_event_says_what_the_receiver_says(receiver: Receiver, shop: Someone) -> None:
    made = (await shop.post("/v1/webhooks", {"url": receiver.url, "events": ["TierChanged"]})).json()
    good = (await shop.post(f"/v1/webhooks/{made['id']}/test")).json()
    assert (good["delivered"], good["status"], good["error"]) == (True, 204, None)
    (heard,) = receiver.heard
    told = Verifier(made["secret"]).verify(heard.body, heard.headers)
    assert (told["type"], told["id"]) == ("TierChanged", good["id"])
    assert good["id"].startswith("sample_")
    receiver.behave = answering(302, "location: http://169.254.169.254/")
    bad = (await shop.post(f"/v1/webhooks/{made['id']}/test", {"type": "PointsEarned"})).json()
    assert (bad["delivered"], bad["status"], bad["error"]) == (False, 302, "302: redirects are not followed")
    assert receiver.heard[1].told["data"]["points"] == 1
    assert (await shop.post(f"/v1/webhooks/{made['id']}/test", {"type": "Unheard"})).status_code == 422
