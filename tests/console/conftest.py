"""The callers of the HTTP tests, a browser, and a served shop for it to look at."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple, cast

import pytest
from httpx2 import ASGITransport, AsyncClient, Client
from litestar import Litestar

from tests.cli.server import serving
from tests.console import browser, story
from tests.http.conftest import admin, anyio_backend, app, shop, stranger

__all__ = ["admin", "anyio_backend", "app", "shop", "stranger"]


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[AsyncClient]:
    """As for the HTTP tests, with the tables that `guerdon serve` makes before anybody can ask."""
    transport = ASGITransport(cast("Any", app), raise_app_exceptions=False)
    async with app.lifespan(), AsyncClient(transport=transport, base_url="http://test") as client:
        await app.state.wired.tables.ensure()
        yield client


class Served(NamedTuple):
    """A shop after its year, where it is served, and the key that signs in."""

    address: str
    key: str
    client: Client


@pytest.fixture(scope="module")
def year(database_server: str) -> Iterator[Served]:
    """One for all tests of a module: they look, and change nothing that others look at."""
    from tests.conftest import fresh_database

    with fresh_database(database_server) as url:
        key = story.opened(url)
        with serving(url) as served:
            address = f"http://127.0.0.1:{served.port}"
            with Client(base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=30) as client:
                story.tell(client)
                position = client.get("/v1/members/ann/history").json()["items"][-1]["position"]
                # The tables have all of it before anybody looks.
                while client.get("/v1/leaderboards", params={"at_least": position or 0}).status_code == 503:
                    pass
                yield Served(address, key, client)


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Chromium]:
    with browser.opened() as found:
        yield found
