"""Who tells webhooks what is to be told: attempts, retries, and giving up.

Whoever is about to try moves the delivery's next attempt on first, past the end of this one, and notes afterwards what
came of it. A process that dies in between leaves a delivery that falls due again: told at least once, under one id.
Each webhook has a task of its own, so one that is slow to answer is slow for itself alone.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from application.messages import Message, Whose, message
from application.ports import Crypto, Unavailable
from application.signatures import headers
from application.spans import span
from application.webhooks import Waiting, Webhook
from domain.log import decode

log = structlog.get_logger(__name__)

AT_ONCE = 32
"""Attempts that are under way to one webhook."""
TIMEOUT = 10.0
"""Seconds that a receiver has to answer."""
LEASE = timedelta(seconds=TIMEOUT + 20)
"""After which another may try what was never noted."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=6)
GIVE_UP_AFTER = timedelta(days=3)
"""A delivery is given up, and a webhook to which none succeeds is disabled."""
KEPT = timedelta(days=30)
"""How long delivered ones can be looked up."""
POLL = 0.2
PATIENCE = 1.0
_PRUNED_EVERY = timedelta(hours=1)

GONE = 410


class Due(msgspec.Struct, frozen=True):
    """A delivery to try, this being attempt `attempt`: its entry as stored, and whose it is as of now."""

    waiting: Waiting
    attempt: int
    created_at: datetime
    entry: bytes
    whose: Whose


class Reply(msgspec.Struct, frozen=True):
    """What an attempt came to: a status, or why there is none."""

    status: int | None = None
    error: str = ""
    seconds: float = 0.0
    retry_after: int | None = None

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Outcome(msgspec.Struct, frozen=True):
    """What is noted of an attempt. `state` waiting: the next one is at `due_at`."""

    due: Due
    state: str
    due_at: datetime
    reply: Reply


class Queue(Protocol):
    """The table of deliveries, for who sends. Everything raises Unavailable when the database is the reason."""

    async def ready(self, now: datetime) -> list[str]:
        """Enabled webhooks with something due."""

    async def claim(self, webhook: str, now: datetime, until: datetime, limit: int) -> tuple[Webhook, list[Due]] | None:
        """What is due and nobody else tries, put off to `until`; None when the webhook is gone or disabled.

        While a webhook fails only one at a time is given out. Of an ordered one only the first of each member.
        """

    async def note(self, webhook: str, outcomes: Sequence[Outcome], now: datetime) -> datetime | None:
        """Write down what came of attempts; since when the webhook fails."""

    async def disable(self, webhook: str, reason: str, now: datetime) -> None: ...

    async def prune(self, before: datetime) -> int: ...


class Post(Protocol):
    """Sends a request to another system. Never raises: what goes wrong is in the reply."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply: ...


def pause(attempt: int, chance: float) -> timedelta:
    """How long to wait after a failed attempt: twice as long each time, less up to a half by chance (0 to 1)."""
    whole = min(FIRST_PAUSE * (1 << min(attempt - 1, 20)), LONGEST_PAUSE)
    return whole * (1 - chance / 2)


def outcome(due: Due, reply: Reply, now: datetime, chance: float) -> Outcome:
    """What an attempt that ended now leads to."""
    if reply.good:
        return Outcome(due, "delivered", now, reply)
    asked = timedelta(seconds=min(reply.retry_after or 0, LONGEST_PAUSE.total_seconds()))
    again = now + max(pause(due.attempt, chance), asked)
    given_up = reply.status == GONE or again > due.created_at + GIVE_UP_AFTER
    return Outcome(due, "dead" if given_up else "waiting", now if given_up else again, reply)


async def tell(post: Post, url: str, told: Message, secrets: Sequence[bytes], now: datetime) -> Reply:
    """One attempt, signed at its moment."""
    body = msgspec.json.encode(told)
    return await post.post(
        url, {"content-type": "application/json"} | headers(told.id, now, body, secrets), body, TIMEOUT
    )


class Deliveries:
    """Sends what is due until cancelled. Any number of processes may: what one has claimed no other takes."""

    def __init__(
        self, queue: Queue, post: Post, crypto: Crypto, wall: Callable[[], datetime], chance: Callable[[], float]
    ) -> None:
        self._queue = queue
        self._post = post
        self._crypto = crypto
        self._wall = wall
        self._chance = chance
        self._tasks: dict[str, asyncio.Task[int]] = {}
        self._pruned: datetime | None = None

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._start()
                    await self._prune()
                except Unavailable as error:
                    log.warning("deliveries wait", reason=str(error))
                    await asyncio.sleep(PATIENCE)
                await asyncio.sleep(POLL)
        finally:
            # What was sent is noted; what is on its way is sent again by whoever comes next.
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def send_due(self) -> int:
        """Send what is due now to every webhook, and what falls due meanwhile; how many attempts that were."""
        names = await self._queue.ready(self._wall())
        return sum(await asyncio.gather(*(self.send_to(name) for name in names)))

    async def send_to(self, name: str) -> int:
        """Send what is due to one webhook, until nothing is; how many attempts that were."""
        attempts = 0
        while True:
            now = self._wall()
            claimed = await self._queue.claim(name, now, now + LEASE, AT_ONCE)
            if claimed is None or not claimed[1]:
                return attempts
            webhook, found = claimed
            outcomes: list[Outcome] = []
            try:
                with span("deliver", webhook=name, events=len(found)):
                    await asyncio.gather(*(self._attempt(webhook, due, outcomes) for due in found))
            finally:
                # Also of a process that is told to stop: what was answered need not be sent again.
                await self._note(name, outcomes)
            attempts += len(found)

    async def _attempt(self, webhook: Webhook, due: Due, outcomes: list[Outcome]) -> None:
        waiting, now = due.waiting, self._wall()
        try:
            told = message(decode(due.entry), waiting.position, waiting.number, due.whose)
            reply = await tell(self._post, webhook.url, told, webhook.secrets(self._crypto, now), now)
        except Exception as error:
            # An entry of newer code, or a secret under another master key: it waits like one that was refused.
            log.exception("message_not_made", webhook=webhook.id, position=waiting.position)
            reply = Reply(error=f"the message could not be made: {type(error).__name__}")
        outcomes.append(outcome(due, reply, self._wall(), self._chance()))

    async def _note(self, name: str, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            return
        now = self._wall()
        failing_since = await self._queue.note(name, outcomes, now)
        if any(one.reply.status == GONE for one in outcomes):
            await self._disable(name, "the receiver answered 410 Gone", now)
        elif failing_since is not None and now - failing_since >= GIVE_UP_AFTER:
            await self._disable(name, f"no delivery has succeeded since {failing_since.isoformat()}", now)

    async def _disable(self, name: str, reason: str, now: datetime) -> None:
        await self._queue.disable(name, reason, now)
        log.warning("webhook_disabled", webhook=name, reason=reason)

    async def _start(self) -> None:
        """A task for each webhook that has something due and no task."""
        for name in await self._queue.ready(self._wall()):
            if name not in self._tasks:
                task = self._tasks[name] = asyncio.create_task(self.send_to(name))
                task.add_done_callback(lambda done, name=name: self._ended(name, done))  # type: ignore[misc]

    def _ended(self, name: str, task: asyncio.Task[int]) -> None:
        del self._tasks[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            # It begins again with the next look.
            log.warning("deliveries_broke_off", webhook=name, error=type(error).__name__)

    async def _prune(self) -> None:
        now = self._wall()
        if self._pruned is None or now - self._pruned >= _PRUNED_EVERY:
            await self._queue.prune(now - KEPT)
            self._pruned = now
