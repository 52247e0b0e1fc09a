"""Worked cases D: returns, claw-back and debt. Ids are those of the collection of cases."""

import pytest

from domain.log import encoded
from domain.member.commands import RecordActivity
from domain.member.events import LotActivated, PointsClawedBack
from tests.build import (
    Json,
    Stream,
    World,
    adjust,
    enrol,
    instant,
    multiply,
    per,
    points,
    purchase,
    rate,
    refund,
    rulebook,
)
from tests.spec import (
    adjusted,
    bought,
    clawed_back,
    corrected,
    do,
    earned,
    enrolled,
    expired,
    given,
    lawful,
    published,
    redeemed,
    returned,
)


def test_d1_a_return_takes_its_share_and_never_more_than_was_awarded() -> None:
    given(rulebook(rate("0.05")), enrolled(), bought(200_00)).when(returned(100_00, id="r1")).then(
        clawed_back(500)
    ).balance(500).when(returned(100_00, id="r2")).then(clawed_back(500)).balance(0).when(
        returned(100_00, id="r3")
    ).then().balance(0)


@pytest.mark.parametrize(
    ("awarded", "paid", "parts", "taken"),
    [
        (100, 99_00, [33_00, 33_00, 33_00], [33, 34, 33]),
        (1, 99_00, [33_00, 33_00, 33_00], [0, 1, 0]),
        (5, 10_00, [1_00] * 10, [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]),
    ],
)
def test_d2_rounding_never_leaks(awarded: int, paid: int, parts: list[int], taken: list[int]) -> None:
    outcome = given(rulebook(points(awarded)), enrolled()).when(bought(paid))
    for number, (part, points_taken) in enumerate(zip(parts, taken, strict=True)):
        outcome = outcome.when(returned(part, id=f"r{number}"))
        outcome.then(*([clawed_back(points_taken)] if points_taken else []))
    outcome.balance(0)


def test_d3_returns_beyond_the_original_are_clamped() -> None:
    given(rulebook(points(100)), enrolled(), bought(100_00)).when(returned(60_00, id="r1")).then(clawed_back(60)).when(
        returned(60_00, id="r2")
    ).then(clawed_back(40)).balance(0)


def test_d3_over_return_may_be_refused_and_one_larger_than_the_original_always_is() -> None:
    refusing = {"returns": {"over_return": "refuse"}}
    given(rulebook(points(100), currency=refusing), enrolled(), bought(100_00), returned(60_00, id="r1")).when(
        returned(40_01, id="r2")
    ).refused("return-exceeds-activity", errors=[("/amount_minor", "at most 4000")])
    given(rulebook(points(100), currency=refusing), enrolled(), bought(100_00), returned(60_00, id="r1")).when(
        returned(40_00, id="r2")
    ).balance(0)
    story = given(rulebook(points(100)), enrolled(), bought(100_00))
    story.when(returned(100_01)).refused("return-exceeds-activity", errors=[("/amount_minor", "at most 10000")])


def test_what_has_no_amount_is_returned_whole() -> None:
    book = rulebook(points(10, on="visit"), activities={"visit": {"data": {"type": "object"}}})
    visit = do(RecordActivity(source="shop", id="v", type="visit", occurred_at=instant("2026-01-02")), "2026-01-02")
    story = given(book, enrolled(), visit)
    story.when(returned(1, "v")).refused("invalid-payload", errors=[("/amount_minor", "leave it out")])
    story.when(returned(None, "v")).then(clawed_back(10)).balance(0).when(returned(None, "v", id="r2")).then()


def test_what_a_feed_spent_is_not_returned() -> None:
    ride: Json = {"data": {"type": "object"}, "role": "spends", "currency": "points", "points": "5"}
    spending = do(RecordActivity(source="shop", id="v", type="ride", occurred_at=instant("2026-01-03")), "2026-01-03")
    story = given(rulebook(points(10), activities={"ride": ride}), enrolled(), bought(1_00), spending)
    story.when(returned(None, "v")).refused("not-eligible", reasons=["spends-points"]).balance(5)


@pytest.mark.parametrize("later", [rulebook(per(100, 2)), rulebook()], ids=["doubled", "withdrawn"])
def test_d5_a_return_is_judged_by_the_rule_that_granted(later: dict[str, object]) -> None:
    given(rulebook(per(100, 1)), enrolled(), bought(50_00), published(later, "2026-01-05")).when(returned(None)).then(
        clawed_back(50)
    ).balance(0)


@pytest.mark.parametrize(
    ("recovery", "available", "debt", "written_off"),
    [("only_pending", 20, 0, 100), ("within_balance", 0, 0, 80), ("unlimited", 0, 80, 0)],
)
def test_d6_recovery_of_spent_points_is_a_policy(recovery: str, available: int, debt: int, written_off: int) -> None:
    book = rulebook(points(100), currency={"returns": {"recovery": recovery}})
    given(book, enrolled(), bought(10_00), redeemed(80, "2026-01-03")).when(returned(None)).then(
        clawed_back(100, debt=debt, written_off=written_off)
    ).balance(available, debt=debt)


def test_d8_debt_is_repaid_first_and_does_not_expire() -> None:
    book = rulebook(points("activity.amount_minor"), currency={"expires": {"after": "P1M"}})
    given(book, enrolled(), adjusted(-40, "2026-01-02", allow_negative=True)).when(bought(60, at="2027-01-02")).then(
        earned(60, repaid=40)
    ).balance(20).when(returned(None, at="2027-01-03")).balance(0, debt=40)


def test_d8_pending_points_repay_when_they_become_available() -> None:
    book = rulebook(points(60), currency={"available": {"after": "P7D"}})
    given(book, enrolled(), adjusted(-40, "2026-01-02", allow_negative=True)).when(
        bought(1_00, at="2026-01-03")
    ).balance(0, pending=60, debt=40).balance(20, at="2026-01-10")


def test_d9_an_adjustment_goes_below_zero_only_when_the_operator_says_so() -> None:
    given(rulebook(), enrolled(), adjusted(50, "2026-01-02")).when(adjusted(-60, "2026-01-03", "b")).refused(
        "not-enough-points"
    ).when(adjusted(-60, "2026-01-03", "c", allow_negative=True)).then(corrected(-60, debt=10)).balance(0, debt=10)


def test_d15_buying_and_returning_any_number_of_times_leaves_nothing() -> None:
    world = World(
        rulebook(
            rate("0.07", cap=[{"points": 5_000, "period": "month"}]),
            multiply("1.5"),
            tiers={"levels": [{"id": "silver", "at": 600}]},
        )
    )
    stream = Stream(world)
    stream.do(enrol(), "2026-01-01")
    for number in range(25):
        stream.do(purchase(100_00, f"p{number}", "2026-01-02"), "2026-01-02")
        stream.do(refund(stream, f"p{number}", None, "2026-01-03", f"r{number}"), "2026-01-03")
    held = stream.entries[-1].after
    assert held is not None
    assert encoded(held.balances) == b'{"points":{"available":0,"pending":0,"held":0,"debt":0,"lifetime":0}}'
    assert held.tiers == {"status": None}
    assert all(total.ever == 0 for name, total in stream.member.totals.items() if not name.startswith("type:"))
    lawful(stream)


def test_a_step_that_is_no_longer_reached_is_taken_back_whole() -> None:
    given(rulebook(per(1000, 10)), enrolled(), bought(25_00)).when(returned(6_00)).then(clawed_back(10)).balance(10)


def test_a_minimum_that_is_no_longer_met_takes_all() -> None:
    book = rulebook(points(100, when="activity.amount_minor >= 5000"))
    given(book, enrolled(), bought(60_00)).when(returned(20_00)).then(clawed_back(100)).balance(0)


def test_a_return_re_evaluates_on_the_member_of_that_moment_settled() -> None:
    # The debt had been repaid when the second purchase was decided, though nothing had written that down.
    book = rulebook(
        points(60, rule="first", when="activity.amount_minor == 1"),
        points("member.balances.points.debt == 0 ? activity.amount_minor / 10 : 0"),
        currency={"available": {"after": "P7D"}},
    )
    history = [adjusted(-40, "2026-01-02", allow_negative=True), bought(1, "p1", "2026-01-03")]
    given(book, enrolled(), *history, bought(10_00, "p2", "2026-01-20")).when(
        returned(5_00, of="p2", at="2026-01-21")
    ).then(clawed_back(50)).balance(20, pending=50)


def test_a_multiplier_over_two_currencies_gives_back_of_each_what_it_granted() -> None:
    book = rulebook(
        per(1000, 10),
        per(1000, 1, rule="gems", currency="gems"),
        multiply("2"),
        currencies={"gems": {}},
    )
    given(book, enrolled(), bought(100_00)).when(returned(30_00)).balance(140).balance(14, currency="gems").when(
        returned(None, id="r2")
    ).balance(0).balance(0, currency="gems")


def test_an_earlier_adjustment_is_not_touched_by_a_return() -> None:
    world = World(rulebook(points(10)))
    stream = Stream(world)
    stream.do(enrol(), "2026-01-01")
    stream.do(adjust(5, expires_at=instant("2026-02-01")), "2026-01-01T13:00")
    stream.do(purchase(1_00), "2026-01-02")
    entry = stream.do(refund(stream, "p1", None, "2026-01-03"), "2026-01-03")
    assert entry.after is not None
    assert entry.after.balances["points"].available == 5
    lawful(stream)


def test_whose_points_repay_first_does_not_depend_on_how_often_a_sweeper_came_by() -> None:
    # Both lots become available at one instant; entry 9 is older than entry 10, whatever their texts say.
    world = World(rulebook(points("activity.amount_minor"), currency={"available": {"at": "2026-02-01T00:00:00Z"}}))
    stream = Stream(world)
    stream.do(enrol(), "2026-01-01")
    stream.do(adjust(-40, allow_negative=True), "2026-01-01T13:00")
    for _ in range(6):
        stream.settle("2026-01-01T14:00")
    stream.do(purchase(100, "p1"), "2026-01-02")
    stream.do(purchase(100, "p2"), "2026-01-02")
    assert [lot.entry for lot in stream.member.lots] == [9, 10]
    entry = stream.settle("2026-02-02")
    activated = [(event.lot, event.repaid) for event in entry.events if isinstance(event, LotActivated)]
    assert activated == [("9.1", 40), ("10.1", 0)]
    lawful(stream)


def test_what_expired_unused_is_not_owed_when_its_order_comes_back() -> None:
    short_lived = {"expires": {"after": "P3D"}}
    given(rulebook(points(100), currency=short_lived), enrolled(), bought(100_00), redeemed(30, "2026-01-03")).when(
        returned(None, at="2026-01-20")
    ).then(expired(70), clawed_back(100, expired=70, debt=30)).balance(0, debt=30)


def test_what_expired_is_gone_once_however_often_parts_come_back() -> None:
    short_lived = {"expires": {"after": "P3D"}}
    given(rulebook(points(100), currency=short_lived), enrolled(), bought(100_00), redeemed(30, "2026-01-03")).when(
        returned(50_00, at="2026-01-20", id="r1")
    ).then(expired(70), clawed_back(50, expired=50)).when(returned(50_00, at="2026-01-21", id="r2")).then(
        clawed_back(50, expired=20, debt=30)
    ).balance(0, debt=30)


def test_a_cap_of_times_is_free_again_when_parts_have_taken_all_back() -> None:
    once = rulebook(points(100, cap=[{"times": 1, "period": "month"}]))
    given(once, enrolled(), bought(100_00), returned(40_00, id="r1"), returned(60_00, id="r2")).when(
        bought(100_00, "p2", "2026-01-11")
    ).then(earned(100))


MIXED = rulebook(
    points(10, rule="now"),
    points(10, rule="later", phase="add", available={"after": "P14D"}),
    tiers={"levels": [{"id": "silver", "at": 100}]},
)


def test_buying_and_returning_all_puts_every_counter_back_whatever_was_available() -> None:
    stream = Stream(World(MIXED))
    stream.do(enrol(), "2026-01-01")
    for number, wait in enumerate(("2026-01-03", "2026-02-03")):
        stream.do(purchase(10_00, f"p{number}", "2026-01-02"), "2026-01-02" if number == 0 else "2026-01-15")
        stream.do(refund(stream, f"p{number}", None, wait, f"r{number}"), wait)
    counted = {name: total.ever for name, total in stream.member.totals.items() if not name.startswith("type:")}
    assert counted.keys() >= {"granted:points", "earned:points"}
    assert set(counted.values()) == {0}
    lawful(stream)


def test_a_part_that_comes_back_is_taken_from_each_awards_own_lot() -> None:
    given(MIXED, enrolled(), bought(10_00)).when(returned(5_00, at="2026-01-05")).then(
        clawed_back(5, rule="now", counted=5), clawed_back(5, rule="later", counted=0)
    ).balance(5, pending=5)


def test_what_expired_of_one_award_is_not_taken_from_another() -> None:
    book = rulebook(points(10, expires={"after": "P10D"}), points(10, rule="b", phase="add"))
    given(book, enrolled(), bought(10_00)).when(returned(None, at="2026-02-03")).then(
        expired(10), clawed_back(10, expired=10, debt=0), clawed_back(10, rule="b", expired=0, debt=0)
    ).balance(0)


def test_a_return_does_not_come_before_its_activity() -> None:
    given(rulebook(points(10)), enrolled(), bought(10_00, at="2026-01-05")).when(
        returned(None, at="2026-01-04")
    ).refused("bad-time", errors=[("/occurred_at", f"not before {instant('2026-01-05').isoformat()}")])
    given(rulebook(points(10)), enrolled(), bought(10_00, at="2026-01-05")).when(returned(None, at="2026-01-05")).then(
        clawed_back(10)
    )


X2 = multiply("2", rule="x2")


@pytest.mark.parametrize(
    ("rules", "amount", "back", "taken"),
    [
        ([rate("0.1"), X2], 10_00, 3_33, {"base": 33, "x2": 33}),
        ([per(100, 1), X2], 10_50, 5_60, {"base": 6, "x2": 6}),
        # Part rates, part steps: of what is kept, 49 and 4.
        ([rate("0.1"), per(100, 1, rule="steps"), X2], 10_50, 5_60, {"base": 56, "steps": 6, "x2": 62}),
        # Steps that were not reached are no part of it.
        ([rate("0.1"), per(100_00, 1, rule="steps"), X2], 10_00, 3_33, {"base": 33, "x2": 33}),
        # What is added afterwards is not multiplied, and may have steps of its own.
        (
            [rate("0.1"), X2, points(5, rule="more", phase="add", when="activity.amount_minor >= 900")],
            10_00, 3_33, {"base": 33, "x2": 33, "more": 5},
        ),
        # A multiplier that looks at the amount is judged by what is kept.
        ([rate("0.1"), {**X2, "when": "activity.amount_minor >= 500"}], 10_50, 5_60, {"base": 56, "x2": 105}),
    ],
)  # fmt: skip
def test_a_multiplier_goes_back_as_its_base_does(
    rules: list[Json], amount: int, back: int, taken: dict[str, int]
) -> None:
    outcome = given(rulebook(*rules), enrolled(), bought(amount)).when(returned(back))
    assert {event.rule: event.points for event in outcome.events if isinstance(event, PointsClawedBack)} == taken


@pytest.mark.parametrize(("policy", "taken"), [("auto", 5), ("proportional", 5), ("re_evaluate", 6)])
def test_a_rate_goes_back_as_the_currency_says(policy: str, taken: int) -> None:
    """Of 10.50 at a hundredth, rounded down, 10 points; 5.60 of it are 5.33 of these, and what is kept would be 4."""
    book = rulebook(rate("0.01"), currency={"returns": {"recompute": policy}})
    given(book, enrolled(), bought(10_50)).when(returned(5_60)).then(clawed_back(taken))


@pytest.mark.parametrize(("policy", "taken"), [("auto", 6), ("proportional", 5), ("re_evaluate", 6)])
def test_steps_go_back_as_the_currency_says(policy: str, taken: int) -> None:
    book = rulebook(per(100, 1), currency={"returns": {"recompute": policy}})
    given(book, enrolled(), bought(10_50)).when(returned(5_60)).then(clawed_back(taken))
