"""Boards filled in parallel: the rows that following the log gives, by tasks that nobody outlives."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from multiprocessing import get_context
from uuid import UUID

import msgspec
import pytest

from application.fill import fill_all, fill_range
from application.follow import Overtaken, Placed, Rows
from application.replay import replay
from domain.log import Row
from projections import ANALYTICS
from projections.leaderboard_totals import Total
from projections.leaderboard_totals import add as add_totals
from projections.members import Member
from projections.rule_performance_daily import RulePerformance
from projections.rule_performance_daily import add as add_performance
from tests.projections.boards import House, house, interleaved, lives, write


@asynccontextmanager
async def _followed(url: str, rows: list[Row]) -> AsyncIterator[House]:
    """A log that was followed to its end."""
    async with house(url) as found:
        write(url, rows)
        await found.runner().catch_up()
        yield found


async def _rebuilt(found: House, executor: Executor) -> int:
    with executor:
        return await replay(
            found.boards,
            store=found.store,
            positions=found.positions,
            tables=found.tables,
            executor=executor,
            afresh=True,
        )


@pytest.mark.parametrize(
    "executor",
    [lambda: ThreadPoolExecutor(3), lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn"))],
    ids=["three threads", "two processes"],
)
def test_filled_equals_followed(database_url: str, executor: Callable[[], Executor]) -> None:
    rows = interleaved(lives(8))

    async def run() -> None:
        async with _followed(database_url, rows) as found:
            before = await found.tables.digests()
            assert await _rebuilt(found, executor()) == rows[-1].position
            assert await found.tables.digests() == before

    asyncio.run(run())


def test_streams_stay_whole_however_few_entries_are_held_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.fill.ENTRIES_AT_ONCE", 3)

    async def run() -> None:
        async with _followed(database_url, interleaved(lives(6))) as found:
            before = await found.tables.digests()
            await _rebuilt(found, ThreadPoolExecutor(1))
            assert await found.tables.digests() == before

    asyncio.run(run())


def test_where_an_entry_cannot_be_taken_it_is_parked_and_all_else_is_there(database_url: str) -> None:
    rows = interleaved(lives(4))
    bad = rows[len(rows) // 2]
    rows[rows.index(bad)] = msgspec.structs.replace(bad, state=b'{"of a newer": "code"}')

    async def run() -> None:
        async with _followed(database_url, rows) as found:
            before, parked = await found.tables.digests(), await found.positions.parked("analytics")
            assert parked[0] == (bad.stream, bad.position)
            assert await _rebuilt(found, ThreadPoolExecutor(2)) == rows[-1].position
            assert await found.positions.parked("analytics") == parked
            assert await found.tables.digests() == before

    asyncio.run(run())


def test_a_value_that_no_column_holds_is_parked_too(database_url: str) -> None:
    table = ANALYTICS.projections[0].table

    async def run() -> None:
        async with _followed(database_url, interleaved(lives(3))) as whole:
            first = msgspec.structs.replace(ANALYTICS.projections[0], apply=_too_long)
            boards = msgspec.structs.replace(ANALYTICS, projections=(first, *ANALYTICS.projections[1:]))
            async with house(database_url, boards) as found:
                await _rebuilt(found, ThreadPoolExecutor(2))
            assert await whole.rows(f"SELECT count(*) FROM analytics.{table.name}") == [(0,)]
            assert len(await whole.positions.parked("analytics")) > 3

    asyncio.run(run())


def _too_long(rows: Rows, at: Placed) -> None:
    ANALYTICS.projections[0].apply(rows, at)
    for key, row in rows.items():
        rows[key] = msgspec.structs.replace(row, version=2**70)


def test_what_tasks_left_behind_when_they_were_killed_is_made_again(database_url: str) -> None:
    async def run() -> None:
        async with _followed(database_url, interleaved(lives(5))) as found:
            before = await found.tables.digests()
            connect = await found.tables.create("analytics_next")
            fill_range(connect, found.boards, await found.positions.head(), 0, 2)
            await replay(found.boards, store=found.store, positions=found.positions, tables=found.tables)
            assert await found.tables.digests() == before

    asyncio.run(run())


def test_a_task_of_tables_that_are_gone_or_followed_writes_nothing(database_url: str) -> None:
    async def run() -> None:
        async with _followed(database_url, interleaved(lives(5))) as found:
            head = await found.positions.head()
            gone = await found.tables.create("analytics_next")
            connect = await found.tables.create("analytics_next")
            with pytest.raises(Overtaken):
                fill_range(gone, found.boards, head, 0, 1)
            with ThreadPoolExecutor(1) as executor:
                await fill_all(connect, found.boards, head, executor=executor, workers=1)
            async with found.positions.advance("analytics_next", found.boards.version, 0, head):
                pass
            with pytest.raises(Overtaken):
                fill_range(connect, found.boards, head, 0, 1)

    asyncio.run(run())


def test_tables_are_not_made_anew_while_a_task_fills_them(database_url: str) -> None:
    table = ANALYTICS.projections[0].table

    async def run() -> None:
        async with house(database_url) as found:
            connect = await found.tables.create("analytics_next")
            with connect() as filler:
                making = asyncio.create_task(found.tables.create("analytics_next"))
                async with asyncio.timeout(10):
                    while not await found.rows(_WAITS_FOR_A_LOCK):  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                filler.add(table, [_MEMBER])
                assert not making.done()
            await making
            assert await found.rows(f"SELECT count(*) FROM analytics_next.{table.name}") == [(0,)]

    asyncio.run(run())


_WAITS_FOR_A_LOCK = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_MEMBER = Member("main", UUID(int=1), "ann", "active", _NOON, None, None, 1, 1, _NOON)


def test_sums_that_were_made_apart_add_up() -> None:
    day, rule = date(2026, 1, 2), "base"
    one = RulePerformance("main", day, rule, 1, "points", 1, 0, 10, 10, 0, 2)
    other = RulePerformance("main", day, rule, 1, "points", 2, 1, 20, 15, 5, 0)
    assert add_performance(one, other) == RulePerformance("main", day, rule, 1, "points", 3, 1, 30, 25, 5, 2)
    assert add_totals(Total("main", "earners", "", "ever", 1, 5), Total("main", "earners", "", "ever", 2, -7)) == Total(
        "main", "earners", "", "ever", 3, -2
    )
