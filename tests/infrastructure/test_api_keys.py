"""Keys are believed for a moment without another look, and no process believes one that was revoked."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from application.ports import Unavailable
from infrastructure import api_keys
from infrastructure.api_keys import LEASE, ApiKeys
from infrastructure.database import connect, open_pool

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of leases on."""
    ahead = 0.0
    now = time.monotonic

    def move(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now() + ahead)
    return move


@asynccontextmanager
async def process(dsn: str) -> AsyncIterator[ApiKeys]:
    """The keys as a process of its own has them."""
    async with open_pool(dsn, 1, 2) as pool:
        pool.timeout = 0.2
        yield ApiKeys(pool, b"m" * 32)


async def test_a_key_that_was_revoked_by_one_process_is_refused_by_all(database_url: str) -> None:
    async with process(database_url) as one, process(database_url) as other:
        key, text = await one.create("main", ["client"], "till")
        assert await one.find(text) == await other.find(text) == key
        await one.revoke(key.id)
        assert await one.find(text) is None
        assert await other.find(text) is None


async def test_a_key_is_looked_up_once_in_a_lease(database_url: str, later: Callable[[float], None]) -> None:
    async with process(database_url) as keys:
        _, text = await keys.create("main", ["client"], "till")
        assert await keys.find(text) is not None
        with connect(database_url) as connection:
            connection.execute("UPDATE api_keys SET scopes = '{auditor}'")
        believed = await keys.find(text)
        assert believed is not None
        assert believed.scopes == ["client"]
        later(LEASE)
        looked_up = await keys.find(text)
        assert looked_up is not None
        assert looked_up.scopes == ["auditor"]


async def test_a_key_that_was_not_found_is_looked_up_each_time(database_url: str) -> None:
    async with process(database_url) as keys:
        key, text = await keys.create("main", ["client"], "till")
        with connect(database_url) as connection:
            connection.execute("UPDATE api_keys SET revoked_at = now()")
        assert await keys.find(text) is None
        with connect(database_url) as connection:
            connection.execute("UPDATE api_keys SET revoked_at = NULL")
        assert await keys.find(text) == key


async def test_no_more_keys_are_held_than_the_bound(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "_MOST_HELD", 3)
    async with process(database_url) as keys:
        for number in range(5):
            _, text = await keys.create("main", ["client"], f"till {number}")
            assert await keys.find(text) is not None
            assert len(keys._held) <= 3


async def test_without_a_database_a_key_is_believed_for_the_rest_of_its_lease(
    database_url: str, later: Callable[[float], None]
) -> None:
    async with process(database_url) as keys:
        _, text = await keys.create("main", ["client"], "till")
        assert await keys.find(text) is not None
        with connect(database_url) as connection:
            connection.execute("DROP TABLE api_keys")
        assert await keys.find(text) is not None
        later(LEASE)
        with pytest.raises(Unavailable):
            await keys.find(text)
