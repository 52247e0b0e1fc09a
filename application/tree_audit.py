"""Hold the trees against the log, and the log against checkpoints that somebody kept.

A tree names every leaf with its position, so a row that was changed, dropped, added or moved since is found where it
stands, even if the chain of its stream was made again. Whoever makes the trees again as well meets the checkpoints:
their roots are worked out from the rows alone. Ranges of a tree are tasks for any `concurrent.futures.Executor`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from application.trees import Kept, Leaf
from domain.merkle import EMPTY, HASH, Node, folded, leaf_hash, perfect
from domain.notes import Checkpoint
from domain.tiles import HEIGHT, WIDTH, grown, nodes_in, split

_LEVELS = 3
"""Levels of tiles in a range."""
RANGE = 1 << HEIGHT * _LEVELS
"""Leaves in a range: a task."""


class Grown(msgspec.Struct, frozen=True):
    """A tree when the check began: leaves, and the position up to which the log was read for it."""

    size: int
    read_up_to: int

    @property
    def ranges(self) -> int:
        return 1 + max(0, self.size - 1) // RANGE


class TreeReader(Protocol):
    """One unchanging view of the trees and of the rows they are of."""

    def programs(self, program: str | None) -> Sequence[str]: ...

    def tree(self, program: str) -> Grown: ...

    def tiles(self, program: str, level: int, first: int, end: int) -> Iterator[tuple[int, Kept]]:
        """Tiles of a level by number, from `first` up to, and without, `end`."""

    def leaves(self, program: str, after: int, upto: int) -> Iterator[Leaf]:
        """The program's rows by position."""


Connect = Callable[[], AbstractContextManager[TreeReader]]


class Spot(msgspec.Struct, frozen=True, order=True):
    """Something wrong with a program's tree, or with the log it is of, at a position."""

    position: int
    program: str
    detail: str


class Range(msgspec.Struct):
    """What a task found of its rows: how many, the last position, and hashes of the first ones up to some sizes.

    `next` says which position comes after the first so many leaves; `root` is that of a full range of the tree.
    """

    number: int
    rows: int
    last: int
    spots: list[Spot]
    peaks: dict[int, list[bytes]]
    next: dict[int, int]
    root: bytes | None = None


def check_trees(
    connect: Connect,
    program: str | None,
    against: Mapping[str, Sequence[Checkpoint]],
    executor: Executor,
    progress: Callable[[int], None] = lambda _leaves: None,
) -> list[Spot]:
    """Every tree of a program (None: of all). `against` are kept checkpoints by program, by size."""
    with connect() as reader:
        trees = {name: reader.tree(name) for name in reader.programs(program)}
    tasks = {}
    for name, tree in trees.items():
        sizes = [one.size for one in against.get(name, ())]
        for number in range(tree.ranges):
            tasks[executor.submit(check_range, connect, name, number, tree, sizes)] = name
    found: dict[str, list[Range]] = {name: [] for name in trees}
    try:
        for task in as_completed(tasks):
            part = task.result()
            found[tasks[task]].append(part)
            progress(part.rows)
    finally:
        for task in tasks:
            task.cancel()
    spots = [spot for parts in found.values() for part in parts for spot in part.spots]
    for name, parts in found.items():
        parts.sort(key=lambda part: part.number)
        with connect() as reader:
            spots += _upper(reader, name, parts)
        spots += _held_against(name, parts, against.get(name, ()))
    return spots


def check_range(connect: Connect, program: str, number: int, tree: Grown, sizes: Sequence[int]) -> Range:
    """One range of a tree: its leaves against the rows that stand there now, and its tiles against its leaves."""
    first, end = number * RANGE, min((number + 1) * RANGE, tree.size)
    found = Range(number, 0, 0, [], {}, {})
    with connect() as reader:
        before = _last_position(reader, program, first)
        if tree.size == 0:
            # One is enough to tell, if the log was read at all.
            for row in reader.leaves(program, before, tree.read_up_to) if tree.read_up_to else ():
                found.spots.append(Spot(row.position, program, "the tree of the log is gone"))
                break
            return found
        leaves = _leaves(reader, program, first, end, found)
        upto = tree.read_up_to if end == tree.size else leaves[-1][0] if leaves else before
        rows = _rows(program, leaves, reader.leaves(program, before, upto), found)
        _tiles(reader, program, first, leaves, found)
    node = nodes_in(grown(0, {}, rows))
    for size in {*sizes, first + RANGE}:
        if first < size <= first + min(len(rows), RANGE):
            found.peaks[size] = [node(one) for one in perfect((0, size - first))]
    found.next = {size: leaves[size - first][0] for size in (0, *sizes) if 0 <= size - first < len(leaves)}
    return found


def _last_position(reader: TreeReader, program: str, size: int) -> int:
    """The position of the last of the first `size` leaves."""
    for _, kept in reader.tiles(program, 0, size // WIDTH - 1, size // WIDTH):
        if kept.positions:
            return kept.positions[-1]
    return -(2**62)


def _leaves(reader: TreeReader, program: str, first: int, end: int, found: Range) -> list[tuple[int, bytes]]:
    """The leaves of a range as the tree has them: position and hash."""
    leaves: list[tuple[int, bytes]] = []
    for number, kept in reader.tiles(program, 0, first // WIDTH, -(-end // WIDTH)):
        if number * WIDTH != first + len(leaves) or len(kept.hashes) != len(kept.positions) * HASH:
            found.spots.append(Spot(min(kept.positions, default=0), program, f"tile {number} of its tree is damaged"))
            break
        leaves += zip(kept.positions, split(kept.hashes), strict=True)
    if len(leaves) < end - first and not found.spots:
        at = leaves[-1][0] if leaves else 0
        found.spots.append(Spot(at, program, f"its tree has {first + len(leaves)} leaves where it says {end}"))
    # It may have grown since the check began.
    return leaves[: end - first]


def _rows(program: str, leaves: Sequence[tuple[int, bytes]], rows: Iterator[Leaf], found: Range) -> list[bytes]:
    """The leaf hashes of the rows that are there, each held against the tree's."""
    known = dict(leaves)
    hashes: list[bytes] = []
    for row in rows:
        is_now, kept = leaf_hash(row.seal), known.pop(row.position, None)
        hashes.append(is_now)
        found.last = row.position
        if kept != is_now:
            detail = "it is not the entry that its tree has" if kept else "it is not in the tree of the log"
            found.spots.append(Spot(row.position, program, detail))
    found.rows = len(hashes)
    found.spots += [Spot(at, program, "it is in the tree of the log, and the entry is gone") for at in known]
    return hashes


def _tiles(reader: TreeReader, program: str, first: int, leaves: Sequence[tuple[int, bytes]], found: Range) -> None:
    """Whether the tiles above the leaves of a range are made of them."""
    made = grown(0, {}, [kept for _, kept in leaves])
    for (level, number), hashes in made.items():
        under = 1 << HEIGHT * (level + 1)
        if 0 < level < _LEVELS and not _is_stored(reader, program, level, first // under + number, hashes):
            at = leaves[number * under][0]
            found.spots.append(
                Spot(at, program, f"tile {first // under + number} of level {level} of its tree is wrong")
            )
    if len(leaves) == RANGE:
        found.root = nodes_in(made)(perfect((0, RANGE))[0])


def _upper(reader: TreeReader, program: str, parts: Sequence[Range]) -> Iterator[Spot]:
    """Whether the tiles above the ranges are made of them."""
    roots = [part.root for part in parts if part.root is not None]
    for (level, number), hashes in grown(0, {}, roots).items():
        if not _is_stored(reader, program, level + _LEVELS, number, hashes):
            yield Spot(0, program, f"tile {number} of level {level + _LEVELS} of its tree is wrong")


def _is_stored(reader: TreeReader, program: str, level: int, number: int, hashes: bytes) -> bool:
    # A tile may have got longer since the check began.
    return any(kept.hashes[: len(hashes)] == hashes for _, kept in reader.tiles(program, level, number, number + 1))


def _held_against(program: str, parts: Sequence[Range], checkpoints: Sequence[Checkpoint]) -> Iterator[Spot]:
    """Whether the rows give the roots that were kept. The first one that they do not give is told."""
    full = [part.peaks.get((part.number + 1) * RANGE) for part in parts]
    upper = nodes_in(grown(0, {}, [peaks[0] for peaks in full if peaks]))
    rows = sum(part.rows for part in parts)
    good = 0
    for one in checkpoints:
        if one.size <= rows and _root(one.size, parts, upper) == one.root:
            good = one.size
            continue
        if rows < one.size:
            at = max(part.last for part in parts)
            detail = f"the log has {rows} entries, and had {one.size} when the checkpoint was signed"
        else:
            at = next((part.next[good] for part in parts if good in part.next), 0)
            detail = f"from here on, entry {good + 1} of {one.size}, it is not the log whose checkpoint was signed"
        yield Spot(at, program, detail)
        return


def _root(size: int, parts: Sequence[Range], upper: Callable[[Node], bytes]) -> bytes | None:
    """The root of the first `size` rows; None where they cannot be told apart."""
    if size == 0:
        return EMPTY
    number = (size - 1) // RANGE
    if number >= len(parts) or size not in parts[number].peaks:
        return None
    try:
        return folded([*map(upper, perfect((0, number))), *parts[number].peaks[size]])
    except LookupError:
        return None
