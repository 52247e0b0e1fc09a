"""Activities that arrive from a broker, a batch at a time.

A batch is done when each activity is recorded, or lies among the dead letters with its reason: only then may the broker
forget it. While the database or the broker is away the batch waits, and so does all that is behind it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from application import activities
from application.answers import Answered
from application.attempts import Failed, attempt
from application.handle import Handler
from application.payloads import ActivityBody
from application.ports import Unavailable
from domain.errors import Refused

log = structlog.get_logger(__name__)

BATCH = 256
"""Activities that are taken from a broker at once."""
AT_ONCE = 64
PATIENCE = 1.0


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that is no activity which can be recorded, as it came, and why."""

    program: str
    body: bytes
    code: str
    detail: str


Read = Callable[[bytes], ActivityBody]
Bury = Callable[[DeadLetter], Awaitable[None]]


class Intake:
    """Records what arrives for a program. `read` understands a message or raises Refused, `bury` keeps dead letters."""

    def __init__(self, handler: Handler, program: str, read: Read, bury: Bury, *, actor: str) -> None:
        self._handler = handler
        self._program = program
        self._read = read
        self._bury = bury
        self._actor = actor
        self._free = asyncio.Semaphore(AT_ONCE)

    async def take(self, batch: Sequence[bytes]) -> None:
        """Record a batch, each member's activities in order. Returns when all is dealt with, however long it takes."""
        lanes: dict[str, list[tuple[bytes, ActivityBody]]] = defaultdict(list)
        dead: list[DeadLetter] = []
        for raw in batch:
            try:
                body = self._read(raw)
            except Refused as refused:
                dead.append(DeadLetter(self._program, raw, refused.code, refused.message[:500]))
            else:
                lanes[body.member or body.member_email or ""].append((raw, body))
        await asyncio.gather(*(self._lane(lane) for lane in lanes.values()), *(self._bury_it(one) for one in dead))

    async def _lane(self, lane: Sequence[tuple[bytes, ActivityBody]]) -> None:
        for raw, body in lane:
            done = await self._one(body)
            if isinstance(done, Failed):
                await self._bury_it(DeadLetter(self._program, raw, done.code, done.detail))

    async def _one(self, body: ActivityBody) -> Answered | Failed:
        async def record() -> Answered:
            return await activities.record(self._handler, self._program, body, actor=self._actor)

        while True:
            try:
                async with self._free:
                    return await attempt(record)
            except Unavailable as error:
                log.warning("intake waits", reason=str(error))
            await asyncio.sleep(PATIENCE)

    async def _bury_it(self, letter: DeadLetter) -> None:
        while True:
            try:
                return await self._bury(letter)
            except Unavailable as error:
                log.warning("dead letters wait", reason=str(error))
            await asyncio.sleep(PATIENCE)
