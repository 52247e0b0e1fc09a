"""The tree of each program's log: every entry is a leaf once, whoever grows it, and it is the same tree every time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from application.follow import Overtaken
from application.ports import Unavailable
from application.proofs import hashes
from application.trees import FOLLOWER, Gardener, Leaf
from domain.merkle import consistency, folded, inclusion, leaf_hash, node_hash, proves_consistency, proves_inclusion
from infrastructure.database import open_pool
from infrastructure.positions import PostgresPositions
from infrastructure.trees import PostgresTrees


class Garden:
    """The trees of a database, and who grows them."""

    def __init__(self, trees: PostgresTrees, positions: PostgresPositions) -> None:
        self.trees = trees
        self.positions = positions

    def gardener(self, batch: int = 5_000) -> Gardener:
        return Gardener(self.trees, self.positions, batch)


@asynccontextmanager
async def garden(dsn: str) -> AsyncIterator[Garden]:
    async with open_pool(dsn, 1, 8) as pool:
        yield Garden(PostgresTrees(pool), PostgresPositions(dsn, pool))


def tended(dsn: str, work: Callable[[Garden], Awaitable[None]]) -> None:
    async def run() -> None:
        async with garden(dsn) as found:
            await work(found)

    asyncio.run(run())


def seals(intruder: psycopg.Connection, program: str) -> list[tuple[int, bytes]]:
    query = "SELECT notification_id, seal FROM stored_events WHERE program = %s ORDER BY notification_id"
    return intruder.execute(query, [program]).fetchall()


def root_of(leaves: list[bytes]) -> bytes:
    """Pairs upon pairs, the odd one carried up: the definition of RFC 6962 by another way."""
    while len(leaves) > 1:
        pairs = [node_hash(leaves[at], leaves[at + 1]) for at in range(0, len(leaves) - 1, 2)]
        leaves = pairs + leaves[len(pairs) * 2 :]
    return leaves[0] if leaves else folded([])


def stored(intruder: psycopg.Connection) -> list[tuple[object, ...]]:
    return (
        intruder.execute("SELECT program, level, number, hashes, positions FROM tree_tiles ORDER BY 1, 2, 3").fetchall()
        + intruder.execute("SELECT program, size, position FROM trees ORDER BY 1").fetchall()
    )


@pytest.mark.parametrize("batch", [1, 7, 5_000])
def test_every_entry_is_a_leaf_of_its_programs_tree(log: str, intruder: psycopg.Connection, batch: int) -> None:
    async def work(found: Garden) -> None:
        head = await found.positions.head()
        assert await found.gardener(batch).catch_up() == head
        for program in ("main", "other"):
            rows = seals(intruder, program)
            leaves = [leaf_hash(seal) for _, seal in rows]
            tree = await found.trees.tree(program)
            assert (tree.size, tree.position) == (len(rows), rows[-1][0])
            (root,) = await hashes(found.trees, program, [(0, tree.size)])
            assert root == root_of(leaves)
            for index, (position, _) in enumerate(rows):
                assert await found.trees.indexes(program, [position]) == {position: index}
                proof = await hashes(found.trees, program, inclusion(index, (0, tree.size)))
                assert proves_inclusion(leaves[index], index, (0, tree.size), proof, root)
                proof = await hashes(found.trees, program, consistency((0, index + 1), tree.size))
                assert proves_consistency(index + 1, tree.size, proof, root_of(leaves[: index + 1]), root)
            places = {position: index for index, (position, _) in enumerate(rows)}
            assert await found.trees.indexes(program, [10**9, *places, -1]) == places
        assert (await found.trees.tree("nobody")).size == 0

    tended(log, work)


def test_trees_grown_in_any_steps_or_made_afresh_are_the_same(log: str, intruder: psycopg.Connection) -> None:
    async def work(found: Garden) -> None:
        await found.gardener(3).catch_up()
        by_threes = stored(intruder)
        gardener = found.gardener()
        await gardener.afresh()
        assert stored(intruder) == []
        await gardener.catch_up()
        assert stored(intruder) == by_threes

    tended(log, work)


def test_many_gardeners_at_once_make_one_tree(log: str, intruder: psycopg.Connection) -> None:
    async def work(found: Garden) -> None:
        await found.gardener().catch_up()
        alone = stored(intruder)
        await found.gardener().afresh()
        await asyncio.gather(*(found.gardener(2).catch_up() for _ in range(6)))
        assert stored(intruder) == alone

    tended(log, work)


def test_one_who_was_overtaken_looks_again_where_the_tree_stands(log: str) -> None:
    async def work(found: Garden) -> None:
        slow, quick = found.gardener(5), found.gardener(7)
        await slow.step()
        await quick.step()
        with pytest.raises(Overtaken):
            await slow.step()
        assert await slow.catch_up() == await found.positions.head()

    tended(log, work)


def test_a_batch_that_cannot_be_written_leaves_no_trace(log: str, intruder: psycopg.Connection) -> None:
    class Fails(PostgresTrees):
        async def write(self, *more: Any) -> None:
            await super().write(*more)
            raise Unavailable("cut off")

    async def work(found: Garden) -> None:
        await found.gardener(5).step()
        before = stored(intruder)
        failing = Gardener(Fails(found.trees._pool), found.positions, 5)
        with pytest.raises(Unavailable):
            await failing.step()
        assert stored(intruder) == before

    tended(log, work)


def test_the_follower_grows_the_trees_while_the_log_grows(log: str) -> None:
    async def work(found: Garden) -> None:
        running = asyncio.create_task(found.gardener().run())
        async with asyncio.timeout(20):
            while True:
                standing = await found.positions.standing(FOLLOWER)
                if standing is not None and standing.position == await found.positions.head():
                    break
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    tended(log, work)


def test_a_tree_that_is_being_made_again_gives_no_proof(log: str, intruder: psycopg.Connection) -> None:
    async def work(found: Garden) -> None:
        await found.gardener().catch_up()
        intruder.execute("DELETE FROM tree_tiles WHERE number = 2")
        with pytest.raises(Unavailable):
            await hashes(found.trees, "main", [(0, 90)])

    tended(log, work)


def test_a_leaf_is_read_without_its_entry() -> None:
    assert Leaf.__struct_fields__ == ("program", "position", "seal")
