"""NATS JetStream.

Streams that are missing are made; those that are there stay as their owner set them. Events go to
`guerdon.events.PROGRAM.KIND.STREAM`, so that a consumer can filter by member, or share members out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import nats.errors
import nats.js.errors
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.message import NatsBatchMessage
from nats.js.api import ConsumerConfig

from application.broadcast import Sent
from application.intake import BATCH, DeadLetter
from application.ports import Unavailable
from infrastructure.brokers import names

AT_ONCE = 256
"""Messages on their way to the server."""
TIMEOUT = 5.0
_ACK_WAIT = 6.0
_ALIVE_EVERY = 2.0
_COLLECT = 0.1
"""Seconds in which a batch may fill."""

_ERRORS = (nats.errors.Error, OSError, TimeoutError)


class JetStream:
    """The `Carrier` of the bridge."""

    def __init__(self, url: str, name: str, prefix: str = names.PREFIX) -> None:
        self._name = name
        self._prefix = prefix
        self._broker = NatsBroker(
            url, max_reconnect_attempts=-1, reconnect_time_wait=1, error_cb=_unsaid, logger=None, apply_types=False,
            decoder=_itself,
        )  # fmt: skip
        self._free = asyncio.Semaphore(AT_ONCE)
        self._streams = {
            kind: f"{prefix.upper().replace('.', '_')}_{kind.upper()}" for kind in ("activities", "dead", "events")
        }

    def on_activities(self, program: str, take: Callable[[Sequence[bytes]], Awaitable[None]]) -> None:
        """Before it is started: hand over what arrives for a program, a batch at a time."""

        async def taking(batch: NatsBatchMessage) -> None:
            alive = asyncio.create_task(_alive(batch))
            try:
                await take([one.data for one in batch.raw_message])
            finally:
                alive.cancel()
            # What is not acknowledged comes again, and is known by its name.
            with suppress(*_ERRORS):
                await batch.ack()

        self._broker.subscriber(
            names.activities(self._prefix, program),
            stream=JStream(self._streams["activities"], declare=False),
            durable=f"{self._name}-{program}".replace(".", "_"),
            pull_sub=PullSub(batch_size=BATCH, timeout=_COLLECT, batch=True),
            # No more than a batch is on its way: what comes again comes before what is new.
            config=ConsumerConfig(ack_wait=_ACK_WAIT, max_ack_pending=BATCH),
            ack_policy=AckPolicy.MANUAL,
        )(taking)

    async def start(self) -> None:
        """Raises Unavailable."""
        try:
            client = await self._broker.connect()
            manager = client.jetstream()
            for kind, stream in self._streams.items():
                try:
                    await manager.stream_info(stream)
                except nats.js.errors.NotFoundError:
                    await manager.add_stream(name=stream, subjects=[f"{self._prefix}.{kind}.>"])
            await self._broker.start()
        except _ERRORS as error:
            raise Unavailable(f"NATS: {type(error).__name__}") from error

    async def stop(self) -> None:
        """What is being recorded is recorded first."""
        with suppress(*_ERRORS):
            await self._broker.stop()

    async def publish(self, lanes: Sequence[Sequence[Sent]]) -> None:
        await _all_or_none([self._lane(lane) for lane in lanes])

    async def _lane(self, lane: Sequence[Sent]) -> None:
        for one in lane:
            subject = f"{names.events(self._prefix, one.program)}.{one.message.stream.split('/')[-2]}.{one.stream}"
            await self._send("events", subject, msgspec.json.encode(one.message), {"Nats-Msg-Id": one.message.id})

    async def bury(self, letter: DeadLetter) -> None:
        headers = {"guerdon-code": letter.code, "guerdon-detail": _in_a_header(letter.detail)}
        await self._send("dead", names.dead(self._prefix, letter.program), letter.body, headers)

    async def _send(self, kind: str, subject: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            async with self._free:
                await self._broker.publish(
                    body, subject, headers={"content-type": names.TYPE} | headers, stream=self._streams[kind],
                    timeout=TIMEOUT,
                )  # fmt: skip
        except _ERRORS as error:
            raise Unavailable(f"NATS: {type(error).__name__}") from error


async def _itself(message: Any) -> Any:
    """Nothing is decoded on the way: what is no activity has to reach whoever can say so."""
    return message


async def _unsaid(_: Exception) -> None:
    """The library's word on each failed attempt to connect; whoever sends or waits notes that there is nobody."""


async def _alive(batch: NatsBatchMessage) -> None:
    """Tell the server that the batch is being worked on."""
    while True:
        await asyncio.sleep(_ALIVE_EVERY)
        with suppress(*_ERRORS):
            await batch.in_progress()


async def _all_or_none(work: Sequence[Awaitable[None]]) -> None:
    """All of it to its end; then the first error, if there is one."""
    for done in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(done, BaseException):
            raise done


def _in_a_header(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
