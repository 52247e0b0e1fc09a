"""Worked case C18 for a code, and its neighbours: when a code is good, what it brings, and what a hold gives up."""

from typing import Any

import msgspec

from domain.member.commands import CancelRedemption, ConfirmRedemption, RedeemReward, UseIssuedCode
from domain.member.events import IssuedCodeUsed, PointsAdjusted, RewardIssued
from domain.rules.rewards import Gives, RewardTerms, Validity
from tests.build import instant, points, rulebook
from tests.domain.test_scenarios_rewards import told
from tests.spec import Outcome, Step, adjusted, bought, do, enrolled, given, spent, swept

BOOK = rulebook(points("activity.amount_minor"), currencies={"credit": {"scale": 2}})
COUPON = RewardTerms(
    id="coupon", kind="discount", currency="points", points=10, generates_codes=True,
    valid=Validity(after="P5D", for_="P10D"),
)  # fmt: skip
GIFT = RewardTerms(
    id="card", kind="gift", currency="points", points=10, listed_codes=True, gives=Gives("credit", 25_00)
)
OWNER = "6e1f2a087d4b4c7e9c530d8f3b1f2a10"


def used(learned: str, terms: RewardTerms = COUPON, issued: str = "2026-01-01", **more: Any) -> Step:
    command = UseIssuedCode(
        code="A1", redemption="r1", owner=OWNER, entry=3, issued_at=instant(issued), terms=terms, **more
    )
    return do(command, learned)


def freed(outcome: Outcome) -> list[str]:
    return [claim.key for entry in outcome.stream.entries for claim in entry.releases]


def test_c18_a_code_sleeps_five_days_and_is_good_for_ten() -> None:
    at_hand = given(BOOK, enrolled())
    at_hand.when(used("2026-01-06T11:59")).refused("code-outside-window")
    at_hand.when(used("2026-01-06T12:00")).then(told(IssuedCodeUsed, code="A1", reward="coupon", owner=OWNER))
    given(BOOK, enrolled()).when(used("2026-01-16T11:59")).then(told(IssuedCodeUsed, code="A1"))
    given(BOOK, enrolled()).when(used("2026-01-16T12:00")).refused("code-outside-window")


def test_a_till_that_was_offline_says_when_the_code_was_used() -> None:
    at_hand = given(BOOK, enrolled())
    at_hand.when(used("2026-01-20", at=instant("2026-01-10"))).then(told(IssuedCodeUsed, at=instant("2026-01-10")))
    given(BOOK, enrolled()).when(used("2026-01-10", at=instant("2026-01-12"))).refused("from-the-future")


def test_days_of_a_code_are_counted_where_the_program_is() -> None:
    day = msgspec.structs.replace(COUPON, valid=Validity(for_="P1D"))
    # On 29 March 2026 the clocks of Berlin go forward: that day has 23 hours.
    berlin = given(BOOK, enrolled(), zone="Europe/Berlin")
    berlin.when(used("2026-03-29T10:59", day, "2026-03-28T12:00")).then(told(IssuedCodeUsed))
    late = given(BOOK, enrolled(), zone="Europe/Berlin")
    late.when(used("2026-03-29T11:00", day, "2026-03-28T12:00")).refused("code-outside-window")


def test_a_code_brings_what_its_reward_says_and_repays_debt_first() -> None:
    outcome = given(BOOK, enrolled()).when(used("2026-01-06", GIFT))
    outcome.then(
        told(IssuedCodeUsed, reward="card"),
        told(PointsAdjusted, currency="credit", points=25_00, reason="card", repaid=0),
    ).balance(25_00, currency="credit")
    owing = given(BOOK, enrolled(), adjusted(-10, "2026-01-02", allow_negative=True))
    gives = msgspec.structs.replace(GIFT, gives=Gives("points", 30))
    owing.when(used("2026-01-06", gives)).balance(20)


def test_what_a_code_brings_counts_for_no_level() -> None:
    book = rulebook(points("activity.amount_minor"), tiers={"window": "lifetime", "levels": [{"id": "gold", "at": 20}]})
    gives = msgspec.structs.replace(GIFT, gives=Gives("points", 50))
    given(book, enrolled()).when(used("2026-01-06", gives)).balance(50).tier(None)


def test_nobody_uses_a_code_who_is_not_active_or_holds_too_much() -> None:
    much = msgspec.structs.replace(GIFT, gives=Gives("credit", 2**53 - 1))
    outcome = given(BOOK, enrolled()).when(used("2026-01-06", much))
    outcome.when(used("2026-01-07", GIFT)).refused("amount-out-of-range")
    gone = msgspec.structs.replace(GIFT, gives=Gives("francs", 1))
    outcome.when(used("2026-01-07", gone)).refused("unknown-currency")


def test_a_listed_code_is_kept_by_a_hold_and_free_when_that_is_over() -> None:
    held = given(BOOK, enrolled(), bought(30)).when(
        do(RedeemReward(id="h1", terms=GIFT, version=1, codes=("L1",), hold_seconds=900), "2026-01-03")
    )
    assert freed(held) == []
    done = held.when(do(ConfirmRedemption(redemption="h1", original=3), "2026-01-03T12:01"))
    assert [event.codes for event in done.events if isinstance(event, RewardIssued)] == [("L1",)]
    again = done.when(
        do(RedeemReward(id="h2", terms=GIFT, version=1, codes=("L2",), hold_seconds=900), "2026-01-03T12:02")
    )
    again.when(do(CancelRedemption(redemption="h2", original=5), "2026-01-03T12:03"))
    assert freed(again) == ["L2"]
    again.when(do(RedeemReward(id="h3", terms=GIFT, version=1, codes=("L3",), hold_seconds=60), "2026-01-03T12:04"))
    late = again.when(do(RedeemReward(id="r4", terms=GIFT, version=1, codes=("L4",)), "2026-01-03T13:00"))
    assert spent(10) in late.events
    assert freed(late) == ["L2", "L3"]
    late.when(swept("2026-01-04")).balance(10)
    assert freed(late) == ["L2", "L3"]
