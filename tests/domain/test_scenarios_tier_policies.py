"""Worked cases E1, E3, E4, E8, E11: how levels are reached, held and lost under other policies than the usual."""

from typing import Any

import pytest

from application.views import shown
from domain.member.events import TierChanged, TierGraceBegan, TierUpgradePlanned
from domain.member.settle import settled
from tests.build import DAY, Json, instant, points, rulebook
from tests.spec import (
    Outcome,
    Told,
    adjusted,
    bought,
    earned,
    enrolled,
    expired,
    given,
    moved_to,
    published,
    redeemed,
    renewed,
    returned,
    spent,
    swept,
)

EVERY_CENT = points("activity.amount_minor")
LADDER = [{"id": "silver", "at": 100}, {"id": "gold", "at": 300}]
BALANCE = "member.balances.points.available"


def tiers(*rules: Json, currency: Json | None = None, levels: Any = LADDER, **policy: Any) -> Json:
    return rulebook(EVERY_CENT, *rules, currency=currency, tiers={"levels": levels, **policy})


def read(outcome: Outcome, at: str) -> Any:
    """The set as a member's read shows it."""
    circumstances = outcome.stream.world.circumstances(instant(at))
    member, _ = settled(outcome.stream.member, circumstances)
    return shown(member, circumstances, instant(at))["tiers"]["status"]


# --- levels of a balance ---------------------------------------------------------------------------


@pytest.mark.parametrize(("active", "level"), [(5, None), (10, "L1"), (30, "L2")])
def test_e1_a_yearly_review_of_active_points_comes_before_their_reset(active: int, level: str | None) -> None:
    levels = [{"id": "L1", "at": 10}, {"id": "L2", "at": 30}, {"id": "L3", "at": 100}]
    book = tiers(
        currency={"expires": {"after": "P1D", "round_up": "year"}},
        levels=levels,
        measure=BALANCE,
        window="calendar_year",
        validity="end_of_period",
    )
    start = given(book, enrolled()).when(bought(10, "a", "2026-02-01")).tier("L1")
    start = start.when(bought(20, "b", "2026-03-01")).tier("L2")
    if active < 30:
        start = start.when(redeemed(30 - active, "2026-04-01")).tier("L2")
    review = renewed("L2") if level == "L2" else moved_to(level, reason="review", evidence=active)
    ends = [expired(left, "2027-01-01T00:00") for left in ([10, 20] if active == 30 else [active])]
    start.when(swept("2027-01-02")).then(review, *ends).balance(0).tier(level)


def test_e3_levels_of_a_balance_go_up_and_down_with_it() -> None:
    levels = [
        {"id": "basic", "at": 0},
        {"id": "silver", "at": 100},
        {"id": "gold", "at": 500},
        {"id": "platinum", "at": 1000},
    ]
    book = tiers(levels=levels, measure=BALANCE, demote="at_once")
    start = given(book, enrolled()).when(bought(100, "a", "2026-01-10")).tier("silver")
    start = start.when(redeemed(50, "2026-02-15")).tier("basic")
    start = start.when(bought(500, "b", "2026-02-25")).tier("gold").balance(550)
    start = start.when(adjusted(450, "2026-02-26")).tier("platinum")
    start.when(returned(None, "b", "2026-02-27")).tier("gold").balance(500)


def test_a_level_of_a_balance_falls_when_a_lot_ends_whether_or_not_anybody_came_by() -> None:
    book = tiers(measure=BALANCE, demote="at_once", currency={"expires": {"after": "P30D"}})
    outcome = given(book, enrolled(), bought(100, "a", "2026-01-02")).when(bought(50, "b", "2026-01-20"))
    outcome.tier("silver", at="2026-02-01T23:59").tier(None, at="2026-02-02T00:00")
    outcome.when(swept("2026-03-01")).then(
        expired(100, "2026-02-02T00:00"), moved_to(None, reason="fell", at=instant("2026-02-02T00:00")), expired(50)
    )


def test_a_lifetime_that_sinks_may_demote_at_once() -> None:
    start = given(tiers(demote="at_once"), enrolled(), bought(100, "a"), bought(50, "b", "2026-01-03"))
    start.when(returned(60, "a", "2026-01-10")).tier(None)


def test_an_expression_may_add_up_and_one_without_a_value_counts_as_nothing() -> None:
    book = tiers(measure="member.counters.spend.ever / (member.counters.visits.ever - 1)", demote="at_once")
    start = given(book, enrolled()).when(bought(500, "a")).tier(None)
    start.when(bought(100, "b", "2026-01-03")).tier("gold").when(bought(0, "c", "2026-01-04")).tier("gold")


# --- when a level begins ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "level"),
    [(0, 15_000, None), (8_000, 3_000, None), (10_000, 5_000, "silver"), (22_000, 5_000, "gold")],
)
def test_e4_the_purchase_itself_may_not_count(before: int, now: int, level: str | None) -> None:
    levels = [{"id": "silver", "at": 10_000}, {"id": "gold", "at": 20_000}]
    book = tiers(levels=levels, measure="spend", count_current=False)
    history = [bought(before, "p0")] if before else []
    given(book, enrolled(), *history).when(bought(now, "p1", "2026-01-03")).tier(level)


@pytest.mark.parametrize(("at", "level"), [("2026-02-09T20:00", "silver"), ("2026-02-10T00:00", None)])
def test_what_comes_before_counts_in_years_of_the_members_own(at: str, level: str | None) -> None:
    book = tiers(window="anniversary", count_current=False)
    given(book, enrolled("2025-02-10"), bought(120, "a", "2026-02-09")).when(bought(1, "b", at)).tier(level)


def test_a_level_may_begin_with_the_next_period() -> None:
    book = tiers(window="calendar_year", upgrade="next_period", validity="end_of_period")
    start = given(book, enrolled()).when(bought(150, "a", "2026-05-01"))
    start.then(earned(150), Told(TierUpgradePlanned, {"at": instant("2027-01-01T00:00")})).tier(None)
    assert read(start, "2026-05-02")["begins"] == instant("2027-01-01T00:00")
    start.tier(None, at="2026-12-31T23:59").tier("silver", at="2027-01-01T00:00").tier(None, at="2028-01-01T00:00")
    start.when(swept("2027-01-02")).then(
        moved_to(
            "silver", set="status", from_=None, reason="reached", evidence=150, rulebook=1,
            at=instant("2027-01-01T00:00"), valid_until=instant("2028-01-01T00:00"),
        )
    )  # fmt: skip
    start.when(bought(200, "b", "2026-06-01")).tier("gold", at="2027-01-01T00:00")


def test_what_begins_with_a_period_is_judged_by_the_period_before_in_the_members_calendar() -> None:
    """The first is one of the new year already, in Tokyo; the second one of the last minute of the old one."""
    book = tiers(window="calendar_year", upgrade="next_period", validity="end_of_period")
    story = given(book, enrolled(), bought(100, "a", "2026-12-31T22:00"), zone="Asia/Tokyo")
    story.when(swept("2027-01-01T20:00")).tier(None)
    story = given(book, enrolled(), bought(100, "a", "2026-12-31T14:59"), zone="Asia/Tokyo")
    story.when(swept("2027-01-01T20:00")).then(
        moved_to("silver", evidence=100, at=instant("2026-12-31T15:00"), valid_until=instant("2027-12-31T15:00"))
    )


def test_a_higher_level_that_is_held_already_does_not_begin_again() -> None:
    book = tiers(window="calendar_year", upgrade="next_period", validity="end_of_next_period")
    story = given(book, enrolled(), bought(300, "a", "2025-05-01"), bought(150, "b", "2026-06-01"))
    story.when(swept("2027-01-02")).tier("gold")


def test_levels_of_a_set_that_has_left_the_rules_end_as_they_were_promised() -> None:
    steps = [enrolled(), bought(120, "a", "2026-02-01"), published(rulebook(EVERY_CENT), "2026-04-01")]
    story = given(tiers(window="calendar_year", validity="end_of_period"), *steps)
    story.when(swept("2027-01-02")).then(
        moved_to(
            None, set="status", from_="silver", reason="withdrawn", evidence=0, at=instant("2027-01-01T00:00"),
            rulebook=2, valid_until=None,
        )
    )  # fmt: skip
    planned = given(tiers(window="calendar_year", upgrade="next_period"), *steps)
    planned.when(swept("2027-01-02")).then(Told(TierUpgradePlanned, {"set": "status", "at": None})).tier(None)


def test_a_level_for_the_next_period_does_not_begin_when_it_was_taken_back() -> None:
    book = tiers(window="calendar_year", upgrade="next_period")
    start = given(book, enrolled(), bought(150, "a", "2026-05-01")).when(returned(100, "a", "2026-05-02"))
    start.when(swept("2027-01-02")).then(Told(TierUpgradePlanned, {"at": None})).tier(None)


# --- years that begin with the member --------------------------------------------------------------


def test_an_anniversary_window_counts_years_since_enrolment() -> None:
    book = tiers(window="anniversary")
    start = given(book, enrolled("2024-02-29"), bought(60, "a", "2025-02-27")).when(bought(60, "b", "2025-02-28"))
    start.tier(None).when(bought(60, "c", "2026-02-27")).then(
        earned(60), moved_to("silver", evidence=120, valid_until=instant("2026-02-28T00:00"))
    ).tier("silver", at="2026-02-27T23:59").when(swept("2026-03-01")).then(
        renewed("silver", evidence=120, valid_until=instant("2027-02-28T00:00"))
    ).tier(None, at="2027-02-28T00:00")


def test_a_tier_anniversary_window_begins_with_the_level() -> None:
    book = tiers(window="tier_anniversary")
    start = given(book, enrolled("2026-01-01")).when(bought(120, "a", "2026-03-10"))
    start.then(earned(120), moved_to("silver", valid_until=instant("2027-03-10T00:00")))
    start = start.when(bought(110, "b", "2027-03-09"))
    start.when(swept("2027-03-11")).then(renewed("silver", evidence=230, valid_until=instant("2028-03-10T00:00")))
    start.tier(None, at="2028-03-10T00:00")


# --- grace and minimum stay ------------------------------------------------------------------------


YEARLY: Json = {"window": "calendar_year"}


def test_grace_lets_a_level_stand_and_then_go() -> None:
    book = tiers(**YEARLY, grace="P30D")
    start = given(book, enrolled(), bought(100, "a", "2026-05-01")).when(swept("2027-01-02"))
    start.then(renewed("silver")).when(swept("2028-01-02")).then(
        Told(TierGraceBegan, {"level": "silver", "evidence": 0, "until": instant("2028-01-31T00:00")})
    ).tier("silver", at="2028-01-30T23:59").tier(None, at="2028-01-31T00:00")
    assert read(start, "2028-01-15")["grace"] is True


def test_what_is_earned_in_grace_keeps_the_level_as_if_it_had_come_in_time() -> None:
    book = tiers(**YEARLY, grace="P30D")
    start = given(
        book, enrolled(), bought(100, "a", "2026-05-01"), bought(60, "b", "2027-05-01"), bought(40, "c", "2028-01-20")
    )
    start.when(swept("2028-02-01")).then(
        renewed("silver", evidence=100, at=instant("2028-01-31T00:00"), valid_until=instant("2029-01-01T00:00"))
    )


def test_a_minimum_stay_puts_a_review_off() -> None:
    book = tiers(**YEARLY, min_stay="P18M")
    start = given(book, enrolled()).when(bought(100, "a", "2026-12-15")).tier("silver")
    start.when(swept("2028-01-02")).then(
        renewed("silver", evidence=100), renewed("silver", evidence=0, valid_until=instant("2028-06-16T00:00"))
    ).tier("silver", at="2028-06-15T23:59").tier(None, at="2028-06-16T00:00")


@pytest.mark.parametrize(("more", "after"), [(None, None), (99, None), (100, "silver")])
def test_a_level_that_its_minimum_stay_alone_holds_falls_when_that_ends(more: int | None, after: str | None) -> None:
    book = tiers(measure=BALANCE, demote="at_once", min_stay="P3M")
    start = given(book, enrolled(), bought(100, "a", "2026-01-02")).when(redeemed(100, "2026-01-03")).tier("silver")
    if more is not None:
        start = start.when(bought(more, "b", "2026-03-01"))
    start.tier("silver", at="2026-04-02T23:59").tier(after, at="2026-04-03").tier(after, at="2030-01-01")
    start.when(swept("2026-04-10")).tier(after)


@pytest.mark.parametrize("window", ["lifetime", "calendar_year"])
@pytest.mark.parametrize(("more", "falls"), [(0, True), (1, False)])
def test_the_end_of_a_minimum_stay_is_the_same_for_who_is_idle_and_who_is_swept_daily(
    window: str, more: int, falls: bool
) -> None:
    book = tiers(measure=BALANCE, window=window, demote="at_once", min_stay="P2M")
    steps = [enrolled("2026-01-01"), adjusted(100, "2026-01-04"), redeemed(1, "2026-01-05")]
    if more:
        steps.append(adjusted(more, "2026-02-01", "more"))
    idle, daily = given(book, *steps), given(book, *steps)
    for day in range(700):
        daily.stream.settle(instant("2026-02-02") + day * DAY)
    idle.stream.settle("2028-01-05")
    first = len(steps)
    paths = [[event for entry in story.stream.entries[first:] for event in entry.events] for story in (idle, daily)]
    assert paths[0] == paths[1]
    moves = [(event.to, event.at) for event in paths[0] if isinstance(event, TierChanged)]
    assert moves == ([(None, instant("2026-03-05T00:00"))] if falls else [])
    found = idle.stream.member.tiers["status"]
    usual = given(book, *steps[:2])
    usual.stream.settle("2028-01-05")
    assert found == daily.stream.member.tiers["status"]
    if not falls:
        assert found == usual.stream.member.tiers["status"]


def test_a_minimum_stay_holds_against_demotion_at_once_not_against_a_return() -> None:
    book = tiers(measure=BALANCE, demote="at_once", min_stay="P3M")
    start = given(book, enrolled(), bought(100, "a", "2026-01-02")).when(redeemed(100, "2026-01-03")).tier("silver")
    start.when(bought(1, "b", "2026-04-10")).tier(None)
    book = tiers(min_stay="P3M")
    given(book, enrolled(), bought(100, "a", "2026-01-02")).when(returned(None, "a", "2026-01-05")).tier(None)


# --- what it takes to keep or reach ----------------------------------------------------------------


def test_e8_what_is_missing_to_keep_a_level_in_points_and_in_visits() -> None:
    book = tiers(window="calendar_year", levels=[{"id": "gold", "at": 5_000}])
    start = given(book, enrolled(), bought(5_000, "a", "2026-05-01")).when(bought(4_000, "b", "2027-05-01"))
    found = read(start, "2027-06-01")
    assert (found["level"], found["progress"]) == ("gold", 4_000)
    assert found["keep"] == {"level": "gold", "needs": 1_000, "by": instant("2028-01-01T00:00")}
    start.tier(None, at="2028-01-01T00:00")
    book = tiers(window="calendar_year", measure="visits", levels=[{"id": "regular", "at": 10}])
    visits = [bought(1, f"p{number}", "2026-05-01" if number < 10 else "2027-05-01") for number in range(17)]
    last = given(book, enrolled(), *visits).when(bought(1, "p17", "2027-05-01"))
    assert read(last, "2027-06-01")["keep"]["needs"] == 2


def test_e11_a_read_projects_the_level_and_the_balance_at_the_review() -> None:
    book = tiers(window="calendar_year", currency={"expires": {"after": "P6M"}})
    start = given(book, enrolled(), bought(300, "a", "2026-05-01")).when(bought(120, "b", "2027-08-01"))
    found = read(start, "2027-09-01")
    assert found["projected"] == {
        "at": instant("2028-01-01T00:00"),
        "level": "silver",
        "needs": 180,
        "balances": {"points": 120},
    }
    assert found["keep"] == {"level": "gold", "needs": 180, "by": instant("2028-01-01T00:00")}
    assert found["next"] is None


def test_points_that_leave_a_rolling_window_before_the_review_are_missing_then() -> None:
    start = given(tiers(window="rolling P12M"), enrolled()).when(bought(80, "a", "2026-01-10"))
    start = start.when(bought(40, "b", "2026-06-01")).tier("silver").when(bought(40, "c", "2026-07-01"))
    found = read(start, "2026-12-01")
    assert (found["keep"]["needs"], found["projected"]["needs"], found["projected"]["level"]) == (0, 60, None)


def test_idle_for_three_years_one_read_shows_what_three_reviews_did() -> None:
    book = tiers(window="calendar_year", downgrade="one_step", levels=[*LADDER, {"id": "top", "at": 900}])
    start = given(book, enrolled()).when(bought(900, "a", "2026-05-01"))
    found = read(start, "2030-06-01")
    assert found["level"] is None
    start.tier("top", at="2027-12-31").tier("gold", at="2028-06-01").tier("silver", at="2029-06-01")
    start.when(swept("2030-06-01")).then(
        renewed("top", at=instant("2027-01-01T00:00")),
        moved_to("gold", at=instant("2028-01-01T00:00")),
        moved_to("silver", at=instant("2029-01-01T00:00")),
        moved_to(None, at=instant("2030-01-01T00:00")),
    )


# --- reviews within a grace, and of a minimum stay ---------------------------------------------------


@pytest.mark.parametrize(
    ("grace", "ends", "until"), [("P31D", "2026-04-01", "2026-05-01"), ("P40D", "2026-04-10", "2026-05-01")]
)
def test_a_level_that_is_kept_in_a_grace_beyond_its_period_holds_for_the_period_of_that_day(
    grace: str, ends: str, until: str
) -> None:
    book = tiers(window="month", validity="end_of_period", grace=grace)
    story = given(book, enrolled(), bought(120, "a", "2026-01-10"), swept("2026-03-02"))
    end = instant(f"{ends}T00:00")
    story.when(bought(120, "b", "2026-03-30")).when(swept(end)).then(
        renewed("silver", evidence=120, at=end, valid_until=instant(f"{until}T00:00"))
    ).tier("silver")


STAY: Json = {"measure": BALANCE, "demote": "at_once", "min_stay": "P3M"}


@pytest.mark.parametrize("more", [{}, {"downgrade": "one_step"}, {"downgrade": "none"}, {"grace": "P30D"}])
def test_what_its_minimum_stay_alone_held_falls_to_what_the_member_has(more: Json) -> None:
    story = given(tiers(**STAY, **more), enrolled(), bought(350, "a", "2026-01-02"))
    lost = story.when(redeemed(330, "2026-01-10")).then(
        spent(330), renewed("gold", evidence=20, valid_until=instant("2026-04-03T00:00"))
    )
    lost.tier("gold", at="2026-04-02T23:59").when(swept("2026-04-04")).then(
        moved_to(None, from_="gold", reason="review", evidence=20, at=instant("2026-04-03T00:00"))
    )


def test_a_level_that_the_member_has_again_when_its_minimum_stay_ends_is_kept_and_not_celebrated() -> None:
    loyal = points(100, rule="loyal", on="tier.renewed")
    story = given(tiers(loyal, **STAY), enrolled(), bought(350, "a", "2026-01-02"), redeemed(330, "2026-01-10"))
    story.when(bought(300, "b", "2026-02-01")).tier("gold")
    story.when(swept("2026-04-04")).then(renewed("gold", evidence=320, at=instant("2026-04-03T00:00"))).balance(320)
