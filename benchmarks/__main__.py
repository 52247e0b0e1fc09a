"""How fast it is here: `make bench`, or `make bench FIGURES="commands_inproc http_single"`; `--full` for the long ones,
`--quick` to see that all of them run.

Each figure appends lines to results.jsonl; the table is printed at the end, and `python -m benchmarks.page` writes it
into docs/performance.md.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from benchmarks import (
    claims,
    corrections,
    growth,
    http,
    inbox,
    inprocess,
    logs,
    others,
    ranks,
    reading,
    rules,
    segments,
    trees,
)
from benchmarks.bench import Bench, opened, say
from benchmarks.figures import BY_KEY, FIGURES, Figure, Line, Measured, lines_of
from benchmarks.table import append, printed

MEASURES: dict[str, Callable[[Bench], Measured]] = {
    "commands_inproc": inprocess.commands_inproc,
    "http_single": http.http_single,
    "http_batch": http.http_batch,
    "sequential_p50_ms": http.sequential_p50_ms,
    "hot_stream": http.hot_stream,
    "claims": claims.claims,
    "returns": claims.returns,
    "read_p99_ms": reading.read_p99_ms,
    "own_rank_p99_ms": ranks.own_rank_p99_ms,
    "projection_catchup": logs.projection_catchup,
    "replay": logs.replay,
    "redecide": logs.redecide,
    "what_if": logs.what_if,
    "correction": corrections.correction,
    "rules_100": rules.rules_100,
    "segment_count": segments.segment_count,
    "tree_follower": trees.tree_follower,
    "inbox_take": inbox.inbox_take,
    "inbox_drain": inbox.inbox_drain,
    "inbox_read_p99_ms": inbox.inbox_read_p99_ms,
    "broker_events": inbox.broker_events,
    "two_workers": http.two_workers,
    "growth_history": growth.growth_history,
    "growth_log": growth.growth_log,
    "memory_growth": growth.memory_growth,
    "vs_eventsourcing": others.vs_eventsourcing,
    "vs_emmett": others.vs_emmett,
    "vs_message_db": others.vs_message_db,
    "load_generator": http.load_generator,
}


def main(arguments: list[str]) -> int:
    full = "--full" in arguments
    quick = "--quick" in arguments
    wanted = [name for name in arguments if not name.startswith("--")]
    unknown = [name for name in wanted if name not in MEASURES]
    if unknown:
        print(f"There is no figure {', '.join(unknown)}. There are: {' '.join(MEASURES)}", file=sys.stderr)
        return 2
    wanted = wanted or [figure.key for figure in FIGURES if here(figure, full=full)]
    began, found = perf_counter(), list[Line]()
    with opened(quick=quick, full=full) as bench:
        machine, commit = machine_of(bench.postgres), commit_of()
        print(f"{machine}; commit {commit}")
        for number, name in enumerate(wanted, start=1):
            say(f"[{number}/{len(wanted)}] {name}, after {perf_counter() - began:.0f} s")
            lines = lines_of(BY_KEY[name], MEASURES[name](bench), machine, commit)
            found.append(lines[0])
            if not quick:
                append(lines)
    print(printed(found))
    return 0


def here(figure: Figure, *, full: bool) -> bool:
    """Whether a figure is measured when none is asked for."""
    return (full or not figure.only_full) and (not figure.needs_node or others.node())


def machine_of(postgres: str) -> str:
    """What the figures depend on, without names or paths of this machine."""
    return ", ".join(
        [
            _processor(),
            f"{os.cpu_count()} cores",
            f"{platform.system()} {platform.release()}",
            f"Python {platform.python_version()}",
            postgres,
        ]
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def commit_of() -> str:
    """The commit that was measured, with a + when the tree has changes."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
