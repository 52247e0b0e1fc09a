"""The follower that notes what webhooks are to be told.

It writes a row for each event that a webhook asks for, in the transaction that moves its position: so nothing is left
out and nothing is noted twice, wherever a process dies. Whoever sends reads these rows; see `deliveries.py`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
import structlog

from application.follow import PATIENCE, Log, OtherVersion, Placed, Positions, Runner, Transaction
from application.messages import type_of, wanted
from application.webhooks import Waiting

log = structlog.get_logger(__name__)

NAME = "webhooks"
VERSION = 1


class Wish(msgspec.Struct, frozen=True):
    """What an enabled webhook asks for: events of these types, with these values, behind this position."""

    webhook: str
    program: str
    types: frozenset[str]
    fields: Mapping[str, Any]
    after: int


class Outbox(Protocol):
    """The table of what is to be told."""

    async def begins(self) -> int | None:
        """The lowest position behind which an enabled webhook begins; None when there is none."""

    async def wishes(self, transaction: Transaction) -> list[Wish]:
        """Of all enabled webhooks."""

    async def put(self, transaction: Transaction, rows: Sequence[Waiting], now: datetime) -> None: ...


class Teller:
    """The follower."""

    name = NAME
    version = VERSION

    def __init__(self, outbox: Outbox, wall: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._wall = wall

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None:
        by_program = defaultdict(list)
        for wish in await self._outbox.wishes(transaction):
            by_program[wish.program].append(wish)
        rows = [
            Waiting(wish.webhook, one.position, number, one.stream, one.version, type_of(event))
            for one in batch
            for wish in by_program.get(one.program, ())
            if one.position > wish.after
            for number, event in enumerate(one.entry.events)
            if wanted(event, wish.types, wish.fields)
        ]
        if rows:
            await self._outbox.put(transaction, rows, self._wall())


class TellerRunner(Runner):
    """The runner of it. What lies before the first webhook, or where there is none, is not even read."""

    def __init__(
        self, outbox: Outbox, store: Log, positions: Positions, wall: Callable[[], datetime], batch: int = 1_000
    ) -> None:
        super().__init__(Teller(outbox, wall), store, positions, batch)
        self._outbox = outbox

    async def step(self) -> int:
        # The end of the log is asked for first: a webhook that is made meanwhile begins behind it.
        head = await self._positions.head()
        begins = await self._outbox.begins()
        target = head if begins is None else begins
        if self._position is None:
            self._position = await self._stand()
        if self._position < target:
            async with self._positions.advance(self.follower.name, self.follower.version, self._position, target):
                pass
            self._position = target
        return 0 if begins is None else await super().step()


async def keep_noting(outbox: Outbox, store: Log, positions: Positions, wall: Callable[[], datetime]) -> None:
    """Note what is to be told until cancelled. Where newer code does, this process stands by."""
    await positions.register(NAME, VERSION)
    while True:
        try:
            await TellerRunner(outbox, store, positions, wall).run()
        except OtherVersion as other:
            log.info("other version", follower=NAME, ours=VERSION, stored=other.stored)
            await asyncio.sleep(PATIENCE)
