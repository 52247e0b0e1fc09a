"""Pending points: until a time, until an action, activated and cancelled by request."""

from typing import Any

import pytest

from domain.errors import Refused
from domain.member.commands import ActivatePending, CancelPending, SetMemberStatus
from domain.member.events import AdjustmentReversed, BadgeGranted
from tests.build import Json, Stream, World, enrol, instant, per, points, purchase, refund, rulebook
from tests.spec import (
    Step,
    Told,
    activated,
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
    moved_to,
    published,
    redeemed,
    rescheduled,
    returned,
    swept,
)

WAITS: Json = {"available": "on_action", "expires": {"after": "P30D"}}
WEEK: Json = {"available": {"after": "P7D"}}


def activate(*lots: str, at: str, of: str | None = None) -> Step:
    return do(lambda stream: ActivatePending(**_named(stream, lots, of)), at)


def cancel(*lots: str, at: str, of: str | None = None) -> Step:
    return do(lambda stream: CancelPending(**_named(stream, lots, of)), at)


def _named(stream: Stream, lots: tuple[str, ...], activity: str | None) -> dict[str, Any]:
    if activity is None:
        return {"lots": lots}
    return {"activity_source": "shop", "activity_id": activity, "original": stream.version_of(activity)}


def reversed_by_hand(amount: int, **fields: Any) -> Told:
    return Told(AdjustmentReversed, {"points": amount, **fields})


def test_points_on_action_wait_for_it_and_begin_their_life_with_it() -> None:
    given(rulebook(points(20), currency=WAITS), enrolled()).when(bought(1_00, at="2026-01-02")).then(
        earned(20, available_at=None, expires_at=None)
    ).balance(0, pending=20).balance(0, pending=20, at="2026-12-31").when(activate("2.1", at="2026-06-01")).then(
        activated(20, at=instant("2026-06-01")), rescheduled("2026-07-02T00:00", reason="activation")
    ).balance(20).balance(20, at="2026-07-01T23:59:59").balance(0, at="2026-07-02T00:00")


def test_c18_points_are_activated_by_hand_or_by_time_and_end_ten_days_later() -> None:
    """Five inactive days, then ten valid ones: bought on 1 January, active on the 6th, gone on the 16th."""
    lives = {"available": {"after": "P5D"}, "expires": {"after": "PT240H", "from": "available"}}
    given(rulebook(points(20), currency=lives), enrolled()).when(bought(1_00, at="2026-01-01")).balance(
        0, pending=20, at="2026-01-06T11:59:59"
    ).balance(20, at="2026-01-06T12:00").balance(20, at="2026-01-16T11:59:59").balance(0, at="2026-01-16T12:00")


@pytest.mark.parametrize(
    ("expires", "ends"),
    [
        ("never", None),
        ({"after": "P1M", "round_up": "month"}, "2026-08-01T00:00"),
        ({"after": "PT24H", "from": "available"}, "2026-06-02T12:00"),
        ({"after": "PT24H", "from": "recorded"}, "2026-06-02T12:00"),
        ({"inactive_for": "P1M"}, "2026-07-02T00:00"),
    ],
)
def test_each_way_to_end_is_counted_from_the_action(expires: Any, ends: str | None) -> None:
    book = rulebook(points(20), currency={"available": "on_action", "expires": expires})
    begun = [rescheduled(ends, reason="activation")] if ends else []
    given(book, enrolled(), bought(1_00)).when(activate(of="p1", at="2026-06-01")).then(activated(20), *begun).balance(
        20
    )


def test_a_fixed_end_waits_for_nobody() -> None:
    book = rulebook(points(20), currency={"available": "on_action", "expires": {"at": "2026-03-01T00:00:00Z"}})
    given(book, enrolled()).when(bought(1_00)).then(earned(20, expires_at=instant("2026-03-01T00:00"))).when(
        swept("2026-03-01T00:00")
    ).then(expired(20, pending=True)).balance(0)
    given(book, enrolled(), bought(1_00)).when(activate(of="p1", at="2026-02-01")).then(activated(20)).balance(
        0, at="2026-03-01T00:00"
    )


def test_what_waits_does_not_end_by_inactivity() -> None:
    book = rulebook(points(20), currency={"available": "on_action", "expires": {"inactive_for": "P1M"}})
    given(book, enrolled(), bought(1_00, "p1", "2026-01-02")).when(bought(1_00, "p2", "2026-05-01")).then(
        earned(20)
    ).balance(0, pending=40).when(activate(of="p1", at="2026-05-02")).balance(20, pending=20).when(
        bought(1_00, "p3", "2026-05-20")
    ).then(rescheduled("2026-06-21T00:00", reason="activity", lots=("2.1",)), earned(20))


def test_a_rule_may_wait_where_its_currency_does_not() -> None:
    book = rulebook(points(20, available="on_action", expires={"after": "P10D"}), points(5, rule="now"))
    given(book, enrolled()).when(bought(1_00)).then(earned(20, available_at=None), earned(5, "now")).balance(
        5, pending=20
    ).when(activate(of="p1", at="2026-02-01")).then(activated(20), rescheduled("2026-02-12T00:00")).balance(25)


def test_the_life_begins_under_the_rules_of_the_purchase_unless_new_ones_are_for_existing_lots() -> None:
    waiting = given(rulebook(points(20), currency=WAITS), enrolled(), bought(1_00))
    later = {"available": "on_action", "expires": {"after": "P60D"}}
    waiting.when(published(rulebook(points(20), currency=later), "2026-02-01")).when(
        activate("2.1", at="2026-06-01")
    ).then(activated(20), rescheduled("2026-07-02T00:00", rulebook=1))
    waiting = given(rulebook(points(20), currency=WAITS), enrolled(), bought(1_00))
    existing = later | {"expires_applies_to": "existing"}
    waiting.when(published(rulebook(points(20), currency=existing), "2026-02-01")).when(
        swept("2026-02-02")
    ).then().when(activate("2.1", at="2026-06-01")).then(activated(20), rescheduled("2026-08-01T00:00", rulebook=2))


def test_activating_early_leaves_the_end_where_it_was_and_activating_again_does_nothing() -> None:
    book = rulebook(points(20), currency=WEEK | {"expires": {"after": "P30D"}})
    given(book, enrolled(), bought(1_00)).when(activate("2.1", at="2026-01-03")).then(activated(20)).balance(20).when(
        activate("2.1", at="2026-01-04")
    ).then().balance(20)


def test_activated_points_repay_debt_and_count_for_tiers_from_then_on() -> None:
    book = rulebook(points(20), currency=WAITS, tiers={"levels": [{"id": "silver", "at": 20}]})
    given(book, enrolled(), adjusted(-5, "2026-01-01T13:00", allow_negative=True)).when(bought(1_00)).balance(
        0, pending=20, debt=5
    ).tier(None).when(activate(of="p1", at="2026-02-01")).then(
        activated(20, repaid=5), moved_to("silver"), rescheduled("2026-03-04T00:00")
    ).balance(15).tier("silver")


def test_what_repays_debt_whole_has_no_life_to_begin() -> None:
    book = rulebook(points(20), currency=WAITS)
    given(book, enrolled(), adjusted(-50, "2026-01-01T13:00", allow_negative=True), bought(1_00)).when(
        activate(of="p1", at="2026-02-01")
    ).then(activated(20, repaid=20)).balance(0, debt=30)


def test_cancelled_points_were_never_granted() -> None:
    capped = points(20, cap=[{"points": 25}, {"times": 1}])
    book = rulebook(capped, currency=WEEK)
    given(book, enrolled(), bought(1_00)).when(cancel("2.1", at="2026-01-03")).then(
        clawed_back(20, counts={"cap:base": -20, "times:base": -1})
    ).balance(0).balance(0, at="2026-01-20").when(bought(1_00, "p2", "2026-01-04")).then(earned(20, limited_by=None))


def test_a_return_after_a_cancellation_takes_no_more_and_symmetry_holds() -> None:
    book = rulebook(points(20), currency=WEEK)
    given(book, enrolled(), bought(100_00), returned(40_00, id="r1", at="2026-01-03")).when(
        cancel(of="p1", at="2026-01-03T13:00")
    ).then(clawed_back(12)).balance(0).when(returned(None, id="r2", at="2026-01-04")).then().balance(0)


def test_a_return_of_what_waits_takes_the_pending_points() -> None:
    given(rulebook(points(20), currency=WAITS), enrolled(), bought(1_00)).when(returned(None)).then(
        clawed_back(20)
    ).balance(0).when(activate(of="p1", at="2026-02-01")).refused("unknown-lot")


def test_cancelling_lowers_a_tier_that_pending_points_had_reached() -> None:
    tiers = {"count_pending": True, "levels": [{"id": "silver", "at": 20}]}
    book = rulebook(points(20), currency=WEEK, tiers=tiers)
    given(book, enrolled(), bought(1_00)).when(cancel(of="p1", at="2026-01-03")).then(
        clawed_back(20), moved_to(None, reason="returned")
    ).tier(None)


def test_a_budget_gets_back_what_a_cancelled_award_took() -> None:
    world = World(
        rulebook(
            points(20, budget="summer"),
            currency=WEEK,
            budgets={"summer": {"currency": "points", "points": 30, "uses": 5}},
        )
    )
    stream = Stream(world)
    stream.do(enrol(), "2026-01-01")
    stream.do(purchase(1_00), "2026-01-02")
    stream.do(CancelPending(lots=("2.1",)), "2026-01-03")
    assert {key: amount for key, amount in world.taken.items() if amount} == {}
    lawful(stream)


def test_only_what_is_pending_is_cancelled() -> None:
    book = rulebook(points(20, available={"after": "P7D"}), points(5, rule="now"))
    story = given(book, enrolled(), bought(1_00))
    story.when(cancel("2.1", "2.2", at="2026-01-03")).refused(
        "not-eligible", reasons=["not-pending"], errors=[("/lots/1", "can be spent already")]
    )
    story.when(cancel("2.1", "2.9", at="2026-01-03")).refused("unknown-lot", errors=[("/lots/1", "no such lot")])
    outcome = story.when(cancel(of="p1", at="2026-01-03")).then(clawed_back(20)).balance(5)
    outcome.when(cancel(of="p1", at="2026-01-04")).refused("unknown-lot", errors=[("/activity", "nothing pending")])


def test_what_can_be_spent_already_keeps_nobody_from_activating_the_rest() -> None:
    book = rulebook(points(20, available="on_action"), points(5, rule="now"))
    given(book, enrolled(), bought(1_00)).when(activate("2.2", "2.1", at="2026-01-03")).then(activated(20)).balance(25)


def test_several_that_are_cancelled_at_once_give_back_what_each_took() -> None:
    budgets = {"all": {"currency": "points", "points": 100, "uses": 5}}
    rules = [points(20, budget="all"), points(7, rule="more", phase="add", budget="all")]
    story = given(rulebook(*rules, currency=WEEK, budgets=budgets), enrolled(), bought(1_00), bought(1_00, "p2"))
    assert story.stream.world.taken == {("budget", "all"): 54, ("budget.uses", "all"): 4}
    outcome = story.when(cancel("2.1", "2.2", at="2026-01-03")).then(clawed_back(20), clawed_back(7))
    assert outcome.stream.world.taken == {("budget", "all"): 27, ("budget.uses", "all"): 2}


def test_shared_caps_get_back_what_a_cancelled_award_took_of_the_day_it_was_earned() -> None:
    cap = {"points": 30, "period": "day", "per": "rule"}
    story = given(rulebook(points(20, cap=[cap]), currency=WEEK), enrolled(), bought(1_00, at="2026-01-02"))
    assert [amount for amount in story.stream.world.taken.values() if amount] == [20]
    outcome = story.when(cancel("2.1", at="2026-01-04"))
    assert [amount for amount in outcome.stream.world.taken.values() if amount] == []


def test_points_by_hand_wait_for_an_action_too_and_can_be_cancelled() -> None:
    book = rulebook(currency={"expires": {"after": "P30D"}})
    waiting = given(book, enrolled()).when(adjusted(50, "2026-01-02", on_action=True))
    waiting.then(corrected(50, available_at=None, expires_at=None)).balance(0, pending=50)
    waiting.when(activate("2.1", at="2026-02-01")).then(activated(50), rescheduled("2026-03-04T00:00")).balance(50)
    given(book, enrolled(), adjusted(50, "2026-01-02", on_action=True)).when(cancel("2.1", at="2026-01-03")).then(
        reversed_by_hand(50, adjustment="adj", lot="2.1")
    ).balance(0)
    given(book, enrolled(), adjusted(50, "2026-01-02")).when(cancel("2.1", at="2026-01-03")).refused("not-eligible")


def test_an_end_given_by_hand_stays_where_it_is() -> None:
    ends = instant("2026-05-01T00:00")
    given(rulebook(), enrolled(), adjusted(50, "2026-01-02", on_action=True, expires_at=ends)).when(
        activate("2.1", at="2026-02-01")
    ).then(activated(50)).balance(50, at="2026-04-30").balance(0, at="2026-05-01T00:00")


def test_a_bonus_is_cancelled_without_being_granted_again() -> None:
    badges = {"regular": {"on": "purchase", "when": "activity.amount_minor > 0", "points": 10}}
    book = rulebook(currency=WEEK, badges=badges)
    given(book, enrolled()).when(bought(1_00)).then(
        Told(BadgeGranted, {"badge": "regular"}), earned(10, "badge:regular")
    ).when(cancel(of="p1", at="2026-01-03")).then(clawed_back(10)).balance(0).when(
        bought(1_00, "p2", "2026-01-04")
    ).then().balance(0)


def test_a_member_who_is_suspended_gets_nothing_activated_but_cancelled() -> None:
    suspended = do(SetMemberStatus(status="suspended", reason="fraud"), "2026-01-02T13:00")
    given(rulebook(points(20), currency=WAITS), enrolled(), bought(1_00), suspended).when(
        activate(of="p1", at="2026-01-03")
    ).refused("member-suspended").when(cancel(of="p1", at="2026-01-03")).then(clawed_back(20)).balance(0)


def test_c14_returned_inside_the_window_the_balance_never_moves() -> None:
    given(rulebook(per(100, 1), currency=WEEK), enrolled(), bought(20_00)).when(returned(None, at="2026-01-08")).then(
        clawed_back(20)
    ).balance(0).balance(0, at="2026-01-09")


def test_a_spend_never_draws_on_what_waits() -> None:
    given(rulebook(points(20), currency=WAITS), enrolled(), bought(1_00)).when(redeemed(1, "2026-01-03")).refused(
        "not-enough-points"
    )


def test_a_cancellation_that_is_refused_leaves_no_trace() -> None:
    stream = Stream(World(rulebook(points(20), currency=WEEK)))
    stream.do(enrol(), "2026-01-01")
    with pytest.raises(Refused):
        stream.do(CancelPending(lots=("2.1",)), "2026-01-02")
    assert len(stream.entries) == 1
    stream.do(purchase(1_00), "2026-01-02")
    stream.do(refund(stream, "p1", None, "2026-01-03"), "2026-01-03")
    lawful(stream)


def credit(**more: Any) -> Step:
    return adjusted(50, "2026-01-02", "draft", on_action=True, **more)


def test_f2_a_credit_in_two_phases_counts_once_it_is_completed() -> None:
    """+50 that waits leaves the balance as it is; completed it is there; cancelled or run out it never was."""
    book = rulebook(points(20))
    given(book, enrolled()).when(credit()).balance(0, pending=50).when(activate("2.1", at="2026-01-03")).then(
        activated(50)
    ).balance(50)
    given(book, enrolled()).when(credit()).balance(0, pending=50).when(cancel("2.1", at="2026-01-03")).then(
        reversed_by_hand(50)
    ).balance(0)
    given(book, enrolled(), credit(expires_at=instant("2026-02-01T00:00"))).when(swept("2026-02-01T00:00")).then(
        expired(50, pending=True)
    ).balance(0)
