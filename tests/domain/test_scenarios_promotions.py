"""Worked cases A6, A7: promotions on days and hours, on what a member did before, for new members."""

from typing import Any

import msgspec
import pytest

from domain.member.events import PointsEarned
from domain.rules.earning import LimitedBy
from tests.build import Json, multiply, points, purchase, rulebook
from tests.spec import Step, bought, do, earned, enrolled, given, returned

TUESDAYS: Json = {"rrule": "FREQ=WEEKLY;BYDAY=TU", "from": "16:00", "to": "18:00", "zone": "store"}


def happy_hour(**more: Any) -> Json:
    promo = multiply(
        "3", when="activity.amount_minor >= 2000", calendar=TUESDAYS, cap=[{"times": 1, "period": "day"}], **more
    )
    return rulebook(points(6), promo, time_zone="Europe/Berlin", zone_policy="activity")


def in_store(amount_minor: int, at: str, name: str = "p1") -> Step:
    return do(msgspec.structs.replace(purchase(amount_minor, name, at), time_zone="America/New_York"), at)


@pytest.mark.parametrize(
    ("amount", "at", "promotion"),
    [
        (20_00, "2026-03-03T17:00:00-05:00", 12),
        (20_00, "2026-03-03T16:00:00-05:00", 12),
        (20_00, "2026-03-03T17:59:59.999999-05:00", 12),
        (20_00, "2026-03-03T18:00:00-05:00", 0),
        (20_00, "2026-03-03T15:59:59-05:00", 0),
        (19_99, "2026-03-03T17:00:00-05:00", 0),
        (20_00, "2026-03-04T17:00:00-05:00", 0),
        (20_00, "2026-03-03T17:00:00+01:00", 0),
    ],
)
def test_a6_a_calendar_promotion_runs_in_the_hours_of_the_store(amount: int, at: str, promotion: int) -> None:
    promoted = [earned(promotion, "promo")] if promotion else []
    given(happy_hour(), enrolled()).when(in_store(amount, at)).then(earned(6), *promoted).balance(6 + promotion)


def test_a6_a_second_purchase_of_the_same_tuesday_earns_the_base_only() -> None:
    given(happy_hour(), enrolled()).when(in_store(20_00, "2026-03-03T17:00:00-05:00")).balance(18).when(
        in_store(20_00, "2026-03-03T17:30:00-05:00", "p2")
    ).then(earned(6), earned(0, "promo", wanted=12, limited_by=LimitedBy(left=0, cap="promo.0"))).balance(24).when(
        in_store(20_00, "2026-03-10T17:00:00-04:00", "p3")
    ).balance(42)


def test_a6_a_return_frees_the_trigger_of_its_day() -> None:
    given(happy_hour(), enrolled(), in_store(20_00, "2026-03-03T17:00:00-05:00")).when(
        returned(None, at="2026-03-03T17:10:00-05:00")
    ).balance(0).when(in_store(20_00, "2026-03-03T17:30:00-05:00", "p2")).balance(18)


def test_a7_a_limit_of_one_promotion_does_not_consume_another() -> None:
    once: Json = {"cap": [{"times": 1, "period": "day"}], "phase": "add"}
    book = rulebook(points(1), points(10, rule="a", **once), points(3, rule="b", phase="add"))
    given(book, enrolled()).when(bought(1_00)).balance(14).when(bought(1_00, "p2")).then(
        earned(1), earned(0, "a", wanted=10), earned(3, "b")
    ).balance(18)


@pytest.mark.parametrize(
    ("zone", "at", "runs"),
    [
        # Clocks go from 02:00 to 03:00: an hour of 02:00 to 04:00 is left, by the wall clock.
        ("Europe/Berlin", "2026-03-29T00:59:59Z", False),
        ("Europe/Berlin", "2026-03-29T01:00:00Z", True),
        ("Europe/Berlin", "2026-03-29T02:00:00Z", False),
        # Clocks go from 03:00 back to 02:00: the hour from 02:00 comes twice.
        ("Europe/Berlin", "2026-10-24T23:59:59Z", False),
        ("Europe/Berlin", "2026-10-25T00:00:00Z", True),
        ("Europe/Berlin", "2026-10-25T01:30:00Z", True),
        ("Europe/Berlin", "2026-10-25T03:00:00Z", False),
    ],
)
def test_hours_are_those_of_the_wall_clock_when_clocks_are_set(zone: str, at: str, runs: bool) -> None:
    hours = {"from": "02:00", "to": "04:00"}
    book = rulebook(points(5, calendar=hours), time_zone=zone)
    given(book, enrolled()).when(bought(1_00, at=at)).balance(5 if runs else 0)


def test_days_of_a_rule_are_counted_from_its_start() -> None:
    every_other_week = {"rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"}
    book = rulebook(points(5, starts="2026-01-05T00:00:00Z", calendar=every_other_week))
    first = given(book, enrolled()).when(bought(1, "a", "2026-01-05")).balance(5)
    first.when(bought(1, "b", "2026-01-12")).balance(5).when(bought(1, "c", "2026-01-19")).balance(10)


# --- what a member did before ------------------------------------------------------------------


def granted(book: Json, *days: str) -> list[int]:
    """What each of these purchases was granted in all."""
    member = given(book, enrolled("2025-01-01"))
    outcomes = [member.when(bought(1_00, f"p{number}", day)) for number, day in enumerate(days)]
    return [sum(event.points for event in one.events if isinstance(event, PointsEarned)) for one in outcomes]


@pytest.mark.parametrize(
    ("when", "expect"),
    [
        ("history.count('purchase', 'ever') == 0", [7, 0, 0, 0, 0]),
        ("history.count('purchase', 'ever') == 2", [0, 0, 7, 0, 0]),
        ("(history.count('purchase', 'ever') + 1) % 3 == 0", [0, 0, 7, 0, 0]),
        ("history.count('purchase', 'day') < 2", [7, 7, 0, 7, 7]),
        ("history.count('purchase', 'P30D') < 2", [7, 7, 0, 0, 7]),
        ("history.days('purchase', 'ever') == 2", [0, 0, 0, 0, 7]),
        ("history.sum('spend', 'month') >= 200", [0, 0, 7, 7, 0]),
        ("local.at - history.last('purchase') >= duration('240h')", [0, 0, 0, 0, 7]),
        ("local.at - history.first('purchase') < duration('48h')", [0, 7, 7, 7, 0]),
    ],
)
def test_a_rule_may_look_at_earlier_activities(when: str, expect: list[int]) -> None:
    days = ("2026-01-02T09:00", "2026-01-02T10:00", "2026-01-02T11:00", "2026-01-03T09:00", "2026-02-10T09:00")
    assert granted(rulebook(points(7, when=when)), *days) == expect


def test_a_rate_limit_is_a_cap_of_times() -> None:
    book = rulebook(points(7, cap=[{"times": 2, "period": "P7D"}]))
    assert granted(book, "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-08", "2026-01-09") == [7, 7, 0, 0, 7]


def test_enrolling_is_welcomed_once_and_under_its_conditions() -> None:
    welcome = points(
        50,
        rule="welcome",
        on="member.enrolled",
        when="has(member.attributes.region) && member.attributes.region == 'eu'",
    )
    schema = {"attributes": {"type": "object", "properties": {"region": {"type": "string"}}}}
    book = rulebook(welcome, members=schema)
    given(book).when(enrolled(attributes={"region": "eu"})).balance(50).when(bought(1_00)).balance(50)
    given(book).when(enrolled(attributes={"region": "us"})).balance(0)


def test_channel_and_level_make_the_multiplier() -> None:
    purchases = {
        "type": "object",
        "properties": {
            "amount_minor": {"type": "integer"},
            "channel": {"type": "string"},
            "region": {"type": "string"},
        },
    }
    book = rulebook(
        points(10),
        multiply("2", rule="app", when="activity.channel == 'app' && activity.region in ['de', 'at']"),
        multiply("1.5", rule="gold", when="member.tiers.status.level == 'gold'"),
        activities={"purchase": {"data": purchases}},
        tiers={"levels": [{"id": "gold", "at": 15}]},
    )
    outcome = given(book, enrolled()).when(bought(1_00, "a", channel="app", region="fr")).balance(10)
    outcome = outcome.when(bought(1_00, "b", channel="app", region="de")).balance(30)
    outcome = outcome.when(bought(1_00, "c", channel="app", region="de")).balance(60)
    outcome.when(bought(1_00, "d", channel="till", region="de")).balance(75)
