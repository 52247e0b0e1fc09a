"""Audit as people have it: entries proven in the browser, bundles dropped, corrections tried, approved and undone."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser import Chromium, Scheme, barriers, sign_in
from tests.console.conftest import Served
from tests.console.story import RULES
from tests.console.test_browser import picture
from tests.console.test_studio import doubled

pytestmark = pytest.mark.slow
Json = dict[str, Any]

CORRECTIONS = "/console/audit/corrections"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def key_with(year: Served, scope: str) -> str:
    made = year.client.post("/v1/keys", json={"name": f"a second {scope}", "scopes": [scope]})
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


def position_of(year: Served, member: str = "ann") -> int:
    return int(year.client.get(f"/v1/members/{member}/history").json()["items"][-1]["position"])


def by_browser(page: Page, verdict: str) -> None:
    """The browser has said so, and not the server."""
    expect(page.locator("#verdict[data-by=browser]")).to_contain_text(verdict)


def draft(year: Served, document: Json) -> str:
    made = year.client.post("/v1/rulebooks", json={"document": document, "note": "twice as much"})
    assert made.status_code == 201, made.text
    return str(made.json()["draft"])


# --- the log -----------------------------------------------------------------------------------


def test_entries_are_picked_out_of_the_log_and_newer_ones_announced(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/audit")
        now = year.client.get("/v1/clock").json()["now"]
        body = {"id": "newer", "source": "shop", "type": "purchase", "member": "eve", "occurred_at": now}
        made = year.client.post("/v1/activities", json=body | {"data": {"amount_minor": 1_000}})
        assert made.status_code == 201, made.text
        page.get_by_role("link", name="1 newer entry").click(timeout=20_000)
        expect(page.locator(".log li").first).to_contain_text("shop/newer")
        page.get_by_label("Member or stream").fill("ann")
        page.get_by_label("Command or event").fill("RedeemPoints")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".log li").first).to_contain_text("RedeemPoints")
        assert page.locator(".log li").count() == 3
        assert barriers(page) == []
        picture(page, "audit-light")
        page.get_by_role("link", name="Proof of position").first.click()
        by_browser(page, "Equal")


# --- proofs ------------------------------------------------------------------------------------


def test_an_entry_of_a_members_history_is_proven_in_the_page(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/members/ann")
        # Not the newest: the last leaves of a tree have few neighbours.
        page.get_by_role("link", name="proof", exact=True).last.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Is this entry in the log?")
        by_browser(page, "Equal")
        expect(page.locator("#whose")).to_contain_text("Your browser took every step")
        expect(page.locator("#signature[data-by=browser]")).to_contain_text("it is of the public key")
        assert page.locator(".rung:not(.yes)").count() == 0
        assert page.locator(".rung[data-beside]").count() >= 5
        assert barriers(page) == []
        picture(page, "proof-light")


def test_every_leaf_of_the_log_leads_to_the_root(year: Served, chromium: Chromium) -> None:
    """Those at the edges of a tree that is not full climb in other ways than those in its middle."""
    items = year.client.get("/v1/log", params={"limit": 1_000}).json()["items"]
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/audit")
        for number in sorted({0, 1, 2, 63, 64, len(items) // 2, *range(len(items) - 4, len(items))}):
            page.goto(f"/console/audit/proof?position={items[number]['position']}")
            by_browser(page, "Equal")


@pytest.mark.parametrize(
    ("of", "name", "value"),
    [
        ("#steps", "state", "e30="),
        ("#steps", "previous", "00" * 32),
        ("#steps", "index", "1"),
        ("#steps", "position", "1"),
        ("#steps", "instant", "1"),
        (".rung[data-beside]", "beside", "00" * 32),
        (".rung[data-beside]", "side", "middle"),
        (".rung[data-beside]", "new", "00" * 32),
    ],
)
def test_a_server_that_lies_is_not_believed(year: Served, chromium: Chromium, of: str, name: str, value: str) -> None:
    """Whatever it changes in the page, the browser does not come to the root, or not by the way that is shown."""
    change = f"""document.addEventListener('DOMContentLoaded', () => {{
      document.querySelector({of!r})?.setAttribute('data-{name}', {value!r});
    }}, {{ once: true }});"""
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/audit")
        page.add_init_script(change)
        page.goto(f"/console/audit/proof?position={position_of(year)}")
        # Scripts that are deferred run before this event: once it has come, the proof is taken again.
        page.evaluate("prove()")
        by_browser(page, "Not equal")


def test_a_checkpoint_with_another_root_or_signature_is_found_by_the_browser(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address) as page:
        sign_in(page, year.key, f"/console/audit/proof?position={position_of(year)}")
        by_browser(page, "Equal")
        page.evaluate(
            """() => {
              const note = document.getElementById('note');
              const lines = note.textContent.split('\\n');
              lines[2] = btoa(String.fromCharCode(...new Uint8Array(32)));
              note.textContent = lines.join('\\n');
              return prove();
            }"""
        )
        by_browser(page, "Not equal")
        expect(page.locator("#signature")).to_contain_text("of none of the public keys")


def test_the_log_is_shown_to_have_only_grown(year: Served, chromium: Chromium) -> None:
    kept = year.client.get("/v1/audit/checkpoint").json()
    size = kept["size"]
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/audit/checkpoints")
        now = year.client.get("/v1/clock").json()["now"]
        body = {"id": "grown", "source": "shop", "type": "purchase", "member": "bob", "occurred_at": now}
        made = year.client.post("/v1/activities", json=body | {"data": {"amount_minor": 1_000}})
        assert made.status_code == 201, made.text
        behind = {"at_least": made.json()["position"]}
        while year.client.get("/v1/audit/checkpoint", params=behind).status_code != 200:
            pass
        page.get_by_label("A checkpoint that you kept").fill(kept["checkpoint"])
        page.get_by_role("button", name="Compare").click()
        by_browser(page, "Equal")
        expect(page.locator("#whose")).to_contain_text(f"begins with that of {size}")
        assert page.locator(".rung:not(.yes)").count() == 0
        assert barriers(page) == []
        picture(page, "checkpoints-light")
        # Small trees have every shape.
        for newer in (1, 2, 3, 7, 8, 13, size):
            for older in {1, 2, 3, 4, 6, 7, 8, newer}:
                if older <= newer:
                    page.goto(f"/console/audit/checkpoints?older={older}&newer={newer}")
                    by_browser(page, "Equal")
        page.evaluate("document.getElementById('steps').dataset.old = '00'.repeat(32); prove()")
        by_browser(page, "Not equal")


def test_without_scripts_the_server_says_that_it_has_taken_the_steps(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address, scripts=False) as page:
        sign_in(page, year.key, f"/console/audit/proof?position={position_of(year)}")
        expect(page.locator("#verdict")).to_contain_text("Equal")
        expect(page.locator("#whose")).to_contain_text("The server took every step")


# --- bundles -----------------------------------------------------------------------------------


_DROP = """(zone, [name, text]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], name, { type: "application/json" }));
  for (const type of ["dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


def test_a_bundle_is_taken_away_dropped_and_checked(year: Served, chromium: Chromium, tmp_path: Path) -> None:
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/members/ann")
        with page.expect_download() as taken:
            page.get_by_role("link", name="Proof as a file").click()
        file = tmp_path / "ann.json"
        taken.value.save_as(file)
        text = file.read_text("utf-8")

        page.goto("/console/audit/bundle")
        page.locator(".drop").evaluate(_DROP, ["ann.json", text])
        expect(page.get_by_role("heading", name="ann.json")).to_be_visible()
        expect(page.locator(".checks .yes")).to_have_count(5)
        expect(page.get_by_role("link", name="ann", exact=True)).to_be_visible()
        assert barriers(page) == []

        document = json.loads(text)
        row = document["streams"][1]["rows"][-1]
        row["state"] = row["state"].replace("order-", "0rder-", 1)
        changed = tmp_path / f"{HOSTILE.replace('/', '_')}.json"
        changed.write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=False), "utf-8")
        # By the keyboard, too: the field is a field of a form.
        page.locator(".drop input").set_input_files(changed)
        expect(page.get_by_role("alert").first).to_contain_text("It is not sound")
        expect(page.locator(".checks .no").first).to_contain_text(f"position {row['position']:,}")
        assert page.title() == "Check a bundle · Guerdon"
        assert barriers(page) == []
        picture(page, "bundle-changed")


def test_a_file_that_is_too_large_is_not_even_sent(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/audit/bundle")
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method))
        page.locator(".drop").evaluate(_DROP, ["large.json", "x" * 8_000_001])
        expect(page.locator("#unread")).to_contain_text("guerdon audit check-bundle")
        assert "POST" not in sent


def test_without_scripts_a_bundle_is_pasted(year: Served, chromium: Chromium) -> None:
    text = year.client.get("/v1/audit/members/fay/bundle").text
    with chromium.page(year.address, scripts=False) as page:
        sign_in(page, year.key, "/console/audit/bundle")
        page.get_by_text("Paste it instead").click()
        page.get_by_label("What is in the file").fill(text)
        page.get_by_role("button", name="Check it").click()
        expect(page.get_by_role("status")).to_contain_text("It is sound")


# --- corrections -------------------------------------------------------------------------------


def test_the_story_of_a_correction_from_dry_run_to_approval_and_back(year: Served, chromium: Chromium) -> None:
    before = year.client.get("/v1/members/ann").json()["balances"]["points"]["available"]
    draft(year, doubled(RULES))
    operator = key_with(year, "operator")
    with chromium.page(year.address) as proposing, chromium.page(year.address) as approving:
        approving.on("dialog", lambda dialog: dialog.accept())
        sign_in(proposing, operator, "/console/rulebooks")
        proposing.get_by_role("link", name="Correct what they decided wrongly").click()
        proposing.get_by_label("Only these rules").fill("base")
        proposing.get_by_label("Only these members").fill("ann, bob, cleo")
        proposing.get_by_label("Why", exact=True).fill("The base rule was to give two points")
        assert barriers(proposing) == []
        picture(proposing, "corrections-light")
        proposing.get_by_role("button", name="Try it dry").click()
        expect(proposing.locator('[data-figure="members"]')).to_have_text(
            "3 members would be corrected", timeout=30_000
        )
        expect(proposing.locator("#correction")).to_contain_text("somebody else has to approve it")
        expect(proposing.get_by_role("button", name="Approve and correct")).to_have_count(0)
        at = proposing.url

        with proposing.expect_download() as taken:
            proposing.get_by_role("link", name="All as CSV").click()
        lines = Path(str(taken.value.path())).read_text("utf-8").splitlines()
        assert lines[0].startswith("member,activity,")
        assert {line.partition(",")[0] for line in lines[1:]} == {"ann", "bob", "cleo"}

        sign_in(approving, year.key, CORRECTIONS)
        approving.get_by_role("link", name="The base rule was to give two points").click()
        expect(approving.get_by_role("heading", name="Win most")).to_be_visible()
        gained = int(approving.locator('[data-figure="difference-points"]').inner_text().split()[0].replace(",", ""))
        assert gained > 0
        assert barriers(approving) == []
        picture(approving, "correction-light")
        approving.get_by_role("button", name="Approve and correct").click()
        expect(approving.locator('[data-figure="applied"]')).to_contain_text("3 members corrected", timeout=30_000)
        assert barriers(approving) == []
        after = year.client.get("/v1/members/ann").json()["balances"]["points"]["available"]
        assert after > before

        # The second of two sees it at the next look, and has nothing to approve any more.
        proposing.goto(at)
        expect(proposing.locator('[data-figure="applied"]')).to_contain_text("3 members corrected")
        proposing.get_by_label("Why", exact=True).fill("It was right as it was")
        proposing.get_by_role("button", name="Try the reversal dry").click()
        expect(proposing.get_by_role("heading", level=1)).to_have_text("Reversal")
        expect(proposing.locator('[data-figure="members"]')).to_have_text(
            "3 members would be corrected", timeout=30_000
        )
        approving.goto(proposing.url)
        approving.get_by_role("button", name="Approve and correct").click()
        expect(approving.locator('[data-figure="applied"]')).to_contain_text("3 members corrected", timeout=30_000)
        assert year.client.get("/v1/members/ann").json()["balances"]["points"]["available"] == before


def test_whoever_proposed_is_refused_even_with_the_form_of_another(year: Served, chromium: Chromium) -> None:
    """A button that the page does not have, made up by hand."""
    with chromium.page(year.address) as page:
        sign_in(page, year.key, CORRECTIONS)
        page.get_by_label("Only these members").fill("dan")
        page.get_by_label("Decide under").select_option("1")
        page.get_by_label("Why", exact=True).fill(HOSTILE)
        page.get_by_role("button", name="Try it dry").click()
        expect(page.locator('[data-figure="members"]')).to_be_visible(timeout=30_000)
        assert page.title() == "Correction · Guerdon"
        token = page.locator("input[name=csrf]").first.input_value()
        refused = page.request.post(f"{page.url}/approve", form={"csrf": token}, headers={"origin": year.address})
        assert refused.status == 409
        assert "whoever proposes a correction does not approve it" in refused.text()
        page.goto(CORRECTIONS)
        expect(page.get_by_role("link", name=HOSTILE)).to_be_visible()
        assert page.title() == "Corrections · Guerdon"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_every_page_of_the_audit_fits_is_named_and_labelled(
    year: Served, chromium: Chromium, width: int, scheme: Scheme
) -> None:
    made = year.client.post("/v1/corrections", json={"rulebook": draft(year, doubled(RULES)), "reason": "to look at"})
    name, job = made.json()["correction"], made.json()["job"]
    while year.client.get(f"/v1/jobs/{job}").json()["state"] == "running":
        pass
    size = year.client.get("/v1/audit/checkpoint").json()["size"]
    with chromium.page(year.address, width=width, scheme=scheme) as page:
        page.goto("/console")
        sign_in(page, year.key)
        for place in (
            CORRECTIONS,
            f"{CORRECTIONS}/{name}",
            f"/console/audit/proof?position={position_of(year)}",
            "/console/audit/checkpoints",
            f"/console/audit/checkpoints?older={size - 3}",
            "/console/audit/bundle",
        ):
            page.goto(place)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, place
            assert page.locator("h1").count() == 1, place
            unnamed = page.evaluate(
                "[...document.querySelectorAll('input:not([type=hidden]), button, select, textarea')]"
                ".filter(e => !e.labels?.length && !e.ariaLabel && !e.textContent.trim()).map(e => e.outerHTML)"
            )
            assert unnamed == [], place
            assert barriers(page) == [], place
            if "proof" in place and (width, scheme) == (320, "dark"):
                picture(page, "proof-small")
