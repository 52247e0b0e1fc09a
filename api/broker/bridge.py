"""The bridge to a broker: one process of those that run it works, the others stand by.

Read on in `application/intake.py` (what arrives) and `application/broadcast.py` (what goes out).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
import structlog

from api.http import cloudevents
from api.http.body import MAX_BODY, check_json
from api.http.problems import AtTheDoor
from api.wiring import Wired
from application.broadcast import Broadcaster, Publisher, begin, runner
from application.follow import OtherVersion, Turn
from application.intake import DeadLetter, Intake
from application.payloads import ActivityBody
from application.ports import Unavailable
from infrastructure.brokers.names import PREFIX

log = structlog.get_logger(__name__)

PATIENCE = 1.0
HELD = 5.0
"""Seconds after which a bridge that works looks whether it still may."""

KAFKA_SCHEMES = ("kafka",)
NATS_SCHEMES = ("nats", "tls")
RABBIT_SCHEMES = ("amqp", "amqps")


class Carrier(Publisher, Protocol):
    """A connection to a broker."""

    def on_activities(self, program: str, take: Callable[[Sequence[bytes]], Awaitable[None]]) -> None: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def bury(self, letter: DeadLetter) -> None: ...


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a bridge does. `name` is its identity: its place in the log, and what the broker knows it by."""

    url: str
    name: str = "broker"
    prefix: str = PREFIX
    programs: tuple[str, ...] = ("main",)
    takes: bool = True
    sends: bool = True
    at_the_end: bool = False


def carrier(plan: Plan) -> Carrier:
    """Raises ValueError for an address that is none, ImportError when the packages are missing."""
    scheme = urlsplit(plan.url).scheme
    if scheme in NATS_SCHEMES:
        from infrastructure.brokers.jetstream import JetStream

        return JetStream(plan.url, plan.name, plan.prefix)
    if scheme in KAFKA_SCHEMES:
        from infrastructure.brokers.kafka import Kafka

        return Kafka(plan.url, plan.name, plan.programs, plan.prefix)
    if scheme in RABBIT_SCHEMES:
        from infrastructure.brokers.rabbit import Rabbit

        return Rabbit(plan.url, plan.programs, plan.prefix)
    raise ValueError(
        "give the address of a broker: nats://localhost:4222, kafka://localhost:9092, or amqp://localhost:5672"
    )


def read(raw: bytes) -> ActivityBody:
    """The activity in a message: a CloudEvent in structured form. Raises AtTheDoor."""
    if len(raw) > MAX_BODY:
        raise AtTheDoor("too-large", f"A message has at most {MAX_BODY} bytes.")
    return cloudevents.structured(check_json(raw))


async def run(wired: Wired, plan: Plan, carry: Callable[[Plan], Carrier] = carrier) -> None:
    """Carry until cancelled."""
    while True:
        try:
            async with wired.positions.leading(f"bridge {plan.name}") as turn:
                await _work(wired, plan, carry(plan), turn)
        except Unavailable as error:
            log.warning("bridge waits", bridge=plan.name, reason=str(error))
        except OtherVersion as other:
            log.info("other version", follower=plan.name, stored=other.stored)
        await asyncio.sleep(PATIENCE)


async def _work(wired: Wired, plan: Plan, broker: Carrier, turn: Turn) -> None:
    """Carry for as long as the turn lasts. Raises Unavailable."""
    if plan.takes:
        for program in plan.programs:
            actor = f"broker:{plan.name}"
            broker.on_activities(program, Intake(wired.handler, program, read, broker.bury, actor=actor).take)
    tasks: list[asyncio.Task[None]] = []
    try:
        await broker.start()
        log.info("bridge carries", bridge=plan.name)
        tasks.append(asyncio.create_task(_hold(turn)))
        if plan.sends:
            await begin(plan.name, wired.positions, at_the_end=plan.at_the_end)
            sender = Broadcaster(plan.name, broker, wired.webhooks, frozenset(plan.programs))
            tasks.append(asyncio.create_task(runner(sender, wired.store, wired.positions).run()))
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        # Cancelled, the follower ends the batch it is at.
        await asyncio.gather(*tasks, return_exceptions=True)
        await broker.stop()


async def _hold(turn: Turn) -> None:
    """For as long as nobody else may work. Raises Unavailable."""
    while True:
        await turn.wait(HELD)
        await asyncio.sleep(HELD)
