"""Activities arrive by RabbitMQ, and events go out by it: all of them, each with one effect."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aio_pika
import msgspec
import pytest
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection

from api.wiring import wired
from tests.application.engine import MASTER_KEY, opened
from tests.brokers.servers import RabbitMQ, rabbitmq
from tests.brokers.test_jetstream import PATIENCE, SEED, House, event, until
from tests.http.conftest import settings_for

KILLS = 3
"""A node takes some seconds to start; the bridge is killed as often as it is elsewhere."""
BRIDGES = 7


def tell(
    database_url: str, directory: Path, story: Callable[[House, AbstractRobustConnection], Awaitable[None]]
) -> None:
    async def told() -> None:
        async with opened(database_url, start=None) as engine:
            for member in ("ann", "bob", "eve"):
                await engine.enrol(member)
        settings = msgspec.structs.replace(settings_for(database_url), master_key=MASTER_KEY)
        with rabbitmq(directory) as server:
            async with wired(settings) as parts, asyncio.timeout(5 * PATIENCE):
                found = House(parts, server, database_url)
                await until(lambda: answers(server))
                connection = await aio_pika.connect_robust(server.url, reconnect_interval=0.2)
                try:
                    await story(found, connection)
                finally:
                    await connection.close()

    asyncio.run(told())


async def answers(server: RabbitMQ) -> bool:
    try:
        connection = await aio_pika.connect(server.url)
    except (OSError, aio_pika.exceptions.AMQPError):
        return False
    await connection.close()
    return True


async def offer(connection: AbstractRobustConnection, body: bytes) -> None:
    """Until the broker has confirmed it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                channel = await connection.channel(on_return_raises=True)
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, "guerdon.activities.main", timeout=2)
                await channel.close()
            except Exception:  # noqa: BLE001 - the queue is made by the bridge, or the node is being killed
                await asyncio.sleep(0.1)
            else:
                return


async def stream(
    found: House, name: str, whole: Callable[[list[AbstractIncomingMessage]], bool]
) -> list[AbstractIncomingMessage]:
    """The messages of a stream from its beginning, until they are all there."""
    messages: list[AbstractIncomingMessage] = []

    async def come(message: AbstractIncomingMessage) -> None:
        messages.append(message)
        await message.ack()

    connection = await aio_pika.connect(found.server.url)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(100)
        queue = await channel.get_queue(name)
        tag = await queue.consume(come, arguments={"x-stream-offset": "first"})
        await until(lambda: whole(messages))
        await queue.cancel(tag)
    return messages


def id_of(message: AbstractIncomingMessage) -> str:
    found: str = msgspec.json.decode(message.body)["id"]
    return found


async def made(connection: AbstractRobustConnection) -> bool:
    """Whether the bridge has made all its queues."""
    try:
        await waiting(connection, "guerdon.events.main")
    except aio_pika.exceptions.AMQPError:
        return False
    return True


async def waiting(connection: AbstractRobustConnection, name: str) -> int:
    channel = await connection.channel()
    queue = await channel.declare_queue(name, passive=True)
    await channel.close()
    return queue.declaration_result.message_count or 0


def test_activities_are_recorded_in_order_and_every_event_goes_out_members_in_order(
    database_url: str, tmp_path: Path
) -> None:
    async def story(found: House, connection: AbstractRobustConnection) -> None:
        async with found.bridge():
            for i in range(60):
                member = ("ann", "bob", "eve")[i % 3]
                await offer(connection, event(f"{member}-{i}", member))
                if i % 5 == 0:
                    await offer(connection, event(f"{member}-{i}", member))
            await until(lambda: len(found.recorded()) == 60)
            for member in ("ann", "bob", "eve"):
                names = [f"{member}-{i}" for i in range(60) if ("ann", "bob", "eve")[i % 3] == member]
                assert [name for name in found.recorded() if name.startswith(member)] == names
            effects = found.effects()
            sent = await stream(found, "guerdon.events.main", lambda come: len(come) >= len(effects))
            told = [msgspec.json.decode(one.body) for one in sent]
            assert sorted(one["id"] for one in told) == sorted(effects)
            by_stream: dict[Any, list[str]] = defaultdict(list)
            for one, raw in zip(told, sent, strict=True):
                _, kind, name = one["stream"].split("/")
                assert (raw.routing_key, raw.message_id) == (f"{kind}.{name}", one["id"])
                assert raw.content_type == "application/cloudevents+json"
                by_stream[one["stream"]].append(one["id"])
            for ids in by_stream.values():
                assert ids == [one for one in effects if one in set(ids)]
        # Nothing waits, and nothing comes again once the bridge is gone.
        assert await waiting(connection, "guerdon.activities.main") == 0

    tell(database_url, tmp_path, story)


def test_what_cannot_be_recorded_lies_among_the_dead_letters_with_its_reason(database_url: str, tmp_path: Path) -> None:
    async def story(found: House, connection: AbstractRobustConnection) -> None:
        poison = {
            b"no json": "malformed-json",
            b"": "malformed-json",
            event("nobody", "nobody"): "unknown-member",
            event("what", type="mystery"): "unknown-activity-type",
        }
        async with found.bridge():
            for body in poison:
                await offer(connection, body)
            await offer(connection, event("good"))
            await until(lambda: found.recorded() == ["good"])
        channel = await connection.channel()
        queue = await channel.get_queue("guerdon.dead.main")
        dead = [await queue.get(timeout=PATIENCE) for _ in poison]
        assert {one.body: one.headers["guerdon-code"] for one in dead} == poison

    tell(database_url, tmp_path, story)


@pytest.mark.slow
def test_through_kills_of_node_and_bridge_every_id_has_one_effect_and_every_effect_is_told(
    database_url: str, tmp_path: Path
) -> None:
    async def story(found: House, connection: AbstractRobustConnection) -> None:
        chance = random.Random(SEED)
        sent: list[str] = []
        over = asyncio.Event()

        async def keep_offering() -> None:
            while not over.is_set():
                await offer(connection, event(f"o{len(sent)}", chance.choice(("ann", "bob", "eve"))))
                sent.append(f"o{len(sent)}")
                await asyncio.sleep(0.01)

        async with found.bridge():
            await until(lambda: made(connection))
        # A node forgets queues that it made in the half second before it is killed: that is its own to mend.
        await asyncio.to_thread(found.server.stop)
        await asyncio.to_thread(found.server.start)
        offering = asyncio.create_task(keep_offering())
        for kill in range(BRIDGES + KILLS):
            async with found.bridge():
                before = len(found.recorded())
                await until(lambda before=before: len(found.recorded()) > before + 20)  # type: ignore[misc]
                if kill % 3 == 1:
                    found.server.kill()
                    await asyncio.to_thread(found.server.start)
        over.set()
        await offering
        async with found.bridge():
            await until(lambda: len(found.recorded()) == len(sent))
            effects = set(found.effects())
            told = await stream(found, "guerdon.events.main", lambda come: effects <= {id_of(one) for one in come})
        assert sorted(found.recorded()) == sorted(sent)
        assert {id_of(one) for one in told} == effects
        assert await waiting(connection, "guerdon.dead.main") == 0

    tell(database_url, tmp_path, story)
