"""Rebuild the boards from the log beside the live ones, and put the new in place of the old while both are read.

Also what keeps the boards in a running server: follow, and rebuild first where newer code asks for other rows.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from os import cpu_count
from typing import Protocol

import structlog

from application.fill import Connect, fill_all
from application.follow import (
    PATIENCE,
    Boards,
    Log,
    OtherVersion,
    Overtaken,
    Positions,
    Projector,
    Runner,
    Standing,
    Tables,
)
from application.ports import Unavailable
from application.spans import span

log = structlog.get_logger(__name__)

Progress = Callable[[int, int], None]
"""(how far, of how much), both positions in the log."""

WORTH_SHARING = 20_000
"""Entries from which on it pays to start processes."""


class Rebuilding(Tables, Protocol):
    """Whole schemas of tables, besides the rows in them."""

    async def create(self, schema: str) -> Connect:
        """Make the schema anew, empty, its follower at the beginning.

        Answers how tasks may fill it, until its follower moves.
        """

    async def swap(self, schema: str) -> Standing | None:
        """Put the schema in the place of the live one, unless that has read further (None).

        Raises OtherVersion when the live one is of newer code.
        """

    async def digests(self, schema: str | None = None) -> dict[str, str]:
        """A digest per table over its rows, equal for equal rows in any database."""


async def stale(boards: Boards, positions: Positions) -> bool:
    """Whether the live rows are of older code (or missing) and have to be made again."""
    standing = await positions.standing(boards.name)
    return standing is None or standing.version < boards.version


async def replay(
    boards: Boards,
    *,
    store: Log,
    positions: Positions,
    tables: Rebuilding,
    progress: Progress = lambda _done, _total: None,
    afresh: bool = False,
    executor: Executor | None = None,
) -> int:
    """Rebuild all rows from the first entry and serve them; the position they are served at.

    A long log is shared out to the executor's tasks, or to as many processes as there are cores. May run beside
    followers and readers, in any process, and waits where another rebuild runs. One that was killed goes on where
    it stood, unless `afresh`. Raises OtherVersion when newer code has the live tables.
    """
    schema = f"{boards.name}_next"
    async with positions.leading(schema):
        standing = await positions.standing(schema)
        # At the beginning stands what was never begun, and what was killed while tasks filled it.
        if afresh or standing is None or standing.version != boards.version or standing.position == 0:
            connect = await tables.create(schema)
            head = await positions.head()
            if executor is not None:
                await _fill(boards, schema, connect, head, positions, tables, executor, progress)
            elif head >= WORTH_SHARING:
                # Spawned, not forked: the caller may run threads.
                pool = ProcessPoolExecutor(mp_context=get_context("spawn"))
                try:
                    await _fill(boards, schema, connect, head, positions, tables, pool, progress)
                finally:
                    pool.shutdown(wait=False, cancel_futures=True)
        runner = Runner(Projector(boards, tables, schema), store, positions)
        while True:
            head = await positions.head()
            while await runner.step():
                progress(min(runner.position, head), head)
            served = await tables.swap(schema)
            if served is not None:
                progress(head, head)
                return served.position


async def _fill(
    boards: Boards,
    schema: str,
    connect: Connect,
    head: int,
    positions: Positions,
    tables: Rebuilding,
    executor: Executor,
    progress: Progress,
) -> None:
    """Fill new tables up to `head`, or leave them empty where that does not go: following knows how to park."""
    try:
        with span("fill", boards=schema, entries=head):
            sums = await fill_all(connect, boards, head, executor=executor, workers=cpu_count() or 1, progress=progress)
            async with positions.advance(schema, boards.version, 0, head) as transaction:
                for table in boards.tables:
                    if rows := sums.get(table.name):
                        await tables.add(transaction, schema, table, list(rows.values()))
    except (Unavailable, Overtaken):
        raise
    except Exception as error:  # noqa: BLE001 - an entry that cannot be taken, or a process that was ended
        log.warning("not filled in parallel", boards=schema, error=type(error).__name__)
        await tables.create(schema)


async def keep(boards: Boards, *, store: Log, positions: Positions, tables: Rebuilding) -> None:
    """Keep the live boards until cancelled: the follower process of a server.

    Where the rows are of older code they are rebuilt, while the old ones go on being read. Where they are of newer
    code (this process is about to be replaced), it stands by.
    """
    while True:
        if await stale(boards, positions):
            log.info("rebuilding", boards=boards.name, version=boards.version)
            with span("rebuild", boards=boards.name):
                await replay(boards, store=store, positions=positions, tables=tables)
        try:
            await Runner(Projector(boards, tables), store, positions).run()
        except OtherVersion as other:
            log.info("other version", boards=boards.name, ours=boards.version, stored=other.stored)
            await asyncio.sleep(PATIENCE)
