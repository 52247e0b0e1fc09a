"""Activities arrive by NATS JetStream, and events go out by it: all of them, each with one effect."""

import asyncio
import gc
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from api.broker.bridge import Carrier, Plan, carrier, run
from api.wiring import Wired, wired
from application.messages import message_id
from domain.log import decode
from infrastructure.database import connect
from tests.application.engine import MASTER_KEY, opened
from tests.brokers.servers import Nats, nats_server
from tests.http.conftest import settings_for

Json = dict[str, Any]
# The NATS library leaves the sockets of lost connections to the collector, which says so.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

KILLS = 10
SEED = 20_261_126
PATIENCE = 60


class House:
    def __init__(self, parts: Wired, server: Any, url: str) -> None:
        self.parts = parts
        self.server = server
        self._url = url

    @asynccontextmanager
    async def bridge(
        self, carry: Callable[[Plan], Carrier] = carrier, **more: Any
    ) -> AsyncIterator["asyncio.Task[None]"]:
        """A bridge that works meanwhile."""
        task = asyncio.create_task(run(self.parts, Plan(url=self.server.url, **more), carry))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def recorded(self) -> list[str]:
        """Names of the activities in the log, in its order."""
        with connect(self._url) as connection:
            found = connection.execute("SELECT key FROM claims WHERE kind = 'activity' ORDER BY position").fetchall()
        return [name.partition("\x1f")[2] for (name,) in found]

    def effects(self) -> list[str]:
        """Ids of all events in the log, in its order."""
        with connect(self._url) as connection:
            rows = connection.execute("SELECT state FROM stored_events ORDER BY notification_id").fetchall()
        entries = [decode(state) for (state,) in rows]
        return [
            message_id(entry.stream_id, entry.version, number)
            for entry in entries
            for number in range(len(entry.events))
        ]


def tell(database_url: str, directory: Path, story: Callable[[House], Awaitable[None]]) -> None:
    async def told() -> None:
        async with opened(database_url, start=None) as engine:
            for member in ("ann", "bob", "eve"):
                await engine.enrol(member)
        settings = msgspec.structs.replace(settings_for(database_url), master_key=MASTER_KEY)
        with nats_server(directory) as server:
            async with wired(settings) as parts, asyncio.timeout(5 * PATIENCE):
                await story(House(parts, server, database_url))

    asyncio.run(told())
    gc.collect()


async def connected(server: Nats) -> tuple[Client, JetStreamContext]:
    async def unsaid(_: Exception) -> None: ...

    client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=unsaid)
    return client, client.jetstream()


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = true()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return
            await asyncio.sleep(0.05)


def event(name: str, member: str = "ann", **more: Any) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0", "id": name, "source": "shop", "type": "purchase", "subject": member,
            "time": "2026-01-02T10:00:00Z", "data": {"amount_minor": 100}, **more,
        }
    )  # fmt: skip


async def offer(stream: JetStreamContext, body: bytes, program: str = "main") -> None:
    """Until the server has it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await stream.publish(f"guerdon.activities.{program}", body, timeout=2)
            except Exception:  # noqa: BLE001 - it is being killed
                await asyncio.sleep(0.1)
            else:
                return


async def messages(stream: JetStreamContext, name: str, subject: str = ">") -> list[Any]:
    """All that a stream holds, from its beginning."""
    with suppress(NotFoundError):
        consumer = await stream.subscribe(subject, stream=name, ordered_consumer=True)
        found = []
        with suppress(TimeoutError, nats.errors.TimeoutError):
            while True:
                found.append(await consumer.next_msg(0.5))
        await consumer.unsubscribe()
        return found
    return []


async def held(stream: JetStreamContext, name: str) -> int:
    with suppress(Exception):
        return (await stream.stream_info(name)).state.messages
    return 0


def test_activities_that_arrive_are_recorded_each_member_in_order_and_repeats_once(
    database_url: str, tmp_path: Path
) -> None:
    async def story(found: House) -> None:
        async with found.bridge():
            client, stream = await connected(found.server)
            await until(lambda: held_streams(stream))
            sent: Mapping[str, list[str]] = defaultdict(list)
            for i in range(60):
                member = ("ann", "bob", "eve")[i % 3]
                sent[member].append(f"{member}-{i}")
                await offer(stream, event(f"{member}-{i}", member))
                if i % 5 == 0:
                    await offer(stream, event(f"{member}-{i}", member))
            await until(lambda: len(found.recorded()) == 60)
            for member, names in sent.items():
                assert [name for name in found.recorded() if name.startswith(member)] == names
            assert await held(stream, "GUERDON_DEAD") == 0
            await client.close()

    tell(database_url, tmp_path, story)


async def held_streams(stream: JetStreamContext) -> bool:
    with suppress(Exception):
        await stream.consumer_info("GUERDON_ACTIVITIES", "broker-main")
        return True
    return False


def test_what_cannot_be_recorded_lies_among_the_dead_letters_with_its_reason(database_url: str, tmp_path: Path) -> None:
    async def story(found: House) -> None:
        async with found.bridge():
            client, stream = await connected(found.server)
            await until(lambda: held_streams(stream))
            poison = {
                b"no json": "malformed-json",
                b"\xff\xfe": "malformed-json",
                b"": "malformed-json",
                b"[]": "invalid-payload",
                event("old", specversion="0.3"): "invalid-payload",
                event("nobody", "nobody"): "unknown-member",
                event("wrong", data={"amount_minor": "much"}): "invalid-payload",
                event("what", type="mystery"): "unknown-activity-type",
                b"[" * 100_000: "malformed-json",
            }
            for body in poison:
                await offer(stream, body)
                await offer(stream, event(f"good-{len(body)}"))
            await until(lambda: len(found.recorded()) == len({len(body) for body in poison}))
            await until(lambda: dead_are(stream, len(poison)))
            dead = await messages(stream, "GUERDON_DEAD")
            assert {one.data: one.headers["guerdon-code"] for one in dead} == poison
            assert {one.subject for one in dead} == {"guerdon.dead.main"}
            assert all(one.headers["guerdon-detail"] for one in dead)
            # All of it was acknowledged.
            info = await stream.consumer_info("GUERDON_ACTIVITIES", "broker-main")
            assert (info.num_pending, info.num_ack_pending) == (0, 0)
            await client.close()

    tell(database_url, tmp_path, story)


async def dead_are(stream: JetStreamContext, count: int) -> bool:
    return await held(stream, "GUERDON_DEAD") == count


def test_every_event_of_the_log_goes_out_as_a_cloud_event_members_in_order(database_url: str, tmp_path: Path) -> None:
    async def story(found: House) -> None:
        async with found.bridge():
            client, stream = await connected(found.server)
            await until(lambda: held_streams(stream))
            for i in range(30):
                await offer(stream, event(f"o{i}", ("ann", "bob")[i % 2]))
            await until(lambda: len(found.recorded()) == 30)
            count = len(found.effects())
            await until(lambda: events_are(stream, count))
            sent = await messages(stream, "GUERDON_EVENTS")
            told = [msgspec.json.decode(one.data) for one in sent]
            assert sorted(one["id"] for one in told) == sorted(found.effects())
            assert {one["specversion"] for one in told} == {"1.0"}
            assert {one.headers["content-type"] for one in sent} == {"application/cloudevents+json"}
            by_stream = defaultdict(list)
            for one, raw in zip(told, sent, strict=True):
                by_stream[one["stream"]].append(one["id"])
                program, kind, name = one["stream"].split("/")
                assert raw.subject == f"guerdon.events.{program}.{kind}.{name}"
            effects = found.effects()
            for ids in by_stream.values():
                assert ids == [one for one in effects if one in set(ids)]
            await client.close()

    tell(database_url, tmp_path, story)


async def events_are(stream: JetStreamContext, count: int) -> bool:
    return await held(stream, "GUERDON_EVENTS") == count


def test_a_new_bridge_may_begin_at_the_end_and_another_name_begins_anew(database_url: str, tmp_path: Path) -> None:
    async def story(found: House) -> None:
        async with found.bridge(at_the_end=True, takes=False):
            client, stream = await connected(found.server)
            await until(lambda: standing(found, "broker broker"))
            assert await held(stream, "GUERDON_EVENTS") == 0
        async with found.bridge(name="again", takes=False, prefix="again"):
            await until(lambda: again_are(stream, len(found.effects())))
        await client.close()

    tell(database_url, tmp_path, story)


async def again_are(stream: JetStreamContext, count: int) -> bool:
    return await held(stream, "AGAIN_EVENTS") == count


async def standing(found: House, follower: str) -> bool:
    there = await found.parts.positions.standing(follower)
    return there is not None and there.position == await found.parts.positions.head()


def test_one_bridge_of_a_name_works_and_another_takes_over(database_url: str, tmp_path: Path) -> None:
    async def story(found: House) -> None:
        async with found.bridge() as first, found.bridge():
            client, stream = await connected(found.server)
            await until(lambda: held_streams(stream))
            await offer(stream, event("one"))
            await until(lambda: found.recorded() == ["one"])
            first.cancel()
            await offer(stream, event("two"))
            await until(lambda: found.recorded() == ["one", "two"])
            count = len(found.effects())
            await until(lambda: events_are(stream, count))
            await client.close()

    tell(database_url, tmp_path, story)


@pytest.mark.slow
def test_through_ten_kills_of_server_and_bridge_every_id_has_one_effect_and_every_effect_is_told(
    database_url: str, tmp_path: Path
) -> None:
    async def story(found: House) -> None:
        chance = random.Random(SEED)
        client, stream = await connected(found.server)
        sent: list[str] = []
        over = asyncio.Event()

        async def keep_offering() -> None:
            while not over.is_set():
                name = f"o{len(sent)}"
                await offer(stream, event(name, chance.choice(("ann", "bob", "eve"))))
                sent.append(name)
                await asyncio.sleep(0.01)

        offering: asyncio.Task[None] | None = None
        for kill in range(KILLS):
            async with found.bridge() as bridge:
                if offering is None:
                    await until(lambda: held_streams(stream))
                    offering = asyncio.create_task(keep_offering())
                before = len(found.recorded())
                await until(lambda before=before: len(found.recorded()) > before + 20)  # type: ignore[misc]
                found.server.kill()
                if kill % 2:
                    bridge.cancel()
                await asyncio.sleep(chance.random() / 5)
                found.server.start()
        over.set()
        assert offering is not None
        await offering
        async with found.bridge():
            await until(lambda: len(found.recorded()) == len(sent))
            effects = found.effects()
            await until(lambda: all_told(stream, len(effects)))
        assert sorted(found.recorded()) == sorted(sent)
        assert await held(stream, "GUERDON_DEAD") == 0
        told = [msgspec.json.decode(one.data)["id"] for one in await messages(stream, "GUERDON_EVENTS")]
        assert set(told) == set(effects)
        await client.close()

    async def all_told(stream: JetStreamContext, count: int) -> bool:
        return await held(stream, "GUERDON_EVENTS") >= count

    tell(database_url, tmp_path, story)
