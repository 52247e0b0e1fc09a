"""Badges: once, or once a period; for conditions and for marks; and what returns do to them."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.member.events import BadgeGranted, BadgeRevoked, StreakMoved, TierChanged
from tests.build import Json, Stream, World, enrol, per, purchase, rulebook
from tests.domain.test_scenarios_streaks import days, logged_in, streaks, total
from tests.spec import Outcome, Told, bought, clawed_back, earned, enrolled, failed, given, published, returned

SPENDER: Json = {"measure": "spend", "at": 100_00, "points": 50}


def badges(*rules: Json, **more: Any) -> Json:
    """A rulebook with one badge `best`."""
    extra = {name: more.pop(name) for name in ("tiers", "currencies", "currency") if name in more}
    return rulebook(*rules, badges={"best": more}, **extra)


def got(**fields: Any) -> Told:
    return Told(BadgeGranted, {"badge": "best", **fields})


def lost(**fields: Any) -> Told:
    return Told(BadgeRevoked, {"badge": "best", **fields})


def held(outcome: Outcome) -> int:
    found = outcome.stream.member.badges.get("best")
    assert outcome.entry is not None
    assert outcome.entry.after is not None
    assert outcome.entry.after.badges == ({"best": found.count} if found else {})
    return found.count if found else 0


# --- granted -------------------------------------------------------------------------------------


def test_i9_a_seven_day_streak_is_achieved_once_and_the_eighth_day_gives_nothing() -> None:
    best = {"on": "login", "when": "history.streak('daily') >= 7", "points": 100}
    book = streaks(badges={"best": best})
    seventh = given(book, enrolled(), *days("2026-01-01", 6)).when(logged_in("2026-01-07"))
    seventh.then(Told(StreakMoved, {"current": 7}), got(period="ever"), earned(100, "badge:best")).balance(100)
    seventh.when(logged_in("2026-01-08")).then(Told(StreakMoved, {"current": 8})).balance(100)
    # Nor does another streak of seven days.
    again = given(book, enrolled(), *days("2026-01-01", 7), *days("2026-02-01", 6)).when(logged_in("2026-02-07"))
    again.then(Told(StreakMoved, {"current": 7})).balance(100)
    assert held(again) == 1


def test_a_mark_is_reached_with_the_activity_that_reaches_it() -> None:
    first = given(badges(**SPENDER), enrolled(), bought(60_00, "p1")).when(bought(40_00, "p2"))
    first.then(got(), earned(50, "badge:best")).balance(50)
    first.when(bought(500_00, "p3")).then().balance(50)


@pytest.mark.parametrize(
    ("per_", "window", "on", "times"),
    [
        ("month", "month", ["01-02", "01-20", "02-01"], 2),
        ("month", "ever", ["01-02", "01-20", "02-01"], 2),
        ("ever", "month", ["01-02", "01-20", "02-01"], 1),
        ("week", "P7D", ["01-05", "01-11", "01-12"], 2),
        ("year", "year", ["01-02", "12-31"], 1),
    ],
)
def test_once_a_period(per_: str, window: str, on: list[str], times: int) -> None:
    book = badges(**SPENDER, per=per_, window=window)
    *before, last = (bought(100_00, f"p{number}", f"2026-{day}") for number, day in enumerate(on))
    outcome = given(book, enrolled(), *before).when(last).balance(50 * times)
    assert held(outcome) == times


def test_a_late_activity_brings_the_badge_of_its_own_period() -> None:
    book = badges(**SPENDER, per="month", window="month")
    outcome = given(book, enrolled(), bought(100_00, "p1", "2026-02-01")).when(
        bought(100_00, "p2", "2026-01-15", learned="2026-02-02")
    )
    outcome.then(got(period="2026-01"), earned(50, "badge:best")).balance(100)


def test_a_condition_sees_the_member_as_the_activity_leaves_it() -> None:
    silver = {"levels": [{"id": "silver", "at": 100}]}
    book = badges(per(1_00, 1), on="purchase", when="member.tiers.status.level == 'silver'", tiers=silver)
    given(book, enrolled()).when(bought(100_00)).then(
        earned(100), Told(TierChanged, {"to": "silver"}), got()
    )  # without points, it is only a badge


def test_points_of_a_badge_count_for_tiers() -> None:
    silver = {"levels": [{"id": "silver", "at": 50}]}
    given(badges(**SPENDER, tiers=silver), enrolled()).when(bought(100_00)).tier("silver")


def test_a_condition_that_fails_is_not_met_and_says_so() -> None:
    book = badges(on="purchase", when="1000 / activity.amount_minor > 1")
    given(book, enrolled()).when(bought(0)).then(failed("badge:best"))


def test_who_reached_a_mark_before_it_was_published_gets_it_with_the_next_activity() -> None:
    first = given(rulebook(), enrolled(), bought(150_00, "p1", "2026-01-02"))
    outcome = first.when(published(badges(**SPENDER), "2026-01-03"))
    outcome.when(bought(1_00, "p2", "2026-01-04")).then(got(), earned(50, "badge:best"))


# --- returned ------------------------------------------------------------------------------------


def test_a_badge_stays_with_a_return_and_its_points_go() -> None:
    bad = given(badges(**SPENDER), enrolled(), bought(100_00, "p1")).when(returned(None))
    bad.then(clawed_back(50, rule="badge:best")).balance(0)
    assert held(bad) == 1
    # It is held, so that it brings nothing again: bought and returned any number of times is nothing.
    again = bad.when(bought(100_00, "p2", "2026-01-11"))
    again.then().balance(0)


def test_a_badge_that_is_revoked_may_be_granted_again() -> None:
    book = badges(**SPENDER, reversal="revoke")
    bad = given(book, enrolled(), bought(100_00, "p1")).when(returned(None))
    bad.then(clawed_back(50), lost(period="ever")).balance(0)
    assert held(bad) == 0
    bad.when(bought(100_00, "p2", "2026-01-11")).then(got(), earned(50, "badge:best")).balance(50)


def test_a_mark_is_lost_by_whichever_return_falls_short_of_it() -> None:
    book = badges(**SPENDER, reversal="revoke")
    three = given(book, enrolled(), bought(60_00, "p1"), bought(60_00, "p2"), bought(10_00, "p3"))
    part = three.when(returned(20_00, "p1", id="r1"))
    part.then().balance(50)
    part.when(returned(20_00, "p1", id="r2")).then(clawed_back(50), lost()).balance(0)


def test_what_came_later_does_not_save_a_mark_of_its_own_time() -> None:
    book = badges(**SPENDER, reversal="revoke", per="month", window="month")
    two = given(book, enrolled(), bought(100_00, "p1", "2026-01-02"), bought(300_00, "p2", "2026-02-02"))
    outcome = two.when(returned(1_00, "p1", "2026-02-10"))
    outcome.then(clawed_back(50), lost(period="2026-01")).balance(50)


def test_a_condition_is_lost_with_the_whole_activity_that_met_it() -> None:
    book = badges(on="purchase", when="activity.amount_minor >= 5000", points=30, reversal="revoke")
    one = given(book, enrolled(), bought(60_00, "p1")).when(returned(30_00, "p1", id="r1"))
    one.then().balance(30)
    one.when(returned(None, "p1", id="r2")).then(clawed_back(30), lost()).balance(0)


@pytest.mark.parametrize("reversal", ["keep", "revoke"])
def test_d15_bought_and_returned_any_number_of_times_is_nothing(reversal: str) -> None:
    book = badges(per(1_00, 1), **SPENDER, reversal=reversal, per="month", window="month")
    stream = Stream(World(book))
    stream.do(enrol(), "2026-01-01")
    for number in range(5):
        day = str(date(2026, 1, 2) + timedelta(days=10 * number))
        stream.do(purchase(150_00, f"p{number}", day), day)
        returned(None, f"p{number}", f"{day}T20:00", id=f"r{number}").act(stream)
    assert total(stream) == 0
