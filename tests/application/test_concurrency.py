"""Several at once, in one process and in two: one outcome, and no wrong refusal."""

import asyncio
from contextlib import AsyncExitStack

from domain.errors import NotEnoughPoints
from tests.application.engine import Engine, opened, process, run

REWARD = 40
ROUNDS = 1_000


async def _tries(engines: list[Engine], times: int) -> tuple[int, int]:
    async def one(number: int) -> bool:
        try:
            await engines[number % len(engines)].redeem(REWARD, name=f"r{number}", key=f"k{number}")
        except NotEnoughPoints:
            return False
        return True

    outcomes = await asyncio.gather(*(one(number) for number in range(times)))
    return outcomes.count(True), outcomes.count(False)


def test_fifty_redeems_of_a_balance_for_one_give_one_success(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await engine.buy(REWARD * 100)
            assert await _tries([engine], 50) == (1, 49)
            assert await engine.available() == 0

    run(story)


def test_fifty_redeems_over_two_processes_give_one_success(database_url: str) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(opened(database_url))
            other = await stack.enter_async_context(process(database_url))
            await one.enrol()
            await one.buy(REWARD * 100)
            assert await _tries([one, other], 50) == (1, 49)

    run(story)


def test_what_was_earned_at_one_process_is_spendable_at_the_other_at_once(database_url: str) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(opened(database_url, start=None))
            other = await stack.enter_async_context(process(database_url))
            await one.enrol()
            for number in range(ROUNDS):
                here, there = (one, other) if number % 2 else (other, one)
                await here.buy(100)
                await there.redeem(1)
            assert await one.available() == 0

    run(story)


def test_a_hundred_activities_of_one_member_at_two_processes_all_count(database_url: str) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(opened(database_url))
            other = await stack.enter_async_context(process(database_url))
            await one.enrol()
            await asyncio.gather(*((one, other)[number % 2].buy(100) for number in range(100)))
            assert await one.available() == 100
            assert (await other.read())["counters"]["spend"]["ever"] == 10_000

    run(story)


def test_strangers_who_are_enrolled_on_the_spot_are_enrolled_once(database_url: str) -> None:
    from tests.application.engine import SHOP

    async def story() -> None:
        async with opened(database_url, SHOP | {"unknown_member": "enrol"}) as engine:
            await asyncio.gather(*(engine.buy(100, member="new") for _ in range(20)))
            assert await engine.available("new") == 20

    run(story)
