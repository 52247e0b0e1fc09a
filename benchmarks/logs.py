"""What reads the log: followers, folds, and decisions made again. By two processes where the work can be shared."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from time import perf_counter
from uuid import UUID

from api.wiring import wired
from application.audit import verify
from application.follow import Boards, Projector, Runner
from benchmarks import workload
from benchmarks.bench import ROUNDS, Bench, say
from benchmarks.figures import Measured
from benchmarks.http import clients
from domain.log import decode, fold
from domain.member.commands import RecordActivity
from domain.member.state import Member
from infrastructure.row_reader import readers
from infrastructure.tables import PostgresTables
from projections.awards import AWARDS
from projections.balances import BALANCES
from projections.movements import MOVEMENTS

MEMBERS = 2_000
ACTIVITIES = 40_000
PROCESSES = 2
PARTS = 8
"""Ranges of members that a replay is cut into: more than processes, so that they end together."""


@contextmanager
def _log(bench: Bench) -> Iterator[str]:
    """A database whose log is mostly activities: twenty to a member."""
    with bench.database("logged", MEMBERS, ACTIVITIES) as dsn:
        yield dsn


def projection_catchup(bench: Bench) -> Measured:
    with _log(bench) as dsn:
        return Measured(values=[workload.run(_catch_up(dsn, number)) for number in range(ROUNDS)])


async def _catch_up(dsn: str, number: int) -> float:
    """Fill the three tables from the first entry; activities a second."""
    boards = Boards(name=f"bench_{number}", projections=(BALANCES, MOVEMENTS, AWARDS))
    async with wired(workload.settings_of(dsn)) as parts:
        tables = PostgresTables(boards, parts.pool)
        await tables.ensure()
        runner = Runner(Projector(boards, tables), parts.store, parts.positions)
        started = perf_counter()
        await runner.catch_up()
        rate = ACTIVITIES / (perf_counter() - started)
    say(f"{rate:,.0f} activities/s")
    return rate


def replay(bench: Bench) -> Measured:
    with _log(bench) as dsn, clients(PROCESSES) as pool:
        return Measured(values=[_replay(dsn, pool) for _ in range(ROUNDS + 1)][1:])


def _replay(dsn: str, pool: Executor) -> float:
    """Fold every member; activities a second."""
    started = perf_counter()
    activities = sum(pool.map(fold_range, [dsn] * PARTS, range(PARTS)))
    assert activities == ACTIVITIES, f"{activities} of {ACTIVITIES} activities were read"
    rate = activities / (perf_counter() - started)
    say(f"{rate:,.0f} activities/s")
    return rate


def fold_range(dsn: str, number: int) -> int:
    """Fold the members of one range of stream ids; how many activities they had."""
    first, last = 2**128 * number // PARTS, 2**128 * (number + 1) // PARTS - 1
    found, stream, member = 0, None, Member()
    with readers(dsn)() as reader:
        for row in reader.rows(workload.PROGRAM, UUID(int=first), UUID(int=last)):
            if row.kind != "member":
                continue
            if row.stream != stream:
                stream, member = row.stream, Member()
            entry = decode(row.state)
            fold(member, entry)
            found += isinstance(entry.input, RecordActivity)
    return found


def redecide(bench: Bench) -> Measured:
    """The whole of `audit verify`: digests, claims and heads as well."""
    with _log(bench) as dsn, clients(PROCESSES) as pool:
        return Measured(values=[_verify(dsn, pool) for _ in range(3 + 1)][1:])


def _verify(dsn: str, pool: Executor) -> float:
    started = perf_counter()
    tally = verify(readers(dsn), workload.PROGRAM, executor=pool)
    rate = ACTIVITIES / (perf_counter() - started)
    assert tally["first"] is None, tally["first"]
    assert tally["equal"] > ACTIVITIES
    say(f"{rate:,.0f} activities/s")
    return rate
