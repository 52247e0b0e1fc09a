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
from typing import IO, NamedTuple

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


class Served(NamedTuple):
    """A server process that answers, and where."""

    process: subprocess.Popen[bytes]
    port: int


@contextmanager
def serving(database_url: str, log: int | IO[bytes] = subprocess.DEVNULL, **settings: str) -> Iterator[Served]:
    """A `guerdon serve` in a session of its own, ended by SIGTERM unless it has ended by then."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GUERDON_", "OTEL_"))}
    environment |= {
        "GUERDON_DATABASE_URL": database_url,
        "GUERDON_MASTER_KEY": b64encode(MASTER_KEY).decode(),
        "PORT": str(port),
        "GUERDON_LOG_LEVEL": "DEBUG",
        **settings,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "serve"],
        cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        with Client(base_url=f"http://127.0.0.1:{port}") as client:
            deadline = time.monotonic() + PATIENCE
            while not _ready(client):
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.1)
        yield Served(process, port)
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def server(database_url: str, key: str, log: int | IO[bytes] = subprocess.DEVNULL, **settings: str) -> Iterator[Client]:
    """The same, and a client that talks to it."""
    with (
        serving(database_url, log, **settings) as served,
        Client(base_url=f"http://127.0.0.1:{served.port}", headers={"authorization": f"Bearer {key}"}) as client,
    ):
        yield client


def _ready(client: Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except ConnectError:
        return False


def left_behind(mark: str) -> list[str]:
    """Processes, other than this one, whose arguments or environment hold the mark and that do not end by themselves.

    Python's own tracker of resources ends when it finds that its parent has: a moment later.
    """
    deadline = time.monotonic() + 5
    while (found := _with(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _with(mark: str) -> list[str]:
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes() + (command.parent / "environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in words and command.parent.name != str(os.getpid()):
            found.append(words.replace(b"\0", b" ")[:100].decode(errors="replace"))
    return found
