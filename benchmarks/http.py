"""Activities over HTTP: a real `guerdon serve` with its follower, and clients in another process."""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import msgspec

from benchmarks import workload
from benchmarks.bench import Bench, followed, say
from benchmarks.figures import Measured
from benchmarks.load import BATCH, Answers, Plan, drive
from infrastructure.api_keys import ApiKeys
from infrastructure.database import open_pool

ROOT = Path(__file__).parent.parent
PATIENCE = 60
SECONDS = 2.5
MOST = 10_000
"""More requests than are answered in a round; making them takes a moment."""


class Served(msgspec.Struct, frozen=True):
    """A server that answers, its key, and the process that clients run in."""

    dsn: str
    port: int
    key: str
    members: int
    clients: Executor
    pid: int

    def drive(self, run: str, what: str, count: int = MOST, **more: float) -> Answers:
        return self.start(run, what, count, **more).result()

    def start(self, run: str, what: str, count: int = MOST, **more: float) -> Future[Answers]:
        plan = Plan(
            port=self.port, key=self.key, members=self.members, run=run, what=what, count=count, seconds=SECONDS
        )
        return self.clients.submit(drive, msgspec.structs.replace(plan, **more))


@contextmanager
def clients(processes: int = 1) -> Iterator[Executor]:
    """Processes for clients, started already."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(_nothing, range(processes)))
        yield pool


def _nothing(_number: int) -> None:
    """What a process does first: import this module."""


@contextmanager
def served(bench: Bench, dsn: str, workers: int = 1, processes: int = 1) -> Iterator[Served]:
    """A server on the database, ended afterwards, and warm."""
    key = workload.run(_key(dsn))
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GUERDON_", "OTEL_"))}
    environment |= {
        "GUERDON_DATABASE_URL": dsn,
        "GUERDON_MASTER_KEY": workload.MASTER_KEY,
        "GUERDON_WORKERS": str(workers),
        "GUERDON_LOG_LEVEL": "WARNING",
        "PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "serve"],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _wait_for(port, lambda: process.poll() is None)
        with clients(processes) as pool:
            server = Served(dsn, port, key, bench.members, pool, process.pid)
            # The first one loads the rules.
            for count in (workers, 1_000):
                server.drive(f"warm-{count}", "single", count, connections=min(count, 64), seconds=5)
            yield server
    finally:
        process.terminate()
        process.wait(PATIENCE)


async def _key(dsn: str) -> str:
    async with open_pool(dsn, 1, 1) as pool:
        _, key = await ApiKeys(pool, workload.settings_of(dsn).master_key).create(workload.PROGRAM, ["client"], "bench")
        return key


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, alive: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        assert alive(), "the server ended"
        assert time.monotonic() < until, "the server does not answer"
        time.sleep(0.1)


# --- the figures -----------------------------------------------------------------------------------


def http_single(bench: Bench) -> Measured:
    return _in_turns(bench, "single")


def http_batch(bench: Bench) -> Measured:
    # Two requests under way: one is read while the other is written.
    return _in_turns(bench, "batch", count=40, connections=2, each=BATCH)


def hot_stream(bench: Bench) -> Measured:
    return _in_turns(bench, "hot")


def _in_turns(bench: Bench, what: str, count: int = MOST, connections: int = 64, each: int = 1) -> Measured:
    def ours(number: int) -> float:
        rate = server.drive(f"r{number}", what, count, connections=connections).rate * each
        followed(dsn)
        return rate

    with bench.database() as dsn, served(bench, dsn) as server:
        followed(dsn)
        return bench.in_turns(dsn, ours)


def sequential_p50_ms(bench: Bench) -> Measured:
    with bench.database() as dsn, served(bench, dsn) as server:
        values = []
        for number in range(bench.rounds):
            followed(dsn)
            latencies = server.drive(f"r{number}", "single", 400, connections=1, seconds=5).latencies
            values.append(statistics.median(latencies) * 1_000)
            say(f"{values[-1]:.2f} ms")
        return Measured(values=values)


def two_workers(bench: Bench) -> Measured:
    # Both servers stand side by side on databases alike, and are measured in turns.
    with (
        bench.database() as dsn,
        served(bench, dsn) as one,
        bench.database() as other,
        served(bench, other, workers=2) as two,
    ):
        values = []
        followed(dsn)
        for number in range(bench.rounds):
            followed(other)
            alone = one.drive(f"r{number}", "single").rate
            followed(dsn)
            both = two.drive(f"r{number}", "single").rate
            values.append(both / alone)
            say(f"one {alone:,.0f}   two {both:,.0f}   times {values[-1]:.2f}")
        return Measured(values=values)


# --- the clients alone -----------------------------------------------------------------------------


def load_generator(bench: Bench) -> Measured:
    """How many requests the clients send by themselves: a server near that would be held back by them."""
    port = free_port()
    trivial = get_context("spawn").Process(target=_answer_all, args=(port,), daemon=True)
    trivial.start()
    try:
        _wait_for(port, trivial.is_alive)
        with clients() as pool:
            values = []
            for number in range(bench.rounds):
                plan = Plan(
                    port=port, key="k" * 47, members=bench.members, run=f"r{number}", what="single", count=40_000
                )
                values.append(pool.submit(drive, plan).result().rate)
                say(f"{values[-1]:,.0f} requests/s")
            return Measured(values=values)
    finally:
        trivial.terminate()
        trivial.join(PATIENCE)


def _answer_all(port: int) -> None:
    workload.run(_answering(port))


async def _answering(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Trivial, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


class _Trivial(asyncio.Protocol):
    """Answers whatever comes with the same bytes, as long as an activity's answer."""

    _ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n" + b"x" * 900

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, _data: bytes) -> None:
        self._transport.write(self._ANSWER)
