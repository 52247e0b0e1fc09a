"""Where merges and transfers meet what else befalls a member: floors, pending points, paid orders, late activities."""

import pytest

from domain.errors import AlreadyReversed, Refused
from domain.member.closing import moved_key
from domain.member.commands import (
    ActivatePending,
    ApplyCorrection,
    CancelPending,
    CancelRedemption,
    CorrectedActivity,
    CorrectedAward,
    PlaceInTier,
    RedeemPoints,
    ReturnActivity,
    ReturnRedemption,
    ReverseAdjustment,
    SetTierFloor,
)
from domain.member.events import ActivityRecorded, PointsGivenBack, TierFloorSet
from domain.redecide import StreamHistory
from tests.build import Json, Stream, adjust, instant, per, points, purchase, redeem, rulebook
from tests.domain.test_scenarios_merges import LEVELS, People, has, level
from tests.domain.test_scenarios_transfers import Two
from tests.spec import lawful

FLOORS: Json = LEVELS | {"window": "calendar_year"}
LATE: Json = {"mode": "restate"}


def floor(stream: Stream, to: str | None, at: str, until: str | None = None) -> None:
    ends = instant(until) if until is not None else None
    stream.do(SetTierFloor(set="status", level=to, reason="status match", until=ends), at)


def here(survivor: Stream, entry: int) -> int:
    """The number that the survivor has for an entry of the one member that it absorbed."""
    assert len(survivor.member.absorbed) == 1
    return moved_key(entry, 0)


# --- floors -----------------------------------------------------------------------------------------

# Mine and its end, theirs and its end; the level and the end of the floor that stays.
FLOORS_OF_TWO = [
    (None, None, "gold", None, "gold", None),
    ("silver", None, "gold", "2026-06-01", "gold", "2026-06-01"),
    ("gold", "2026-06-01", "silver", None, "gold", "2026-06-01"),
    ("silver", "2026-06-01", "silver", "2026-09-01", "silver", "2026-09-01"),
    ("silver", None, "silver", "2026-09-01", "silver", None),
    ("silver", None, "gold", "2026-01-20", "silver", None),
]


@pytest.mark.parametrize(("mine", "my_end", "theirs", "their_end", "expected", "end"), FLOORS_OF_TWO)
def test_of_two_floors_the_higher_one_stays(
    mine: str | None, my_end: str | None, theirs: str, their_end: str | None, expected: str, end: str | None
) -> None:
    people = People(rulebook(per(100, 1), tiers=FLOORS))
    ann, old = people.all
    if mine is not None:
        floor(ann, mine, "2026-01-02", my_end)
    floor(old, theirs, "2026-01-02", their_end)
    people.merge(old, ann, "2026-02-01")
    held = ann.member.tiers["status"].floor
    assert held is not None
    assert (held.level, held.until) == (expected, instant(end) if end else None)
    assert level(ann) == expected
    if end is not None:
        ann.settle(end)
        assert level(ann) is None
    people.lawful()


def test_a_level_under_a_floor_is_not_taken_for_the_members_own() -> None:
    people = People(rulebook(per(100, 1), tiers=FLOORS))
    ann, old = people.all
    ann.do(purchase(50_00, "p1"), "2026-01-02")
    old.do(purchase(120_00, "p2"), "2026-01-02")
    floor(old, "gold", "2026-01-03", "2026-06-01")
    people.merge(old, ann, "2026-02-01")
    assert level(ann) == "gold"
    assert ann.member.tiers["status"].own.level == "silver"
    ann.settle("2026-06-01")
    assert level(ann) == "silver"
    people.lawful()


def test_an_own_level_that_comes_over_stands_beneath_the_survivors_floor() -> None:
    people = People(rulebook(per(100, 1), tiers=FLOORS))
    ann, old = people.all
    floor(ann, "gold", "2026-01-03")
    old.do(purchase(120_00, "p2"), "2026-01-02")
    taken = people.merge(old, ann, "2026-02-01")
    assert level(ann) == "gold"
    assert ann.member.tiers["status"].own.level == "silver"
    assert not [event for event in taken.events if isinstance(event, TierFloorSet)]
    floor(ann, None, "2026-03-01")
    assert level(ann) == "silver"


def test_a_level_brought_from_elsewhere_stands_beneath_a_floor() -> None:
    people = People(rulebook(per(100, 1), tiers=FLOORS))
    ann, _ = people.all
    floor(ann, "gold", "2026-01-02")
    ann.do(PlaceInTier(set="status", level="silver"), "2026-01-03")
    assert (level(ann), ann.member.tiers["status"].own.level) == ("gold", "silver")
    people.lawful()


# --- pending points ---------------------------------------------------------------------------------

WAITS: Json = {"available": "on_action", "expires": {"after": "P30D"}}


def test_points_that_wait_for_an_action_wait_at_the_survivors() -> None:
    people = People(rulebook(points(20), currency=WAITS))
    ann, old = people.all
    made = old.do(purchase(1_00, "p2"), "2026-01-02")
    people.merge(old, ann, "2026-02-01")
    assert has(ann, "2026-12-01") == (0, 20, 0)
    named = ActivatePending(
        activity_source="shop", activity_id="p2", original=here(ann, made.version)
    )  # fmt: skip
    ann.do(named, "2026-12-01")
    assert has(ann, "2026-12-01") == (20, 0, 0)
    assert has(ann, "2027-02-01") == (0, 0, 0)
    people.lawful()


def test_what_waits_is_cancelled_at_the_survivors_by_rule_and_by_hand() -> None:
    people = People(rulebook(points(20), currency=WAITS))
    ann, old = people.all
    old.do(purchase(1_00, "p2"), "2026-01-02")
    given = old.do(
        adjust(7, "gift", available_at=instant("2026-09-01"), expires_at=instant("2027-09-01")), "2026-01-03"
    )
    people.merge(old, ann, "2026-02-01")
    assert has(ann, "2026-02-01") == (0, 27, 0)
    ann.do(CancelPending(lots=tuple(lot.id for lot in ann.member.lots)), "2026-03-01")
    assert has(ann, "2026-12-01") == (0, 0, 0)
    with pytest.raises(AlreadyReversed):
        ann.do(ReverseAdjustment(adjustment="gift", original=here(ann, given.version)), "2026-03-02")
    people.lawful()


# --- what was given by hand, spent and held ---------------------------------------------------------


def test_an_adjustment_of_the_loser_is_reversed_at_the_survivors_once() -> None:
    people = People()
    ann, old = people.all
    gift, fine = old.do(adjust(30, "gift"), "2026-01-02"), old.do(adjust(-10, "fine"), "2026-01-03")
    people.merge(old, ann, "2026-02-01")
    ann.do(ReverseAdjustment(adjustment="fine", original=here(ann, fine.version)), "2026-02-02")
    assert has(ann, "2026-02-02") == (30, 0, 0)
    ann.do(ReverseAdjustment(adjustment="gift", original=here(ann, gift.version)), "2026-02-03")
    assert has(ann, "2026-02-03") == (0, 0, 0)
    for name, entry in (("gift", gift), ("fine", fine)):
        with pytest.raises(AlreadyReversed):
            ann.do(ReverseAdjustment(adjustment=name, original=here(ann, entry.version)), "2026-02-04")
    people.lawful()


def test_what_was_reversed_before_the_merge_is_not_reversed_again() -> None:
    people = People()
    ann, old = people.all
    gift = old.do(adjust(30, "gift"), "2026-01-02")
    old.do(ReverseAdjustment(adjustment="gift", original=gift.version), "2026-01-03")
    people.merge(old, ann, "2026-02-01")
    with pytest.raises(AlreadyReversed):
        ann.do(ReverseAdjustment(adjustment="gift", original=here(ann, gift.version)), "2026-02-02")


def test_a_redemption_of_the_loser_is_returned_at_the_survivors_into_its_lots() -> None:
    people = People()
    ann, old = people.all
    old.do(purchase(100_00, "p2"), "2026-01-02")
    spent = old.do(redeem(100, "spend"), "2026-01-03")
    people.merge(old, ann, "2026-02-01")
    assert ann.member.lots == []
    entry = here(ann, spent.version)
    ann.do(ReturnRedemption(redemption="spend", original=entry, points=40), "2026-02-02")
    assert has(ann, "2026-02-02") == (40, 0, 0)
    assert [lot.id for lot in ann.member.lots] == [f"{here(ann, 2)}.1"]
    ann.do(ReturnRedemption(redemption="spend", original=entry), "2026-02-03")
    assert has(ann, "2026-02-03") == (100, 0, 0)
    assert StreamHistory(ann.entries).redemption(entry).state == "returned"
    people.lawful()


def test_points_that_paid_for_an_order_of_the_loser_come_back_with_its_return() -> None:
    people = People()
    ann, old = people.all
    old.do(adjust(60, "gift"), "2026-01-02")
    order = old.do(purchase(100_00, "p2"), "2026-01-03")
    old.do(redeem(50, "spend", order="p2"), "2026-01-04")
    people.merge(old, ann, "2026-02-01")
    assert has(ann, "2026-02-01") == (110, 0, 0)
    back = ann.do(
        ReturnActivity(
            source="shop", id="r", activity_source="shop", activity_id="p2", original=order.version,
            occurred_at=instant("2026-02-02"), origin=old.id.hex, gives_back=True,
        ),
        "2026-02-02",
    )  # fmt: skip
    assert [event.points for event in back.events if isinstance(event, PointsGivenBack)] == [50]
    assert has(ann, "2026-02-02") == (60, 0, 0)
    people.lawful()


def test_what_came_back_before_the_merge_does_not_come_back_after_it() -> None:
    people = People()
    ann, old = people.all
    old.do(adjust(60, "gift"), "2026-01-02")
    order = old.do(purchase(100_00, "p2"), "2026-01-03")
    spent = old.do(redeem(50, "spend", order="p2"), "2026-01-04")
    old.do(ReturnRedemption(redemption="spend", original=spent.version, points=20), "2026-01-05")
    people.merge(old, ann, "2026-02-01")
    ann.do(ReturnRedemption(redemption="spend", original=here(ann, spent.version), points=10), "2026-02-02")
    ann.do(
        ReturnActivity(
            source="shop", id="r", activity_source="shop", activity_id="p2", original=order.version,
            occurred_at=instant("2026-02-03"), origin=old.id.hex, gives_back=True,
        ),
        "2026-02-03",
    )  # fmt: skip
    assert has(ann, "2026-02-03") == (60, 0, 0)
    people.lawful()


def test_a_member_with_points_held_is_merged_once_these_are_free() -> None:
    people = People()
    ann, old = people.all
    old.do(purchase(100_00, "p2"), "2026-01-02")
    held = old.do(RedeemPoints(id="h1", currency="points", points=40, hold_seconds=86_400), "2026-02-01")
    with pytest.raises(Refused) as refused:
        people.merge(old, ann, "2026-02-01T18:00")
    assert refused.value.reasons == ("points-held",)
    old.do(CancelRedemption(redemption="h1", original=held.version), "2026-02-01T19:00")
    people.merge(old, ann, "2026-02-01T20:00")
    assert has(ann, "2026-02-02") == (100, 0, 0)


# --- late activities and corrections ----------------------------------------------------------------

FIRST = points(100, rule="first", when="history.count('purchase', 'ever') == 0")


def test_a_late_activity_of_a_survivor_restates_its_own_and_leaves_what_came_over() -> None:
    people = People(rulebook(per(100, 1), FIRST, tiers=LEVELS, late=LATE))
    ann, old = people.all
    ann.do(purchase(10_00, "a1", "2026-01-10"), "2026-01-10")
    old.do(purchase(20_00, "o1", "2026-01-10"), "2026-01-10")
    people.merge(old, ann, "2026-02-01")
    assert has(ann, "2026-02-01") == (230, 0, 0)
    ann.do(purchase(30_00, "a2", "2026-02-10"), "2026-02-10")
    late = ann.do(purchase(5_00, "a0", "2026-01-05"), "2026-02-20")
    # It takes the welcome from the survivor's own first purchase; the other member's keeps its own.
    assert has(ann, "2026-02-20") == (265, 0, 0)
    assert late.version == ann.version_of("a0")
    people.lawful()


def test_a_late_activity_after_a_return_of_an_old_order_leaves_that_as_it_was() -> None:
    people = People(rulebook(per(100, 1), FIRST, tiers=LEVELS, late=LATE))
    ann, old = people.all
    ann.do(purchase(10_00, "a1", "2026-01-10"), "2026-01-10")
    old.do(purchase(20_00, "o1", "2026-01-10"), "2026-01-10")
    people.merge(old, ann, "2026-02-01")
    people.give_back(ann, old, "o1", "2026-02-05")
    assert has(ann, "2026-02-05") == (110, 0, 0)
    ann.do(purchase(5_00, "a0", "2026-01-05"), "2026-02-20")
    ann.do(purchase(7_00, "a3", "2026-02-03"), "2026-02-21")
    assert has(ann, "2026-02-21") == (122, 0, 0)
    people.lawful()


def test_a_late_activity_of_who_gave_and_took_points_leaves_the_transfers_as_they_were() -> None:
    two = Two(rulebook(per(100, 1), FIRST, late=LATE))
    two.ann.do(purchase(10_00, "a1", "2026-01-10"), "2026-01-10")
    two.send(90, "2026-01-20")
    two.bob.do(purchase(10_00, "b1", "2026-01-25"), "2026-01-25")
    two.ann.do(purchase(5_00, "a0", "2026-01-05"), "2026-02-20")
    two.bob.do(purchase(5_00, "b0", "2026-01-15"), "2026-02-20")
    assert has(two.ann, "2026-02-20") == (25, 0, 0)
    assert has(two.bob, "2026-02-20") == (205, 0, 0)
    two.lawful()


def correction(stream: Stream, of: str, amount: int) -> ApplyCorrection:
    entry = next(one for one in stream.entries if one.version == stream.version_of(of))
    noted = next(event for event in entry.events if isinstance(event, ActivityRecorded))
    award = CorrectedAward(
        rule="base", currency="points", points=amount, wanted=max(0, amount),
        available_at=entry.at if amount > 0 else None,
    )  # fmt: skip
    row = CorrectedActivity(
        activity=entry.version, at=entry.at, rulebook=entry.pins.rulebook, day=noted.day, awards=(award,)
    )
    return ApplyCorrection(correction="cor_1", seen=stream.entries[-1].version, rows=(row,))


@pytest.mark.parametrize(("amount", "left"), [(50, 260), (-50, 160)])
def test_a_correction_of_a_survivor_moves_its_own_points(amount: int, left: int) -> None:
    people = People()
    ann, old = people.all
    ann.do(purchase(60_00, "a1", "2026-01-10"), "2026-01-10")
    old.do(purchase(150_00, "o1", "2026-01-10"), "2026-01-10")
    people.merge(old, ann, "2026-02-01")
    ann.do(correction(ann, "a1", amount), "2026-03-01")
    assert has(ann, "2026-03-01") == (left, 0, 0)
    people.lawful()


def test_a_correction_of_an_activity_whose_member_was_merged_is_refused() -> None:
    people = People()
    ann, old = people.all
    old.do(purchase(60_00, "o1", "2026-01-10"), "2026-01-10")
    people.merge(old, ann, "2026-02-01")
    with pytest.raises(Refused) as refused:
        old.do(correction(old, "o1", 50), "2026-03-01")
    assert refused.value.code == "member-merged"


def test_a_corrected_activity_of_the_loser_is_returned_whole_at_the_survivors() -> None:
    people = People()
    ann, old = people.all
    old.do(purchase(60_00, "o1", "2026-01-10"), "2026-01-10")
    old.do(correction(old, "o1", 40), "2026-01-20")
    people.merge(old, ann, "2026-02-01")
    assert has(ann, "2026-02-01") == (100, 0, 0)
    people.give_back(ann, old, "o1", "2026-02-05")
    assert has(ann, "2026-02-05") == (0, 0, 0)
    lawful(ann)
