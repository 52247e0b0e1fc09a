"""Birthdays, anniversaries and renewals: given by time alone, whether or not anybody came by."""

from typing import Any

import pytest

from domain.member.commands import ChangeMember, EraseMember, SetMemberStatus
from domain.member.events import (
    LotActivated,
    LotExpired,
    MemberChanged,
    OccasionPlanned,
    OccasionReached,
    PointsEarned,
    TierChanged,
)
from domain.member.movements import movements
from domain.member.settle import next_due
from tests.build import Json, Stream, World, instant, points, rulebook
from tests.spec import (
    Given,
    Told,
    adjusted,
    bought,
    do,
    earned,
    enrolled,
    given,
    moved_to,
    published,
    redeemed,
    renewed,
    swept,
)

MEMBERS: Json = {
    "attributes": {"type": "object", "properties": {"born": {"type": "string"}, "city": {"type": "string"}}},
    "birthday": "born",
}


def cake(amount: int = 50, **more: Any) -> Json:
    return points(amount, rule="cake", on="member.birthday", **more)


def parties(*rules: Json, **more: Any) -> Json:
    return rulebook(points(1), *rules, members=MEMBERS, **more)


def born(on: str, at: str = "2025-06-01") -> Any:
    return enrolled(at, attributes={"born": on})


def planned(at: str | None, occasion: str = "member.birthday") -> Told:
    return Told(OccasionPlanned, {"occasion": occasion, "at": instant(at) if at else None})


def reached(year: int, occasion: str = "member.birthday") -> Told:
    return Told(OccasionReached, {"occasion": occasion, "year": year})


def test_a_birthday_begins_with_its_local_day_and_is_given_without_anybody_coming_by() -> None:
    outcome = given(parties(cake(), time_zone="Europe/Berlin")).when(born("03-15"))
    outcome.then(planned("2026-03-14T23:00"))
    assert next_due(outcome.stream.member) == instant("2026-03-14T23:00")
    outcome.balance(0, at="2026-03-14T22:59:59").balance(50, at="2026-03-14T23:00").balance(100, at="2027-03-15")


def test_each_birthday_stands_in_the_next_entry_at_its_own_instant() -> None:
    outcome = given(parties(cake()), born("03-15")).when(bought(1_00, at="2028-01-01"))
    outcome.then(reached(2026), earned(50, "cake"), reached(2027), earned(50, "cake"), earned(1))
    lots = [(lot.occurred_at, lot.rule) for lot in outcome.stream.member.lots]
    assert lots == [
        (instant("2026-03-15T00:00"), "cake"),
        (instant("2027-03-15T00:00"), "cake"),
        (instant("2028-01-01"), "base"),
    ]
    lines = movements(outcome.stream.entries[-1])
    assert [(line.effective_at, line.cause, line.points) for line in lines if line.account == "member"] == [
        (instant("2026-03-15T00:00"), "guerdon/member.birthday", 50),
        (instant("2027-03-15T00:00"), "guerdon/member.birthday", 50),
        (instant("2028-01-01"), "shop/p1", 1),
    ]


@pytest.mark.parametrize(
    ("day", "first", "second"),
    [("02-29", "2026-02-28T00:00", "2027-02-28T00:00"), ("12-31", "2025-12-31T00:00", "2026-12-31T00:00")],
)
def test_who_is_born_on_29_february_has_a_birthday_every_year(day: str, first: str, second: str) -> None:
    given(parties(cake())).when(born(day)).then(planned(first)).when(swept(first)).then(
        Told(OccasionReached, {"next_at": instant(second)}), earned(50, "cake")
    )


@pytest.mark.parametrize("attribute", ["", "15.03.", "02-30", "13-01", "1980-03-15"])
def test_what_is_no_day_is_no_birthday(attribute: str) -> None:
    given(parties(cake())).when(born(attribute)).then().balance(0, at="2027-01-01")


def test_a_birthday_comes_once_a_year_whatever_it_is_changed_to() -> None:
    outcome = given(parties(cake()), born("03-15"), swept("2026-03-16")).when(
        do(ChangeMember(attributes={"born": "09-01"}), "2026-04-01")
    )
    outcome.then(Told(MemberChanged, {}), planned("2027-09-01T00:00"))
    outcome.balance(50, at="2026-12-31").balance(100, at="2027-09-01")


def test_an_anniversary_tells_its_years_and_the_rules_of_its_day_decide() -> None:
    rule = points("activity.years * 10", rule="years", on="member.anniversary", when="activity.years >= 2")
    outcome = given(parties(rule)).when(enrolled("2024-02-29"))
    outcome.then(planned("2025-02-28T00:00", "member.anniversary"))
    outcome.balance(0, at="2026-02-27").balance(20, at="2026-02-28").balance(50, at="2027-03-01")
    outcome.balance(90, at="2028-02-29")


def test_rules_that_come_later_plan_for_those_who_are_members_already() -> None:
    outcome = given(parties(), born("03-15")).when(published(parties(cake()), "2026-01-01"))
    outcome = outcome.when(swept("2026-01-02")).then(planned("2026-03-15T00:00"))
    outcome.balance(50, at="2026-03-15")
    outcome = outcome.when(published(parties(), "2026-02-01")).when(swept("2026-02-02")).then(planned(None))
    outcome.balance(0, at="2027-03-16")


def test_another_version_that_plans_alike_touches_nobody() -> None:
    world = World(parties(cake()))
    stream = given(world, born("03-15")).stream
    published(parties(cake(70)), "2026-01-01").act(stream)
    assert not world.timeline().edits(2)
    Given(stream).when(swept("2026-03-16")).then(reached(2026), earned(70, "cake"))


def test_a_day_that_passed_before_enrolling_is_not_made_up_for() -> None:
    given(parties(cake())).when(born("03-15", "2026-03-15")).then(planned("2027-03-15T00:00"))


def test_points_of_a_birthday_repay_debt_raise_tiers_and_end_like_others() -> None:
    book = parties(cake(), currency={"expires": {"after": "P30D"}}, tiers={"levels": [{"id": "silver", "at": 50}]})
    start = given(book, born("03-15"), adjusted(-10, "2026-03-01", allow_negative=True))
    outcome = start.when(swept("2026-05-01"))
    outcome.then(
        reached(2026),
        earned(50, "cake", repaid=10),
        Told(TierChanged, {"to": "silver", "at": instant("2026-03-15T00:00")}),
        Told(LotExpired, {"points": 40, "at": instant("2026-04-15T00:00")}),
    )


def test_pending_points_of_a_birthday_become_available_by_themselves() -> None:
    start = given(parties(cake(available={"after": "P14D"})), born("03-15"))
    outcome = start.when(swept("2026-05-01"))
    outcome.then(reached(2026), earned(50, "cake"), Told(LotActivated, {"at": instant("2026-03-29T00:00")}))
    outcome.balance(50)


def test_a_member_swept_at_any_moments_is_one_that_never_was() -> None:
    book = parties(
        cake(available={"after": "P14D"}, cap=[{"times": 1, "period": "year"}]),
        points(20, rule="years", on="member.anniversary"),
        currency={"expires": {"after": "P60D"}},
    )
    world = World(book)
    quiet, busy = Stream(world, number=1), Stream(world, number=2)
    for stream in (quiet, busy):
        born("03-15").act(stream)
    for day in ("2026-03-14", "2026-03-15", "2026-03-20", "2026-04-02", "2026-06-01", "2027-03-15"):
        swept(day).act(busy)
    for stream in (quiet, busy):
        Given(stream).when(bought(1_00, at="2027-04-01"))
    assert [(lot.points, lot.available_at, lot.expires_at, lot.day) for lot in quiet.member.lots] == [
        (lot.points, lot.available_at, lot.expires_at, lot.day) for lot in busy.member.lots
    ]
    assert (quiet.member.totals, quiet.member.occasions) == (busy.member.totals, busy.member.occasions)


def test_a_suspended_member_gets_nothing_and_an_erased_one_has_no_birthday() -> None:
    start = given(parties(cake()), born("03-15"))
    start.when(do(SetMemberStatus(status="suspended", reason="x"), "2026-01-01")).balance(0, at="2026-04-01")
    start.when(do(SetMemberStatus(status="active", reason="x"), "2026-05-01")).balance(50, at="2027-04-01")
    start.when(do(EraseMember(), "2026-06-01"))
    assert next_due(start.stream.member) is None


def test_what_is_earned_by_an_activity_is_told_apart_from_what_time_brought() -> None:
    outcome = given(parties(cake()), born("03-15"), bought(1_00, at="2026-04-01")).when(redeemed(51, "2026-04-02"))
    assert outcome.balance(0).refusal is None
    awards = [
        event.occasion for entry in outcome.stream.entries for event in entry.events if isinstance(event, PointsEarned)
    ]
    assert [found.kind if found else None for found in awards] == ["member.birthday", None]


def test_what_a_birthday_brings_reaches_a_level_at_its_own_instant() -> None:
    tiers = {
        "measure": "points_earned:points",
        "window": "calendar_year",
        "validity": "end_of_period",
        "levels": [{"id": "silver", "at": 50}],
    }
    outcome = given(parties(cake(), tiers=tiers), born("03-15")).when(swept("2026-04-01"))
    day = instant("2026-03-15T00:00")
    outcome.then(
        reached(2026),
        earned(50, "cake"),
        moved_to(
            "silver", set="status", from_=None, reason="reached", evidence=50, at=day,
            valid_until=instant("2027-01-01T00:00"),
        ),
    ).tier("silver")  # fmt: skip


def test_a_level_that_is_renewed_is_rewarded_at_its_review() -> None:
    rule = points(100, rule="loyal", on="tier.renewed", when="activity.set == 'status' && activity.level == 'gold'")
    tiers = {
        "measure": "spend",
        "window": "calendar_year",
        "validity": "end_of_next_period",
        "levels": [{"id": "gold", "at": 1000}],
    }
    outcome = given(
        parties(rule, tiers=tiers), enrolled(), bought(10_00, "a", "2026-05-01"), bought(10_00, "b", "2027-05-01")
    )
    outcome.when(swept("2028-01-02")).then(renewed("gold"), earned(100, "loyal")).balance(102).tier("gold").balance(
        102, at="2030-01-01"
    )
