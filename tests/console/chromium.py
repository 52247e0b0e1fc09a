"""Find or install a Chromium for the tests of the console, or say what to do.

python -m tests.console.chromium
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
WAYS = (
    ("apt-get", "install", "--yes", "--no-install-recommends", "chromium"),
    (sys.executable, "-m", "playwright", "install", "chromium"),
)
_PATIENCE = 300


def installed() -> str | None:
    """Playwright's own Chromium, or the system's; None where there is neither."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if Path(own).exists():
        return own
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def main() -> int:
    if installed():
        return 0
    print("Looking for a Chromium for the console's tests ...")  # noqa: T201 - a command prints
    for way in WAYS:
        if way[0] == "apt-get":
            if shutil.which("apt-get") is None or os.getuid() != 0:
                continue
            _tried(("apt-get", "update"))
        if _tried(way) and installed():
            return 0
    print(  # noqa: T201
        "No Chromium could be installed, and the console's tests need one. Install it by the system's packages"
        " (Debian: apt-get install chromium) or by `.venv/bin/playwright install chromium`.",
        file=sys.stderr,
    )
    return 1


def _tried(way: tuple[str, ...]) -> bool:
    try:
        return subprocess.run(way, check=False, capture_output=True, timeout=_PATIENCE).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    sys.exit(main())
