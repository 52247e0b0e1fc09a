"""Nobody can make the server fail: Schemathesis over every operation, with a key of each scope, against granian."""

import os
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from litestar import Litestar
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from api.http.route import SCOPES
from tests.http.conftest import Json, Someone, settings_for, with_scopes

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

EXAMPLES = 2_000
"""Requests with a key of each scope, over all operations together."""
SEED = 20_261_122


@contextmanager
def _served(database_url: str) -> Iterator[str]:
    """The real server in a process of its own, as an operator would start it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "GUERDON_DATABASE_URL": database_url,
        "GUERDON_MASTER_KEY": b64encode(settings_for(database_url).master_key).decode(),
        "GUERDON_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--factory"]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "api.http.app:from_environment"], env=environment
    )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for(base)
        yield base
        assert server.poll() is None, "the server died"
        assert httpx2.get(f"{base}/readyz").status_code == 200
    finally:
        server.terminate()
        assert server.wait(20) == 0


def _wait_for(base: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx2.get(f"{base}/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("the server does not come up")


@pytest.fixture
async def document(nobody: Someone) -> Json:
    found: Json = (await nobody.get("/openapi.json")).json()
    return found


@pytest.mark.parametrize("scope", sorted(SCOPES))
async def test_no_request_breaks_the_server(
    scope: str, app: Litestar, shop: Someone, document: Json, database_url: str
) -> None:
    someone = await with_scopes(shop, scope)
    # The follower's, which does not run here.
    await app.state.wired.tables.ensure()
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    each = max(1, EXAMPLES // len(operations) // 2)
    with _served(database_url) as base, httpx2.Client(base_url=base) as client:
        headers = {"authorization": f"Bearer {someone.key}"}
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                _fuzz(operation, mode, client, headers, each)


def _fuzz(operation: Any, mode: GenerationMode, client: httpx2.Client, headers: dict[str, str], each: int) -> None:
    documented = set(operation.definition.raw["responses"])

    @seed(SEED)
    @settings(
        max_examples=each, deadline=None, database=None, derandomize=False, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def requested(case: Any) -> None:
        answer = case.call(base_url=str(client.base_url), headers=headers)
        told = answer.text[:500]
        assert answer.status_code < 500 or answer.json()["code"] == "behind", (operation.label, told)
        if answer.status_code >= 400 and case.method == operation.method.upper():
            assert answer.headers["content-type"] == ["application/problem+json"], (operation.label, told)
            assert str(answer.status_code) in documented, (operation.label, answer.status_code, told)

    requested()
