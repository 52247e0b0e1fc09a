"""Worked cases D11, D12, D17: points that paid for an order come back with its return."""

from typing import Any

import msgspec
import pytest

from domain.member.commands import RedeemPoints
from domain.member.events import Draw, OfferAssigned, OfferWithdrawn, OpenLot, PointsGivenBack
from domain.member.movements import movements
from tests.build import Json, Stream, World, enrol, instant, per, points, purchase, refund, rulebook
from tests.spec import (
    Told,
    adjusted,
    bought,
    clawed_back,
    do,
    earned,
    enrolled,
    expired,
    given,
    given_back,
    lawful,
    moved_to,
    published,
    redeemed,
    rescheduled,
    returned,
    swept,
)

MONTH: Json = {"expires": {"after": "P1M"}}
FREE: Json = {"when": "activity.amount_minor < 1000"}
"""Purchases under ten euros earn, others do not: an order that is paid with points here earns none."""


def lots(outcome: Any) -> dict[str, int]:
    """What comes back to which lot."""
    (event,) = [one for one in outcome.events if isinstance(one, PointsGivenBack)]
    return {lot.lot: lot.points for lot in event.lots}


def paying(**currency: Any) -> Json:
    return rulebook(points("activity.amount_minor", **FREE), currency=currency)


def test_points_come_back_to_the_lots_they_came_from() -> None:
    story = given(paying(), enrolled(), bought(30, "a"), bought(50, "b", "2026-01-03"))
    outcome = story.when(redeemed(60, "2026-01-04", order="big")).when(bought(20_00, "big", "2026-01-04T13:00"))
    outcome.balance(20)
    outcome = outcome.when(returned(None, of="big")).then(given_back(60, repaid=0, expired=(), spend="spend", entry=4))
    assert lots(outcome) == {"2.1": 30, "3.1": 30}
    outcome.balance(80)


def test_a_part_of_the_order_brings_a_part_of_the_points_and_never_more_than_all() -> None:
    """100 points on 99 euros in three parts are 33, 34 and 33, the last draw first."""
    story = given(
        paying(), enrolled(), bought(60, "a"), bought(40, "b", "2026-01-03"), redeemed(100, "2026-01-04", order="big")
    )
    outcome = story.when(bought(99_00, "big", "2026-01-05"))
    for number, (part, back) in enumerate([(33, {"3.1": 33}), (34, {"3.1": 7, "2.1": 27}), (33, {"2.1": 33})]):
        outcome = outcome.when(returned(33_00, of="big", id=f"r{number}", at=f"2026-01-1{number}"))
        outcome.then(given_back(part))
        assert lots(outcome) == back
    outcome.balance(100).when(returned(33_00, of="big", id="r9", at="2026-01-20")).then().balance(100)


def test_points_of_another_order_stay_spent() -> None:
    story = given(paying(), enrolled(), bought(60, "a"), redeemed(10, "2026-01-03", order="other"))
    story.when(bought(99_00, "big", "2026-01-05")).when(returned(None, of="big")).then().balance(50)


def test_several_redemptions_come_back_each_by_itself() -> None:
    story = given(paying(), enrolled(), bought(60, "a"), redeemed(10, "2026-01-03", "one", order="big"))
    outcome = story.when(redeemed(20, "2026-01-04", "two", order="big")).when(bought(99_00, "big", "2026-01-05"))
    outcome.when(returned(33_00, of="big")).then(
        given_back(3, spend="one", entry=3), given_back(7, spend="two", entry=4)
    ).balance(40).when(returned(None, of="big", id="r2", at="2026-01-20")).then(
        given_back(7, spend="one"), given_back(13, spend="two")
    ).balance(60)


def test_d11_what_had_expired_comes_back_expired_and_the_rest_keeps_its_end() -> None:
    story = given(paying(**MONTH), enrolled(), bought(30, "a", "2026-01-02"), bought(50, "b", "2026-01-20"))
    outcome = story.when(redeemed(60, "2026-01-21", order="big")).when(bought(20_00, "big", "2026-01-21T13:00"))
    outcome = outcome.when(returned(None, of="big", at="2026-02-10"))
    outcome.then(given_back(60, expired=(Draw("2.1", 30),)))
    assert lots(outcome) == {"3.1": 30}
    outcome.balance(50).balance(50, at="2026-02-20").balance(0, at="2026-02-21T00:00")
    # Both ways to the same end: what was never spent would have expired just so.
    given(paying(**MONTH), enrolled(), bought(30, "a", "2026-01-02"), bought(50, "b", "2026-01-20")).when(
        swept("2026-02-10")
    ).then(expired(30)).balance(50)


def test_d11_redeeming_and_returning_never_extends_a_life() -> None:
    """Spent on the last day, returned on the next: nothing is left, and nobody owes it."""
    story = given(paying(**MONTH), enrolled(), bought(30, "a", "2026-01-02"), redeemed(30, "2026-02-02", order="big"))
    story.when(bought(20_00, "big", "2026-02-02T13:00")).when(returned(None, of="big", at="2026-02-03T00:00")).then(
        given_back(30, lots=(), expired=(Draw("2.1", 30),))
    ).balance(0).when(returned(None, of="a", at="2026-02-04", id="r2")).then(
        clawed_back(30, expired=30, debt=0)
    ).balance(0)


@pytest.mark.parametrize(
    ("activities", "ends"),
    [
        (["2026-01-25"], "2026-02-26T00:00"),  # moved on while it was empty
        (["2026-01-25", "2026-02-20"], "2026-03-21T00:00"),
        (["2026-01-25", "2026-02-26T00:00"], None),  # gone by then: too late
        ([], None),
    ],
)
def test_d11_a_lot_that_ends_by_inactivity_ends_as_if_it_had_not_been_emptied(
    activities: list[str], ends: str | None
) -> None:
    stream = Stream(World(paying(expires={"inactive_for": "P1M"})))
    stream.do(enrol(), "2026-01-01")
    stream.do(purchase(30, "a", "2026-01-02"), "2026-01-02")
    stream.do(purchase(20_00, "big", "2026-01-03"), "2026-01-03")
    spent = RedeemPoints(id="s", currency="points", points=30, order_source="shop", order_id="big")
    stream.do(spent, "2026-01-03T13:00")
    for number, at in enumerate(activities):
        stream.do(purchase(20_00, f"more{number}", at), at)
    at = activities[-1] if activities else "2026-02-10"
    (event,) = [
        one
        for one in returned(None, of="big", at=instant(at).replace(hour=23)).act(stream).events  # type: ignore[union-attr]
        if isinstance(one, PointsGivenBack)
    ]
    assert [lot.expires_at for lot in event.lots] == ([instant(ends)] if ends else [])
    lawful(stream)


@pytest.mark.parametrize(
    ("meanwhile", "ends"),
    [
        ([], "2026-02-04T00:00"),  # as it was
        ([("visit", "2026-01-20", None)], "2026-02-04T00:00"),  # no activity that counts
        ([("visit", "2026-01-20", None), ("purchase", "2026-01-22", None)], "2026-02-23T00:00"),
        ([("purchase", "2026-01-22", None), ("purchase", "2026-01-10", None)], "2026-02-23T00:00"),  # told late
        ([("purchase", "2026-01-22T18:00", "Asia/Tokyo")], "2026-02-23T15:00"),  # the 23rd there, to the end of a day
    ],
)
def test_d11_what_counts_while_a_lot_is_empty_is_what_counts_for_one_that_is_not(
    meanwhile: list[tuple[str, str, str | None]], ends: str
) -> None:
    document = paying(expires={"inactive_for": "P1M", "activities": ["purchase"]}) | {"zone_policy": "activity"}
    document["activities"]["visit"] = {"data": {"type": "object"}}
    stream = Stream(World(document))
    stream.do(enrol(), "2026-01-01")
    stream.do(purchase(30, "a", "2026-01-02"), "2026-01-02")
    stream.do(purchase(20_00, "big", "2026-01-03"), "2026-01-03")
    stream.do(RedeemPoints(id="s", currency="points", points=30, order_source="shop", order_id="big"), "2026-01-04")
    for number, (kind, at, zone) in enumerate(meanwhile):
        one = msgspec.structs.replace(purchase(20_00, f"m{number}", at), type=kind, time_zone=zone)
        stream.do(one, f"2026-01-23T{10 + number}:00")
    back = stream.do(refund(stream, "big", None, "2026-01-24"), "2026-01-24")
    (event,) = [one for one in back.events if isinstance(one, PointsGivenBack)]
    assert [(lot.points, lot.expires_at) for lot in event.lots] == [(30, instant(ends))]
    # And it goes on to move with what happens.
    stream.do(purchase(20_00, "later", "2026-01-28"), "2026-01-28")
    assert [lot.expires_at for lot in stream.member.lots] == [instant("2026-03-01T00:00")]
    lawful(stream)


def test_d12_reissued_points_get_a_fresh_life() -> None:
    story = given(
        paying(**MONTH, returns={"points_paid": "reissue"}),
        enrolled(),
        bought(30, "a", "2026-01-02"),
        bought(50, "b", "2026-01-20"),
        redeemed(60, "2026-01-21", order="big"),
    )
    outcome = story.when(bought(20_00, "big", "2026-01-21T13:00")).when(returned(None, of="big", at="2026-02-10"))
    now = instant("2026-02-10")
    fresh = OpenLot(
        lot="6.1", points=60, granted=60, occurred_at=now, available_at=now, entry=6, rule="given_back", rulebook=1,
        expires_at=instant("2026-03-11T00:00"),
    )  # fmt: skip
    outcome.then(given_back(60, lots=(fresh,), expired=())).balance(80).balance(60, at="2026-02-21T00:00").balance(
        0, at="2026-03-11T00:00"
    )


def test_d12_reissued_points_that_end_by_inactivity_move_with_what_happens() -> None:
    story = given(
        paying(expires={"inactive_for": "P1M"}, returns={"points_paid": "reissue"}),
        enrolled(),
        bought(30, "a", "2026-01-02"),
        redeemed(30, "2026-01-21", order="big"),
        bought(20_00, "big", "2026-01-21T13:00"),
    )
    back = story.when(returned(None, of="big", at="2026-01-25"))
    assert [lot.expires_at for lot in back.stream.member.lots] == [instant("2026-02-26T00:00")]
    later = back.when(bought(20_00, "c", "2026-02-10"))
    assert [lot.expires_at for lot in later.stream.member.lots] == [instant("2026-03-11T00:00")]


def test_d12_reissued_points_follow_the_currency_when_its_policy_moves_existing_lots() -> None:

    story = given(paying(**MONTH, returns={"points_paid": "reissue"}), enrolled(), bought(30, "a"))
    outcome = story.when(redeemed(30, "2026-01-03", order="big")).when(bought(20_00, "big", "2026-01-04"))
    outcome = outcome.when(returned(None, of="big", at="2026-01-10"))
    longer = paying(expires={"after": "P3M"}, expires_applies_to="existing")
    outcome.when(published(longer, "2026-01-15")).when(swept("2026-01-16")).then(
        rescheduled("2026-04-11T00:00", lots=("5.1",))
    ).balance(30)


def test_debt_is_repaid_from_what_comes_back_by_what_would_end_soonest() -> None:
    story = given(paying(**MONTH), enrolled(), bought(30, "a", "2026-01-02"), bought(50, "b", "2026-01-20"))
    outcome = story.when(redeemed(80, "2026-01-21", order="big")).when(bought(20_00, "big", "2026-01-21T13:00"))
    outcome = outcome.when(adjusted(-40, "2026-01-22", allow_negative=True)).balance(0, debt=40)
    outcome = outcome.when(returned(None, of="big", at="2026-01-23")).then(given_back(80, repaid=40))
    assert lots(outcome) == {"3.1": 40}
    outcome.balance(40)


def test_expired_points_that_come_back_repay_nothing() -> None:
    story = given(paying(**MONTH), enrolled(), bought(30, "a", "2026-01-02"), redeemed(30, "2026-01-21", order="big"))
    outcome = story.when(bought(20_00, "big", "2026-01-21T13:00"))
    outcome.when(adjusted(-40, "2026-01-22", allow_negative=True)).when(returned(None, of="big", at="2026-02-10")).then(
        given_back(30, lots=(), repaid=0)
    ).balance(0, debt=40)


def test_what_comes_back_pays_for_what_is_taken_back() -> None:
    """The order earned 20 points, which are spent: they are taken from the 30 that come back, and nobody owes."""
    book = rulebook(points("activity.amount_minor < 1000 ? activity.amount_minor : 20"))
    story = given(book, enrolled(), bought(30, "a"), redeemed(30, "2026-01-03", order="big"))
    outcome = story.when(bought(20_00, "big", "2026-01-04")).when(redeemed(20, "2026-01-05", "else")).balance(0)
    outcome.when(returned(None, of="big")).then(given_back(30), clawed_back(20, debt=0)).balance(10)


def test_a_lot_that_is_open_still_gets_its_points_back() -> None:
    story = given(paying(), enrolled(), bought(30, "a"), redeemed(20, "2026-01-03", order="big"))
    outcome = story.when(bought(20_00, "big", "2026-01-04")).when(returned(None, of="big")).balance(30)
    assert [(lot.id, lot.points, lot.remaining) for lot in outcome.stream.member.lots] == [("2.1", 30, 30)]


def test_buying_with_points_and_returning_any_number_of_times_changes_nothing() -> None:
    """D15 for orders that are paid with points: every time the same balance, in the same lots."""
    stream = Stream(World(rulebook(per(100, 1), currency={"value": {"per_point": "1", "max_share": "0.5"}})))
    stream.do(enrol(), "2026-01-01")
    stream.do(purchase(300_00, "a", "2026-01-02"), "2026-01-02")
    for number in range(20):
        at = f"2026-01-03T10:{number:02}"
        spend = RedeemPoints(
            id=f"s{number}", currency="points", points=100, order_source="shop", order_id="o", order_minor=200
        )
        stream.do(spend, at)
        stream.do(purchase(2_00, f"x{number}", at), at)
        if number == 0:
            stream.do(purchase(2_00, "o", at), at)
        returned(None, of="o", at=f"2026-01-04T10:{number:02}", id=f"r{number}").act(stream)
        returned(None, of=f"x{number}", at=f"2026-01-04T10:{number:02}", id=f"y{number}").act(stream)
    held = stream.entries[-1].after
    assert held is not None
    assert (held.balances["points"].available, held.balances["points"].debt) == (300, 0)
    assert not any(stream.world.taken.values())
    lawful(stream)


def test_an_order_may_be_paid_again_as_far_as_its_points_came_back_whatever_they_are_worth() -> None:
    """Five points of half a cent are worth three, three of them two: each part gives back the difference."""
    value = {"per_point": "0.5", "max_share": "1"}
    stream = Stream(World(rulebook(points("activity.amount_minor", **FREE), currency={"value": value})))
    stream.do(enrol(), "2026-01-01")
    stream.do(purchase(30, "a", "2026-01-02"), "2026-01-02")
    stream.do(purchase(50_00, "o", "2026-01-03"), "2026-01-03")
    spend = RedeemPoints(id="s", currency="points", points=5, order_source="shop", order_id="o", order_minor=50_00)
    stream.do(spend, "2026-01-04")
    taken = []
    for number, part in enumerate((20_00, 10_00, 10_00, 10_00)):
        stream.do(refund(stream, "o", part, f"2026-01-1{number}", f"r{number}"), f"2026-01-1{number}")
        taken.append(stream.world.taken["share", "shop\x1fo"])
    assert taken == [2, 1, 1, 0]
    lawful(stream)


def test_an_entry_of_before_gives_nothing_back() -> None:
    """A recorded return that says nothing of it comes out as it did."""
    stream = Stream(World(paying()))
    for command, at in (
        (enrol(), "2026-01-01"),
        (purchase(30, "a"), "2026-01-02"),
        (purchase(20_00, "big"), "2026-01-02"),
    ):
        stream.do(command, at)
    stream.do(RedeemPoints(id="s", currency="points", points=30, order_source="shop", order_id="big"), "2026-01-03")

    old = msgspec.structs.replace(refund(stream, "big", None, "2026-01-04"), gives_back=False)
    assert [event for event in stream.do(old, "2026-01-04").events if isinstance(event, PointsGivenBack)] == []
    lawful(stream)


def test_what_comes_back_moves_from_the_program_and_what_expired_goes_on() -> None:
    story = given(paying(**MONTH), enrolled(), bought(30, "a", "2026-01-02"), bought(50, "b", "2026-01-20"))
    outcome = story.when(redeemed(60, "2026-01-21", order="big")).when(bought(20_00, "big", "2026-01-21T13:00"))
    entry = (
        outcome.when(adjusted(-25, "2026-01-22", allow_negative=True))
        .when(returned(None, of="big", at="2026-02-10"))
        .entry
    )
    assert entry is not None
    assert [f"{one.kind} {one.account} {one.points:+} {one.lot}" for one in movements(entry)] == [
        "given_back program -5 None",
        "given_back member +5 None",
        "repayment member -5 None",
        "repayment debt +5 None",
        "given_back program -25 3.1",
        "given_back member +25 3.1",
        "given_back program -30 2.1",
        "given_back breakage +30 2.1",
    ]


def test_d17_what_the_order_had_assigned_is_withdrawn_with_it() -> None:
    """A coupon that the order gave is cancelled when all of the order comes back."""
    offers = {
        "thanks": {
            "reward": {"currency": "points", "points": 5},
            "coupon": {"campaign": "c", "codes": ["THANKS"]},
            "window": "P30D",
        }
    }
    gives = {"id": "gives", "on": "purchase", "phase": "add", "assign": "thanks"}
    story = given(rulebook(gives, offers=offers), enrolled())
    outcome = story.when(bought(20_00, "big")).then(Told(OfferAssigned, {"offer": "thanks", "slot": "2.1"}))
    outcome.when(returned(None, of="big")).then(Told(OfferWithdrawn, {"offer": "thanks", "slot": "2.1"}))
    assert outcome.stream.member.slots == ()


def test_a_level_that_follows_the_balance_rises_with_what_comes_back() -> None:
    tiers = {"measure": "member.balances.points.available", "window": "lifetime", "demote": "at_once",
             "levels": [{"id": "rich", "at": 50}]}  # fmt: skip
    book = rulebook(points("activity.amount_minor", **FREE), tiers=tiers)
    story = given(book, enrolled()).when(bought(60, "a")).then(earned(60), moved_to("rich"))
    story = story.when(redeemed(30, "2026-01-03", order="big")).tier(None).when(bought(20_00, "big", "2026-01-04"))
    story.when(returned(None, of="big")).then(given_back(30), moved_to("rich")).tier("rich")


def test_a_redemption_that_names_no_order_is_nobodys_payment() -> None:
    story = given(
        paying(), enrolled(), bought(30, "a"), do(RedeemPoints(id="s", currency="points", points=10), "2026-01-03")
    )
    story.when(bought(20_00, "big", "2026-01-04")).when(returned(None, of="big")).then().balance(20)
