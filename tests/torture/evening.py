"""An evening in a busy shop while everything is killed: two servers of two workers, followers, readers, PostgreSQL."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any

import msgspec

from infrastructure.api_keys import ApiKeys
from infrastructure.database import open_pool
from tests.application.engine import MASTER_KEY, SHOP, opened
from tests.torture.clients import Crowd, Wishes
from tests.torture.machines import Cluster, Server, cluster, servers
from tests.torture.tail import Tail
from tests.torture.verdict import Ledger, Verdict, judge, read

MEMBERS = 150
SHOPPERS = 12
VANS = 2
"""Connections that deliver in batches."""
BATCH = 300
BETWEEN = 1_400
"""Activities at most that are acknowledged between two kills; how many is drawn."""
STUCK = 120.0
"""Seconds without which something has to be acknowledged: otherwise the evening is over."""

KILLS = {"backend": 32, "writer": 28, "postmaster": 16, "follower": 12, "worker": 5, "server": 5, "everything": 2}
"""What is killed, and how often in a hundred times."""


class Report(msgspec.Struct, kw_only=True):
    seed: int
    kills: Counter[str]
    cut: int
    """Requests whose connection ended before their answer."""
    answered: Counter[int]
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.kills.total()} kills, {self.verdict}"


async def prepared(dsn: str, members: int = MEMBERS, document: dict[str, Any] = SHOP) -> str:
    """A program with members; the key of a client."""
    async with opened(dsn, document, start=None, sandbox=False) as engine, open_pool(dsn, 1, 2) as pool:
        await asyncio.gather(*(engine.enrol(f"m{number}") for number in range(members)))
        _, key = await ApiKeys(pool, MASTER_KEY).create("main", ["client"], "test")
        return key


def evening(seed: int, enough: Callable[[Report], bool]) -> Report:
    """Kill and count, until that is enough: asked after every kill."""
    with cluster() as database:
        return asyncio.run(_evening(database, seed, enough))


async def _evening(database: Cluster, seed: int, enough: Callable[[Report], bool]) -> Report:
    chance = random.Random(seed)
    key = await prepared(database.dsn)
    ledger = Ledger()
    tails = [Tail(database.dsn), Tail(database.dsn, read(database.dsn)[0][-1])]
    async with servers(database.dsn) as running:
        crowd = Crowd([server.port for server in running], key, ledger, chance)
        report = Report(
            seed=seed, kills=Counter(), cut=0, answered=crowd.answered,
            verdict=Verdict(acknowledged=0, entries=0),
        )  # fmt: skip
        wishes = Wishes(random.Random(chance.random()), MEMBERS)
        working = [asyncio.create_task(crowd.shop(wishes)) for _ in range(SHOPPERS)]
        working += [asyncio.create_task(crowd.deliver(wishes, BATCH)) for _ in range(VANS)]
        for tail in tails:
            tail.follow()
        while not enough(report):
            async with asyncio.timeout(STUCK):
                await ledger.until(len(ledger.acknowledged) + chance.randrange(BETWEEN))
            await _kill(database, running, chance, report.kills)
            if len(tails) == 2 and report.kills.total() > 10:
                # And one that begins in the middle.
                tails.append(Tail(database.dsn, tails[0].seen[-1]))
                tails[-1].follow()
            report.verdict.acknowledged = len(ledger.acknowledged)
        crowd.over.set()
        async with asyncio.timeout(STUCK):
            await asyncio.gather(*working)
    report.verdict = await judge(database.dsn, ledger, tails)
    report.cut = crowd.cut
    return report


async def _kill(database: Cluster, running: list[Server], chance: random.Random, kills: Counter[str]) -> None:
    """Kill something by chance; what was not there to be killed does not count."""
    (what,) = chance.choices(list(KILLS), list(KILLS.values()))
    server = chance.choice(running)
    match what:
        case "backend":
            killed = database.kill_backend(chance)
        case "writer":
            killed = database.terminate_writer()
        case "postmaster":
            killed = await database.kill_postmaster()
        case "follower":
            killed = server.kill_follower(chance)
        case "worker":
            killed = server.kill_worker(chance)
        case "server":
            killed = server.kill()
        case _:
            ended = [server.kill() for server in running]
            killed = any(ended) and await database.kill_postmaster()
    kills[what] += killed


def for_seconds(seconds: float) -> Callable[[Report], bool]:
    until = monotonic() + seconds
    return lambda _: monotonic() >= until
