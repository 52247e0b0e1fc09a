"""The tutorial and the how-to pages do what they say. `GUERDON_WRITE_DOCS=1` writes the answers into the pages."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.blocks import EXACT_TIMES, ROOT, blocks, differences, pretty
from tests.docs.conftest import Page

PAGES = sorted(
    (*ROOT.glob("docs/tutorial/*.md"), *ROOT.glob("docs/how-to/*.md"), ROOT / "docs/rules.md", ROOT / "docs/audit.md")
)
WRITE = "GUERDON_WRITE_DOCS"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_does_what_it_says(page: Path, serving: Callable[[str], Page]) -> None:
    run_page(page, serving("serve"))


def run_page(page: Path, beside: Page) -> None:
    """Run the blocks of a page and compare what they print."""
    text = page.read_text("utf-8")
    exact = EXACT_TIMES in text
    wrong, answers = [], []
    for block in blocks(text):
        if not block.run:
            continue
        printed = beside.shell.run(block.command, fails=block.fails)
        if block.answer is None:
            continue
        found = list(differences(block.kind, block.answer, printed, exact_times=exact))
        wrong += [f"line {block.line}: {one}" for one in found]
        if found and "part" not in block.kind:
            answers.append((block.start, block.end, shown(block.kind, printed)))
    if os.environ.get(WRITE) and answers:
        for start, end, answer in reversed(answers):
            text = text[:start] + answer + text[end:]
        page.write_text(text, "utf-8")
    assert not wrong, "\n".join(wrong)


def test_only_what_a_test_cannot_do_is_skipped() -> None:
    skipped = {
        str(page.relative_to(ROOT)): [block.command for block in blocks(page.read_text("utf-8")) if not block.run]
        for page in (ROOT / "README.md", *PAGES)
        if page.exists()
    }
    found = [command for commands in skipped.values() for command in commands]
    # A second checkout; and the demonstration's 360 MB of data, whose loader tests/cli/test_demo.py runs.
    assert all(command.startswith(("git clone", "make demo")) for command in found), found


def shown(kind: str, printed: str) -> str:
    try:
        text = pretty(json.loads(printed)) if kind == "json" else printed
    except ValueError:
        text = printed
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
