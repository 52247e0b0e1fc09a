"""A coffee shop's year, told over HTTP: what the pages of these tests show."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from httpx2 import Client

from application.rulebooks import ProgramBody, create_program
from application.samples import COFFEE
from infrastructure.api_keys import ApiKeys
from infrastructure.database import open_pool
from tests.application.engine import MASTER_KEY, process

Json = dict[str, Any]

BEGINS = datetime(2030, 1, 7, 8, tzinfo=UTC)
RULES: Json = COFFEE | {
    "rules": [rule | ({"budget": "gold"} if rule["id"] == "gold-bonus" else {}) for rule in COFFEE["rules"]],
    "budgets": {"gold": {"currency": "points", "points": 500}},
    "streaks": {"weekly": {"on": "purchase", "period": "week", "awards": [{"every": 4, "points": 20}]}},
    "badges": {"regular": {"on": "purchase", "when": "history.streak('weekly') >= 3", "points": 40}},
    "leaderboards": {"spenders": {"on": ["purchase"], "score": "activity.amount_minor", "period": "month"}},
    "offers": {
        "spend100": {
            "goal": {"sum": 10_000},
            "of": "purchase.spend",
            "window": "P60D",
            "reward": {"currency": "points", "points": 50},
        }
    },
}
NAMES = ("ann", "bob", "cleo", "dan", "eve", "fay")


async def program(database_url: str, name: str = "main") -> str:
    """A sandbox without rules; the key of its admin."""
    async with process(database_url) as engine, open_pool(database_url, 1, 2) as pool:
        await create_program(
            engine.handler, ProgramBody(id=name, sandbox=True, time_zone="Europe/Berlin"), actor="test"
        )
        _, key = await ApiKeys(pool, MASTER_KEY).create(name, ["admin"], "the shop's own")
        return key


def opened(database_url: str) -> str:
    return asyncio.run(program(database_url))


class Shop:
    """Somebody who posts to the API. Every answer must be a success."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.count = 0

    def post(self, path: str, body: Json) -> Json:
        answer = self.client.post(path, content=msgspec.json.encode(body), headers={"content-type": "application/json"})
        assert answer.status_code in (200, 201), answer.text
        found: Json = answer.json()
        return found

    def clock(self, now: datetime) -> None:
        self.post("/v1/clock", {"now": now})

    def publish(self) -> None:
        draft = self.post("/v1/rulebooks", {"document": RULES})["draft"]
        self.post(f"/v1/rulebooks/{draft}/publish", {})

    def buy(self, member: str, amount: int, at: datetime) -> Json:
        self.count += 1
        body = {
            "id": f"order-{1000 + self.count}",
            "source": "shop",
            "type": "purchase",
            "member": member,
            "occurred_at": at,
            "data": {"amount_minor": amount},
        }
        return self.post("/v1/activities", body)


def tell(client: Client, weeks: int = 46) -> Shop:
    """Published rules, members, and their purchases, week after week."""
    shop = Shop(client)
    shop.clock(BEGINS)
    shop.publish()
    for name in NAMES:
        shop.post("/v1/members", {"id": name, "email": f"{name}@example.org", "enrolled_at": BEGINS})
    shop.post(
        "/v1/rewards",
        {
            "id": "mug",
            "kind": "product",
            "name": "A mug",
            "price": {"currency": "points", "points": 400},
            "stock": 20,
        },
    )
    for week in range(weeks):
        now = BEGINS + timedelta(weeks=week, hours=week % 7)
        shop.clock(now)
        if week == weeks - 6:
            shop.post("/v1/offers/spend100/assignments", {"member": "ann"})
        for number, name in enumerate(NAMES):
            if (week + number) % (number + 1) == 0:
                shop.buy(name, 3_000 + 700 * ((week * 7 + number * 3) % 11), now)
        if week % 13 == 12:
            shop.post("/v1/redemptions", {"id": f"coffee-{week}", "member": "ann", "currency": "points", "points": 300})
    return shop
