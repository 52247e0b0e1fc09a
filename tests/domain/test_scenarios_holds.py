"""Worked cases D11, D12 and F1: points that are set aside, confirmed, cancelled, run out and come back."""

from typing import Any

import msgspec
import pytest

from domain.member.commands import (
    CancelRedemption,
    ConfirmRedemption,
    RedeemPoints,
    ReturnRedemption,
    SetMemberStatus,
)
from domain.member.events import Draw, HoldConfirmed, HoldReleased, PointsHeld, RedemptionReturned
from domain.member.movements import movements
from domain.member.settle import settled
from tests.build import Stream, World, adjust, enrol, instant, points, redeem, rulebook
from tests.spec import (
    Given,
    Outcome,
    Step,
    Told,
    adjusted,
    bought,
    do,
    enrolled,
    expired,
    given,
    redeemed,
    rescheduled,
    returned,
    spent,
    swept,
)

EVERY_CENT = points("activity.amount_minor")
BOOK = rulebook(EVERY_CENT)
MINUTES = 60


def held(amount: int, at: str, seconds: int = 15 * MINUTES, id: str = "h1", **more: Any) -> Step:  # noqa: A002
    return do(RedeemPoints(id=id, currency="points", points=amount, hold_seconds=seconds, **more), at)


def confirmed(at: str, amount: int | None = None, id: str = "h1") -> Step:  # noqa: A002
    return do(lambda stream: ConfirmRedemption(redemption=id, original=made(stream, id), points=amount), at)


def cancelled(at: str, id: str = "h1") -> Step:  # noqa: A002
    return do(lambda stream: CancelRedemption(redemption=id, original=made(stream, id)), at)


def sent_back(at: str, amount: int | None = None, id: str = "h1", mode: str | None = None) -> Step:  # noqa: A002
    return do(lambda stream: ReturnRedemption(redemption=id, original=made(stream, id), points=amount, mode=mode), at)


def made(stream: Stream, id: str) -> int:  # noqa: A002
    return next(one.version for one in stream.entries if isinstance(one.input, RedeemPoints) and one.input.id == id)


def set_aside(amount: int, **fields: Any) -> Told:
    return Told(PointsHeld, {"points": amount, **fields})


def paid(amount: int, **fields: Any) -> Told:
    return Told(HoldConfirmed, {"points": amount, **fields})


def let_go(amount: int, reason: str, **fields: Any) -> Told:
    return Told(HoldReleased, {"points": amount, "reason": reason, **fields})


def came_back(amount: int, **fields: Any) -> Told:
    return Told(RedemptionReturned, {"points": amount, **fields})


def drawn(*parts: tuple[str, int]) -> tuple[Any, ...]:
    return tuple(Draw(lot, amount) for lot, amount in parts)


def accounts(outcome: Outcome) -> dict[str, int]:
    """What every account of the member holds, by the movements of all entries."""
    sums: dict[str, int] = {}
    for entry in outcome.stream.entries:
        for line in movements(entry):
            sums[line.account] = sums.get(line.account, 0) + line.points
    return {account: amount for account, amount in sums.items() if amount}


def test_f1_held_points_cannot_be_spent_and_are_not_gone() -> None:
    outcome = given(BOOK, enrolled(), bought(25)).when(held(10, "2026-01-03"))
    outcome.then(set_aside(10, draws=drawn(("2.1", 10)), ends_at=instant("2026-01-03T12:15"))).balance(15)
    assert outcome.stream.member.held == {"points": 10}
    assert accounts(outcome) == {"member": 15, "reserve": 10, "program": -25}
    assert outcome.entry is not None
    assert outcome.entry.after is not None
    assert outcome.entry.after.holds == {"h1": 10}
    outcome.when(redeemed(16, "2026-01-03T12:01")).refused("not-enough-points")


def test_f1_cancelled_they_are_free_again_and_confirmed_they_are_spent_for_good() -> None:
    outcome = given(BOOK, enrolled(), bought(25), held(10, "2026-01-03")).when(cancelled("2026-01-03T12:05"))
    outcome.then(let_go(10, "cancelled", released=drawn(("2.1", 10)))).balance(25)
    again = outcome.when(held(10, "2026-01-03T12:06", id="h2")).balance(15).when(confirmed("2026-01-03T12:07", id="h2"))
    again.then(paid(10, draws=drawn(("2.1", 10)))).balance(15)
    again.when(cancelled("2026-01-03T12:08", id="h2")).refused("already-confirmed").balance(15)
    assert again.stream.member.held == {}
    again.when(bought(5, "p2", "2026-01-04")).balance(20)
    assert accounts(again) == {"member": 20, "program": -20}


@pytest.mark.parametrize(
    ("at", "code"),
    [("2026-01-03T12:14:59", None), ("2026-01-03T12:15", "hold-expired"), ("2026-02-01", "hold-expired")],
)
def test_a_hold_can_be_confirmed_before_its_end_and_not_at_it(at: str, code: str | None) -> None:
    outcome = given(BOOK, enrolled(), bought(25), held(10, "2026-01-03")).when(confirmed(at))
    outcome.balance(15) if code is None else outcome.refused(code)


def test_a_hold_that_nobody_confirms_is_over_by_itself_swept_or_not() -> None:
    unswept = given(BOOK, enrolled(), bought(25)).when(held(10, "2026-01-03"))
    unswept.balance(15, at="2026-01-03T12:14").balance(25, at="2026-01-03T12:15")
    unswept.when(swept("2026-01-03T13:00")).then(
        let_go(10, "expired", at=instant("2026-01-03T12:15"), released=drawn(("2.1", 10)))
    )
    unswept.when(confirmed("2026-01-03T13:01")).refused("hold-expired")
    unswept.when(cancelled("2026-01-03T13:01")).refused("hold-expired")


def test_what_is_confirmed_in_part_leaves_the_rest_free() -> None:
    outcome = given(BOOK, enrolled(), bought(30), bought(30, "p2"), held(50, "2026-01-03"))
    done = outcome.when(confirmed("2026-01-03T12:01", 35))
    done.then(paid(35, draws=drawn(("2.1", 30), ("3.1", 5)), released=drawn(("3.1", 15)))).balance(25)
    done.when(confirmed("2026-01-03T12:02", 15)).refused("already-confirmed")


def test_no_more_is_confirmed_than_was_held() -> None:
    given(BOOK, enrolled(), bought(30), held(10, "2026-01-03")).when(confirmed("2026-01-03T12:01", 11)).refused(
        "amount-out-of-range", errors=[("/points", "at most 10")]
    )


def test_the_states_of_a_redemption_exclude_each_other() -> None:
    outcome = given(BOOK, enrolled(), bought(30), held(10, "2026-01-03"), cancelled("2026-01-03T12:01"))
    outcome.when(confirmed("2026-01-03T12:02")).refused("not-eligible", reasons=["cancelled"])
    outcome.when(sent_back("2026-01-03T12:02")).refused("not-eligible", reasons=["cancelled"])
    waiting = given(BOOK, enrolled(), bought(30), held(10, "2026-01-03"))
    waiting.when(sent_back("2026-01-03T12:02")).refused("not-eligible", reasons=["not-confirmed"])
    direct = given(BOOK, enrolled(), bought(30), redeemed(10, "2026-01-03", "h1"))
    direct.when(confirmed("2026-01-03T12:02")).refused("already-confirmed")


MONTH = {"expires": {"after": "P1M"}}


def test_d11_a_hold_makes_no_life_longer() -> None:
    book = rulebook(EVERY_CENT, currency=MONTH)
    outcome = given(book, enrolled(), bought(30), bought(20, "p2", "2026-01-20")).when(
        held(40, "2026-01-25", 20 * 86400)
    )
    outcome.balance(10)
    # The first lot ended on 3 February; what is held is out of the book, and comes back as what it is.
    cancel = outcome.when(cancelled("2026-02-10"))
    cancel.then(let_go(40, "cancelled", released=drawn(("3.1", 10)), expired=drawn(("2.1", 30)))).balance(20)
    assert accounts(cancel) == {"member": 20, "breakage": 30, "program": -50}
    cancel.when(swept("2026-03-01")).then(expired(20)).balance(0)


def test_d11_what_was_redeemed_comes_back_expired_or_with_its_own_end() -> None:
    book = rulebook(EVERY_CENT, currency=MONTH)
    outcome = given(book, enrolled(), bought(30), bought(20, "p2", "2026-01-20"), redeemed(40, "2026-01-25", "h1"))
    back = outcome.when(sent_back("2026-02-10"))
    back.then(came_back(40, mode="reverse", expired=drawn(("2.1", 30)))).balance(20)
    back.balance(0, at="2026-03-01")
    assert accounts(back) == {"member": 20, "breakage": 30, "program": -50}


def test_d12_points_come_back_with_their_own_end_or_with_a_new_one() -> None:
    book = rulebook(EVERY_CENT, currency=MONTH)
    spend = (enrolled(), bought(30), redeemed(30, "2026-01-25", "h1"))
    reverse = given(book, *spend).when(sent_back("2026-01-30", mode="reverse")).balance(30)
    reverse.balance(30, at="2026-02-02T23:59").balance(0, at="2026-02-03")
    reissue = given(book, *spend).when(sent_back("2026-01-30", mode="reissue")).balance(30)
    reissue.balance(30, at="2026-02-28").balance(0, at="2026-03-01")


def test_what_is_returned_in_parts_undoes_the_last_draws_first_and_ends_at_nothing() -> None:
    outcome = given(BOOK, enrolled(), bought(30), bought(30, "p2"), redeemed(50, "2026-01-03", "h1"))
    first = outcome.when(sent_back("2026-01-04", 25)).then(came_back(25, draws=drawn(("3.1", 20), ("2.1", 5))))
    first.balance(35).when(sent_back("2026-01-05", 26)).refused(
        "return-exceeds-activity", errors=[("/points", "at most 25")]
    )
    rest = first.when(sent_back("2026-01-05")).then(came_back(25, draws=drawn(("2.1", 25)))).balance(60)
    rest.when(sent_back("2026-01-06")).refused("already-reversed")
    assert accounts(rest) == {"member": 60, "program": -60}


def test_what_comes_back_pays_what_is_owed_first() -> None:
    outcome = given(BOOK, enrolled(), bought(30), held(30, "2026-01-03", 3600)).when(
        adjusted(-12, "2026-01-03T12:05", allow_negative=True)
    )
    outcome.balance(0, debt=12)
    outcome.balance(18, at="2026-01-03T13:00")
    cancel = outcome.when(cancelled("2026-01-03T12:10"))
    cancel.then(let_go(30, "cancelled", repaid=drawn(("2.1", 12)), released=drawn(("2.1", 18)))).balance(18)
    direct = given(BOOK, enrolled(), bought(30), redeemed(30, "2026-01-03", "h1")).when(
        adjusted(-12, "2026-01-03T12:05", allow_negative=True)
    )
    back = direct.when(sent_back("2026-01-04")).then(came_back(30, repaid=12)).balance(18)
    assert accounts(back) == {"member": 18, "program": -18}


def test_the_return_of_an_order_finds_held_points_only_when_they_are_free_again() -> None:
    outcome = given(BOOK, enrolled(), bought(30), held(30, "2026-01-03", 86400)).when(
        returned(None, at="2026-01-03T18:00")
    )
    outcome.balance(0, debt=30)
    outcome.balance(0, at="2026-01-05")
    confirmed_ = outcome.when(confirmed("2026-01-03T19:00")).balance(0, debt=30)
    assert accounts(confirmed_) == {"debt": -30, "program": 30}


def test_points_that_end_by_inactivity_are_kept_alive_while_they_are_held() -> None:
    book = rulebook(EVERY_CENT, currency={"expires": {"inactive_for": "P1M"}})
    steps = (enrolled(), bought(30), held(30, "2026-01-20", 30 * 86400), bought(1, "p2", "2026-02-01"))
    outcome = given(book, *steps).when(cancelled("2026-02-10"))
    outcome.then(let_go(30, "cancelled"), rescheduled("2026-03-02T00:00")).balance(31)
    outcome.balance(31, at="2026-03-01").balance(0, at="2026-03-02")
    spent_all = given(book, enrolled(), bought(30), redeemed(30, "2026-01-20", "h1"), bought(1, "p2", "2026-02-01"))
    spent_all.when(sent_back("2026-02-10")).balance(31, at="2026-03-01").balance(0, at="2026-03-02")


SHARED = rulebook(EVERY_CENT, currency={"value": {"per_point": "1", "max_share": "0.5"}})
ON_ORDER: Any = {"order_source": "shop", "order_id": "o1", "order_minor": 100}


def test_a_share_of_an_order_is_free_again_with_what_was_held_or_returned_of_it() -> None:
    key = ("share", "shop\x1fo1")
    outcome = given(SHARED, enrolled(), bought(500)).when(held(50, "2026-01-03", **ON_ORDER))
    taken = outcome.stream.world.taken
    assert taken[key] == 50
    outcome.when(held(1, "2026-01-03T12:01", id="h2", **ON_ORDER)).refused("limit-reached")
    part = outcome.when(confirmed("2026-01-03T12:02", 30))
    assert taken[key] == 30
    back = part.when(sent_back("2026-01-03T12:03", 10))
    assert taken[key] == 20
    back.when(sent_back("2026-01-03T12:04"))
    assert taken[key] == 0
    outcome.when(held(50, "2026-01-03T12:05", id="h3", **ON_ORDER)).then(set_aside(50))
    swept_ = outcome.when(swept("2026-01-04"))
    assert taken[key] == 0
    swept_.balance(500)


def test_a_suspended_member_confirms_nothing_and_may_cancel() -> None:
    suspended = do(SetMemberStatus(status="suspended", reason="fraud"), "2026-01-03T12:01")
    outcome = given(BOOK, enrolled(), bought(30), held(10, "2026-01-03"), suspended)
    outcome.when(confirmed("2026-01-03T12:02")).refused("member-suspended")
    outcome.when(cancelled("2026-01-03T12:03")).balance(30)


def test_a_level_of_a_balance_sinks_while_points_are_held_and_comes_again_when_they_are_free() -> None:
    tiers = {
        "measure": "member.balances.points.available", "downgrade": "recompute", "demote": "at_once",
        "levels": [{"id": "silver", "at": 20}],
    }  # fmt: skip
    book = rulebook(EVERY_CENT, tiers=tiers)
    outcome = given(book, enrolled(), bought(25)).when(held(10, "2026-01-03")).tier(None)
    outcome.tier("silver", at="2026-01-03T12:15")


def test_a_state_row_carries_holds_and_answers_the_same() -> None:
    hot, cold = Stream(World(BOOK), hot=True), Stream(World(BOOK))
    for stream in (hot, cold):
        stream.do(enrol(), "2026-01-01")
        stream.do(adjust(30), "2026-01-02")
        stream.do(msgspec.structs.replace(redeem(20, "h1"), hold_seconds=900), "2026-01-03")
        stream.do(ConfirmRedemption(redemption="h1", original=3, points=15), "2026-01-03T12:01")
    assert hot.entries[-1].events == cold.entries[-1].events
    assert settled(hot.member, hot.world.circumstances(instant("2026-01-04")))[1] == ()
    assert Given(hot).when(redeemed(15, "2026-01-04")).then(spent(15)).balance(0).stream is hot
