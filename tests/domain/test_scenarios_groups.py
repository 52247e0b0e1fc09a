"""Worked cases A8, A22, A24, B3: groups, stop flags, several multipliers, budgets. Ids are those of the collection."""

import msgspec
import pytest

from domain.member.commands import ReturnActivity
from domain.member.events import PointsEarned
from domain.rules.limits import LimitedBy
from tests.build import Json, Stream, multiply, per, points, refund, rulebook
from tests.spec import Told, bought, clawed_back, do, earned, enrolled, given, lawful, returned


def groups(choice: str, *rules: Json) -> Json:
    return rulebook(*rules, groups={"g": choice})


def lost(wanted: int, rule: str, group: str = "g") -> Told:
    return earned(0, rule, wanted=wanted, limited_by=LimitedBy(left=0, group=group))


def test_a24_of_two_first_purchase_rules_the_better_one_counts() -> None:
    first = "history.count('purchase', 'ever') == 0"
    book = groups("best", points(10, rule="a", when=first, group="g"), points(12, rule="b", when=first, group="g"))
    given(book, enrolled()).when(bought(1_00)).then(lost(10, "a"), earned(12, "b")).balance(12).when(
        bought(1_00, "p2")
    ).balance(12)


@pytest.mark.parametrize(
    ("choice", "a", "b", "c"),
    [
        ("all", 5, 9, 7),
        ("best", 0, 9, 0),
        ("first", 5, 0, 0),
        ("newest", 0, 0, 7),
        ("exclusive", 5, 0, 0),
    ],
)
def test_which_of_a_groups_rules_apply(choice: str, a: int, b: int, c: int) -> None:
    book = groups(
        choice,
        points(5, rule="a", group="g", starts="2025-05-01T00:00:00Z"),
        points(9, rule="b", group="g"),
        points(7, rule="c", group="g", starts="2025-06-01T00:00:00Z"),
    )
    outcome = given(book, enrolled()).when(bought(1_00))
    granted = {event.rule: event.points for event in outcome.events if isinstance(event, PointsEarned)}
    assert granted == {"a": a, "b": b, "c": c}


def test_a8_best_rule_and_newest_promotion() -> None:
    book = rulebook(
        points(4, rule="four", group="base"),
        points(6, rule="six", group="base"),
        points(3, rule="may", phase="add", group="promo", starts="2025-05-01T00:00:00Z"),
        points(2, rule="june", phase="add", group="promo", starts="2025-06-01T00:00:00Z"),
        groups={"base": "best", "promo": "newest"},
    )
    given(book, enrolled()).when(bought(1_00)).balance(8)


def test_a_rule_that_does_not_match_does_not_compete() -> None:
    book = groups("first", points(5, rule="a", group="g", when="false"), points(9, rule="b", group="g"))
    given(book, enrolled()).when(bought(1_00)).then(earned(9, "b"))


def test_an_exclusive_rule_applies_alone_in_its_phase() -> None:
    book = rulebook(
        points(100, rule="usual"),
        points(5, rule="secret", group="x", when="activity.amount_minor == 1"),
        points(7, rule="other", group="y"),
        points(1, rule="more", phase="add"),
        groups={"x": "exclusive", "y": "best"},
    )
    given(book, enrolled()).when(bought(1)).then(
        lost(7, "other", "x"), earned(5, "secret"), lost(100, "usual", "x"), earned(1, "more")
    ).balance(6).when(bought(2, "p2")).balance(6 + 108)


def test_of_several_multipliers_the_product_or_the_best() -> None:
    rules = [points(10), multiply("2", rule="a", group="g"), multiply("3", rule="b", group="g")]
    given(groups("all", *rules), enrolled()).when(bought(1_00)).then(
        earned(10), earned(10, "a"), earned(40, "b")
    ).balance(60)
    given(groups("best", *rules), enrolled()).when(bought(1_00)).then(
        earned(10), lost(10, "a"), earned(20, "b")
    ).balance(30)
    given(groups("first", *rules), enrolled()).when(bought(1_00)).balance(20)


def test_an_exclusive_multiplier_silences_the_others() -> None:
    book = groups("exclusive", points(10), multiply("5", rule="a", group="g"), multiply("3", rule="b"))
    given(book, enrolled()).when(bought(1_00)).then(earned(10), earned(40, "a"), lost(20, "b")).balance(50)


@pytest.mark.parametrize(("least", "expect"), [(0, 304), (1_000_000_00, 456)])
def test_a22_a_stop_flag_stops_only_when_its_rule_matched(least: int, expect: int) -> None:
    last = 10 if expect == 304 else 2
    book = rulebook(
        per(100, 1, rule="one"),
        per(100, 1, rule="stops", priority=101, stop=True, when=f"activity.amount_minor >= {least}"),
        per(100, last, rule="last", priority=102),
    )
    given(book, enrolled()).when(bought(152_00)).balance(expect)


def test_after_a_stop_no_later_phase_is_looked_at() -> None:
    book = rulebook(points(5, stop=True), multiply("2"), points(7, rule="extra", phase="add"))
    given(book, enrolled()).when(bought(1_00)).then(earned(5))


# --- budgets ---------------------------------------------------------------------------------------


def summer(**budget: object) -> Json:
    rule = points("activity.amount_minor", budget="summer")
    return rulebook(rule, budgets={"summer": {"currency": "points", **budget}})


def test_b3_a_grant_that_a_budget_cuts_says_what_was_wanted_and_what_was_left() -> None:
    given(summer(points=1000), enrolled(), bought(940, "p1")).when(bought(100, "p2")).then(
        earned(60, wanted=100, limited_by=LimitedBy(left=60, budget="summer"))
    ).balance(1000).when(bought(1, "p3")).then(earned(0, wanted=1, limited_by=LimitedBy(left=0, budget="summer")))


def test_b3_all_or_nothing_leaves_the_rest_to_smaller_grants() -> None:
    book = summer(points=1000, partial=False)
    given(book, enrolled(), bought(940, "p1")).when(bought(100, "p2")).then(
        earned(0, wanted=100, limited_by=LimitedBy(left=60, budget="summer"))
    ).when(bought(60, "p3")).then(earned(60, limited_by=None))


def test_a_budget_of_uses_counts_grants() -> None:
    book = summer(uses=2)
    given(book, enrolled(), bought(10, "p1"), bought(10, "p2")).when(bought(10, "p3")).then(
        earned(0, wanted=10, limited_by=LimitedBy(left=0, budget="summer"))
    )


def test_a_budget_is_shared_by_all_members() -> None:
    ann = given(summer(points=100), enrolled(), bought(70, "p1")).stream
    bob = Stream(ann.world, number=2)
    enrolled(member="bob").act(bob)
    bought(70, "p1").act(bob)
    assert bob.member.lots[0].points == 30
    assert bob.entries[-1].facts == {"taken": {"budget": {"summer": 70}}}
    assert [(take.kind, take.key, take.amount, take.ceiling) for take in bob.entries[-1].takes] == [
        ("budget", "summer", 30, 100)
    ]
    lawful(bob)
    lawful(ann)


def test_two_rules_of_one_activity_share_what_is_left() -> None:
    book = rulebook(
        points(60, rule="a", budget="b"),
        points(60, rule="b", budget="b"),
        budgets={"b": {"currency": "points", "points": 100}},
    )
    given(book, enrolled()).when(bought(1_00)).then(
        earned(60, "a"), earned(40, "b", limited_by=LimitedBy(left=40, budget="b"))
    )


def test_what_is_kept_may_fit_a_rule_with_a_budget_that_the_whole_did_not_reach() -> None:
    """The gift card stopped the rule `summer`; without the card it would have matched, but it granted nothing."""
    card = points(1, rule="card", priority=1, stop=True, lines={"where": "line.sku == 'CARD'"})
    document = rulebook(
        card,
        points("activity.amount_minor", rule="summer", budget="summer"),
        budgets={"summer": {"currency": "points", "points": 100}},
    )
    lines = [{"id": "1", "sku": "CARD", "amount_minor": 50}, {"id": "2", "sku": "TEA", "amount_minor": 30}]

    def card_back(stream: Stream) -> ReturnActivity:
        back = refund(stream, "p1", 50, "2026-01-10")
        return msgspec.structs.replace(back, lines=[{"line": "1", "amount_minor": 50}])

    given(document, enrolled()).when(bought(80, lines=lines)).then(earned(1, "card")).when(
        do(card_back, "2026-01-10")
    ).then(clawed_back(1)).balance(0)


def test_a_return_gives_a_budget_back_what_was_taken_of_it() -> None:
    book = summer(points=100, uses=2)
    outcome = given(book, enrolled(), bought(80, "p1")).when(returned(20)).then(clawed_back(20))
    assert outcome.stream.world.taken == {("budget", "summer"): 60, ("budget.uses", "summer"): 1}
    outcome.when(returned(None, id="r2")).then(clawed_back(60))
    assert outcome.stream.world.taken == {("budget", "summer"): 0, ("budget.uses", "summer"): 0}
    outcome.when(bought(100, "p2")).then(earned(100))


def test_what_a_losing_rule_wanted_is_taken_of_no_budget() -> None:
    book = rulebook(
        points(10, rule="a", group="g", budget="b"),
        points(20, rule="b", group="g"),
        groups={"g": "best"},
        budgets={"b": {"currency": "points", "points": 100}},
    )
    outcome = given(book, enrolled()).when(bought(1_00)).then(lost(10, "a"), earned(20, "b"))
    assert outcome.stream.world.taken == {}


def test_of_a_best_of_group_a_partial_return_leaves_what_the_next_best_rule_gives() -> None:
    book = groups(
        "best",
        points(12, rule="big", group="g", when="activity.amount_minor >= 10000"),
        points(10, rule="small", group="g", when="activity.amount_minor >= 1000"),
    )
    given(book, enrolled(), bought(150_00)).when(returned(100_00)).then(clawed_back(2, rule="big")).balance(10)
