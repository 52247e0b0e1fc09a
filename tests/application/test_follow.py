"""Followers: every entry counts once, whoever runs, whatever dies, and whatever cannot be taken."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from application.follow import (
    OtherVersion,
    Overtaken,
    Placed,
    Runner,
    Transaction,
    retry_parked,
    wait_for,
)
from application.ports import Unavailable
from application.replay import keep, replay, stale
from infrastructure.database import connect
from projections import ANALYTICS
from tests.projections.boards import Choosy, House, house, interleaved, lives, write


class Diary:
    """A follower that remembers what it took, in memory that no transaction rolls back."""

    name = "diary"
    version = 1

    def __init__(self) -> None:
        self.took: list[int] = []

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None:
        self.took += [one.position for one in batch]


async def _expected(found: House) -> dict[str, str]:
    """The digests of boards made in one go."""
    await found.tables.create("analytics_whole")
    runner = Runner(_Whole(found), found.store, found.positions)
    await runner.catch_up()
    return await found.tables.digests("analytics_whole")


class _Whole:
    def __init__(self, found: House) -> None:
        self._projector = found.projector()
        self._projector.schema = "analytics_whole"
        self.name = "analytics_whole"
        self.version = found.boards.version

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None:
        await self._projector.take(batch, transaction)


def test_a_follower_reads_the_log_in_order_and_stands_at_its_end(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            rows = interleaved(lives(3))
            write(database_url, rows)
            await found.positions.register("diary", 1)
            diary = Diary()
            assert await Runner(diary, found.store, found.positions, batch=4).catch_up() == len(rows)
            assert diary.took == [row.position for row in rows]
            assert await found.position("diary") == rows[-1].position == await found.positions.head()

    asyncio.run(run())


def test_what_is_written_while_a_follower_runs_reaches_it_at_once(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            rows = interleaved(lives(2))
            write(database_url, rows[:5])
            running = asyncio.create_task(found.runner().run())
            assert await wait_for(found.positions, ["analytics"], rows[4].position, 5)
            assert not await wait_for(found.positions, ["analytics"], rows[5].position, 0.05)
            write(database_url, rows[5:])
            assert await wait_for(found.positions, ["analytics"], rows[-1].position, 5)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())


class Slow(Diary):
    """A follower that tells when it has begun a batch, and ends it when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None:
        self.begun.set()
        await self.may_end.wait()
        await super().take(batch, transaction)


def test_a_runner_that_is_told_to_stop_ends_the_batch_it_is_at_and_begins_no_other(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            rows = interleaved(lives(3))
            write(database_url, rows)
            await found.positions.register("diary", 1)
            slow = Slow()
            running = asyncio.create_task(Runner(slow, found.store, found.positions, batch=4).run())
            await slow.begun.wait()
            running.cancel()
            slow.may_end.set()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert slow.took == [row.position for row in rows[:4]]
            assert await found.position("diary") == rows[3].position

    asyncio.run(run())


def test_one_process_leads_and_the_next_takes_over(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            async with found.positions.leading("diary"):
                second = asyncio.create_task(_lead(found))
                await asyncio.sleep(0.05)
                assert not second.done()
            assert await asyncio.wait_for(second, 5)

    asyncio.run(run())


async def _lead(found: House) -> bool:
    async with found.positions.leading("diary"):
        return True


def test_two_runners_that_fight_count_every_entry_once(database_url: str) -> None:
    """The lock is only politeness: without it the position still cannot be moved twice."""

    async def fight(found: House) -> None:
        runner = found.runner(batch=3)
        while True:
            try:
                if not await runner.step():
                    return
            except Overtaken:
                continue

    async def run() -> None:
        async with house(database_url) as found:
            write(database_url, interleaved(lives(8)))
            await asyncio.gather(fight(found), fight(found), fight(found))
            assert await found.tables.digests() == await _expected(found)
            assert await found.positions.parked("analytics") == []

    asyncio.run(run())


class _Dies:
    """A follower whose process dies after its rows are written, before the commit."""

    def __init__(self, found: House, at: int) -> None:
        self._projector = found.projector()
        self._at = at
        self.name, self.version = self._projector.name, self._projector.version

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None:
        await self._projector.take(batch, transaction)
        if any(one.position == self._at for one in batch):
            await transaction.connection.close()


def test_a_death_between_rows_and_commit_leaves_nothing_of_the_batch(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            rows = interleaved(lives(4))
            write(database_url, rows)
            runner = Runner(_Dies(found, rows[10].position), found.store, found.positions, batch=5)
            with pytest.raises(Unavailable):
                await runner.catch_up()
            assert await found.position() == rows[9].position
            assert await found.positions.parked("analytics") == []
            await found.runner().catch_up()
            assert await found.tables.digests() == await _expected(found)

    asyncio.run(run())


def test_an_entry_that_cannot_be_taken_is_parked_with_what_follows_it_in_its_stream(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            rows = interleaved(lives(5))
            write(database_url, rows)
            victim = rows[12]
            choosy = Choosy(found.projector(), victim.position)
            await Runner(choosy, found.store, found.positions, batch=7).catch_up()
            later = [row.position for row in rows if row.stream == victim.stream and row.version >= victim.version]
            assert [position for _, position in await found.positions.parked("analytics")] == later
            ((error,), *_) = await found.rows("SELECT error FROM parked ORDER BY position")
            assert error == f"ValueError: cannot take {victim.position}"
            assert await found.position() == rows[-1].position

            assert await retry_parked(choosy, found.store, found.positions) == (0, len(later))
            choosy.bad.clear()
            assert await retry_parked(choosy, found.store, found.positions) == (len(later), 0)
            assert await found.tables.digests() == await _expected(found)

    asyncio.run(run())


def test_bytes_that_cannot_be_read_are_parked_and_the_rest_goes_on(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            rows = interleaved(lives(2))
            rows[6] = msgspec.structs.replace(rows[6], state=b'{"from": "the future"}')
            write(database_url, rows)
            await found.runner().catch_up()
            parked = await found.positions.parked("analytics")
            assert parked[0] == (rows[6].stream, rows[6].position)
            assert {stream for stream, _ in parked} == {rows[6].stream}

    asyncio.run(run())


def test_what_is_no_entrys_fault_parks_nothing(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            write(database_url, interleaved(lives(1)))
            with connect(database_url) as connection:
                connection.execute("ALTER TABLE analytics.lots RENAME TO elsewhere")
            with pytest.raises(Unavailable):
                await found.runner().catch_up()
            assert await found.positions.parked("analytics") == []
            assert await found.position() == 0

    asyncio.run(run())


def test_rebuilt_equals_incremental(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            rows = interleaved(lives(6))
            for first in range(0, len(rows), 11):
                write(database_url, rows[first : first + 11])
                await found.runner(batch=3).catch_up()
            before = await found.tables.digests()
            seen: list[tuple[int, int]] = []
            served = await replay(
                found.boards,
                store=found.store,
                positions=found.positions,
                tables=found.tables,
                progress=lambda done, total: seen.append((done, total)),
            )
            assert served == await found.position() == rows[-1].position
            assert seen[-1] == (served, served)
            assert await found.tables.digests() == before
            assert await found.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'analytics%'") == [
                ("analytics",)
            ]

    asyncio.run(run())


def test_the_boards_are_followed_and_read_while_they_are_rebuilt(database_url: str) -> None:
    async def read(found: House) -> None:
        while True:
            await found.rows("SELECT count(*) FROM analytics.movements")
            await asyncio.sleep(0)

    async def run() -> None:
        async with house(database_url) as found:
            rows = interleaved(lives(8))
            write(database_url, rows[:40])
            running = asyncio.create_task(found.runner(batch=2).run())
            reading = asyncio.create_task(read(found))
            for first in range(40, len(rows), 8):
                write(database_url, rows[first : first + 8])
                await replay(found.boards, store=found.store, positions=found.positions, tables=found.tables)
            assert await wait_for(found.positions, ["analytics"], rows[-1].position, 10)
            assert not reading.done()
            for task in (running, reading):
                task.cancel()
            await asyncio.gather(running, reading, return_exceptions=True)
            assert await found.positions.parked("analytics") == []
            assert await found.tables.digests() == await _expected(found)

    asyncio.run(run())


def test_a_rebuild_that_was_killed_goes_on_where_it_stood(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            rows = interleaved(lives(4))
            write(database_url, rows)
            await found.tables.create("analytics_next")
            half = Runner(_Next(found), found.store, found.positions, batch=10)
            await half.step()
            assert await found.position("analytics_next") == 10
            await replay(found.boards, store=found.store, positions=found.positions, tables=found.tables)
            assert await found.tables.digests() == await _expected(found)

    asyncio.run(run())


class _Next(_Whole):
    def __init__(self, found: House) -> None:
        super().__init__(found)
        self._projector.schema = self.name = "analytics_next"


def test_newer_code_rebuilds_and_older_code_stands_by(database_url: str) -> None:
    newer = msgspec.structs.replace(
        ANALYTICS,
        projections=(
            msgspec.structs.replace(ANALYTICS.projections[0], version=ANALYTICS.projections[0].version + 1),
            *ANALYTICS.projections[1:],
        ),
    )

    async def run() -> None:
        async with house(database_url) as old, house(database_url, newer) as new:
            rows = interleaved(lives(2))
            write(database_url, rows)
            await old.runner().catch_up()
            assert not await stale(ANALYTICS, old.positions)
            assert await stale(newer, new.positions)
            keeping = asyncio.create_task(keep(newer, store=new.store, positions=new.positions, tables=new.tables))
            async with asyncio.timeout(10):
                while await stale(newer, new.positions):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            with pytest.raises(OtherVersion):
                await old.runner().catch_up()
            with pytest.raises(OtherVersion):
                await replay(ANALYTICS, store=old.store, positions=old.positions, tables=old.tables)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(run())


def test_two_who_retry_at_once_take_each_entry_once(database_url: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            rows = interleaved(lives(3))
            write(database_url, rows)
            choosy = Choosy(found.projector(), rows[0].position, rows[4].position)
            await Runner(choosy, found.store, found.positions).catch_up()
            waiting = len(await found.positions.parked("analytics"))
            choosy.bad.clear()
            done = await asyncio.gather(*(retry_parked(choosy, found.store, found.positions) for _ in range(3)))
            assert sum(taken for taken, _ in done) == waiting
            assert await found.tables.digests() == await _expected(found)

    asyncio.run(run())
