"""More ask than there is, at two servers at once, while connections are killed: never one more than there is."""

import asyncio
import random
from typing import Any

import msgspec
import pytest

from infrastructure.database import connect
from tests.application.engine import SHOP
from tests.torture import victims
from tests.torture.clients import Answer, Crowd, Wish, activity
from tests.torture.evening import prepared
from tests.torture.machines import free_port
from tests.torture.seeds import seed
from tests.torture.verdict import Ledger, judge

pytestmark = pytest.mark.slow

MEMBERS = 50
THERE_ARE = 500
BUDGET = 10_000
CLAIMS = ("first", "second", "third")
DOCUMENT: dict[str, Any] = {
    **SHOP,
    "activities": dict.fromkeys(("purchase", *CLAIMS), SHOP["activities"]["purchase"]),
    "budgets": {
        "summer": {"currency": "points", "points": BUDGET},
        **{name: {"currency": "points", "points": THERE_ARE} for name in CLAIMS},
    },
    "rules": [
        {"id": "base", "on": "purchase", "award": {"currency": "points", "points": 35}, "budget": "summer"},
        *(
            {"id": name, "on": name, "award": {"currency": "points", "points": 1}, "budget": name}
            for name in CLAIMS
        ),
    ],
}  # fmt: skip


def test_a_thousand_claims_on_five_hundred_give_five_hundred_three_times_and_a_budget_is_kept(
    database_url: str,
) -> None:
    async def story() -> None:
        key, ledger, chance = await prepared(database_url, MEMBERS, DOCUMENT), Ledger(), random.Random(seed(7))
        ports = [free_port(), free_port()]
        servers = [victims.start(victims.serve, database_url, port) for port in ports]
        crowd = Crowd(ports, key, ledger, chance)
        over = asyncio.Event()
        killing = asyncio.create_task(_kill_writers(database_url, ledger, chance, over))
        for kind in CLAIMS:
            claims = [_wish(f"{kind}-{number}", kind) for number in range(2 * THERE_ARE)]
            assert sum(map(granted, await crowd.all(claims, at_once=100))) == THERE_ARE
        purchases = [_wish(f"p-{number}", "purchase") for number in range(400)]
        assert sum(map(granted, await crowd.all(purchases, at_once=200))) == BUDGET
        over.set()
        assert await killing > 3
        for server in servers:
            victims.end(server)
        verdict = await judge(database_url, ledger)
        assert verdict.sound, verdict

    asyncio.run(story())


def _wish(name: str, kind: str) -> Wish:
    return Wish(name, "/v1/activities", activity(name, f"m{sum(name.encode()) % MEMBERS}", 100, kind), name)


def granted(answer: Answer) -> int:
    return sum(award["granted"] for award in msgspec.json.decode(answer.body)["awards"])


async def _kill_writers(dsn: str, ledger: Ledger, chance: random.Random, over: asyncio.Event) -> int:
    """End the writers' connections again and again; how often one was there."""
    killed = 0
    ended = asyncio.create_task(over.wait())
    while not over.is_set():
        more = asyncio.create_task(ledger.until(len(ledger.acknowledged) + chance.randrange(50, 300)))
        await asyncio.wait((more, ended), return_when=asyncio.FIRST_COMPLETED)
        more.cancel()
        with connect(dsn) as connection:
            found = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'guerdon writer' AND datname = current_database()"
            ).fetchall()
        killed += bool(found)
    return killed
