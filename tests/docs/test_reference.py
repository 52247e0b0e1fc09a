"""The references say what the code says."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from application.samples import COFFEE
from docs.generate import MEANINGS, SECTIONS, pages
from domain.errors import Refused
from domain.rules.check import check
from infrastructure.settings import from_environment

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
Json = dict[str, Any]


def test_generated_pages_are_what_the_code_says() -> None:
    stale = [
        str(path.relative_to(REFERENCE))
        for path, text in pages().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    assert stale == [], "run: python docs/generate.py"


def test_there_is_no_schema_of_an_event_that_does_not_exist() -> None:
    made = {path for path in pages() if path.parent.name == "events"}
    assert set((REFERENCE / "events").iterdir()) == made


def test_the_sample_rulebooks_fit_the_published_schema() -> None:
    schema = jsonschema_rs.validator_for(json.loads((REFERENCE / "rulebook.schema.json").read_text("utf-8")))
    samples = sorted(REFERENCE.parents[1].glob("examples/*/rulebook.json"))
    assert samples
    for sample in samples:
        assert schema.is_valid(json.loads(sample.read_text("utf-8"))), sample
    assert not schema.is_valid({"ruels": []})


def test_every_part_of_a_rulebook_is_described() -> None:
    assert {name for name, _ in SECTIONS.values()} == set(MEANINGS)


# One document per word of the vocabulary that is refused: where it goes in the sample rulebook, and what.
_RULE = "/rules/1"
_REFUSED: dict[str, tuple[str, Any]] = {
    "unknown_member: hold": ("/unknown_member", "hold"),
    "returns.absorb": ("/currencies/points/returns", {"absorb": ["balance"]}),
}


@pytest.mark.parametrize("word", _REFUSED)
def test_a_word_that_is_not_run_is_refused(word: str) -> None:
    at, value = _REFUSED[word]
    document = copy.deepcopy(COFFEE)
    *path, last = at.split("/")[1:]
    inner: Any = document
    for name in path:
        inner = inner[int(name)] if isinstance(inner, list) else inner.setdefault(name, {})
    inner[last] = value
    assert "not-supported-yet" in {finding.code for finding in check(document).findings}


def test_the_page_lists_just_the_words_that_are_refused() -> None:
    page = (REFERENCE / "rulebook.md").read_text("utf-8")
    listed = page.split("## Not supported yet")[1].split("\n## ")[0]
    rows = [line.split("|")[2] for line in listed.splitlines() if line.startswith("| ") and "| words |" not in line]
    words = {word for row in rows for word in re.findall(r"`([^`]+)`", row)} - {"member"}
    assert words == set(_REFUSED)


def test_every_setting_is_described_with_its_name() -> None:
    page = (REFERENCE / "settings.md").read_text("utf-8")
    source = Path(from_environment.__code__.co_filename).read_text("utf-8")
    names = set(re.findall(r'"(GUERDON_[A-Z_]+|OTEL_[A-Z_]+|PORT)"', source))
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_every_problem_that_is_linked_is_a_code() -> None:
    from api.http.problems import PROBLEMS

    page = (REFERENCE / "http.md").read_text("utf-8")
    codes = {one.code for one in _refusals(Refused)} | set(PROBLEMS)
    linked = set(re.findall(r"problems/([a-z-]+)\.md", page))
    assert linked <= codes


def _refusals(base: type[Refused]) -> list[type[Refused]]:
    return [one for kind in base.__subclasses__() for one in (kind, *_refusals(kind))]
