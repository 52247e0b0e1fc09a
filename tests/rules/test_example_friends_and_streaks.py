"""What the example rulebooks about people do: a friend who is brought, and days in a row."""

from datetime import date, timedelta

import pytest

from domain.member.commands import PayPrize
from domain.member.events import BadgeGranted, ScoreCounted, StreakMoved
from tests.build import Stream, instant, redeem
from tests.domain.test_scenarios_referrals import Two, refused
from tests.rules.test_example_stories import did, example, granted
from tests.spec import Given, Outcome, Step, do, enrolled, given

# --- refer-a-friend ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "owner", "friend"),
    [
        ("2026-01-04", 0, 0),  # both wait for as long as the friend may give the purchase back
        ("2026-02-01", 0, 0),
        ("2026-02-02", 500, 250 + 40),
    ],
)
def test_both_have_points_once_the_friend_has_kept_the_first_purchase(on: str, owner: int, friend: int) -> None:
    two = Two(example("refer-a-friend"))
    two.enrols()
    two.buys("first", "2026-01-03T10:00", 40_00)
    assert two.have(on + "T12:00") == (owner, friend)


def test_only_the_first_purchase_counts() -> None:
    two = Two(example("refer-a-friend"))
    two.enrols()
    two.buys("first", "2026-01-03", 40_00)
    two.buys("second", "2026-01-04", 60_00)
    assert two.have("2026-06-01") == (500, 250 + 40 + 60)


@pytest.mark.parametrize(
    ("amount", "owner", "friend"),
    [(None, 0, 0), (15_00, 500, 250 + 25)],  # all of it; a part
)
def test_a_purchase_that_comes_back_takes_both_rewards_back_and_a_part_only_its_own(
    amount: int | None, owner: int, friend: int
) -> None:
    two = Two(example("refer-a-friend"))
    two.enrols()
    two.buys("first", "2026-01-03", 40_00)
    two.gives_back("first", "2026-01-10", amount)
    assert two.have("2026-06-01") == (owner, friend)


def test_after_a_return_the_next_purchase_is_the_first() -> None:
    two = Two(example("refer-a-friend"))
    two.enrols()
    two.buys("first", "2026-01-03", 40_00)
    two.gives_back("first", "2026-01-10")
    two.buys("second", "2026-01-11", 60_00)
    assert two.have("2026-06-01") == (500, 250 + 60)


def test_a_code_brings_ten_friends_within_a_year() -> None:
    two = Two(example("refer-a-friend"))
    friends = [Stream(two.world, number=number) for number in range(2, 13)]
    for friend in friends[:10]:
        two.enrols("2026-01-02", friend)
    assert refused(lambda: two.enrols("2026-01-02", friends[10])).code == "limit-reached"
    late = Two(example("refer-a-friend"))
    assert refused(lambda: late.enrols("2027-01-02")).code == "code-outside-window"


# --- streak-app ----------------------------------------------------------------------------------


def lesson(at: str, minutes: int = 10, xp: int = 20) -> Step:
    return did("lesson", f"lesson {at}", at, minutes=minutes, xp=xp)


def lessons(first: str, count: int, **data: int) -> list[Step]:
    start = date.fromisoformat(first)
    return [lesson(f"{start + timedelta(days=number)}T12:00", **data) for number in range(count)]


def learner(*steps: Step) -> Given:
    return given(example("streak-app"), enrolled("2026-01-01"), *steps)


def told(outcome: Outcome) -> tuple[list[int], list[str]]:
    """How long the streak is, where it moved, and the badges that came."""
    moved = [event.current for event in outcome.events if isinstance(event, StreakMoved)]
    return moved, [event.badge for event in outcome.events if isinstance(event, BadgeGranted)]


@pytest.mark.parametrize(
    ("before", "gems", "badges"),
    [
        (5, {}, []),
        (6, {"streak:daily": 50}, ["week"]),
        (7, {}, []),
        (28, {}, []),
        (29, {"streak:daily": 300, "badge:month": 100}, ["month"]),
    ],
)
def test_seven_and_thirty_days_in_a_row_bring_gems_and_badges(
    before: int, gems: dict[str, int], badges: list[str]
) -> None:
    first = date(2026, 1, 1) + timedelta(days=before)
    outcome = learner(*lessons("2026-01-01", before)).when(lesson(f"{first}T12:00"))
    assert granted(outcome) == {"xp": 20} | gems
    assert told(outcome) == ([before + 1], badges)


@pytest.mark.parametrize(
    ("next_lesson", "streak"),
    [
        ("2026-01-04T12:00", [4]),
        ("2026-01-05T12:00", [4]),  # one day may be missed, and is not counted
        ("2026-01-06T12:00", [1]),  # two may not
        ("2026-01-04T03:59", []),  # before four in the morning it is still the third
    ],
)
def test_a_day_may_be_missed_and_begins_at_four(next_lesson: str, streak: list[int]) -> None:
    assert told(learner(*lessons("2026-01-01", 3)).when(lesson(next_lesson)))[0] == streak


def test_a_short_lesson_brings_experience_but_no_day() -> None:
    outcome = learner().when(lesson("2026-01-01T12:00", minutes=4, xp=8))
    assert (granted(outcome), told(outcome)) == ({"xp": 8}, ([], []))


def test_experience_is_limited_a_day_and_never_spent() -> None:
    start = learner()
    got = [granted(start.when(lesson(f"2026-01-01T{12 + n}:00", xp=100)))["xp"] for n in range(4)]
    assert got == [100, 100, 100, 0]
    start.when(do(redeem(10, "try", "xp"), "2026-01-02")).refused("not-eligible")


def test_ten_hours_in_a_month_are_a_badge_of_that_month() -> None:
    start = learner(lesson("2026-01-10T12:00", 300), lesson("2026-01-20T12:00", 299))
    tenth = start.when(lesson("2026-01-30T12:00", 1)).balance(20, currency="gems")
    assert told(tenth)[1] == ["bookworm"]
    tenth.when(lesson("2026-01-31T12:00", 600)).balance(20, currency="gems")
    again = start.when(lesson("2026-02-01T12:00", 600))
    assert told(again)[1] == ["bookworm"]
    again.balance(40, currency="gems")


def test_what_was_learnt_in_a_month_counts_in_the_league_and_the_first_three_win_gems() -> None:
    start = learner()
    counted = start.when(lesson("2026-01-31T12:00", xp=70))
    assert [
        (event.score, date.fromordinal(event.day)) for event in counted.events if isinstance(event, ScoreCounted)
    ] == [(70, date(2026, 1, 31))]
    prize = PayPrize(
        leaderboard="league", board="", period="2026-01", closed_at=instant("2026-02-01"), rulebook=1, rank=2,
        currency="gems", points=50,
    )  # fmt: skip
    start.when(do(prize, "2026-02-01T12:00")).balance(50, currency="gems")
