"""Segments over PostgreSQL: counted in the table of memberships, brought to everybody by the sweeper, verified."""

import asyncio
import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from application import audit
from application.follow import Projector, Runner
from application.segments import listing
from application.what_if import WhatIfBody, question, what_if
from infrastructure.database import connect, open_pool
from infrastructure.positions import PostgresPositions
from infrastructure.row_reader import readers, states
from infrastructure.segments import PostgresSegments
from infrastructure.tables import PostgresTables
from infrastructure.zones import SystemZones
from projections import ANALYTICS
from tests.application.engine import PROGRAM, SHOP, START, Engine, days, opened

Json = Any
FIRST: Json = SHOP | {"segments": {"vip": "member.counters.spend.last_30d > 5000"}}
SECOND: Json = SHOP | {"segments": {"vip": FIRST["segments"]["vip"], "seen": "history.count('purchase', 'ever') > 0"}}


async def counted(url: str, engine: Engine) -> dict[str, int]:
    """The counts once the followers have read the whole log."""
    async with open_pool(url, 1, 2) as pool:
        tables = PostgresTables(ANALYTICS, pool)
        await tables.ensure()
        await Runner(Projector(ANALYTICS, tables), engine.handler.store, PostgresPositions(url, pool)).catch_up()
        segments = PostgresSegments(pool, ANALYTICS.name)
        found = await listing(engine.handler, segments, PROGRAM)
        for one in found["items"]:
            assert await segments.count(PROGRAM, one["segment"]) == one["members"]
        return {one["segment"]: one["members"] for one in found["items"]}


def test_members_are_counted_as_of_their_last_entry(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, copy.deepcopy(FIRST)) as engine:
            assert await counted(database_url, engine) == {"vip": 0}
            for number in range(6):
                await engine.enrol(f"m{number}")
                await engine.buy(2_000 * number, member=f"m{number}", name=f"a{number}")
            assert await counted(database_url, engine) == {"vip": 3}
            await engine.give_back("a5")
            assert await counted(database_url, engine) == {"vip": 2}
            assert (await engine.read("m4"))["segments"] == ["vip"]

            # Windows slide on: a read knows, the table does with the member's next entry.
            await engine.at(START + days(40))
            assert (await engine.read("m4"))["segments"] == []
            assert await counted(database_url, engine) == {"vip": 2}
            await engine.buy(100, member="m4")
            assert await counted(database_url, engine) == {"vip": 1}

            # A version with other segments is brought to everybody.
            await engine.publish(copy.deepcopy(SECOND))
            await engine.sweep()
            assert await counted(database_url, engine) == {"seen": 6, "vip": 0}

    asyncio.run(story())
    found = audit.verify(readers(database_url), PROGRAM, executor=ThreadPoolExecutor(1))
    assert (found["different"], found["first"]) == (0, None)
    with connect(database_url) as database:
        left = database.execute("SELECT count(*) FROM analytics.segments WHERE left_at IS NOT NULL").fetchone()
    assert left == (3,)


def test_who_comes_back_into_a_segment_is_counted_again(database_url: str) -> None:
    """The followers have read between: the row of the first time is there."""

    async def story() -> None:
        async with opened(database_url, copy.deepcopy(FIRST)) as engine:
            await engine.enrol()
            for count in (1, 2):
                await engine.buy(9_000, name=f"a{count}")
                assert await counted(database_url, engine) == {"vip": 1}
                await engine.give_back(f"a{count}")
                assert await counted(database_url, engine) == {"vip": 0}

    asyncio.run(story())
    with connect(database_url) as database:
        assert database.execute("SELECT count(*) FROM parked").fetchone() == (0,)


def test_a_draft_s_segments_are_tried_on_history(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.buy(9_000)
            await engine.buy(9_000)
            doubled = copy.deepcopy(FIRST)
            doubled["rules"].append(
                {"id": "vip", "on": "purchase", "phase": "multiply", "by": "2", "when": "member.segments.vip"}
            )
            asked = await question(engine.handler, PROGRAM, doubled, WhatIfBody())
            with ThreadPoolExecutor(1) as pool:
                found = what_if(states(database_url), asked, SystemZones().offset, executor=pool)
            assert found.winners[0].difference == 90
            assert found.segments == {"vip": [0, 1]}

    asyncio.run(story())


def test_an_erased_member_is_in_no_segment(database_url: str) -> None:
    from application.members import erase

    async def story() -> None:
        async with opened(database_url, copy.deepcopy(FIRST)) as engine:
            await engine.enrol()
            await engine.buy(9_000)
            assert await counted(database_url, engine) == {"vip": 1}
            await erase(engine.handler, PROGRAM, "ann", actor="test")
            assert await counted(database_url, engine) == {"vip": 0}

    asyncio.run(story())
