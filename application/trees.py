"""The follower that keeps the Merkle tree of each program's log.

A leaf is the seal of a row: a hash of its position and of its digest, which is over the row's stored bytes and all
rows of its stream before. So to grow the trees takes no more of the log than its seals, and nothing of the write path.
Unlike a board, a tree parks nothing: whatever is in the log is a leaf, also what this code cannot read.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from application.follow import BATCH, OtherVersion, Overtaken, Positions, Transaction, lead, to_the_end
from application.ports import Unavailable
from application.spans import span
from domain import tiles
from domain.merkle import leaf_hash

FOLLOWER = "trees"
VERSION = 1

PACE = 0.2
"""Seconds between two steps at the end of the log: a tree need not be up to the instant, and each step costs."""


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """As much of a row as its tree takes in."""

    program: str
    position: int
    seal: bytes


class Tree(msgspec.Struct, frozen=True, gc=False):
    """How far a program's tree has grown: leaves, and the position of the last."""

    size: int = 0
    position: int = 0


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A tile as it is stored. `positions` are those of its leaves, on level 0."""

    hashes: bytes
    positions: list[int] = []


Place = tuple[str, int, int]
"""Where a tile is stored: program, level, number."""


class Trees(Protocol):
    """Where the trees are kept."""

    async def leaves(self, after: int, limit: int) -> list[Leaf]:
        """Of all programs, in order of position."""

    async def grown(self, transaction: Transaction, programs: Collection[str]) -> dict[str, Tree]: ...

    async def begun(self, transaction: Transaction, places: Collection[Place]) -> dict[Place, Kept]: ...

    async def write(
        self, transaction: Transaction, trees: Mapping[str, Tree], changed: Mapping[Place, Kept]
    ) -> None: ...

    async def clear(self, transaction: Transaction) -> None:
        """Drop all trees."""

    async def tree(self, program: str) -> Tree: ...

    async def tiles(self, program: str, wanted: Collection[tiles.Tile]) -> dict[tiles.Tile, bytes]: ...

    async def indexes(self, program: str, positions: Collection[int]) -> dict[int, int]:
        """Which leaves the entries at these positions are. Those that are not in the tree are left out."""


class Gardener:
    """Grows the trees. Any number of processes may: each entry becomes a leaf once."""

    def __init__(self, trees: Trees, positions: Positions, batch: int = BATCH) -> None:
        self._trees = trees
        self._positions = positions
        self._batch = batch
        self._position: int | None = None

    async def run(self) -> None:
        """Follow the log until cancelled. Raises OtherVersion."""
        await lead(FOLLOWER, self._positions, self._paced, self._forget, self._batch)

    async def catch_up(self) -> int:
        """Take in all that is in the log now; the position that the trees stand at. Others may do so meanwhile."""
        while True:
            try:
                while await self.step():
                    pass
            except Overtaken:
                continue
            assert self._position is not None
            return self._position

    async def step(self) -> int:
        """Take in one batch; how many leaves it had, 0 at the end of the log."""
        if self._position is None:
            self._position = await self._stand()
        leaves = await self._trees.leaves(self._position, self._batch)
        if leaves:
            with span("grow trees", entries=len(leaves)):
                await to_the_end(self._take(leaves))
        return len(leaves)

    async def afresh(self) -> None:
        """Drop the trees, to grow them from the first entry again; they will be the same."""
        while True:
            standing = await self._stand()
            try:
                async with self._positions.advance(FOLLOWER, VERSION, standing, 0) as transaction:
                    await self._trees.clear(transaction)
            except Overtaken:
                continue
            self._position = 0
            return

    async def _paced(self) -> int:
        taken = await self.step()
        if 0 < taken < self._batch:
            await asyncio.sleep(PACE)
        return taken

    def _forget(self) -> None:
        self._position = None

    async def _stand(self) -> int:
        await self._positions.register(FOLLOWER, VERSION)
        standing = await self._positions.standing(FOLLOWER)
        if standing is None or standing.version != VERSION:
            raise OtherVersion(FOLLOWER, standing.version if standing else None)
        return standing.position

    async def _take(self, leaves: Sequence[Leaf]) -> None:
        assert self._position is not None
        last = leaves[-1].position
        try:
            async with self._positions.advance(FOLLOWER, VERSION, self._position, last) as transaction:
                await self._grow(leaves, transaction)
        except (Overtaken, Unavailable):
            # Where it stands may be wrong now: a commit that lost its answer may have moved it.
            self._position = None
            raise
        self._position = last

    async def _grow(self, leaves: Sequence[Leaf], transaction: Transaction) -> None:
        new: dict[str, list[Leaf]] = {}
        for leaf in leaves:
            new.setdefault(leaf.program, []).append(leaf)
        trees = await self._trees.grown(transaction, new.keys())
        sizes = {program: trees[program].size if program in trees else 0 for program in new}
        places = [(program, *tile) for program, size in sizes.items() for tile in tiles.edge(size)]
        begun = await self._trees.begun(transaction, places) if places else {}
        changed: dict[Place, Kept] = {}
        for program, ours in new.items():
            changed |= _changed(program, sizes[program], begun, ours)
        grown = {program: Tree(sizes[program] + len(ours), ours[-1].position) for program, ours in new.items()}
        await self._trees.write(transaction, grown, changed)


def _changed(program: str, size: int, begun: Mapping[Place, Kept], leaves: Sequence[Leaf]) -> dict[Place, Kept]:
    """The tiles of one program that change."""
    edge = {place[1:]: kept.hashes for place, kept in begun.items() if place[0] == program}
    changed = tiles.grown(size, edge, [leaf_hash(leaf.seal) for leaf in leaves])
    number, offset = divmod(size, tiles.WIDTH)
    positions = [*(begun[program, 0, number].positions if offset else ()), *(leaf.position for leaf in leaves)]
    found: dict[Place, Kept] = {}
    for (level, tile), hashes in changed.items():
        at = (tile - number) * tiles.WIDTH
        found[program, level, tile] = Kept(hashes, [] if level else positions[at : at + tiles.WIDTH])
    return found
