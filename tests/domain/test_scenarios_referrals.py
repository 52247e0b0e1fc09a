"""Referrals: whose code a friend came with, when it counts, what both have for it, and what a return takes."""

# ruff: noqa: A002 - things are told apart by their `id`, in tests as in bodies

from typing import Any

import pytest

from domain.errors import Refused
from domain.log import Entry
from domain.member.commands import (
    Introduction,
    IssueReferralCode,
    PayReferral,
    RecordActivity,
    ReferMember,
    ReverseReferral,
)
from domain.member.events import (
    MemberReferred,
    PointsClawedBack,
    PointsEarned,
    ReferralConverted,
    ReferralReversed,
    ReferralRewarded,
    ReferralTakenBack,
)
from domain.member.referrals import DUE, UNDUE
from domain.member.settle import settled
from domain.member.wallet import balance
from tests.build import Json, Stream, World, enrol, instant, points, purchase, refund, rulebook
from tests.spec import lawful

FRIENDS: Json = {"trigger": "first:purchase", "owner": {"points": 200}, "friend": {"points": 100}}


def program(*rules: Json, more: dict[str, Json] | None = None, **friends: Any) -> Json:
    """A rulebook with the referral `friends`, and any `more` by id."""
    return rulebook(
        *rules, activities={"profile.completed": {}}, referrals={"friends": FRIENDS | friends} | (more or {})
    )


class Two:
    """An owner with a code and a friend, who promises and pays as the application does."""

    def __init__(self, document: Json, issued: str = "2026-01-01") -> None:
        self.world = World(document)
        self.owner = Stream(self.world, number=1)
        self.friend = Stream(self.world, number=2)
        self.owner.do(enrol("2025-12-01", "olga"), "2025-12-01")
        self.owner.do(IssueReferralCode(code="OLGA"), issued)

    @property
    def introduction(self) -> Introduction:
        at = self.owner.member.code_at
        assert at is not None
        return Introduction(owner=self.owner.id.hex, code="OLGA", issued_at=at)

    def enrols(self, at: str = "2026-01-02", friend: Stream | None = None) -> Entry:
        stream = friend or self.friend
        entry = stream.do(enrol(at, "fred", introduction=self.introduction), at)
        self.keeps(stream, at)
        return entry

    def buys(self, id: str = "p1", at: str = "2026-01-03", amount: int = 1000, learned: str | None = None) -> Entry:
        entry = self.friend.do(purchase(amount, id, at), learned or at)
        self.keeps(self.friend, learned or at)
        return entry

    def gives_back(self, of: str = "p1", at: str = "2026-01-10", amount: int | None = None, id: str = "r1") -> Entry:
        entry = self.friend.do(refund(self.friend, of, amount, at, id), at)
        self.keeps(self.friend, at)
        return entry

    def keeps(self, friend: Stream, at: str) -> None:
        """Keep the promises of the friend's last entry."""
        entry = friend.entries[-1]
        for event in entry.events:
            if isinstance(event, ReferralConverted):
                assert DUE in _promises(entry)
                self.owner.do(
                    PayReferral(
                        friend=friend.id.hex, conversion=entry.version, referrals=event.referrals,
                        rulebook=event.rulebook, occurred_at=event.at, rewards=event.rewards,
                    ),
                    at,
                )  # fmt: skip
            elif isinstance(event, ReferralReversed):
                assert UNDUE in _promises(entry)
                paid = self._paid(friend, event.conversion)
                self.owner.do(
                    ReverseReferral(
                        friend=friend.id.hex, conversion=event.conversion, referrals=event.referrals,
                        rulebook=paid.pins.rulebook, occurred_at=entry.at, paid=paid.version,
                    ),
                    at,
                )  # fmt: skip

    def _paid(self, friend: Stream, conversion: int) -> Entry:
        return next(
            entry
            for entry in self.owner.entries
            for event in entry.events
            if isinstance(event, ReferralRewarded) and (event.friend, event.conversion) == (friend.id.hex, conversion)
        )

    def have(self, at: str = "2026-01-20") -> tuple[int, int]:
        """What owner and friend can spend."""
        for stream in (self.owner, self.friend):
            lawful(stream)
        return available(self.owner, at), available(self.friend, at)


def _promises(entry: Entry) -> set[str]:
    return {DUE for one in entry.events if isinstance(one, ReferralConverted)} | {
        UNDUE for one in entry.events if isinstance(one, ReferralReversed)
    }


def available(stream: Stream, at: str) -> int:
    now = instant(at)
    member, _ = settled(stream.member, stream.world.circumstances(now))
    return balance(member, "points", now).available


def refused(story: Any) -> Refused:
    with pytest.raises(Refused) as refusal:
        story()
    return refusal.value


# --- the scenarios -------------------------------------------------------------------------------


def test_h1_a_friend_with_a_code_brings_both_something() -> None:
    # Sign-up without a referral 100; with a code: friend 200, referrer 200; profile completed 50.
    book = program(
        points(100, rule="welcome", on="member.enrolled"),
        points(50, rule="profile", on="profile.completed"),
        trigger="enrolment", owner={"points": 200}, friend={"points": 100},
    )  # fmt: skip
    two = Two(book, issued="2025-12-02")
    assert available(two.owner, "2026-01-01") == 100
    two.enrols()
    two.friend.do(
        RecordActivity(source="app", id="a1", type="profile.completed", occurred_at=instant("2026-01-03")),
        "2026-01-03",
    )
    owner, friend = two.have()
    assert friend == 250
    assert owner == 100 + 200


@pytest.mark.parametrize(
    ("trigger", "who", "enrolled", "bought", "bought_again"),
    [
        ("enrolment", "both", (200, 100), (200, 100), (200, 100)),
        ("enrolment", "owner", (200, 0), (200, 0), (200, 0)),
        ("first:purchase", "both", (0, 0), (200, 100), (200, 100)),
        ("first:purchase", "friend", (0, 0), (0, 100), (0, 100)),
        ("every:purchase", "both", (0, 0), (200, 100), (400, 200)),
        ("every:purchase", "owner", (0, 0), (200, 0), (400, 0)),
    ],
)
def test_h2_trigger_and_payee_are_chosen(
    trigger: str, who: str, enrolled: tuple[int, int], bought: tuple[int, int], bought_again: tuple[int, int]
) -> None:
    sides = {"owner": FRIENDS["owner"], "friend": FRIENDS["friend"]}
    chosen = {name: sides[name] if who in (name, "both") else None for name in sides}
    two = Two(program(trigger=trigger, **chosen))
    two.enrols()
    assert two.have() == enrolled
    two.buys("p1", "2026-01-03")
    assert two.have() == bought
    two.buys("p2", "2026-01-04")
    assert two.have() == bought_again


def test_h2_of_two_referrals_for_one_person_the_larger_counts() -> None:
    better = {"trigger": "every:purchase", "owner": {"points": 150}, "friend": {"points": 120}}
    two = Two(program(more={"better": better}))
    two.enrols()
    first = two.buys("p1", "2026-01-03")
    assert [event.referrals for event in first.events if isinstance(event, ReferralConverted)] == [
        ("better", "friends")
    ]
    assert two.have() == (200, 120)
    two.buys("p2", "2026-01-04")
    assert two.have() == (350, 240), "only one of them is left for the second"


def test_h5_a_decision_made_again_promises_the_same_and_pays_no_more() -> None:
    two = Two(program())
    two.enrols()
    two.buys()
    assert two.have() == (200, 100)  # `have` decides every entry of both streams again


# --- held ----------------------------------------------------------------------------------------


def test_both_wait_until_the_return_window_closes() -> None:
    two = Two(program(hold="P30D"))
    two.enrols()
    two.buys(at="2026-01-03")
    assert two.have("2026-02-02T11:59") == (0, 0)
    assert two.have("2026-02-02T12:00") == (200, 100)


@pytest.mark.parametrize(("hold", "returned"), [("P30D", "2026-01-10"), ("P30D", "2026-03-01"), (None, "2026-01-10")])
def test_a_return_claws_both_sides_back(hold: str | None, returned: str) -> None:
    two = Two(program(hold=hold))
    two.enrols()
    two.buys(at="2026-01-03")
    back = two.gives_back(at=returned)
    assert two.have("2026-04-01") == (0, 0)
    assert [event.points for event in back.events if isinstance(event, PointsClawedBack)] == [100]
    last = two.owner.entries[-1].events
    assert [type(event) for event in last if not isinstance(event, PointsClawedBack)][-1:] == [ReferralTakenBack]
    assert two.owner.member.referrals == {"friends": 0}


def test_a_part_returned_changes_nothing_and_the_rest_takes_it_once() -> None:
    two = Two(program())
    two.enrols()
    two.buys(amount=1000)
    two.gives_back(amount=400, id="r1")
    assert two.have() == (200, 100)
    two.gives_back(amount=600, id="r2", at="2026-01-11")
    assert two.have() == (0, 0)


def test_what_was_returned_counts_as_never_done_so_the_next_purchase_is_the_first() -> None:
    two = Two(program())
    two.enrols()
    for number in range(3):
        two.buys(f"p{number}", f"2026-01-0{number + 3}")
        two.gives_back(f"p{number}", f"2026-01-0{number + 3}T18:00", id=f"r{number}")
    assert two.have() == (0, 0)
    two.buys("p9", "2026-01-09")
    assert two.have() == (200, 100)


def test_points_that_the_owner_has_spent_are_owed() -> None:
    from tests.build import redeem

    two = Two(program())
    two.enrols()
    two.buys()
    two.owner.do(redeem(150), "2026-01-05")
    two.gives_back()
    two.have()
    assert two.owner.member.debt == {"points": 150}


# --- who may -------------------------------------------------------------------------------------


def test_a_members_own_code_brings_nobody() -> None:
    two = Two(program())
    refusal = refused(lambda: two.owner.do(ReferMember(introduction=two.introduction), "2026-01-02"))
    assert refusal.code == "self-referral"


def test_a_friend_comes_with_one_code_only() -> None:
    two = Two(program())
    two.enrols()
    refusal = refused(lambda: two.friend.do(ReferMember(introduction=two.introduction), "2026-01-03"))
    assert (refusal.code, refusal.reasons) == ("not-eligible", ("already-referred",))


def test_who_is_there_already_may_say_so_later_unless_it_would_not_be_the_first() -> None:
    two = Two(program())
    two.friend.do(enrol("2026-01-01", "fred"), "2026-01-01")
    two.friend.do(ReferMember(introduction=two.introduction), "2026-01-02")
    two.buys()
    assert two.have() == (200, 100)
    late = Two(program())
    late.friend.do(enrol("2026-01-01", "fred"), "2026-01-01")
    late.buys()
    refusal = refused(lambda: late.friend.do(ReferMember(introduction=late.introduction), "2026-01-04"))
    assert (refusal.code, refusal.reasons) == ("not-eligible", ("not-the-first",))


def test_what_was_done_before_the_code_was_used_does_not_count() -> None:
    two = Two(program(trigger="every:purchase"))
    two.friend.do(enrol("2026-01-01", "fred"), "2026-01-01")
    two.friend.do(ReferMember(introduction=two.introduction), "2026-01-05")
    two.buys(at="2026-01-04", learned="2026-01-06")
    assert two.have() == (0, 0)


def test_a_code_is_valid_for_a_period() -> None:
    two = Two(program(valid="P1M"), issued="2026-01-31")
    refusal = refused(lambda: two.enrols("2026-02-28T12:00"))
    assert refusal.code == "code-outside-window"
    two.enrols("2026-02-28T11:59")


def test_a_code_brings_at_most_so_many_friends() -> None:
    two = Two(program(limit=2))
    for number in (2, 3):
        two.enrols(friend=Stream(two.world, number=number))
    refusal = refused(lambda: two.enrols(friend=Stream(two.world, number=4)))
    assert refusal.code == "limit-reached"
    # Another referral without a limit takes the third.
    open_ = Two(program(limit=1, more={"open": {"trigger": "enrolment", "owner": {"points": 1}}}))
    open_.enrols(friend=Stream(open_.world, number=2))
    third = open_.enrols(friend=Stream(open_.world, number=3))
    assert [event.referrals for event in third.events if isinstance(event, MemberReferred)] == [("open",)]


def test_without_referrals_there_are_no_codes() -> None:
    stream = Stream(World(rulebook()))
    stream.do(enrol(), "2026-01-01")
    refusal = refused(lambda: stream.do(IssueReferralCode(code="ANN"), "2026-01-02"))
    assert (refusal.code, refusal.reasons) == ("not-eligible", ("no-referrals",))


# --- the owner -----------------------------------------------------------------------------------


def test_an_owner_who_has_left_is_passed_over_and_it_is_noted() -> None:
    from domain.member.commands import SetMemberStatus

    two = Two(program())
    two.enrols()
    two.owner.do(SetMemberStatus(status="closed", reason="left"), "2026-01-02T18:00")
    two.buys()
    assert two.have() == (0, 100)
    (noted,) = [event for event in two.owner.entries[-1].events if isinstance(event, ReferralRewarded)]
    assert noted.passed_over
    two.gives_back()
    assert two.have() == (0, 0)


def test_terms_are_those_under_which_the_code_was_used() -> None:
    two = Two(program())
    two.enrols("2026-01-02")
    two.world.publish(rulebook(), instant("2026-01-02T20:00"))
    two.buys(at="2026-01-03")
    assert two.have() == (200, 100), "the referral is in the rules no more, and was promised"


def test_points_of_a_friend_count_for_the_owners_tier() -> None:
    book = program() | {"tiers": {"status": {"levels": [{"id": "silver", "at": 200}]}}}
    two = Two(book)
    two.enrols()
    two.buys()
    assert two.owner.member.tiers["status"].level == "silver"
    two.gives_back()
    assert two.have() == (0, 0)
    assert two.owner.member.tiers["status"].level is None


def test_the_owners_award_takes_effect_when_the_friend_did_it() -> None:
    two = Two(program())
    two.enrols()
    two.buys(at="2026-01-03", learned="2026-01-08")
    paid = two.owner.entries[-1]
    assert paid.at == instant("2026-01-03")
    (award,) = [event for event in paid.events if isinstance(event, PointsEarned)]
    assert (award.rule, award.available_at) == ("referral:friends", instant("2026-01-03"))
