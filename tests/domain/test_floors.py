"""A manual floor: an operator keeps a member from falling below a level, until an instant or for good."""

from typing import Any

import pytest
from hypothesis import example
from hypothesis import given as over
from hypothesis import strategies as st

from application.views import shown
from domain.errors import Refused, UnknownTier
from domain.member.commands import EraseMember, SetTierFloor
from domain.member.events import OwnLevel, TierFloorSet, TierGraceBegan, TierHeld
from domain.member.settle import next_due, settled
from domain.rules.tiers import rank
from tests.build import DAY, Json, Stream, World, adjust, enrol, instant, points, purchase, redeem, refund, rulebook
from tests.spec import (
    Outcome,
    Step,
    Told,
    bought,
    do,
    earned,
    enrolled,
    given,
    lawful,
    moved_to,
    published,
    redeemed,
    renewed,
    returned,
    spent,
    swept,
)

EVERY_CENT = points("activity.amount_minor")
LADDER = [{"id": "silver", "at": 100}, {"id": "gold", "at": 300}, {"id": "platinum", "at": 900}]


def rules(*more: Json, **tiers: Any) -> Json:
    return rulebook(EVERY_CENT, *more, tiers={"window": "calendar_year", "levels": LADDER} | tiers)


def floor(level: str | None, at: str, until: str | None = None, name: str = "status") -> Step:
    ends = instant(until) if until is not None else None
    return do(SetTierFloor(set=name, level=level, reason="status match", until=ends), at)


def floored(level: str | None, **fields: Any) -> Told:
    return Told(TierFloorSet, {"level": level, **fields})


def held(level: str | None, own: str | None, since: str | None = None, until: str | None = None, **fields: Any) -> Told:
    """Where the counters stand by themselves, beside the level that is shown."""
    begins, ends = instant(since) if since else None, instant(until) if until else None
    return Told(TierHeld, {"level": level, "own": OwnLevel(own, begins, ends), **fields})


def read(outcome: Outcome, at: str) -> Any:
    """The set as a member's read shows it."""
    circumstances = outcome.stream.world.circumstances(instant(at))
    member, _ = settled(outcome.stream.member, circumstances)
    return shown(member, circumstances, instant(at))["tiers"]["status"]


# --- raised, and put back --------------------------------------------------------------------------


def test_who_is_below_a_floor_is_raised_at_once_until_it_ends() -> None:
    start = given(rules(), enrolled()).when(floor("gold", "2026-03-01", until="2026-09-01"))
    start.then(
        floored("gold", until=instant("2026-09-01"), reason="status match"),
        moved_to("gold", reason="floor", at=instant("2026-03-01"), valid_until=instant("2026-09-01")),
        held("gold", None, valid_until=instant("2026-09-01")),
    )
    start.tier("gold", at="2026-09-01T11:59:59").tier(None, at="2026-09-01T12:00")
    start.when(swept("2026-10-01")).then(
        moved_to(None, reason="floor_ended", at=instant("2026-09-01"), valid_until=None), held(None, None)
    )


def test_a_floor_for_good_is_held_for_years_without_any_review() -> None:
    start = given(rules(), enrolled()).when(floor("silver", "2026-03-01")).tier("silver", at="2046-01-01")
    assert next_due(start.stream.member) is None


def test_lifting_puts_who_was_held_by_it_alone_where_the_counters_say() -> None:
    story = given(rules(), enrolled(), bought(120, "a", "2026-02-01"), floor("gold", "2026-03-01"))
    story.when(floor(None, "2026-04-01")).then(
        floored(None),
        moved_to("silver", reason="floor_ended", evidence=120, valid_until=instant("2027-01-01T00:00")),
        held("silver", "silver", since="2026-02-01", until="2027-01-01T00:00"),
    ).tier("silver")


def test_a_floor_at_or_below_the_own_level_changes_nothing_until_that_falls() -> None:
    start = given(rules(), enrolled(), bought(300, "a", "2026-02-01")).when(floor("silver", "2026-03-01"))
    start.then(floored("silver")).tier("gold").tier("gold", at="2027-12-31")
    start.when(swept("2028-01-02")).then(
        renewed("gold"),
        moved_to("silver", reason="review", evidence=0, at=instant("2028-01-01T00:00"), valid_until=None),
        held("silver", None, since="2028-01-01T00:00"),
    )
    start = given(rules(), enrolled(), bought(300, "a", "2026-02-01")).when(floor("gold", "2026-03-01"))
    start.then(floored("gold")).when(swept("2028-01-02")).then(
        renewed("gold"), held("gold", None, since="2028-01-01T00:00")
    )


def test_what_is_reached_by_own_counters_stays_when_the_floor_goes() -> None:
    start = given(rules(), enrolled(), floor("gold", "2026-03-01")).when(bought(300, "a", "2026-04-01"))
    start.then(earned(300), held("gold", "gold", since="2026-04-01", until="2027-01-01T00:00"))
    start.when(floor(None, "2026-05-01")).then(floored(None)).tier("gold", at="2026-12-31")


def test_above_the_floor_levels_come_and_go_as_ever() -> None:
    start = given(rules(), enrolled(), floor("silver", "2026-03-01")).when(bought(300, "a", "2026-04-01"))
    start.then(earned(300), moved_to("gold", reason="reached", at=instant("2026-04-01")))
    start.when(returned(None, "a", "2026-04-10")).tier("silver")


def test_a_second_floor_replaces_the_first_and_the_same_again_does_nothing() -> None:
    start = given(rules(), enrolled(), floor("silver", "2026-03-01")).when(floor("gold", "2026-04-01", "2026-06-01"))
    start.tier("gold").tier(None, at="2026-06-01")
    assert start.when(floor("gold", "2026-04-02", "2026-06-01")).events == ()
    start.when(floor("gold", "2026-05-01", "2026-08-01")).tier("gold", at="2026-07-31").tier(None, at="2026-08-01")
    start.when(floor("silver", "2026-05-02")).tier("silver", at="2027-07-31")


# --- what a floor does not touch: the member's own level goes on beneath ---------------------------------


def test_own_levels_are_reviewed_beneath_as_if_there_were_no_floor() -> None:
    book = rules(downgrade="one_step")
    story = given(book, enrolled(), bought(900, "a", "2026-02-01"), bought(50, "b", "2027-02-01"))
    start = story.when(floor("platinum", "2027-03-01", until="2029-06-01"))
    start.tier("platinum", at="2029-05-31").tier("silver", at="2029-06-01").tier(None, at="2030-01-01")
    start.when(swept("2029-07-01")).then(
        held("platinum", "gold", since="2028-01-01T00:00", until="2029-01-01T00:00"),
        held("platinum", "silver", since="2029-01-01T00:00", until="2030-01-01T00:00"),
        moved_to("silver", reason="floor_ended", at=instant("2029-06-01")),
        held("silver", "silver", since="2029-01-01T00:00", until="2030-01-01T00:00"),
    )


def test_a_level_that_is_kept_at_a_review_is_kept_beneath() -> None:
    story = given(rules(), enrolled(), bought(120, "a", "2026-02-01"), floor("gold", "2026-03-01"))
    story.when(swept("2027-02-01")).then(held("gold", "silver", since="2026-02-01", until="2028-01-01T00:00"))


def test_a_floor_that_ends_with_the_review_leaves_one_step() -> None:
    story = given(rules(), enrolled(), bought(120, "a", "2026-02-01"))
    start = story.when(floor("gold", "2026-03-01", until="2028-01-01T00:00"))
    start.when(swept("2028-02-01")).then(
        held("gold", "silver", since="2026-02-01", until="2028-01-01T00:00"),
        moved_to(None, reason="review", at=instant("2028-01-01T00:00")),
    )


def test_a_level_that_is_kept_in_grace_beneath_a_floor_is_in_grace_no_more() -> None:
    book = rules(window="month", validity="end_of_period", grace="P40D")
    story = given(book, enrolled(), floor("gold", "2026-01-02"), bought(120, "a", "2026-01-10"), swept("2026-03-02"))
    story.when(bought(120, "b", "2026-03-30")).when(swept("2026-04-10T00:00")).then(
        held("gold", "silver", since="2026-01-10", until="2026-05-01T00:00", evidence=120)
    ).tier("gold")


def test_grace_runs_beneath_a_floor_and_is_over_when_it_would_have_been() -> None:
    story = given(rules(grace="P30D"), enrolled(), bought(120, "a", "2026-02-01"))
    start = story.when(floor("gold", "2027-03-01", until="2028-01-10"))
    start.tier("silver", at="2028-01-10T12:00").tier("silver", at="2028-01-30T23:59").tier(None, at="2028-01-31T00:00")
    assert read(start, "2028-01-05")["grace"] is False
    assert read(start, "2028-01-15")["grace"] is True
    story = given(rules(grace="P30D"), enrolled(), bought(120, "a", "2026-02-01"), swept("2027-02-01"))
    start = story.when(swept("2028-01-02"))
    start.then(Told(TierGraceBegan, {"level": "silver"}))
    start = start.when(floor("gold", "2028-01-03", until="2028-01-05"))
    start.tier("silver", at="2028-01-30T23:59").tier(None, at="2028-01-31T00:00")


def test_a_minimum_stay_counts_from_the_own_level_not_from_the_floor() -> None:
    book = rules(measure="member.balances.points.available", window="lifetime", demote="at_once", min_stay="P3M")
    story = given(book, enrolled(), bought(100, "a", "2026-01-02"), floor("gold", "2026-03-30", until="2026-04-20"))
    start = story.when(redeemed(100, "2026-03-31"))
    start.then(spent(100), held("gold", "silver", since="2026-01-02", until="2026-04-03T00:00"))
    start.when(bought(1, "b", "2026-04-10")).then(held("gold", None, since="2026-04-03T00:00"), earned(1))
    start.tier("gold", at="2026-04-19T23:59").tier(None, at="2026-04-20")


def test_demotion_at_once_stops_at_the_floor() -> None:
    book = rules(measure="member.balances.points.available", window="lifetime", demote="at_once")
    story = given(book, enrolled(), bought(900, "a", "2026-01-02"), floor("silver", "2026-02-01"))
    story.when(redeemed(890, "2026-03-01")).then(
        spent(890), moved_to("silver", reason="fell", evidence=10), held("silver", None, since="2026-03-01")
    ).when(bought(400, "b", "2026-04-01")).then(earned(400), moved_to("gold", reason="reached"))


def test_a_purchase_and_its_return_leave_the_standing_as_it_was() -> None:
    for level in ("silver", "gold", "platinum"):
        start = given(rules(), enrolled()).when(floor(level, "2026-03-01", until="2026-09-01"))
        before = start.stream.member.tiers["status"]
        start = start.when(bought(300, "a", "2026-04-01")).when(returned(None, "a", "2026-05-01"))
        start.tier(level).tier(None, at="2026-09-01")
        after = start.stream.member.tiers["status"]
        assert (after.level, after.valid_until, after.floor) == (before.level, before.valid_until, before.floor)
        assert (after.own.level, after.own.valid_until) == (None, None)
        assert after.since == (before.since if level != "silver" else instant("2026-05-01"))


def test_a_return_after_the_floor_has_ended_takes_what_was_reached_beneath_it() -> None:
    steps = [enrolled(), floor("silver", "2026-03-01"), bought(100, "a", "2026-04-01"), floor(None, "2026-05-01")]
    given(rules(), *steps).when(returned(None, "a", "2026-05-02")).tier(None)


def test_a_return_takes_nothing_that_was_had_before_what_it_returns() -> None:
    """As it would be without the floor: a level from before the year stays when a purchase of the year comes back."""
    book = rules(validity="end_of_next_period")
    steps = [enrolled("2025-01-01"), bought(100, "a", "2025-05-01"), bought(10, "b", "2026-02-01")]
    steps += [floor("gold", "2026-03-01", until="2026-06-01")]
    given(book, *steps).when(returned(None, "b", "2026-07-01")).tier("silver", at="2026-12-31").tier(
        None, at="2027-01-01"
    )


def test_a_year_that_begins_with_the_level_goes_on_beneath() -> None:
    story = given(rules(window="tier_anniversary"), enrolled(), bought(120, "a", "2026-03-10"))
    start = story.when(floor("gold", "2026-06-01", until="2026-12-01"))
    start.when(bought(110, "b", "2027-03-09")).when(swept("2027-03-11")).then(
        renewed("silver", evidence=230, valid_until=instant("2028-03-10T00:00"))
    )


def test_a_level_for_the_next_period_begins_beneath() -> None:
    book = rules(upgrade="next_period", validity="end_of_period")
    story = given(book, enrolled(), floor("gold", "2026-03-01", until="2027-02-01"))
    start = story.when(bought(150, "a", "2026-05-01")).tier("gold", at="2027-01-31").tier("silver", at="2027-02-01")
    assert read(start, "2026-06-01")["begins"] == instant("2027-01-01T00:00")


def test_late_activities_reach_levels_of_the_time_before_the_floor() -> None:
    vip = points(7, rule="vip", when="member.tiers.status.level == 'silver'")
    story = given(rules(vip), enrolled(), floor("gold", "2026-03-01"))
    start = story.when(bought(100, "a", "2026-02-01", learned="2026-04-01"))
    start.then(earned(100), held("gold", "silver", since="2026-02-01", until="2027-01-01T00:00")).tier("gold")
    start = start.when(bought(1, "b", "2026-02-15", learned="2026-04-02")).then(earned(1), earned(7, "vip"))
    start.when(bought(1, "c", "2026-04-03")).then(earned(1))


def test_rules_see_the_level_of_the_floor() -> None:
    vip = points(7, rule="vip", when="member.tiers.status.level == 'gold'")
    given(rules(vip), enrolled(), floor("gold", "2026-03-01")).when(bought(1, "a", "2026-03-02")).then(
        earned(1), earned(7, "vip")
    )


# --- other rules -----------------------------------------------------------------------------------


WITHOUT_GOLD = [level for level in LADDER if level["id"] != "gold"]


def test_without_its_level_a_floor_has_no_effect_and_with_it_again_it_has() -> None:
    story = given(rules(), enrolled(), bought(120, "a", "2026-02-01"), floor("gold", "2026-03-01"))
    published(rules(levels=WITHOUT_GOLD), "2026-04-01").act(story.stream)
    published(rules(), "2026-05-01").act(story.stream)
    story.when(swept("2026-06-01")).then(
        moved_to("silver", reason="floor_ended", at=instant("2026-04-01")),
        held("silver", "silver", since="2026-02-01", until="2027-01-01T00:00"),
        moved_to("gold", reason="floor", at=instant("2026-05-01")),
        held("gold", "silver", since="2026-02-01", until="2027-01-01T00:00"),
    )


def test_a_set_that_leaves_the_rules_takes_its_floor_along_and_brings_it_back() -> None:
    story = given(rules(), enrolled(), bought(120, "a", "2026-02-01"), floor("gold", "2026-03-01"))
    published(rulebook(EVERY_CENT), "2026-04-01").act(story.stream)
    story.when(swept("2026-05-01")).then(
        moved_to("silver", reason="floor_ended", at=instant("2026-04-01"), evidence=0),
        held("silver", "silver", since="2026-02-01", until="2027-01-01T00:00"),
    ).when(swept("2027-02-01")).then(moved_to(None, reason="withdrawn")).tier(None, at="2030-01-01")
    published(rules(), "2027-03-01").act(story.stream)
    story.when(swept("2027-03-02")).then(
        moved_to("gold", reason="floor"), held("gold", None, since="2027-01-01T00:00")
    ).tier("gold")


def test_rules_that_want_no_floors_any_more_end_them() -> None:
    story = given(rules(), enrolled(), floor("gold", "2026-03-01"), published(rules(floor=False), "2026-04-01"))
    story.when(swept("2026-04-02")).then(moved_to(None, reason="floor_ended"), held(None, None))


def test_edited_thresholds_move_the_own_level_beneath() -> None:
    easier = [{"id": "silver", "at": 10}, {"id": "gold", "at": 300}]
    story = given(rules(), enrolled(), bought(50, "a", "2026-02-01"), floor("gold", "2026-03-01"))
    published(rules(levels=easier, on_edit="now"), "2026-04-01").act(story.stream)
    story.when(swept("2026-04-02")).then(held("gold", "silver", since="2026-04-01", until="2027-01-01T00:00"))


def test_a_late_activity_of_rules_without_the_level_does_not_break_the_floor() -> None:
    world = World(rules(levels=WITHOUT_GOLD))
    world.publish(rules(), instant("2026-02-10"))
    story = given(world, enrolled(), floor("gold", "2026-03-01"))
    story.when(bought(100, "a", "2026-02-01", learned="2026-04-01")).tier("gold")


def test_a_floor_may_be_lifted_whatever_has_become_of_its_set() -> None:
    steps = [enrolled(), floor("gold", "2026-03-01"), published(rulebook(EVERY_CENT), "2026-04-01")]
    start = given(rules(), *steps).when(floor(None, "2026-05-01"))
    start.then(moved_to(None, reason="floor_ended"), held(None, None), floored(None))


# --- refusals, erasure, reads -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "code", "at", "said"),
    [
        (floor("gold", "2026-03-01", name="other"), "unknown-tier", "/set", "not a tier set"),
        (floor(None, "2026-03-01", name="other"), "unknown-tier", "/set", "not a tier set"),
        (floor("golden", "2026-03-01"), "unknown-tier", "/level", "not a level of this set"),
        (floor("gold", "2026-03-01", until="2026-03-01"), "bad-time", "/until", "not in the future"),
    ],
)
def test_a_floor_needs_a_level_and_a_time_to_come(step: Step, code: str, at: str, said: str) -> None:
    given(rules(), enrolled()).when(step).refused(code, errors=[(at, said)])


def test_a_set_may_forbid_floors_but_not_that_they_are_lifted() -> None:
    start = given(rules(floor=False), enrolled()).when(floor("gold", "2026-03-01")).refused("floor-not-allowed")
    assert start.when(floor(None, "2026-03-02")).events == ()


def test_nobody_but_a_member_has_a_floor() -> None:
    given(rules()).when(floor("gold", "2026-03-01")).refused("unknown-member")
    erased = do(EraseMember(reason=""), "2026-03-02")
    story = given(rules(), enrolled(), floor("gold", "2026-03-01"), erased)
    story.when(floor(None, "2026-03-03")).refused("member-erased").tier("gold", at="2028-01-01")


def test_a_read_names_the_floor_and_whether_it_holds() -> None:
    story = given(rules(), enrolled(), bought(120, "a", "2026-02-01"))
    assert read(story.when(swept("2026-02-02")), "2026-02-02")["floor"] is None
    start = story.when(floor("gold", "2026-03-01", until="2026-09-01"))
    found = read(start, "2026-04-01")
    assert found["floor"] == {"level": "gold", "until": instant("2026-09-01"), "holds": True, "own": "silver"}
    assert (found["level"], found["since"], found["valid_until"]) == (
        "gold",
        instant("2026-03-01"),
        instant("2026-09-01"),
    )
    assert found["keep"] == {"level": "gold", "needs": 180, "by": instant("2026-09-01")}
    assert found["projected"]["level"] == "silver"
    assert read(start, "2026-09-01")["floor"] is None
    assert read(start, "2026-09-01")["since"] == instant("2026-09-01")
    start = start.when(bought(500, "b", "2026-05-01"))
    assert read(start, "2026-05-02")["floor"] == {
        "level": "gold", "until": instant("2026-09-01"), "holds": False, "own": "gold",
    }  # fmt: skip


# --- laws ------------------------------------------------------------------------------------------


POLICIES: list[Json] = [
    {},
    {"validity": "end_of_next_period", "downgrade": "one_step"},
    {"window": "rolling P12M", "grace": "P30D"},
    {"window": "tier_anniversary", "downgrade": "one_step"},
    {"upgrade": "next_period", "min_stay": "P3M"},
    {"window": "lifetime", "measure": "member.balances.points.available", "demote": "at_once", "min_stay": "P2M"},
    {"window": "lifetime", "demote": "at_once"},
]
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(0, 400), st.integers(0, 1)),
        st.tuples(st.just("return"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("redeem"), st.integers(1, 300), st.just(0)),
        st.tuples(st.just("adjust"), st.integers(1, 300), st.just(0)),
        st.tuples(st.just("floor"), st.integers(0, 3), st.integers(0, 500)),
        st.tuples(st.just("edit"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("sweep"), st.just(0), st.just(0)),
    ),
    min_size=1,
    max_size=14,
)
EDITS: list[Json] = [
    {
        "on_edit": "now",
        "levels": [{"id": "silver", "at": 50}, {"id": "gold", "at": 400}, {"id": "platinum", "at": 900}],
    },
    {"on_edit": "now", "levels": WITHOUT_GOLD},
    {},
]


# The stay of two months ends between the redemption and the floor that does nothing.
@example(moves=[("adjust", 100, 0), ("redeem", 1, 0), ("floor", 0, 0)], gaps=[3, 1, 100, *[1] * 11], policy=POLICIES[5])
@over(moves=MOVES, gaps=st.lists(st.integers(1, 130), min_size=14, max_size=14), policy=st.sampled_from(POLICIES))
def test_at_every_instant_the_level_is_the_higher_of_the_floor_and_what_it_would_be_without(
    moves: list[tuple[str, int, int]], gaps: list[int], policy: Json
) -> None:
    with_floor, without = Stream(World(rules(**policy))), Stream(World(rules(**policy)), number=2)
    floors: list[tuple[str | None, Any]] = []
    now = instant("2026-01-01")
    for stream in (with_floor, without):
        stream.do(enrol("2026-01-01"), now)
    for number, ((kind, amount, more), gap) in enumerate(zip(moves, gaps, strict=False)):
        now += gap * DAY
        if kind == "floor":
            level = [None, "silver", "gold", "platinum"][amount]
            until = now + more * DAY if more and level else None
            try:
                with_floor.do(SetTierFloor(set="status", level=level, reason="match", until=until), now)
                floors.append((level, until))
            except UnknownTier:
                pass
            continue
        for stream in (with_floor, without):
            _move(stream, kind, amount, more, number, now)
        for look in (now, now + DAY, now + gap // 2 * DAY):
            _as_high_as(with_floor, without, floors, look)
    _as_high_as(with_floor, without, floors, now + 900 * DAY)
    lawful(with_floor)


def _move(stream: Stream, kind: str, amount: int, more: int, number: int, now: Any) -> None:
    if kind == "edit":
        stream.world.publish(rules(**EDITS[amount]), now)
        return
    try:
        if kind == "buy":
            # Every other one comes late.
            stream.do(purchase(amount, f"p{number}", now - 20 * DAY * more), now)
        elif kind == "return":
            stream.do(refund(stream, f"p{amount}", None, now, f"r{number}"), now)
        elif kind == "redeem":
            stream.do(redeem(amount, f"s{number}"), now)
        elif kind == "adjust":
            stream.do(adjust(amount, f"j{number}"), now)
        else:
            stream.settle(now)
    except (Refused, LookupError):
        pass


def _as_high_as(with_floor: Stream, without: Stream, floors: list[tuple[str | None, Any]], at: Any) -> None:
    found, own = (settled(stream.member, stream.world.circumstances(at))[0] for stream in (with_floor, without))
    book = with_floor.world.timeline(at).at(at)
    assert book is not None
    tiers = book.tiers["status"]
    floor = 0
    if floors:
        level, until = floors[-1]
        floor = rank(tiers, level) if until is None or at < until else 0
    levels = [member.tiers["status"].level if "status" in member.tiers else None for member in (found, own)]
    assert rank(tiers, levels[0]) == max(floor, rank(tiers, levels[1]))
