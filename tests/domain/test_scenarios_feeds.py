"""A feed says that points were spent: which lots pay, what is owed, and what such an activity cannot say."""

from typing import Any

import pytest

from domain.errors import NotEnoughPoints
from domain.member.events import Draw
from domain.numbers import MAX_AMOUNT
from tests.build import Json, instant, points, purchase, rulebook
from tests.spec import Given, Step, adjusted, bought, do, enrolled, given, spent


def feed(said: str = "activity.points", **currency: Any) -> Json:
    """Points for every cent; a ride spends what the feed says, of the currency `points`."""
    ride = {
        "data": {"type": "object", "properties": {"points": {"type": "integer"}}},
        "role": "spends",
        "currency": "points",
        "points": said,
    }
    return rulebook(points("activity.amount_minor"), currency=currency, activities={"ride": ride})


def rode(at: str, id: str = "ride-1", **data: Any) -> Step:  # noqa: A002
    command = purchase(0, id, at)
    return do(type(command)(source="feed", id=id, type="ride", occurred_at=command.occurred_at, data=data), at)


def rich(document: Json) -> Given:
    """Three lots: the first of 30, the one that ends soonest of 40, the newest of 50."""
    ends = ((30, "2026-08-01"), (40, "2026-07-01"), (50, "2026-09-01"))
    lots = [
        adjusted(amount, f"2026-01-0{day}", end, expires_at=instant(end)) for day, (amount, end) in enumerate(ends, 2)
    ]
    return given(document, enrolled(), *lots)


@pytest.mark.parametrize(
    ("order", "paid"),
    [
        ("expiry_first", (Draw("3.1", 40), Draw("2.1", 20))),
        ("fifo", (Draw("2.1", 30), Draw("3.1", 30))),
        ("lifo", (Draw("4.1", 50), Draw("3.1", 10))),
        ("proportional", (Draw("2.1", 15), Draw("3.1", 20), Draw("4.1", 25))),
    ],
)
def test_what_a_feed_says_is_paid_by_lots_in_their_order(order: str, paid: tuple[Draw, ...]) -> None:
    outcome = rich(feed(spend_order=order)).when(rode("2026-01-10", points=60))
    outcome.then(spent(60, redemption="ride-1", source="feed", currency="points", draws=paid, debt=0, value_minor=None))
    outcome.balance(60)


def test_more_than_there_is_is_refused_or_owed() -> None:
    refusal = given(feed(), enrolled(), bought(50)).when(rode("2026-01-10", points=51)).refused("not-enough-points")
    assert isinstance(refusal.refusal, NotEnoughPoints)
    assert (refusal.refusal.asked, refusal.refusal.available) == (51, 50)
    story = given(feed(overdraft="debt"), enrolled(), bought(50))
    story.when(rode("2026-01-10", points=50)).then(spent(50, debt=0)).balance(0)
    given(feed(overdraft="debt"), enrolled(), bought(50)).when(rode("2026-01-10", points=51)).then(
        spent(51, draws=(Draw("2.1", 50),), debt=1)
    ).balance(0, debt=1)


def test_in_shares_of_each_lot_all_of_them_pay_when_they_are_not_enough() -> None:
    every = (Draw("2.1", 30), Draw("3.1", 40), Draw("4.1", 50))
    rich(feed(spend_order="proportional", overdraft="debt")).when(rode("2026-01-10", points=125)).then(
        spent(125, draws=every, debt=5)
    ).balance(0, debt=5)
    rich(feed(spend_order="proportional")).when(rode("2026-01-10", points=120)).then(spent(120, draws=every, debt=0))
    rich(feed(spend_order="proportional")).when(rode("2026-01-10", points=119)).then(
        spent(119, draws=(Draw("2.1", 30), Draw("3.1", 40), Draw("4.1", 49)), debt=0)
    )


def test_points_that_wait_pay_nothing() -> None:
    book = feed(overdraft="debt", available={"after": "P7D"})
    given(book, enrolled(), bought(50)).when(rode("2026-01-03", points=20)).then(spent(20, draws=(), debt=20))


def test_what_points_are_worth_is_told_of_what_a_feed_spent() -> None:
    outcome = given(feed(value={"per_point": "0.5"}), enrolled(), bought(50)).when(rode("2026-01-10", points=30))
    outcome.then(spent(30, value_minor=15))


@pytest.mark.parametrize(("said", "code"), [(0, None), (-1, "amount-out-of-range"), (MAX_AMOUNT, "not-enough-points")])
def test_a_feed_says_a_number_of_points_from_nothing_on(said: int, code: str | None) -> None:
    outcome = given(feed(), enrolled(), bought(50)).when(rode("2026-01-10", points=said))
    outcome.then().balance(50) if code is None else outcome.refused(code).balance(50)


def test_more_than_a_number_can_hold_is_no_number_of_points() -> None:
    outcome = given(feed("activity.points + 1"), enrolled()).when(rode("2026-01-10", points=MAX_AMOUNT))
    refusal = outcome.refused("amount-out-of-range").refusal
    assert refusal is not None
    assert refusal.errors == (("/data", f"{MAX_AMOUNT + 1} points"),)


def test_a_payload_that_does_not_say_is_refused() -> None:
    refusal = given(feed(), enrolled(), bought(50)).when(rode("2026-01-10")).refused("invalid-payload").refusal
    assert refusal is not None
    assert [at for at, _ in refusal.errors] == ["/data"]
    assert "points" in refusal.errors[0][1]
