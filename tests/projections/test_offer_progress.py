"""The table of slots says what became of every assignment."""

import asyncio
from typing import Any

from domain.member.commands import AssignOffer, RedeemCode
from tests.build import Stream, World, enrol, instant, purchase, refund, rulebook
from tests.projections.boards import house, interleaved, write


def lives() -> Stream:
    reward = {"currency": "points", "points": 10}
    goal = {"of": "purchase.spend", "window": "P7D", "reward": reward}
    program = rulebook(
        {"id": "again", "on": "purchase", "phase": "add", "when": "activity.amount_minor == 7", "assign": "sum"},
        offers={
            "sum": {"goal": {"sum": 500}, **goal},
            "one": {"goal": {"one_above": 500}, **goal},
            "code": {"reward": reward, "window": "P7D", "coupon": {"campaign": "c", "codes": ["A"]}},
        },
    )
    one = Stream(World(program))
    one.do(enrol(), "2026-01-01")
    for offer in ("sum", "one", "code"):
        one.do(AssignOffer(offer=offer, at=instant("2026-01-02")), "2026-01-02")
    one.do(purchase(600, "p1", "2026-01-03"), "2026-01-03")
    one.do(refund(one, "p1", 100, "2026-01-04"), "2026-01-04")
    one.do(RedeemCode(code="A"), "2026-01-05")
    one.do(RedeemCode(code="A"), "2026-01-05")
    one.do(purchase(7, "p2", "2026-01-06"), "2026-01-06")
    one.do(refund(one, "p2", None, "2026-01-07", "r2"), "2026-01-07")
    one.do(purchase(7, "p3", "2026-01-08"), "2026-01-08")
    one.settle("2026-01-12")
    return one


def test_a_row_is_an_assignment_and_what_became_of_it(database_url: str) -> None:
    async def told() -> list[tuple[Any, ...]]:
        async with house(database_url) as found:
            write(database_url, interleaved([lives()]))
            await found.runner().catch_up()
            assert await found.positions.parked("analytics") == []
            return await found.rows(
                "SELECT offer, slot, state, progress, completions, completed_at IS NOT NULL, points, uses, rule"
                " FROM analytics.offer_progress ORDER BY version"
            )

    assert asyncio.run(told()) == [
        ("sum", "2.1", "completed", 507, 1, True, 10, 0, None),
        ("one", "3.1", "closed", 0, 1, False, 0, 0, None),
        ("code", "4.1", "closed", 0, 0, False, 20, 2, None),
        ("sum", "9.1", "withdrawn", 0, 0, False, 0, 0, "again"),
        ("sum", "11.1", "open", 0, 0, False, 0, 0, "again"),
    ]
