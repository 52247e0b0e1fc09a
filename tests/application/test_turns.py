"""Decisions take turns on the event loop, so that whoever comes meanwhile need not wait for all of them."""

import asyncio

from application.turns import Turns


def test_a_crowd_lets_others_in_between() -> None:
    """Given 20 decisions that wait, when somebody else comes, then only a few of them go before."""
    seen: list[str] = []

    async def story() -> None:
        turns = Turns(size=4)

        async def decision(number: int) -> None:
            await turns.take()
            seen.append(f"decision {number}")

        async def read() -> None:
            seen.append("read")

        decisions = [asyncio.create_task(decision(number)) for number in range(20)]
        await asyncio.sleep(0)
        await asyncio.gather(asyncio.create_task(read()), *decisions)

    asyncio.run(story())
    assert [one for one in seen if one != "read"] == [f"decision {number}" for number in range(20)]
    assert seen.index("read") == 4


def test_a_few_need_not_wait() -> None:
    """Given four turns at once, when four come, then each has its turn before anything else runs."""

    async def story() -> list[bool]:
        turns, ran = Turns(size=4), list[bool]()
        asyncio.get_running_loop().call_soon(ran.append, True)
        for _ in range(4):
            await turns.take()
        return list(ran)

    assert asyncio.run(story()) == []


def test_whoever_left_takes_no_turn() -> None:
    """Given one turn at a time and three that wait, when the middle one leaves, then the last one has its turn."""
    had: list[int] = []

    async def story() -> None:
        turns = Turns(size=1)

        async def decision(number: int) -> None:
            await turns.take()
            had.append(number)

        decisions = [asyncio.create_task(decision(number)) for number in range(4)]
        await asyncio.sleep(0)
        decisions[2].cancel()
        await asyncio.gather(*decisions, return_exceptions=True)
        # And the turns go on afterwards.
        await turns.take()
        had.append(4)

    asyncio.run(story())
    assert had == [0, 1, 3, 4]
