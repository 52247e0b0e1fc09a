"""Links inside the documents lead somewhere, and so does every file they name."""

import re
from pathlib import Path

import pytest

from api.http.problems import PROBLEMS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if path.parent != ROOT / "docs" / "reference" / "problems"
)
_LINK = re.compile(r"(?<!`)\[[^\]\n]+\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(
    r"`(?!application/(?:x-|json|problem))((?:domain|application|infrastructure|projections|api|migrations|tests|docs|examples)/[\w./-]+)`"
)
_TEST = re.compile(r"`(test_\w+)`")


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text("utf-8"))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_prose(page)):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CONTRIBUTING.md"], ids=lambda page: str(page.relative_to(ROOT))
)
def test_files_and_tests_that_are_named_exist(page: Path) -> None:
    text = _prose(page)
    names = {name for name in _NAMED.findall(text) if not (ROOT / name).exists() and not list(ROOT.glob(name))}
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    names |= {name for name in _TEST.findall(text) if f"def {name}(" not in tests}
    assert names == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_codes_that_are_named_in_prose_are_codes(page: Path) -> None:
    named = set(re.findall(r"(?:refused with|answers?|code) `([a-z]+(?:-[a-z]+)+)`", _prose(page)))
    assert named <= set(PROBLEMS) | {"not-supported-yet"}
