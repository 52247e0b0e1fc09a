"""RabbitMQ.

Activities and dead letters are quorum queues, `guerdon.activities.PROGRAM` and `guerdon.dead.PROGRAM`. Events go to the
topic exchange `guerdon.events.PROGRAM` as `KIND.STREAM`, and a stream of that name keeps them, so that whoever comes
later reads them from the beginning. What is missing is made; what is there stays as its owner set it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity
from faststream import AckPolicy
from faststream.rabbit import Channel, ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.message import RabbitMessage

from application.broadcast import Sent
from application.intake import BATCH, DeadLetter
from application.ports import Unavailable
from infrastructure.brokers import names

AT_ONCE = 256
"""Messages on their way to the broker."""
TIMEOUT = 10.0
RECONNECTS = 1.0

_ERRORS = (AMQPError, OSError, TimeoutError, RuntimeError)
"""The driver says RuntimeError of a channel that is being opened again."""
_QUORUM = {"x-queue-type": "quorum"}
_STREAM = {"x-queue-type": "stream"}


class _Batches:
    """Messages that come one by one, handed over as they have gathered, and acknowledged when all is dealt with."""

    def __init__(self, take: Callable[[Sequence[bytes]], Awaitable[None]]) -> None:
        self._take = take
        self._come = asyncio.Queue[RabbitMessage | None]()
        self._ends = False

    async def put(self, message: RabbitMessage) -> None:
        self._come.put_nowait(message)

    async def run(self) -> None:
        while not self._ends:
            first = await self._come.get()
            batch = [first] if first is not None else []
            while len(batch) < BATCH and not self._come.empty():
                message = self._come.get_nowait()
                batch += [message] if message is not None else []
            await self._take([one.body for one in batch])
            for one in batch:
                # What is not acknowledged comes again, and is known by its name.
                with suppress(*_ERRORS):
                    await one.ack()

    def end(self) -> None:
        """After the batch that is being dealt with."""
        self._ends = True
        self._come.put_nowait(None)


class Rabbit:
    """The `Carrier` of the bridge. `url` is amqp://USER:PASSWORD@HOST:PORT/VHOST."""

    def __init__(self, url: str, programs: Sequence[str], prefix: str = names.PREFIX) -> None:
        self._prefix = prefix
        self._programs = programs
        self._broker = RabbitBroker(
            url, timeout=TIMEOUT, reconnect_interval=RECONNECTS, logger=None, apply_types=False, decoder=_itself,
            default_channel=Channel(on_return_raises=True),
        )  # fmt: skip
        self._free = asyncio.Semaphore(AT_ONCE)
        self._batches: list[_Batches] = []
        self._tasks: list[asyncio.Task[None]] = []

    def on_activities(self, program: str, take: Callable[[Sequence[bytes]], Awaitable[None]]) -> None:
        """Before it is started: hand over what arrives for a program, a batch at a time."""
        batches = _Batches(take)
        self._batches.append(batches)
        self._broker.subscriber(
            RabbitQueue(names.activities(self._prefix, program), declare=False),
            channel=Channel(prefetch_count=BATCH),
            ack_policy=AckPolicy.MANUAL,
        )(batches.put)

    async def start(self) -> None:
        """Raises Unavailable."""
        try:
            connection: Any = await self._broker.connect()
            for program in self._programs:
                await self._make(connection, program)
            await self._broker.start()
        except _ERRORS as error:
            raise Unavailable(f"RabbitMQ: {type(error).__name__}") from error
        self._tasks = [asyncio.create_task(batches.run()) for batches in self._batches]

    async def _make(self, connection: AbstractConnection, program: str) -> None:
        for name in (names.activities(self._prefix, program), names.dead(self._prefix, program)):
            await _make_queue(connection, name, _QUORUM)
        name = names.events(self._prefix, program)
        if await _make_queue(connection, name, _STREAM):
            channel = await connection.channel()
            exchange = await channel.declare_exchange(name, "topic", durable=True)
            queue = await channel.get_queue(name)
            await queue.bind(exchange, "#")
            await channel.close()

    async def stop(self) -> None:
        """What is being recorded is recorded first."""
        for batches in self._batches:
            batches.end()
        await asyncio.gather(*self._tasks)
        with suppress(*_ERRORS):
            await self._broker.stop()

    async def publish(self, lanes: Sequence[Sequence[Sent]]) -> None:
        for done in await asyncio.gather(*(self._lane(lane) for lane in lanes), return_exceptions=True):
            if isinstance(done, BaseException):
                raise done

    async def _lane(self, lane: Sequence[Sent]) -> None:
        for one in lane:
            exchange = RabbitExchange(names.events(self._prefix, one.program), ExchangeType.TOPIC, declare=False)
            key = f"{one.message.stream.split('/')[-2]}.{one.stream}"
            await self._send(msgspec.json.encode(one.message), key, exchange, message_id=one.message.id)

    async def bury(self, letter: DeadLetter) -> None:
        headers = {"guerdon-code": letter.code, "guerdon-detail": letter.detail}
        await self._send(letter.body, names.dead(self._prefix, letter.program), headers=headers)

    async def _send(
        self,
        body: bytes,
        key: str,
        exchange: RabbitExchange | None = None,
        *,
        message_id: str | None = None,
        headers: dict[str, Any] | None = None,
    ) -> None:
        """Returns once the broker has confirmed it: for a quorum queue and a stream, once it is on disk."""
        try:
            async with self._free, asyncio.timeout(TIMEOUT):
                await self._broker.publish(
                    body, exchange=exchange, routing_key=key, persist=True, content_type=names.TYPE,
                    message_id=message_id, headers=headers or {},
                )  # fmt: skip
        except _ERRORS as error:
            raise Unavailable(f"RabbitMQ: {type(error).__name__}") from error


async def _make_queue(connection: AbstractConnection, name: str, arguments: dict[str, Any]) -> bool:
    """Whether it was missing."""
    channel = await connection.channel()
    try:
        await channel.get_queue(name)
    except ChannelNotFoundEntity:
        # To have asked has closed the channel.
        channel = await connection.channel()
        await channel.declare_queue(name, durable=True, arguments=arguments)
        await channel.close()
        return True
    await channel.close()
    return False


async def _itself(message: Any) -> Any:
    """Nothing is decoded on the way: what is no activity has to reach whoever can say so."""
    return message
