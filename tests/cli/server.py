"""A `guerdon serve` of its own, for tests that need the real process."""

import os
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from httpx2 import Client, ConnectError

from infrastructure.api_keys import ApiKeys
from infrastructure.database import open_pool
from tests.application.engine import MASTER_KEY, opened

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60


async def prepared(database_url: str, scope: str = "client") -> str:
    """A program with rules and the member ann; a key of that scope."""
    async with opened(database_url, start=None) as engine, open_pool(database_url, 1, 2) as pool:
        await engine.enrol()
        _, key = await ApiKeys(pool, MASTER_KEY).create("main", [scope], "test")
        return key


@contextmanager
def server(database_url: str, key: str, log: int | IO[bytes] = subprocess.DEVNULL) -> Iterator[Client]:
    """A `guerdon serve` of its own, and a client that talks to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUERDON_")}
    environment |= {
        "GUERDON_DATABASE_URL": database_url,
        "GUERDON_MASTER_KEY": b64encode(MASTER_KEY).decode(),
        "PORT": str(port),
        "GUERDON_LOG_LEVEL": "DEBUG",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "serve"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
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
