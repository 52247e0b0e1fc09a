"""What becomes slower as things become more: a member's history, the log, the server's memory."""

import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter

import msgspec

from api.wiring import Wired, wired
from application import activities, members, points, rulebooks
from application.members import EnrolBody
from application.payloads import ActivityBody
from application.points import RedeemBody
from benchmarks import inprocess, logs, workload
from benchmarks.bench import Bench, followed, say
from benchmarks.figures import Measured
from benchmarks.http import Served, served
from benchmarks.load import BATCH
from infrastructure.database import connect
from infrastructure.migrate import migrate

# --- a member's history ----------------------------------------------------------------------------

HISTORY = "history"
YEARS = timedelta(days=3 * 365)
LENGTHS = (10, 100, 1_000)
LONG, SHORT = 10_000, LENGTHS[0]
LAST_DAY = 50
"""Purchases of the last day, two lots each: what is open at the end. All before were spent."""
EARNS = 20


def growth_history(bench: Bench) -> Measured:
    """The cost of an earn by a member with a long history, to one with a short one. One client, in process."""
    long = LONG // bench.scale
    lengths = (*(length for length in LENGTHS if length < long), long)
    values, curve = [], defaultdict[int, list[float]](list)
    for _ in range(bench.rounds):
        # A fresh copy each: what is earned while it is measured would be a longer history.
        with bench.database(HISTORY, lambda dsn: workload.run(_histories(dsn, lengths))) as dsn:
            cost = workload.run(_costs(dsn, lengths))
        values.append(cost[long] / cost[SHORT])
        for length, seconds in cost.items():
            curve[length].append(seconds * 1_000)
        say(f"{cost[SHORT] * 1_000:.2f} ms after {SHORT}, {cost[long] * 1_000:.2f} ms after {long:,}")
    return Measured(values=values, curve=curve, curve_unit="ms")


async def _histories(dsn: str, lengths: Iterable[int]) -> None:
    migrate(dsn)
    now = datetime.now(UTC)
    async with wired(workload.settings_of(dsn)) as parts:
        program = rulebooks.ProgramBody(id=HISTORY, sandbox=True, money="EUR", time_zone="Europe/Berlin")
        await rulebooks.create_program(parts.handler, program, actor="bench")
        await parts.clock.set(HISTORY, now - YEARS)
        await rulebooks.publish_document(
            parts.handler, HISTORY, workload.RULEBOOK, rulebooks.PublishBody(), actor="bench"
        )
        days = defaultdict[int, list[str]](list)
        for length in lengths:
            await members.enrol(parts.handler, HISTORY, EnrolBody(id=f"h{length}"), actor="bench")
            before = max(0, length - LAST_DAY)
            for number in range(before):
                days[YEARS.days * number // before].append(f"h{length}")
        for day in range(YEARS.days):
            at = now - YEARS + timedelta(days=day, hours=1)
            if days[day]:
                await parts.clock.set(HISTORY, at)
                await _buy_all(parts, days[day], str(day), at)
            if day % 7 == 6 or day == YEARS.days - 1:
                await _spend(parts, [f"h{length}" for length in lengths], day)
        last = now - timedelta(minutes=1)
        await parts.clock.set(HISTORY, last)
        for length in lengths:
            await _buy_all(parts, [f"h{length}"] * min(length, LAST_DAY), f"last-{length}", last)
    with connect(dsn) as connection:
        # From here on it is a program like any other, whose clock is the real one.
        connection.execute("UPDATE programs SET sandbox = false, clock = NULL WHERE id = %s", (HISTORY,))


async def _buy_all(parts: Wired, buyers: Sequence[str], name: str, at: datetime) -> None:
    await workload.side_by_side(len(buyers), lambda number: _buy(parts, buyers[number], f"{name}-{number}", at))


async def _buy(parts: Wired, member: str, name: str, at: datetime, amount: int = 4_550) -> None:
    raw = workload.purchase(name, 0, 1, member=member)
    body = msgspec.json.decode(raw, type=ActivityBody)
    body = msgspec.structs.replace(body, occurred_at=at, data=body.data | {"amount_minor": amount})
    await activities.record(parts.handler, HISTORY, body, actor="bench")


async def _spend(parts: Wired, whose: Iterable[str], day: int) -> None:
    for member in whose:
        shown = await members.read(parts.handler, HISTORY, member)
        available = shown["balances"].get("points", {}).get("available", 0)
        if available:
            body = RedeemBody(id=f"spent-{member}-{day}", member=member, currency="points", points=available)
            await points.redeem(parts.handler, HISTORY, body, actor="bench")


async def _costs(dsn: str, lengths: tuple[int, ...]) -> dict[int, float]:
    """By length of history, the median seconds of an earn. Members take turns."""
    times = defaultdict[int, list[float]](list)
    async with wired(workload.settings_of(dsn)) as parts:
        for number in range(3 + EARNS):
            for length in lengths:
                at = datetime.now(UTC) - timedelta(seconds=1)
                started = perf_counter()
                # So small a purchase opens one lot.
                await _buy(parts, f"h{length}", f"now-{length}-{number}", at, amount=150)
                times[length].append(perf_counter() - started)
    return {length: statistics.median(some[3:]) for length, some in times.items()}


# --- the log ---------------------------------------------------------------------------------------

LARGE = 10_000_000
_ROWS = "originator_id, originator_version, topic, state, program, kind, recorded_at, digest, seal"
_COPIES = (
    f"""INSERT INTO stored_events ({_ROWS})
        SELECT md5(originator_id::text || %(n)s)::uuid, originator_version, topic, state, program, kind, recorded_at,
               digest, seal
        FROM stored_events WHERE notification_id <= %(last)s AND kind = 'member'""",
    """INSERT INTO claims
       SELECT program, kind, key || '#' || %(n)s, md5(stream::text || %(n)s)::uuid, version, position, hash
       FROM claims WHERE position <= %(last)s AND key NOT LIKE '%%#%%'""",
    """INSERT INTO state_rows
       SELECT md5(stream::text || %(n)s)::uuid, program, 'copy', version, position, recorded_at, digest, shape,
              NULL, hot
       FROM state_rows WHERE position <= %(last)s AND kind = 'member'""",
)


def growth_log(bench: Bench) -> Measured:
    """Throughput on a large log to that on a small one, in turns. The large one is made of copies, in SQL."""
    with logs.logged(bench) as small, logs.logged(bench) as large:
        values, curve, done = [], dict[int, list[float]](), 0
        last, count = _extent(large)
        for entries in (LARGE // bench.scale // part for part in (100, 10, 1)):
            _copy(large, last, range(done, entries // count))
            done = entries // count
            curve[entries] = [workload.run(_rate(large, f"c{entries}", bench))]
            say(f"{curve[entries][0]:,.0f} at {entries:,} entries")
        for number in range(bench.rounds):
            empty = workload.run(_rate(small, f"g{number}", bench))
            full = workload.run(_rate(large, f"g{number}", bench))
            values.append(full / empty)
            say(f"{empty:,.0f} on a small log, {full:,.0f} on a large one")
        return Measured(values=values, curve=curve, curve_unit="activities/s")


def _extent(dsn: str) -> tuple[int, int]:
    """The last position of the log, and how many entries it has."""
    with connect(dsn) as connection:
        row = connection.execute("SELECT max(notification_id), count(*) FROM stored_events").fetchone()
    assert row is not None
    return row


def _copy(dsn: str, last: int, numbers: range) -> None:
    """Copy the members up to the position `last`, with what is kept beside the log, once for each number."""
    with connect(dsn) as connection:
        for number in numbers:
            for statement in _COPIES:
                connection.execute(statement, {"n": str(number), "last": last})
        connection.execute("VACUUM ANALYZE")
        # What was copied is written now, and not while something is measured.
        connection.execute("CHECKPOINT")


async def _rate(dsn: str, run: str, bench: Bench) -> float:
    async with wired(workload.settings_of(dsn)) as parts:
        for count in (1, 500):
            await inprocess.rate(parts, f"{run}-warm-{count}", count, logs.members(bench))
        return await inprocess.rate(parts, run, inprocess.ACTIVITIES, logs.members(bench))


# --- the server's memory ---------------------------------------------------------------------------


def memory_growth(bench: Bench) -> Measured:
    """Memory of a server and its followers at many activities, to that at fewer: all members were met by then."""
    many = 1_000_000 // bench.scale if bench.full else 3 * bench.members
    few = many // 10 if bench.full else bench.members
    with bench.database() as dsn, served(bench, dsn) as server:
        _send(server, "few", few)
        followed(dsn)
        before = resident(server.pid)
        _send(server, "many", many - few)
        followed(dsn)
        after = resident(server.pid)
        say(f"{before:,} kB after {few:,} activities, {after:,} kB after {many:,}")
        return Measured(values=[after / before], curve={few: [before / 1_024], many: [after / 1_024]}, curve_unit="MB")


def _send(server: Served, run: str, count: int) -> None:
    """By batches of a thousand, a few at a time: what is made beforehand takes memory too."""
    for number in range(0, count // BATCH, 20):
        some = min(20, count // BATCH - number)
        server.drive(f"{run}{number}", "batch", some, connections=2, seconds=600)


def resident(root: int) -> int:
    """Kilobytes of memory of a process and all that descend from it."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
    return below(root, [tuple(map(int, line.split())) for line in listed.stdout.splitlines()])


def below(root: int, processes: Iterable[tuple[int, ...]]) -> int:
    """The sum over a process and its descendants, of (process, parent, size)."""
    children, sizes = defaultdict[int, list[int]](list), {}
    for process, parent, size in processes:
        children[parent].append(process)
        sizes[process] = size
    found, waiting = 0, [root]
    while waiting:
        one = waiting.pop()
        found += sizes.get(one, 0)
        waiting += children[one]
    return found
