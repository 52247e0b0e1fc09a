"""Reads asked for together are one query; each asker gets its own answer, and nobody an old one."""

import asyncio

from infrastructure.gathered import Gathered


def test_whoever_asks_while_a_query_is_under_way_shares_the_next_one() -> None:
    async def story() -> None:
        asked: list[list[str]] = []
        gates = [asyncio.Event() for _ in range(3)]

        async def read(names: list[str]) -> dict[str, int]:
            gate = gates[len(asked)]
            asked.append(sorted(names))
            await gate.wait()
            return {name: len(asked) for name in names}

        reads = Gathered(read, at_once=1)
        first = asyncio.create_task(reads.ask(["a"]))
        while not asked:  # noqa: ASYNC110 - until its task has begun
            await asyncio.sleep(0)
        more = [asyncio.create_task(reads.ask(names)) for names in (["a"], ["a", "b"], ["c"])]
        more[2].cancel()
        gates[0].set()
        gates[1].set()
        assert await first == {"a": 1}
        assert await asyncio.gather(*more[:2]) == [{"a": 2}, {"a": 2, "b": 2}]
        assert [names[:2] for names in asked] == [["a"], ["a", "b"]]
        assert await reads.ask([]) == {}

    asyncio.run(story())


def test_all_who_asked_are_told_of_a_failure_and_the_next_ones_are_not() -> None:
    async def story() -> None:
        failing = True

        async def read(names: list[str]) -> dict[str, int]:
            if failing:
                raise OSError("gone")
            return dict.fromkeys(names, 1)

        reads = Gathered(read)
        both = await asyncio.gather(reads.ask(["a"]), reads.ask(["a", "b"]), return_exceptions=True)
        assert [type(one) for one in both] == [OSError, OSError]
        failing = False
        assert await reads.ask(["a"]) == {"a": 1}

    asyncio.run(story())
