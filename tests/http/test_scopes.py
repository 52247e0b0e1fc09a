"""Who may do what: every route times every scope, from the table of routes itself."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

import api.http
from api.http.app import HANDLERS
from api.http.route import SCOPES, Route, admit
from tests.http.conftest import RETURN, Someone, opened, purchase, with_scopes

pytestmark = pytest.mark.anyio

_OPEN = {
    "/",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/asyncapi.json",
    "/docs",
    "/docs/{name:str}",
    "/problems/{code:str}",
    # Its senders have no keys: they sign what they send.
    "/v1/gateway/{source:str}",
}

# Written out once more: the specification does not ask the code who may do what.
_MAY = {
    "client": {"client"},
    "operator": {"client", "operator"},
    "admin": {"client", "operator", "admin", "auditor", "analyst"},
    "auditor": {"auditor"},
    "analyst": {"analyst"},
}

_CASES = [
    (handler, path, method)
    for handler in HANDLERS
    for path in sorted(handler.paths)
    for method in sorted(handler.http_methods - {"OPTIONS"})
    if path not in _OPEN
]


def _filled(path: str) -> str:
    return "/".join("x-1" if part.startswith("{") else part for part in path.split("/"))


def test_every_route_but_those_about_the_server_is_guarded() -> None:
    for handler, _, _ in _CASES:
        assert isinstance(handler.opt.get("route"), Route), handler
        assert handler.guards is not None
        assert admit in handler.guards


def test_every_handler_of_the_modules_is_served() -> None:
    found = {
        id(value)
        for module in iter_modules(api.http.__path__)
        for value in vars(import_module(f"api.http.{module.name}")).values()
        if isinstance(value, HTTPRouteHandler)
    }
    assert found == {id(handler) for handler in HANDLERS}


async def test_every_scope_gets_exactly_what_it_may(app: Litestar, shop: Someone) -> None:
    assert set(SCOPES) == set(_MAY)
    for scope, may in _MAY.items():
        someone = await with_scopes(shop, scope)
        for handler, path, method in _CASES:
            declared: Route = handler.opt["route"]
            reads = method == "GET" or declared.reads
            allowed = declared.scope in may or (reads and scope == "auditor")
            answer = await someone.ask(method, _filled(path))
            refused = answer.status_code == 403 and answer.json()["code"] == "missing-scope"
            assert refused is not allowed, (scope, method, path, answer.text)


async def test_without_a_valid_key_nothing_is_answered(shop: Someone, nobody: Someone) -> None:
    assert shop.key is not None
    for key in (None, "", "gdn_", shop.key[:-1], shop.key + "a", "x" * 10_000, shop.key.upper()):
        someone = Someone(nobody.client, key)
        for _, path, method in _CASES:
            assert (await someone.ask(method, _filled(path))).status_code == 401
    wrong = await nobody.get("/v1/members/ann", headers={"authorization": f"Basic {shop.key}"})
    assert wrong.status_code == 401


async def test_another_programs_things_do_not_exist(shop: Someone, stranger: Someone) -> None:
    activity = (await shop.post("/v1/activities", purchase())).json()
    key = (await shop.post("/v1/keys", {"scopes": ["client"], "name": "pos"})).json()
    job = (await shop.post("/v1/audit/verify")).json()["job"]
    body: dict[str, Any] = {"member": "ann", "currency": "points", "points": 100}
    table: list[tuple[str, str, Any]] = [
        ("GET", "/v1/members/ann", None),
        ("GET", "/v1/members/ann/history", None),
        ("GET", "/v1/members/ann/lots", None),
        ("GET", "/v1/members/ann/statement", None),
        ("GET", "/v1/members/ann/expiring", None),
        ("PATCH", "/v1/members/ann", {"attributes": {}}),
        ("DELETE", "/v1/members/ann", None),
        ("POST", "/v1/members/ann/status", {"status": "active", "reason": "no"}),
        ("POST", "/v1/members/lookup", {"email": "ann@example.org"}),
        ("GET", f"/v1/activities/{activity['ref']}", None),
        ("GET", f"/v1/activities/{activity['ref']}/explanation", None),
        ("GET", "/v1/activities?source=shop&id=order-1", None),
        ("POST", "/v1/redemptions", {"id": "r", **body}),
        ("POST", "/v1/adjustments", {"id": "a", "reason": "no", **body}),
        ("POST", "/v1/returns", RETURN),
        ("GET", "/v1/audit/members/ann", None),
        ("GET", f"/v1/jobs/{job}", None),
        ("GET", f"/v1/jobs/{job}/csv", None),
        ("POST", "/v1/rulebooks/1/simulate", {}),
        ("GET", "/v1/rulebooks/1", None),
        ("GET", "/v1/rulebooks/rb_1", None),
        ("POST", "/v1/rulebooks/rb_1/publish", {}),
        ("DELETE", f"/v1/keys/{key['id']}", None),
        ("POST", "/v1/keys", {"program": "main", "scopes": ["client"], "name": "mine"}),
        ("GET", "/v1/keys?program=main", None),
    ]  # fmt: skip
    for method, path, content in table:
        more = {"json": content} if content is not None else {}
        answer = await stranger.ask(method, path, **more)
        assert answer.status_code == 404, (method, path, answer.text)
    log = (await stranger.get("/v1/log")).json()["items"]
    assert {entry["stream"].split("/")[0] for entry in log} == {"other"}


async def test_a_revoked_key_is_refused_at_once(app: Litestar, shop: Someone) -> None:
    made = (await shop.post("/v1/keys", {"scopes": ["client"], "name": "pos"})).json()
    pos = Someone(shop.client, made["key"])
    assert (await pos.get("/v1/members/ann")).status_code == 200
    assert (await shop.ask("DELETE", f"/v1/keys/{made['id']}")).json()["revoked_at"] is not None
    assert (await pos.get("/v1/members/ann")).status_code == 401


async def test_no_key_stands_in_the_database(app: Litestar, shop: Someone) -> None:
    assert shop.key is not None
    async with app.state.wired.pool.connection() as connection:
        rows = await (await connection.execute("SELECT api_keys::text FROM api_keys")).fetchall()
    assert shop.key not in str(rows)
    assert shop.key.removeprefix("gdn_").encode().hex() not in str(rows)


async def test_who_opens_a_program_makes_its_keys(app: Litestar, shop: Someone) -> None:
    third = {"id": "third", "sandbox": True, "money": "EUR", "time_zone": "UTC"}
    made = await shop.post("/v1/programs", third, headers={"idempotency-key": "p-3"})
    assert made.status_code == 201
    first = Someone(shop.client, made.json()["key"])
    assert (await first.post("/v1/members", {"id": "ann"})).status_code == 201
    more = await shop.post("/v1/keys", {"program": "third", "scopes": ["client"], "name": "pos"})
    assert more.status_code == 201
    assert (await Someone(shop.client, more.json()["key"]).get("/v1/members/ann")).status_code == 200
    assert (await shop.post("/v1/programs", third)).json()["code"] == "program-exists"
    again = await shop.post("/v1/programs", third, headers={"idempotency-key": "p-3"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json() == made.json()
    someone_else = await opened(app, shop.client, "other")
    theirs = await someone_else.post("/v1/programs", third, headers={"idempotency-key": "p-3"})
    assert theirs.json()["code"] == "program-exists"


async def test_a_repeated_request_for_a_key_gets_the_same_key(shop: Someone) -> None:
    wish = {"scopes": ["client"], "name": "pos"}
    made = await shop.post("/v1/keys", wish, headers={"idempotency-key": "k-1"})
    again = await shop.post("/v1/keys", wish, headers={"idempotency-key": "k-1"})
    other = await shop.post("/v1/keys", {"scopes": ["admin"], "name": "pos"}, headers={"idempotency-key": "k-1"})
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.json()["key"] == made.json()["key"]
    assert other.json()["code"] == "idempotency-key-reused"
