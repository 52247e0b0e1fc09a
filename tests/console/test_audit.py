"""Audit on the console: every entry is there, and a change behind our backs is found at its position."""

import re
from typing import Any

import pytest
from litestar import Litestar

from tests.console.test_door import csrf, post, sign_in
from tests.http.conftest import RETURN, Someone, purchase, with_scopes

pytestmark = pytest.mark.anyio


async def verified(someone: Someone) -> str:
    """The page of a verification that is done."""
    begun = await post(someone.client, "/console/audit/verify", {"csrf": await csrf(someone.client)})
    assert begun.status_code == 303, begun.text
    while "every decision again" in (page := (await someone.client.get(begun.headers["location"])).text):
        pass
    return page


async def test_every_entry_of_the_program_is_there_the_newest_first(
    shop: Someone, stranger: Someone, monkeypatch: Any
) -> None:
    monkeypatch.setattr("api.console.audit.ENTRIES", 2)
    await shop.post("/v1/activities", purchase())
    await shop.post("/v1/returns", RETURN)
    await stranger.post("/v1/activities", purchase())
    await sign_in(shop)
    log = [one["position"] for one in (await shop.get("/v1/log")).json()["items"]]
    seen: list[int] = []
    at: str | None = "/console/audit"
    while at is not None:
        page = (await shop.client.get(at)).text
        seen += [int(one.replace(",", "")) for one in re.findall(r"Position ([\d,]+), as stored", page)]
        found = re.search(r'href="(/console/audit\?before=\d+)"', page)
        at = found.group(1) if found is not None else None
    assert seen == log[::-1]


async def test_an_entry_says_what_came_of_it_and_leads_to_its_reason(shop: Someone) -> None:
    made = (await shop.post("/v1/activities", purchase())).json()
    await sign_in(shop)
    page = (await shop.client.get("/console/audit")).text
    assert f'href="/console/activities/{made["ref"]}"' in page
    assert "RecordActivity</strong> shop/order-1" in page
    assert "PointsEarned" in page


async def test_a_log_as_it_was_written_is_verified(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    await sign_in(shop)
    page = await verified(shop)
    assert "All is as the log says" in page
    assert re.search(r'data-figure="equal">[1-9]', page)


async def test_a_changed_byte_is_shown_at_its_position(app: Litestar, shop: Someone) -> None:
    made = (await shop.post("/v1/activities", purchase())).json()
    async with app.state.wired.pool.connection() as connection:
        await connection.execute(
            "UPDATE stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'), '105', '106'), 'UTF8')"
            " WHERE notification_id = %s",
            (made["position"],),
        )
    await sign_in(shop)
    page = await verified(shop)
    assert "Not as the log says" in page
    assert f"/console/audit?before={made['position'] + 1}" in page


async def test_a_verification_of_another_program_is_not_there(shop: Someone, stranger: Someone) -> None:
    await sign_in(shop)
    begun = await post(shop.client, "/console/audit/verify", {"csrf": await csrf(shop.client)})
    await sign_in(stranger)
    assert (await stranger.client.get(begun.headers["location"])).status_code == 404
    assert (await stranger.client.get("/console/audit/x")).status_code == 404


async def test_whoever_looks_at_members_in_the_console_is_noted(shop: Someone) -> None:
    await sign_in(await with_scopes(shop, "client"))
    for at in ("/console/members", "/console/members/ann"):
        assert (await shop.client.get(at)).status_code == 200
    items = (await shop.get("/v1/audit/access")).json()["items"]
    looked = [(one["what"], one["member"]) for one in items if "/console/" in one["what"]]
    assert looked[:2] == [("GET /console/members/{member}", "ann"), ("GET /console/members", None)]
