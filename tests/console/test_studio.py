"""The studio over HTTP: what is kept, what is said of it, and who may do what."""

import json
import re
from typing import Any

import pytest

from application.samples import COFFEE
from tests.console.test_door import csrf, post, sign_in
from tests.http.conftest import Someone, purchase, with_scopes

pytestmark = pytest.mark.anyio
Json = dict[str, Any]

BROKEN = "activity.amount_minor >> 100"


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found.group(1)


class Writer:
    """An operator with a draft open."""

    def __init__(self, someone: Someone, draft: str, page: str) -> None:
        self.someone = someone
        self.draft = draft
        self.etag = field(page, "etag")
        self.csrf = field(page, "csrf")

    async def send(self, action: str, document: Json | str, **fields: str) -> Any:
        text = document if isinstance(document, str) else json.dumps(document, indent=2)
        body = {"csrf": self.csrf, "etag": self.etag, "document": text, "note": ""} | fields
        return await post(self.someone.client, f"/console/rulebooks/{self.draft}/{action}", body)


async def drafting(someone: Someone, version: str = "1") -> Writer:
    """A draft from a version."""
    token = await csrf(someone.client)
    made = await post(someone.client, "/console/rulebooks", {"csrf": token, "from": version})
    assert made.status_code == 303, made.text
    return await opening(someone, made.headers["location"].rpartition("/")[2])


async def opening(someone: Someone, draft: str) -> Writer:
    page = await someone.client.get(f"/console/rulebooks/{draft}")
    assert page.status_code == 200, page.text
    return Writer(someone, draft, page.text)


def doubled(base: Json = COFFEE) -> Json:
    """Twice the points for every purchase."""
    found: Json = json.loads(json.dumps(base))
    found["rules"][1]["award"]["per"]["points"] = 2
    return found


async def test_a_draft_begins_as_the_version_it_comes_from(shop: Someone) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    kept = (await shop.get(f"/v1/rulebooks/{writer.draft}")).json()
    assert kept["document"] == COFFEE
    page = (await shop.client.get(f"/console/rulebooks/{writer.draft}")).text
    assert "Can be published" in page
    assert "Changes against version 1" in page


async def test_a_program_without_rules_begins_with_next_to_nothing(admin: Someone) -> None:
    await sign_in(admin)
    writer = await drafting(admin, "")
    page = (await admin.client.get(f"/console/rulebooks/{writer.draft}")).text
    assert "This would be the first version" in page


async def test_what_is_typed_is_judged_without_being_kept(shop: Someone) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    before = (await shop.get(f"/v1/rulebooks/{writer.draft}")).json()
    page = (await writer.send("check", doubled())).text
    assert "Can be published" in page
    assert "rule base: points per step 1 → 2" in page
    assert (await shop.get(f"/v1/rulebooks/{writer.draft}")).json() == before


async def test_a_finding_names_the_line_and_column_of_the_text(shop: Someone) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    document = doubled()
    document["rules"][1]["when"] = BROKEN
    text = json.dumps(document, indent=2)
    page = (await writer.send("check", text)).text
    assert "Cannot be published yet" in page
    found = re.search(r'class="error" data-line="(\d+)" data-column="(\d+)"', page)
    assert found is not None
    line = text.splitlines()[int(found[1]) - 1]
    assert line[int(found[2]) - 1 :].startswith(">")


@pytest.mark.parametrize(
    ("text", "line", "column"), [("", 1, 1), ('{\n  "rules": [,]\n}', 2, 13), ('{"a": 1,}', 1, 9), ("{", 1, 2)]
)
async def test_what_is_no_json_is_a_finding_at_its_place(shop: Someone, text: str, line: int, column: int) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    page = (await writer.send("check", text)).text
    assert f'data-line="{line}"' in page
    assert "malformed-json" in page
    refused = await writer.send("save", text)
    assert refused.status_code == 400
    assert 'role="alert"' in refused.text


@pytest.mark.parametrize("text", ["[]", "1", "null", '{"rules": 1}', '{"a": 1, "a": 2}', '{"a": "\\u0000"}', "[" * 500])
@pytest.mark.parametrize("action", ["check", "save", "try", "simulate", "publish"])
async def test_no_text_breaks_the_studio(shop: Someone, text: str, action: str) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    answer = await writer.send(action, text, activity=json.dumps(purchase()))
    assert answer.status_code < 500, answer.text


async def test_saving_keeps_the_text_as_it_was_written(shop: Someone) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    text = json.dumps(doubled(), indent=3) + "\n"
    answer = await writer.send("save", text.replace("\n", "\r\n"), note="two for one")
    assert answer.headers["location"] == f"/console/rulebooks/{writer.draft}?saved=1"
    page = (await shop.client.get(f"/console/rulebooks/{writer.draft}?saved=1")).text
    assert "Saved." in page
    assert 'value="two for one"' in page
    assert "\n   &#34;rules&#34;" in page


async def test_of_two_who_edit_one_draft_the_second_is_told(shop: Someone) -> None:
    await sign_in(shop)
    first = await drafting(shop)
    second = await opening(shop, first.draft)
    theirs = doubled() | {"time_zone": "Europe/Paris"}
    assert (await first.send("save", theirs)).status_code == 303
    assert "Somebody else saved this draft meanwhile" in (await second.send("check", doubled())).text
    refused = await second.send("save", doubled())
    assert refused.status_code == 412
    assert "Somebody else saved this draft meanwhile" in refused.text
    assert (await shop.get(f"/v1/rulebooks/{first.draft}")).json()["document"] == theirs
    second.etag = field(refused.text, "etag")
    assert (await second.send("save", doubled())).status_code == 303
    assert (await shop.get(f"/v1/rulebooks/{first.draft}")).json()["document"] == doubled()


async def test_publishing_saves_what_is_in_sight_and_the_next_activity_uses_it(shop: Someone) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    answer = await writer.send("publish", doubled(), expects="1")
    assert answer.headers["location"] == "/console/rulebooks/2"
    page = (await shop.client.get("/console/rulebooks/2")).text
    assert "in force" in page
    assert "rule base: points per step 1 → 2" in page
    assert (await shop.get("/v1/rulebooks/2")).json()["document"] == doubled()
    now = (await shop.get("/v1/clock")).json()["now"]
    earned = (await shop.post("/v1/activities", purchase(occurred_at=now))).json()
    assert earned["awards"][0]["granted"] == 210


async def test_publishing_for_later_does_not_rule_yet(shop: Someone) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    answer = await writer.send("publish", doubled(), expects="1", effective_from="2199-01-01T00:00:00")
    assert answer.status_code == 303
    (newest, _) = (await shop.get("/v1/rulebooks")).json()["items"]
    assert (newest["state"], newest["effective_from"]) == ("scheduled", "2198-12-31T23:00:00Z")


async def test_publishing_is_refused_on_the_page(shop: Someone) -> None:
    await sign_in(shop)
    one, other = await drafting(shop), await drafting(shop)
    document = doubled()
    document["rules"][1]["when"] = BROKEN
    refused = await one.send("publish", document, expects="1")
    assert refused.status_code == 422
    assert "rulebook-invalid" in refused.text
    assert (await one.send("publish", doubled(), expects="1", effective_from="soon")).status_code == 422
    assert (await other.send("publish", doubled(), expects="1")).status_code == 303
    late = await opening(shop, one.draft)
    conflict = await late.send("publish", doubled() | {"time_zone": "Europe/Paris"}, expects="1")
    assert conflict.status_code == 409
    assert len((await shop.get("/v1/rulebooks")).json()["items"]) == 2


async def test_only_admins_publish_and_auditors_only_look(shop: Someone) -> None:
    await sign_in(shop)
    draft = (await drafting(shop)).draft
    operator = await with_scopes(shop, "operator")
    await sign_in(operator)
    writer = await opening(operator, draft)
    assert (await writer.send("publish", doubled())).status_code == 403
    assert (await writer.send("save", doubled())).status_code == 303
    auditor = await with_scopes(shop, "auditor")
    await sign_in(auditor)
    page = (await auditor.client.get(f"/console/rulebooks/{draft}")).text
    assert "readonly" in page
    assert "Save" not in page
    writer = await opening(auditor, draft)
    for action in ("save", "check", "try", "simulate", "publish"):
        assert (await writer.send(action, doubled())).status_code == 403


async def test_the_playground_tries_an_activity_that_is_made_up(shop: Someone) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    log = (await shop.get("/v1/log")).json()["items"]
    page = (await writer.send("try", doubled(), activity=json.dumps(purchase()))).text
    assert "+210 points" in page
    assert "does not hold" in page
    assert (await shop.get("/v1/log")).json()["items"] == log


async def test_the_playground_judges_a_recorded_activity_again_as_its_member_stood_then(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    await shop.post("/v1/activities", purchase("order-2"))
    await sign_in(shop)
    writer = await drafting(shop)
    page = (await writer.send("try", doubled(), picked="shop/order-1")).text
    assert "+210 points" in page
    assert "Under version 1 it earned +105 points" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"picked": "shop/nothing"}, "no activity or return"),
        ({"picked": "nothing"}, "no activity or return"),
        ({"activity": "{"}, "not JSON"),
        ({"activity": '{"id": 1}'}, "Expected"),
        ({"activity": json.dumps(purchase(type="yawn"))}, "not an activity type"),
        ({"activity": json.dumps(purchase(member="nobody"))}, "nobody"),
    ],
)
async def test_what_cannot_be_tried_is_said_beside_it(shop: Someone, fields: dict[str, str], said: str) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    answer = await writer.send("try", doubled(), **fields)
    assert answer.status_code == 200
    assert said in answer.text


async def test_a_trial_on_history_says_who_would_have_more(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    await sign_in(shop)
    writer = await drafting(shop)
    begun = await writer.send("simulate", doubled())
    assert begun.status_code == 303
    address = begun.headers["location"]
    while "Telling history again" in (page := (await shop.client.get(address)).text):
        pass
    assert re.search(r'data-figure="difference-points">\+105 ', page)
    assert "1 have more" in page
    table = await shop.client.get(f"{address}/members.csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert "ann,points" in table.text


async def test_drafts_and_trials_of_another_program_are_not_there(shop: Someone, stranger: Someone) -> None:
    await sign_in(shop)
    writer = await drafting(shop)
    trial = (await writer.send("simulate", doubled())).headers["location"]
    await sign_in(stranger)
    token = await csrf(stranger.client)
    assert (await stranger.client.get(f"/console/rulebooks/{writer.draft}")).status_code == 404
    assert (await stranger.client.get(trial)).status_code == 404
    for action in ("save", "check", "try", "simulate", "publish"):
        body = {"csrf": token, "etag": writer.etag, "document": "{}"}
        answer = await post(stranger.client, f"/console/rulebooks/{writer.draft}/{action}", body)
        assert answer.status_code in (404, 422), action
