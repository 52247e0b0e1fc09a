"""What is taken now and recorded later: how fast in, how fast out, what reads notice of it. And events to a broker."""

import tempfile
from pathlib import Path
from time import perf_counter, sleep

from api.wiring import Wired, wired
from application import collector, inbox
from application.broadcast import Broadcaster, begin, runner
from application.draining import Drain
from application.inbox import Taken
from benchmarks import workload
from benchmarks.bench import Bench, say
from benchmarks.figures import Measured, quantile
from benchmarks.http import served
from benchmarks.load import BATCH
from infrastructure.database import connect

BACKLOG = 20_000
FULL_BACKLOG = 1_000_000
READS = 200
"""Reads a second."""
SECONDS = 4.0


def _backlog(bench: Bench) -> int:
    return FULL_BACKLOG if bench.full else BACKLOG // bench.scale


async def _take(parts: Wired, run: str, count: int, members: int) -> float:
    """Put activities into the inbox, a thousand at a time; the seconds that takes."""
    from api.http.body import decode
    from application.payloads import ActivityBody

    raw = [workload.purchase(run, number, members) for number in range(count)]
    started = perf_counter()
    for first in range(0, count, BATCH):
        bodies = [(decode(one, ActivityBody), None) for one in raw[first : first + BATCH]]
        taken = await inbox.take(
            parts.handler, parts.inbox, workload.PROGRAM, bodies, actor="bench", correlation=None, most=10_000_000
        )
        assert all(isinstance(one, Taken) and one.ref is not None for one in taken)
    return perf_counter() - started


def inbox_take(bench: Bench) -> Measured:
    """A thousand at a time, read, sealed and committed."""
    with bench.database() as dsn:
        return Measured(values=[workload.run(_taken(dsn, number, bench)) for number in range(bench.rounds)])


async def _taken(dsn: str, number: int, bench: Bench) -> float:
    count = BACKLOG // bench.scale
    async with wired(workload.settings_of(dsn)) as parts:
        return count / await _take(parts, f"t{number}", count, bench.members)


def inbox_drain(bench: Bench) -> Measured:
    """By one process."""
    with bench.database() as dsn:
        return bench.in_turns(dsn, lambda number: workload.run(_drained(dsn, number, bench)))


async def _drained(dsn: str, number: int, bench: Bench) -> float:
    async with wired(workload.settings_of(dsn)) as parts:
        count = _backlog(bench)
        await _take(parts, f"d{number}", count, bench.members)
        collector.rest()
        started = perf_counter()
        done = await Drain(parts.handler, parts.inbox).drain()
        assert done == count, f"{done} of {count} were recorded"
        return count / (perf_counter() - started)


def inbox_read_p99_ms(bench: Bench) -> Measured:
    """Reads of members while the server's own process records a backlog that came over HTTP just before."""
    with bench.database() as dsn, served(bench, dsn) as server, connect(dsn) as connection:
        values = []
        for number in range(bench.rounds):
            server.drive(f"b{number}", "later", max(1, _backlog(bench) // BATCH), connections=2, seconds=600)
            reading = server.drive(f"w{number}", "read", seconds=SECONDS, rate=READS)
            values.append(quantile(reading.latencies, 0.99) * 1_000)
            left = connection.execute("SELECT count(*) FROM inbox WHERE state = 'waiting'").fetchone()
            say(f"{values[-1]:.1f} ms; {left} of {_backlog(bench):,} still waited at the end")
            while connection.execute("SELECT FROM inbox WHERE state = 'waiting' LIMIT 1").fetchone():
                sleep(0.2)
        return Measured(values=values)


def broker_events(bench: Bench) -> Measured:
    """Every event of a log to NATS JetStream, which syncs each write to the disk."""
    activities = BACKLOG // bench.scale
    with (
        bench.database("told", lambda dsn: workload.prepare(dsn, 2_000 // bench.scale, activities)) as dsn,
        tempfile.TemporaryDirectory(prefix="guerdon-bench-") as directory,
    ):
        from tests.brokers.servers import nats_server

        with nats_server(Path(directory)) as server:
            return Measured(values=[workload.run(_told(dsn, server.url, number)) for number in range(bench.rounds)])


async def _told(dsn: str, url: str, number: int) -> float:
    """Messages a second."""
    import nats

    from infrastructure.brokers.jetstream import JetStream

    async with wired(workload.settings_of(dsn)) as parts:
        name = f"bench{number}"
        broker = JetStream(url, name, name)
        await broker.start()
        try:
            await begin(name, parts.positions, at_the_end=False)
            sender = Broadcaster(name, broker, parts.webhooks, frozenset())
            started = perf_counter()
            await runner(sender, parts.store, parts.positions).catch_up()
            seconds = perf_counter() - started
            client = await nats.connect(url)
            told = await client.jetstream().stream_info(f"{name.upper()}_EVENTS")
            await client.close()
            return told.state.messages / seconds
        finally:
            await broker.stop()
