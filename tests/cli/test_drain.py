"""A server that is told to stop answers what it has taken, writes it, takes nothing new, and leaves nothing behind."""

import asyncio
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, IncompleteRead

import pytest

from infrastructure.database import connect
from tests.cli.server import PATIENCE, Served, left_behind, prepared, serving

pytestmark = pytest.mark.slow

CALLERS = 8
ENOUGH = 200
"""Answers after which the server is told to stop."""
BOUND = 30
"""Seconds in which it has to be gone, whatever happens: the time to drain, and that of the followers."""


class Callers:
    """Connections that post one activity after the other, until the server does not take any more."""

    def __init__(self, port: int, key: str) -> None:
        self.answered: dict[str, int] = {}
        self.cut_off: list[str] = []
        self.broken: list[str] = []
        self.busy = threading.Event()
        self._port = port
        self._key = key
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _call(self, caller: int) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        number = 0
        while True:
            name = f"c{caller}-{number}"
            number += 1
            try:
                connection.request("POST", "/v1/activities", json.dumps(purchase(name)), headers(self._key))
                answer = connection.getresponse()
                answer.read()
            except IncompleteRead:
                self.broken.append(name)
            except (OSError, HTTPException):
                self.cut_off.append(name)
                # The connection is gone; a new one is what a client tries next.
                connection.close()
                if not reachable(self._port):
                    return
            else:
                self.answered[name] = answer.status
                if len(self.answered) >= ENOUGH:
                    self.busy.set()


def purchase(name: str) -> dict[str, object]:
    now = datetime.now(UTC).isoformat()
    return {
        "id": name,
        "source": "shop",
        "type": "purchase",
        "member": "ann",
        "occurred_at": now,
        "data": {"amount_minor": 100},
    }


def headers(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "content-type": "application/json"}


def reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def recorded(database_url: str) -> Counter[str]:
    """How often each activity stands in the log."""
    with connect(database_url) as connection:
        rows = connection.execute(
            "SELECT convert_from(state, 'UTF8')::jsonb #>> '{input,id}' FROM stored_events"
            " WHERE convert_from(state, 'UTF8')::jsonb #>> '{input,command}' = 'RecordActivity'"
        ).fetchall()
    return Counter(name for (name,) in rows)


def stopped(served: Served, began: float) -> None:
    assert served.process.wait(PATIENCE) == 0
    assert time.monotonic() - began < BOUND
    assert not reachable(served.port)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_under_load_every_request_is_answered_or_was_never_taken(database_url: str, workers: str) -> None:
    key = asyncio.run(prepared(database_url))
    with serving(database_url, GUERDON_WORKERS=workers) as served:
        callers = Callers(served.port, key)
        callers.start()
        assert callers.busy.wait(PATIENCE)
        began = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        stopped(served, began)
        callers.join()
    assert callers.broken == []
    assert set(callers.answered.values()) == {201}
    assert recorded(database_url) == Counter(callers.answered.keys())
    assert left_behind(database_url) == []


def test_a_signal_to_every_process_at_once_is_the_same(database_url: str) -> None:
    """What a terminal and a supervisor that knows only groups do."""
    key = asyncio.run(prepared(database_url))
    with serving(database_url, GUERDON_WORKERS="2") as served:
        callers = Callers(served.port, key)
        callers.start()
        assert callers.busy.wait(PATIENCE)
        began = time.monotonic()
        os.killpg(served.process.pid, signal.SIGTERM)
        stopped(served, began)
        callers.join()
    assert callers.broken == []
    assert recorded(database_url) == Counter(callers.answered.keys())
    assert left_behind(database_url) == []


def test_a_batch_of_a_thousand_is_finished_and_answered(database_url: str) -> None:
    key = asyncio.run(prepared(database_url))
    names = [f"b{number}" for number in range(1_000)]
    with (
        serving(database_url) as served,
        closing(HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)) as connection,
    ):
        body = json.dumps([purchase(name) for name in names])
        connection.request("POST", "/v1/activities/batch", body, headers(key))
        deadline = time.monotonic() + PATIENCE
        while not recorded(database_url):
            assert time.monotonic() < deadline
        began = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        answer = json.loads(connection.getresponse().read())
        assert sum(recorded(database_url).values()) == len(names)
        stopped(served, began)
    assert [item["status"] for item in answer["items"]] == [201] * len(names)
    assert recorded(database_url) == Counter(names)
    assert left_behind(database_url) == []


def test_half_a_request_keeps_the_server_no_longer_than_it_is_allowed_to(database_url: str) -> None:
    key = asyncio.run(prepared(database_url))
    with (
        serving(database_url, GUERDON_DRAIN_SECONDS="2") as served,
        socket.create_connection(("127.0.0.1", served.port)) as half,
        closing(HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)) as connection,
    ):
        half.sendall(
            f"POST /v1/activities HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
            "content-type: application/json\r\ncontent-length: 500\r\n\r\n{".encode()
        )
        # By the time this is answered, the half before it was taken.
        connection.request("GET", "/livez")
        assert connection.getresponse().read()
        began = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        stopped(served, began)
    assert left_behind(database_url) == []
