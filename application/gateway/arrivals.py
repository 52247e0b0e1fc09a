"""The follower that wakes letters: a key that one waits for was claimed in the log. And who then carries them out.

A member's id, an e-mail address, an external id, an order's id: all of them are claims of entries, so one rule serves
for members who enrol, identities that are linked, and orders that come after their returns.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from application.follow import PATIENCE, Log, OtherVersion, Placed, Positions, Runner, Transaction
from application.gateway.inbox import RECORDED_KEPT, Office, work
from application.ports import Unavailable

log = structlog.get_logger(__name__)

NAME = "gateway"
VERSION = 1
POLL = 0.2
_PRUNED_EVERY = timedelta(hours=1)
_KINDS = frozenset({"member", "email", "external", "activity"})


class Waits(Protocol):
    """The table of keys that letters wait for."""

    async def any_waits(self) -> bool: ...

    async def wake(self, transaction: Transaction, claims: Sequence[tuple[str, str, str]], now: datetime) -> None:
        """Letters that wait for one of these (program, kind, key) are due now."""


class Arrivals:
    """The follower."""

    name = NAME
    version = VERSION

    def __init__(self, waits: Waits, wall: Callable[[], datetime]) -> None:
        self._waits = waits
        self._wall = wall

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None:
        claims = [
            (one.program, claim.kind, claim.key) for one in batch for claim in one.entry.claims if claim.kind in _KINDS
        ]
        if claims:
            await self._waits.wake(transaction, claims, self._wall())


class ArrivalsRunner(Runner):
    """The runner of it. While nothing waits the log is not read."""

    def __init__(
        self, waits: Waits, store: Log, positions: Positions, wall: Callable[[], datetime], batch: int = 1_000
    ) -> None:
        super().__init__(Arrivals(waits, wall), store, positions, batch)
        self._waits = waits

    async def step(self) -> int:
        # The end of the log is asked for first: what begins to wait meanwhile is tried after it was noted.
        head = await self._positions.head()
        if await self._waits.any_waits():
            return await super().step()
        if self._position is None:
            self._position = await self._stand()
        if self._position < head:
            async with self._positions.advance(self.follower.name, self.follower.version, self._position, head):
                pass
            self._position = head
        return 0


async def keep_waking(waits: Waits, store: Log, positions: Positions, wall: Callable[[], datetime]) -> None:
    """Wake letters until cancelled. Where newer code does, this process stands by."""
    await positions.register(NAME, VERSION)
    while True:
        try:
            await ArrivalsRunner(waits, store, positions, wall).run()
        except OtherVersion as other:
            log.info("other version", follower=NAME, ours=VERSION, stored=other.stored)
            await asyncio.sleep(PATIENCE)


async def keep_working(office: Office) -> None:
    """Carry out what is due until cancelled. Any number of processes may."""
    pruned: datetime | None = None
    while True:
        done, now = 0, office.wall()
        try:
            done = await work(office)
            if pruned is None or now - pruned >= _PRUNED_EVERY:
                await office.inbox.prune(now, now - RECORDED_KEPT)
                pruned = now
        except Unavailable as error:
            log.warning("gateway waits", reason=str(error))
            await asyncio.sleep(PATIENCE)
        except Exception as error:
            # One that breaks us stays where it is and falls due again; the others go on.
            log.exception("letter_failed", error=type(error).__name__)
        if not done:
            await asyncio.sleep(POLL)
