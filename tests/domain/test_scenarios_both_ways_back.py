"""Points that paid for an order come back once, whether its redemption is returned, the order, or both."""

from typing import Any

from tests.build import rulebook
from tests.domain.test_scenarios_holds import EVERY_CENT, SHARED, came_back, confirmed, held, sent_back
from tests.domain.test_scenarios_points_paid import paying
from tests.spec import bought, clawed_back, enrolled, given, given_back, lawful, redeemed, returned, swept

ORDER: Any = {"order_source": "shop", "order_id": "big"}


def test_what_came_back_with_the_redemption_does_not_come_again_with_the_order() -> None:
    start = given(paying(), enrolled(), bought(60, "a"), redeemed(60, "2026-01-04", "h1", order="big"))
    story = start.when(bought(99_00, "big", "2026-01-05")).when(sent_back("2026-01-06", 20)).then(came_back(20))
    whole = story.balance(20).when(returned(None, of="big")).then(given_back(40)).balance(60)
    whole.when(sent_back("2026-01-20")).refused("already-reversed")
    lawful(whole.stream)


def test_what_came_back_with_the_order_does_not_come_again_with_the_redemption() -> None:
    start = given(paying(), enrolled(), bought(60, "a"), redeemed(60, "2026-01-04", "h1", order="big"))
    story = start.when(bought(99_00, "big", "2026-01-05")).when(returned(33_00, of="big")).then(given_back(20))
    story.balance(20).when(sent_back("2026-01-20", 41)).refused("return-exceeds-activity")
    whole = story.when(sent_back("2026-01-20")).then(came_back(40, complete=True)).balance(60)
    whole.when(returned(None, of="big", id="r2", at="2026-01-21")).then().balance(60)
    lawful(whole.stream)


def test_points_that_were_held_for_an_order_and_confirmed_come_back_with_it() -> None:
    start = given(paying(), enrolled(), bought(60, "a"), held(60, "2026-01-04", **ORDER))
    story = start.when(confirmed("2026-01-04T12:01", 45)).when(bought(99_00, "big", "2026-01-05"))
    whole = story.balance(15).when(returned(None, of="big")).then(given_back(45, entry=3)).balance(60)
    lawful(whole.stream)


def test_points_that_are_held_and_not_confirmed_come_back_by_themselves_only() -> None:
    start = given(paying(), enrolled(), bought(60, "a"), held(60, "2026-01-04", seconds=86_400 * 30, **ORDER))
    story = start.when(bought(99_00, "big", "2026-01-05")).when(returned(None, of="big")).then().balance(0)
    story.when(swept("2026-03-01")).balance(60)


def test_the_share_of_an_order_is_free_again_to_the_cent_however_it_comes_back() -> None:
    on_order = ORDER | {"order_minor": 100}
    start = given(SHARED, enrolled(), bought(500, "a"), held(50, "2026-01-03", **on_order))
    taken = start.stream.world.taken
    story = start.when(confirmed("2026-01-03T12:01", 49)).when(bought(100, "big", "2026-01-04"))
    story = story.when(sent_back("2026-01-05", 16)).when(returned(67, of="big")).when(sent_back("2026-01-20"))
    assert taken["share", "shop\x1fbig"] == 0
    story.when(returned(None, of="big", id="r2", at="2026-01-21")).balance(500)


def test_points_that_expired_while_they_were_held_are_owed_by_nobody_when_their_purchase_is_returned() -> None:
    book = rulebook(EVERY_CENT, currency={"expires": {"after": "P1M"}})
    start = given(book, enrolled(), bought(30, "p1"), held(30, "2026-01-20", seconds=86_400 * 60))
    story = start.when(swept("2026-04-01")).balance(0)
    outcome = story.when(returned(None, of="p1", at="2026-04-02")).then(clawed_back(30, expired=30, debt=0))
    lawful(outcome.stream)
