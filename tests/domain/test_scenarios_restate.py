"""`late.mode: restate`: what came after a late activity is decided again, and the difference compensated.

Whatever the order in which a member's activities arrive, and however late, they end in what the right order gives.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given as every
from hypothesis import settings
from hypothesis import strategies as st

from domain.log import After
from domain.member.commands import RecordActivity
from domain.member.events import (
    ActivityRestated,
    OfferCompleted,
    OfferReopened,
    PointsClawedBack,
    PointsEarned,
    TierRestated,
)
from domain.member.outcomes import Story
from tests.build import Json, Stream, World, enrol, instant, per, points, refund, rulebook
from tests.spec import bought, enrolled, given, lawful, redeemed, returned

RESTATE: Json = {"mode": "restate"}


def restating(*rules: Json, **more: Any) -> Json:
    return rulebook(*rules, late={**RESTATE, **more.pop("late", {})}, **more)


def kinds(events: Iterable[object]) -> list[type[Any]]:
    return [type(event) for event in events]


FIRST_IS_WORTH_MORE = points(100, rule="first", when="history.count('purchase', 'ever') == 0")


def test_a_late_first_purchase_takes_the_welcome_from_the_one_that_had_it() -> None:
    found = given(restating(FIRST_IS_WORTH_MORE), enrolled(), bought(10, "second", at="2026-02-01")).when(
        bought(10, "first", at="2026-01-15", learned="2026-02-10")
    )
    found.balance(100)
    events = [event for event in found.events if isinstance(event, PointsEarned | PointsClawedBack)]
    assert [(type(event), event.points) for event in events] == [(PointsEarned, 100), (PointsClawedBack, 100)]
    assert events[1].restated is not None
    assert (events[1].restated.activity, events[1].restated.at) == (2, instant("2026-02-01"))


def test_a_later_purchase_earns_more_when_a_late_one_has_reached_the_level_before_it() -> None:
    tiers = {"measure": "spend", "window": "lifetime", "levels": [{"id": "silver", "at": 100_00}]}
    double = {"id": "double", "on": "purchase", "phase": "multiply", "by": "2",
              "when": "member.tiers.status.level == 'silver'"}  # fmt: skip
    found = given(
        restating(per(100, 1), double, tiers=tiers), enrolled(), bought(50_00, "later", at="2026-02-01")
    ).when(bought(100_00, "earlier", at="2026-01-15", learned="2026-02-10"))
    # 100 for the earlier one, which reaches the level; 50 for the later one, and 50 more for the level it has now.
    found.balance(200).tier("silver")
    more = [event for event in found.events if isinstance(event, PointsEarned) and event.restated is not None]
    assert [(event.rule, event.points) for event in more] == [("double", 50)]
    restated = next(event for event in found.events if isinstance(event, TierRestated))
    assert (restated.to, restated.at, restated.since) == ("silver", instant("2026-01-15"), instant("2026-01-15"))


def test_a_cap_of_a_month_is_used_in_the_order_in_which_things_happened() -> None:
    capped = points("activity.amount_minor", cap=[{"points": 100, "per": "member", "period": "month"}])
    found = given(restating(capped), enrolled(), bought(80, "b", at="2026-02-05")).when(
        bought(60, "a", at="2026-02-01", learned="2026-02-10")
    )
    found.balance(100)
    taken = [event for event in found.events if isinstance(event, PointsClawedBack)]
    assert [event.points for event in taken] == [40]


def test_what_was_spent_stays_spent_and_what_is_taken_back_of_it_is_owed() -> None:
    capped = points("activity.amount_minor", cap=[{"times": 1, "per": "member", "period": "month"}])
    found = given(restating(capped), enrolled(), bought(100, "b", at="2026-02-05"), redeemed(90, "2026-02-06")).when(
        bought(30, "a", at="2026-02-01", learned="2026-02-10")
    )
    # In order: 30 for a, nothing for b, and 90 spent.
    found.balance(0, debt=60)


def test_a_late_purchase_after_all_others_changes_nothing_else() -> None:
    found = given(restating(per(100, 1)), enrolled(), bought(10_00, "a", at="2026-02-01")).when(
        bought(10_00, "b", at="2026-02-02", learned="2026-02-10")
    )
    found.balance(20)
    assert ActivityRestated not in kinds(found.events)


def test_the_whole_of_a_restated_purchase_returned_leaves_nothing() -> None:
    tiers = {"measure": "spend", "window": "lifetime", "levels": [{"id": "silver", "at": 100_00}]}
    double = {"id": "double", "on": "purchase", "phase": "multiply", "by": "2",
              "when": "member.tiers.status.level == 'silver'"}  # fmt: skip
    given(
        restating(per(100, 1), double, tiers=tiers),
        enrolled(),
        bought(50_00, "later", at="2026-02-01"),
        bought(100_00, "earlier", at="2026-01-15", learned="2026-02-10"),
    ).when(returned(50_00, "later", "2026-02-11")).balance(100)


def test_a_version_that_asks_for_it_pins_the_rules_each_was_decided_under() -> None:
    world = World(restating(per(100, 1)))
    world.publish(restating(per(100, 2)), instant("2026-02-01"))
    found = given(world, enrolled(), bought(10_00, "b", at="2026-02-05")).when(
        bought(10_00, "a", at="2026-01-15", learned="2026-02-10")
    )
    found.balance(30)


def test_a_late_activity_older_than_the_limit_is_refused() -> None:
    given(restating(per(100, 1), late={"max_age": "P7D"}), enrolled(), bought(10_00, "b", at="2026-02-05")).when(
        bought(10_00, "a", at="2026-01-15", learned="2026-02-10")
    ).refused("too-old")


OFFERS: Json = {
    "bogo": {"goal": {"one_above": 1000}, "of": "purchase.spend", "window": "PT168H",
             "reward": {"currency": "points", "points": 10}},
    "sum": {"goal": {"sum": 2000}, "of": "purchase.spend", "window": "PT168H",
            "reward": {"currency": "points", "points": 3}},
    "seen": {"goal": {"count": 2}, "of": "purchase.spend", "window": "P30D", "requires_view": True,
             "reward": {"currency": "points", "points": 7}},
    "days": {"goal": {"distinct": ["day", 2]}, "of": "purchase.visits", "window": "P30D",
             "reward": {"currency": "points", "points": 4}},
}  # fmt: skip
NAMED: Json = {
    "data": {"type": "object", "properties": {"offer": {"type": "string"}}, "required": ["offer"]},
    "offer": "activity.offer",
}
OFFER_TYPES: Json = {"offer.assigned": NAMED | {"role": "assigns"}, "offer.viewed": NAMED | {"role": "views"}}


def about(kind: str, offer: str, id: str, at: Any) -> RecordActivity:  # noqa: A002 - as in bodies
    return RecordActivity(source="feed", id=id, type=kind, occurred_at=instant(at), data={"offer": offer})


def test_a_purchase_counts_for_an_offer_whose_assignment_is_heard_of_later() -> None:
    stream = Stream(World(restating(offers=OFFERS, activities=OFFER_TYPES)))
    stream.do(enrol(), "2026-01-01")
    bought(15_00, "p1", at="2026-02-03").act(stream)
    entry = stream.do(about("offer.assigned", "bogo", "o1", "2026-02-01"), "2026-02-10")
    completed = next(event for event in entry.events if isinstance(event, OfferCompleted))
    assert completed.restated is not None
    assert completed.restated.activity == 2
    assert entry.after is not None
    assert entry.after.balances["points"].available == 10
    lawful(stream)


def test_a_late_purchase_completes_an_offer_in_the_place_of_a_later_one() -> None:
    stream = Stream(World(restating(offers=OFFERS, activities=OFFER_TYPES)))
    stream.do(enrol(), "2026-01-01")
    stream.do(about("offer.assigned", "sum", "o1", "2026-02-01"), "2026-02-01")
    bought(15_00, "p1", at="2026-02-02").act(stream)
    bought(10_00, "p3", at="2026-02-04").act(stream)
    bought(10_00, "p2", at="2026-02-03", learned="2026-02-10").act(stream)
    entry = stream.entries[-1]
    reopened = next(event for event in entry.events if isinstance(event, OfferReopened))
    completed = next(event for event in entry.events if isinstance(event, OfferCompleted))
    assert (reopened.activity, completed.restated) == (4, None)
    assert entry.after is not None
    assert entry.after.balances["points"].available == 3
    lawful(stream)
    # Returning what completed it in the end takes its reward, too.
    stream.do(refund(stream, "p2", None, "2026-02-11"), "2026-02-11")
    bought(1, "p9", at="2026-02-12").act(stream)
    lawful(stream)


# --- the law ---------------------------------------------------------------------------------------

EVERYTHING = restating(
    per(100, 1, cap=[{"points": 60, "per": "member", "period": "month"}]),
    FIRST_IS_WORTH_MORE,
    {"id": "double", "on": "purchase", "phase": "multiply", "by": "2",
     "when": "member.tiers.status.level == 'silver'"},
    points(5, rule="big", when="member.counters.spend.last_30d > 30000",
           cap=[{"times": 2, "per": "member", "period": "ever"}]),
    {"id": "gift", "on": "purchase", "when": "activity.amount_minor > 14000", "assign": "bogo"},
    tiers={"measure": "spend", "window": "rolling P3M", "validity": "P3M", "downgrade": "recompute",
           "levels": [{"id": "silver", "at": 200_00}, {"id": "gold", "at": 400_00}]},
    offers=OFFERS,
    activities=OFFER_TYPES,
    streaks={"weekly": {"on": "purchase", "period": "week", "awards": [{"at": 3, "points": 50, "currency": "points"}]}},
)  # fmt: skip

activity = st.one_of(
    st.tuples(st.just("purchase"), st.integers(1, 160).map(lambda euros: euros * 100)),
    st.tuples(st.sampled_from(["offer.assigned", "offer.viewed"]), st.sampled_from(sorted(OFFERS))),
)
feeds = st.lists(st.tuples(st.integers(0, 400), activity), min_size=1, max_size=12)


def commands(feed: list[tuple[int, tuple[str, Any]]]) -> list[RecordActivity]:
    made = []
    for number, (quarters, (kind, what)) in enumerate(sorted(feed, key=lambda one: one[0])):
        at = instant("2026-01-01") + timedelta(hours=6 * quarters)
        data = {"amount_minor": what} if kind == "purchase" else {"offer": what}
        made.append(RecordActivity(source="feed", id=f"{number:03}", type=kind, occurred_at=at, data=data))
    return made


def told(document: Json, feed: Iterable[RecordActivity], *, in_time: bool) -> Stream:
    stream = Stream(World(document))
    stream.do(enrol("2025-12-31"), "2025-12-31")
    for command in feed:
        stream.do(command, command.occurred_at if in_time else "2026-08-01")
    stream.settle("2026-08-02")
    return stream


def ending(stream: Stream) -> tuple[After, Json]:
    """Where the member stands, and by activity what each came to, whichever entries say so."""
    story = Story()
    for entry in stream.entries:
        story.add(entry.version, entry.pins.rulebook, entry.events)
    names = {entry.version: entry.input.id for entry in stream.entries if isinstance(entry.input, RecordActivity)}
    came: Json = {}
    for version, outcome in story.activities.items():
        came[names.get(version, "enrolment")] = {
            "granted": {name: one.points for name, one in outcome.granted.items() if one.points},
            "counts": {name: step for name, step in outcome.counts.items() if step},
        }
    slots = {
        (names[origin], offer, number): (
            {(names[by], period): step for (by, period), step in slot.steps.items() if step},
            names.get(slot.completed, ""),
            slot.viewed_at,
        )
        for (origin, offer, number), slot in story.slots.items()
    }
    after = stream.entries[-1].after
    assert after is not None
    totals = {name: total for name, total in stream.member.totals.items() if total.ever}
    return msgspec.structs.replace(after, slots={}), {
        "activities": came,
        "slots": slots,
        "tiers": stream.member.tiers,
        "totals": totals,
    }


@settings(max_examples=60, deadline=None)
@every(feeds, st.randoms(use_true_random=False))
def test_a_shuffled_feed_ends_as_the_ordered_one_does(feed: Any, chance: Any) -> None:
    ordered = commands(feed)
    shuffled = list(ordered)
    chance.shuffle(shuffled)
    one, other = told(EVERYTHING, ordered, in_time=True), told(EVERYTHING, shuffled, in_time=False)
    lawful(other)
    assert ending(other) == ending(one)
