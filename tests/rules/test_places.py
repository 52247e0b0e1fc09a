"""Findings stand at a line and column of the text that was submitted."""

import copy
import json
from typing import Any

import pytest

from domain.rules.check import check
from domain.rules.places import Place, Places
from tests.rules.test_broken_rulebooks import GOOD

Json = Any

TEXT = """{
  "currencies": {"points": {}},
  "rules": [
    {"id": "a", "on": "x"},
    {
      "id": "b/c", "~": [1, [2, 3], {"deep": "A\\u00e4\\n\\"q\\" \\ud83d\\ude00 end"}],
      "when" :
        "activity.amount > 0"
    }
  ]
}"""


@pytest.mark.parametrize(
    ("pointer", "line", "column"),
    [
        ("", 1, 1),
        ("/currencies", 2, 17),
        ("/currencies/points", 2, 28),
        ("/rules/0/on", 4, 23),
        ("/rules/1/id", 6, 13),
        ("/rules/1/~0/1/1", 6, 33),
        ("/rules/1/when", 8, 9),
        # What is not there stands where it is missing.
        ("/rules/0/award/points", 4, 5),
        ("/rules/7", 3, 12),
        ("/tiers/status", 1, 1),
        ("/currencies/...", 2, 17),
    ],
)
def test_a_pointer_leads_to_a_place(pointer: str, line: int, column: int) -> None:
    assert Places(TEXT).of(pointer) == Place(line, column)


@pytest.mark.parametrize(
    ("inside", "column"),
    [((1, 1), 47), ((1, 2), 48), ((1, 3), 54), ((2, 1), 56), ((2, 2), 58), ((2, 5), 62), ((2, 6), 74)],
)
def test_a_place_inside_a_text_counts_its_escapes(inside: tuple[int, int], column: int) -> None:
    assert Places(TEXT).of("/rules/1/~0/2/deep", inside) == Place(6, column)


@pytest.mark.parametrize("indent", [None, 1, 2, 4])
def test_findings_say_where_they_stand(indent: int | None) -> None:
    document = copy.deepcopy(GOOD)
    document["rules"][0]["when"] = "activity.amount_minor > 0 &&\n  activity.amount > 3"
    document["rules"][0]["starts"] = "soon"
    text = json.dumps(document, indent=indent)
    lines = text.split("\n")
    when, starts = sorted(check(document, text=text).findings, key=lambda one: one.code, reverse=True)
    assert (when.code, starts.code) == ("expression", "bad-time")
    assert when.place is not None
    assert starts.place is not None
    assert lines[when.place.line - 1][when.place.column - 1 :].startswith("amount > 3")
    assert lines[starts.place.line - 1][starts.place.column - 1 :].startswith('"soon"')


def test_a_document_of_no_shape_has_a_place_too() -> None:
    text = '{\n  "rules": [\n    {"id": 3}\n  ]\n}'
    (found,) = check(json.loads(text), text=text).findings
    assert (found.code, found.place) == ("shape", Place(3, 12))
