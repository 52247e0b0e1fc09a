"""Whatever speaks the Kafka protocol.

Topics are `guerdon.activities.PROGRAM`, `guerdon.dead.PROGRAM` and `guerdon.events.PROGRAM`; those that are missing are
made, with eight partitions and three copies where there are as many brokers. Events have their stream as key, so a
member's are in one partition, in order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from application.broadcast import Sent
from application.intake import BATCH, DeadLetter
from application.ports import Unavailable
from infrastructure.brokers import names

AT_ONCE = 256
"""Messages on their way to the broker."""
TIMEOUT = 10.0
PARTITIONS = 8
COPIES = 3
_COLLECT = 100
"""Milliseconds in which a batch may fill."""

_ERRORS = (KafkaError, OSError, TimeoutError)


class Kafka:
    """The `Carrier` of the bridge. `url` is kafka://HOST:PORT, with commas between several."""

    def __init__(self, url: str, name: str, programs: Sequence[str], prefix: str = names.PREFIX) -> None:
        self._name = name
        self._prefix = prefix
        self._servers = urlsplit(url).netloc.split(",")
        self._topics = [of(prefix, one) for one in programs for of in (names.activities, names.dead, names.events)]
        self._broker = KafkaBroker(
            self._servers, acks="all", request_timeout_ms=int(TIMEOUT * 1000), logger=None, apply_types=False,
            decoder=_itself,
        )  # fmt: skip
        self._free = asyncio.Semaphore(AT_ONCE)

    def on_activities(self, program: str, take: Callable[[Sequence[bytes]], Awaitable[None]]) -> None:
        """Before it is started: hand over what arrives for a program, a batch at a time."""

        async def taking(batch: KafkaMessage) -> None:
            records = batch.raw_message if isinstance(batch.raw_message, tuple) else (batch.raw_message,)
            await take([record.value or b"" for record in records])
            # What is not committed comes again, and is known by its name.
            with suppress(*_ERRORS):
                await batch.ack()

        self._broker.subscriber(
            names.activities(self._prefix, program),
            batch=True,
            group_id=f"{self._prefix}-{self._name}",
            auto_offset_reset="earliest",
            batch_timeout_ms=_COLLECT,
            max_records=BATCH,
            ack_policy=AckPolicy.MANUAL,
        )(taking)

    async def start(self) -> None:
        """Raises Unavailable."""
        try:
            await self._make_topics()
            await self._broker.start()
        except _ERRORS as error:
            raise Unavailable(f"Kafka: {type(error).__name__}") from error

    async def _make_topics(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers, request_timeout_ms=int(TIMEOUT * 1000))
        await admin.start()
        try:
            missing = set(self._topics) - set(await admin.list_topics())
            copies = min(COPIES, len((await admin.describe_cluster())["brokers"])) if missing else 0
            for topic in sorted(missing):
                with suppress(TopicAlreadyExistsError):
                    await admin.create_topics([NewTopic(topic, PARTITIONS, copies)])
        finally:
            await admin.close()

    async def stop(self) -> None:
        """What is being recorded is recorded first."""
        with suppress(*_ERRORS):
            await self._broker.stop()

    async def publish(self, lanes: Sequence[Sequence[Sent]]) -> None:
        for done in await asyncio.gather(*(self._lane(lane) for lane in lanes), return_exceptions=True):
            if isinstance(done, BaseException):
                raise done

    async def _lane(self, lane: Sequence[Sent]) -> None:
        for one in lane:
            topic = names.events(self._prefix, one.program)
            await self._send(topic, msgspec.json.encode(one.message), {"id": one.message.id}, str(one.stream).encode())

    async def bury(self, letter: DeadLetter) -> None:
        headers = {"guerdon-code": letter.code, "guerdon-detail": letter.detail}
        await self._send(names.dead(self._prefix, letter.program), letter.body, headers)

    async def _send(self, topic: str, body: bytes, headers: dict[str, str], key: bytes | None = None) -> None:
        try:
            async with self._free, asyncio.timeout(TIMEOUT):
                await self._broker.publish(body, topic, key=key, headers={"content-type": names.TYPE} | headers)
        except _ERRORS as error:
            raise Unavailable(f"Kafka: {type(error).__name__}") from error


async def _itself(message: Any) -> Any:
    """Nothing is decoded on the way: what is no activity has to reach whoever can say so."""
    return message
