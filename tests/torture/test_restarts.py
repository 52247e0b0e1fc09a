"""Servers are restarted one after the other, or stopped with all that is before them: clients get along."""

import asyncio
import os
import random
import signal

import pytest

from tests.torture.clients import Crowd, Wishes
from tests.torture.evening import MEMBERS, STUCK, prepared
from tests.torture.machines import LINUX, cluster, servers
from tests.torture.seeds import seed
from tests.torture.verdict import Ledger, judge

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not LINUX, reason="reads /proc")]

RESTARTS = 4
CLIENTS = 4
SEED = seed(16)
LARGEST = 400 * 2**20
"""Bytes of memory that a worker may have."""
OUTSTANDING = 300
"""Connections that ask at once, of which each is one request: far more than are worked on."""
STOPPED = 6.0
"""Seconds for which PostgreSQL does not move: longer than a request waits for a connection."""


def test_servers_that_are_replaced_in_turn_lose_no_request_and_answer_none_with_an_error() -> None:
    """Who holds a connection to a server that ends is cut off, and asks the other one. Nobody is told of a fault."""

    async def story() -> None:
        with cluster() as database:
            key, ledger, chance = await prepared(database.dsn), Ledger(), random.Random(SEED)
            async with servers(database.dsn) as running:
                crowd = Crowd([server.port for server in running], key, ledger, chance)
                wishes = Wishes(random.Random(chance.random()), MEMBERS)
                working = [asyncio.create_task(crowd.shop(wishes)) for _ in range(CLIENTS)]
                for number in range(RESTARTS):
                    async with asyncio.timeout(STUCK):
                        await ledger.until(len(ledger.acknowledged) + 50)
                        await running[number % 2].restarted()
                crowd.over.set()
                await asyncio.gather(*working)
            assert [status for status in crowd.answered if status >= 500] == []
            verdict = await judge(database.dsn, ledger)
            assert verdict.sound, verdict

    asyncio.run(story())


def test_a_crowd_before_a_database_that_stands_still_is_told_to_come_again_and_then_served() -> None:
    async def story() -> None:
        with cluster() as database:
            key, ledger, chance = await prepared(database.dsn), Ledger(), random.Random(SEED)
            async with servers(database.dsn, count=1) as (server,):
                crowd = Crowd([server.port], key, ledger, chance)
                wishes = Wishes(random.Random(chance.random()), MEMBERS)
                working = [asyncio.create_task(crowd.shop(wishes)) for _ in range(OUTSTANDING)]
                async with asyncio.timeout(STUCK):
                    await ledger.until(OUTSTANDING)
                stopped = database.backends()
                for pid in stopped:
                    os.kill(pid, signal.SIGSTOP)
                # Time has to pass: it is what the server's patience is measured against.
                await asyncio.sleep(STOPPED)
                largest = server.resident()
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
                async with asyncio.timeout(STUCK):
                    await ledger.until(len(ledger.acknowledged) + OUTSTANDING)
                    crowd.over.set()
                    await asyncio.gather(*working)
                assert max(largest, server.resident()) < LARGEST
            assert {status for status in crowd.answered if status >= 500} <= {503}
            verdict = await judge(database.dsn, ledger)
            assert verdict.sound, verdict

    asyncio.run(story())
