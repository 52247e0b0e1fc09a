"""Whoever begins at the front finds everything: `make help`, and the table of contents of docs/."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
KINDS = ("tutorial", "how-to", "reference", "explanation", "operate")


def test_make_help_names_every_target_that_is_not_a_step_of_another() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE))
    steps = set(" ".join(re.findall(r"^[a-z-]+: ?(.*?)(?:##.*)?$", makefile, re.MULTILINE)).split())
    told = _made("help")
    assert targets - steps <= {line.split()[0] for line in told} <= targets
    assert all(len(line.split()) > 2 for line in told)
    assert _made() == told


def _made(*targets: str) -> list[str]:
    make = ["make", "--no-print-directory", *targets]
    return subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def test_every_page_can_be_reached_from_the_contents() -> None:
    found, next_ones = set[Path](), {DOCS / "README.md"}
    while next_ones:
        page = next_ones.pop()
        found.add(page)
        links = re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", page.read_text("utf-8"))
        linked = {(page.parent / link).resolve() for link in links if "://" not in link}
        next_ones |= {one for one in linked if one.is_relative_to(DOCS) and one.exists()} - found
    pages = {page for page in DOCS.rglob("*.md") if page.parent.name != "problems"}
    assert sorted(str(page.relative_to(DOCS)) for page in pages - found) == []


def test_the_contents_list_every_page_of_every_kind() -> None:
    contents = (DOCS / "README.md").read_text("utf-8")
    for kind in KINDS:
        for page in (DOCS / kind).glob("*.md"):
            assert f"({kind}/{page.name})" in contents, f"docs/README.md does not link {kind}/{page.name}"
