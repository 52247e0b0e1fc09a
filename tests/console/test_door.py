"""The console's door: who comes in, what their key lets them see, and what another site cannot make them do."""

import re
from html import unescape
from typing import cast
from urllib.parse import urlencode

import pytest
from httpx2 import AsyncClient, Response
from litestar import Litestar

from api.console.app import HANDLERS
from tests.http.conftest import Someone, with_scopes

pytestmark = pytest.mark.anyio
FORM = {"content-type": "application/x-www-form-urlencoded"}
OPEN = {"/", "/sign-in", "/static/{digest:str}/{name:str}", "/{rest:path}"}
"""Addresses that anybody may ask for."""


async def post(client: AsyncClient, path: str, fields: dict[str, str], **headers: str) -> Response:
    return await client.post(path, content=urlencode(fields), headers=FORM | headers)


async def sign_in(someone: Someone) -> Response:
    someone.client.cookies.clear()
    answer = await post(someone.client, "/console/sign-in", {"key": cast("str", someone.key)})
    assert answer.status_code == 303
    return answer


async def csrf(client: AsyncClient, page: str = "/console/members") -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', (await client.get(page)).text)
    assert found is not None
    return found.group(1)


async def test_who_has_not_signed_in_is_asked_to_and_comes_back_to_where_they_wanted(shop: Someone) -> None:
    answer = await shop.client.get("/console/members/ann")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?back=/console/members/ann")
    entered = await post(
        shop.client, "/console/sign-in", {"key": cast("str", shop.key), "back": "/console/members/ann"}
    )
    assert entered.headers["location"] == "/console/members/ann"


async def test_what_a_page_was_asked_is_not_forgotten_at_the_door(shop: Someone) -> None:
    wanted = "/console/members/ann?clock=known&at=2030-01-01T00%3A00%3A00%2B01%3A00"
    answer = await shop.client.get(wanted)
    page = (await shop.client.get(answer.headers["location"])).text
    back = re.search(r'name="back" value="([^"]+)"', page)
    assert back is not None
    fields = {"key": cast("str", shop.key), "back": unescape(back.group(1))}
    assert (await post(shop.client, "/console/sign-in", fields)).headers["location"] == wanted


@pytest.mark.parametrize(
    "back", ["https://evil.example", "//evil.example", "/console//evil.example", "/v1/log", "/console/\\evil", ""]
)
async def test_signing_in_leads_nowhere_but_into_the_console(shop: Someone, back: str) -> None:
    entered = await post(shop.client, "/console/sign-in", {"key": cast("str", shop.key), "back": back})
    assert entered.headers["location"] == "/console"


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(shop: Someone) -> None:
    cookie = (await sign_in(shop)).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/console" in cookie
    assert cast("str", shop.key) not in cookie
    forwarded = await post(
        shop.client, "/console/sign-in", {"key": cast("str", shop.key)}, **{"x-forwarded-proto": "https"}
    )
    assert "Secure" in forwarded.headers["set-cookie"]


async def test_a_wrong_key_opens_nothing(shop: Someone) -> None:
    answer = await post(shop.client, "/console/sign-in", {"key": "gdn_" + "x" * 43})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "No key reads like this" in answer.text


async def test_revoking_a_key_ends_its_sessions(shop: Someone) -> None:
    other = await with_scopes(shop, "client")
    await sign_in(other)
    assert (await shop.client.get("/console/members")).status_code == 200
    keys = (await shop.get("/v1/keys")).json()["items"]
    (mine,) = [key["id"] for key in keys if key["scopes"] == ["client"]]
    await shop.ask("DELETE", f"/v1/keys/{mine}")
    assert (await shop.client.get("/console/members")).status_code == 303


async def test_signing_out_takes_the_cookie_away(shop: Someone) -> None:
    await sign_in(shop)
    answer = await post(shop.client, "/console/sign-out", {"csrf": await csrf(shop.client)})
    assert answer.status_code == 303
    assert (await shop.client.get("/console/members")).status_code == 303


@pytest.mark.parametrize(
    ("scope", "sees"),
    [
        ("client", {"members", "leaderboards"}),
        (
            "operator",
            {"today", "members", "leaderboards", "rulebooks", "campaigns", "rewards", "liability", "webhooks"},
        ),
        ("analyst", {"today", "leaderboards", "campaigns", "liability"}),
        (
            "auditor",
            {
                "today",
                "members",
                "leaderboards",
                "rulebooks",
                "campaigns",
                "rewards",
                "liability",
                "audit",
                "webhooks",
                "system",
            },
        ),
        (
            "admin",
            {
                "today",
                "members",
                "leaderboards",
                "rulebooks",
                "campaigns",
                "rewards",
                "liability",
                "audit",
                "webhooks",
                "system",
            },
        ),
    ],
)
async def test_a_key_sees_what_its_scopes_let_it_see(shop: Someone, scope: str, sees: set[str]) -> None:
    await sign_in(await with_scopes(shop, scope))
    for place in (
        "today",
        "members",
        "leaderboards",
        "rulebooks",
        "campaigns",
        "rewards",
        "liability",
        "audit",
        "webhooks",
        "system",
    ):
        answer = await shop.client.get(f"/console/{place}")
        assert answer.status_code == (200 if place in sees else 403), place
        if answer.status_code == 200:
            assert set(re.findall(r'<li><a href="/console/(\w+)"', answer.text)) == sees


async def test_members_of_another_program_are_not_there(shop: Someone, stranger: Someone) -> None:
    await sign_in(stranger)
    assert (await shop.client.get("/console/members/ann")).status_code == 404


async def test_no_change_is_made_without_the_token_of_the_session(shop: Someone) -> None:
    """Every change there is, with a token that is missing, wrong, or of another session."""
    await sign_in(shop)
    foreign = await csrf(shop.client)
    await sign_in(shop)
    changes = [
        path for handler in HANDLERS if "POST" in handler.http_methods for path in handler.paths if path != "/sign-in"
    ]
    assert len(changes) >= 5
    for path in changes:
        address = "/console" + re.sub(r"\{[^}]*\}", "x", path)
        for fields in ({}, {"csrf": "x"}, {"csrf": foreign}):
            assert (await post(shop.client, address, fields)).status_code == 403, address


async def test_what_a_browser_says_another_site_sent_is_refused_also_with_the_token(shop: Someone) -> None:
    await sign_in(shop)
    fields = {"csrf": await csrf(shop.client), "q": "ann"}
    assert (await post(shop.client, "/console/members", fields)).status_code == 303
    assert (await post(shop.client, "/console/members", fields, origin="http://evil.example")).status_code == 403
    across = {"sec-fetch-site": "cross-site"}
    assert (await post(shop.client, "/console/members", fields, **across)).status_code == 403
    key = {"key": cast("str", shop.key)}
    assert (await post(shop.client, "/console/sign-in", key, origin="http://evil.example")).status_code == 403


async def test_every_other_address_wants_a_session(app: Litestar, shop: Someone) -> None:
    shop.client.cookies.clear()
    for handler in HANDLERS:
        for path in handler.paths - OPEN:
            address = "/console" + re.sub(r"\{[^}]*\}", "x", path)
            method = "POST" if "POST" in handler.http_methods else "GET"
            assert (await shop.client.request(method, address)).status_code == 303, address


async def test_nothing_but_our_own_files_may_run(shop: Someone) -> None:
    await sign_in(shop)
    for path in (
        "/console/sign-in",
        "/console/members",
        "/console/members/ann",
        "/console/nowhere",
        "/console/today",
        "/console/rulebooks/1",
    ):
        answer = await shop.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script>" not in answer.text
        assert not re.search(r"""<[^>]+\s(on[a-z]+|style)=""", answer.text), path
        assert answer.headers["cache-control"] == "no-store"
