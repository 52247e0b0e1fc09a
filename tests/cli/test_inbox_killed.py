"""What was answered 202 is recorded once, whoever is killed meanwhile."""

import asyncio
import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Client, TransportError

from infrastructure.database import connect
from tests.cli.server import PATIENCE, prepared, serving
from tests.cli.test_drain import purchase

pytestmark = pytest.mark.slow

KILLS = 5
CALLERS = 4
SEED = 20_261_126


class Callers:
    """They keep sending until told to stop, and remember what was answered 202."""

    def __init__(self, key: str) -> None:
        self.taken = set[str]()
        self.port = 0
        self._key = key
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _call(self, caller: int) -> None:
        number = 0
        headers = {"authorization": f"Bearer {self._key}", "prefer": "respond-async"}
        with Client(headers=headers, timeout=5) as client:
            name, body = _numbered(caller, number)
            while not self._over.is_set():
                # The very same is sent again until it is answered, as clients do.
                with suppress(TransportError):
                    answer = client.post(f"http://127.0.0.1:{self.port}/v1/activities", json=body)
                    if answer.status_code in (200, 202):
                        self.taken.add(name)
                        number += 1
                        name, body = _numbered(caller, number)
                        continue
                time.sleep(0.05)


def _numbered(caller: int, number: int) -> tuple[str, dict[str, Any]]:
    name = f"c{caller}-{number}"
    return name, purchase(name)


def test_what_was_taken_is_recorded_once_through_kills_of_server_and_recorder(database_url: str) -> None:
    key = asyncio.run(prepared(database_url))
    chance = random.Random(SEED)
    callers = Callers(key)
    try:
        for kill in range(KILLS):
            with serving(database_url) as served:
                callers.port = served.port
                before = len(callers.taken)
                deadline = time.monotonic() + PATIENCE
                while len(callers.taken) < before + 100 + chance.randrange(100):
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
                # By turns the whole server, and only who records what was taken.
                for process in _family(served.process.pid) if kill % 2 == 0 else _followers(served.process.pid):
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
    finally:
        callers.stop()
    assert len(callers.taken) > KILLS * 100
    with serving(database_url), connect(database_url) as connection:
        deadline = time.monotonic() + PATIENCE
        while connection.execute("SELECT FROM inbox WHERE state = 'waiting' LIMIT 1").fetchone() is not None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        recorded = connection.execute("SELECT key FROM claims WHERE kind = 'activity'").fetchall()
        entries = connection.execute("SELECT count(*) FROM stored_events WHERE kind = 'member'").fetchone()
        parked = connection.execute("SELECT count(*) FROM inbox WHERE state = 'parked'").fetchone()
    names = {name.partition("\x1f")[2] for (name,) in recorded}
    assert callers.taken - names == set()
    assert parked == (0,)
    # Ann's enrolment, and one entry for each.
    assert entries == (len(names) + 1,)


def _family(process: int) -> list[int]:
    """The process and all below it."""
    return [process, *(below for child in _children(process) for below in _family(child))]


def _followers(process: int) -> list[int]:
    return [child for child in _children(process) if b"follow" in _words(child)]


def _children(process: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError, ValueError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(status.parent.name))
    return found


def _words(process: int) -> bytes:
    with suppress(OSError):
        return (Path("/proc") / str(process) / "cmdline").read_bytes()
    return b""
