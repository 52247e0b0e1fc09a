"""The console beside what runs: followers that could not take an entry, boards that close, a server that stops."""

import asyncio
import re
import signal
import time

import pytest
from httpx2 import Client
from litestar import Litestar

from api.console.today import EVERY, LOOKS
from application.follow import Projector, Runner
from application.samples import COFFEE
from tests.cli.server import PATIENCE, prepared, serving
from tests.cli.test_drain import stopped
from tests.console.test_corrections import settled
from tests.console.test_door import csrf, post, sign_in
from tests.http import test_leaderboards
from tests.http.conftest import Someone, purchase, with_scopes
from tests.http.test_leaderboards import game
from tests.projections.boards import Choosy

__all__ = ["game"]

pytestmark = pytest.mark.anyio


async def test_parked_entries_are_named_and_taken_again_by_a_button(app: Litestar, shop: Someone) -> None:
    wired = app.state.wired
    projector = Projector(wired.boards, wired.tables)
    made = (await shop.post("/v1/activities", purchase())).json()
    await Runner(Choosy(projector, made["position"]), wired.store, wired.positions).catch_up()
    await sign_in(shop)
    page = (await shop.client.get("/console/system")).text
    assert f"ValueError: cannot take {made['position']}" in page
    assert "Take them again" in page
    token = await csrf(shop.client)
    answer = await post(shop.client, "/console/system/retry", {"csrf": token})
    assert answer.headers["location"] == "/console/system?retried=1-0#parked"
    page = (await shop.client.get(answer.headers["location"])).text
    assert "1 were taken, 0 stay parked" in page
    assert "Every entry could be taken" in page
    auditor = await with_scopes(shop, "auditor")
    await sign_in(auditor)
    assert (await post(auditor.client, "/console/system/retry", {"csrf": await csrf(shop.client)})).status_code == 403


async def test_an_admin_takes_again_only_what_is_parked_of_their_own_program(
    app: Litestar, shop: Someone, stranger: Someone
) -> None:
    wired = app.state.wired
    made = (await shop.post("/v1/activities", purchase())).json()
    await Runner(
        Choosy(Projector(wired.boards, wired.tables), made["position"]), wired.store, wired.positions
    ).catch_up()
    ((_, position),) = await wired.positions.parked("analytics")
    await sign_in(stranger)
    answer = await post(stranger.client, "/console/system/retry", {"csrf": await csrf(stranger.client)})
    assert answer.headers["location"] == "/console/system?retried=0-0#parked"
    assert [at for _, at in await wired.positions.parked("analytics", program="main")] == [position]
    assert await wired.positions.parked("analytics", program="other") == []
    await sign_in(shop)
    answer = await post(shop.client, "/console/system/retry", {"csrf": await csrf(shop.client)})
    assert answer.headers["location"] == "/console/system?retried=1-0#parked"


async def test_a_closed_board_stays_as_it_was_frozen_and_can_be_read_as_it_adds_up_now(game: Someone) -> None:
    await test_leaderboards.post(game, "s1", "ann", 7)
    await test_leaderboards.post(game, "s2", "bob", 5)
    moved = (await game.post("/v1/clock", {"now": "2026-12-01T00:00:00+01:00"})).json()["position"]
    await game.get(f"/v1/leaderboards?at_least={moved}")
    late = await test_leaderboards.post(game, "late", "bob", 50, at="2026-11-30T10:00:00Z")
    await game.get(f"/v1/leaderboards?at_least={late}")
    await sign_in(game)
    at = "/console/leaderboards/monthly?period=2026-11"
    frozen = (await game.client.get(at)).text
    assert re.search(r"Closed .* with 2 members, under rulebook 1", frozen)
    assert re.findall(r'<a href="/console/members/(\w+)"', frozen) == ["ann", "bob"]
    restated = (await game.client.get(f"{at}&restated=true")).text
    assert re.findall(r'<a href="/console/members/(\w+)"', restated) == ["bob", "ann"]
    assert ">restated<" in restated


async def test_first_steps_close_by_the_log_and_then_go_away(app: Litestar, admin: Someone) -> None:
    wired = app.state.wired

    async def steps() -> list[str] | None:
        await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
        page = (await admin.client.get("/console/today")).text
        return re.findall(r"✓</span> (.*?) <span", page) if "First steps" in page else None

    await sign_in(admin)
    assert await steps() == []
    draft = (await admin.post("/v1/rulebooks", {"document": COFFEE | {"time_zone": "Europe/Paris"}})).json()
    await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    assert await steps() == ["Publish rules of your own"]
    await admin.post("/v1/members", {"id": "ann"})
    assert await steps() == ["Publish rules of your own", "Enrol a member"]
    now = (await admin.get("/v1/clock")).json()["now"]
    await admin.post("/v1/activities", purchase(occurred_at=now))
    assert await steps() == ["Publish rules of your own", "Enrol a member", "Record an activity"]
    redeemed = await admin.post("/v1/redemptions", {"id": "r1", "member": "ann", "currency": "points", "points": 100})
    assert redeemed.status_code == 201, redeemed.text
    assert await steps() is None


async def test_the_sample_s_rules_are_nobody_s_own(app: Litestar, shop: Someone) -> None:
    await sign_in(shop)
    assert (
        '<a href="/console/rulebooks">Publish rules of your own</a>' in (await shop.client.get("/console/today")).text
    )


@pytest.mark.slow
def test_a_server_that_stops_does_not_wait_for_pages_that_are_open(database_url: str) -> None:
    key = asyncio.run(prepared(database_url, "admin"))
    with serving(database_url) as served, Client(base_url=f"http://127.0.0.1:{served.port}", timeout=PATIENCE) as page:
        page.post("/console/sign-in", data={"key": key})
        with page.stream("GET", "/console/today/live") as live:
            looks = live.iter_lines()
            assert any("Entries per minute" in line for line in looks)
            began = time.monotonic()
            served.process.send_signal(signal.SIGTERM)
            rest = list(looks)
        stopped(served, began)
        assert time.monotonic() - began < EVERY * LOOKS + 5
    assert sum("Entries per minute</h2>" in line for line in rest) <= LOOKS


async def test_an_admin_makes_the_tables_again_and_sees_how_far_that_is(app: Litestar, shop: Someone) -> None:
    wired = app.state.wired
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
    before = await wired.tables.digests()
    await sign_in(shop)
    token = await csrf(shop.client)
    for _ in range(2):  # clicked twice
        answer = await post(shop.client, "/console/system/rebuild", {"csrf": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/system#followers")
    page = await settled(shop, "/console/system")
    assert f"made again up to position {await wired.positions.head()}" in page
    assert await wired.tables.digests() == before
    begun = await wired.overview._all("SELECT count(*) AS n FROM jobs WHERE kind = 'rebuild'", ())
    assert begun[0]["n"] == 1


async def test_nobody_else_makes_the_tables_again(shop: Someone) -> None:
    auditor = await with_scopes(shop, "auditor")
    await sign_in(auditor)
    answer = await post(auditor.client, "/console/system/rebuild", {"csrf": await csrf(auditor.client)})
    assert answer.status_code == 403
