"""Two server processes on one database: what one has acknowledged, the other knows at once."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from httpx2 import Client, ConnectError

from infrastructure.api_keys import ApiKeys
from infrastructure.database import open_pool
from tests.application.engine import MASTER_KEY, opened

ROOT = Path(__file__).parent.parent.parent
ROUNDS = 1_000
PATIENCE = 60

pytestmark = pytest.mark.slow


async def _prepared(database_url: str) -> str:
    """A program with rules, the member ann, and a key that may write."""
    async with opened(database_url, start=None) as engine, open_pool(database_url, 1, 2) as pool:
        await engine.enrol()
        _, key = await ApiKeys(pool, MASTER_KEY).create("main", ["client"], "test")
        return key


@contextmanager
def _server(database_url: str, key: str) -> Iterator[Client]:
    """A `guerdon serve` of its own, and a client that talks to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUERDON_")}
    environment |= {
        "GUERDON_DATABASE_URL": database_url,
        "GUERDON_MASTER_KEY": b64encode(MASTER_KEY).decode(),
        "PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "serve"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        with Client(base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {key}"}) as client:
            deadline = time.monotonic() + PATIENCE
            while not _ready(client):
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _ready(client: Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except ConnectError:
        return False


def test_points_earned_at_one_server_are_spent_at_the_other_a_thousand_times(database_url: str) -> None:
    key = asyncio.run(_prepared(database_url))
    with _server(database_url, key) as one, _server(database_url, key) as other:
        for number in range(ROUNDS):
            here, there = (one, other) if number % 2 else (other, one)
            purchase = {
                "id": f"o{number}",
                "source": "shop",
                "type": "purchase",
                "member": "ann",
                "occurred_at": datetime.now(UTC).isoformat(),
                "data": {"amount_minor": 100},
            }
            earned = here.post("/v1/activities", json=purchase)
            assert earned.status_code == 201, earned.text
            spend = {"id": f"r{number}", "member": "ann", "currency": "points", "points": 1}
            spent = there.post("/v1/redemptions", json=spend)
            assert spent.status_code == 201, spent.text
            assert spent.json()["member"]["balances"]["points"]["available"] == 0
