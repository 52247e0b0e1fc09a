"""The short way of the hot routes answers to the byte what the router answers.

A slash at the end is the same address, which only the router knows: so each request is sent both ways.
"""

from typing import Any

import pytest
from httpx2 import Response
from litestar import Litestar

from api.http.body import MAX_BATCH_BODY, MAX_BODY
from api.http.hot import HOT
from api.http.route import admit
from tests.http.conftest import Someone, purchase, with_scopes
from tests.http.test_metrics import metrics

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}
CLOUD = {"content-type": "application/cloudevents+json"}
EVENT = {"specversion": "1.0", "id": "e1", "source": "shop", "type": "purchase", "time": "2026-11-21T10:00:00Z"}

_Case = tuple[str, str, str, dict[str, Any]]
_RECORDED = purchase("recorded")
_CASES: list[_Case] = [
    ("a repeat", "POST", "/v1/activities", {"json": _RECORDED}),
    ("a repeat with a key", "POST", "/v1/activities", {"json": _RECORDED, "headers": {"idempotency-key": "k"}}),
    ("another body", "POST", "/v1/activities", {"json": purchase("recorded", type="refund")}),
    ("no JSON", "POST", "/v1/activities", {"content": b"{", "headers": JSON}),
    ("no body", "POST", "/v1/activities", {"headers": JSON}),
    ("no type", "POST", "/v1/activities", {"content": b"{}"}),
    ("an unknown field", "POST", "/v1/activities", {"json": purchase(nothing=1)}),
    ("an unknown member", "POST", "/v1/activities", {"json": purchase(member="zoe")}),
    ("an unknown type", "POST", "/v1/activities", {"json": purchase(type="barter")}),
    ("a wrong payload", "POST", "/v1/activities", {"json": purchase(data={})}),
    ("text", "POST", "/v1/activities", {"content": b"hello", "headers": {"content-type": "text/plain"}}),
    ("compressed", "POST", "/v1/activities", {"content": b"x", "headers": JSON | {"content-encoding": "gzip"}}),
    ("a body too large", "POST", "/v1/activities", {"content": b" " * (MAX_BODY + 1), "headers": JSON}),
    ("far too large", "POST", "/v1/activities", {"content": b" " * (MAX_BATCH_BODY + 1), "headers": JSON}),
    ("a bad length", "POST", "/v1/activities", {"content": b"{}", "headers": JSON | {"content-length": "x"}}),
    ("a bad key", "POST", "/v1/activities", {"json": _RECORDED, "headers": {"idempotency-key": "a b"}}),
    ("a bad API key", "POST", "/v1/activities", {"json": _RECORDED, "headers": {"authorization": "Bearer gdn_"}}),
    ("a bad host", "POST", "/v1/activities", {"json": _RECORDED, "headers": {"host": "a b"}}),
    ("an odd host", "POST", "/v1/activities", {"json": _RECORDED, "headers": {"host": "a~b"}}),
    ("a method too many", "PUT", "/v1/activities", {"json": _RECORDED}),
    ("options", "OPTIONS", "/v1/activities", {}),
    ("a query", "POST", "/v1/activities?x=1", {"json": _RECORDED}),
    ("an event", "POST", "/v1/activities", {"json": EVENT, "headers": CLOUD}),
    ("a batch", "POST", "/v1/activities/batch", {"json": [_RECORDED, purchase(member="zoe"), {}]}),
    ("lines", "POST", "/v1/activities/batch", {"content": b"{}\n1\n", "headers": LINES}),
    ("no array", "POST", "/v1/activities/batch", {"json": {}}),
    ("an empty batch", "POST", "/v1/activities/batch", {"json": []}),
    ("a batch too large", "POST", "/v1/activities/batch", {"content": b" " * (MAX_BATCH_BODY + 1), "headers": JSON}),
    ("a member", "GET", "/v1/members/ann", {}),
    ("a member then", "GET", "/v1/members/ann?as_of=2026-11-22T00:00:00Z&known_at=2026-11-22T00:00:00Z", {}),
    ("a member at no time", "GET", "/v1/members/ann?as_of=yesterday", {}),
    ("a member from the future", "GET", "/v1/members/ann?at_least=999999", {}),
    ("nobody", "GET", "/v1/members/zoe", {}),
    ("a bad id", "GET", "/v1/members/a%20b", {}),
    ("a long id", "GET", f"/v1/members/{'a' * 129}", {}),
    ("a part too many", "GET", "/v1/members/a%2Fb", {}),
    ("no id", "GET", "/v1/members/", {}),
    ("another's address", "GET", "/v1/members/lookup", {}),
    ("head", "HEAD", "/v1/members/ann", {}),
]  # fmt: skip


async def both(someone: Someone, method: str, path: str, **more: Any) -> tuple[Response, Response]:
    address, mark, query = path.partition("?")
    headers = {"authorization": f"Bearer {someone.key}"} | more.pop("headers", {})
    hot = await someone.client.request(method, path, headers=headers, **more)
    return hot, await someone.client.request(method, f"{address}/{mark}{query}", headers=headers, **more)


def told(answer: Response) -> tuple[Any, ...]:
    headers = [(name, value) for name, value in answer.headers.raw if name != b"x-request-id"]
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize(("method", "path", "more"), [case[1:] for case in _CASES], ids=[case[0] for case in _CASES])
async def test_both_ways_answer_the_same(shop: Someone, method: str, path: str, more: dict[str, Any]) -> None:
    await shop.post("/v1/activities", _RECORDED)
    await shop.post("/v1/activities", _RECORDED, headers={"idempotency-key": "k"})
    hot, routed = await both(shop, method, path, **more)
    assert told(hot) == told(routed)
    assert hot.headers["x-request-id"] != routed.headers["x-request-id"]


@pytest.mark.parametrize("scope", ["auditor", "analyst", "operator"])
async def test_both_ways_let_in_the_same(shop: Someone, scope: str) -> None:
    someone = await with_scopes(shop, scope)
    for method, path in (("POST", "/v1/activities"), ("GET", "/v1/members/ann")):
        hot, routed = await both(someone, method, path)
        assert told(hot) == told(routed)


async def test_a_first_answer_has_the_same_form_both_ways(shop: Someone) -> None:
    hot = await shop.post("/v1/activities", purchase("o1"))
    routed = await shop.post("/v1/activities/", purchase("o2"))
    assert hot.status_code == routed.status_code == 201
    assert hot.headers.keys() == routed.headers.keys()
    assert hot.json().keys() == routed.json().keys()


async def test_both_ways_are_counted_as_one_route(shop: Someone) -> None:
    for path in ("/v1/activities", "/v1/activities/"):
        await shop.post(path, {})
    for path in ("/v1/members/ann", "/v1/members/ann/"):
        await shop.get(path)
    found = await metrics(shop)
    assert found["guerdon_http_requests_total", "POST", "/v1/activities", "422"] == 2
    assert found["guerdon_http_requests_total", "GET", "/v1/members/{member}", "200"] == 2


async def test_what_breaks_in_a_hot_route_is_answered_as_a_problem(
    app: Litestar, shop: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("api.http.activities.activities.record", broken)
    for path in ("/v1/activities", "/v1/activities/"):
        answer = await shop.client.post(path, json=purchase(), headers={"authorization": f"Bearer {shop.key}"})
        assert answer.status_code == 500
        assert answer.json()["code"] == "internal"
        assert "secret" not in answer.text


def test_hot_handlers_want_nothing_but_their_request() -> None:
    for handler in HOT:
        assert handler.guards == [admit]
        assert handler.parsed_fn_signature.parameters.keys() == {"request"}
        assert not handler.resolve_dependencies()
        assert not handler.middleware
