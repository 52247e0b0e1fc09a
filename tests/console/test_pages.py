"""What the pages say: the same numbers as the API, at any moment, with reasons, and names that stay text."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar import Litestar

from application.dossier import ENTRIES, dossier
from application.history import history
from tests.application.engine import PROGRAM, START, opened
from tests.console.test_door import csrf, post, sign_in
from tests.http.conftest import RETURN, Someone, purchase

pytestmark = pytest.mark.anyio
Json = dict[str, Any]


def figure(page: str, name: str) -> str:
    found = re.search(rf'data-figure="{name}">\s*([^<]*?)\s*<', page)
    assert found is not None, name
    return found.group(1)


async def test_a_member_is_found_by_id_by_address_and_not_by_anything_else(shop: Someone) -> None:
    await shop.post("/v1/members", {"id": "bob", "external_ids": ["pos:77"]})
    await sign_in(shop)
    token = await csrf(shop.client)
    for wanted, found in (("ann", "ann"), (" ANN@example.org ", "ann"), ("pos:77", "bob")):
        answer = await post(shop.client, "/console/members", {"csrf": token, "q": wanted})
        assert answer.headers["location"] == f"/console/members/{found}"
    for wanted in ("nobody", "nobody@example.org", "<b>", ""):
        answer = await post(shop.client, "/console/members", {"csrf": token, "q": wanted})
        assert answer.status_code == 200
        assert 'role="alert"' in answer.text
        assert "<b>" not in answer.text


async def test_every_number_is_that_of_the_same_read_of_the_api(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    await sign_in(shop)
    member = (await shop.get("/v1/members/ann")).json()
    page = (await shop.client.get("/console/members/ann")).text
    assert figure(page, "points-available") == str(member["balances"]["points"]["available"])
    then = "2026-11-21T08:00:00Z"
    before = (await shop.get("/v1/members/ann", params={"as_of": then})).json()
    page = (await shop.client.get("/console/members/ann", params={"clock": "world", "at": then})).text
    assert figure(page, "points-available") == str(before["balances"]["points"]["available"])
    assert "You look at the past" in page


async def test_numbers_and_dates_are_the_viewers_and_the_zone_is_the_programs(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase(data={"amount_minor": 12_345_600}))
    await sign_in(shop)
    languages = {"en": "123,506", "de-DE,de;q=0.9": "123.506", "xx": "123,506", ";;q=,q=x": "123,506"}
    for language, number in languages.items():
        page = (await shop.client.get("/console/members/ann", headers={"accept-language": language})).text
        assert figure(page, "points-available") == number
        assert "Europe/Berlin" in page


async def test_an_activity_says_why_and_a_return_says_what_it_took(shop: Someone) -> None:
    made = (await shop.post("/v1/activities", purchase())).json()
    assert (await shop.post("/v1/returns", RETURN)).status_code == 201
    stream, _, version = made["ref"].rpartition("_")
    await sign_in(shop)
    why = (await shop.client.get(f"/console/activities/{made['ref']}")).text
    assert "+105 points" in why
    assert "does not hold" in why
    assert "member.tiers.status.level" in why
    taken = (await shop.client.get(f"/console/activities/{stream}_{int(version) + 1}")).text
    assert "-105" in taken
    assert (await shop.client.get("/console/activities/act_x_1")).status_code == 404


async def test_what_members_put_into_their_names_is_text(shop: Someone) -> None:
    evil = '<img src=x onerror="alert(1)">'
    answer = await shop.post("/v1/members", {"id": "eve", "email": "eve@example.org", "external_ids": [f"pos:{evil}"]})
    assert answer.status_code == 201, answer.text
    await shop.post("/v1/activities", purchase(f"order {evil}", member="eve"))
    await sign_in(shop)
    page = (await shop.client.get("/console/members/eve")).text
    assert "&lt;img" in page
    assert "<img src=x" not in page


async def test_keys_are_made_shown_once_and_revoked(shop: Someone) -> None:
    await sign_in(shop)
    token = await csrf(shop.client)
    fields = {"csrf": token, "name": "till 3", "scope-client": "1"}
    made = (await post(shop.client, "/console/system/keys", fields)).text
    found = re.search(r"gdn_[\w-]{43}", made)
    assert found is not None
    page = (await shop.client.get("/console/system")).text
    assert "till 3" in page
    assert found.group() not in page
    assert (await Someone(shop.client, found.group()).get("/v1/members/ann")).status_code == 200
    (key,) = [one["id"] for one in (await shop.get("/v1/keys")).json()["items"] if one["name"] == "till 3"]
    await post(shop.client, f"/console/system/keys/{key}/revoke", {"csrf": token})
    assert (await Someone(shop.client, found.group()).get("/v1/members/ann")).status_code == 401


async def test_a_key_of_another_program_cannot_be_revoked_here(shop: Someone, stranger: Someone) -> None:
    (theirs,) = [one["id"] for one in (await stranger.get("/v1/keys")).json()["items"]]
    await sign_in(shop)
    answer = await post(shop.client, f"/console/system/keys/{theirs}/revoke", {"csrf": await csrf(shop.client)})
    assert answer.status_code == 404
    assert (await stranger.get("/v1/keys")).status_code == 200


@pytest.mark.parametrize(
    "page",
    [
        "today",
        "today/redemptions",
        "today/expiring",
        "today/debts",
        "today/refusals",
        "today/rules",
        "system",
        "system/doctor",
        "leaderboards",
        "campaigns",
        "rewards",
        "liability",
        "rulebooks",
        "audit",
        "audit/access",
        "audit/bundle",
        "audit/checkpoints",
        "audit/corrections",
        "webhooks",
        "members",
    ],
)
async def test_pages_have_something_to_say_where_nothing_has_happened(admin: Someone, page: str) -> None:
    await sign_in(admin)
    answer = await admin.client.get(f"/console/{page}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("query", ["at=x", "at=9999-99-99", "slide=x", "slide=1001", "before=x", "at=2999-01-01T00:00"])
async def test_what_is_no_moment_is_a_problem_on_a_page(shop: Someone, query: str) -> None:
    await sign_in(shop)
    answer = await shop.client.get(f"/console/members/ann?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_live_figures_are_the_program_as_it_is(app: Litestar, shop: Someone, monkeypatch: Any) -> None:
    monkeypatch.setattr("api.console.today.EVERY", 0)
    await sign_in(shop)
    answer = await shop.client.get("/console/today/live")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("Entries per minute") >= 4


# --- a dossier ---------------------------------------------------------------------------------


async def test_pages_of_history_make_up_the_whole_of_it(database_url: str) -> None:
    async with opened(database_url) as engine:
        await engine.enrol()
        for day in range(40):
            await engine.at(START + timedelta(days=day, hours=1))
            await engine.buy(5_000 + 100 * day)
            if day % 9 == 8:
                await engine.redeem(60)
        await engine.at(START + timedelta(days=200))
        every = (await history(engine.handler, PROGRAM, "ann", limit=1_000))["items"]
        pages, before, count = [], None, 0
        while True:
            seen = await dossier(engine.handler, PROGRAM, "ann", before=before)
            pages += seen.items
            count += 1
            before = seen.older
            if before is None:
                break
        assert count > 44 // ENTRIES
        assert pages[::-1] == every


async def test_lots_add_up_to_the_balance_at_every_moment_of_either_clock(database_url: str) -> None:
    async with opened(database_url) as engine:
        await engine.enrol()
        for day in (0, 20, 40):
            await engine.at(START + timedelta(days=day, hours=1))
            await engine.buy(7_000, name=f"o{day}")
            if day == 40:
                await engine.buy(3_000, at=START + timedelta(days=5))
                await engine.give_back("o20", 3_000)
                await engine.redeem(50)
        await engine.at(START + timedelta(days=250))
        for day in (0, 6, 15, 21, 36, 41, 60, 181, 190, 215, 240):
            for clock in ("as_of", "known_at"):
                moment: Json = {clock: datetime(2026, 1, 1, 14, tzinfo=UTC) + timedelta(days=day)}
                seen = await dossier(engine.handler, PROGRAM, "ann", **moment)
                held = seen.view["balances"]["points"]
                lots = [sum(one.remaining for one in seen.lots if one.state == state) for state in ("open", "pending")]
                assert lots == [held["available"], held["pending"]], moment


async def test_a_members_page_leads_to_the_household_and_that_has_one_of_its_own(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    await shop.post("/v1/households", {"id": "smiths"})
    await shop.post("/v1/households/smiths/join", {"member": "ann", "role": "owner"})
    await shop.post("/v1/transfers", {"id": "t1", "from": "ann", "to": "smiths", "currency": "points", "points": 100})
    await sign_in(shop)
    page = (await shop.client.get("/console/members/ann")).text
    assert 'household <a href="/console/members/smiths">smiths</a>' in page
    page = (await shop.client.get("/console/members/smiths")).text
    assert figure(page, "points-available") == "100"
    assert "100 points put in by a member with the transfer t1" in page
    assert "A member joined as owner" in page
