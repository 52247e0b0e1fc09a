"""Experiments: who is in which arm, from when, and for ever."""

from typing import Any

import pytest

from domain.member.commands import EraseMember
from domain.member.events import ExperimentAssigned
from domain.member.shape import Horizon, pack, unpack
from domain.rules.earning import traced
from domain.rules.experiments import drawn
from tests.build import Json, Stream, World, points, purchase, rulebook
from tests.spec import Given, Told, bought, clawed_back, do, earned, enrolled, given, published, returned

ARMS = {"a": 50, "b": 40, "holdout": 10}


def book(arms: dict[str, int] = ARMS, **more: Any) -> Json:
    rules = [
        points(10, rule="ten", variant={"experiment": "gift", "arm": "a"}, when="activity.amount_minor >= 100"),
        points(20, rule="twenty", variant={"experiment": "gift", "arm": "b"}, when="activity.amount_minor >= 100"),
    ]
    return rulebook(*rules, experiments={"gift": {"arms": arms}}, **more)


def assigned(arm: str) -> Told:
    return Told(ExperimentAssigned, {"experiment": "gift", "arm": arm})


def someone(arm: str) -> str:
    """A member whom the draw puts into an arm."""
    return next(name for name in map(str, range(1000)) if drawn("main", "gift", name, ARMS) == arm)


@pytest.mark.parametrize(("arm", "amount"), [("a", 10), ("b", 20)])
def test_a_rule_is_for_the_members_of_its_arm(arm: str, amount: int) -> None:
    rule = {10: "ten", 20: "twenty"}[amount]
    given(book(), enrolled(member=someone(arm))).when(bought(1_00)).then(assigned(arm), earned(amount, rule)).when(
        bought(1_00, "p2")
    ).then(earned(amount, rule)).balance(2 * amount)


def test_a_member_of_an_arm_without_rules_is_exposed_and_earns_nothing() -> None:
    outcome = given(book(), enrolled(member=someone("holdout"))).when(bought(1_00)).then(assigned("holdout"))
    outcome.when(bought(1_00, "p2")).then()


def test_nobody_is_drawn_before_a_rule_would_match() -> None:
    given(book(), enrolled(member=someone("a"))).when(bought(99)).then().when(bought(1_00, "p2")).then(
        assigned("a"), earned(10, "ten")
    )


def test_weights_that_change_move_nobody_who_was_drawn() -> None:
    world = World(book())
    name = someone("a")
    ann, late = Stream(world, number=1), Stream(world, number=2)
    for stream in (ann, late):
        enrolled(member=name).act(stream)
    Given(ann).when(bought(1_00)).then(assigned("a"), earned(10, "ten"))
    published(book({"a": 0, "b": 1, "c": 0}), "2026-02-01").act(ann)
    Given(ann).when(bought(1_00, "p2", "2026-02-02")).then(earned(10, "ten"))
    Given(late).when(bought(1_00, "p2", "2026-02-02")).then(assigned("b"), earned(20, "twenty"))


def test_the_draw_is_by_weight_and_another_one_for_another_experiment() -> None:
    names = [f"member-{number}" for number in range(10_000)]
    first = [drawn("main", "gift", name, ARMS) for name in names]
    assert all(abs(first.count(arm) - 100 * weight) < 150 for arm, weight in ARMS.items())
    again = [drawn("main", "other", name, ARMS) for name in names]
    both = sum(one == "a" == other for one, other in zip(first, again, strict=True))
    assert 2_350 < both < 2_650
    assert drawn("main", "gift", "ann", {"a": 0, "b": 3}) == "b"


def test_the_draw_is_what_it_always_was() -> None:
    assert "".join(drawn("main", "gift", str(number), ARMS)[0] for number in range(24)) == "abbabahabaaaaabaaahbabba"


def test_a_return_takes_back_what_the_arm_earned_and_leaves_the_member_in_it() -> None:
    outcome = given(book(), enrolled(member=someone("a")), bought(2_00)).when(returned(1_00))
    outcome.then().when(returned(None, id="r2")).then(clawed_back(10)).balance(0)
    assert outcome.stream.member.arms == {"gift": "a"}


def test_the_arm_survives_the_state_row_and_goes_with_the_person() -> None:
    outcome = given(book(), enrolled(member=someone("b"))).when(bought(1_00))
    member = outcome.stream.member
    assert unpack(pack(member, Horizon(60), 740_000)[1]).arms == {"gift": "b"}
    outcome.when(do(EraseMember(), "2026-03-01"))
    assert member.arms == {}


def test_the_explanation_names_the_arm_the_member_is_in() -> None:
    stream = given(book(), enrolled(member=someone("a"))).stream
    command = purchase(1_00)
    decision, _ = stream.decided(command, command.occurred_at)
    found = decision.evaluated
    assert found is not None
    notes = {
        trace.rule: (trace.matched, trace.note)
        for trace in traced(found.book, found.kind, command.occurred_at, found.earned, found.reading)
    }
    assert notes == {"ten": (True, None), "twenty": (False, "the member is in the arm a of the experiment")}
