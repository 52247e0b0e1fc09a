"""Audit on the console: every entry is there, and a change behind our backs is found at its position."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

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


async def seen(shop: Someone, **wanted: str) -> list[int]:
    """Positions on all pages, with those that look further."""
    found: list[int] = []
    at: str | None = f"/console/audit?{urlencode(wanted)}"
    while at is not None:
        page = (await shop.client.get(at)).text
        found += [int(one.replace(",", "")) for one in re.findall(r"Position ([\d,]+), as stored", page)]
        further = re.search(r'href="(/console/audit\?[^"]*before=\d+)"', page)
        at = unescape(further.group(1)) if further is not None else None
    return found


async def test_entries_are_found_by_member_by_what_they_say_by_actor_and_by_kind(
    shop: Someone, monkeypatch: Any
) -> None:
    """Also where they lie far apart, and where somebody's data reads as if they were such entries."""
    monkeypatch.setattr("api.console.audit.ENTRIES", 2)
    monkeypatch.setattr("api.console.audit.LOOKED_THROUGH", 3)
    other = await with_scopes(shop, "client")
    await shop.post("/v1/members", {"id": "bob"})
    for number in range(7):
        member = "bob" if number % 3 else "ann"
        who = other if number == 5 else shop
        data = {"amount_minor": 100, "like": {"input": {"command": "CreateProgram"}, "event": "MemberMerged"}}
        answer = await who.post("/v1/activities", purchase(f"n{number}", member=member, data=data))
        assert answer.status_code == 201, answer.text
    await sign_in(shop)
    log = (await shop.get("/v1/log")).json()["items"][::-1]

    def those(fits: Any) -> list[int]:
        return [one["position"] for one in log if fits(one)]

    (stream,) = {one["stream"] for one in log if any(event.get("id") == "ann" for event in one["events"])}
    of_ann = those(lambda one: one["stream"] == stream)
    assert len(of_ann) == 4
    assert await seen(shop, member="ann") == of_ann
    assert await seen(shop, member=stream) == await seen(shop, member=stream.rpartition("/")[2]) == of_ann
    for command in ("RecordActivity", "CreateProgram", "EnrolMember", "MergeMembers"):
        assert await seen(shop, what=command) == those(
            lambda one, command=command: one.get("input", {}).get("command") == command
        )
    earned = those(lambda one: any(event["event"] == "PointsEarned" for event in one["events"]))
    assert await seen(shop, what="PointsEarned") == earned != []
    assert await seen(shop, what="MemberMerged") == []
    (theirs,) = those(lambda one: one.get("input", {}).get("id") == "n5")
    (actor,) = {one["actor"] for one in log if one["position"] == theirs}
    assert await seen(shop, actor=actor, what="RecordActivity", member="bob", kind="member") == [theirs]
    assert await seen(shop, kind="program") == those(lambda one: "/program/" in one["stream"])
    assert await seen(shop, kind="<b>") == [one["position"] for one in log]


@pytest.mark.parametrize("name", ["member", "what", "actor", "kind"])
@pytest.mark.parametrize("value", ["<b>x</b>", "\x00", "'", '"', "\\", "%", "é", "x" * 3_000])
async def test_whatever_is_looked_for_is_text(shop: Someone, name: str, value: str) -> None:
    await sign_in(shop)
    answer = await shop.client.get("/console/audit", params={name: value})
    assert answer.status_code == 200
    assert "<b>x" not in answer.text


async def test_entries_of_another_programs_member_are_not_found(shop: Someone, stranger: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    stream = (await shop.get("/v1/log")).json()["items"][-1]["stream"].rpartition("/")[2]
    await sign_in(stranger)
    for member in ("ann", stream):
        assert await seen(stranger, member=member) == []


async def test_a_page_that_is_open_says_how_many_entries_are_newer(shop: Someone, monkeypatch: Any) -> None:
    monkeypatch.setattr("api.console.today.EVERY", 0)
    await sign_in(shop)
    page = (await shop.client.get("/console/audit")).text
    live = re.search(r'data-live="([^"]+)"', page)
    assert live is not None
    assert "newer" not in (await shop.client.get(live.group(1))).text
    for number in range(2):
        await shop.post("/v1/activities", purchase(f"n{number}"))
    assert ">2 newer entries<" in (await shop.client.get(live.group(1))).text


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
