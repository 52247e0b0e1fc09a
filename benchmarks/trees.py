"""What the tree of the log costs those who write: activities in process, with the tree following and without."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.wiring import Wired, wired
from application.follow import wait_for
from application.trees import FOLLOWER, Gardener
from benchmarks import workload
from benchmarks.bench import Bench, say
from benchmarks.figures import Measured
from benchmarks.inprocess import ACTIVITIES, rate

TURNS = (True, False, False, True)
"""Of a round: short and in both orders, so that what else the machine does falls on both alike."""


def tree_follower(bench: Bench) -> Measured:
    with bench.database() as dsn, _gardener(dsn) as gardener:
        return workload.run(_rounds(bench, dsn, gardener))


async def _rounds(bench: Bench, dsn: str, gardener: "subprocess.Popen[bytes]") -> Measured:
    values = []
    async with wired(workload.settings_of(dsn)) as parts:
        await rate(parts, "warm", 1_000 // bench.scale, bench.members)
        for number in range(bench.rounds):
            seconds = {True: 0.0, False: 0.0}
            for turn, growing in enumerate(TURNS):
                seconds[growing] += await _turn(bench, parts, gardener, f"r{number}-{turn}", growing=growing)
            values.append(seconds[False] / seconds[True])
            say(f"without {seconds[False]:.2f} s   with {seconds[True]:.2f} s   ratio {values[-1]:.3f}")
    return Measured(values=values)


async def _turn(bench: Bench, parts: Wired, gardener: "subprocess.Popen[bytes]", run: str, *, growing: bool) -> float:
    """The seconds that some activities take. What was written before has grown already."""
    gardener.send_signal(signal.SIGCONT)
    await _followed(parts)
    if not growing:
        gardener.send_signal(signal.SIGSTOP)
    count = ACTIVITIES // 2 // bench.scale
    seconds = count / await rate(parts, run, count, bench.members)
    assert gardener.poll() is None, "the gardener has ended"
    return seconds


async def _followed(parts: Wired) -> None:
    assert await wait_for(parts.positions, [FOLLOWER], await parts.positions.head(), 60)


@contextmanager
def _gardener(dsn: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that grows the trees, as the followers of a server do."""
    # Not one of multiprocessing: an application that stops ends all of those.
    command = [sys.executable, "-m", "benchmarks.trees", dsn]
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent) as process:
        try:
            yield process
        finally:
            process.kill()


async def _growing(dsn: str) -> None:
    async with wired(workload.settings_of(dsn)) as parts:
        await Gardener(parts.trees, parts.positions).run()


if __name__ == "__main__":
    workload.run(_growing(sys.argv[1]))
