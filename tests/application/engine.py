"""The engine as the server wires it, on a database of the test's own, with a sandbox clock in the test's hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from application import activities, floors, members, pending, points, rulebooks, sweep
from application.answers import Answered
from application.floors import FloorBody
from application.handle import Handler
from application.members import EnrolBody, StatusBody
from application.payloads import ActivityBody
from application.pending import PendingBody
from application.points import ActivityName, AdjustBody, Order, RedeemBody, ReturnBody
from application.programs import Programs
from application.recent import Recent
from infrastructure.clock import utc_now
from infrastructure.code_misses import PostgresMisses
from infrastructure.database import open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.keys import TableOfKeys
from infrastructure.listed_codes import PostgresListedCodes
from infrastructure.program_clock import ProgramClock
from infrastructure.vault import Vault
from infrastructure.zones import SystemZones

Json = dict[str, Any]
PROGRAM = "main"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
MASTER_KEY = bytes(range(32))

SHOP: Json = {
    "currencies": {"points": {"expires": {"after": "P6M"}}},
    "activities": {
        "purchase": {
            "data": {
                "type": "object",
                "properties": {"amount_minor": {"type": "integer", "minimum": 0}, "note": {"type": "string"}},
                "required": ["amount_minor"],
            },
            "personal": ["/note"],
            "measures": {"spend": "activity.amount_minor", "visits": "1"},
        }
    },
    "rules": [
        {"id": "base", "on": "purchase", "award": {"currency": "points", "per": {"step": 100, "points": 1}}},
        {
            "id": "later",
            "on": "purchase",
            "phase": "add",
            "when": "activity.amount_minor >= 5000",
            "award": {"currency": "points", "points": 20},
            "available": {"after": "P14D"},
        },
    ],
    "tiers": {
        "status": {"levels": [{"id": "silver", "at": 100}, {"id": "gold", "at": 300}], "window": "calendar_year"}
    },
}


class Engine:
    """One process's worth of the engine. `at` sets the clock; times of day are program-local UTC."""

    def __init__(
        self, handler: Handler, clock: ProgramClock, codes: PostgresListedCodes, misses: PostgresMisses
    ) -> None:
        self.handler = handler
        self.clock = clock
        self.codes = codes
        self.misses = misses
        self._number = 0

    def _id(self, given: str | None) -> str:
        self._number += 1
        return given or f"n{self._number}-{uuid4().hex[:6]}"

    async def at(self, instant: datetime) -> None:
        await self.clock.set(PROGRAM, instant)

    async def enrol(self, member: str = "ann", key: str | None = None, **more: Any) -> Answered:
        return await members.enrol(self.handler, PROGRAM, EnrolBody(id=member, **more), actor="test", key=key)

    async def buy(
        self,
        amount: int,
        *,
        member: str = "ann",
        at: datetime | None = None,
        name: str | None = None,
        key: str | None = None,
        **data: Any,
    ) -> Answered:
        body = ActivityBody(
            id=self._id(name),
            source="shop",
            type="purchase",
            member=member,
            occurred_at=at or await self.clock.now(PROGRAM),
            data={"amount_minor": amount, **data},
        )
        return await activities.record(self.handler, PROGRAM, body, actor="test", key=key)

    async def give_back(self, activity: str, amount: int | None = None, at: datetime | None = None) -> Answered:
        body = ReturnBody(
            id=self._id(None),
            source="shop",
            activity=ActivityName(source="shop", id=activity),
            occurred_at=at or await self.clock.now(PROGRAM),
            amount_minor=amount,
        )
        return await points.return_activity(self.handler, PROGRAM, body, actor="test")

    async def redeem(
        self,
        amount: int,
        *,
        member: str = "ann",
        name: str | None = None,
        key: str | None = None,
        order: str | None = None,
    ) -> Answered:
        paid = Order(source="shop", id=order) if order is not None else None
        body = RedeemBody(id=self._id(name), member=member, currency="points", points=amount, order=paid)
        return await points.redeem(self.handler, PROGRAM, body, actor="test", key=key)

    async def adjust(self, amount: int, *, member: str = "ann", **more: Any) -> Answered:
        body = AdjustBody(id=self._id(None), member=member, currency="points", points=amount, reason="by hand", **more)
        return await points.adjust(self.handler, PROGRAM, body, actor="test")

    async def set_status(self, member: str, status: str) -> Answered:
        body = StatusBody(status=status, reason="a test")
        return await members.set_status(self.handler, PROGRAM, member, body, actor="test")

    async def floor(self, level: str | None, *, member: str = "ann", until: datetime | None = None) -> Answered:
        if level is None:
            return await floors.lift_floor(self.handler, PROGRAM, member, "status", actor="test")
        body = FloorBody(level=level, reason="status match", until=until)
        return await floors.set_floor(self.handler, PROGRAM, member, "status", body, actor="test")

    async def pending(self, verb: str, activity: str, member: str = "ann") -> Answered:
        body = PendingBody(member=member, activity=ActivityName(source="shop", id=activity))
        done = pending.activate if verb == "activate" else pending.cancel
        return await done(self.handler, PROGRAM, body, actor="test")

    async def read(self, member: str = "ann", **when: datetime) -> Json:
        return await members.read(self.handler, PROGRAM, member, **when)

    async def available(self, member: str = "ann") -> int:
        found: int = (await self.read(member))["balances"]["points"]["available"]
        return found

    async def sweep(self) -> int:
        return await sweep.settle_due(self.handler, PROGRAM, await self.clock.now(PROGRAM))

    async def publish(self, document: Json) -> Answered:
        return await rulebooks.publish_document(self.handler, PROGRAM, document, rulebooks.PublishBody(), actor="test")


@asynccontextmanager
async def process(database_url: str) -> AsyncIterator[Engine]:
    """One process of the engine; open several on one database to have several."""
    vault = Vault(MASTER_KEY)
    async with open_pool(database_url, 1, 6) as pool:
        store = PostgresEventStore(database_url, pool)
        await store.start()
        keys, clock = TableOfKeys(pool, vault), ProgramClock(pool)
        handler = Handler(
            store=store,
            keys=keys,
            crypto=vault,
            clock=clock,
            wall=utc_now,
            zones=SystemZones(),
            programs=Programs(store, keys, vault),
            new_id=uuid4,
            recent=Recent(1_000),
        )
        try:
            yield Engine(handler, clock, PostgresListedCodes(pool), PostgresMisses(pool))
        finally:
            await store.stop()


@asynccontextmanager
async def opened(
    database_url: str, document: Json | None = None, *, start: datetime | None = START, sandbox: bool = True
) -> AsyncIterator[Engine]:
    """An engine with a program whose rules are `document`: a sandbox whose clock stands at `start`, or a real one."""
    async with process(database_url) as engine:
        body = rulebooks.ProgramBody(id=PROGRAM, sandbox=sandbox, money="EUR", time_zone="UTC")
        await rulebooks.create_program(engine.handler, body, actor="test")
        if sandbox and start is not None:
            await engine.at(start)
        await engine.publish(document or SHOP)
        yield engine


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Tell a story to its end."""
    asyncio.run(story())


def days(count: float) -> timedelta:
    return timedelta(days=count)


def json(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")
