"""The console as a person has it: in a browser, by keyboard, small and large, light and dark, with and without scripts.

`GUERDON_WRITE_DOCS=1` renews the pictures of docs/console.md.
"""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser import Chromium, Scheme, barriers, sign_in
from tests.console.conftest import Served

pytestmark = pytest.mark.slow

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
PLACES = (
    "/console/today",
    "/console/today/rules",
    "/console/members",
    "/console/members/ann",
    "/console/leaderboards",
    "/console/leaderboards/spenders?member=ann",
    "/console/rulebooks",
    "/console/rulebooks/1",
    "/console/rulebooks/rb_1",
    "/console/campaigns",
    "/console/rewards",
    "/console/rewards/mug",
    "/console/liability",
    "/console/audit",
    "/console/audit/access",
    "/console/webhooks",
    "/console/system",
    "/console/system/doctor",
)
PICTURED = (
    "members",
    "leaderboards-spenders",
    "rulebooks",
    "campaigns",
    "rewards",
    "liability",
    "audit-access",
    "webhooks",
    "system",
)
"""Pages that are shown once; Today, a member, a reason and the studio are shown elsewhere, and more than once."""


def picture(page: Page, name: str) -> None:
    if os.environ.get("GUERDON_WRITE_DOCS") == "1":
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"console-{name}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_every_page_fits_is_named_and_labelled(year: Served, chromium: Chromium, width: int, scheme: Scheme) -> None:
    with chromium.page(year.address, width=width, scheme=scheme) as page:
        page.goto("/console")
        sign_in(page, year.key)
        for place in PLACES:
            page.goto(place)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, place
            assert page.locator("h1").count() == 1, place
            assert page.title().endswith("· Guerdon")
            unnamed = page.evaluate(
                "[...document.querySelectorAll('input:not([type=hidden]), button, select, textarea')]"
                ".filter(e => !e.labels?.length && !e.ariaLabel && !e.textContent.trim()).map(e => e.outerHTML)"
            )
            assert unnamed == [], place
            assert barriers(page) == [], place
            name = place.removeprefix("/console/").replace("/", "-").partition("?")[0]
            if width == 1280 and name in ("today", "members-ann"):
                picture(page, f"{name}-{scheme}")
            if (width, scheme) == (1280, "light") and name in PICTURED:
                picture(page, name)
            if (width, scheme, name) == (320, "light", "members-ann"):
                picture(page, "members-ann-small")


def test_the_keyboard_is_enough(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address) as page:
        page.goto("/console/members/ann")
        expect(page.get_by_label("API key")).to_be_focused()
        page.keyboard.type(year.key)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.get_by_label(re.compile("^Now")).focus()
        page.keyboard.press("Home")
        page.wait_for_url(re.compile("at="))
        expect(page.get_by_role("status")).to_contain_text("You look at the past")


def test_the_slider_moves_every_number_to_what_the_api_says_of_that_moment(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/members/ann")
        figure = page.locator('[data-figure="points-available"]')
        now = figure.inner_text()
        for clock, parameter in (("world", "as_of"), ("known", "known_at")):
            page.goto("/console/members/ann")
            page.locator(f'input[type="radio"][value="{clock}"]').check()
            if clock == "known":  # the other one is chosen from the start
                page.wait_for_url(re.compile("clock=known"))
            page.locator("#slide").fill("400")
            page.wait_for_url(re.compile("at="))
            expect(page.get_by_role("status")).to_be_visible()
            at = page.evaluate("new URL(location).searchParams.get('at')")
            then = year.client.get("/v1/members/ann", params={parameter: at}).json()
            assert figure.inner_text() == f"{then['balances']['points']['available']:,}"
            assert page.locator('[data-figure="tier-status"]').inner_text() == (
                then["tiers"]["status"]["level"] or "no level yet"
            )
        page.get_by_role("link", name="Back to now").click()
        assert figure.inner_text() == now


def test_an_entry_opens_its_reason_beside_the_page(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/members/ann")
        page.get_by_role("link", name="why?").first.click()
        reason = page.get_by_role("dialog", name="Explanation")
        expect(reason).to_contain_text("Why shop/order-")
        expect(reason).to_contain_text("gold-bonus")
        picture(page, "why-light")
        page.keyboard.press("Escape")
        expect(reason).to_be_hidden()


def test_earlier_history_comes_below(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/members/ann")
        entries = page.locator("#entries > li")
        first = entries.count()
        page.get_by_role("link", name="Show earlier").click()
        expect(entries.nth(first)).to_be_attached()
        assert entries.count() > first


def test_pages_work_without_scripts(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address, scripts=False) as page:
        page.goto("/console/members/ann")
        page.get_by_label("API key").fill(year.key)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="why?").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Why shop/order-")
        page.go_back()
        page.get_by_role("button", name="Go there").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("ann")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_today_moves_by_itself(year: Served, chromium: Chromium) -> None:
    with chromium.page(year.address) as page:
        sign_in(page, year.key, "/console/today")
        before = page.locator('[data-figure="earned-points"]').inner_text()
        now = year.client.get("/v1/clock").json()["now"]
        body = {"id": "one-more", "source": "shop", "type": "purchase", "member": "fay", "occurred_at": now}
        made = year.client.post("/v1/activities", json=body | {"data": {"amount_minor": 90_000}})
        assert made.status_code == 201, made.text
        expect(page.locator('[data-figure="earned-points"]')).not_to_have_text(before, timeout=20_000)
