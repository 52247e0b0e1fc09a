"""The books of a program: L4 and L6 as they run over its days, estimates as facts, and what is restated."""

from datetime import date
from typing import Any

import pytest

from application.liability import Day, EstimateBody, Step, estimate, estimates, report, triangle
from domain.errors import InvalidPayload, UnknownCurrency
from domain.numbers import Exact
from domain.program.events import BreakageEstimated
from tests.application.engine import opened, run


def _estimated(number: int, share: str, on: str, rate: str = "0.8676") -> BreakageEstimated:
    return BreakageEstimated(
        number=number, currency="points", redeemed_share=share, deferred_per_point=rate,
        effective_on=date.fromisoformat(on),
    )  # fmt: skip


def _day(on: str, **moved: int) -> Day:
    day = Day("points", date.fromisoformat(on), **moved)
    outstanding = day.kept - day.redeemed + day.given_back - day.expired
    return Day("points", day.day, **moved | {"outstanding": outstanding})


def _figures(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_l4_two_years_of_the_standards_example() -> None:
    days = [_day("2026-01-01", issued=10_000), _day("2026-12-31", redeemed=4_500), _day("2027-12-31", redeemed=4_000)]
    rows = report(days, [_estimated(1, "0.95", "2026-01-01"), _estimated(2, "0.97", "2027-12-31")])
    assert _figures(rows, "estimate", "allocated_minor", "expected", "recognised_minor", "deferred_minor") == [
        (1, 8_676, 9_500, 0, 8_676),
        (1, 8_676, 9_500, 4_110, 4_566),
        (2, 8_676, 9_700, 7_603, 1_073),
    ]
    assert [row["revenue_minor"] for row in rows] == [0, 4_110, 3_493]
    # Of the second year's revenue, what the new estimate makes of the first: 4,500 of 9,700 in place of 9,500.
    assert [row["caught_up_minor"] for row in rows] == [0, 0, 4_025 - 4_110]


def test_l6_expiry_is_revenue_of_its_day_and_debt_is_a_line_of_its_own() -> None:
    days = [
        _day("2026-01-01", issued=10_000, debt=300),
        _day("2026-12-31", redeemed=4_500),
        _day("2027-06-30", expired=4_500),
        _day("2027-12-31", expired=1_000, debt=-100),
    ]
    rows = report(days, [_estimated(1, "0.95", "2026-01-01")], Exact(1, 2))
    assert _figures(rows, "outstanding", "owed", "revenue_minor", "deferred_minor") == [
        (10_000, 300, 0, 8_676),
        (5_500, 300, 4_110, 4_566),
        (1_000, 300, 2_989, 1_577),
        (0, 200, 1_577, 0),
    ]
    assert _figures(rows, "outstanding_minor", "owed_minor")[0] == (5_000, 150)


def test_before_an_estimate_nothing_is_deferred_and_the_first_one_defers_what_was_issued() -> None:
    days = [_day("2026-01-01", issued=1_000), _day("2026-01-03", redeemed=100)]
    rows = report(days, [_estimated(1, "0.5", "2026-01-02", rate="1")])
    assert _figures(rows, "day", "allocated_minor", "recognised_minor") == [
        (date(2026, 1, 1), None, None),
        (date(2026, 1, 2), 1_000, 0),
        (date(2026, 1, 3), 1_000, 200),
    ]


def test_a_point_is_deferred_at_the_rate_of_its_day() -> None:
    days = [_day("2026-01-01", issued=100), _day("2026-02-01", issued=100)]
    rows = report(days, [_estimated(1, "1", "2026-01-01", rate="1"), _estimated(2, "1", "2026-02-01", rate="3")])
    assert [row["allocated_minor"] for row in rows] == [100, 400]


def test_cohorts_become_a_triangle_that_the_ladder_completes() -> None:
    def step(cohort: str, age: int, **moved: int) -> Step:
        return Step(
            "points",
            date.fromisoformat(cohort),
            age,
            *(moved.get(name, 0) for name in ("issued", "redeemed", "expired", "taken_back")),
        )

    steps = [
        step("2026-01-01", 0, issued=1_000, redeemed=100),
        step("2026-01-01", 1, redeemed=200),
        step("2026-01-01", 2, redeemed=300, expired=200),
        step("2026-02-01", 0, issued=1_100, redeemed=200, taken_back=100),
        step("2026-02-01", 1, redeemed=300),
        step("2026-03-01", 0, issued=2_000, redeemed=300),
    ]
    found = triangle("points", steps, date(2026, 3, 15))
    assert found["factors"] == ["2.666667", "2.000000"]
    assert found["redeemed_share"] == "0.800000"
    assert [(one["kept"], one["redeemed"], one["projected_redeemed"]) for one in found["cohorts"]] == [
        (1_000, [100, 300, 600], 600),
        (1_000, [200, 500], 1_000),
        (2_000, [300], 1_600),
    ]


def test_estimates_are_facts_in_order_and_never_reach_behind_the_last(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            first = EstimateBody(currency="points", redeemed_share="0.95", deferred_per_point="0.8676")
            made = await estimate(engine.handler, "main", first, actor="cfo")
            assert (made.status, made.body["estimate"], made.body["effective_on"]) == (201, 1, date(2026, 1, 1))
            later = EstimateBody(
                currency="points", redeemed_share="0.97", deferred_per_point="0.9", effective_on=date(2027, 1, 1),
                reason="the second year",
            )  # fmt: skip
            await estimate(engine.handler, "main", later, actor="cfo")
            with pytest.raises(InvalidPayload):
                await estimate(engine.handler, "main", first, actor="cfo")
            with pytest.raises(UnknownCurrency):
                await estimate(
                    engine.handler, "main", EstimateBody(currency="x", redeemed_share="1", deferred_per_point="1"),
                    actor="cfo",
                )  # fmt: skip
            found = await estimates(engine.handler, "main")
            assert [(one["estimate"], one["redeemed_share"]) for one in found] == [(1, "0.95"), (2, "0.97")]
            # Rules go on being published beside them.
            await engine.enrol()
            await engine.buy(1_000)

    run(story)


@pytest.mark.parametrize(("share", "rate"), [("1.1", "1"), ("-0.1", "1"), ("0.5", "x"), ("", "1"), ("0.5", "1e3")])
def test_an_estimate_that_is_none_is_refused(database_url: str, share: str, rate: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            body = EstimateBody(currency="points", redeemed_share=share, deferred_per_point=rate)
            with pytest.raises(InvalidPayload):
                await estimate(engine.handler, "main", body, actor="cfo")

    run(story)
