"""A server with two programs, and somebody who talks to it with every kind of key."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from litestar import Litestar

from api.http.app import create_app
from application.rulebooks import ProgramBody, create_program
from application.samples import COFFEE
from infrastructure.settings import Settings

Json = dict[str, Any]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def settings_for(database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        data_dir=Path("unused"),
        host="127.0.0.1",
        port=0,
        master_key=b"m" * 32,
        log_level="INFO",
        workers=1,
        drain_seconds=20,
    )


class Someone:
    """A caller with one key. Every answer outside the contract's form fails the test that asked for it."""

    def __init__(self, client: AsyncClient, key: str | None) -> None:
        self.client = client
        self.key = key

    async def ask(self, method: str, path: str, **more: Any) -> Response:
        headers = dict(more.pop("headers", {}))
        if self.key is not None:
            headers.setdefault("authorization", f"Bearer {self.key}")
        answer = await self.client.request(method, path, headers=headers, **more)
        assert answer.status_code != 500, answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["type"] == f"/problems/{problem['code']}"
            assert problem["status"] == answer.status_code
        return answer

    async def get(self, path: str, **more: Any) -> Response:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Response:
        if body is not None:
            more["content"] = body if isinstance(body, bytes) else msgspec.json.encode(body)
            more["headers"] = {"content-type": "application/json"} | more.get("headers", {})
        return await self.ask("POST", path, **more)


@pytest.fixture
def app(database_url: str) -> Litestar:
    return create_app(settings_for(database_url))


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[AsyncClient]:
    """Litestar's own test client runs the lifespan in another event loop, and the log's writer with it."""
    transport = ASGITransport(cast("Any", app), raise_app_exceptions=False)
    async with app.lifespan(), AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def opened(app: Litestar, client: AsyncClient, program: str) -> Someone:
    """The first admin of a new sandbox."""
    wired = app.state.wired
    await create_program(wired.handler, ProgramBody(id=program, sandbox=True, time_zone="Europe/Berlin"), actor="test")
    _, key = await wired.api_keys.create(program, ["admin"], "first")
    return Someone(client, key)


@pytest.fixture
async def admin(app: Litestar, client: AsyncClient) -> Someone:
    return await opened(app, client, "main")


@pytest.fixture
async def stranger(app: Litestar, client: AsyncClient) -> Someone:
    """The admin of another program."""
    return await opened(app, client, "other")


@pytest.fixture
def nobody(client: AsyncClient) -> Someone:
    return Someone(client, None)


@pytest.fixture
async def shop(admin: Someone) -> Someone:
    """The admin of a program with a published rulebook and the member ann."""
    draft = (await admin.post("/v1/rulebooks", {"document": COFFEE})).json()
    published = await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    assert published.status_code == 201, published.text
    enrolled = await admin.post("/v1/members", {"id": "ann", "email": "ann@example.org"})
    assert enrolled.status_code == 201, enrolled.text
    return admin


RETURN: Json = {
    "id": "return-1",
    "source": "shop",
    "activity": {"source": "shop", "id": "order-1"},
    "occurred_at": "2026-11-21T12:00:00Z",
}


def purchase(name: str = "order-1", **more: Any) -> Json:
    return {
        "id": name,
        "source": "shop",
        "type": "purchase",
        "member": "ann",
        "occurred_at": "2026-11-21T10:00:00+01:00",
        "data": {"amount_minor": 10_500},
        **more,
    }


async def with_scopes(admin: Someone, *scopes: str) -> Someone:
    made = await admin.post("/v1/keys", {"scopes": list(scopes), "name": "test"})
    assert made.status_code == 201, made.text
    return Someone(admin.client, made.json()["key"])
