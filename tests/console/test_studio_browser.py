"""The studio as an operator has it: a rule is broken, found, mended, tried and published, and then it rules."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser import Chromium, Scheme, barriers, sign_in
from tests.console.conftest import Served
from tests.console.story import RULES, Json
from tests.console.test_browser import picture
from tests.console.test_studio import doubled

pytestmark = pytest.mark.slow

GOOD = '"when": "member.tiers.status.level == \'gold\'"'
BROKEN = GOOD.replace("==", "===")
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


_PASTE = """(element, text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  element.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def editor(page: Page) -> str:
    """The text as it stands in the editor. It shows only what is in sight, so the field behind it is asked."""
    return str(page.locator("#document").input_value())


def write(page: Page, text: str) -> None:
    """Replace all of it, as somebody who pastes does."""
    page.locator("#document ~ .editor .cm-content").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.locator("#document ~ .editor .cm-content").evaluate(_PASTE, text)


def draft(year: Served, document: Json, note: str = "") -> str:
    made = year.client.post("/v1/rulebooks", json={"document": document, "note": note})
    assert made.status_code == 201, made.text
    return str(made.json()["draft"])


def test_the_story_of_a_rule_that_is_broken_mended_tried_and_published(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        sign_in(page, year.key, "/console/rulebooks")
        page.get_by_role("button", name="Draft the next version").click()
        expect(page.locator("#judged")).to_contain_text("Can be published")
        text = editor(page)

        broken = text.replace(GOOD, BROKEN)
        assert broken != text
        write(page, broken)
        finding = page.locator("#judged .found li.error")
        expect(finding).to_be_visible()
        line = int(finding.get_attribute("data-line") or 0)
        column = int(finding.get_attribute("data-column") or 0)
        assert broken.splitlines()[line - 1][column - 1 :].startswith("=")
        expect(page.locator("#judged")).to_contain_text("Cannot be published yet")
        finding.get_by_role("button", name=f"line {line}, column {column}").click()
        expect(page.locator(".cm-lint-marker-error").first).to_be_visible()
        expect(page.locator(".cm-activeLine").first).to_contain_text("===")
        assert barriers(page) == []
        picture(page, "studio-light")

        write(page, json.dumps(doubled(json.loads(text)), indent=2))
        expect(page.locator("#judged")).to_contain_text("Can be published")
        expect(page.locator("#judged .changes li")).to_have_text(re.compile("rule base: points per step 1 → 2"))

        page.get_by_label("One that was recorded").fill("shop/order-1010")
        page.get_by_role("button", name="Try it").click()
        expect(page.locator("#tried")).to_contain_text("would earn")
        expect(page.locator("#tried")).to_contain_text("Under version 1 it earned")
        expect(page.locator("#tried .clauses .no").first).to_be_visible()

        page.keyboard.press("ControlOrMeta+s")
        expect(page.get_by_role("status")).to_have_text("Saved.")

        page.get_by_role("button", name="Try on history").click()
        expect(page.get_by_role("heading", name="By rule")).to_be_visible(timeout=60_000)
        assert page.locator('[data-figure="difference-points"]').inner_text().startswith("+")
        assert barriers(page) == []
        picture(page, "trial-light")
        page.go_back()

        page.get_by_role("button", name="Publish version 2").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Version 2 *in force"))
    now = year.client.get("/v1/clock").json()["now"]
    body = {"id": "after", "source": "shop", "type": "purchase", "member": "fay", "occurred_at": now}
    made = year.client.post("/v1/activities", json=body | {"data": {"amount_minor": 10_000}}).json()
    assert made["rulebook"]["version"] == 2
    assert made["awards"][0]["granted"] == 200


def test_the_second_of_two_operators_is_told_while_typing_and_when_saving(year: Served, chromium: Chromium) -> None:
    name = draft(year, RULES)
    with chromium.page(year.address) as one, chromium.page(year.address) as other:
        for page in (one, other):
            sign_in(page, year.key, f"/console/rulebooks/{name}")
        write(one, json.dumps(RULES | {"time_zone": "Europe/Paris"}, indent=2))
        one.get_by_role("button", name="Save").click()
        expect(one.get_by_role("status")).to_have_text("Saved.")
        mine = json.dumps(RULES | {"time_zone": "Europe/Rome"}, indent=2)
        write(other, mine)
        expect(other.get_by_role("alert")).to_contain_text("Somebody else saved this draft meanwhile")
        other.get_by_role("button", name="Save").click()
        expect(other.locator("#state [role=alert]")).to_contain_text("Below is your text, not saved yet")
        assert year.client.get(f"/v1/rulebooks/{name}").json()["document"]["time_zone"] == "Europe/Paris"
        assert editor(other) == mine
        other.get_by_role("button", name="Save").click()
        expect(other.get_by_role("status")).to_have_text("Saved.")
        assert year.client.get(f"/v1/rulebooks/{name}").json()["document"]["time_zone"] == "Europe/Rome"


def test_a_hostile_name_does_nothing(year: Served, chromium: Chromium) -> None:
    """In a note, in a text, in a finding, in an activity: it is text everywhere."""
    name = draft(year, RULES | {"currencies": {HOSTILE: {}}, "rules": [{"id": HOSTILE, "on": HOSTILE}]}, HOSTILE)
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/rulebooks")
        assert page.title() == "Rulebooks · Guerdon"
        page.goto(f"/console/rulebooks/{name}")
        expect(page.locator("#judged .found")).to_contain_text("<img src=x")
        write(page, json.dumps({"rules": HOSTILE}))
        expect(page.locator("#judged .found")).to_contain_text("/rules")
        page.get_by_label("One that was recorded").fill(HOSTILE)
        page.get_by_role("button", name="Try it").click()
        expect(page.locator("#tried .wrong")).to_be_visible()
        assert page.title() == f"Draft {name} · Guerdon"
        assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_a_trial_and_an_explanation_fit_and_let_everybody_in(
    year: Served, chromium: Chromium, width: int, scheme: Scheme
) -> None:
    document = doubled(RULES)
    document["rules"].append(
        {"id": "never", "on": "purchase", "when": "1 == 2", "award": {"currency": "points", "points": 1}}
    )
    name = draft(year, document)
    with chromium.page(year.address, width=width, scheme=scheme) as page:
        sign_in(page, year.key, f"/console/rulebooks/{name}")
        page.get_by_label("One that was recorded").fill("shop/order-1010")
        page.get_by_role("button", name="Try it").click()
        expect(page.locator("#tried")).to_contain_text("would earn")
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("button", name="Try on history").click()
        expect(page.get_by_role("heading", name="By rule")).to_be_visible(timeout=60_000)
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_the_text_field_is_the_editor(year: Served, chromium: Chromium) -> None:
    name = draft(year, RULES)
    with chromium.page(year.address, scripts=False) as page:
        sign_in(page, year.key, f"/console/rulebooks/{name}")
        field = page.get_by_label("The document")
        field.fill(json.dumps(RULES, indent=2).replace("gold'", "gold'' "))
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.locator("#judged .found li.error").first).to_be_visible()
        field.fill(json.dumps(doubled(RULES), indent=2))
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_have_text("Saved.")
        page.get_by_role("button", name="Try it").click()
        expect(page.locator("#tried")).to_contain_text("would earn")
        page.get_by_role("button", name="Try on history").click()
        expect(page.get_by_role("heading", name="By rule")).to_be_visible(timeout=60_000)
