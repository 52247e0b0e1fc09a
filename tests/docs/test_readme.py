"""The README does what it says: its server is started, its lines are pasted, its answers are compared."""

import os
import re
import time
from collections.abc import Callable

from tests.docs.blocks import ROOT, blocks, differences
from tests.docs.conftest import Page
from tests.docs.test_pages import WRITE, shown

README = ROOT / "README.md"
_PRINTED = re.compile(r"<!-- printed by the server -->\n```text\n(.*?)```", re.DOTALL)
_ANSWERED = re.compile(r"<!-- answered to the printed line -->\n```json part\n(.*?)```", re.DOTALL)
_ORDER = re.compile(r"order-\d+-\d+-\d+")
_KEY = re.compile(r"gdn_[A-Za-z0-9_-]{43}")


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 220


def test_make_run_starts_what_is_tested_here() -> None:
    assert "exec $(BIN)/guerdon run" in (ROOT / "Makefile").read_text("utf-8")


def test_the_readme_does_what_it_says(serving: Callable[[str], Page]) -> None:
    page = serving("run")
    text = README.read_text("utf-8")
    printed = _KEY.sub("gdn_...", page.said)
    pasted = next(line for line in page.said.splitlines() if line.startswith("curl "))
    key = _KEY.findall(page.said)[0]
    answer = page.shell.run(pasted)
    order = _ORDER.findall(answer)[0]

    wrong = [*differences("text", _PRINTED.findall(text)[0], printed, exact_times=False)]
    wrong += differences("json part", _ORDER.sub(order, _ANSWERED.findall(text)[0]), answer, exact_times=False)
    places: list[tuple[int, int, str]] = []
    for block in blocks(text):
        if not block.run:
            continue
        _let_a_second_pass()
        done = page.shell.run(_ORDER.sub(order, block.command).replace("gdn_...", key), fails=block.fails)
        if block.answer is not None:
            found = [*differences(block.kind, _ORDER.sub(order, block.answer), done, exact_times=False)]
            wrong += [f"line {block.line}: {one}" for one in found]
            if found and "part" not in block.kind:
                places.append((block.start, block.end, shown(block.kind, done)))
    if os.environ.get(WRITE) and wrong:
        theirs = _ORDER.findall(text)[0]
        found_there = _PRINTED.search(text)
        assert found_there is not None
        places.append((*found_there.span(1), shown("text", printed)))
        for start, end, new in sorted(places, reverse=True):
            text = text[:start] + new.replace(order, theirs) + text[end:]
        README.write_text(text, "utf-8")
    assert not wrong, "\n".join(wrong)


def _let_a_second_pass() -> None:
    """Until the clock shows another second, as it has for whoever reads before pasting: the page's times are whole.

    A purchase is judged by the rules that were in force when it happened, and its second began before they were.
    """
    began = int(time.time())
    while int(time.time()) == began:
        time.sleep(0.05)
