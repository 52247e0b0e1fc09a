"""A busy member's wishes are decided one after the other and saved together; what is remembered is never trusted."""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application import members
from application.answers import Answered
from application.audit import verify
from application.handle import MAX_RUN
from application.members import StatusBody
from application.ports import Save
from application.turns import AT_ONCE
from domain.errors import ActivityDiffers, MemberErasedAlready, NotEnoughPoints, Refused
from domain.log import decode
from domain.member.commands import EraseMember, RecordActivity
from domain.member.events import PointsEarned
from domain.member.shape import bring_in
from infrastructure.event_store import PostgresEventStore
from infrastructure.row_reader import readers
from tests.application.engine import PROGRAM, SHOP, START, Engine, days, opened, process, run
from tests.conftest import fresh_database

Json = dict[str, Any]


async def stream_of(engine: Engine, member: str = "ann") -> UUID:
    return (await engine.handler.find(PROGRAM, member))[0].stream


def sound(database_url: str) -> None:
    """Every entry decides again to what it is, and what is kept beside the log agrees with it."""
    tally = verify(readers(database_url), PROGRAM)
    assert tally["first"] is None, tally["first"]


class Watched(PostgresEventStore):
    """A store that notes the saves it is given, and lets them wait at a gate."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.saves: list[Save] = []
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, save: Save) -> tuple[int, ...]:
        self.saves.append(save)
        self.asked.set()
        await self.gate.wait()
        return await super().append(save)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.application.engine.PostgresEventStore", Watched)


@pytest.mark.usefixtures("watched")
def test_two_hundred_activities_of_one_member_are_a_few_saves(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            assert isinstance(engine.handler.store, Watched)
            engine.handler.store.saves.clear()
            answers = await asyncio.gather(*(engine.buy(100, name=f"p{n}", at=START) for n in range(200)))
            # The first one goes at once; the others are taken along as they wait.
            assert [len(save.rows) for save in engine.handler.store.saves] == [1, MAX_RUN, MAX_RUN, MAX_RUN, 7]
            rows = await engine.handler.store.rows(await stream_of(engine))
            assert [row.version for row in rows] == list(range(1, 202))
            # First come, first decided.
            inputs = [decode(row.state).input for row in rows]
            assert [one.id for one in inputs if isinstance(one, RecordActivity)] == [f"p{n}" for n in range(200)]
            assert [answer.position for answer in answers] == [row.position for row in rows[1:]]
            assert await engine.available() == 200

    run(story)
    sound(database_url)


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("members", [1, 30])
def test_those_whom_one_commit_has_saved_answer_in_turns(database_url: str, members: int) -> None:
    """Given 30 saves in one batch, or one run of one member, when they are committed, then a few answer at once."""

    async def story() -> None:
        async with opened(database_url) as engine:
            for number in range(members):
                await engine.enrol(f"m{number}")
            loop, answered, at = asyncio.get_running_loop(), list[int](), 0

            def tick() -> None:
                nonlocal at
                at += 1
                ticking.append(loop.call_soon(tick))

            async def buy(number: int) -> None:
                await engine.buy(100, member=f"m{number % members}")
                answered.append(at)

            ticking = [loop.call_soon(tick)]
            store = engine.handler.store
            assert isinstance(store, Watched)
            store.gate.clear()
            buying = [asyncio.create_task(buy(number)) for number in range(30)]
            await store.asked.wait()
            for _ in range(30):
                await asyncio.sleep(0)
            store.gate.set()
            await asyncio.gather(*buying)
            ticking[-1].cancel()
            assert max(answered.count(turn) for turn in answered) <= AT_ONCE

    run(story)


def test_what_one_of_them_spends_the_next_ones_do_not_have(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.buy(10_00)
            spent = await asyncio.gather(*(engine.redeem(3) for _ in range(20)), return_exceptions=True)
            assert [isinstance(one, NotEnoughPoints) for one in spent].count(False) == 3
            assert await engine.available() == 1

    run(story)
    sound(database_url)


def test_repeats_in_a_crowd_are_answered_like_the_first(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            old = [await engine.buy(100 + n, name=f"old{n}", at=START) for n in range(70)]
            again = [engine.buy(100 + n, name=f"old{n}", at=START) for n in range(70)]
            fresh = [engine.buy(500, name=f"new{n % 5}", at=START) for n in range(40)]
            other = [engine.buy(7, name=f"old{n}", at=START) for n in range(10)]
            came = await asyncio.gather(*again, *fresh, *other, return_exceptions=True)
            for first, second in zip(old, came[:70], strict=True):
                assert not isinstance(second, BaseException)
                assert (second.replayed, second.body) == (True, first.body)
            bodies = {msgspec.json.encode(one.body) for one in came[70:110] if not isinstance(one, BaseException)}
            assert len(bodies) == 5
            assert all(isinstance(one, ActivityDiffers) for one in came[110:])
            assert len(await engine.handler.store.rows(await stream_of(engine))) == 1 + 70 + 5

    run(story)
    sound(database_url)


def test_a_budget_is_shared_by_those_who_are_saved_together(database_url: str) -> None:
    rule: Json = SHOP["rules"][0] | {"budget": "summer"}
    document = SHOP | {"budgets": {"summer": {"currency": "points", "points": 25, "partial": True}}, "rules": [rule]}

    async def story() -> None:
        async with opened(database_url, document) as engine:
            await engine.enrol()
            await asyncio.gather(*(engine.buy(200) for _ in range(30)))
            assert await engine.available() == 25

    run(story)
    sound(database_url)


def test_nothing_comes_after_an_erasure_in_the_crowd(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            stream = await stream_of(engine)
            came = await asyncio.gather(
                *(engine.buy(100) for _ in range(20)),
                members.erase(engine.handler, PROGRAM, "ann", actor="test"),
                *(engine.buy(100) for _ in range(20)),
                return_exceptions=True,
            )
            inputs = [decode(row.state).input for row in await engine.handler.store.rows(stream)]
            assert isinstance(inputs[-1], EraseMember)
            assert len(inputs) == 1 + sum(isinstance(one, Answered) for one in came)
            assert all(isinstance(one, Answered | MemberErasedAlready) for one in came)
            with pytest.raises(MemberErasedAlready):
                await engine.buy(100)

    run(story)
    sound(database_url)


@pytest.mark.usefixtures("watched")
def test_who_goes_away_takes_nobody_along(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            store = engine.handler.store
            assert isinstance(store, Watched)
            store.asked.clear()
            store.gate.clear()
            tasks = [asyncio.create_task(engine.buy(100, name=f"p{n}", at=START)) for n in range(12)]
            await store.asked.wait()
            # The first one was about to be saved, another one waits for it.
            tasks[0].cancel()
            tasks[5].cancel()
            store.gate.set()
            came = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(one).__name__ for one in (came[0], came[5])] == ["CancelledError"] * 2
            assert sum(isinstance(one, Answered) for one in came) == 10
            assert await engine.available() == 10

    run(story)
    sound(database_url)


DEEDS = st.lists(
    st.tuples(st.sampled_from(["buy", "late", "spend", "back"]), st.integers(1, 6)), min_size=2, max_size=12
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(DEEDS)
def test_the_row_kept_of_a_chain_is_the_member_that_the_log_gives(
    database_server: str, deeds: list[tuple[str, int]]
) -> None:
    async def story(url: str) -> None:
        async with opened(url, start=START - days(400)) as engine:
            await engine.enrol()
            for number in range(6):
                # Long ago: what was bought then lies in cold months when a late activity or a return comes to it.
                await engine.buy(1000 * number, name=f"old{number}")
                await engine.at(START - days(399 - number))
            await engine.at(START)

            def deed(what: str, size: int) -> Awaitable[object]:
                match what:
                    case "buy":
                        return engine.buy(1000 * size)
                    case "late":
                        return engine.buy(1000 * size, at=START - days(200 + size))
                    case "spend":
                        return engine.redeem(10 * size)
                    case _:
                        return engine.give_back(f"old{size % 6}", 100 * size, at=START)

            came = await asyncio.gather(*(deed(*one) for one in deeds), return_exceptions=True)
            assert all(isinstance(one, Answered | Refused) for one in came), came
            loaded, _ = await engine.handler.find(PROGRAM, "ann")
            kept = bring_in(loaded.member, await engine.handler.store.cold(loaded.stream))
            assert kept == await engine.handler.folded(loaded.stream)

    with fresh_database(database_server) as url:
        asyncio.run(story(url))
        sound(url)


def test_a_refusal_never_stands_on_memory_alone(database_url: str) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(opened(database_url, sandbox=False))
            there = await stack.enter_async_context(process(database_url))
            await here.enrol()
            for status in ("suspended", "active"):
                body = StatusBody(status=status, reason="")
                engine = here if status == "suspended" else there
                await members.set_status(engine.handler, PROGRAM, "ann", body, actor="test")
            # Here the member is remembered as suspended.
            assert (await here.buy(100)).status == 201

    run(story)


def test_what_moved_elsewhere_is_loaded_and_decided_again(database_url: str) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(opened(database_url, sandbox=False))
            there = await stack.enter_async_context(process(database_url))
            await here.enrol()
            for number in range(20):
                await (here, there)[number % 2].buy(100)
            assert await here.available() == await there.available() == 20
            await members.erase(there.handler, PROGRAM, "ann", actor="test")
            with pytest.raises(MemberErasedAlready):
                await here.buy(100)
            # The id is free again, and whoever has it now is somebody else.
            await there.enrol()
            await here.buy(100)
            assert await here.available() == 1

    run(story)
    sound(database_url)


def test_rules_published_elsewhere_rule_at_once_and_hide_what_they_call_personal(database_url: str) -> None:
    kinds = SHOP["activities"] | {"review": {"data": {"type": "object", "properties": {"text": {"type": "string"}}}}}
    kinds["purchase"] = kinds["purchase"] | {"personal": []}
    before = SHOP | {"activities": {"purchase": kinds["purchase"]}}

    async def story() -> None:
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(opened(database_url, before, sandbox=False))
            there = await stack.enter_async_context(process(database_url))
            await here.enrol()
            await here.buy(100, note="plain")
            await there.publish(SHOP)
            await here.buy(100, note="secret")
            entries = [decode(row.state) for row in await here.handler.store.rows(await stream_of(here))]
            assert [entry.pins.timeline for entry in entries] == [1, 1, 2]
            assert b"plain" in msgspec.json.encode(entries[1])
            assert b"secret" not in msgspec.json.encode(entries[2])
            await there.publish(SHOP | {"activities": kinds | {"purchase": SHOP["activities"]["purchase"]}})
            assert sum(isinstance(event, PointsEarned) for entry in entries for event in entry.events) == 2

    run(story)
    sound(database_url)
