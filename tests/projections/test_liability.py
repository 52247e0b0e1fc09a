"""What members hold, day by day; what was known of a day and when; and cohorts of points."""

import asyncio
from datetime import date
from typing import Any

from tests.build import Stream, World, enrol, per, points, purchase, redeem, refund, rulebook
from tests.projections.boards import house, interleaved, lives, write

Rows = list[tuple[Any, ...]]


def _ask(url: str, streams: list[Stream], *queries: str) -> list[Rows]:
    async def run() -> list[Rows]:
        async with house(url) as found:
            write(url, interleaved(streams))
            await found.runner().catch_up()
            assert await found.positions.parked("analytics") == []
            return [await found.rows(query) for query in queries]

    return asyncio.run(run())


def test_all_days_together_are_what_members_hold_and_owe(database_url: str) -> None:
    days, held = _ask(
        database_url,
        lives(),
        "SELECT sum(outstanding), sum(debt),"
        " sum(issued - redeemed + given_back - expired - taken_back + adjusted - repaid + moved)"
        " FROM analytics.liability_daily",
        "SELECT sum(available + pending + held), sum(debt) FROM analytics.balances",
    )
    ((outstanding, debt, explained),) = days
    assert [(outstanding, debt)] == held
    assert explained == outstanding > 0
    assert debt > 0


def test_each_day_says_what_happened_on_it(database_url: str) -> None:
    world = World(rulebook(per(100, 1), currency={"expires": {"after": "PT240H"}, "value": {"per_point": "2"}}))
    ann, bob = Stream(world, number=1), Stream(world, number=2)
    for number, one in enumerate((ann, bob), 1):
        one.do(enrol(member=f"m{number}"), "2026-01-01")
        one.do(purchase(100_00, "p1", at="2026-01-02"), "2026-01-02")
    ann.do(redeem(30), "2026-01-03")
    ann.do(refund(ann, "p1", 20_00, at="2026-01-04"), "2026-01-04")
    ann.settle("2026-01-13")
    (rows,) = _ask(
        database_url,
        [ann, bob],
        "SELECT day::text, issued, redeemed, expired, taken_back, outstanding, redeemed_minor"
        " FROM analytics.liability_daily ORDER BY day",
    )
    assert rows == [
        ("2026-01-02", 200, 0, 0, 0, 200, 0),
        ("2026-01-03", 0, 30, 0, 0, -30, 60),
        ("2026-01-04", 0, 0, 0, 20, -20, 0),
        ("2026-01-12", 0, 0, 50, 0, -50, 0),
    ]


def test_what_is_learned_later_restates_a_day_and_leaves_what_was_reported(database_url: str) -> None:
    """R20, of the books: figures as known at the end of a day stay, what came late stands beside them."""
    one = Stream(World(rulebook(per(100, 1))), number=1)
    one.do(enrol(member="m1"), "2026-01-01")
    one.do(purchase(100_00, "p1", at="2026-01-02"), "2026-01-02")
    one.do(purchase(50_00, "late", at="2026-01-02T11:00"), "2026-01-20")
    (rows,) = _ask(database_url, [one], "SELECT day, known_on, issued FROM analytics.liability_daily ORDER BY known_on")
    assert rows == [
        (date(2026, 1, 2), date(2026, 1, 2), 100),
        (date(2026, 1, 2), date(2026, 1, 20), 50),
    ]


def test_cohorts_follow_points_from_the_month_that_earned_them(database_url: str) -> None:
    world = World(rulebook(per(100, 1), points(5, rule="bonus"), currency={"expires": {"after": "P3M"}}))
    one = Stream(world, number=1)
    one.do(enrol(member="m1"), "2026-01-01")
    one.do(purchase(100_00, "p1", at="2026-01-10"), "2026-01-10")
    one.do(redeem(25, id="r1"), "2026-01-20")
    one.do(purchase(60_00, "p2", at="2026-02-10"), "2026-02-10")
    one.do(redeem(30, id="r2"), "2026-03-10")
    one.settle("2026-04-20")
    (rows,) = _ask(
        database_url,
        [one],
        "SELECT cohort::text, age, issued, redeemed, expired FROM analytics.breakage_cohorts ORDER BY 1, 2",
    )
    assert rows == [
        ("2026-01-01", 0, 105, 25, 0),
        ("2026-01-01", 2, 0, 30, 0),
        ("2026-01-01", 3, 0, 0, 50),
        ("2026-02-01", 0, 65, 0, 0),
    ]
