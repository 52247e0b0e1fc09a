"""The same work by others: saves appended, 64 in flight, on the same server.

A save of theirs is one event of about 300 bytes on a new stream. A save of ours is such an entry with its digest, a
claim and a state row.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

from api.wiring import wired
from application.ports import NewRow, NewState, Save
from benchmarks import workload
from benchmarks.bench import Bench, say
from benchmarks.figures import Measured
from domain.log import ENGINE, NO_DIGEST, TOPIC, Claim, Entry, Pins, encode, row_digest, stream_name
from domain.member.shape import SHAPE

IN_FLIGHT = 64
OURS = 6_000
THEIRS = 1_500
_PADDING = "x" * 150


def vs_eventsourcing(bench: Bench) -> Measured:
    with bench.database() as dsn:
        application = Application[UUID](env=_environment(dsn))
        try:
            return _in_turns(bench, dsn, lambda count: _theirs(application, count))
        finally:
            application.close()


def _in_turns(bench: Bench, dsn: str, theirs: Callable[[int], float]) -> Measured:
    values = []
    for _ in range(bench.rounds):
        they, we = theirs(THEIRS // bench.scale), workload.run(_ours(dsn, OURS // bench.scale))
        values.append(we / they)
        say(f"theirs {they:,.0f}   ours {we:,.0f}   times {values[-1]:.1f}")
    return Measured(values=values)


async def _ours(dsn: str, count: int) -> float:
    """Saves a second through the event store alone."""
    async with wired(workload.settings_of(dsn)) as parts:
        saves = [_save() for _ in range(count)]
        await parts.store.append(_save())
        started = perf_counter()
        await workload.side_by_side(count, lambda number: parts.store.append(saves[number]), IN_FLIGHT)
        return count / (perf_counter() - started)


def _save() -> Save:
    stream, now = uuid4(), datetime.now(UTC)
    entry = Entry(
        stream=stream_name(workload.PROGRAM, "member", stream),
        version=1,
        save=uuid4().hex,
        recorded_at=now,
        at=now,
        actor="bench",
        correlation=_PADDING,
        pins=Pins(engine=ENGINE),
        claims=(Claim("bench", stream.hex),),
    )
    state = encode(entry)
    place = {"program": workload.PROGRAM, "kind": "member", "stream": stream, "topic": TOPIC, "state": state}
    digest = row_digest(NO_DIGEST, version=1, recorded_at=now, **place)  # type: ignore[arg-type]
    row = NewRow(entry=entry, digest=digest, member_state=NewState(SHAPE, None, state), **place)  # type: ignore[arg-type]
    return Save(program=workload.PROGRAM, rows=(row,))


# --- the eventsourcing library's own application ---------------------------------------------------


class _Purchase(Aggregate):
    @event("Recorded")
    def __init__(self, note: str) -> None:
        self.note = note


def _environment(dsn: str) -> dict[str, str]:
    found = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(found["dbname"]),
        "POSTGRES_HOST": str(found["host"]),
        "POSTGRES_PORT": str(found["port"]),
        "POSTGRES_USER": str(found["user"]),
        "POSTGRES_PASSWORD": str(found.get("password") or ""),
    }


def _theirs(application: Application[UUID], count: int) -> float:
    """Saves a second, by as many threads as are in flight."""
    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        started = perf_counter()
        list(threads.map(lambda _: application.save(_Purchase(_PADDING)), range(count)))
        return count / (perf_counter() - started)


# --- stores for Node -------------------------------------------------------------------------------

PACKAGES = ("pg@8", "@event-driven-io/emmett@0.42", "@event-driven-io/emmett-postgresql@0.42", "@eventide/message-db@1")
SCRIPT = Path(__file__).with_name("others.mjs")


def node() -> bool:
    """Whether Node is here, with what installs its packages."""
    return bool(shutil.which("node") and shutil.which("npm"))


def vs_emmett(bench: Bench) -> Measured:
    return _by_node(bench, "emmett")


def vs_message_db(bench: Bench) -> Measured:
    return _by_node(bench, "message_db")


def _by_node(bench: Bench, which: str) -> Measured:
    with tempfile.TemporaryDirectory(prefix="guerdon-bench-node-") as folder, bench.database() as dsn:
        shutil.copy(SCRIPT, folder)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, *PACKAGES]
        subprocess.run(install, check=True, cwd=folder)
        found = conninfo_to_dict(dsn)
        place = {"host": found["host"], "port": int(str(found["port"])), "user": found["user"]}
        place["database"] = found["dbname"]

        def theirs(count: int) -> float:
            command = ["node", SCRIPT.name, which, json.dumps(place), str(count)]
            done = subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE, text=True)
            return float(done.stdout)

        return _in_turns(bench, dsn, theirs)
