"""Rebuild the boards from the log beside the live ones, and put the new in place of the old while both are read.

Also what keeps the boards in a running server: follow, and rebuild first where newer code asks for other rows.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from application.follow import PATIENCE, Boards, Log, OtherVersion, Positions, Projector, Runner, Standing, Tables
from application.spans import span

log = structlog.get_logger(__name__)

Progress = Callable[[int, int], None]
"""(how far, of how much), both positions in the log."""


class Rebuilding(Tables, Protocol):
    """Whole schemas of tables, besides the rows in them."""

    async def create(self, schema: str) -> None:
        """Make the schema anew, empty, its follower at the beginning."""

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
) -> int:
    """Rebuild all rows from the first entry and serve them; the position they are served at.

    May run beside followers and readers, in any process, and waits where another rebuild runs. One that was
    killed goes on where it stood, unless `afresh`. Raises OtherVersion when newer code has the live tables.
    """
    schema = f"{boards.name}_next"
    async with positions.leading(schema):
        standing = await positions.standing(schema)
        if afresh or standing is None or standing.version != boards.version:
            await tables.create(schema)
        runner = Runner(Projector(boards, tables, schema), store, positions)
        while True:
            head = await positions.head()
            while await runner.step():
                progress(min(runner.position, head), head)
            served = await tables.swap(schema)
            if served is not None:
                progress(head, head)
                return served.position


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
