"""A small log in PostgreSQL, of two programs, written through the real store."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from application.ports import Save
from domain.log import Claim
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from tests.build import (
    Stream,
    World,
    adjust,
    by_time,
    enrol,
    instant,
    multiply,
    per,
    points,
    program_entries,
    purchase,
    redeem,
    refund,
    rulebook,
    saves,
)


def story(world: World, number: int) -> Stream:
    """A member's year: earning, spending, returns, debt, expiry, a review."""
    stream = Stream(world, number=2**100 * number + 7)
    name = f"{world.program}-{number}"
    stream.do(enrol("2026-01-01", name), "2026-01-01", claims=(Claim("member", name, "h"),))
    stream.do(
        purchase(123_45, f"{name}-a", "2026-01-02"), "2026-01-02",
        claims=(Claim("activity", f"shop\x1f{name}-a", "h"), Claim("key", f"{name}-1", "h")),
    )  # fmt: skip
    stream.do(redeem(10, f"{name}-s"), "2026-01-05", claims=(Claim("redemption", f"{name}-s", "h"),))
    stream.do(
        purchase(50_00, f"{name}-b", "2026-02-03"), "2026-02-20", claims=(Claim("activity", f"shop\x1f{name}-b"),)
    )
    stream.do(refund(stream, f"{name}-a", 60_00, "2026-02-25"), "2026-02-25")
    stream.do(adjust(-900, allow_negative=True), "2026-03-01")
    stream.settle("2027-03-01")
    stream.do(purchase(80_00, f"{name}-c", "2027-03-05"), "2027-03-05")
    return stream


def write(dsn: str, todo: list[Save]) -> None:
    async def run() -> None:
        async with open_pool(dsn, 1, 4) as pool:
            store = PostgresEventStore(dsn, pool)
            await store.start()
            for save in todo:
                await store.append(save)
            await store.stop()

    asyncio.run(run())


def worlds() -> list[World]:
    book = rulebook(
        per(100, 2),
        points(
            "history.count('purchase', 'P90D') * 5",
            rule="loyal",
            phase="add",
            cap=[{"points": 8, "period": "month"}],
        ),
        multiply("1.5", when="member.tiers.status.level == 'silver'"),
        currency={"expires": {"after": "P6M", "round_up": "month"}},
        tiers={"window": "calendar_year", "levels": [{"id": "silver", "at": 100}]},
    )
    made = []
    for program in ("main", "other"):
        world = World(book, zone="Europe/Berlin", program=program)
        made.append(world)
    made[0].publish(rulebook(per(100, 3)), instant("2027-02-01"))
    return made


@pytest.fixture
def log(database_url: str) -> str:
    """The database with the log written into it."""
    first, second = worlds()
    todo = [saves(world, program_entries(world)) for world in (first, second)]
    todo += [saves(first, story(first, number).entries) for number in range(1, 13)]
    todo += [saves(second, story(second, number).entries) for number in range(20, 23)]
    write(database_url, by_time(*todo))
    return database_url


@pytest.fixture
def intruder(log: str) -> Iterator[psycopg.Connection]:
    """Somebody with the rights to change rows behind our back."""
    with connect(log) as connection:
        yield connection
