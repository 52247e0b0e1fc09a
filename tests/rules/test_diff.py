"""The difference between two rulebooks reads as words, and points at the place."""

import copy
from typing import Any

import pytest

from application.samples import COFFEE
from domain.rules.diff import Change, diff
from domain.rules.rulebook import read

Json = Any


def _changed(edit: Any) -> tuple[Change, ...]:
    document: Json = copy.deepcopy(COFFEE)
    edit(document)
    return diff(read(COFFEE), read(document))


@pytest.mark.parametrize(
    ("edit", "at", "text"),
    [
        (
            lambda book: book["rules"][1]["award"]["per"].update(points=2),
            "/rules/1/award/per/points",
            "rule base: points per step 1 -> 2",
        ),
        (
            lambda book: book["tiers"]["status"]["levels"][1].update(at=2500),
            "/tiers/status/levels/1/at",
            "tier gold: at 3000 -> 2500",
        ),
        (
            lambda book: book["tiers"]["status"]["levels"].append({"id": "jade", "at": 9000}),
            "/tiers/status/levels/2",
            "tier jade added",
        ),
        (
            lambda book: book["rules"].insert(
                0, {"id": "x", "on": "login", "award": {"currency": "points", "points": 1}}
            ),
            "/rules/0",
            "rule x added",
        ),
        (lambda book: book["rules"].pop(3), "/rules/3", "rule tenth-visit removed"),
        (
            lambda book: book["rules"][2].update(when="true"),
            "/rules/2/when",
            "rule gold-bonus: when member.tiers.status.level == 'gold' -> true",
        ),
        (
            lambda book: book["rules"][2].pop("when"),
            "/rules/2/when",
            "rule gold-bonus: when removed, was member.tiers.status.level == 'gold'",
        ),
        (
            lambda book: book["currencies"]["points"].update(overdraft="debt"),
            "/currencies/points/overdraft",
            "currency points: overdraft refuse -> debt",
        ),
        (
            lambda book: book["currencies"]["points"]["value"].update(minimum=200),
            "/currencies/points/value/minimum",
            "currency points: value minimum 100 -> 200",
        ),
        (
            lambda book: book["activities"].update({"check/in": {}}),
            "/activities/check~1in",
            "activity check/in added",
        ),
        (lambda book: book.update(late={"max_age": "P30D"}), "/late/max_age", "late max age added: P30D"),
        (lambda book: book.update(time_zone="UTC"), "/time_zone", "time zone Europe/Berlin -> UTC"),
    ],
)
def test_a_change_is_told_in_words(edit: Any, at: str, text: str) -> None:
    (change,) = _changed(edit)
    assert (change.at, change.text) == (at, text)


def test_a_change_carries_both_values() -> None:
    (change,) = _changed(lambda book: book["tiers"]["status"]["levels"][1].update(at=2500))
    assert (change.change, change.before, change.after) == ("changed", 3000, 2500)


def test_the_order_of_rules_is_no_change() -> None:
    assert _changed(lambda book: book["rules"].reverse()) == ()


def test_a_default_that_is_written_out_is_no_change() -> None:
    assert _changed(lambda book: book["currencies"]["points"].update(overdraft="refuse", scale=0)) == ()
