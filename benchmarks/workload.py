"""What is measured: twenty rules (rulebook-20.json), members with open lots, and their purchases.

Of the rules six match every purchase made here: the base, four promotions of which the best applies, and one with a
cap. One member in twenty has 50 open lots, the others 1 to 9: five at the median. An offer belongs to the workload as
soon as the engine has offers.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import uvloop

from api.wiring import Wired, wired
from application import activities, members, rulebooks
from application.follow import Projector, Runner
from application.members import EnrolBody
from application.payloads import ActivityBody
from infrastructure.migrate import migrate
from infrastructure.settings import Settings, from_environment

PROGRAM = "bench"
BOARD = "season"
MANY_LOTS = 50
HOT = 5
MASTER_KEY = "A" * 43 + "="
IN_FLIGHT = 256
RULEBOOK: dict[str, Any] = json.loads(Path(__file__).with_name("rulebook-20.json").read_text("utf-8"))

# Version 1 of the rules brings the members' lots along as they enrol; the twenty rules are version 2.
OPENING: dict[str, Any] = {
    **RULEBOOK,
    "rules": [
        {
            "id": f"lot-{number}",
            "on": "member.enrolled",
            "when": f"member.attributes.lots >= {number}",
            "award": {"currency": "points", "points": 100 + number},
            "expires": {"after": f"P{1 + number % 36}M"},
        }
        for number in range(1, MANY_LOTS + 1)
    ],
}

_body = msgspec.json.Decoder(ActivityBody)
_Answer = TypeVar("_Answer")


def lots_of(number: int) -> int:
    """How many open lots a member begins with."""
    return MANY_LOTS if number % 20 == 0 else 1 + number % 9


def member_of(number: int) -> str:
    return f"m{number}"


def hot_member(number: int) -> str:
    """A member whom everybody's purchases are of, for one round: after it, this one has thousands of lots."""
    return f"hot{number}"


def purchase(run: str, number: int, members: int, *, member: str | None = None) -> bytes:
    """The JSON of the purchase of that number; `run` keeps ids of different rounds apart."""
    # Neighbours in time are far apart in the tables, as with real members.
    whose = member or member_of(number * 7_919 % members)
    occurred_at = datetime.now(UTC).isoformat()
    return (
        f'{{"id":"order-{run}-{number}","source":"bench","type":"purchase","member":"{whose}",'
        f'"occurred_at":"{occurred_at}","data":{{"amount_minor":{500 + number * 37 % 19_500},"items":{1 + number % 9},'
        f'"category":"grocery","channel":"{"app" if number % 3 else "shop"}","country":"DE",'
        f'"store":"s-{number % 40}"}}}}'
    ).encode()


def settings_of(dsn: str) -> Settings:
    return from_environment({"GUERDON_DATABASE_URL": dsn, "GUERDON_MASTER_KEY": MASTER_KEY})


def run(story: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Run a coroutine on the event loop that the server has."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(story)


async def record(parts: Wired, raw: bytes) -> None:
    """One activity as a request brings it: from its bytes to the committed entry."""
    await activities.record(parts.handler, PROGRAM, _body.decode(raw), actor="bench")


async def side_by_side(count: int, work: Callable[[int], Awaitable[object]], in_flight: int = IN_FLIGHT) -> None:
    """Work through the numbers below `count`, so many at a time."""
    numbers = iter(range(count))

    async def lane() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(in_flight):
            lanes.create_task(lane())


def prepare(dsn: str, members: int, purchases: int = 0) -> None:
    """Fill an empty database by the use cases themselves: rules, members with their lots, perhaps purchases."""
    migrate(dsn)
    run(_prepare(dsn, members, purchases))


async def _prepare(dsn: str, count: int, purchases: int) -> None:
    async with wired(settings_of(dsn)) as parts:
        program = rulebooks.ProgramBody(id=PROGRAM, money="EUR", time_zone="Europe/Berlin")
        await rulebooks.create_program(parts.handler, program, actor="bench")
        await _publish(parts, OPENING)
        await side_by_side(count, lambda number: _enrol(parts, member_of(number), lots_of(number)))
        for number in range(HOT):
            await _enrol(parts, hot_member(number), 5)
        await _publish(parts, RULEBOOK)
        raw = [purchase("before", number, count) for number in range(purchases)]
        await side_by_side(purchases, lambda number: record(parts, raw[number]))
        if purchases:
            first = await activities.find(parts.handler, PROGRAM, "bench", "order-before-0")
            assert first["awards"], "a log of purchases that earn nothing would measure nothing"
        await parts.tables.ensure()
        await Runner(Projector(parts.boards, parts.tables), parts.store, parts.positions).catch_up()


async def _publish(parts: Wired, document: dict[str, Any]) -> None:
    await rulebooks.publish_document(parts.handler, PROGRAM, document, rulebooks.PublishBody(), actor="bench")


async def _enrol(parts: Wired, member: str, lots: int) -> None:
    body = EnrolBody(id=member, attributes={"lots": lots, "staff": False})
    await members.enrol(parts.handler, PROGRAM, body, actor="bench")
