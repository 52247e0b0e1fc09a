"""Rewards on the console: put in, counted down, changed; of two who change one the second is told."""

import pytest
from litestar import Litestar

from application.follow import Projector, Runner
from tests.console.test_door import csrf, post, sign_in
from tests.console.test_pages import figure
from tests.http.conftest import Someone, with_scopes
from tests.http.test_codes import CARD
from tests.http.test_redemptions import till
from tests.http.test_rewards import MUG

pytestmark = pytest.mark.anyio

__all__ = ["till"]

MADE = {"id": "mug", "name": "A <mug>", "kind": "product", "currency": "points", "points": "40", "stock": "2"}
PLACE = "/console/rewards/mug"


async def test_a_reward_is_put_in_and_offered(till: Someone) -> None:
    await sign_in(till)
    token = {"csrf": await csrf(till.client)}
    fields = MADE | {"starts": "2030-03-04T10:00", "ends": "2030-04-01T00:00:00"}
    answer = await post(till.client, "/console/rewards", token | fields)
    assert (answer.status_code, answer.headers.get("location")) == (303, PLACE), answer.text
    made = (await till.get("/v1/rewards/mug")).json()
    assert (made["price"], made["stock"]) == ({"currency": "points", "points": 40}, 2)
    # The program's zone is Europe/Berlin.
    assert (made["starts"], made["ends"]) == ("2030-03-04T09:00:00Z", "2030-03-31T22:00:00Z")
    page = (await till.client.get(PLACE)).text
    assert "A &lt;mug&gt;" in page
    assert 'value="2030-03-04T10:00:00"' in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": "a b"}, "id: not such an id"),
        ({"kind": "yacht"}, "kind: there is no such kind"),
        ({"points": "many"}, "points: not a whole number"),
        ({"stock": "-1"}, "stock: 0 to 2^53 - 1"),
        ({"starts": "soon"}, "starts: not a date and time"),
        ({"ends": "2030-01-01T00:00", "starts": "2031-01-01T00:00"}, "ends: not after starts"),
        ({"when": "member.+"}, "when: 1:"),
        ({"currency": "miles"}, "currency: unknown"),
    ],
)
async def test_a_mistake_is_said_and_what_was_typed_stays(till: Someone, fields: dict[str, str], said: str) -> None:
    await sign_in(till)
    answer = await post(till.client, "/console/rewards", {"csrf": await csrf(till.client)} | MADE | fields)
    assert (answer.status_code, said in answer.text) == (200, True), answer.text
    assert 'value="A &lt;mug&gt;"' in answer.text
    assert (await till.get("/v1/rewards")).json()["items"] == []


async def test_what_is_claimed_is_counted_and_what_is_left(app: Litestar, till: Someone) -> None:
    wired = app.state.wired
    await till.post("/v1/rewards", MUG)
    await till.post("/v1/rewards", CARD)
    await sign_in(till)
    seen, page = [], ""
    for name in ("", "r1", "r2"):
        if name:
            claimed = await till.post("/v1/redemptions", {"id": name, "member": "ann", "reward": "mug"})
            assert claimed.status_code == 201, claimed.text
        await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
        page = (await till.client.get("/console/rewards")).text
        seen.append((figure(page, "left-mug"), figure(page, "today-mug")))
        assert ("sold out" in page) == (name == "r2")
    assert seen == [("2", "0"), ("1", "1"), ("0", "2")]
    left = (await till.get("/v1/rewards/card")).json()["codes_left"]
    assert figure(page, "codes-card") == str(left)
    page = (await till.client.get(PLACE)).text
    assert (figure(page, "left"), figure(page, "today")) == ("0", "2")
    await till.post("/v1/redemptions/r1/return", {})
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()
    page = (await till.client.get(PLACE)).text
    assert (figure(page, "left"), figure(page, "today")) == ("1", "1")


async def test_of_two_who_change_a_reward_the_second_is_told_and_keeps_what_was_typed(till: Someone) -> None:
    await till.post("/v1/rewards", MUG)
    await sign_in(till)
    both = {"csrf": await csrf(till.client, PLACE), "etag": "1"}
    first = await post(till.client, PLACE, both | {"points": "30", "stock": "5"})
    assert first.status_code == 303, first.text
    second = await post(till.client, PLACE, both | {"points": "35", "stock": ""})
    assert "Somebody else changed it meanwhile" in second.text
    assert (figure(second.text, "price"), figure(second.text, "stock")) == ("30", "5")
    assert 'value="35"' in second.text
    for etag in ({}, {"etag": "*"}):
        # Nothing is overwritten unseen.
        fields = {"csrf": both["csrf"], "points": "35", "stock": ""} | etag
        assert "Somebody else changed it meanwhile" in (await post(till.client, PLACE, fields)).text
    again = await post(till.client, PLACE, both | {"etag": "2", "points": "35", "stock": "", "withdrawn": "1"})
    assert again.status_code == 303
    now = (await till.get("/v1/rewards/mug")).json()
    assert (now["price"]["points"], now["stock"], now["withdrawn"], now["name"]) == (35, None, True, "A mug")
    wrong = await post(till.client, PLACE, both | {"etag": "3", "points": ""})
    assert "points: how many points" in wrong.text


async def test_auditors_read_and_strangers_find_nothing(till: Someone, stranger: Someone) -> None:
    await till.post("/v1/rewards", MUG)
    await sign_in(await with_scopes(till, "auditor"))
    token = {"csrf": await csrf(till.client, PLACE)}
    for page in ("/console/rewards", PLACE):
        answer = await till.client.get(page)
        assert (answer.status_code, "Offer it" in answer.text) == (200, False)
        assert (await post(till.client, page, token | MADE)).status_code == 403
    await sign_in(stranger)
    assert (await stranger.client.get(PLACE)).status_code == 404
