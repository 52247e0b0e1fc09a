"""Who records what waits in the inbox.

Members are spread over buckets. Whoever works on a bucket holds its lock, reads a page of it, records each member's
activities one after the other and many members' together, and notes what came of them. Any number of processes may: a
bucket is worked on by one. A process that dies loses its locks with its connection, and the next one records the page
again, of which what was recorded already is found by its name.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from application import activities
from application.answers import Answered
from application.attempts import Failed, attempt
from application.follow import to_the_end
from application.handle import Handler
from application.inbox import opened
from application.payloads import ActivityBody
from application.ports import Unavailable
from application.spans import span

log = structlog.get_logger(__name__)

PAGE = 256
"""Activities of a bucket that are read at once."""
BUCKETS_AT_ONCE = 16
AT_ONCE = 256
"""Activities that a process records together."""
POLL = 0.2
PATIENCE = 1.0
RECORDED_KEPT = timedelta(days=7)
PARKED_KEPT = timedelta(days=90)
_PRUNED_EVERY = timedelta(hours=1)


class Due(msgspec.Struct, frozen=True):
    """A waiting activity, to be recorded."""

    ref: UUID
    program: str
    lane: str
    key: str | None
    actor: str
    correlation: str | None
    body: bytes


class Ended(msgspec.Struct, frozen=True):
    """What came of one: recorded as `activity`, or parked with a code. `erased` says that the body goes, too."""

    ref: UUID
    activity: str | None = None
    position: int | None = None
    code: str | None = None
    detail: str = ""
    erased: bool = False


class Locks(Protocol):
    """Locks on buckets, which end with the connection that holds them."""

    async def take(self, bucket: int) -> bool: ...

    async def leave(self, bucket: int) -> None: ...


class Backlog(Protocol):
    """The table, for whoever records. Everything raises Unavailable when the database is the reason."""

    def locking(self) -> AbstractAsyncContextManager[Locks]: ...

    async def filled(self) -> list[int]:
        """Buckets in which something waits."""

    async def page(self, bucket: int, limit: int) -> list[Due]:
        """What waits in a bucket, in order."""

    async def note(self, outcomes: Sequence[Ended], now: datetime) -> None: ...

    async def prune(self, recorded: datetime, parked: datetime) -> None:
        """Remove what ended before these instants."""


Record = Callable[[str, ActivityBody, Due], Awaitable[Answered]]


def recording(handler: Handler) -> Record:
    """How a server records: as it would have at the door."""

    async def record(program: str, body: ActivityBody, due: Due) -> Answered:
        return await activities.record(
            handler, program, body, actor=due.actor, key=due.key, correlation=due.correlation
        )

    return record


class Drain:
    """Records what waits until cancelled."""

    def __init__(self, handler: Handler, backlog: Backlog, record: Record | None = None) -> None:
        self._handler = handler
        self._backlog = backlog
        self._record = record or recording(handler)
        self._free = asyncio.Semaphore(AT_ONCE)
        self._pruned: datetime | None = None

    async def run(self) -> None:
        while True:
            try:
                async with self._backlog.locking() as locks:
                    while True:
                        if not await self.round(locks):
                            await self._prune()
                            await asyncio.sleep(POLL)
            except Unavailable as error:
                log.warning("inbox waits", reason=str(error))
                await asyncio.sleep(PATIENCE)

    async def drain(self) -> int:
        """Record all that waits now; how many activities that were."""
        recorded = 0
        async with self._backlog.locking() as locks:
            while done := await self.round(locks):
                recorded += done
        return recorded

    async def round(self, locks: Locks) -> int:
        """A page of every bucket that has something and that nobody else works on; how many activities ended."""
        filled = iter(await self._backlog.filled())
        ended = 0

        async def work() -> None:
            nonlocal ended
            for bucket in filled:
                if await locks.take(bucket):
                    try:
                        done = await self._page(bucket)
                        ended += done
                    finally:
                        await locks.leave(bucket)

        # Told to stop, a process ends the pages it is at.
        await to_the_end(_together([work() for _ in range(BUCKETS_AT_ONCE)]))
        return ended

    async def _page(self, bucket: int) -> int:
        found = await self._backlog.page(bucket, PAGE)
        lanes: dict[tuple[str, str], list[Due]] = defaultdict(list)
        for due in found:
            lanes[due.program, due.lane].append(due)
        outcomes: list[Ended] = []
        with span("drain inbox", bucket=bucket, activities=len(found)):
            try:
                await _together([self._lane(lane, outcomes) for lane in lanes.values()])
            finally:
                if outcomes:
                    await self._backlog.note(outcomes, self._handler.wall())
        return len(outcomes)

    async def _lane(self, lane: Sequence[Due], outcomes: list[Ended]) -> None:
        """One member's, in order. What the database keeps from being recorded keeps waiting, with all behind it."""
        for due in lane:
            async with self._free:
                outcomes.append(await self._one(due))

    async def _one(self, due: Due) -> Ended:
        async def record() -> Answered:
            secret = await self._handler.keys.program_key(due.program)
            return await self._record(due.program, opened(self._handler, secret, due.ref, due.body), due)

        done = await attempt(record, inbox=due.ref.hex)
        if isinstance(done, Failed):
            return Ended(due.ref, code=done.code, detail=done.detail, erased=done.erased)
        return Ended(due.ref, activity=done.body.get("ref"), position=done.position)

    async def _prune(self) -> None:
        now = self._handler.wall()
        if self._pruned is None or now - self._pruned >= _PRUNED_EVERY:
            await self._backlog.prune(now - RECORDED_KEPT, now - PARKED_KEPT)
            self._pruned = now


async def _together(work: Sequence[Awaitable[None]]) -> None:
    """All of it to its end, whatever becomes of any; then the first error, if there is one."""
    for done in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(done, BaseException):
            raise done
