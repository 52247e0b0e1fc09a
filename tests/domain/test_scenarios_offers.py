"""Offers: slots that open, what counts for them, what completes them, and what returns take back."""

from typing import Any

import pytest

from domain.log import encode
from domain.member.commands import AssignOffer, EraseMember, RecordActivity
from domain.member.events import (
    OccasionReached,
    OfferAssigned,
    OfferClosed,
    OfferCompleted,
    OfferProgressed,
    OfferReopened,
    OfferViewed,
    OfferWithdrawn,
)
from tests.build import Json, Stream, World, instant, per, rulebook
from tests.spec import (
    Given,
    Outcome,
    Step,
    Told,
    bought,
    clawed_back,
    do,
    earned,
    enrolled,
    failed,
    given,
    published,
    redeemed,
    returned,
    swept,
)

NAMED: Json = {"data": {"type": "object", "properties": {"offer_id": {"type": "string"}}}}
FEED: Json = {
    "offer.assigned": {**NAMED, "role": "assigns", "offer": "activity.offer_id"},
    "offer.viewed": {**NAMED, "role": "views", "offer": "activity.offer_id"},
}
TEN: Json = {"currency": "points", "points": 10}


def offer(goal: Json | None = None, **more: Any) -> Json:
    of = {"goal": goal, "of": "purchase.spend"} if goal else {}
    return {**of, "window": "PT168H", "reward": TEN, **more}


def program(*rules: Json, **offers: Json) -> Json:
    return rulebook(*rules, activities=FEED, offers=offers)


def assigned(name: str = "bogo", at: str = "2026-01-02", learned: str | None = None) -> Step:
    return do(AssignOffer(offer=name, at=instant(at)), learned or at)


def heard(kind: str, name: str = "bogo", at: str = "2026-01-02", id: str = "o1", learned: str | None = None) -> Step:  # noqa: A002
    data = {"offer_id": name}
    command = RecordActivity(source="mail", id=id, type=f"offer.{kind}", occurred_at=instant(at), data=data)
    return do(command, learned or at)


def opens(name: str = "bogo", until: str | None = None, **fields: Any) -> Told:
    return Told(OfferAssigned, {"offer": name, **({"ends_at": instant(until)} if until else {}), **fields})


def seen(slot: str) -> Told:
    return Told(OfferViewed, {"slot": slot})


def progress(to: int, step: int | None = None, **fields: Any) -> Told:
    return Told(OfferProgressed, {"progress": to, **({"step": step} if step is not None else {}), **fields})


def completed(slot: str, **fields: Any) -> Told:
    return Told(OfferCompleted, {"slot": slot, **fields})


def reopened(slot: str) -> Told:
    return Told(OfferReopened, {"slot": slot})


def closed(slot: str, at: str) -> Told:
    return Told(OfferClosed, {"slot": slot, "at": instant(at)})


def completions(outcome: Outcome) -> list[str]:
    return [event.slot for event in outcome.events if isinstance(event, OfferCompleted)]


# --- goals -----------------------------------------------------------------------------------------

# Goal, amounts bought on the days 2, 3, 4 ... of January, and after how many of them the offer is completed.
GOALS: list[tuple[Json, list[int], int | None]] = [
    ({"one_above": 10_00}, [10_00], None),
    ({"one_above": 10_00}, [6_00, 6_00, 10_01], 3),
    ({"one_at_least": 10_00}, [9_99, 10_00], 2),
    ({"sum": 20_00}, [19_99], None),
    ({"sum": 20_00}, [12_00, 7_99, 1], 3),
    ({"count": 3}, [1, 1, 1], 3),
    ({"count": 3}, [1, 0, 1], None),
    ({"distinct": ["day", 3]}, [5, 5, 5], 3),
    ({"distinct": ["month", 2]}, [5, 5, 5], None),
    ({"periods": ["day", 3]}, [5, 5, 5], 3),
    ({"periods": ["day", 3]}, [5, 5, 0, 5, 5, 5], 6),
]


@pytest.mark.parametrize(("goal", "amounts", "after"), GOALS, ids=str)
def test_a_goal_is_reached_by_what_counts_for_it(goal: Json, amounts: list[int], after: int | None) -> None:
    outcome = given(program(bogo=offer(goal)), enrolled()).when(assigned(at="2026-01-02T08:00"))
    found = None
    for number, amount in enumerate(amounts):
        outcome = outcome.when(bought(amount, f"p{number}", f"2026-01-{number + 2:02}"))
        if completions(outcome):
            found = number + 1
            outcome.then(progress(outcome.events[1].progress), completed("2.1"), earned(10, "offer:bogo"))  # type: ignore[union-attr]
    assert found == after


def test_an_offer_may_count_activities_without_a_measure() -> None:
    visits = {"goal": {"count": 2}, "of": "purchase", "window": "P30D", "reward": TEN}
    outcome = given(program(bogo=visits), enrolled(), assigned(), bought(0, "p1", "2026-01-03"))
    outcome.when(bought(0, "p2", "2026-01-04")).then(progress(2), completed("2.1"), earned(10, "offer:bogo"))


def test_two_purchases_of_a_day_are_one_period() -> None:
    steps = [bought(5, f"p{hour}", f"2026-01-02T{hour}:00") for hour in (13, 14, 15)]
    outcome = given(program(bogo=offer({"distinct": ["day", 2]})), enrolled(), assigned(), *steps[:2]).when(steps[2])
    outcome.then(progress(1, 1))


def test_a_goal_without_a_reward_is_completed_all_the_same() -> None:
    plain = {"goal": {"count": 1}, "of": "purchase", "window": "P30D"}
    given(program(bogo=plain), enrolled(), assigned()).when(bought(1, at="2026-01-03")).then(
        progress(1), completed("2.1", lot="")
    )


def test_an_informational_offer_is_assigned_and_seen_and_never_completed() -> None:
    outcome = given(program(bogo={"window": "PT96H"}), enrolled(), heard("assigned")).when(heard("viewed", id="o2"))
    outcome.then(seen("2.1")).when(bought(99_00, at="2026-01-03")).then()


# --- slots -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("2026-01-01T11:59:59", False),
        ("2026-01-01T12:00:00", True),
        ("2026-01-08T12:00:00", True),
        ("2026-01-08T12:00:00.000001", False),
    ],
)
def test_both_ends_of_a_window_are_included(at: str, counts: bool) -> None:
    outcome = given(program(bogo=offer({"sum": 1})), enrolled(), assigned(at="2026-01-01T12:00")).when(
        bought(5, at=at, learned=max(at, "2026-01-01T12:00:01"))
    )
    assert bool(completions(outcome)) is counts


def test_a_window_of_days_keeps_the_local_time_of_day() -> None:
    """The clocks go forward on 29 March 2026 in Berlin."""
    weekly = program(bogo=offer({"sum": 1}, window="P2D"))
    outcome = given(weekly, enrolled(), zone="Europe/Berlin").when(assigned(at="2026-03-28T10:00"))
    outcome.then(opens(until="2026-03-30T09:00"))
    exact = program(bogo=offer({"sum": 1}, window="PT48H"))
    given(exact, enrolled(), zone="Europe/Berlin").when(assigned(at="2026-03-28T10:00")).then(
        opens(until="2026-03-30T10:00")
    )


def test_the_same_offer_assigned_again_opens_another_slot() -> None:
    outcome = given(program(bogo=offer({"one_above": 1_00})), enrolled(), assigned(), assigned(at="2026-01-03"))
    outcome.when(bought(2_00, at="2026-01-04")).then(
        progress(1, slot="2.1"), completed("2.1"), earned(10, "offer:bogo"),
        progress(1, slot="3.1"), completed("3.1"), earned(10, "offer:bogo"),
    ).balance(20)  # fmt: skip


def test_one_purchase_counts_for_every_slot_and_completions_come_in_order_of_assignment() -> None:
    offers = program(late=offer({"sum": 5_00}), early=offer({"one_above": 1_00}), never=offer({"sum": 99_00}))
    outcome = given(
        offers,
        enrolled(),
        assigned("late", "2026-01-04"),
        assigned("never", "2026-01-03"),
        assigned("early", "2026-01-02", learned="2026-01-04T13:00"),
    ).when(bought(5_00, at="2026-01-05"))
    assert [event.offer for event in outcome.events if isinstance(event, OfferCompleted)] == ["early", "late"]


def test_a_completed_slot_is_not_completed_again() -> None:
    outcome = given(program(bogo=offer({"sum": 5})), enrolled(), assigned(), bought(5, "p1", "2026-01-03"))
    outcome.when(bought(5, "p2", "2026-01-04")).then(progress(10, 5)).balance(10)


def test_a_slot_that_is_over_is_closed_once_swept_or_not() -> None:
    outcome = given(program(bogo=offer({"sum": 5})), enrolled(), assigned(at="2026-01-02T12:00"))
    last = "2026-01-09T12:00:00.000001"
    outcome.when(swept("2026-01-20")).then(closed("2.1", last)).when(swept("2026-01-21")).then()
    outcome = given(program(bogo=offer({"sum": 5})), enrolled(), assigned(at="2026-01-02T12:00"))
    outcome.when(bought(5, at="2026-01-20")).then(closed("2.1", last))


def test_a_slot_keeps_the_definition_it_was_opened_under() -> None:
    before = program(bogo=offer({"sum": 5}))
    after = program(bogo=offer({"sum": 5_000}, reward={"currency": "points", "points": 1}))
    steps = given(before, enrolled(), assigned(), published(after, "2026-01-03"), assigned(at="2026-01-04"))
    steps.when(bought(5, at="2026-01-05")).then(
        progress(5, slot="2.1"), completed("2.1"), earned(10, "offer:bogo"), progress(5, slot="3.1")
    )


def test_an_offer_that_left_the_rules_still_counts_where_it_is_open() -> None:
    before, after = program(bogo=offer({"sum": 5})), program()
    steps = given(before, enrolled(), assigned(), published(after, "2026-01-03"))
    steps.when(assigned(at="2026-01-04")).refused("unknown-offer")
    steps.when(bought(5, at="2026-01-05")).then(progress(5), completed("2.1"), earned(10, "offer:bogo"))


def test_a_late_purchase_counts_for_a_slot_that_was_open_then() -> None:
    steps = given(program(bogo=offer({"sum": 5})), enrolled(), assigned(), swept("2026-01-20"))
    steps.when(bought(5, at="2026-01-05", learned="2026-01-21")).then(
        progress(5), completed("2.1"), earned(10, "offer:bogo")
    ).balance(10)


def test_a_slot_that_comes_after_its_window_is_opened_and_closed_at_once() -> None:
    outcome = given(program(bogo=offer({"sum": 5})), enrolled()).when(assigned(at="2026-01-02", learned="2026-03-01"))
    outcome.then(opens(until="2026-01-09"), closed("2.1", "2026-01-09T12:00:00.000001"))
    outcome.when(bought(5, at="2026-01-03", learned="2026-03-02")).then(
        progress(5), completed("2.1"), earned(10, "offer:bogo")
    )


# --- by whom ---------------------------------------------------------------------------------------


def test_an_activity_assigns_and_another_one_says_it_was_seen() -> None:
    outcome = given(program(bogo=offer({"sum": 5})), enrolled()).when(heard("assigned")).then(opens())
    outcome.when(heard("viewed", at="2026-01-03", id="o2")).then(seen("2.1")).when(
        heard("viewed", at="2026-01-04", id="o3")
    ).then()


def test_the_first_time_an_offer_is_seen_counts_however_late_it_is_heard_of() -> None:
    steps = given(
        program(bogo=offer({"sum": 5})), enrolled(), heard("assigned"), heard("viewed", "bogo", "2026-01-05", "o2")
    )
    steps.when(heard("viewed", "bogo", "2026-01-04", "o3", learned="2026-01-06")).then(seen("2.1"))
    assert steps.stream.member.slots[0].viewed_at == instant("2026-01-04")


@pytest.mark.parametrize("kind", ["assigned", "viewed"])
def test_an_offer_that_nobody_knows_is_refused(kind: str) -> None:
    given(program(), enrolled()).when(heard(kind, "other")).refused("unknown-offer")


def test_a_rule_assigns_an_offer_and_its_own_purchase_does_not_count() -> None:
    rule = {"id": "welcome", "on": "purchase", "phase": "add", "when": "activity.amount_minor > 100", "assign": "bogo",
            "cap": [{"times": 1, "period": "month"}]}  # fmt: skip
    steps = given(program(rule, bogo=offer({"sum": 5_00})), enrolled())
    steps.when(bought(50, "p1")).then()
    steps.when(bought(9_00, "p2")).then(opens(rule="welcome", counts={"times:welcome": 1}))
    steps.when(bought(6_00, "p3", "2026-01-03")).then(progress(6_00), completed("3.1"), earned(10, "offer:bogo"))
    steps.when(bought(9_00, "p4", "2026-02-03")).then(Told(OfferClosed, {}), opens(rule="welcome"))


def test_an_offer_that_is_over_is_not_assigned() -> None:
    over = {"goal": {"sum": 5}, "of": "purchase.spend", "coupon": {"campaign": "c", "codes": ["A"], "to": "2026-01-01"}}
    steps = given(program(bogo=over), enrolled())
    steps.when(assigned(at="2026-01-02")).refused("not-eligible")
    steps.when(heard("assigned", at="2026-01-02")).then(failed("offer:bogo"))


def test_seeing_is_needed_only_where_the_offer_says_so() -> None:
    steps = given(program(bogo=offer({"sum": 5}, requires_view=True)), enrolled(), assigned())
    steps.when(bought(5, "p1", "2026-01-03")).then()
    steps.when(heard("viewed", at="2026-01-04", id="o2")).then(seen("2.1"))
    steps.when(bought(5, "p2", "2026-01-05")).then(progress(5), completed("2.1"), earned(10, "offer:bogo"))


# --- returns ---------------------------------------------------------------------------------------


def test_a_return_takes_back_the_completion_and_its_reward() -> None:
    steps = given(
        program(per(1_00, 1), bogo=offer({"sum": 20_00})), enrolled(), assigned(), bought(20_00, at="2026-01-03")
    )
    outcome = steps.when(returned(None, at="2026-01-04"))
    outcome.then(
        clawed_back(20),
        progress(0, -20_00, activity=3),
        reopened("2.1"),
        clawed_back(10, rule="offer:bogo", activity=3),
    ).balance(0)
    assert steps.stream.member.totals["granted:points"].ever == 0


def test_buying_and_returning_ten_times_leaves_nothing() -> None:
    steps = given(program(per(1_00, 1), bogo=offer({"sum": 20_00})), enrolled(), assigned())
    for number in range(10):
        steps.when(bought(20_00, f"p{number}", "2026-01-03"))
        steps.when(returned(None, f"p{number}", "2026-01-04", f"r{number}")).balance(0)


def test_a_return_that_leaves_the_goal_reached_takes_nothing_back() -> None:
    steps = given(program(bogo=offer({"sum": 20_00})), enrolled(), assigned(), bought(30_00, at="2026-01-03"))
    outcome = steps.when(returned(10_00, at="2026-01-04")).then(progress(20_00, -10_00)).balance(10)
    outcome.when(returned(1, at="2026-01-05", id="r2")).then(
        progress(19_99, -1), reopened("2.1"), clawed_back(10)
    ).balance(0)


def test_what_was_bought_after_the_completion_keeps_it() -> None:
    buys = (bought(20_00, "p1", "2026-01-03"), bought(25_00, "p2", "2026-01-04"))
    steps = given(program(bogo=offer({"one_above": 10_00})), enrolled(), assigned(), *buys)
    steps.when(returned(None, "p1", "2026-01-05")).then(progress(1, -1)).balance(10)
    steps.when(returned(15_00, "p2", "2026-01-05", "r2")).then(progress(0, -1), reopened("2.1"), clawed_back(10))


def test_the_return_of_an_earlier_purchase_takes_back_a_completion_of_a_later_one() -> None:
    buys = (bought(10_00, "p1", "2026-01-03"), bought(10_00, "p2", "2026-01-04"))
    steps = given(program(bogo=offer({"sum": 20_00})), enrolled(), assigned(), *buys)
    steps.when(returned(None, "p1", "2026-01-05")).then(
        progress(10_00, -10_00, activity=3), reopened("2.1"), clawed_back(10, activity=4)
    ).balance(0)
    steps.when(bought(10_00, "p3", "2026-01-06")).then(progress(20_00), completed("2.1"), earned(10, "offer:bogo"))


def test_a_period_stays_while_anything_of_it_does() -> None:
    buys = (bought(5, "p1", "2026-01-03T09:00"), bought(5, "p2", "2026-01-03T10:00"), bought(5, "p3", "2026-01-04"))
    steps = given(program(bogo=offer({"periods": ["day", 2]})), enrolled(), assigned(), *buys)
    steps.when(returned(None, "p1", "2026-01-05")).then(progress(2, -1)).balance(10)
    steps.when(returned(None, "p2", "2026-01-05", "r2")).then(progress(1, -1), reopened("2.1"), clawed_back(10))


def test_a_return_long_after_goes_back_to_the_window_it_counted_in() -> None:
    steps = given(
        program(bogo=offer({"sum": 5})), enrolled(), assigned(), bought(5, at="2026-01-03"), swept("2026-09-01")
    )
    steps.when(returned(None, at="2026-09-02")).then(progress(0, -5), reopened("2.1"), clawed_back(10)).balance(0)


def test_a_reward_that_was_spent_is_owed() -> None:
    steps = given(
        program(bogo=offer({"sum": 5})), enrolled(), assigned(), bought(5, at="2026-01-03"), redeemed(10, "2026-01-04")
    )
    steps.when(returned(None, at="2026-01-05")).then(progress(0), reopened("2.1"), clawed_back(10, debt=10)).balance(
        0, debt=10
    )


def test_a_whole_return_withdraws_the_slot_its_rule_assigned() -> None:
    rule = {"id": "welcome", "on": "purchase", "phase": "add", "assign": "bogo", "cap": [{"times": 1}]}
    steps = given(program(rule, bogo=offer({"sum": 5})), enrolled(), bought(9, "p1"))
    steps.when(returned(4, "p1", "2026-01-03")).then()
    steps.when(returned(None, "p1", "2026-01-03", "r2")).then(
        Told(OfferWithdrawn, {"slot": "2.1", "counts": {"times:welcome": -1}})
    )
    steps.when(bought(9, "p2", "2026-01-04")).then(opens())


def test_an_assignment_counts_for_a_cap_that_all_members_share_until_it_is_withdrawn() -> None:
    first_two = {
        "id": "welcome",
        "on": "purchase",
        "phase": "add",
        "assign": "bogo",
        "cap": [{"times": 2, "per": "rule"}],
    }
    world = World(program(first_two, bogo=offer({"sum": 5})))
    ann, bob = Stream(world, number=1), Stream(world, number=2)
    for stream in (ann, bob):
        enrolled().act(stream)
    Given(ann).when(bought(9, "p1")).then(opens()).when(bought(1, "p2")).then(Told(OfferProgressed, {}), opens())
    Given(bob).when(bought(9, "p3")).then()
    assert world.taken == {("cap.uses", "rule:welcome:ever"): 2}
    Given(ann).when(returned(None, "p1", "2026-01-03")).then(Told(OfferWithdrawn, {"slot": "2.1"}))
    Given(bob).when(bought(9, "p4", "2026-01-03")).then(opens())


def test_a_birthday_assigns_an_offer_of_the_rulebook_of_that_day() -> None:
    gift = {"id": "gift", "on": "member.birthday", "phase": "add", "assign": "bogo"}
    members = {"attributes": {"type": "object", "properties": {"born": {"type": "string"}}}, "birthday": "born"}
    book = rulebook(gift, members=members, offers={"bogo": offer({"sum": 5})})
    dearer = rulebook(gift, members=members, offers={"bogo": offer({"sum": 5}, reward=TEN | {"points": 99})})
    steps = given(book, enrolled(attributes={"born": "03-15"}), published(dearer, "2026-03-16"))
    outcome = steps.when(bought(9, "p1", "2026-03-17")).then(
        Told(OccasionReached, {}),
        opens(until="2026-03-22T00:00", rulebook=1),
        progress(9),
        completed("2.1"),
        earned(10, "offer:bogo"),
    )
    outcome.when(returned(None, "p1", "2026-03-18")).then(progress(0), reopened("2.1"), clawed_back(10)).balance(0)


# --- what it costs ---------------------------------------------------------------------------------


def test_slots_that_are_closed_leave_the_hot_row() -> None:
    stream = Stream(World(program(bogo=offer({"sum": 5}))), hot=True)
    enrolled().act(stream)
    for month in range(2, 13):
        for day in range(1, 11):
            assigned(at=f"2026-{month:02}-{day:02}").act(stream)
    swept("2027-12-01").act(stream)
    assert stream.member.slots == ()
    assert not any(rows.slots for rows in stream.member.months.values())
    bought(5, at="2026-02-05", learned="2027-12-02").act(stream)
    late = stream.entries[-1].events
    assert len([event for event in late if isinstance(event, OfferCompleted)]) == 5


def test_an_erased_member_has_no_open_slots() -> None:
    steps = given(program(bogo=offer({"sum": 5})), enrolled(), assigned())
    steps.when(do(EraseMember(), "2026-01-03"))
    assert steps.stream.member.slots == ()
    steps.when(swept("2026-06-01")).then()


def test_a_member_without_offers_has_nothing_of_them_in_entries() -> None:
    steps = given(program(bogo=offer({"sum": 5})), enrolled())
    entry = steps.when(bought(5)).entry
    assert entry is not None
    assert b"slots" not in encode(entry)
