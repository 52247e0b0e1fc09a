"""Worked cases C: lots, pending points, expiry. Ids are those of the collection of cases."""

from typing import Any

import pytest

from domain.member.commands import RecordActivity
from domain.member.events import Draw
from tests.build import Json, instant, per, points, rulebook
from tests.spec import (
    activated,
    adjusted,
    bought,
    do,
    earned,
    enrolled,
    expired,
    given,
    moved_to,
    published,
    redeemed,
    rescheduled,
    returned,
    spent,
    swept,
)

MONTHS_12 = {"expires": {"after": "P12M", "round_up": "month"}}
EVERY_CENT = points("activity.amount_minor")


def test_c4_a_life_rounded_up_to_the_month_ends_with_the_month() -> None:
    given(rulebook(EVERY_CENT, currency=MONTHS_12), enrolled("2020-01-01")).when(bought(10, at="2020-07-06")).balance(
        10, at="2021-07-31T23:59:59.999999"
    ).balance(0, at="2021-08-01T00:00")


@pytest.mark.parametrize(
    ("life", "earned_on", "ends"),
    [
        ({"after": "P0D", "round_up": "month"}, "2026-01-22", "2026-02-01T00:00"),  # C5
        ({"after": "P0D", "round_up": "year"}, "2018-03-03", "2019-01-01T00:00"),  # C5
        ({"after": "P1M"}, "2026-01-25", "2026-02-26T00:00"),  # C6
        ({"after": "P0M"}, "2026-01-01", "2026-01-02T00:00"),  # C6
        ({"after": "P1M"}, "2026-01-31", "2026-03-01T00:00"),  # C6
        ({"after": "P1M"}, "2024-01-31", "2024-03-01T00:00"),  # C6, leap year
        ({"after": "PT48H"}, "2026-01-01T10:30", "2026-01-03T10:30"),
        ({"after": "P12M", "round_up": "03-31"}, "2026-04-01", "2028-04-01T00:00"),
    ],
)
def test_c5_c6_when_a_lot_ends(life: dict[str, str], earned_on: str, ends: str) -> None:
    given(rulebook(EVERY_CENT, currency={"expires": life}), enrolled("2018-01-01")).when(
        bought(10, at=earned_on)
    ).balance(10).balance(0, at=ends).when(swept(ends)).then(expired(10, ends))


def test_an_end_of_day_is_the_program_zones_on_both_sides_of_a_clock_change() -> None:
    given(
        rulebook(EVERY_CENT, currency={"expires": {"after": "P1D"}}), enrolled("2026-01-01"), zone="Europe/Berlin"
    ).when(bought(10, at="2026-03-28T12:00+01:00")).balance(10, at="2026-03-29T23:59:59+02:00").balance(
        0, at="2026-03-30T00:00+02:00"
    )


def test_c9_what_is_left_of_a_partly_used_lot_expires() -> None:
    book = rulebook(EVERY_CENT, currency={"expires": {"at": "2026-03-01T00:00:00Z"}})
    given(book, enrolled("2025-01-01"), bought(300, at="2025-02-01"), redeemed(200, "2025-05-01")).when(
        swept("2026-03-01T00:00")
    ).then(expired(100, "2026-03-01T00:00")).balance(0)


def test_c10_a_balance_does_not_collapse_when_a_used_lot_ends() -> None:
    book = rulebook(EVERY_CENT, currency={"expires": {"after": "P1M"}})
    given(
        book,
        enrolled(),
        bought(100, "p1", "2026-01-01"),
        redeemed(60, "2026-01-10"),
        bought(50, "p2", "2026-01-20"),
    ).when(swept("2026-02-02T00:00")).then(expired(40)).balance(50)


def test_c11_a_lot_with_a_reason_of_its_own_expires_like_any_other() -> None:
    book = rulebook(currency={"expires": {"after": "P1M"}})
    given(book, enrolled(), adjusted(80, "2026-01-05")).when(swept("2026-02-06T00:00")).then(expired(80)).balance(0)


def test_c14_pending_points_become_available_when_the_return_window_closes() -> None:
    book = rulebook(points(20), currency={"available": {"after": "P7D"}})
    given(book, enrolled()).when(bought(1_00, at="2026-01-02")).then(earned(20)).balance(0, pending=20).when(
        swept("2026-01-09T12:00")
    ).then(activated(20)).balance(20)
    given(book, enrolled(), bought(1_00)).when(returned(None, at="2026-01-05")).balance(0)


def test_c16_pending_points_do_not_count_for_tiers_until_they_are_available() -> None:
    book = rulebook(
        points(20),
        currency={"available": {"after": "P7D"}},
        tiers={"measure": "points_earned", "window": "lifetime", "levels": [{"id": "silver", "at": 20}]},
    )
    outcome = given(book, enrolled()).when(bought(1_00, at="2026-01-02"))
    outcome.then(earned(20)).balance(0, pending=20)
    outcome.when(swept("2026-01-09T11:59:59")).then().when(swept("2026-01-09T12:00")).then(
        activated(20), moved_to("silver")
    ).balance(20)


def test_c16_pending_points_count_at_once_where_the_tier_says_so() -> None:
    book = rulebook(
        points(20),
        currency={"available": {"after": "P7D"}},
        tiers={
            "measure": "points_earned",
            "window": "lifetime",
            "count_pending": True,
            "levels": [{"id": "silver", "at": 20}],
        },
    )
    given(book, enrolled()).when(bought(1_00, at="2026-01-02")).then(earned(20), moved_to("silver")).balance(
        0, pending=20
    )


@pytest.mark.parametrize(
    ("order", "pays"),
    [
        ("expiry_first", (Draw("3.1", 50), Draw("2.1", 10))),
        ("fifo", (Draw("2.1", 50), Draw("3.1", 10))),
        ("lifo", (Draw("3.1", 50), Draw("2.1", 10))),
        ("proportional", (Draw("2.1", 30), Draw("3.1", 30))),
    ],
)
def test_c2_c3_who_pays_first_is_a_policy(order: str, pays: tuple[Draw, ...]) -> None:
    book = rulebook(
        points(50, when="activity.amount_minor == 1"),
        points(50, rule="short", when="activity.amount_minor == 2", expires={"after": "P1M"}),
        currency={"spend_order": order},
    )
    given(book, enrolled(), bought(1, "a", "2026-01-01T13:00"), bought(2, "b", "2026-02-01")).when(
        redeemed(60, "2026-02-10")
    ).then(spent(60, draws=pays))


@pytest.mark.parametrize(
    ("order", "sources", "asked", "paid"),
    [
        ("fifo", [3000, 5000], 6000, [3000, 3000]),
        ("fifo", [5000, 3000], 6000, [5000, 1000]),
        ("lifo", [30, 30], 25, [0, 25]),
        ("proportional", [7500, 2500], 8000, [6000, 2000]),
        ("proportional", [1, 1, 1], 2, [1, 1, 0]),
        ("proportional", [10, 20, 30], 7, [1, 2, 4]),
    ],
)
def test_c2_depletion_by_age_or_in_proportion(order: str, sources: list[int], asked: int, paid: list[int]) -> None:
    history = [bought(amount, f"p{number}", f"2026-01-{number + 2:02}") for number, amount in enumerate(sources)]
    outcome = given(rulebook(EVERY_CENT, currency={"spend_order": order}), enrolled(), *history).when(
        redeemed(asked, "2026-02-01")
    )
    draws = tuple(Draw(f"{number + 2}.1", part) for number, part in enumerate(paid) if part)
    outcome.then(spent(asked, draws=draws)).balance(sum(sources) - asked)


@pytest.mark.parametrize(("order", "left"), [("expiry_first", 40), ("fifo", 0)])
def test_c3_the_soonest_ending_lot_first_lets_nothing_expire(order: str, left: int) -> None:
    """A, of 1 January, never ends; B, of 1 February, ends on 1 March."""
    book = rulebook(
        points(50, when="activity.amount_minor == 1"),
        points(50, rule="short", when="activity.amount_minor == 2", expires={"at": "2026-03-01T00:00:00Z"}),
        currency={"spend_order": order},
    )
    outcome = given(book, enrolled(), bought(1, "a", "2026-01-01T13:00"), bought(2, "b", "2026-02-01")).when(
        redeemed(60, "2026-02-10")
    )
    outcome.balance(40).balance(left, at="2026-03-01T00:00")


# --- inactivity ------------------------------------------------------------------------------------

YEAR_IDLE: Json = {"expires": {"inactive_for": "P12M"}}


def test_points_end_when_a_member_has_been_idle_for_the_period() -> None:
    outcome = given(rulebook(EVERY_CENT, currency=YEAR_IDLE), enrolled(), bought(10, "p1", "2026-01-05")).when(
        bought(20, "p2", "2026-06-05")
    )
    outcome.then(rescheduled("2027-06-06T00:00", lots=("2.1",), reason="activity"), earned(20)).balance(
        30, at="2027-06-05T23:59:59"
    ).balance(0, at="2027-06-06T00:00").when(swept("2027-06-06T00:00")).then(expired(10), expired(20))


def test_only_the_named_activities_keep_points_alive() -> None:
    book = rulebook(
        EVERY_CENT,
        currency={"expires": {"inactive_for": "P6M", "activities": ["purchase"], "round_up": "month"}},
        activities={"login": {}},
    )
    login = RecordActivity(source="app", id="l1", type="login", occurred_at=instant("2026-05-05"))
    given(book, enrolled(), bought(10, "p1", "2026-01-05")).when(do(login, "2026-05-05")).then().balance(
        10, at="2026-07-31T23:59"
    ).balance(0, at="2026-08-01T00:00")


def test_a_bonus_without_any_purchase_counts_from_enrolment() -> None:
    book = rulebook(points(50, rule="welcome", on="member.enrolled"), currency=YEAR_IDLE)
    given(book).when(enrolled("2026-02-01")).balance(50, at="2027-02-01T23:59").balance(0, at="2027-02-02T00:00")


def test_a_late_activity_never_brings_the_end_nearer_and_wakes_nothing_that_is_over() -> None:
    book = rulebook(EVERY_CENT, currency=YEAR_IDLE)
    history = (enrolled(), bought(10, "p1", "2026-06-05"))
    given(book, *history).when(bought(5, "late", "2026-03-01", learned="2026-06-10")).then(
        earned(5, expires_at=instant("2027-06-06T00:00"))
    )
    outcome = given(book, *history).when(bought(5, "later", "2026-08-01", learned="2027-07-01"))
    outcome.balance(5, at="2027-07-01T13:00")


# --- a changed policy ------------------------------------------------------------------------------


def test_a_changed_policy_governs_new_lots() -> None:
    shorter = rulebook(EVERY_CENT, currency={"expires": {"after": "P1M"}})
    given(rulebook(EVERY_CENT), enrolled(), bought(10), published(shorter, "2026-02-01")).when(
        bought(5, "p2", "2026-02-02")
    ).balance(15).balance(10, at="2026-06-01")


def test_a_policy_for_existing_lots_moves_their_ends_once() -> None:
    shorter = rulebook(EVERY_CENT, currency={"expires": {"after": "P3M"}, "expires_applies_to": "existing"})
    history = (
        enrolled(),
        bought(10, at="2026-01-15"),
        bought(20, "p2", "2026-01-20"),
        published(shorter, "2026-02-01"),
    )
    outcome = given(rulebook(EVERY_CENT), *history).when(swept("2026-02-02"))
    outcome.then(
        rescheduled("2026-04-16T00:00", lots=("2.1",), at=instant("2026-02-01"), reason="policy", rulebook=2),
        rescheduled("2026-04-21T00:00", lots=("3.1",)),
    ).balance(30).balance(20, at="2026-04-16T00:00").balance(0, at="2026-04-21T00:00")
    outcome.when(redeemed(5, "2026-02-03")).then(spent(5)).balance(25)


def test_no_lot_ends_before_the_policy_that_ends_it() -> None:
    shorter = rulebook(EVERY_CENT, currency={"expires": {"after": "P1M"}, "expires_applies_to": "existing"})
    given(rulebook(EVERY_CENT), enrolled(), bought(10, at="2026-01-15"), published(shorter, "2026-06-01")).when(
        swept("2026-07-01")
    ).then(rescheduled("2026-06-01"), expired(10, "2026-06-01"))


def test_c12_inactivity_that_is_switched_on_takes_nothing_for_its_first_period() -> None:
    idle = rulebook(EVERY_CENT, currency=YEAR_IDLE | {"expires_applies_to": "existing"})
    history = (enrolled("2020-01-01"), bought(10, at="2020-01-15"), published(idle, "2022-03-01"))
    outcome = given(rulebook(EVERY_CENT), *history).when(swept("2022-03-02"))
    outcome.balance(10, at="2023-03-01T23:59").balance(0, at="2023-03-02T00:00")
    outcome.when(bought(5, "p2", "2022-09-01")).balance(15, at="2023-09-01T23:59").balance(0, at="2023-09-02T00:00")


def test_a_rules_own_life_and_what_was_given_by_hand_stay_as_they_were_promised() -> None:
    def book(**currency: Any) -> Json:
        return rulebook(points(10, expires={"after": "P2M"}), currency=currency)

    shorter = book(expires={"after": "P1M"}, expires_applies_to="existing")
    outcome = given(book(), enrolled(), bought(1), adjusted(7, "2026-01-03"), published(shorter, "2026-01-10")).when(
        swept("2026-01-11")
    )
    assert outcome.entry is None or not outcome.events
    outcome.balance(17, at="2026-02-28").balance(7, at="2026-03-03")


def test_a_lot_that_is_over_on_arrival_is_granted_and_expired_visibly() -> None:
    book = rulebook(per(100, 1), currency={"expires": {"after": "P1M"}})
    given(book, enrolled("2025-01-01")).when(bought(10_00, at="2025-01-05", learned="2026-01-05")).then(
        earned(10), expired(10)
    ).balance(0)
