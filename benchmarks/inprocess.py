"""Activities in process: the use case without HTTP."""

from time import perf_counter

from api.wiring import Wired, wired
from application import collector
from benchmarks import workload
from benchmarks.bench import Bench
from benchmarks.figures import Measured

ACTIVITIES = 5_000


def commands_inproc(bench: Bench) -> Measured:
    with bench.database() as dsn:
        return bench.in_turns(dsn, lambda number: workload.run(_round(dsn, number, bench.members)))


async def _round(dsn: str, number: int, members: int) -> float:
    async with wired(workload.settings_of(dsn)) as parts:
        # The first one loads the rules.
        for count in (1, 500):
            await rate(parts, f"warm{number}-{count}", count, members)
        return await rate(parts, f"r{number}", ACTIVITIES, members)


async def rate(parts: Wired, run: str, count: int, members: int, in_flight: int = workload.IN_FLIGHT) -> float:
    """Activities a second."""
    raw = [workload.purchase(run, number, members) for number in range(count)]
    # As a server does when it starts; the requests made beforehand are the harness's.
    collector.rest()
    started = perf_counter()
    await workload.side_by_side(count, lambda number: workload.record(parts, raw[number]), in_flight)
    return count / (perf_counter() - started)
