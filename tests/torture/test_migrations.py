"""R15, a small gate: the newest migration is taken back and applied again, twice, while servers answer a crowd.

The step before the newest is the schema of the version before: whoever is served meanwhile loses nothing and is told of
no fault.
"""

import asyncio
import glob
import random
from importlib.resources import as_file, files

import pytest
from yoyo import get_backend, read_migrations

from infrastructure.migrate import _url_for_yoyo, migrate
from tests.torture.clients import Crowd, Wishes
from tests.torture.evening import MEMBERS, STUCK, prepared
from tests.torture.machines import LINUX, cluster, servers
from tests.torture.seeds import seed
from tests.torture.verdict import Ledger, judge

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not LINUX, reason="reads /proc")]

ROUNDS = 2
CLIENTS = 4
SOME = 60
"""Activities acknowledged between two steps."""
SEED = seed(15)


def _taken_back(dsn: str) -> str:
    """The newest migration, undone as its rollback says."""
    with as_file(files("migrations")) as folder:
        backend = get_backend(_url_for_yoyo(dsn))
        try:
            steps = read_migrations(glob.escape(str(folder))).filter(lambda step: step.path.endswith(".sql"))
            newest = backend.to_rollback(steps)[:1]
            backend.rollback_migrations(newest)
            return str(newest[0].id)
        finally:
            backend.connection.close()


def test_r15_the_newest_migration_goes_down_and_up_under_load_and_nobody_is_told_of_a_fault() -> None:
    async def story() -> None:
        with cluster() as database:
            key, ledger, chance = await prepared(database.dsn), Ledger(), random.Random(SEED)
            async with servers(database.dsn) as running:
                crowd = Crowd([server.port for server in running], key, ledger, chance)
                wishes = Wishes(random.Random(chance.random()), MEMBERS)
                working = [asyncio.create_task(crowd.shop(wishes)) for _ in range(CLIENTS)]
                for _ in range(ROUNDS):
                    async with asyncio.timeout(STUCK):
                        await ledger.until(len(ledger.acknowledged) + SOME)
                        gone = await asyncio.to_thread(_taken_back, database.dsn)
                        await ledger.until(len(ledger.acknowledged) + SOME)
                        assert await asyncio.to_thread(migrate, database.dsn) == [gone]
                        await ledger.until(len(ledger.acknowledged) + SOME)
                crowd.over.set()
                await asyncio.gather(*working)
            assert [status for status in crowd.answered if status >= 500] == []
            assert crowd.cut == 0
            verdict = await judge(database.dsn, ledger)
            assert verdict.sound, verdict

    asyncio.run(story())
