"""Coupons: whose a code is, when it is good, in which campaign, and how often."""

from typing import Any

import pytest

from domain.member.commands import RedeemCode, SetMemberStatus
from domain.member.events import CodeRedeemed
from tests.build import Json, Stream, World, instant
from tests.domain.test_scenarios_offers import TEN, assigned, closed, heard, opens, program, seen
from tests.spec import Step, Told, do, earned, enrolled, given, refuses


def coupon(*codes: str, campaign: str = "spring", **more: Any) -> Json:
    days = {"from": more.pop("from_", "2026-03-02"), "to": more.pop("to", "2026-03-08")}
    names = ("reward", "window", "requires_view", "goal", "of")
    offer: Json = {name: more.pop(name) for name in names if name in more}
    return {**offer, "coupon": {"campaign": campaign, "codes": list(codes), **days, **more}}


def used(code: str, at: str = "2026-03-03", campaign: str | None = None, learned: str | None = None) -> Step:
    return do(RedeemCode(code=code, campaign=campaign, at=instant(at)), learned or at)


def redeemed(code: str, **fields: Any) -> Told:
    return Told(CodeRedeemed, {"code": code, **fields})


def test_a_code_is_good_for_members_who_were_assigned_its_offer() -> None:
    steps = given(program(c1=coupon("A", "B")), enrolled())
    steps.when(used("A")).refused("code-not-targeted")
    steps.when(assigned("c1", "2026-03-03")).then(opens("c1", "2026-03-08T23:59:59.999999"))
    steps.when(used("A")).then(redeemed("A", campaign="spring", offer="c1", slot="2.1", lot=""))


# When, in Berlin, from Monday 2 March to Sunday 8 March; and what is said.
DAYS = [
    ("2026-03-01T22:59:59.999999", "code-outside-window"),
    ("2026-03-01T23:00", None),
    ("2026-03-08T22:59:59.999999", None),
    ("2026-03-08T23:00", "code-outside-window"),
]


@pytest.mark.parametrize(("at", "code"), DAYS)
def test_both_days_of_a_coupon_are_local_and_included(at: str, code: str | None) -> None:
    steps = given(program(c1=coupon("A")), enrolled(), assigned("c1", "2026-02-01"), zone="Europe/Berlin")
    outcome = steps.when(used("A", at))
    if code is None:
        outcome.then(redeemed("A"))
    else:
        outcome.refused(code)


def test_instants_with_an_offset_bound_a_coupon_too() -> None:
    bounds = coupon("A", from_="2026-03-02T10:00:00+01:00", to="2026-03-02T12:00:00+01:00")
    steps = given(program(c1=bounds), enrolled(), assigned("c1", "2026-02-01"))
    steps.when(used("A", "2026-03-02T08:59:59")).refused("code-outside-window")
    steps.when(used("A", "2026-03-02T11:00")).then(redeemed("A"))


def test_a_code_belongs_to_its_campaign() -> None:
    steps = given(program(c1=coupon("A"), c2=coupon("B", campaign="summer")), enrolled(), assigned("c1", "2026-03-02"))
    steps.when(used("B", campaign="spring")).refused("code-not-in-campaign")
    steps.when(used("A", campaign="autumn")).refused("code-not-in-campaign")
    steps.when(used("Z")).refused("code-not-in-campaign")
    steps.when(used("A", campaign="spring")).then(redeemed("A"))


def test_of_several_campaigns_with_the_code_one_that_fits_is_used() -> None:
    early = coupon("A", from_="2026-03-01", to="2026-03-02")
    offers = program(c1=early, c2=coupon("A", campaign="summer"), c3=coupon("A", campaign="winter"))
    steps = given(offers, enrolled(), assigned("c1", "2026-03-01"), assigned("c2", "2026-03-01"))
    steps.when(used("A", "2026-03-03", learned="2026-03-03")).then(
        closed("2.1", "2026-03-03T00:00"), redeemed("A", campaign="summer")
    )
    steps.when(used("A", "2026-03-04", campaign="winter")).refused("code-not-targeted")


def test_a_code_is_used_as_often_as_its_coupon_allows() -> None:
    steps = given(program(c1=coupon("A", "B", per_assignment=1)), enrolled(), assigned("c1", "2026-03-02"))
    steps.when(used("A")).then(redeemed("A"))
    steps.when(used("A")).refused("code-used")
    steps.when(used("B")).then(redeemed("B"))
    steps.when(assigned("c1", "2026-03-04"))
    steps.when(used("A", "2026-03-04")).then(redeemed("A", slot="5.1"))


def test_without_a_limit_a_code_is_used_again() -> None:
    steps = given(program(c1=coupon("A")), enrolled(), assigned("c1", "2026-03-02"))
    for at in ("2026-03-03", "2026-03-03", "2026-03-05"):
        steps.when(used("A", at)).then(redeemed("A"))


def test_all_members_together_use_a_code_as_often_as_it_may_be_used() -> None:
    world = World(program(c1=coupon("A", uses=2)))
    streams = [Stream(world, number=number) for number in (1, 2, 3)]
    for number, stream in enumerate(streams):
        enrolled(member=f"m{number}").act(stream)
        assigned("c1", "2026-03-02").act(stream)
    for stream in streams[:2]:
        used("A").act(stream)
    assert refuses(used("A"), streams[2]) == "code-used"
    assert world.taken == {("code", "c1\x1fA"): 2}


def test_a_coupon_gives_its_reward_with_each_use() -> None:
    steps = given(program(c1=coupon("A", reward=TEN)), enrolled(), assigned("c1", "2026-03-02"))
    steps.when(used("A")).then(redeemed("A", lot="3.1"), earned(10, "offer:c1")).balance(10)
    steps.when(used("A")).then(redeemed("A", lot="4.1"), earned(10, "offer:c1")).balance(20)


def test_a_coupon_of_a_challenge_gives_nothing_itself() -> None:
    both = coupon("A", reward=TEN, goal={"count": 1}, of="purchase")
    given(program(c1=both), enrolled(), assigned("c1", "2026-03-02")).when(used("A")).then(redeemed("A", lot=""))


def test_an_offer_that_must_be_seen_must_be_seen_before_its_code_is_used() -> None:
    steps = given(program(c1=coupon("A", requires_view=True)), enrolled(), assigned("c1", "2026-03-02"))
    steps.when(used("A")).refused("not-eligible")
    steps.when(heard("viewed", "c1", "2026-03-03")).then(seen("2.1"))
    steps.when(used("A", "2026-03-04")).then(redeemed("A"))


def test_a_window_counts_from_the_assignment_within_the_days_of_the_coupon() -> None:
    steps = given(program(c1=coupon("A", window="P2D")), enrolled()).when(assigned("c1", "2026-03-03T10:00"))
    steps.then(opens("c1", "2026-03-05T10:00"))
    steps.when(used("A", "2026-03-03T09:00", learned="2026-03-03T11:00")).refused("code-outside-window")
    steps.when(used("A", "2026-03-05T10:00")).then(redeemed("A"))
    steps.when(used("A", "2026-03-05T10:01")).refused("code-outside-window")


def test_a_code_of_the_future_is_refused() -> None:
    steps = given(program(c1=coupon("A")), enrolled(), assigned("c1", "2026-03-02"))
    steps.when(used("A", "2026-03-04", learned="2026-03-03")).refused("from-the-future")


def test_a_suspended_member_uses_no_code() -> None:
    steps = given(program(c1=coupon("A")), enrolled(), assigned("c1", "2026-03-02"))
    steps.when(do(SetMemberStatus(status="suspended", reason="x"), "2026-03-03"))
    steps.when(used("A", "2026-03-04")).refused("member-suspended")
