"""Worked cases E: tiers. Ids are those of the collection of cases."""

import pytest

from domain.member.reading import level_at
from tests.build import Json, World, instant, per, points, redeem, rulebook
from tests.spec import (
    bought,
    do,
    earned,
    enrolled,
    given,
    moved_to,
    published,
    redeemed,
    renewed,
    returned,
    swept,
)

EVERY_CENT = points("activity.amount_minor")
LADDER = [{"id": "silver", "at": 100}, {"id": "gold", "at": 300}]


def test_e2_spending_does_not_demote() -> None:
    book = rulebook(EVERY_CENT, tiers={"levels": LADDER})
    given(book, enrolled(), bought(100)).when(redeemed(100, "2026-01-03")).balance(0).tier("silver")


@pytest.mark.parametrize(
    ("before", "now", "level"),
    [
        (0, 6_000, "bronze"),
        (0, 15_000, "silver"),
        (0, 25_000, "gold"),
        (4_000, 500, "bronze"),
        (8_000, 3_000, "silver"),
        (18_000, 3_000, "gold"),
        (22_000, 5_000, "gold"),
    ],
)
def test_e4_the_purchase_itself_counts_for_the_level(before: int, now: int, level: str) -> None:
    levels = [{"id": "bronze", "at": 0}, {"id": "silver", "at": 10_000}, {"id": "gold", "at": 20_000}]
    book = rulebook(tiers={"measure": "spend", "levels": levels})
    history = [bought(before, "p0")] if before else []
    given(book, enrolled(), *history).when(bought(now, "p1", "2026-01-03")).tier(level)


def test_e13_validity_ends_with_the_last_instant_of_the_local_day() -> None:
    book = rulebook(EVERY_CENT, tiers={"window": "calendar_year", "levels": LADDER})
    given(book, enrolled(), bought(150, at="2026-05-01"), zone="Europe/Berlin").when(
        bought(1, "p2", "2026-05-02")
    ).tier("silver", at="2026-12-31T23:59:59.999999+01:00").when(swept("2027-01-01T00:00+01:00")).then(
        renewed("silver", evidence=151, at=instant("2027-01-01T00:00+01:00"))
    )


def test_a_member_idle_for_three_years_gets_each_review_under_the_rules_of_its_time() -> None:
    book = rulebook(EVERY_CENT, tiers={"window": "calendar_year", "downgrade": "one_step", "levels": LADDER})
    kinder = rulebook(EVERY_CENT, tiers={"window": "calendar_year", "downgrade": "none", "levels": LADDER})
    given(book, enrolled(), bought(300, at="2026-05-01"), published(kinder, "2028-06-01")).when(
        swept("2030-01-01T00:00")
    ).then(
        renewed("gold", evidence=300, rulebook=1),
        moved_to("silver", evidence=0, rulebook=1),
        renewed("silver", evidence=0, rulebook=2),
        renewed("silver", evidence=0, rulebook=2),
    )


def test_a_return_gives_qualifying_points_back_and_the_level_with_them() -> None:
    book = rulebook(EVERY_CENT, tiers={"levels": LADDER})
    given(book, enrolled(), bought(120, "p1", "2026-01-02")).when(returned(100)).tier(None).balance(20)


def test_levels_reached_before_the_returned_purchase_stay() -> None:
    book = rulebook(EVERY_CENT, tiers={"levels": LADDER})
    given(book, enrolled(), bought(100, "p1", "2026-01-02"), bought(250, "p2", "2026-01-05")).when(
        returned(None, of="p2")
    ).tier("silver")


def test_a_level_that_a_late_activity_reaches_counts_from_the_day_it_was_reached() -> None:
    book = rulebook(
        EVERY_CENT,
        points(7, rule="vip", when="member.tiers.status.level == 'silver'"),
        tiers={"levels": LADDER},
    )
    history = (enrolled(), bought(60, "p1", "2026-02-01"), bought(60, "late", "2026-01-15", learned="2026-03-01"))
    given(book, *history).when(bought(1, "before", "2026-01-20", learned="2026-03-02")).balance(60 + 60 + 1)
    given(book, *history).when(bought(1, "after", "2026-02-10", learned="2026-03-02")).balance(60 + 60 + 1 + 7)


def test_a_level_counts_a_window_of_days_by_its_short_name() -> None:
    book = rulebook(EVERY_CENT, tiers={"window": "last_30d", "levels": LADDER})
    given(book, enrolled()).when(bought(150, at="2026-01-02")).tier("silver").tier("silver", at="2026-01-31").tier(
        None, at="2026-03-05"
    )


def test_c16_locked_points_count_for_tiers_only_when_they_unlock() -> None:
    wait = {"available": {"after": "P14D"}}
    book = rulebook(points(150), currency=wait, tiers={"levels": LADDER})
    outcome = given(book, enrolled()).when(bought(1, at="2026-01-02"))
    outcome.tier(None).tier(None, at="2026-01-15T09:59:59Z").tier("silver", at="2026-01-17")


def test_c16_a_set_may_count_locked_points() -> None:
    wait = {"available": {"after": "P14D"}}
    book = rulebook(points(150), currency=wait, tiers={"levels": LADDER, "count_pending": True})
    given(book, enrolled()).when(bought(1, at="2026-01-02")).tier("silver")


def test_locked_points_that_come_back_never_counted() -> None:
    wait = {"available": {"after": "P14D"}}
    book = rulebook(points(150), currency=wait, tiers={"levels": LADDER})
    outcome = given(book, enrolled(), bought(10_00, at="2026-01-02")).when(returned(5_00, at="2026-01-05"))
    outcome.balance(0, pending=75).tier(None, at="2026-02-01").balance(75, at="2026-02-01")


def test_a_small_return_in_the_next_year_leaves_a_level_that_is_still_reached() -> None:
    tiers = {"levels": [{"id": "gold", "at": 100}], "window": "calendar_year", "validity": "end_of_next_period"}
    book = rulebook(per(100, 1), tiers=tiers)
    given(book, enrolled("2025-01-01"), bought(500_50, at="2025-12-10")).when(returned(50, at="2026-01-20")).tier(
        "gold"
    )
    given(book, enrolled("2025-01-01"), bought(120_00, at="2025-12-10")).when(returned(50_00, at="2026-01-20")).tier(
        None
    )


@pytest.mark.parametrize(
    "zone", ["America/Santiago", "America/Asuncion", "Africa/Cairo", "Asia/Beirut", "Europe/Berlin"]
)
@pytest.mark.parametrize("window", ["day", "week", "month"])
def test_reviews_get_past_the_nights_on_which_clocks_are_set(zone: str, window: str) -> None:
    book = rulebook(points(10), tiers={"levels": [{"id": "silver", "at": 10}], "window": window})
    given(book, enrolled("2023-09-01"), bought(1, at="2023-09-30T15:00:00Z"), zone=zone).when(
        bought(1, "p2", "2023-10-03T15:00:00Z")
    ).tier("silver").tier(None, at="2024-06-01")


# --- edited thresholds -----------------------------------------------------------------------------


def ladder(silver: int, **more: object) -> Json:
    return rulebook(EVERY_CENT, tiers={"levels": [{"id": "silver", "at": silver}], **more})


@pytest.mark.parametrize(("on_edit", "after"), [("next_review", "silver"), ("now", None)])
def test_e12_raised_thresholds_move_nobody_until_the_review_or_everybody_at_once(
    on_edit: str, after: str | None
) -> None:
    stricter = ladder(200, on_edit=on_edit)
    outcome = given(ladder(100), enrolled(), bought(150), published(stricter, "2026-03-01")).when(swept("2026-04-01"))
    outcome.tier(after)
    if after is None:
        outcome.then(moved_to(None, at=instant("2026-03-01"), reason="edited", evidence=150, rulebook=2))
    # What was is not rewritten.
    assert level_at(outcome.stream.member, "status", instant("2026-02-28")) == "silver"
    # Nor is the edit made twice: what is earned from here on counts as ever.
    outcome.when(bought(60, "p2", "2026-04-02")).tier("silver").when(swept("2026-05-01")).tier("silver")


@pytest.mark.parametrize(("on_edit", "after"), [("next_review", None), ("now", "silver")])
def test_e12_lowered_thresholds_lift_at_once_only_where_they_say_so(on_edit: str, after: str | None) -> None:
    kinder = ladder(50, on_edit=on_edit)
    given(ladder(100), enrolled(), bought(80), published(kinder, "2026-03-01")).when(swept("2026-04-01")).tier(after)


def test_e12_a_review_that_is_due_looks_under_the_new_thresholds() -> None:
    """`next_review`: the level stays for the year it was promised for."""
    yearly = {"window": "calendar_year"}
    history = (enrolled(), bought(150), published(ladder(200, **yearly), "2026-03-01"))
    given(ladder(100, **yearly), *history).when(swept("2026-12-31")).tier("silver").when(
        bought(30, "p2", "2026-12-31T13:00")
    ).tier("silver").tier(None, at="2027-01-01T00:00")


def test_an_edit_counts_from_when_it_is_in_force_not_from_when_it_is_published() -> None:
    book = ladder(100)
    world = World(book)
    outcome = given(world, enrolled(), bought(150))
    world.publish(ladder(200, on_edit="now"), instant("2026-02-01"), effective_from=instant("2026-03-01"))
    outcome.when(bought(10, "p2", "2026-02-10")).tier("silver").tier("silver", at="2026-02-28").tier(
        None, at="2026-03-02"
    ).when(bought(1, "p3", "2026-03-05")).tier(None).when(bought(100, "p4", "2026-03-06")).tier("silver")


def test_an_edit_of_something_else_moves_nobody() -> None:
    """`on_edit: now` was true before and is still; the level was kept by `downgrade: none`."""
    kept = {"window": "calendar_year", "downgrade": "none", "on_edit": "now"}
    richer = rulebook(points(7), tiers={"levels": [{"id": "silver", "at": 100}], **kept})
    given(ladder(100, **kept), enrolled(), bought(150), published(richer, "2028-03-01")).when(swept("2028-04-01")).tier(
        "silver"
    )


def test_a_member_who_joins_after_an_edit_is_not_touched_by_it() -> None:
    book = ladder(100)
    given(book, published(ladder(200, on_edit="now"), "2026-03-01"), enrolled("2026-03-02")).when(
        bought(250, at="2026-03-03")
    ).then(earned(250), moved_to("silver", rulebook=2))


def test_e15_spending_one_currency_leaves_the_qualifying_one_alone() -> None:
    book = rulebook(
        EVERY_CENT,
        points("activity.amount_minor", rule="status", currency="credits"),
        currencies={"credits": {"spendable": False, "scale": 2}},
        tiers={"measure": "points_earned:credits", "levels": LADDER},
    )
    outcome = given(book, enrolled(), bought(600)).when(redeemed(500, "2026-01-03"))
    outcome.balance(100).balance(600, currency="credits").tier("gold")
    outcome.when(do(redeem(1, "other", currency="credits"), "2026-01-04")).refused("not-eligible")
