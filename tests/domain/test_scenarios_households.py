"""Households, by scenario id (K3): a person's stream and the pool's, each decided again alone, and the sum of both."""

from collections import Counter

import pytest

from domain.errors import Refused
from domain.member.commands import ChangeHousehold, EnrolMember, EraseMember, SetMemberStatus, SetTierFloor
from domain.member.events import LotExpired, MemberStatusChanged, PointsReceived
from domain.member.movements import movements
from domain.member.pool import SpendingLimit
from domain.member.wallet import balance
from tests.build import Json, Stream, World, adjust, enrol, instant, per, purchase, rulebook
from tests.home import Home
from tests.spec import lawful


class Two:
    """Ann, the owner, and Bob of one household."""

    def __init__(
        self,
        document: Json | None = None,
        *,
        spenders: str = "all",
        leaving: str = "take",
        limit: SpendingLimit | None = None,
    ) -> None:
        world = World(document or rulebook(per(100, 1)))
        self.home = Home(world, "2026-01-01", spenders=spenders, leaving=leaving, limit=limit)
        self.ann, self.bob = Stream(world, number=1), Stream(world, number=2)
        for stream, name, role in ((self.ann, "ann", "owner"), (self.bob, "bob", "member")):
            stream.do(enrol("2026-01-01", name), "2026-01-01")
            self.home.join(stream, "2026-01-01", role)

    def lawful(self) -> None:
        """Each stream alone; and nothing is between them, nor came from nowhere."""
        totals = Counter[str]()
        for stream in (self.ann, self.bob, self.home.stream):
            lawful(stream)
            for entry in stream.entries:
                for line in movements(entry):
                    totals[line.account] += line.points
        assert totals["transfer"] == 0
        assert sum(totals.values()) == 0

    def has(self, at: str) -> tuple[int, int, int]:
        """What Ann, Bob and the pool can spend."""
        streams = (self.ann, self.bob, self.home.stream)
        ann, bob, pool = (balance(one.member, "points", instant(at)).available for one in streams)
        return ann, bob, pool


def refused(act: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as refusal:
        act()  # type: ignore[operator]
    return (refusal.value.code, *refusal.value.reasons)


def test_a_pool_keeps_the_end_of_each_lot_and_whose_it_was() -> None:
    two = Two(rulebook(per(100, 1), currency={"expires": {"after": "P1M"}}))
    two.ann.do(purchase(50_00, "p1", "2026-01-02"), "2026-01-02")
    two.bob.do(purchase(30_00, "p2", "2026-01-10"), "2026-01-10")
    two.home.give(two.ann, 50, "2026-01-11", "g1")
    two.home.give(two.bob, 30, "2026-01-12", "g2")
    assert two.has("2026-01-12") == (0, 0, 80)
    ends = [(lot.remaining, f"{lot.expires_at:%m-%d}") for lot in two.home.stream.member.lots]
    assert ends == [(50, "02-03"), (30, "02-11")]
    assert two.home.stream.member.pool is not None
    assert {(one.member, one.lot) for one in two.home.stream.member.pool.origins.values()} == {
        (two.ann.id.hex, "3.1"), (two.bob.id.hex, "3.1"),
    }  # fmt: skip
    swept = two.home.stream.settle("2026-02-05")
    assert [event.points for event in swept.events if isinstance(event, LotExpired)] == [50]
    assert two.has("2026-02-05") == (0, 0, 30)
    two.lawful()


@pytest.mark.parametrize(
    ("per_unit", "at", "left"),
    [("day", "2026-03-03", 50), ("week", "2026-03-08", 20), ("week", "2026-03-09", 50), ("month", "2026-03-31", 20),
     ("month", "2026-04-01", 50), ("year", "2026-12-31", 20), ("ever", "2027-06-01", 20)],
)  # fmt: skip
def test_a_limit_counts_by_person_and_period(per_unit: str, at: str, left: int) -> None:
    two = Two(limit=SpendingLimit(50, per_unit))
    two.ann.do(adjust(500), "2026-03-01")
    two.home.give(two.ann, 500, "2026-03-01")
    two.home.spend(30, two.bob, "2026-03-02", "s1")
    assert refused(lambda: two.home.spend(left + 1, two.bob, at, "s2")) == ("limit-reached",)
    two.home.spend(50, two.ann, at, "s3")
    two.home.spend(left, two.bob, at, "s4")
    two.lawful()


@pytest.mark.parametrize(("before", "then"), [("month", "year"), ("day", "ever"), ("ever", "week"), ("year", "month")])
def test_a_limit_for_another_period_counts_anew_and_one_for_the_same_goes_on(before: str, then: str) -> None:
    two = Two(limit=SpendingLimit(50, before))
    two.ann.do(adjust(500), "2026-03-10")
    two.home.give(two.ann, 500, "2026-03-10")
    two.home.spend(30, two.bob, "2026-03-11T10:00", "s1")
    two.home.spend(10, two.bob, "2026-03-11T10:00", "h1", hold_seconds=3600)
    two.home.stream.do(ChangeHousehold(limit=SpendingLimit(45, before)), "2026-03-11T10:30")
    assert refused(lambda: two.home.spend(6, two.bob, "2026-03-11T10:40", "s2")) == ("limit-reached",)
    two.home.stream.do(ChangeHousehold(limit=SpendingLimit(45, then)), "2026-03-11T10:45")
    two.home.spend(45, two.bob, "2026-03-11T10:50", "s3")
    assert refused(lambda: two.home.spend(1, two.bob, "2026-03-11T12:00", "s4")) == ("limit-reached",)
    two.lawful()


def test_a_hold_counts_for_the_limit_until_it_ends() -> None:
    two = Two(limit=SpendingLimit(50, "month"))
    two.ann.do(adjust(500), "2026-03-01")
    two.home.give(two.ann, 500, "2026-03-01")
    two.home.spend(50, two.bob, "2026-03-02T10:00", "h1", hold_seconds=3600)
    assert refused(lambda: two.home.spend(1, two.bob, "2026-03-02T10:30", "s2")) == ("limit-reached",)
    two.home.spend(50, two.bob, "2026-03-02T11:00:01", "s3")
    two.lawful()


def test_only_the_owner_spends_where_the_terms_say_so() -> None:
    two = Two(spenders="owner")
    two.bob.do(adjust(10), "2026-03-01")
    two.home.give(two.bob, 10, "2026-03-01")
    assert refused(lambda: two.home.spend(1, two.bob, "2026-03-02")) == ("not-eligible", "owner-only")
    assert refused(lambda: two.home.spend(1, None, "2026-03-02")) == ("not-eligible", "not-in-household")
    two.home.spend(10, two.ann, "2026-03-02")
    two.lawful()


@pytest.mark.parametrize(("leaving", "bob_has", "ann_has"), [("take", 25, 65), ("stay", 0, 90)])
def test_leaving_takes_along_one_s_own_or_leaves_it_and_the_last_one_has_the_rest(
    leaving: str, bob_has: int, ann_has: int
) -> None:
    two = Two(leaving=leaving)
    two.ann.do(adjust(60), "2026-03-01")
    two.bob.do(adjust(40), "2026-03-01")
    two.home.give(two.bob, 40, "2026-03-02", "g1")
    two.home.give(two.ann, 60, "2026-03-03", "g2")
    two.home.stream.do(adjust(5), "2026-03-04")
    two.home.spend(15, two.ann, "2026-03-05")
    two.home.leave(two.bob, "2026-03-06")
    assert two.has("2026-03-06")[1] == bob_has
    two.home.leave(two.ann, "2026-03-07")
    assert two.has("2026-03-07") == (ann_has, bob_has, 0)
    two.lawful()


@pytest.mark.parametrize(
    ("spent", "returned", "owes", "pool"), [(0, None, 0, 20), (0, 20_00, 0, 40), (10, None, 0, 10), (50, None, 30, 0)]
)
def test_a_return_takes_from_the_pool_what_it_had_earned_and_the_rest_is_owed(
    spent: int, returned: int | None, owes: int, pool: int
) -> None:
    two = Two()
    two.ann.do(adjust(20), "2026-03-01")
    two.home.give(two.ann, 20, "2026-03-01", "g1")
    two.bob.do(purchase(40_00, "p1", "2026-03-02"), "2026-03-02")
    two.home.give(two.bob, 40, "2026-03-03", "g2")
    if spent:
        two.home.spend(spent, two.ann, "2026-03-04")
    two.home.take_back(two.bob, "p1", returned, "2026-03-05")
    held = balance(two.bob.member, "points", instant("2026-03-05"))
    assert (held.available, held.debt) == (0, owes)
    assert two.has("2026-03-05")[2] == pool
    two.lawful()


def test_what_is_left_at_home_pays_for_a_return_before_the_pool_does() -> None:
    two = Two()
    two.bob.do(purchase(40_00, "p1", "2026-03-02"), "2026-03-02")
    two.home.give(two.bob, 30, "2026-03-03")
    entry, other = two.home.take_back(two.bob, "p1", 10_00, "2026-03-05")
    assert other is None
    assert not [event for event in entry.events if isinstance(event, PointsReceived)]
    assert two.has("2026-03-05") == (0, 0, 30)
    two.lawful()


def test_earning_giving_and_returning_all_leaves_nothing() -> None:
    two = Two()
    two.bob.do(purchase(40_00, "p1", "2026-03-02"), "2026-03-02")
    two.home.give(two.bob, 40, "2026-03-03")
    two.home.take_back(two.bob, "p1", None, "2026-03-05")
    assert two.has("2026-03-05") == (0, 0, 0)
    assert not any(stream.member.debt for stream in (two.ann, two.bob, two.home.stream))
    two.lawful()


def test_the_pool_goes_on_when_a_person_is_erased() -> None:
    two = Two()
    two.bob.do(adjust(40), "2026-03-01")
    two.home.give(two.bob, 40, "2026-03-02")
    two.bob.do(EraseMember(), "2026-03-03")
    two.home.spend(30, two.ann, "2026-03-04")
    assert two.has("2026-03-04")[2] == 10
    two.lawful()


def test_a_household_is_no_person_but_may_be_suspended() -> None:
    two = Two()
    home = two.home.stream
    two.ann.do(adjust(10), "2026-03-01")
    two.home.give(two.ann, 10, "2026-03-01")
    for command in (
        purchase(10_00, "p1", "2026-03-02"), EraseMember(),
        SetTierFloor(set="status", level="gold", reason="no"),
    ):  # fmt: skip
        assert refused(lambda command=command: home.do(command, "2026-03-02")) == ("not-eligible", "household")
    enrolled = EnrolMember(member="x", enrolled_at=instant("2026-03-02"))
    assert refused(lambda: home.do(enrolled, "2026-03-02")) == ("member-exists",)
    done = home.do(SetMemberStatus(status="suspended", reason="a quarrel"), "2026-03-03")
    assert [type(event) for event in done.events] == [MemberStatusChanged]
    assert refused(lambda: two.home.spend(1, two.ann, "2026-03-04")) == ("member-suspended",)
    two.lawful()


def test_levels_and_segments_are_persons_alone() -> None:
    document = rulebook(
        per(100, 1),
        tiers={
            "measure": "member.balances.points.available", "downgrade": "recompute",
            "levels": [{"id": "silver", "at": 5}],
        },
        segments={"rich": "member.balances.points.available > 5"},
    )  # fmt: skip
    two = Two(document)
    two.ann.do(purchase(100_00, "p1", "2026-03-02"), "2026-03-02")
    two.home.give(two.ann, 50, "2026-03-03")
    two.home.stream.do(adjust(50), "2026-03-03")
    assert two.ann.member.segments == ("rich",)
    assert (two.home.stream.member.tiers, two.home.stream.member.segments) == ({}, ())
    two.lawful()
