"""Streaks: calendar periods in a row, their awards, late ticks, journeys and returns."""

# ruff: noqa: A002 - things are told apart by their `id`, in tests as in bodies

import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from domain.member.commands import ChangeMember, RecordActivity, ReturnActivity
from domain.member.events import PointsClawedBack, PointsEarned, StreakMoved
from domain.member.state import Month
from tests.build import Json, Stream, World, enrol, instant, points, rulebook
from tests.spec import Given, Outcome, Step, Told, clawed_back, do, earned, enrolled, failed, given, lawful, published

HATCHED = [{"every": 1, "points": 5}, {"at": 7, "points": 50}, {"at": 30, "points": 200}]


def streaks(*awards: Json, activities: Json | None = None, rules: tuple[Json, ...] = (), **more: Any) -> Json:
    """A rulebook with one streak `daily`, on logins."""
    policy = {name: more.pop(name) for name in ("period", "grace", "when", "on") if name in more}
    data = {"type": "object", "properties": {"minutes": {"type": "integer"}}}
    kinds = {"login": {"data": data}} | (activities or {})
    return rulebook(
        *rules, activities=kinds, streaks={"daily": {"on": "login", **policy, "awards": list(awards)}}, **more
    )


def login(at: str | datetime, id: str | None = None, zone: str | None = None, **data: Any) -> RecordActivity:
    return RecordActivity(
        source="app", id=id or f"at {at}", type="login", occurred_at=instant(at), data=data, time_zone=zone
    )


def logged_in(at: str, learned: str | None = None, **more: Any) -> Step:
    return do(login(at, **more), learned or at)


def undone(at: str, of: str, id: str | None = None) -> Step:
    def command(stream: Stream) -> ReturnActivity:
        return ReturnActivity(
            source="app", id=id or f"not {of}", activity_source="app", activity_id=f"at {of}",
            original=stream.version_of(f"at {of}"), occurred_at=instant(at),
        )  # fmt: skip

    return do(command, at)


def days(first: str, count: int) -> list[Step]:
    start = date.fromisoformat(first)
    return [logged_in((start + timedelta(days=number)).isoformat()) for number in range(count)]


def stands(outcome: Outcome | Given) -> tuple[int, int, int]:
    """Current, longest and previous, as the last activity left them."""
    found = outcome.stream.member.streaks["daily"]
    return found.current, found.longest, found.previous


def moved(current: int, **fields: Any) -> Told:
    return Told(StreakMoved, {"streak": "daily", "current": current, **fields})


def total(stream: Stream) -> int:
    events = [event for entry in stream.entries for event in entry.events]
    return sum(one.points for one in events if isinstance(one, PointsEarned)) - sum(
        one.points for one in events if isinstance(one, PointsClawedBack)
    )


# --- the scenarios -------------------------------------------------------------------------------


def test_i1_five_a_day_fifty_at_seven_two_hundred_at_thirty() -> None:
    book = streaks(*HATCHED)
    week = given(book, enrolled(), *days("2026-01-02", 6)).when(logged_in("2026-01-08"))
    week.then(moved(7, reason="ticked"), earned(5, "streak:daily"), earned(50, "streak:daily")).balance(85)
    given(book, enrolled(), *days("2026-01-02", 29)).when(logged_in("2026-01-31")).balance(400)


def test_i2_a_missed_day_breaks_the_streak_and_what_it_was_is_kept() -> None:
    outcome = given(streaks(), enrolled(), *days("2026-01-01", 3)).when(logged_in("2026-01-05"))
    outcome.then(moved(1, longest=3, previous=3, reason="begun"))
    assert stands(outcome) == (1, 3, 3)


def test_i3_calendar_days_count_not_hours() -> None:
    first = given(streaks(), enrolled(), logged_in("2026-01-05T01:00"))
    assert stands(first.when(logged_in("2026-01-06T23:00"))) == (2, 2, 0)


def test_i4_days_are_those_of_the_activitys_own_zone() -> None:
    book = streaks(zone_policy="activity")
    evening, night = "2026-01-05T23:00-08:00", "2026-01-06T01:00-08:00"
    assert instant(evening).date() == instant(night).date(), "the same day in UTC"
    first = given(book, enrolled(), logged_in(evening, zone="America/Los_Angeles"))
    assert stands(first.when(logged_in(night, zone="America/Los_Angeles"))) == (2, 2, 0)


@pytest.mark.parametrize(
    ("policy", "current"),
    [("program", 2), ("member", 1), ("activity", 1), ("utc", 1)],
    ids=["in Berlin", "in New York", "in Tokyo", "in UTC"],
)
def test_i5_whose_calendar_counts_is_a_policy(policy: str, current: int) -> None:
    # 22:30 and 23:30 of one day in UTC are two days in Berlin, one in New York, and one in Tokyo.
    book = streaks(zone_policy=policy)
    outcome = given(
        book,
        enrolled(time_zone="America/New_York"),
        logged_in("2026-01-05T22:30", zone="Asia/Tokyo"),
        zone="Europe/Berlin",
    ).when(logged_in("2026-01-05T23:30", zone="Asia/Tokyo"))
    assert stands(outcome)[0] == current
    zones = {"program": "Europe/Berlin", "member": "America/New_York", "activity": "Asia/Tokyo", "utc": "UTC"}
    assert outcome.stream.member.streaks["daily"].zone == zones[policy], "the zone is pinned"


def test_i5_a_day_may_begin_at_another_hour() -> None:
    book = streaks(day_starts="04:00")
    night = given(book, enrolled(), logged_in("2026-01-05T20:00")).when(logged_in("2026-01-06T03:59"))
    assert stands(night)[0] == 1, "the night belongs to the day before"
    assert stands(night.when(logged_in("2026-01-06T04:00")))[0] == 2


def moves(zone: str, at: str) -> Step:
    return do(ChangeMember(time_zone=zone), at)


@pytest.mark.parametrize(
    ("trip", "current"),
    [
        # From Honolulu to Auckland across the date line: the 6th is a day nobody on board has.
        (["2026-01-05T08:00-10:00 Pacific/Honolulu", "2026-01-07T07:00+13:00 Pacific/Auckland"], 2),
        (["2026-01-05T08:00-10:00 Pacific/Honolulu", "2026-01-07T22:00+13:00 Pacific/Auckland"], 2),
        # Whoever then misses a day that all calendars have, misses it.
        (["2026-01-05T08:00-10:00 Pacific/Honolulu", "2026-01-08T09:00+13:00 Pacific/Auckland"], 1),
        # Back again: a day comes twice, and counts once.
        (["2026-01-07T07:00+13:00 Pacific/Auckland", "2026-01-07T07:00-10:00 Pacific/Honolulu"], 1),
        (["2026-01-06T07:00+13:00 Pacific/Auckland", "2026-01-07T07:00+13:00 Pacific/Auckland",
          "2026-01-07T07:00-10:00 Pacific/Honolulu", "2026-01-08T07:00-10:00 Pacific/Honolulu"], 3),
        # Staying, the same hours are a day missed.
        (["2026-01-05T08:00+13:00 Pacific/Auckland", "2026-01-07T07:00+13:00 Pacific/Auckland"], 1),
    ],
)  # fmt: skip
def test_i7_who_moves_zones_loses_and_doubles_nothing(trip: list[str], current: int) -> None:
    steps = []
    for leg in trip:
        at, zone = leg.split()
        steps += [moves(zone, at), logged_in(at)]
    outcome = given(streaks(*HATCHED, zone_policy="member"), enrolled(), *steps[:-1]).when(steps[-1])
    assert stands(outcome)[0] == current
    ticks = sum(run for run in (stands(outcome)[0], stands(outcome)[2]))
    assert total(outcome.stream) == 5 * ticks, "each day is paid once"


def test_a_run_that_crossed_the_date_line_is_the_same_when_it_is_made_again() -> None:
    book = streaks(zone_policy="member")
    here = given(
        book,
        enrolled(),
        moves("Pacific/Honolulu", "2026-01-02"),
        logged_in("2026-01-05T08:00-10:00"),
        moves("Pacific/Auckland", "2026-01-06"),
        logged_in("2026-01-07T07:00+13:00"),
    )
    assert stands(here.when(logged_in("2026-01-02T09:00+13:00", learned="2026-01-08"))) == (2, 2, 1)


# --- periods, grace, conditions ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "grace", "at", "current"),
    [
        ("day", 0, ["01-05", "01-06", "01-06", "01-07"], 3),
        ("day", 1, ["01-05", "01-07", "01-09"], 3),
        ("day", 1, ["01-05", "01-08"], 1),
        ("week", 0, ["01-05", "01-18", "01-19", "01-25"], 3),
        ("week", 0, ["01-05", "01-19"], 1),
        ("week", 1, ["01-05", "01-19"], 2),
        ("month", 0, ["01-31", "02-01", "03-31"], 3),
        ("month", 0, ["01-31", "03-01"], 1),
    ],
)
def test_periods_and_grace(period: str, grace: int, at: list[str], current: int) -> None:
    book = streaks(period=period, grace=grace)
    *before, last = (logged_in(f"2026-{day}", id=str(number)) for number, day in enumerate(at))
    assert stands(given(book, enrolled(), *before).when(last))[0] == current


def test_only_what_meets_the_condition_ticks() -> None:
    book = streaks(*HATCHED, when="activity.minutes >= 10")
    first = given(book, enrolled(), logged_in("2026-01-02", minutes=10))
    first.when(logged_in("2026-01-03", minutes=9)).then()
    first.when(logged_in("2026-01-03T13:00")).then(failed("streak:daily"))
    assert stands(first) == (1, 1, 0)


def test_the_same_day_ticks_once() -> None:
    first = given(streaks(*HATCHED), enrolled(), logged_in("2026-01-02T08:00"))
    first.when(logged_in("2026-01-02T20:00")).then().balance(5)


def test_rules_read_the_streak_as_it_stood_before() -> None:
    rule = points("history.streak('login') * 10", on="login")
    first = given(streaks(rules=(rule,)), enrolled(), *days("2026-01-02", 2))
    first.when(logged_in("2026-01-04")).then(earned(20), moved(3))
    # Two days later it is broken, and reads as nothing.
    first.when(logged_in("2026-01-06")).then(moved(1))


def test_an_award_is_granted_again_when_a_new_run_reaches_it() -> None:
    book = streaks({"at": 3, "points": 10})
    outcome = given(book, enrolled(), *days("2026-01-01", 3), *days("2026-01-11", 2)).when(logged_in("2026-01-13"))
    outcome.then(moved(3), earned(10, "streak:daily")).balance(20)


# --- late ----------------------------------------------------------------------------------------


def test_a_late_activity_bridges_a_gap_and_what_that_reaches_is_granted_once() -> None:
    book = streaks({"at": 3, "points": 10}, {"at": 7, "points": 50})
    apart = given(book, enrolled(), *days("2026-01-01", 3), *days("2026-01-05", 3))
    assert stands(apart) == (3, 3, 3)
    bridged = apart.when(logged_in("2026-01-04", learned="2026-01-08"))
    bridged.then(moved(7, longest=7, previous=0, reason="late"), earned(50, "streak:daily", day=_day("2026-01-04")))
    bridged.balance(70)
    bridged.when(logged_in("2026-01-04T13:00", learned="2026-01-09")).then().balance(70)


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


@pytest.mark.parametrize("seed", range(6))
def test_however_late_days_come_the_streak_is_the_same(seed: int) -> None:
    chance = random.Random(seed)
    start = date(2026, 1, 1)
    all_days = sorted(chance.sample(range(60), 35))
    shuffled = chance.sample(all_days, len(all_days))
    book = streaks({"every": 1, "points": 5}, grace=seed % 2)

    def lived(order: list[int]) -> Stream:
        stream = Stream(World(book))
        stream.do(enrol(), "2026-01-01")
        for number, day in enumerate(order):
            at = f"{start + timedelta(days=day)}T08:00"
            stream.do(login(at), instant("2026-04-01") + timedelta(minutes=number))
        lawful(stream)
        return stream

    one, other = lived(all_days), lived(shuffled)
    assert stands(Given(one)) == stands(Given(other))
    assert total(one) == total(other) == 5 * 35


def test_late_days_find_their_runs_in_cold_months() -> None:
    book, steps = streaks(*HATCHED), [*days("2026-01-01", 3), *days("2026-01-05", 2), *days("2026-11-01", 2)]
    hot, whole = Stream(World(book), hot=True), Stream(World(book))
    for stream in (hot, whole):
        stream.do(enrol(), "2026-01-01")
        for step in [*steps, logged_in("2026-01-04", learned="2026-11-03")]:
            step.act(stream)
    assert hot.cold, "the year's beginning lies in cold rows"
    assert hot.entries[-1].events == whole.entries[-1].events
    assert hot.member.streaks == whole.member.streaks


# --- returns -------------------------------------------------------------------------------------


def test_a_return_takes_the_tick_and_its_awards() -> None:
    week = given(streaks(*HATCHED), enrolled(), *days("2026-01-01", 7))
    outcome = week.when(undone("2026-01-08", of="2026-01-07"))
    outcome.then(moved(6, longest=6, reason="returned"), clawed_back(5), clawed_back(50)).balance(30)
    assert stands(outcome) == (6, 6, 0)


def test_a_return_in_the_middle_takes_what_a_later_day_had_reached_by_it() -> None:
    week = given(streaks(*HATCHED), enrolled(), *days("2026-01-01", 7))
    outcome = week.when(undone("2026-01-08", of="2026-01-03"))
    outcome.then(moved(4, longest=4, previous=2), clawed_back(5), clawed_back(50)).balance(30)
    # And what comes again is granted again.
    outcome.when(logged_in("2026-01-03T20:00", learned="2026-01-09")).then(
        moved(7), earned(5, "streak:daily"), earned(50, "streak:daily")
    ).balance(85)


def test_a_return_of_one_of_two_activities_of_a_day_changes_nothing() -> None:
    book = streaks(*HATCHED)
    twice = given(book, enrolled(), logged_in("2026-01-02T08:00"), logged_in("2026-01-02T20:00"))
    first = twice.when(undone("2026-01-03", of="2026-01-02T08:00"))
    first.then().balance(5)
    first.when(undone("2026-01-03", of="2026-01-02T20:00")).then(moved(0), clawed_back(5)).balance(0)


@pytest.mark.parametrize("seed", range(8))
def test_earned_and_returned_whole_is_nothing(seed: int) -> None:
    chance = random.Random(seed)
    book = streaks(*HATCHED, {"every": 3, "points": 7}, {"at": 4, "points": 11}, grace=seed % 2)
    stream = Stream(World(book))
    stream.do(enrol(), "2026-01-01")
    at = [str(date(2026, 1, 1) + timedelta(days=day)) for day in chance.sample(range(20), 14)]
    for number, day in enumerate(at):
        logged_in(day, learned=f"2026-02-01T{number:02}:00").act(stream)
    for number, day in enumerate(chance.sample(at, len(at))):
        undone(f"2026-02-02T{number:02}:00", of=day).act(stream)
    lawful(stream)
    assert total(stream) == 0
    assert stands(Given(stream)) == (0, 0, 0)
    assert stream.member.months == {} or all(_nothing(month) for month in stream.member.months.values())


def _nothing(month: Month) -> bool:
    counts = {name: sum(steps.values()) for name, steps in month.counts.items() if not name.startswith("type:")}
    return not any(counts.values())


def test_part_of_an_order_returned_keeps_the_tick_while_it_still_meets_the_condition() -> None:
    book = streaks({"every": 1, "points": 5}, on="purchase", when="activity.amount_minor >= 1000")
    bought = RecordActivity(
        source="app", id="at p1", type="purchase", occurred_at=instant("2026-01-02"), data={"amount_minor": 3000}
    )

    def part(amount: int, id: str) -> Step:
        def command(stream: Stream) -> ReturnActivity:
            return ReturnActivity(
                source="app", id=id, activity_source="app", activity_id="at p1",
                original=stream.version_of("at p1"), occurred_at=instant("2026-01-03"), amount_minor=amount,
            )  # fmt: skip

        return do(command, "2026-01-03")

    first = given(book, enrolled(), do(bought, "2026-01-02")).when(part(2000, "r1"))
    first.then().balance(5)
    first.when(part(500, "r2")).then(moved(0), clawed_back(5)).balance(0)


# --- rules that change, and rulebooks without ----------------------------------------------------


def test_a_streak_goes_on_under_another_version_and_pays_by_it() -> None:
    first = given(streaks({"every": 1, "points": 5}), enrolled(), *days("2026-01-01", 2))
    outcome = first.when(published(streaks({"every": 1, "points": 8}), "2026-01-02T20:00"))
    outcome.when(logged_in("2026-01-03")).then(moved(3), earned(8, "streak:daily")).balance(18)


def test_without_streaks_nothing_is_kept() -> None:
    outcome = given(rulebook(activities={"login": {}}), enrolled()).when(logged_in("2026-01-02"))
    assert outcome.stream.member.streaks == {}
    assert outcome.entry is not None
    assert outcome.entry.after is not None
    assert outcome.entry.after.streaks == {}
