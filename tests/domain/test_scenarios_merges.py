"""Two members become one, by scenario id (K): what comes over, what is returned later, both streams alone."""

from collections import Counter
from typing import Any

import pytest

from application.merge_members import past_of
from domain.errors import Refused
from domain.log import Entry
from domain.member.commands import AbsorbMember, AssignOffer, MergeMember, ReturnActivity, SetMemberStatus
from domain.member.events import LotExpired, MemberAbsorbed, TierChanged
from domain.member.movements import movements
from domain.member.wallet import balance
from tests.build import Json, Stream, World, adjust, enrol, instant, per, points, purchase, redeem, refund, rulebook
from tests.domain.test_what_if import tried
from tests.spec import lawful

LEVELS: Json = {"levels": [{"id": "silver", "at": 100}, {"id": "gold", "at": 300}]}


class People:
    """Members of one program, and their merges as the application carries them out."""

    def __init__(self, document: Json | None = None, *, count: int = 2, hot: bool = False) -> None:
        world = World(document or rulebook(per(100, 1), tiers=LEVELS))
        self.all = [Stream(world, number=number, hot=hot) for number in range(1, count + 1)]
        for number, stream in enumerate(self.all):
            stream.do(enrol("2026-01-01", f"m{number}"), "2026-01-01")

    def merge(self, loser: Stream, survivor: Stream, at: str) -> Entry:
        command = MergeMember(id=f"merge-{at}", into=survivor.id.hex, entry=len(survivor.entries) + 1)
        decision, _ = loser.decided(command, at)
        before = list(loser.entries)
        closed = loser.do(command, at)
        taken = survivor.do(
            AbsorbMember(id=command.id, member=loser.id.hex, entry=closed.version, past=past_of(before, decision)), at
        )
        self.lawful()
        return taken

    def lawful(self) -> None:
        totals = Counter[tuple[str, str]]()
        for stream in self.all:
            lawful(stream)
            for entry in stream.entries:
                for line in movements(entry):
                    totals[line.account, line.currency] += line.points
        assert [total for (account, _), total in totals.items() if account == "transfer" and total] == []
        assert sum(totals.values()) == 0

    def give_back(
        self, survivor: Stream, loser: Stream, activity: str, at: str, amount: int | None = None, name: str = "r"
    ) -> Entry:
        command = ReturnActivity(
            source="shop", id=name, activity_source="shop", activity_id=activity, original=loser.version_of(activity),
            occurred_at=instant(at), amount_minor=amount, origin=loser.id.hex if loser is not survivor else "",
        )  # fmt: skip
        entry = survivor.do(command, at)
        self.lawful()
        return entry


def has(stream: Stream, at: str, currency: str = "points") -> tuple[int, int, int]:
    """Available, pending, owed."""
    held = balance(stream.member, currency, instant(at))
    return held.available, held.pending, held.debt


def level(stream: Stream) -> str | None:
    standing = stream.member.tiers.get("status")
    return standing.level if standing is not None else None


def test_k1_balances_debt_lifetime_and_counters_add_up() -> None:
    people = People()
    ann, old = people.all
    ann.do(purchase(100_00, "p1"), "2026-01-02")
    ann.do(adjust(-120, "a", allow_negative=True), "2026-01-03")
    old.do(purchase(50_00, "p2"), "2026-01-02")
    old.do(adjust(30, "b", expires_at=instant("2026-06-01")), "2026-01-03")
    entry = people.merge(old, ann, "2026-02-01")
    assert has(ann, "2026-02-01") == (80, 0, 20)
    assert has(old, "2026-02-01") == (0, 0, 0)
    assert balance(ann.member, "points", instant("2026-02-01")).lifetime == 150
    assert balance(old.member, "points", instant("2026-02-01")).lifetime == 0
    assert ann.member.totals["measure:spend"].ever == 150_00
    assert entry.after is not None
    assert entry.after.balances["points"].available == 80


def test_what_came_over_ends_when_it_would_have_ended() -> None:
    people = People()
    ann, old = people.all
    old.do(adjust(30, "b", expires_at=instant("2026-06-01")), "2026-01-03")
    people.merge(old, ann, "2026-02-01")
    swept = ann.settle("2026-06-02")
    assert [event.points for event in swept.events if isinstance(event, LotExpired)] == [30]
    people.lawful()


def test_pending_points_come_over_and_become_available() -> None:
    people = People(rulebook(per(100, 1, available={"after": "P14D"}), tiers=LEVELS))
    ann, old = people.all
    old.do(purchase(150_00, "p2"), "2026-01-02")
    people.merge(old, ann, "2026-01-05")
    assert has(ann, "2026-01-05") == (0, 150, 0)
    ann.settle("2026-01-20")
    assert has(ann, "2026-01-20") == (150, 0, 0)
    assert level(ann) == "silver"
    people.lawful()


def test_what_fell_due_before_the_merge_stays_with_the_loser() -> None:
    people = People()
    ann, old = people.all
    old.do(adjust(30, "b", expires_at=instant("2026-01-20")), "2026-01-03")
    people.merge(old, ann, "2026-02-01")
    assert has(ann, "2026-02-01") == (0, 0, 0)
    assert ann.member.lots == []


# Points of the survivor and of the loser, and the level after the merge.
TIERS = [
    (100, 300, "gold"),
    (300, 100, "gold"),
    (100, 0, "silver"),
    (50, 50, "silver"),
    (150, 150, "gold"),
    (1, 2, None),
]


@pytest.mark.parametrize(("mine", "theirs", "expected"), TIERS)
def test_k1_the_higher_level_wins_and_the_sum_may_reach_a_higher_one(
    mine: int, theirs: int, expected: str | None
) -> None:
    people = People()
    ann, old = people.all
    ann.do(purchase(mine * 100, "p1"), "2026-01-02")
    if theirs:
        old.do(purchase(theirs * 100, "p2"), "2026-01-03")
    entry = people.merge(old, ann, "2026-02-01")
    assert level(ann) == expected
    assert level(old) is None
    assert {event.reason for event in entry.events if isinstance(event, TierChanged)} <= {"merged"}


def test_a_level_that_was_kept_by_a_review_is_kept_by_the_survivor() -> None:
    tiers = LEVELS | {"window": "calendar_year", "validity": "end_of_next_period"}
    people = People(rulebook(per(100, 1), tiers=tiers))
    ann, old = people.all
    old.do(purchase(300_00, "p2"), "2026-01-03")
    until = old.member.tiers["status"].valid_until
    people.merge(old, ann, "2027-02-01")
    assert level(ann) == "gold"
    assert ann.member.tiers["status"].valid_until == until


def test_the_return_of_an_old_order_finds_the_survivor_and_leaves_nothing() -> None:
    people = People()
    ann, old = people.all
    old.do(purchase(200_00, "p2"), "2026-01-02")
    people.merge(old, ann, "2026-02-01")
    people.give_back(ann, old, "p2", "2026-02-02", 50_00, "r1")
    assert has(ann, "2026-02-02") == (150, 0, 0)
    people.give_back(ann, old, "p2", "2026-02-03", None, "r2")
    assert has(ann, "2026-02-03") == (0, 0, 0)
    assert balance(ann.member, "points", instant("2026-02-03")).lifetime == 0
    assert ann.member.totals["measure:spend"].ever == 0
    assert level(ann) is None


def test_a_return_before_the_merge_and_one_after_it_take_no_more_than_was_earned() -> None:
    people = People()
    ann, old = people.all
    old.do(purchase(99_00, "p2"), "2026-01-02")
    old.do(refund(old, "p2", 33_00, "2026-01-03", "r1"), "2026-01-03")
    people.merge(old, ann, "2026-02-01")
    assert has(ann, "2026-02-01") == (66, 0, 0)
    people.give_back(ann, old, "p2", "2026-02-02", 66_00, "r2")
    assert has(ann, "2026-02-02") == (0, 0, 0)


def test_a_return_of_an_old_order_whose_points_were_spent_is_owed() -> None:
    people = People()
    ann, old = people.all
    old.do(purchase(100_00, "p2"), "2026-01-02")
    people.merge(old, ann, "2026-02-01")
    ann.do(redeem(70), "2026-02-02")
    people.give_back(ann, old, "p2", "2026-02-03")
    assert has(ann, "2026-02-03") == (0, 0, 70)


def test_steps_are_evaluated_again_as_the_loser_stood() -> None:
    rules = (points(10, when="activity.amount_minor >= 10000 && member.counters.visits.ever == 0"),)
    people = People(rulebook(*rules))
    ann, old = people.all
    ann.do(purchase(1, "p1"), "2026-01-02")
    old.do(purchase(150_00, "p2"), "2026-01-02")
    people.merge(old, ann, "2026-02-01")
    people.give_back(ann, old, "p2", "2026-02-02", 20_00, "r1")
    assert has(ann, "2026-02-02") == (10, 0, 0)
    people.give_back(ann, old, "p2", "2026-02-03", 100_00, "r2")
    assert has(ann, "2026-02-03") == (0, 0, 0)


def test_a_merged_member_takes_no_command_any_more() -> None:
    people = People()
    ann, old = people.all
    people.merge(old, ann, "2026-02-01")
    with pytest.raises(Refused) as refusal:
        old.do(purchase(1), "2026-02-02")
    assert refusal.value.code == "member-merged"
    assert old.member.into == ann.id.hex
    assert ann.member.absorbed == (old.id.hex,)


def test_a_suspended_survivor_absorbs_nobody() -> None:
    people = People()
    ann, old = people.all
    ann.do(SetMemberStatus(status="suspended", reason="x"), "2026-01-02")
    before = list(old.entries)
    command = MergeMember(id="m", into=ann.id.hex, entry=2)
    decision, _ = old.decided(command, "2026-02-01")
    with pytest.raises(Refused) as refusal:
        ann.do(AbsorbMember(id="m", member=old.id.hex, entry=2, past=past_of(before, decision)), "2026-02-01")
    assert refusal.value.code == "member-suspended"


def test_members_that_had_absorbed_others_bring_them_along() -> None:
    people = People(count=4)
    ann, old, older, oldest = people.all
    for number, stream in enumerate(people.all):
        stream.do(purchase(100_00, f"p{number}"), "2026-01-02")
    people.merge(oldest, older, "2026-02-01")
    people.merge(older, old, "2026-02-02")
    people.merge(old, ann, "2026-02-03")
    assert has(ann, "2026-02-03") == (400, 0, 0)
    assert ann.member.absorbed == (old.id.hex, older.id.hex, oldest.id.hex)
    for day, (number, stream) in enumerate(((3, oldest), (1, old), (2, older)), 4):
        people.give_back(ann, stream, f"p{number}", f"2026-02-{day:02}", 40_00, f"a{number}")
        people.give_back(ann, stream, f"p{number}", f"2026-02-{day:02}", None, f"b{number}")
    assert has(ann, "2026-02-08") == (100, 0, 0)
    assert ann.member.totals["granted:points"].ever == 100


def test_two_losers_of_one_survivor_are_told_apart() -> None:
    people = People(count=3)
    ann, one, other = people.all
    for stream, amount in ((one, 100_00), (other, 30_00)):
        stream.do(purchase(amount, "same"), "2026-01-02")
    people.merge(one, ann, "2026-02-01")
    people.merge(other, ann, "2026-02-02")
    people.give_back(ann, other, "same", "2026-02-03", None, "r1")
    assert has(ann, "2026-02-03") == (100, 0, 0)
    people.give_back(ann, one, "same", "2026-02-04", None, "r2")
    assert has(ann, "2026-02-04") == (0, 0, 0)


def _offers(**more: Any) -> Json:
    bogo = {"goal": {"count": 2}, "of": "purchase", "window": "P60D", "reward": {"currency": "points", "points": 10}}
    return rulebook(offers={"bogo": bogo | more})


def test_open_slots_go_on_and_what_they_gave_comes_back_with_an_old_order() -> None:
    people = People(_offers())
    ann, old = people.all
    old.do(AssignOffer(offer="bogo", at=instant("2026-01-02")), "2026-01-02")
    old.do(purchase(1, "p1", "2026-01-03"), "2026-01-03")
    people.merge(old, ann, "2026-01-10")
    ann.do(purchase(1, "p2", "2026-01-11"), "2026-01-11")
    assert has(ann, "2026-01-11") == (10, 0, 0)
    people.give_back(ann, old, "p1", "2026-01-12")
    assert has(ann, "2026-01-12") == (0, 0, 0)
    ann.settle("2026-04-01")
    people.lawful()


def test_an_offer_that_the_loser_completed_comes_back_with_its_order() -> None:
    people = People(_offers())
    ann, old = people.all
    old.do(AssignOffer(offer="bogo", at=instant("2026-01-02")), "2026-01-02")
    for number in (1, 2):
        old.do(purchase(1, f"p{number}", f"2026-01-0{number + 2}"), f"2026-01-0{number + 2}")
    old.settle("2026-04-01")
    people.merge(old, ann, "2026-04-02")
    assert has(ann, "2026-04-02") == (10, 0, 0)
    people.give_back(ann, old, "p2", "2026-04-03")
    assert has(ann, "2026-04-03") == (0, 0, 0)


def test_a_return_takes_back_what_a_streak_gave_that_the_rules_had_given_up_by_the_merge() -> None:
    streaks: Json = {"daily": {"on": "purchase", "awards": [{"every": 1, "points": 2}]}}
    people = People(rulebook(per(100, 1), streaks=streaks))
    ann, old = people.all
    old.do(purchase(10_00, "p1", "2026-01-02"), "2026-01-02")
    ann.world.publish(rulebook(per(100, 1)), instant("2026-01-03"))
    people.merge(old, ann, "2026-01-04")
    assert has(ann, "2026-01-04") == (12, 0, 0)
    people.give_back(ann, old, "p1", "2026-01-05")
    assert has(ann, "2026-01-05") == (0, 0, 0)


def test_streaks_are_made_again_from_the_ticks_of_both() -> None:
    document = rulebook(streaks={"daily": {"on": "purchase", "awards": [{"at": 4, "points": 50}]}})
    people = People(document)
    ann, old = people.all
    for day in (2, 4):
        ann.do(purchase(1, f"a{day}", f"2026-01-0{day}"), f"2026-01-0{day}")
    for day in (3, 5):
        old.do(purchase(1, f"o{day}", f"2026-01-0{day}"), f"2026-01-0{day}")
    people.merge(old, ann, "2026-01-05T18:00")
    found = ann.member.streaks["daily"]
    assert (found.current, found.longest) == (4, 4)
    assert "daily" not in old.member.streaks


def test_badges_of_either_are_the_survivors_and_a_return_takes_them_back() -> None:
    badges = {"big": {"on": "purchase", "when": "activity.amount_minor >= 10000", "points": 20, "reversal": "revoke"}}
    people = People(rulebook(badges=badges))
    ann, old = people.all
    old.do(purchase(100_00, "p1"), "2026-01-02")
    people.merge(old, ann, "2026-02-01")
    assert ann.member.badges["big"].count == 1
    assert old.member.badges == {}
    ann.do(purchase(100_00, "p2", "2026-02-02"), "2026-02-02")
    assert ann.member.badges["big"].count == 1
    people.give_back(ann, old, "p1", "2026-02-03")
    assert has(ann, "2026-02-03") == (0, 0, 0)
    assert "big" not in ann.member.badges


def test_months_that_lie_cold_come_over_too() -> None:
    people = People(hot=True)
    ann, old = people.all
    for month in (1, 3, 5, 9):
        for number, stream in enumerate(people.all):
            at = f"2026-{month:02}-10"
            stream.do(purchase(10_00, f"p{number}-{month}", at), at)
    entry = people.merge(old, ann, "2026-12-01")
    assert ann.member.totals["measure:spend"].ever == 80_00
    assert balance(ann.member, "points", instant("2026-12-01")).available == 80
    closing = next(event for event in entry.events if isinstance(event, MemberAbsorbed)).closing
    assert sum(closing.counts["measure:spend"].values()) == 40_00
    people.give_back(ann, old, "p1-1", "2026-12-02")
    assert balance(ann.member, "points", instant("2026-12-02")).available == 70


def test_the_survivors_input_has_nothing_personal_of_the_loser() -> None:
    world = World(rulebook(per(100, 1)))
    ann, old = Stream(world, number=1), Stream(world, number=2)
    ann.do(enrol("2026-01-01", "ann"), "2026-01-01")
    old.do(enrol("2026-01-01", "old", sealed=b"secret"), "2026-01-01")
    command = MergeMember(id="m", into=ann.id.hex, entry=2)
    decision, _ = old.decided(command, "2026-02-01")
    assert b"secret" not in str(past_of(old.entries, decision)).encode()


def test_m3_a_merge_told_again_under_other_rules_brings_over_what_was() -> None:
    people = People(rulebook(per(100, 1)))
    ann, old = people.all
    ann.do(purchase(100_00, "p1"), "2026-01-02")
    old.do(purchase(50_00, "p2"), "2026-01-02")
    people.merge(old, ann, "2026-02-01")
    people.give_back(ann, old, "p2", "2026-02-02", 10_00)
    found = tried(ann, rulebook(per(100, 2)))
    assert (found.recorded.after.balances["points"].available, found.refused) == (140, Counter())
    assert found.tried.after.balances["points"].available == 240
    left = tried(old, rulebook(per(100, 2)))
    assert (left.tried.after.balances["points"].available, left.refused) == (0, Counter())
