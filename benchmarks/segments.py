"""Counting the members of a segment, in the table that the follower keeps."""

from time import perf_counter

from api.wiring import wired
from benchmarks import workload
from benchmarks.bench import Bench, say
from benchmarks.figures import Measured
from infrastructure.database import connect

MEMBERS = 1_000_000
_FILL = """
INSERT INTO analytics.segments (program, segment, stream, entered_at, left_at, rulebook, recorded_at, position)
SELECT 'bench', 'vip', md5(n::text)::uuid, now(), CASE WHEN n %% 4 = 0 THEN now() END, 1, now(), n
FROM generate_series(1, %s) n
"""


def segment_count(bench: Bench) -> Measured:
    """The slowest of a few counts a round: a million members were in it at some time, three in four are."""
    members = MEMBERS // bench.scale
    with bench.database() as dsn:
        with connect(dsn) as connection:
            connection.execute(_FILL, (members,))
            connection.execute("VACUUM ANALYZE analytics.segments")
        values = [workload.run(_slowest(dsn, members - members // 4)) for _ in range(bench.rounds)]
    return Measured(values=values)


async def _slowest(dsn: str, expected: int) -> float:
    times = []
    async with wired(workload.settings_of(dsn)) as parts:
        for _ in range(5):
            started = perf_counter()
            found = await parts.segments.count(workload.PROGRAM, "vip")
            times.append(perf_counter() - started)
            assert found == expected
    say(f"{max(times):.3f} s")
    return max(times)
