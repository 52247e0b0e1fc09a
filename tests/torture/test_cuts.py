"""Connections to PostgreSQL that end around a COMMIT: what was asked for happened once, and is told the same."""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from application.ports import Save, Unavailable
from infrastructure.clock import utc_now
from infrastructure.event_store import PostgresEventStore
from tests.application.engine import SHOP, Engine, opened, process
from tests.torture.cuts import Cuts, proxied
from tests.torture.seeds import seed
from tests.torture.verdict import Ledger, judge

pytestmark = pytest.mark.slow

CUTS = 300
SEED = seed(3)
MEMBERS = 5


def test_three_hundred_cuts_around_a_commit_leave_one_effect_each_and_the_same_answer(database_url: str) -> None:
    if "host=%2F" not in database_url:
        pytest.skip("the proxy stands before a socket of the file system")

    async def story() -> None:
        chance = random.Random(SEED)
        cuts, ledger, told = Cuts(chance), Ledger(), Counter[str]()
        async with (
            opened(database_url, SHOP, start=None, sandbox=False) as healthy,
            proxied(database_url, cuts) as dsn,
            process(dsn) as engine,
        ):
            _count_found(engine, told)
            for number in range(MEMBERS):
                await healthy.enrol(f"m{number}")
                ledger.sent.add(f"first-{number}")
                await healthy.buy(900_000, member=f"m{number}", name=f"first-{number}")
            for number in range(CUTS):
                cuts.arm()
                stories = [_asked(engine, healthy, ledger, told, f"{number}-{other}", chance) for other in range(4)]
                await asyncio.gather(*stories)
                # A cut that comes with the last answer is noticed with the next request.
                assert sum(cuts.made.values()) == number + 1
        verdict = await judge(database_url, ledger)
        assert verdict.sound, verdict
        assert min(cuts.made.values()) > CUTS / 5
        # Both ends of the doubt: what had not been stored, and what had, and was found by the writer itself.
        assert told["unavailable, and not there"] > CUTS / 5
        assert told["found"] > CUTS / 5

    asyncio.run(story())


def _count_found(engine: Engine, told: Counter[str]) -> None:
    """Count saves that the writer finds in the log after it lost its connection."""
    store = engine.handler.store
    assert isinstance(store, PostgresEventStore)
    stored = store._stored

    async def counting(saves: Sequence[Save]) -> dict[int, list[int]]:
        found = await stored(saves)
        told["found"] += len(found)
        return found

    store._stored = counting  # type: ignore[method-assign]


async def _asked(
    engine: Engine, healthy: Engine, ledger: Ledger, told: Counter[str], name: str, chance: random.Random
) -> None:
    """Ask over the connection that is cut; where that did not work, ask again; ask elsewhere, too."""
    member, at = f"m{chance.randrange(MEMBERS)}", utc_now()
    ledger.sent.add(name)

    def wish(engine: Engine) -> Coroutine[Any, Any, Any]:
        if name.endswith("-3"):
            return engine.redeem(1, member=member, name=name, key=name)
        return engine.buy(100, member=member, name=name, at=at, key=name)

    answer = None
    try:
        answer = await wish(engine)
        told["answered"] += 1
    except Unavailable:
        pass
    again = await wish(healthy)
    if answer is None:
        told["unavailable, and there" if again.replayed else "unavailable, and not there"] += 1
    else:
        assert again.replayed
        assert again.body == answer.body
    await ledger.acknowledge(name, again.position)
