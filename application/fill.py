"""Fill empty boards from the log in parallel: a task makes all rows of one range of streams.

A task takes its streams whole and in order, so nothing has to be looked up, nothing it wrote changes, and rows are
only copied in: half the work of following the log. Sums over members come back from the tasks, and are added up.
What cannot be taken is nobody's fault here: the task fails, and whoever asked follows the log instead, which parks it.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from typing import Any, Protocol
from uuid import UUID

from application.collector import uncollected
from application.follow import Boards, Placed, Projection, Rows, Table, placed
from domain.log import Row

ENTRIES_PER_TASK = 20_000
"""So a task takes about a second: as long as a rebuild takes to stop."""
ENTRIES_AT_ONCE = 5_000
"""How many a task holds, and at least one stream."""

Sums = dict[str, dict[tuple[object, ...], Any]]
"""What many streams share, by table and key: rows of projections, and of tallies the counts alone."""


class Filler(Protocol):
    """A task's view of the log, and its transaction on the tables: all of a task is written, or nothing."""

    def rows(self, upto: int, first: UUID, last: UUID) -> Iterator[Row]:
        """Entries up to a position, by stream and version."""

    def add(self, table: Table, rows: Sequence[Any]) -> None:
        """Rows under keys that were not there."""


Connect = Callable[[], AbstractContextManager[Filler]]
"""Opens the filler in whatever process the task runs in; it has to pickle."""


async def fill_all(
    connect: Connect,
    boards: Boards,
    upto: int,
    *,
    executor: Executor,
    workers: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Sums:
    """Make all rows that the log gives up to a position; what remains to be written are the sums.

    The boards have to pickle where the executor's tasks run elsewhere.
    """
    of = max(4 * workers, upto // ENTRIES_PER_TASK)
    tasks = [asyncio.wrap_future(executor.submit(fill_range, connect, boards, upto, n, of)) for n in range(of)]
    sums: Sums = {}
    try:
        for done, task in enumerate(asyncio.as_completed(tasks), 1):
            _add(boards, sums, await task)
            progress(upto * done // of, upto)
    finally:
        for one in tasks:
            one.cancel()
    for tally in boards.tallies:
        counts = sums.get(tally.table.name, {})
        sums[tally.table.name] = {key: tally.table.row(*key, count) for key, count in counts.items()}
    return sums


def fill_range(connect: Connect, boards: Boards, upto: int, number: int, of: int) -> Sums:
    """The rows of one range of streams out of `of`: ids are spread evenly, so ranges are alike."""
    first, last = UUID(int=2**128 * number // of), UUID(int=2**128 * (number + 1) // of - 1)
    sums: Sums = {}
    with connect() as filler, uncollected():
        for batch in _whole_streams(filler.rows(upto, first, last)):
            for projection in boards.projections:
                rows = _made(projection, batch)
                if projection.sum is None:
                    filler.add(projection.table, rows.new())
                else:
                    _add(boards, sums, {projection.table.name: rows})
                for tally in boards.tallies:
                    if tally.of == projection.table.name:
                        _add(boards, sums, {tally.table.name: tally.moved(rows)})
    return sums


def _whole_streams(rows: Iterable[Row]) -> Iterator[list[Placed]]:
    batch: list[Placed] = []
    for row in rows:
        if len(batch) >= ENTRIES_AT_ONCE and batch[-1].stream != row.stream:
            yield batch
            batch = []
        batch.append(placed(row))
    if batch:
        yield batch


def _made(projection: Projection, batch: Sequence[Placed]) -> Rows:
    rows, kind, apply = Rows({}), projection.kind, projection.apply
    for one in batch:
        if one.kind == kind:
            apply(rows, one)
    return rows


def _add(boards: Boards, sums: Sums, more: Mapping[str, Mapping[tuple[object, ...], Any]]) -> None:
    for projection in boards.projections:
        if projection.sum is not None:
            so_far = sums.setdefault(projection.table.name, {})
            for key, row in more.get(projection.table.name, {}).items():
                so_far[key] = projection.sum(so_far[key], row) if key in so_far else row
    for tally in boards.tallies:
        counts = sums.setdefault(tally.table.name, {})
        for key, by in more.get(tally.table.name, {}).items():
            counts[key] = counts.get(key, 0) + by
