"""A real Chromium: the one that Playwright installed, or the system's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.console.chromium import installed

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
Scheme = Literal["light", "dark"]


class Chromium:
    """A browser. Pages fail their test when a script breaks, the policy refuses something, or a request goes abroad."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def page(
        self,
        address: str,
        *,
        width: int = 1280,
        height: int = 900,
        scheme: Scheme = "light",
        locale: str = "en-GB",
        scripts: bool = True,
    ) -> Iterator[Page]:
        context = self._browser.new_context(
            base_url=address,
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            locale=locale,
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith((address, "data:")) else wrong.append(sent.url))
        try:
            yield page
            assert wrong == [], wrong
        finally:
            context.close()


@contextmanager
def opened() -> Iterator[Chromium]:
    found = installed()
    assert found is not None, "no Chromium was found: `make browser` installs one"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*QUIET])
        try:
            yield Chromium(browser)
        finally:
            browser.close()


def barriers(page: Page) -> list[str]:
    """What keeps somebody out of the page, as axe-core finds it: the rule that is broken, and where."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {', '.join(str(node['target']) for node in one['nodes'])}" for one in found]


def sign_in(page: Page, key: str, back: str = "/console") -> None:
    page.goto(back)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
