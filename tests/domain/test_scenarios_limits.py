"""Worked cases B1, B4: limits for one member and for all of them, and how each is given back."""

import pytest

from domain.member.events import PointsEarned
from domain.rules.limits import LimitedBy
from tests.build import Json, Stream, World, points, rulebook
from tests.spec import Given, Outcome, Told, bought, clawed_back, earned, enrolled, given, lawful, returned


def member(world: World, number: int) -> Stream:
    stream = Stream(world, number=number)
    enrolled(member=f"m{number}").act(stream)
    return stream


def granted(outcome: Outcome) -> int:
    return sum(event.points for event in outcome.events if isinstance(event, PointsEarned))


def cut(wanted: int, granted: int, left: int, cap: str = "base.0") -> Told:
    return earned(granted, wanted=wanted, limited_by=LimitedBy(left=left, cap=cap))


def test_b1_a_campaign_has_a_limit_for_all_and_one_for_each() -> None:
    caps = [{"points": 100}, {"points": 10_000, "per": "rule"}]
    world = World(rulebook(points("activity.amount_minor", cap=caps)))
    crowd = [member(world, number) for number in range(1, 102)]
    for one in crowd[:100]:
        Given(one).when(bought(100)).balance(100)
    Given(crowd[0]).when(bought(1, "more")).then(cut(1, 0, left=0))
    Given(crowd[100]).when(bought(100)).then(cut(100, 0, left=0, cap="base.1")).balance(0)
    Given(crowd[7]).when(returned(None)).then(clawed_back(100)).balance(0)
    Given(crowd[100]).when(bought(100, "again")).then(earned(100, limited_by=None)).balance(100)
    assert world.taken == {("cap", "rule:base:ever"): 10_000}


@pytest.mark.parametrize(
    ("limit", "grants"),
    [
        ({"points": 250, "currency": "points"}, [100, 100, 50, 0]),
        ({"uses": 2}, [100, 100, 0, 0]),
        # At 8 cents a point, 20.00 are worth 250 points.
        ({"liability_minor": 20_00, "currency": "points"}, [100, 100, 50, 0]),
        ({"liability_minor": 20_07, "currency": "points", "partial": False}, [100, 100, 0, 0]),
        ({"liability_minor": 20_00, "points": 1_000, "currency": "points"}, [100, 100, 50, 0]),
        ({"liability_minor": 100_00, "points": 150, "uses": 9, "currency": "points"}, [100, 50, 0, 0]),
    ],
)
def test_b4_each_kind_of_limit_stops_the_promotion_alone(limit: Json, grants: list[int]) -> None:
    book = rulebook(points(100, budget="promo"), budgets={"promo": limit}, currency={"value": {"per_point": "8"}})
    world = World(book)
    crowd = [member(world, number) for number in range(1, len(grants) + 1)]
    assert [granted(Given(one).when(bought(1_00))) for one in crowd] == grants


def test_b4_a_limit_of_one_currency_per_customer() -> None:
    book = rulebook(
        points(60, currency="status", cap=[{"points": 100}]),
        points(5, rule="spend"),
        currencies={"status": {"spendable": False}},
    )
    given(book, enrolled(), bought(1, "a")).when(bought(1, "b")).balance(100, currency="status").balance(10).when(
        bought(1, "c")
    ).balance(100, currency="status").balance(15)


@pytest.mark.parametrize(
    ("per", "expect"),
    [
        ("member", [10, 10, 0, 10]),
        ("rule", [10, 10, 0, 0]),
    ],
)
def test_a_cap_of_times_is_for_one_member_or_for_all(per: str, expect: list[int]) -> None:
    world = World(rulebook(points(10, cap=[{"times": 2, "per": per, "period": "day"}])))
    ann, bob = member(world, 1), member(world, 2)
    buys = [(ann, "a"), (ann, "b"), (ann, "c"), (bob, "d")]
    assert [granted(Given(who).when(bought(1, name))) for who, name in buys] == expect
    assert granted(Given(bob).when(bought(1, "tomorrow", "2026-01-03"))) == 10


def test_a_cap_of_a_group_adds_up_what_its_rules_grant_one_member() -> None:
    daily: Json = {"cap": [{"points": 230, "per": "group", "period": "day"}], "group": "g"}
    book = rulebook(points(200, rule="a", **daily), points(50, rule="b", **daily), groups={"g": "all"})
    world = World(book)
    Given(member(world, 1)).when(bought(1)).then(
        earned(200, "a"), earned(30, "b", limited_by=LimitedBy(left=30, cap="b.0"))
    ).balance(230).when(returned(None)).balance(0).when(bought(1, "p2")).balance(230).when(
        bought(1, "p3", "2026-01-03")
    ).balance(460)
    Given(member(world, 2)).when(bought(1)).balance(230)


def test_a_cap_of_the_program_adds_up_what_its_rules_grant_everybody() -> None:
    monthly: Json = {"cap": [{"points": 100, "per": "program", "period": "month"}]}
    world = World(rulebook(points(60, rule="a", **monthly), points(30, rule="b", phase="add", **monthly)))
    ann, bob = member(world, 1), member(world, 2)
    Given(ann).when(bought(1)).balance(90)
    Given(bob).when(bought(1)).then(
        earned(10, "a", limited_by=LimitedBy(left=10, cap="a.0")), earned(0, "b", wanted=30)
    )
    Given(ann).when(bought(1, "p2", "2026-02-01")).balance(180)
    assert world.taken == {
        ("cap", "program:points:month:2026-01-01"): 100,
        ("cap", "program:points:month:2026-02-01"): 90,
    }


def test_a_return_gives_a_shared_cap_back_in_the_period_it_was_taken_of() -> None:
    world = World(rulebook(points("activity.amount_minor", cap=[{"points": 100, "per": "rule", "period": "month"}])))
    ann = member(world, 1)
    Given(ann).when(bought(80)).balance(80).when(returned(30, at="2026-02-10")).balance(50)
    assert world.taken == {("cap", "rule:base:month:2026-01-01"): 50}
    Given(ann).when(returned(None, at="2026-02-11", id="r2")).balance(0)
    assert world.taken == {("cap", "rule:base:month:2026-01-01"): 0}
    lawful(ann)
