"""What reads the log: followers, folds, and decisions made again. By two processes where the work can be shared."""

import copy
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from api.wiring import wired
from application.audit import verify
from application.folding import fold_all
from application.follow import Boards, Projector, Runner
from application.what_if import Question, WhatIfBody, question
from application.what_if import what_if as try_it
from benchmarks import workload
from benchmarks.bench import Bench
from benchmarks.figures import Measured
from benchmarks.http import clients
from infrastructure.row_reader import readers, states
from infrastructure.tables import PostgresTables
from infrastructure.zones import SystemZones
from projections.awards import AWARDS
from projections.balances import BALANCES
from projections.movements import MOVEMENTS

MEMBERS = 2_000
ACTIVITIES = 40_000
PROCESSES = 2


@contextmanager
def logged(bench: Bench) -> Iterator[str]:
    """A database whose log is mostly activities: twenty to a member."""
    with bench.database("log", lambda dsn: workload.prepare(dsn, members(bench), activities(bench))) as dsn:
        yield dsn


def members(bench: Bench) -> int:
    return MEMBERS // bench.scale


def activities(bench: Bench) -> int:
    return ACTIVITIES // bench.scale


def projection_catchup(bench: Bench) -> Measured:
    with logged(bench) as dsn:
        return Measured(
            values=[activities(bench) / workload.run(_catch_up(dsn, number)) for number in range(bench.rounds)]
        )


async def _catch_up(dsn: str, number: int) -> float:
    """Fill the three tables from the first entry; the seconds it takes."""
    boards = Boards(name=f"bench_{number}", projections=(BALANCES, MOVEMENTS, AWARDS))
    async with wired(workload.settings_of(dsn)) as parts:
        tables = PostgresTables(boards, parts.pool)
        await tables.ensure()
        runner = Runner(Projector(boards, tables), parts.store, parts.positions)
        started = perf_counter()
        await runner.catch_up()
        return perf_counter() - started


def replay(bench: Bench) -> Measured:
    """The whole of `audit fold`, digests included."""
    with logged(bench) as dsn, clients(PROCESSES) as pool:
        count = activities(bench)
        entries = count + members(bench) + workload.HOT
        return Measured(values=[count / _replay(dsn, pool, entries) for _ in range(bench.rounds + 1)][1:])


def _replay(dsn: str, pool: Executor, expected: int) -> float:
    """The seconds it takes to fold every member."""
    started = perf_counter()
    folded = fold_all(states(dsn), workload.PROGRAM, executor=pool, workers=PROCESSES)
    seconds = perf_counter() - started
    # Each member was enrolled by an entry too, which is not counted as an activity.
    assert folded.entries == expected, f"{folded.entries} of {expected} entries were read"
    return seconds


def redecide(bench: Bench) -> Measured:
    """The whole of `audit verify`: digests, claims and heads as well."""
    with logged(bench) as dsn, clients(PROCESSES) as pool:
        return Measured(values=[activities(bench) / _verify(dsn, pool) for _ in range(bench.rounds + 1)][1:])


def _verify(dsn: str, pool: Executor) -> float:
    started = perf_counter()
    tally = verify(readers(dsn), workload.PROGRAM, executor=pool)
    assert tally["first"] is None, tally["first"]
    return perf_counter() - started


def what_if(bench: Bench) -> Measured:
    """The whole of `rules what-if`: every activity under a rulebook that grants twice as much, and what comes of it."""
    with logged(bench) as dsn:
        # Before there are processes: an application that is closed ends all that its process has started.
        asked = workload.run(_asked(dsn))
        with clients(PROCESSES) as pool:
            rounds = [activities(bench) / _try(dsn, pool, asked, bench) for _ in range(bench.rounds + 1)]
    return Measured(values=rounds[1:])


def doubled() -> dict[str, Any]:
    """Rules that grant twice as much; under them from the beginning, members get the lots that they began with."""
    document = copy.deepcopy(workload.RULEBOOK)
    document["rules"][0]["award"]["per"]["points"] *= 2
    document["rules"] += workload.OPENING["rules"]
    return document


async def _asked(dsn: str) -> Question:
    async with wired(workload.settings_of(dsn)) as parts:
        return await question(parts.handler, workload.PROGRAM, doubled(), WhatIfBody())


def _try(dsn: str, pool: Executor, asked: Question, bench: Bench) -> float:
    started = perf_counter()
    found = try_it(states(dsn), asked, SystemZones().offset, executor=pool, workers=PROCESSES)
    seconds = perf_counter() - started
    assert found.different == activities(bench), f"{found.different} activities came out otherwise"
    return seconds
