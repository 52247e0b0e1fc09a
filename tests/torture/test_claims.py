"""Worked case F4 with real servers: 500 units, 1,000 claims, two processes, one of which is killed midway."""

import asyncio
import os
import random
import signal
import time

import msgspec
import pytest

from application import rewards
from application.reward_terms import Price, RewardBody
from infrastructure.api_keys import ApiKeys
from infrastructure.database import connect, open_pool
from tests.application.engine import MASTER_KEY, PROGRAM, opened
from tests.application.test_rewards import sound
from tests.cli.server import serving
from tests.torture.clients import PAUSE, Connection, Cut
from tests.torture.stress import deadlocks, stressed

pytestmark = pytest.mark.slow

UNITS, CLAIMS, CLIENTS = 500, 1_000, 32
PATIENCE = 120
STRESS = 25
"""Seconds of mixed stress; `make stress SECONDS=300` for more."""


async def shop(dsn: str) -> str:
    """A program with 1,000 members who have the price of a unit each, and 500 units; a client's key."""
    async with opened(dsn, start=None, sandbox=False) as engine, open_pool(dsn, 1, 2) as pool:
        names = [f"m{number}" for number in range(CLAIMS)]
        await asyncio.gather(*(engine.enrol(name) for name in names))
        await asyncio.gather(*(engine.adjust(10, member=name) for name in names))
        body = RewardBody(
            id="mug", kind="product", price=Price(currency="points", points=10), stock=UNITS, codes="generate"
        )
        await rewards.create(engine.handler, PROGRAM, body, actor="test")
        _, key = await ApiKeys(pool, MASTER_KEY).create(PROGRAM, ["client"], "test")
        return key


async def claimed(connection: Connection, number: int) -> int:
    """The status of the claim, which is asked for until somebody says."""
    body = msgspec.json.encode({"id": f"r{number}", "member": f"m{number}", "reward": "mug"})
    until = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < until, "nobody answers"
        try:
            answer = await connection.ask("/v1/redemptions", body)
        except Cut:
            await asyncio.sleep(PAUSE)
            continue
        if answer.status != 503:
            return answer.status
        await asyncio.sleep(PAUSE)


@pytest.mark.parametrize("killed", [False, True])
def test_f4_two_servers_give_exactly_the_stock_also_when_one_is_killed_midway(database_url: str, killed: bool) -> None:
    key = asyncio.run(shop(database_url))
    with serving(database_url) as one, serving(database_url) as other:
        answers: dict[int, int] = {}

        async def client(first: int) -> None:
            connection = Connection([one.port, other.port], key, random.Random(first))
            for number in range(first, CLAIMS, CLIENTS):
                answers[number] = await claimed(connection, number)
                if killed and len(answers) == UNITS // 2:
                    os.killpg(one.process.pid, signal.SIGKILL)
            connection.close()

        async def all_of_them() -> None:
            await asyncio.gather(*(client(first) for first in range(CLIENTS)))

        asyncio.run(all_of_them())
    statuses = list(answers.values())
    assert (statuses.count(201) + statuses.count(200), statuses.count(409)) == (UNITS, CLAIMS - UNITS)
    with connect(database_url) as connection:
        assert connection.execute("SELECT used FROM takes WHERE kind = 'stock'").fetchall() == [(UNITS,)]
        codes = connection.execute("SELECT count(*) FROM claims WHERE kind = 'issued-code'").fetchone()
    assert codes == (UNITS,)
    sound(database_url)


def test_mixed_stress_of_two_processes_deadlocks_nowhere(database_url: str) -> None:
    before = deadlocks(database_url)
    done = asyncio.run(stressed(database_url, STRESS, seed=7))
    assert deadlocks(database_url) == before == 0
    assert min(done.values()) > 0, done
    sound(database_url)
