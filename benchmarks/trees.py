"""What the tree of the log costs those who write: activities in process, with the tree following and without."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.wiring import wired
from application.trees import Gardener
from benchmarks import workload
from benchmarks.bench import Bench, say
from benchmarks.figures import Measured
from benchmarks.inprocess import ACTIVITIES, rate


def tree_follower(bench: Bench) -> Measured:
    with bench.database() as dsn:
        values = []
        for number in range(bench.rounds):
            # In turns first and last, for a log that grows is not the same twice.
            order = (False, True) if number % 2 else (True, False)
            found = {growing: _one(bench, dsn, number, growing=growing) for growing in order}
            values.append(found[True] / found[False])
            say(f"without {found[False]:,.0f}   with {found[True]:,.0f}   ratio {values[-1]:.3f}")
        return Measured(values=values)


def _one(bench: Bench, dsn: str, number: int, *, growing: bool) -> float:
    workload.run(_caught_up(dsn))
    if not growing:
        return workload.run(_rate(bench, dsn, f"a{number}"))
    with _gardener(dsn):
        return workload.run(_rate(bench, dsn, f"b{number}"))


async def _rate(bench: Bench, dsn: str, run: str) -> float:
    async with wired(workload.settings_of(dsn)) as parts:
        await rate(parts, f"warm{run}", 500 // bench.scale, bench.members)
        return await rate(parts, run, 2 * ACTIVITIES // bench.scale, bench.members)


async def _caught_up(dsn: str) -> None:
    async with wired(workload.settings_of(dsn)) as parts:
        await Gardener(parts.trees, parts.positions).catch_up()


@contextmanager
def _gardener(dsn: str) -> Iterator[None]:
    """A process that grows the trees, as the followers of a server do."""
    # Not one of multiprocessing: an application that stops ends all of those.
    with subprocess.Popen([sys.executable, "-m", "benchmarks.trees", dsn], cwd=Path(__file__).parent.parent) as process:
        try:
            yield
            assert process.poll() is None, "the gardener has ended"
        finally:
            process.terminate()


async def _growing(dsn: str) -> None:
    async with wired(workload.settings_of(dsn)) as parts:
        await Gardener(parts.trees, parts.positions).run()


if __name__ == "__main__":
    workload.run(_growing(sys.argv[1]))
