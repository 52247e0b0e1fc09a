"""Activities arrive by the Kafka protocol, and events go out by it: all of them, each with one effect.

The broker of these tests keeps everything in memory, so it is the bridge that is killed.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from api.wiring import wired
from tests.application.engine import MASTER_KEY, opened
from tests.brokers.servers import Tansu
from tests.brokers.test_jetstream import KILLS, PATIENCE, SEED, House, event, until
from tests.http.conftest import settings_for


def tell(database_url: str, story: Callable[[House, AIOKafkaProducer], Awaitable[None]]) -> None:
    async def told() -> None:
        async with opened(database_url, start=None) as engine:
            for member in ("ann", "bob", "eve"):
                await engine.enrol(member)
        settings = msgspec.structs.replace(settings_for(database_url), master_key=MASTER_KEY)
        server = Tansu()
        server.start()
        try:
            async with wired(settings) as parts, asyncio.timeout(5 * PATIENCE):
                found = House(parts, server, database_url)
                producer = AIOKafkaProducer(bootstrap_servers=server.url.removeprefix("kafka://"), acks="all")
                await producer.start()
                try:
                    await story(found, producer)
                finally:
                    await producer.stop()
        finally:
            server.kill()

    asyncio.run(told())


async def offer(producer: AIOKafkaProducer, body: bytes, member: str = "ann") -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await producer.send_and_wait("guerdon.activities.main", body, key=member.encode())
            except Exception:  # noqa: BLE001 - the topic is made by the bridge
                await asyncio.sleep(0.1)
            else:
                return


@asynccontextmanager
async def reading(found: House, topic: str) -> AsyncIterator[list["ConsumerRecord[bytes, bytes]"]]:
    """What a topic holds, as it comes."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=found.server.url.removeprefix("kafka://"), auto_offset_reset="earliest"
    )
    await consumer.start()
    records: list[ConsumerRecord[bytes, bytes]] = []

    async def read() -> None:
        while True:
            records.append(await consumer.getone())

    task = asyncio.create_task(read())
    try:
        yield records
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()


def test_activities_are_recorded_in_order_and_every_event_goes_out_under_its_members_key(database_url: str) -> None:
    async def story(found: House, producer: AIOKafkaProducer) -> None:
        async with found.bridge():
            for i in range(60):
                member = ("ann", "bob", "eve")[i % 3]
                await offer(producer, event(f"{member}-{i}", member), member)
                if i % 5 == 0:
                    await offer(producer, event(f"{member}-{i}", member), member)
            await until(lambda: len(found.recorded()) == 60)
            for member in ("ann", "bob", "eve"):
                names = [f"{member}-{i}" for i in range(60) if ("ann", "bob", "eve")[i % 3] == member]
                assert [name for name in found.recorded() if name.startswith(member)] == names
            effects = found.effects()
            async with reading(found, "guerdon.events.main") as sent:
                await until(lambda: len(sent) >= len(effects))
            told = [msgspec.json.decode(one.value or b"") for one in sent]
            assert sorted(one["id"] for one in told) == sorted(effects)
            by_key: dict[Any, list[str]] = defaultdict(list)
            for one, record in zip(told, sent, strict=True):
                assert record.key == one["stream"].rpartition("/")[2].encode()
                assert dict(record.headers)["content-type"] == b"application/cloudevents+json"
                by_key[record.key].append(one["id"])
            for ids in by_key.values():
                assert ids == [one for one in effects if one in set(ids)]

    tell(database_url, story)


def test_what_cannot_be_recorded_lies_among_the_dead_letters_with_its_reason(database_url: str) -> None:
    async def story(found: House, producer: AIOKafkaProducer) -> None:
        poison = {
            b"no json": "malformed-json",
            b"": "malformed-json",
            event("nobody", "nobody"): "unknown-member",
            event("what", type="mystery"): "unknown-activity-type",
        }
        async with found.bridge():
            for body in poison:
                await offer(producer, body)
            await offer(producer, event("good"))
            await until(lambda: found.recorded() == ["good"])
            async with reading(found, "guerdon.dead.main") as dead:
                await until(lambda: len(dead) == len(poison))
            assert {one.value: dict(one.headers)["guerdon-code"].decode() for one in dead} == poison

    tell(database_url, story)


@pytest.mark.slow
def test_through_ten_kills_of_the_bridge_every_id_has_one_effect_and_every_effect_is_told(database_url: str) -> None:
    async def story(found: House, producer: AIOKafkaProducer) -> None:
        chance = random.Random(SEED)
        sent: list[str] = []
        over = asyncio.Event()

        async def keep_offering() -> None:
            while not over.is_set():
                member = chance.choice(("ann", "bob", "eve"))
                await offer(producer, event(f"o{len(sent)}", member), member)
                sent.append(f"o{len(sent)}")
                await asyncio.sleep(0.01)

        offering = asyncio.create_task(keep_offering())
        for _ in range(KILLS):
            async with found.bridge():
                before = len(found.recorded())
                await until(lambda before=before: len(found.recorded()) > before + 20)  # type: ignore[misc]
        over.set()
        await offering
        async with found.bridge():
            await until(lambda: len(found.recorded()) == len(sent))
            effects = found.effects()
            async with reading(found, "guerdon.events.main") as told:
                await until(lambda: len(told) >= len(effects))
        assert sorted(found.recorded()) == sorted(sent)
        assert {msgspec.json.decode(one.value or b"")["id"] for one in told} == set(effects)

    tell(database_url, story)
