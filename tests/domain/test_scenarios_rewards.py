"""Worked case F1 with a reward: what is issued, held, given up and returned, and what stock and limits do meanwhile."""

from typing import Any

import msgspec

from domain.member.commands import CancelRedemption, ConfirmRedemption, RedeemReward, ReturnRedemption
from domain.member.events import (
    HoldConfirmed,
    HoldReleased,
    PointsHeld,
    RedemptionReturned,
    RewardIssued,
    RewardReleased,
    RewardReserved,
)
from domain.rules.check_rewards import check_condition
from domain.rules.rewards import RewardTerms
from domain.rules.rulebook import read
from tests.build import Stream, instant, points, rulebook
from tests.spec import Outcome, Step, Told, bought, do, enrolled, given, published, spent, swept

BOOK = rulebook(points("activity.amount_minor"))
MUG = RewardTerms(id="mug", kind="product", currency="points", points=10, stock=3)


def wants(at: str, id: str = "r1", terms: RewardTerms = MUG, **more: Any) -> Step:  # noqa: A002
    return do(RedeemReward(id=id, terms=terms, version=1, **more), at)


def mug(**changed: Any) -> RewardTerms:
    return msgspec.structs.replace(MUG, **changed)


def made(stream: Stream, id: str) -> int:  # noqa: A002
    return next(one.version for one in stream.entries if isinstance(one.input, RedeemReward) and one.input.id == id)


def confirmed(at: str, id: str = "r1", **more: Any) -> Step:  # noqa: A002
    return do(lambda stream: ConfirmRedemption(redemption=id, original=made(stream, id), **more), at)


def cancelled(at: str, id: str = "r1") -> Step:  # noqa: A002
    return do(lambda stream: CancelRedemption(redemption=id, original=made(stream, id)), at)


def sent_back(at: str, id: str = "r1", **more: Any) -> Step:  # noqa: A002
    return do(lambda stream: ReturnRedemption(redemption=id, original=made(stream, id), **more), at)


def told(kind: type[Any], **fields: Any) -> Told:
    return Told(kind, fields)


def stock(outcome: Outcome) -> int:
    return outcome.stream.world.taken.get(("stock", "mug"), 0)


def test_f1_a_reward_costs_its_price_and_is_issued_once() -> None:
    outcome = given(BOOK, enrolled(), bought(25)).when(wants("2026-01-03", codes=("A1",)))
    outcome.then(spent(10), told(RewardIssued, reward="mug", quantity=1, codes=("A1",))).balance(15)
    assert stock(outcome) == 1
    outcome.when(wants("2026-01-04", "r2", quantity=2)).refused("not-enough-points")


def test_f1_a_held_reward_is_issued_when_it_is_confirmed_and_in_stock_again_when_not() -> None:
    outcome = given(BOOK, enrolled(), bought(25)).when(wants("2026-01-03", hold_seconds=900))
    outcome.then(told(PointsHeld, points=10), told(RewardReserved, quantity=1)).balance(15)
    assert stock(outcome) == 1
    off = outcome.when(cancelled("2026-01-03T12:05"))
    off.then(told(HoldReleased, reason="cancelled"), told(RewardReleased, quantity=1)).balance(25)
    assert stock(off) == 0
    again = off.when(wants("2026-01-03T12:06", "r2", hold_seconds=900)).when(
        confirmed("2026-01-03T12:07", "r2", codes=("A1",))
    )
    again.then(told(HoldConfirmed, points=10), told(RewardIssued, codes=("A1",))).balance(15)
    again.when(cancelled("2026-01-03T12:08", "r2")).refused("already-confirmed").balance(15)
    assert stock(again) == 1


def test_time_gives_up_what_nobody_confirmed_swept_or_not() -> None:
    one = mug(per_member=1)
    outcome = given(BOOK, enrolled(), bought(25)).when(wants("2026-01-03", terms=one, hold_seconds=900))
    outcome.when(wants("2026-01-03T12:05", "r2", terms=one)).refused("limit-reached")
    unswept = outcome.when(wants("2026-01-03T12:15", "r3", terms=one))
    unswept.then(
        told(HoldReleased, reason="expired"), told(RewardReleased), spent(10), told(RewardIssued, quantity=1)
    ).balance(15)
    assert stock(unswept) == 1
    unswept.when(wants("2026-01-03T13:00", "r4", terms=mug(), hold_seconds=60)).balance(5)
    done = unswept.when(swept("2026-01-04")).balance(15)
    assert stock(done) == 1


def test_no_more_than_there_are_and_no_more_than_a_member_may_have() -> None:
    outcome = given(BOOK, enrolled(), bought(100)).when(wants("2026-01-03", quantity=4)).refused("sold-out")
    outcome.when(wants("2026-01-03", quantity=3)).balance(70)
    outcome.when(wants("2026-01-04", "r2")).refused("sold-out")
    outcome.when(wants("2026-01-04", "r3", terms=mug(stock=None, per_member=4, id="cup"), quantity=4)).balance(30)
    outcome.when(wants("2026-01-04", "r4", terms=mug(stock=None, per_member=4, id="cup"))).refused("limit-reached")


def test_a_reward_is_offered_from_its_start_to_its_end_which_is_not_included() -> None:
    terms = mug(starts=instant("2026-01-05"), ends=instant("2026-01-06"))
    outcome = given(BOOK, enrolled(), bought(100)).when(wants("2026-01-04", terms=terms))
    early = outcome.refused("not-eligible").refusal
    assert early is not None
    assert early.reasons == ("not-started",)
    outcome.when(wants("2026-01-05", terms=terms)).balance(90)
    late = outcome.when(wants("2026-01-06T12:00:01", "r2", terms=terms)).refused("not-eligible").refusal
    assert late is not None
    assert late.reasons == ("ended",)
    gone = outcome.when(wants("2026-01-07", "r3", terms=mug(withdrawn=True))).refused("not-eligible").refusal
    assert gone is not None
    assert gone.reasons == ("withdrawn",)


def test_a_returned_reward_gives_everything_back_and_only_whole() -> None:
    outcome = given(BOOK, enrolled(), bought(25)).when(wants("2026-01-03", terms=mug(per_member=2), quantity=2))
    outcome.when(sent_back("2026-01-04", points=5)).refused("invalid-payload")
    back = outcome.when(sent_back("2026-01-04"))
    back.then(told(RedemptionReturned, points=20, complete=True), told(RewardReleased, quantity=2)).balance(25)
    assert stock(back) == 0
    assert back.stream.member.totals["reward:mug"].ever == 0
    back.when(sent_back("2026-01-05")).refused("already-reversed")
    held = back.when(wants("2026-01-06", "r2", hold_seconds=900))
    held.when(confirmed("2026-01-06T12:01", "r2", points=5)).refused("invalid-payload")
    held.when(confirmed("2026-01-06T12:01", "r2")).when(sent_back("2026-01-07", "r2")).balance(25)
    assert stock(held) == 0


def test_a_reward_may_be_for_some_members_only_and_says_for_whom() -> None:
    book = rulebook(
        points("activity.amount_minor"),
        segments={"regulars": "history.count('purchase', 'ever') >= 2"},
        tiers={"window": "lifetime", "levels": [{"id": "gold", "at": 60}]},
    )
    condition = "member.segments.regulars && member.tiers.status.level == 'gold'"
    terms = mug(when=condition, tree=check_condition(read(book), condition))
    once = given(book, enrolled(), bought(50)).when(wants("2026-01-03", terms=terms)).refused("not-eligible")
    assert once.refusal is not None
    assert once.refusal.reasons == ("condition-not-met",)
    assert ("/when", "member.segments.regulars is false") in once.refusal.errors
    twice = once.when(bought(10, "p2", "2026-01-04")).when(wants("2026-01-05", terms=terms))
    twice.then(spent(10), told(RewardIssued, reward="mug")).balance(50)


def test_a_condition_outlives_the_names_that_it_reads() -> None:
    book = rulebook(points("activity.amount_minor"), streaks={"daily": {"on": "purchase"}})
    condition = "history.streak('daily') >= 1"
    terms = mug(when=condition, tree=check_condition(read(book), condition))
    outcome = given(book, enrolled(), bought(50)).when(wants("2026-01-02T13:00", terms=terms)).balance(40)
    outcome.when(published(BOOK, "2026-01-02T14:00"))
    outcome.when(wants("2026-01-02T15:00", "r2", terms=terms)).refused("not-eligible")


def test_a_gift_costs_nothing() -> None:
    gift = mug(points=0, per_member=1, kind="gift")
    outcome = given(BOOK, enrolled()).when(wants("2026-01-03", terms=gift)).balance(0)
    outcome.then(spent(0), told(RewardIssued, quantity=1))
    outcome.when(sent_back("2026-01-04")).balance(0)
    outcome.when(sent_back("2026-01-04")).refused("already-reversed")
    again = outcome.when(wants("2026-01-05", "r2", terms=gift, hold_seconds=60)).when(swept("2026-01-06"))
    assert stock(again) == 0
