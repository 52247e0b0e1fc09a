"""Each decision of docs/adr has the same five parts, and names the checks that keep it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
PARTS = ("Context", "Decision", "Consequences", "Rejected", "Enforced by")
CHECKS = ("tests/", "pyproject.toml")
"""Where something that fails can stand: tests, and what the linters are told."""


def _enforced_by(page: Path) -> str:
    return page.read_text("utf-8").split("**Enforced by.**")[1]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_five_parts_in_order(page: Path) -> None:
    assert tuple(re.findall(r"^\*\*([A-Z][a-z ]+)\.\*\*", page.read_text("utf-8"), re.MULTILINE)) == PARTS


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_names_files_that_enforce_it_and_one_of_them_can_fail(page: Path) -> None:
    named = re.findall(r"`([\w./-]+\.(?:py|toml|sql))`", _enforced_by(page))
    assert [name for name in named if not (ROOT / name).is_file()] == []
    assert any(name.startswith(CHECKS) for name in named)


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_the_tests_that_a_decision_names_are_in_the_files_it_names(page: Path) -> None:
    named = _enforced_by(page)
    files = re.findall(r"`(tests/[\w./-]+\.py)`", named)
    there = "\n".join((ROOT / name).read_text("utf-8") for name in files)
    assert [name for name in re.findall(r"`(test_\w+)`", named) if f"def {name}(" not in there] == []


def test_decisions_are_numbered_from_one_and_listed_by_their_titles() -> None:
    titles = {}
    for number, page in enumerate(DECISIONS, 1):
        assert page.name.startswith(f"{number:04}-")
        title = page.read_text("utf-8").splitlines()[0]
        assert title.startswith(f"# {number}. ")
        titles[page.name] = title.partition(". ")[2]
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", (ROOT / "docs" / "adr" / "README.md").read_text("utf-8"), re.MULTILINE)
    assert [name for _, name in listed] == list(titles)
