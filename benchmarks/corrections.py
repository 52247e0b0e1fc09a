"""A correction from its proposal to the last compensated member: history decided again, noted, approved, applied."""

from time import perf_counter

from api.wiring import wired
from application import corrections
from application.corrections import Asked, CorrectionBody, Found
from benchmarks import logs, workload
from benchmarks.bench import Bench, say
from benchmarks.figures import Measured
from benchmarks.http import clients
from infrastructure.row_reader import states
from infrastructure.zones import SystemZones

RANGES = 16


def correction(bench: Bench) -> Measured:
    """All purchases of a log under rules that grant twice as much; every member is compensated."""
    return Measured(values=[_round(bench) for _ in range(bench.rounds)])


def _round(bench: Bench) -> float:
    with logs.logged(bench) as dsn:
        activities = logs.activities(bench)
        asked = workload.run(_proposed(dsn))
        with clients(logs.PROCESSES) as pool:
            started = perf_counter()
            found = corrections.dry_run(
                states(dsn), asked, SystemZones().offset, executor=pool, of=RANGES
            )  # fmt: skip
            tried = perf_counter() - started
        changed = sum(len(one.rows) for one in found.members)
        assert changed == activities, f"{changed} of {activities} activities are corrected"
        applied = workload.run(_applied(dsn, asked, found))
        say(f"{len(found.members)} members: tried in {tried:.1f} s, applied in {applied:.1f} s")
        return activities / (tried + applied)


async def _proposed(dsn: str) -> Asked:
    async with wired(workload.settings_of(dsn)) as parts:
        body = CorrectionBody(reason="the wrong rate")
        return await corrections.propose(parts.handler, workload.PROGRAM, logs.doubled(), body, actor="key:one")


async def _applied(dsn: str, asked: Asked, found: Found) -> float:
    async with wired(workload.settings_of(dsn)) as parts:
        started = perf_counter()
        await corrections.note(parts.handler, asked.program, asked.correction, found, actor="key:one")
        await corrections.approved(parts.handler, asked.program, asked.correction, actor="key:two")
        done = await corrections.apply(parts.handler, asked.program, asked.correction)
        assert done == {"correction": asked.correction, "applied": len(found.members), "moved": 0}, done
        return perf_counter() - started
