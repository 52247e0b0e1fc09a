"""What members could still ask for: the figures add up to the balances, by age and by the month of their end."""

import re

import pytest
from litestar import Litestar

from application.follow import Projector, Runner
from tests.console.test_door import sign_in
from tests.console.test_pages import figure
from tests.http.conftest import Json, Someone, purchase

pytestmark = pytest.mark.anyio


def shares(page: str, title: str) -> dict[str, str]:
    """What stands in a list: name and points, without the empty ones."""
    _, _, part = page.partition(title)
    rows = re.findall(r"<li><span>([^<]+)</span>.*?<span class=\"num\">([^<]+)</span>", part.partition("</ul>")[0])
    return {name: points for name, points in rows if points != "0"}


async def test_what_is_owed_adds_up_and_is_told_by_age_by_end_and_in_money(app: Litestar, shop: Someone) -> None:
    """50 points of August, 105 of November, 100 spent of the oldest; lots end with the month a year later."""
    wired = app.state.wired
    await shop.post("/v1/clock", {"now": "2030-11-30T10:00:00+01:00"})
    await shop.post("/v1/members", {"id": "bob", "enrolled_at": "2030-08-01T10:00:00+02:00"})
    await shop.post("/v1/activities", purchase(member="bob", occurred_at="2030-11-20T10:00:00+01:00"))
    spent = await shop.post("/v1/redemptions", {"id": "r1", "member": "bob", "currency": "points", "points": 100})
    assert spent.status_code == 201, spent.text
    await shop.post("/v1/members", {"id": "eve", "enrolled_at": "2030-08-01T10:00:00+02:00"})
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
    members = [(await shop.get(f"/v1/members/{name}")).json() for name in ("ann", "bob", "eve")]
    held = sum(one["balances"]["points"]["available"] for one in members)
    await sign_in(shop)
    page = (await shop.client.get("/console/liability")).text
    assert figure(page, "owed-points") == str(held) == "105"
    assert figure(page, "worth-points") == "€1.05"
    assert shares(page, "points, by age") == {"under 30 days": "55", "90 to 179 days": "50"}
    assert shares(page, "points, by the month in which it ends") == {"2031-08": "50", "2031-11": "55"}


async def test_what_will_end_unused_is_told_by_month_of_issue_and_what_the_books_go_by(
    app: Litestar, shop: Someone
) -> None:
    """Of 155 points of 2030-08 100 were redeemed, and 55 ended; by that, a part of those of November will."""
    wired = app.state.wired
    await shop.post("/v1/clock", {"now": "2030-08-02T10:00:00+02:00"})
    await shop.post("/v1/members", {"id": "bob", "enrolled_at": "2030-08-01T10:00:00+02:00"})
    await shop.post("/v1/activities", purchase(member="bob", occurred_at="2030-08-01T11:00:00+02:00"))
    spent = await shop.post("/v1/redemptions", {"id": "r1", "member": "bob", "currency": "points", "points": 100})
    assert spent.status_code == 201, spent.text
    await shop.post("/v1/clock", {"now": "2031-11-02T10:00:00+01:00"})
    await shop.post("/v1/members", {"id": "eve", "enrolled_at": "2031-11-01T10:00:00+01:00"})
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
    await sign_in(shop)
    told = {one["cohort"]: one["projected_breakage"] for one in (await ladder(shop))["cohorts"]}
    page = (await shop.client.get("/console/liability")).text
    assert figure(page, "breakage-points") == str(sum(told.values()))
    by_month = shares(page, "points, expected to end unused, by month of issue")
    assert by_month == {month[:7]: str(points) for month, points in told.items() if points}
    assert by_month["2030-08"] == "55"
    assert "No estimate was stated" in page
    stated = {"currency": "points", "redeemed_share": "0.8", "deferred_per_point": "1"}
    assert (await shop.post("/v1/analytics/liability/estimates", stated)).status_code == 201
    assert "The books go by estimate 1" in (await shop.client.get("/console/liability")).text


async def ladder(shop: Someone) -> Json:
    found: list[Json] = (await shop.get("/v1/analytics/breakage")).json()["items"]
    return found[0]


async def test_what_has_ended_is_owed_to_nobody(app: Litestar, shop: Someone) -> None:
    wired = app.state.wired
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
    await sign_in(shop)
    assert figure((await shop.client.get("/console/liability")).text, "owed-points") == "50"
    await shop.post("/v1/clock", {"now": "2199-01-01T00:00:00Z"})
    assert "Nobody holds points" in (await shop.client.get("/console/liability")).text
