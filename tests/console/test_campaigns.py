"""Campaigns on the console: what is left of a budget, also after returns, and how far offers have come."""

import re

import pytest
from litestar import Litestar

from application.follow import Projector, Runner
from tests.console.story import RULES
from tests.console.test_door import sign_in
from tests.console.test_pages import figure
from tests.http.conftest import RETURN, Json, Someone, purchase

pytestmark = pytest.mark.anyio


def campaign() -> Json:
    """The shop's rules with a campaign of 150 points and two uses, on top of what purchases earn."""
    extra = {
        "id": "launch", "on": "purchase", "phase": "add", "budget": "launch",
        "award": {"currency": "points", "points": 60},
    }  # fmt: skip
    budgets = {"launch": {"currency": "points", "points": 150, "uses": 3}}
    return RULES | {"rules": [*RULES["rules"], extra], "budgets": RULES["budgets"] | budgets}


async def test_a_budget_shows_what_is_left_of_it_and_returns_give_back(admin: Someone) -> None:
    draft = (await admin.post("/v1/rulebooks", {"document": campaign()})).json()
    published = await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    assert published.status_code == 201, published.text
    await admin.post("/v1/members", {"id": "ann", "enrolled_at": "2026-11-01T10:00:00Z"})
    await sign_in(admin)
    now = (await admin.get("/v1/clock")).json()["now"]
    seen = []
    for step in ("", "order-1", "order-2", "order-3", "return"):
        if step == "return":
            assert (await admin.post("/v1/returns", RETURN | {"occurred_at": now})).status_code == 201
        elif step:
            assert (await admin.post("/v1/activities", purchase(step, occurred_at=now))).status_code == 201
        page = (await admin.client.get("/console/campaigns")).text
        seen.append((figure(page, "left-launch-points"), figure(page, "left-launch-uses")))
        assert ("used up" in page) == (step == "order-3")
    assert seen == [("150", "3"), ("90", "2"), ("30", "1"), ("0", "0"), ("60", "1")]


async def test_offers_are_counted_by_what_became_of_them(app: Litestar, admin: Someone) -> None:
    wired = app.state.wired
    draft = (await admin.post("/v1/rulebooks", {"document": RULES})).json()
    await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    for name in ("ann", "bob"):
        await admin.post("/v1/members", {"id": name})
        assigned = await admin.post("/v1/offers/spend100/assignments", {"member": name})
        assert assigned.status_code == 201, assigned.text
    now = (await admin.get("/v1/clock")).json()["now"]
    await admin.post("/v1/activities", purchase(occurred_at=now))
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
    await sign_in(admin)
    page = (await admin.client.get("/console/campaigns")).text
    (row,) = re.findall(r"<th scope=\"row\"><a [^>]*>spend100</a></th>(.*?)</tr>", page)
    assert re.findall(r">(\d+)<", row) == ["2", "1", "1", "0", "0", "50", "0"]


async def test_a_budget_shows_when_it_is_gone_and_whose_grants_took_of_it(app: Litestar, admin: Someone) -> None:
    """60 of 150 went within a week of 28 days' looking back: what is left, 90, lasts one and a half times as long."""
    wired = app.state.wired
    draft = (await admin.post("/v1/rulebooks", {"document": campaign()})).json()
    await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    await admin.post("/v1/members", {"id": "ann", "enrolled_at": "2026-11-01T10:00:00Z"})
    now = (await admin.get("/v1/clock")).json()["now"]
    await sign_in(admin)
    assert "As a table" not in (await admin.client.get("/console/campaigns")).text
    await admin.post("/v1/activities", purchase("order-1", occurred_at=now))
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
    await admin.post("/v1/clock", {"now": "2199-01-07T10:00:00Z"})
    page = (await admin.client.get("/console/campaigns")).text
    assert "0 points a week lately" in page
    assert "not gone within two years" in page
    assert "150 at most, 90 now" in page
    awarded = (await admin.client.get("/console/campaigns/budgets/launch")).text
    assert re.findall(r'href="/console/members/(\w+)"', awarded) == ["ann"]
    assert re.findall(r"<td class=\"num\">(\d+) ", awarded) == ["60"]
    for nowhere in ("budgets/other", "offers/other", "experiments/other"):
        assert "None." in (await admin.client.get(f"/console/campaigns/{nowhere}")).text
    assert (await admin.client.get("/console/campaigns/lots/of")).status_code == 404


async def test_arms_stand_side_by_side_with_what_the_api_says_of_them(app: Litestar, admin: Someone) -> None:
    wired = app.state.wired
    gift = {
        "id": "gift", "on": "purchase", "phase": "add", "variant": {"experiment": "gift", "arm": "gift"},
        "award": {"currency": "points", "points": 50},
    }  # fmt: skip
    document = RULES | {
        "rules": [*RULES["rules"], gift],
        "experiments": {"gift": {"arms": {"control": 1, "gift": 1}}},
    }
    draft = (await admin.post("/v1/rulebooks", {"document": document})).json()
    published = await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    assert published.status_code == 201, published.text
    now = (await admin.get("/v1/clock")).json()["now"]
    for number in range(8):
        await admin.post("/v1/members", {"id": f"m{number}"})
        await admin.post("/v1/activities", purchase(f"a{number}", member=f"m{number}", occurred_at=now))
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
    await sign_in(admin)
    page = (await admin.client.get("/console/campaigns")).text
    (found,) = (await admin.get("/v1/analytics/experiments")).json()["items"]
    for arm in found["arms"]:
        for measure in ("activities", "granted", "redeemed"):
            shown = figure(page, f"{measure}-gift-{arm['arm']}").replace(",", "")
            assert shown == arm[measure]["mean"][:-4]
    listed = (await admin.client.get("/console/campaigns/experiments/gift")).text
    assert len(re.findall(r'href="/console/members/m\d"', listed)) == 8
