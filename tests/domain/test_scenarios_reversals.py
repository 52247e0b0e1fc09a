"""Worked case D18: an adjustment is reversed once, and only forced where its points have moved on."""

from typing import Any

import pytest

from domain.errors import NotEnoughPoints
from domain.member.commands import RedeemPoints, ReverseAdjustment
from domain.member.events import AdjustmentReversed, Draw, HoldReleased
from tests.build import Json, instant, points, rulebook
from tests.spec import (
    Step,
    Told,
    activated,
    adjusted,
    bought,
    do,
    enrolled,
    expired,
    given,
    given_back,
    redeemed,
    returned,
)

BOOK = rulebook(points("activity.amount_minor"))
MONTH: Json = {"expires": {"after": "P1M"}}


def reverse(version: int, at: str, id: str = "adj", *, force: bool = False) -> Step:  # noqa: A002
    return do(ReverseAdjustment(adjustment=id, original=version, force=force), at)


def taken(amount: int, **fields: Any) -> Told:
    return Told(AdjustmentReversed, {"points": amount, **fields})


def test_d18_points_that_are_there_are_taken_from_their_own_lot() -> None:
    given(BOOK, enrolled(), bought(30), adjusted(50, "2026-01-03")).when(reverse(3, "2026-01-04")).then(
        taken(50, from_lots=(Draw("3.1", 50),), debt=0)
    ).balance(30)


def test_d18_points_that_have_moved_on_are_taken_by_force_alone() -> None:
    story = given(BOOK, enrolled(), adjusted(50, "2026-01-03"), redeemed(20, "2026-01-04"), bought(5, at="2026-01-05"))
    story.when(reverse(2, "2026-01-06")).refused("not-enough-points").balance(35).when(
        reverse(2, "2026-01-06", force=True)
    ).then(taken(50, from_lots=(Draw("2.1", 30),), from_other=(Draw("4.1", 5),), debt=15)).balance(0, debt=15)


def test_d18_a_second_reversal_is_refused_forced_or_not() -> None:
    story = given(BOOK, enrolled(), adjusted(50, "2026-01-03"), reverse(2, "2026-01-04"))
    story.when(reverse(2, "2026-01-05")).refused("already-reversed").when(reverse(2, "2026-01-05", force=True)).refused(
        "already-reversed"
    ).balance(0)


def test_d18_points_that_were_taken_come_back_to_their_lots_once() -> None:
    story = given(BOOK, enrolled(), bought(30), adjusted(-20, "2026-01-03"))
    story.when(reverse(3, "2026-01-04")).then(given_back(20, spend="adj", entry=3)).balance(30).when(
        reverse(3, "2026-01-05")
    ).refused("already-reversed")


def test_d11_what_expired_meanwhile_comes_back_expired() -> None:
    book = rulebook(points("activity.amount_minor"), currency=MONTH)
    given(book, enrolled(), bought(30), adjusted(-20, "2026-01-03")).when(reverse(3, "2026-03-01")).balance(0)


@pytest.mark.parametrize(("later", "available", "debt"), [(0, 0, 0), (7, 7, 0)])
def test_what_went_below_zero_comes_back_as_debt_that_is_gone(later: int, available: int, debt: int) -> None:
    """-30 of 10: ten from a lot and twenty owed. Reversed, the ten are back, and nothing is owed."""
    story = given(BOOK, enrolled(), bought(10), adjusted(-30, "2026-01-03", allow_negative=True))
    outcome = story.when(reverse(3, "2026-01-04")).then(given_back(30, repaid=20)).balance(10)
    if later:
        outcome.when(bought(later, "p2", "2026-01-05")).balance(10 + available, debt=debt)


def test_debt_that_was_repaid_since_comes_back_as_points() -> None:
    story = given(BOOK, enrolled(), bought(10), adjusted(-30, "2026-01-03", allow_negative=True))
    outcome = story.when(bought(25, "p2", "2026-01-04")).balance(5)
    outcome.when(reverse(3, "2026-01-05")).then(given_back(30, repaid=0)).balance(35)


def test_what_repaid_debt_is_owed_again_without_force() -> None:
    story = given(BOOK, enrolled(), adjusted(-40, "2026-01-02", "a", allow_negative=True), adjusted(100, "2026-01-03"))
    story.when(reverse(3, "2026-01-04")).then(taken(100, from_lots=(Draw("3.1", 60),), debt=40)).balance(0, debt=40)


def test_what_expired_is_gone_and_nobody_owes_it() -> None:
    book = rulebook(currency=MONTH)
    given(book, enrolled(), adjusted(50, "2026-01-03"), redeemed(20, "2026-01-04")).when(
        reverse(2, "2026-03-01")
    ).refused("not-enough-points")
    given(book, enrolled(), adjusted(50, "2026-01-03")).when(reverse(2, "2026-03-01")).balance(0)


def test_what_moved_on_is_told_less_what_expired_and_what_repaid_debt() -> None:
    """100 by hand: 40 repay a debt, 10 of the 60 are spent, 20 held past the end of the lot, 30 expire."""
    ends = instant("2026-02-01")
    story = given(
        BOOK,
        enrolled(),
        adjusted(-40, "2026-01-02", "a", allow_negative=True),
        adjusted(100, "2026-01-03", expires_at=ends),
        redeemed(10, "2026-01-04"),
        do(RedeemPoints(id="h", currency="points", points=20, hold_seconds=40 * 86_400), "2026-01-05"),
    )
    refusal = story.when(reverse(3, "2026-03-01")).refused("not-enough-points").refusal
    assert isinstance(refusal, NotEnoughPoints)
    assert (refusal.asked, refusal.available) == (10, 0)
    story.when(reverse(3, "2026-03-01", force=True)).then(
        expired(30), Told(HoldReleased, {}), taken(100, expired=50, debt=50, from_lots=(), from_other=())
    ).balance(0, debt=50)


def test_what_a_lot_repaid_when_it_became_available_is_owed_again_without_force() -> None:
    story = given(
        BOOK,
        enrolled(),
        adjusted(-15, "2026-01-02", "a", allow_negative=True),
        adjusted(50, "2026-01-03", available_at=instant("2026-01-10")),
        adjusted(30, "2026-01-03", "other", available_at=instant("2026-01-11")),
    )
    story.when(reverse(3, "2026-01-12")).then(
        activated(50, repaid=15), activated(30, repaid=0), taken(50, from_lots=(Draw("3.1", 35),), debt=0)
    ).balance(15)


@pytest.mark.parametrize(("order", "paid"), [("expiry_first", "5.1"), ("fifo", "4.1"), ("lifo", "6.1")])
def test_other_lots_pay_in_the_order_of_the_currency(order: str, paid: str) -> None:
    ends = {"2026-01-04": "2026-08-01", "2026-01-05": "2026-07-01", "2026-01-06": "2026-09-01"}
    story = given(
        rulebook(currency={"spend_order": order}),
        enrolled(),
        adjusted(30, "2026-01-02"),
        redeemed(30, "2026-01-03"),
        *(adjusted(40, at, f"of {at}", expires_at=instant(end)) for at, end in ends.items()),
    )
    story.when(reverse(2, "2026-01-07", force=True)).then(taken(30, from_other=(Draw(paid, 30),), debt=0))


def test_pending_points_are_reversed_before_anybody_has_them() -> None:
    story = given(BOOK, enrolled(), adjusted(50, "2026-01-03", on_action=True))
    story.when(reverse(2, "2026-01-04")).then(taken(50, from_pending=(Draw("2.1", 50),))).balance(0)


def test_a_reversal_leaves_what_was_earned_alone() -> None:
    story = given(BOOK, enrolled(), bought(30), adjusted(50, "2026-01-03"), reverse(3, "2026-01-04"))
    story.when(returned(None, at="2026-01-05")).balance(0)
