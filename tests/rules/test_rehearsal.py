"""Before it is published a rulebook is tried: earn, return the whole, and nothing is left."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from application.samples import COFFEE
from domain.member.commands import MemberCommand
from domain.member.decide import Decision, decide
from domain.member.draft import Circumstances
from domain.member.events import ActivityReversed, PointsClawedBack
from domain.member.state import Member
from domain.rehearsal import rehearse, rehearsed
from domain.rules.check import check
from domain.rules.rulebook import read

Json = Any
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/rulebook.json"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.parent.name)
def test_nothing_is_left_of_an_example(file: Path) -> None:
    document = json.loads(file.read_text())
    found = rehearse(read(document), check(document).trees)
    assert found.found == ()
    assert found.tried > 0


def test_the_same_document_is_tried_the_same_way() -> None:
    first, second = (rehearse(read(COFFEE), check(COFFEE).trees) for _ in range(2))
    assert first == second
    assert first.earned >= 20


MIXED: Json = {
    "currencies": {"points": {"expires": {"after": "P1M"}}, "miles": {"returns": {"recovery": "only_pending"}}},
    "activities": {
        "purchase": {
            "data": {
                "type": "object",
                "properties": {
                    "amount_minor": {"type": "integer", "minimum": 0, "maximum": 90_000},
                    "store": {"type": "string"},
                    "lines": {
                        "type": "array",
                        "maxItems": 3,
                        "items": {
                            "type": "object",
                            "properties": {
                                "id": {"type": "string"},
                                "amount_minor": {"type": "integer", "minimum": 0},
                            },
                        },
                    },
                },
            },
            "measures": {"spend": "activity.amount_minor", "thirds": "activity.amount_minor / 3"},
        }
    },
    "budgets": {"b": {"currency": "points", "points": 500, "uses": 3}},
    "groups": {"g": "best"},
    "rules": [
        {"id": "rate", "on": "purchase", "award": {"currency": "points", "rate": "0.0333"}, "round": "half_up"},
        {
            "id": "step", "on": "purchase", "group": "g",
            "award": {"currency": "points", "per": {"step": 700, "points": 3}},
        },
        {"id": "flat", "on": "purchase", "group": "g", "award": {"currency": "points", "points": 40}, "budget": "b"},
        {"id": "hi", "on": "purchase", "when": "activity.store == 'hq'", "award": {"currency": "miles", "points": 9}},
        {"id": "x2", "on": "purchase", "phase": "multiply", "by": "1.7", "when": "activity.amount_minor > 500"},
        {
            "id": "dated", "on": "purchase", "phase": "add", "starts": "2027-01-01T00:00:00Z",
            "award": {"currency": "points", "points": 7}, "cap": [{"times": 1, "per": "member", "period": "day"}],
        },
    ],
}  # fmt: skip


def test_conditions_groups_budgets_and_dates_are_met() -> None:
    seen: set[str] = set()

    def watching(command: MemberCommand, member: Member, circumstances: Circumstances) -> Decision:
        made = decide(command, member, circumstances)
        seen.update(event.rule for event in made.events if isinstance(event, PointsClawedBack) and event.points)
        return made

    found = rehearse(read(MIXED), check(MIXED).trees, watching)
    assert found.found == ()
    assert seen == {"rate", "step", "flat", "hi", "x2", "dated"}


def test_a_point_that_stays_is_found_at_its_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(command: MemberCommand, member: Member, circumstances: Circumstances) -> Decision:
        made = decide(command, member, circumstances)
        events = tuple(
            msgspec.structs.replace(event, points=event.points - 1)
            if isinstance(event, PointsClawedBack) and event.rule == "step"
            else msgspec.structs.replace(event, counts={})
            if isinstance(event, ActivityReversed)
            else event
            for event in made.events
        )
        return msgspec.structs.replace(made, events=events)

    found = {(one.kind, one.name) for one in rehearse(read(MIXED), check(MIXED).trees, forgetful).found}
    assert found == {("purchase", "step"), ("purchase", "measure:spend"), ("purchase", "measure:thirds")}

    monkeypatch.setattr("domain.rehearsal.rehearse.__defaults__", (forgetful,))
    warned = [(one.code, one.at) for one in rehearsed(read(MIXED), check(MIXED)).findings if one.rule == "step"]
    assert warned == [("not-symmetric", "/rules/1")]
