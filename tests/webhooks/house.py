"""An engine with webhooks, followers and senders, and a wall clock in the test's hand."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg_pool import AsyncConnectionPool

from application import webhooks
from application.access import CLI
from application.deliveries import Deliveries, Reply
from application.outbox import NAME, VERSION, TellerRunner
from application.webhooks import ChangeBody, RedeliverBody, RotateBody, WebhookBody
from infrastructure.database import open_pool
from infrastructure.outgoing import Outgoing
from infrastructure.positions import PostgresPositions
from infrastructure.vault import Vault
from infrastructure.webhooks import PostgresWebhooks
from tests.application.engine import MASTER_KEY, PROGRAM, Engine, opened
from tests.webhooks.receiver import Receiver, receiving

Json = dict[str, Any]

OK_URL = "https://example.org/hook"


class Wall:
    """The time of day, which stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **amount: float) -> None:
        self.now += timedelta(**amount)


class Script:
    """A `Post` without a network: answers as told, by URL."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Mapping[str, str], bytes]] = []
        self.replies: dict[str, Reply] = {}

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:
        self.sent.append((url, headers, body))
        return self.replies.get(url, Reply(200))

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.sent]


class House:
    def __init__(self, engine: Engine, pool: AsyncConnectionPool[Any], url: str, receiver: Receiver) -> None:
        self.engine = engine
        self.pool = pool
        self.receiver = receiver
        self.wall = Wall()
        self.vault = Vault(MASTER_KEY)
        self.webhooks = PostgresWebhooks(pool)
        self.positions = PostgresPositions(url, pool)
        self.outgoing = Outgoing(to_loopback=True)
        self.chance = 0.0
        self._number = 0

    def sender(self, post: Any = None) -> Deliveries:
        return Deliveries(self.webhooks, post or self.outgoing, self.vault, self.wall, lambda: self.chance)

    def runner(self) -> TellerRunner:
        return TellerRunner(self.webhooks, self.engine.handler.store, self.positions, self.wall)

    async def hook(self, url: str | None = None, program: str = PROGRAM, **more: Any) -> Json:
        self._number += 1
        return await webhooks.create(
            self.webhooks, self.vault, program, WebhookBody(url=url or self.receiver.url, **more),
            check_url=self.outgoing.check, new_id=f"wh_{self._number}", head=await self.positions.head(),
            now=self.wall.now, by=CLI,
        )  # fmt: skip

    async def change(self, name: str, **more: Any) -> Json:
        return await webhooks.change(
            self.webhooks, PROGRAM, name, ChangeBody(**more), check_url=self.outgoing.check, now=self.wall.now, by=CLI
        )

    async def rotate(self, name: str, **more: Any) -> Json:
        return await webhooks.rotate(
            self.webhooks, self.vault, PROGRAM, name, RotateBody(**more), self.wall.now, by=CLI
        )

    async def remove(self, name: str) -> Json:
        return await webhooks.remove(self.webhooks, PROGRAM, name, by=CLI)

    async def redeliver(self, name: str, **more: Any) -> Json:
        found = await webhooks.one(self.webhooks, PROGRAM, name)
        store = self.engine.handler.store
        return await webhooks.redeliver(self.webhooks, store, found, RedeliverBody(**more), self.wall.now)

    async def note(self) -> None:
        """What the follower does: note what is to be told."""
        await self.positions.register(NAME, VERSION)
        await self.runner().catch_up()

    async def tell(self, post: Any = None) -> int:
        """Note, and send what is due."""
        await self.note()
        return await self.sender(post).send_due()

    async def deliveries(self, name: str, state: str | None = None) -> list[Json]:
        found = await webhooks.one(self.webhooks, PROGRAM, name)
        items: list[Json] = (await webhooks.deliveries(self.webhooks, found, state, None, 1_000))["items"]
        return items


@asynccontextmanager
async def house(database_url: str) -> AsyncIterator[House]:
    """With a member ann, whom nobody was told of."""
    async with opened(database_url) as engine, open_pool(database_url, 1, 8) as pool, receiving() as receiver:
        await engine.enrol()
        found = House(engine, pool, database_url, receiver)
        try:
            yield found
        finally:
            await found.outgoing.aclose()
