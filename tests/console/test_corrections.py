"""Corrections on the console: over the same use cases as the API, with somebody else's approval."""

import asyncio
import re
from threading import Event
from typing import Any

import pytest
from httpx2 import Response

from application import corrections
from tests.console.test_door import csrf, post, sign_in
from tests.console.test_pages import figure
from tests.http.conftest import Someone, purchase, with_scopes
from tests.http.test_what_if import richer

pytestmark = pytest.mark.anyio
Json = dict[str, Any]

PLACE = "/console/audit/corrections"


async def settled(someone: Someone, at: str) -> str:
    """The page of a correction that nothing works on any more."""
    for _ in range(400):
        page = (await someone.client.get(at)).text
        if "<progress" not in page:
            return page
        await asyncio.sleep(0.02)
    raise AssertionError("a correction that never ends")


async def send(someone: Someone, path: str, fields: dict[str, str] | None = None) -> Response:
    return await post(someone.client, path, {"csrf": await csrf(someone.client, PLACE)} | (fields or {}))


async def proposed(shop: Someone, operator: Someone, **more: str) -> str:
    """Where the correction is that an operator proposes on the console: the base rule gives twice as much."""
    draft = (await shop.post("/v1/rulebooks", {"document": richer()})).json()["draft"]
    await sign_in(operator)
    sent = await send(operator, PLACE, {"rulebook": draft, "reason": "half of it"} | more)
    assert sent.status_code == 303, sent.text
    return str(sent.headers["location"])


async def test_what_is_proposed_is_tried_approved_by_another_and_applied_once(shop: Someone) -> None:
    made = (await shop.post("/v1/activities", purchase())).json()
    operator = await with_scopes(shop, "operator")
    at = await proposed(shop, operator)
    page = await settled(operator, at)
    assert figure(page, "members") == "1 member would be corrected"
    assert "+105" in page
    assert "somebody else has to approve it" in page
    assert (await send(operator, f"{at}/approve")).status_code == 403
    name = at.rpartition("/")[2]
    assert (await operator.get(f"/v1/corrections/{name}")).json()["state"] == "proposed"

    await sign_in(shop)
    form = {"csrf": await csrf(shop.client, at)}
    for _ in range(3):  # a form that is sent again changes nothing more
        assert (await post(shop.client, f"{at}/approve", form)).status_code == 303
        page = await settled(shop, at)
    assert "1 member corrected" in page
    keys = {one["id"]: one["name"] for one in (await shop.get("/v1/keys")).json()["items"]}
    for who in ("proposed_by", "approved_by"):
        actor = (await shop.get(f"/v1/corrections/{name}")).json()[who]
        assert f"by {keys[actor.removeprefix('key:')]}" in page
        assert actor in page
    available = (await shop.get("/v1/members/ann")).json()["balances"]["points"]["available"]
    assert available == made["member"]["balances"]["points"]["available"] + 105
    inputs = [one["input"]["command"] for one in (await shop.get("/v1/log")).json()["items"] if "input" in one]
    assert inputs.count("ApplyCorrection") == inputs.count("ApproveCorrection") == inputs.count("NoteCorrected") == 1


async def test_whoever_proposed_it_is_told_that_somebody_else_approves(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    at = await proposed(shop, shop)
    page = await settled(shop, at)
    assert "somebody else has to approve it" in page
    assert f'action="{at}/approve"' not in page
    refused = await send(shop, f"{at}/approve")
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    assert "whoever proposes a correction does not approve it" in refused.text
    assert "ApproveCorrection" not in (await shop.get("/v1/log")).text


async def test_what_was_applied_is_turned_round_by_a_correction_of_its_own(shop: Someone) -> None:
    made = (await shop.post("/v1/activities", purchase())).json()
    operator = await with_scopes(shop, "operator")
    at = await proposed(shop, operator)
    await settled(operator, at)
    await sign_in(shop)
    await send(shop, f"{at}/approve")
    await settled(shop, at)

    await sign_in(operator)
    back = (await send(operator, f"{at}/reverse", {"reason": "it was right"})).headers["location"]
    page = await settled(operator, back)
    assert "<h1>Reversal</h1>" in page
    assert "-105" in page
    await sign_in(shop)
    await send(shop, f"{back}/approve")
    assert "1 member corrected" in await settled(shop, back)
    now = (await shop.get("/v1/members/ann")).json()["balances"]
    assert now["points"]["available"] == made["member"]["balances"]["points"]["available"]
    # What is turned round already has nothing more to turn.
    await sign_in(operator)
    again = (await send(operator, f"{at}/reverse", {"reason": "once more"})).headers["location"]
    assert "Nobody would have more or less" in await settled(operator, again)


async def test_two_reversals_that_were_tried_at_once_turn_it_round_once(shop: Someone) -> None:
    made = (await shop.post("/v1/activities", purchase())).json()
    operator = await with_scopes(shop, "operator")
    at = await proposed(shop, operator)
    await settled(operator, at)
    await sign_in(shop)
    await send(shop, f"{at}/approve")
    await settled(shop, at)
    await sign_in(operator)
    form = {"csrf": await csrf(shop.client, PLACE), "reason": "it was right"}
    both = await asyncio.gather(*(post(shop.client, f"{at}/reverse", form) for _ in range(2)))
    for back in [one.headers["location"] for one in both]:
        assert "1 member would be corrected" in await settled(shop, back)
    await sign_in(shop)
    for back, corrected in zip([one.headers["location"] for one in both], ("1 member", "0 members"), strict=True):
        await send(shop, f"{back}/approve")
        assert f"{corrected} corrected" in await settled(shop, back)
    now = (await shop.get("/v1/members/ann")).json()["balances"]
    assert now["points"]["available"] == made["member"]["balances"]["points"]["available"]


async def test_two_admins_who_approve_at_once_correct_once(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    at = await proposed(shop, await with_scopes(shop, "operator"))
    await settled(shop, at)
    await sign_in(shop)
    form = {"csrf": await csrf(shop.client, at)}
    both = await asyncio.gather(*(post(shop.client, f"{at}/approve", form) for _ in range(2)))
    assert [one.status_code for one in both] == [303, 303]
    assert "1 member corrected" in await settled(shop, at)
    inputs = [one["input"]["command"] for one in (await shop.get("/v1/log")).json()["items"] if "input" in one]
    assert inputs.count("ApplyCorrection") == inputs.count("ApproveCorrection") == 1


async def test_whoever_moved_since_the_dry_run_is_named_and_left_alone(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    operator = await with_scopes(shop, "operator")
    at = await proposed(shop, operator)
    await settled(operator, at)
    await shop.post("/v1/activities", purchase("later"))
    await sign_in(shop)
    await send(shop, f"{at}/approve")
    page = await settled(shop, at)
    assert "0 members corrected" in page
    assert re.search(r"1 had moved since the dry run.*href=\"/console/members/ann\"", page)


async def test_changes_are_those_of_the_api_page_by_page_over_all_parts(shop: Someone, monkeypatch: Any) -> None:
    monkeypatch.setattr("domain.correction.decide.MEMBERS_PER_ENTRY", 2)
    monkeypatch.setattr("api.console.corrections.CHANGES", 3)
    for number in range(5):
        await shop.post("/v1/members", {"id": f"m{number}"})
        for order in range(number % 3 + 1):
            await shop.post("/v1/activities", purchase(f"{number}-{order}", member=f"m{number}"))
    place = await proposed(shop, await with_scopes(shop, "operator"))
    page = await settled(shop, place)
    items = (await shop.get(f"/v1/corrections/{place.rpartition('/')[2]}")).json()["items"]
    assert len(items) == 9
    seen: list[tuple[str, str]] = []
    at: str | None = place
    while at is not None:
        page = (await shop.client.get(at)).text
        table = page.partition('id="changes"')[2]
        seen += re.findall(r'/console/members/(\w+)".*?/console/activities/(\w+)"', table)
        further = re.search(r'href="([^"]+\?after=\d+)#changes"', page)
        at = further.group(1) if further is not None else None
    assert seen == [(one["member"], one["activity"]) for one in items]
    # What was worked out once is not what an applied one says.
    await sign_in(shop)
    await send(shop, f"{place}/approve")
    assert "5 members corrected" in await settled(shop, place)


async def test_window_rules_and_members_are_those_of_the_form(shop: Someone) -> None:
    await shop.post("/v1/members", {"id": "bob"})
    for name in ("ann", "bob"):
        await shop.post("/v1/activities", purchase(f"of-{name}", member=name))
    at = await proposed(shop, shop, members="bob, bob", rules="base")
    page = await settled(shop, at)
    assert figure(page, "members") == "1 member would be corrected"
    assert 'href="/console/members/bob"' in page
    assert 'href="/console/members/ann"' not in page
    other = await settled(shop, await proposed(shop, shop, rules="badge:nobody-knows-it"))
    assert "Nobody would have more or less" in other
    assert "badge:nobody-knows-it" in other
    refused = await send(shop, PLACE, {"rulebook": "1", "reason": "why not", "rules": "nobody-knows-it"})
    assert (refused.status_code, "here is no such rule" in refused.text) == (422, True)
    early = await settled(shop, await proposed(shop, shop, to="2001-01-01T00:00:00"))
    assert "Nobody would have more or less" in early


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({}, 422, "Choose the rules"),
        ({"rulebook": "1"}, 422, "Say why"),
        ({"rulebook": "1", "reason": " " * 9}, 422, "Say why"),
        ({"rulebook": "1", "reason": "x" * 501}, 422, "Say why"),
        ({"rulebook": "9", "reason": "x"}, 404, "rulebook"),
        ({"rulebook": "rb_9999", "reason": "x"}, 404, "rulebook"),
        ({"rulebook": "../1", "reason": "x"}, 404, "rulebook"),
        ({"rulebook": "1", "reason": "x", "members": "nobody"}, 404, "nobody"),
        ({"rulebook": "1", "reason": "x", "from": "yesterday"}, 422, "no date and time"),
        ({"rulebook": "1", "reason": "x", "from": "2030-01-01T00:00", "to": "2029-01-01T00:00"}, 422, 'role="alert"'),
        ({"rulebook": "1", "reason": "x", "cascade": "for ever"}, 422, "no such choice"),
    ],
)  # fmt: skip
async def test_what_cannot_be_proposed_is_refused_and_what_was_typed_stays(
    shop: Someone, fields: dict[str, str], status: int, told: str
) -> None:
    await sign_in(shop)
    answer = await send(shop, PLACE, fields)
    assert (answer.status_code, 'role="alert"' in answer.text) == (status, True), answer.text
    assert told in answer.text
    if "members" in fields:
        assert f'value="{fields["members"]}"' in answer.text
    assert "ProposeCorrection" not in (await shop.get("/v1/log")).text


@pytest.mark.parametrize("scope", ["client", "analyst", "auditor"])
async def test_nobody_but_operators_proposes(shop: Someone, scope: str) -> None:
    await sign_in(shop)
    someone = await with_scopes(shop, scope)
    await sign_in(someone)
    # A page that any of them may see carries the token.
    token = await csrf(someone.client, "/console/leaderboards")
    answer = await post(someone.client, PLACE, {"csrf": token, "rulebook": "1", "reason": "x"})
    assert answer.status_code == 403
    assert (await someone.client.get(PLACE)).status_code == (200 if scope == "auditor" else 403)


async def test_an_auditor_reads_a_correction_and_changes_nothing(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    at = await proposed(shop, await with_scopes(shop, "operator"))
    await sign_in(await with_scopes(shop, "auditor"))
    page = await settled(shop, at)
    assert "half of it" in page
    assert "<form" not in page.partition("<main")[2]
    assert (await shop.client.get(f"{at}/changes.csv")).text.startswith("member,activity,")
    for step in ("approve", "reverse"):
        assert (await send(shop, f"{at}/{step}", {"reason": "x"})).status_code == 403


async def test_a_correction_of_another_program_is_not_there(shop: Someone, stranger: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    at = await proposed(shop, await with_scopes(shop, "operator"))
    await sign_in(stranger)
    for path in (at, f"{at}/changes.csv", f"{PLACE}/cor_1", f"{PLACE}/x", f"{PLACE}/cor_{'0' * 32}"):
        assert (await stranger.client.get(path)).status_code == 404, path
    assert (await send(stranger, f"{at}/approve")).status_code == 404
    assert (await send(stranger, f"{at}/reverse", {"reason": "x"})).status_code == 404
    assert "half of it" not in (await stranger.client.get(PLACE)).text


async def test_whose_points_a_correction_shows_is_noted_as_looked_at(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    operator = await with_scopes(shop, "operator")
    at = await proposed(shop, operator)
    await settled(operator, at)
    items = (await shop.get("/v1/audit/access")).json()["items"]
    assert "GET /console/audit/corrections/{correction}" in {one["what"] for one in items}


async def test_a_reason_is_text_wherever_it_is_shown(shop: Someone) -> None:
    evil = "<img src=x onerror=\"alert(1)\"><script>alert(1)</script>' onx='"
    at = await proposed(shop, shop, reason=evil, rules="badge:<b>")
    for page in ((await shop.client.get(PLACE)).text, await settled(shop, at)):
        assert "<img src=x" not in page
        assert "<script>" not in page
        assert "<b>" not in page
        assert "&lt;img src=x" in page
    refused = await send(shop, PLACE, {"rulebook": evil, "reason": evil, "members": evil})
    assert "<img src=x" not in refused.text
    assert "<script>" not in refused.text


async def test_a_dry_run_that_goes_on_shows_how_far_it_is_and_cannot_be_approved(
    shop: Someone, monkeypatch: Any
) -> None:
    await shop.post("/v1/activities", purchase())
    going, ends = Event(), Event()
    whole = corrections.dry_run

    def slow(*given: Any, progress: Any, **more: Any) -> Any:
        progress(3, 8)
        going.set()
        assert ends.wait(60)
        return whole(*given, progress=progress, **more)

    monkeypatch.setattr("application.corrections.dry_run", slow)
    monkeypatch.setattr("application.jobs.NOTED_EVERY", 0.01)
    at = await proposed(shop, await with_scopes(shop, "operator"))
    await asyncio.to_thread(going.wait, 60)
    await sign_in(shop)
    while "3 of 8" not in (page := (await shop.client.get(at)).text):
        pass
    assert f'hx-get="{at}"' in page
    assert re.search(r'<progress max="8" value="3"', page)
    assert "Approve and correct" not in page
    assert (await send(shop, f"{at}/approve")).status_code == 303
    assert (await shop.get(f"/v1/corrections/{at.rpartition('/')[2]}")).json()["state"] == "trying"
    assert "being tried" in (await shop.client.get(PLACE)).text
    ends.set()
    assert "1 member would be corrected" in await settled(shop, at)


async def test_a_run_that_broke_off_goes_on_by_a_button(shop: Someone, monkeypatch: Any) -> None:
    await shop.post("/v1/activities", purchase())
    operator = await with_scopes(shop, "operator")
    at = await proposed(shop, operator)
    await settled(operator, at)

    async def broken(*_: Any, **__: Any) -> None:
        raise MemoryError

    await sign_in(shop)
    with monkeypatch.context() as patched:
        patched.setattr("application.corrections.apply", broken)
        await send(shop, f"{at}/approve")
        page = await settled(shop, at)
    assert "it was broken off" in page
    await send(shop, f"{at}/approve")
    assert "1 member corrected" in await settled(shop, at)


async def test_a_dry_run_that_no_server_works_on_says_so(shop: Someone, monkeypatch: Any) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("application.corrections.dry_run", broken)
    page = await settled(shop, await proposed(shop, shop))
    assert "no server works on it" in page
