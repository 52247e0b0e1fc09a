"""Who looked on the console: reads of a member by whom, page by page, for auditors only."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.console.test_door import sign_in
from tests.http.conftest import Someone, with_scopes

pytestmark = pytest.mark.anyio

PLACE = "/console/audit/access"


def looks(page: str) -> list[tuple[str, ...]]:
    """Actor, what and member of each row."""
    rows = re.findall(r"<tr>\s*<td>(.*?)</tr>", page, re.DOTALL)
    return [
        (
            *re.findall(r"actor=[^\"]*\">([^<]+)<", row),
            re.findall(r"<td>([A-Z]+ /[^<]*?)\s*<", row)[0] if "GET /" in row else "",
            *re.findall(r"member=[^\"]*\">([^<]+)<", row),
        )
        for row in rows
    ]


async def test_who_looked_at_a_member_is_found_by_member_and_by_actor(shop: Someone) -> None:
    await shop.post("/v1/members", {"id": "bob"})
    auditor = await with_scopes(shop, "auditor")
    for name in ("ann", "bob"):
        await auditor.get(f"/v1/members/{name}")
    await sign_in(shop)
    rows = (await shop.get("/v1/audit/access", params={"member": "ann"})).json()["items"]
    (actor,) = {one["actor"] for one in rows if one["what"] == "GET /v1/members/{member}"}
    of_ann = looks((await shop.client.get(PLACE, params={"member": "ann"})).text)
    assert (actor, "GET /v1/members/{member}", "ann") in of_ann
    assert {row[-1] for row in of_ann} == {"ann"}
    by_actor = looks((await shop.client.get(PLACE, params={"actor": actor})).text)
    assert [row[-1] for row in by_actor] == ["bob", "ann"]
    assert "Nobody." in (await shop.client.get(PLACE, params={"member": "zoe"})).text
    assert "Nobody." in (await shop.client.get(PLACE, params={"actor": "<b>"})).text


async def test_every_look_is_there_page_by_page(shop: Someone, monkeypatch: Any) -> None:
    monkeypatch.setattr("api.console.access.LISTED", 2)
    auditor = await with_scopes(shop, "auditor")
    for _ in range(5):
        await auditor.get("/v1/members/ann")
    await sign_in(shop)
    rows = (await shop.get("/v1/audit/access", params={"member": "ann"})).json()["items"]
    actor = next(one["actor"] for one in rows if one["what"] == "GET /v1/members/{member}")
    seen, at = [], f"{PLACE}?member=ann&actor={actor}"
    while at:
        page = (await shop.client.get(at)).text
        seen.append(len(looks(page)))
        found = re.search(r'href="(/console/audit/access\?before=[^"]+)"', page)
        at = found.group(1).replace("&amp;", "&") if found is not None else ""
    assert seen == [2, 2, 1]


async def test_who_looked_is_found_by_when_page_by_page(shop: Someone, monkeypatch: Any) -> None:
    """By the clock of the wall, in the program's zone: nobody looks in sandbox time."""
    monkeypatch.setattr("api.console.access.LISTED", 1)
    auditor = await with_scopes(shop, "auditor")
    for _ in range(2):
        await auditor.get("/v1/members/ann")
    await sign_in(shop)
    rows = (await shop.get("/v1/audit/access", params={"member": "ann"})).json()["items"]
    at = datetime.fromisoformat(rows[0]["at"])
    berlin = ZoneInfo("Europe/Berlin")

    async def shown(**more: str) -> str:
        return (await shop.client.get(PLACE, params={"member": "ann", **more})).text

    hour = timedelta(hours=1)
    before, after = (f"{moment.astimezone(berlin):%Y-%m-%dT%H:%M:%S}" for moment in (at - hour, at + hour))
    page = await shown(since=before, until=after)
    assert len(looks(page)) == 1
    (more,) = re.findall(r'href="(/console/audit/access\?before=[^"]+)"', page)
    assert f"since={before.replace(':', '%3A')}" in more
    assert len(looks((await shop.client.get(more.replace("&amp;", "&"))).text)) == 1
    assert "Nobody." in await shown(since=after)
    assert "Nobody." in await shown(until=before)
    assert (await shop.client.get(PLACE, params={"since": "soon"})).status_code == 422


async def test_only_auditors_see_who_looked(shop: Someone, stranger: Someone) -> None:
    await (await with_scopes(shop, "auditor")).get("/v1/members/ann")
    await sign_in(await with_scopes(shop, "operator"))
    assert (await shop.client.get(PLACE)).status_code == 403
    await sign_in(stranger)
    assert "GET /v1/members/{member}" not in (await stranger.client.get(PLACE)).text
