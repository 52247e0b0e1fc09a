"""One's own place among a million, while scores change."""

import asyncio
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from api.wiring import wired
from application import activities, rulebooks
from application.follow import Projector, Runner
from application.payloads import ActivityBody
from benchmarks import workload
from benchmarks.bench import Bench, say
from benchmarks.figures import Measured, quantile
from benchmarks.http import served
from infrastructure.database import connect

MEMBERS = 1_000_000
SCORES = 1_000
"""Scores a second that change meanwhile."""
READS = 100
"""Reads a second."""
SECONDS = 10.0
SPREAD = 100_000

RULES: dict[str, Any] = workload.RULEBOOK | {
    "activities": workload.RULEBOOK["activities"]
    | {"score.posted": {"data": {"properties": {"score": {"type": "integer"}}}}},
    "leaderboards": {workload.BOARD: {"score": "activity.score", "on": ["score.posted"]}},
}

# Each member that has a score is copied, with what a read of it needs, under another name and with another score.
_COPIES = (
    """INSERT INTO claims SELECT program, kind, key || '-' || n, md5(stream::text || n)::uuid, version, position, hash
       FROM claims, generate_series(1, %(copies)s) n
       WHERE program = %(program)s AND kind = 'member' AND key ~ '^m[0-9]+$'""",
    """INSERT INTO state_rows
       SELECT md5(stream::text || n)::uuid, program, kind, version, position, recorded_at, digest, shape, NULL, hot
       FROM state_rows, generate_series(1, %(copies)s) n WHERE program = %(program)s AND kind = 'member'""",
    """INSERT INTO analytics.leaderboard_entries
       SELECT program, md5(stream::text || n)::uuid, leaderboard, board, period, (score * 31 + n * 7919) %% %(spread)s,
              tiebreak, moves, reached_at, reached_position, position, recorded_at
       FROM analytics.leaderboard_entries, generate_series(1, %(copies)s) n""",
    "DELETE FROM analytics.leaderboard_counts",
    """INSERT INTO analytics.leaderboard_counts
       SELECT program, leaderboard, board, period, depth, score >> 8 * depth, count(*)
       FROM analytics.leaderboard_entries, generate_series(0, 7) depth GROUP BY 1, 2, 3, 4, 5, 6""",
)


def own_rank_p99_ms(bench: Bench) -> Measured:
    """Over HTTP, members at random; the scores are posted by another process, and follow into the tables meanwhile."""
    with bench.database() as dsn:
        workload.run(_scored(dsn, bench.members))
        copies = MEMBERS // bench.scale // bench.members
        with connect(dsn) as connection:
            for statement in _COPIES:
                connection.execute(statement, {"copies": copies - 1, "program": workload.PROGRAM, "spread": SPREAD})
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        with served(bench, dsn, processes=2) as server:
            values = []
            for number in range(bench.rounds):
                writing = server.clients.submit(_post, dsn, f"w{number}", bench.members)
                reading = server.start(f"r{number}", "own", copies=copies, seconds=SECONDS, rate=READS)
                values.append(quantile(reading.result().latencies, 0.99) * 1_000)
                say(f"{values[-1]:.1f} ms among {copies * bench.members:,}, at {writing.result():,.0f} scores/s")
            return Measured(values=values)


async def _scored(dsn: str, members: int) -> None:
    async with wired(workload.settings_of(dsn)) as parts:
        body = rulebooks.PublishBody()
        await rulebooks.publish_document(parts.handler, workload.PROGRAM, RULES, body, actor="bench")
        await workload.side_by_side(members, lambda number: _score(parts, "first", number, members))
        await Runner(Projector(parts.boards, parts.tables), parts.store, parts.positions).catch_up()


async def _score(parts: Any, run: str, number: int, members: int) -> None:
    body = ActivityBody(
        id=f"score-{run}-{number}",
        source="bench",
        type="score.posted",
        member=workload.member_of(number * 7_919 % members),
        occurred_at=datetime.now(UTC),
        data={"score": 1 + number * 104_729 % SPREAD},
    )
    await activities.record(parts.handler, workload.PROGRAM, body, actor="bench")


def _post(dsn: str, run: str, members: int) -> float:
    """Post scores on time for as long as others read; how many a second it were."""
    return workload.run(_on_time(dsn, run, members))


async def _on_time(dsn: str, run: str, members: int) -> float:
    async with wired(workload.settings_of(dsn)) as parts, asyncio.TaskGroup() as posting:
        started = perf_counter()
        count = int(SCORES * SECONDS)
        for number in range(count):
            early = started + number / SCORES - perf_counter()
            if early > 0:
                await asyncio.sleep(early)
            posting.create_task(_score(parts, run, number, members))
        return count / (perf_counter() - started)
