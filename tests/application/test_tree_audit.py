"""Trees of more leaves than one task takes: each range is held against its rows, and all against checkpoints."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from application.tree_audit import RANGE, Grown, Spot, check_trees
from application.trees import Kept, Leaf
from domain.merkle import hash_of, leaf_hash
from domain.notes import Checkpoint
from domain.tiles import WIDTH, grown, nodes_in

SIZE = 2 * RANGE + 1_000
SIZES = (1, 40, RANGE - 1, RANGE, RANGE + 1, RANGE + 777, 2 * RANGE, SIZE - 1, SIZE)


def position_of(index: int) -> int:
    """Positions have gaps: other programs' entries stand in between."""
    return 3 * index + 7


ROWS = [Leaf("main", position_of(index), sha256(index.to_bytes(4, "big")).digest()) for index in range(SIZE)]
TILES = {
    (level, number): Kept(
        hashes, [] if level else [row.position for row in ROWS[number * WIDTH : (number + 1) * WIDTH]]
    )
    for (level, number), hashes in grown(0, {}, [leaf_hash(row.seal) for row in ROWS]).items()
}
NODE = nodes_in({tile: kept.hashes for tile, kept in TILES.items()})
CHECKPOINTS = [Checkpoint("here/main", size, hash_of((0, size), NODE)) for size in SIZES]


class Memory:
    """The `TreeReader` port over rows and tiles in memory."""

    def __init__(self, rows: Sequence[Leaf], tiles: dict[tuple[int, int], Kept], size: int = SIZE) -> None:
        self._rows = rows
        self._tiles = tiles
        self._size = size

    def programs(self, program: str | None) -> Sequence[str]:
        return [program or "main"]

    def tree(self, program: str) -> Grown:
        return Grown(self._size, position_of(SIZE))

    def tiles(self, program: str, level: int, first: int, end: int) -> Iterator[tuple[int, Kept]]:
        for number in range(first, end):
            if (level, number) in self._tiles:
                yield number, self._tiles[level, number]

    def leaves(self, program: str, after: int, upto: int) -> Iterator[Leaf]:
        return (row for row in self._rows if after < row.position <= upto)


@pytest.fixture(scope="module")
def here() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def checked(here: Executor, against: Sequence[Checkpoint] = CHECKPOINTS, **of: Any) -> list[Spot]:
    reader = Memory(of.get("rows", ROWS), of.get("tiles", TILES), of.get("size", SIZE))

    def connect() -> AbstractContextManager[Memory]:
        return nullcontext(reader)

    return sorted(check_trees(connect, "main", {"main": against}, here))


def test_a_tree_of_several_ranges_is_sound_and_fits_checkpoints_of_any_size(here: Executor) -> None:
    assert checked(here) == []


@pytest.mark.parametrize("index", [0, RANGE - 1, RANGE, RANGE + 500, SIZE - 1])
def test_a_changed_row_is_named_and_no_checkpoint_after_it_fits(here: Executor, index: int) -> None:
    rows = [msgspec.structs.replace(row, seal=bytes(32)) if at == index else row for at, row in enumerate(ROWS)]
    spots = checked(here, rows=rows)
    good = max([size for size in SIZES if size <= index], default=0)
    assert {spot.position for spot in spots} == {position_of(index), position_of(good)}


@pytest.mark.parametrize("index", [0, RANGE - 1, RANGE, RANGE + 500, SIZE - 1])
def test_a_dropped_row_is_named(here: Executor, index: int) -> None:
    spots = checked(here, [], rows=[*ROWS[:index], *ROWS[index + 1 :]])
    assert spots == [Spot(position_of(index), "main", "it is in the tree of the log, and the entry is gone")]


@pytest.mark.parametrize("index", [-1, RANGE - 1, RANGE, SIZE - 1])
def test_a_row_more_is_named(here: Executor, index: int) -> None:
    more = Leaf("main", position_of(index) + 1, bytes(32))
    spots = checked(here, [], rows=[*ROWS[: index + 1], more, *ROWS[index + 1 :]])
    assert spots == [Spot(more.position, "main", "it is not in the tree of the log")]


@pytest.mark.parametrize(("level", "number"), [(0, 3), (0, 1_500), (1, 40), (2, 1), (3, 0)])
def test_a_changed_tile_is_named(here: Executor, level: int, number: int) -> None:
    kept = TILES[level, number]
    wrong = msgspec.structs.replace(kept, hashes=bytes([kept.hashes[0] ^ 1]) + kept.hashes[1:])
    spots = checked(here, tiles=TILES | {(level, number): wrong})
    assert spots
    assert level == 3 or position_of(number * WIDTH ** (level + 1)) in {spot.position for spot in spots}


@pytest.mark.parametrize(("level", "number"), [(0, 3), (0, 1_500), (1, 40), (2, 1), (3, 0)])
def test_a_lost_or_cut_tile_is_named(here: Executor, level: int, number: int) -> None:
    assert checked(here, tiles={tile: kept for tile, kept in TILES.items() if tile != (level, number)})
    short = msgspec.structs.replace(TILES[level, number], hashes=TILES[level, number].hashes[:-1])
    assert checked(here, tiles=TILES | {(level, number): short})


def test_a_log_that_was_cut_off_and_whose_tree_was_made_again_does_not_reach_its_checkpoint(here: Executor) -> None:
    size = RANGE + 600
    tiles = {
        (level, number): Kept(hashes, [] if level else TILES[0, number].positions[: len(hashes) // 32])
        for (level, number), hashes in grown(0, {}, [leaf_hash(row.seal) for row in ROWS[:size]]).items()
    }
    (spot,) = checked(here, rows=ROWS[:size], tiles=tiles, size=size)
    assert spot.position == position_of(size - 1)
    assert spot.detail == f"the log has {size} entries, and had {RANGE + 777} when the checkpoint was signed"


def test_a_tree_that_is_gone_is_told_once(here: Executor) -> None:
    spots = checked(here, [], tiles={}, size=0)
    assert spots == [Spot(position_of(0), "main", "the tree of the log is gone")]
