"""Offers over the real store: limits under contention, closing, and audits of all of it."""

import asyncio
from datetime import timedelta

import pytest

from application import offers
from application.audit import verify
from application.offers import AssignBody, RedeemCodeBody
from domain.errors import CodeUsed
from infrastructure.database import connect
from infrastructure.row_reader import readers
from tests.application.engine import PROGRAM, SHOP, START, Engine, Json, opened, process, run

USES = 25
BOOK: Json = {
    **SHOP,
    "offers": {
        "sum": {
            "goal": {"sum": 5_000},
            "of": "purchase.spend",
            "window": "P7D",
            "reward": {"currency": "points", "points": 10},
        },
        "code": {"window": "P30D", "coupon": {"campaign": "c", "codes": ["A"], "uses": USES}},
    },
}


def sound(url: str) -> None:
    found = verify(readers(url))
    assert (found["different"], found["not_redecidable"], found["findings"]) == (0, 0, [])


async def assigned(engine: Engine, offer: str, member: str = "ann") -> None:
    await offers.assign(engine.handler, PROGRAM, offer, AssignBody(member=member), actor="test")


async def used(engine: Engine, member: str) -> bool:
    try:
        await offers.redeem_code(engine.handler, PROGRAM, RedeemCodeBody(code="A", member=member), actor="test")
    except CodeUsed:
        return False
    return True


@pytest.mark.parametrize("processes", [1, 2])
def test_a_code_is_never_used_more_often_than_it_may_be(database_url: str, processes: int) -> None:
    async def story() -> None:
        async with opened(database_url, BOOK) as engine, process(database_url) as second:
            engines = [engine, second][:processes]
            names = [f"m{number}" for number in range(20)]
            await asyncio.gather(*(engine.enrol(name) for name in names))
            await asyncio.gather(*(assigned(engine, "code", name) for name in names))
            good = await asyncio.gather(*(used(engines[n % processes], names[n % 20]) for n in range(100)))
            assert sum(good) == USES
            with connect(database_url) as connection:
                assert connection.execute("SELECT kind, key, used FROM takes").fetchall() == [
                    ("code", "code\x1fA", USES)
                ]

    run(story)
    sound(database_url)


def test_a_swept_slot_and_one_nobody_looked_at_read_alike(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, BOOK) as engine:
            for name in ("ann", "bob"):
                await engine.enrol(name)
                await assigned(engine, "sum", name)
                await engine.buy(4_999, member=name)
            await engine.at(START + timedelta(days=3))
            await engine.buy(1, member="ann")
            await engine.at(START + timedelta(days=8))
            before = [await offers.of_member(engine.handler, PROGRAM, name) for name in ("ann", "bob")]
            assert [one["items"][0]["state"] for one in before] == ["completed", "closed"]
            assert (await engine.read("bob"))["offers"] == []
            assert await engine.sweep() == 2
            assert [await offers.of_member(engine.handler, PROGRAM, name) for name in ("ann", "bob")] == before
            assert await engine.sweep() == 0

    run(story)
    sound(database_url)


def test_a_purchase_that_comes_late_finds_its_slot_in_cold_rows(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, BOOK) as engine:
            await engine.enrol()
            await assigned(engine, "sum")
            for day in range(30, 700, 60):
                await engine.at(START + timedelta(days=day))
                await engine.buy(100)
            late = await engine.buy(5_000, at=START + timedelta(days=1), name="late")
            assert [one["kind"] for one in late.body["effects"] if one["kind"] == "offer_completed"]
            assert [one["granted"] for one in late.body["awards"] if one["rule"] == "offer:sum"] == [10]
            back = await engine.give_back("late")
            assert [one["kind"] for one in back.body["effects"] if one["kind"].startswith("offer")] == [
                "offer_reopened"
            ]
            items = (await offers.of_member(engine.handler, PROGRAM, "ann"))["items"]
            assert [(one["state"], one["progress"]) for one in items] == [("closed", 0)]

    run(story)
    sound(database_url)
