"""What the application may rely on of the store: each save is all or nothing, and answers for itself alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import psycopg_pool
import pytest

from application.ports import ClaimTaken, HeadMoved, Save, SaveRefused, TakeRefused, TimelineMoved, Unavailable
from domain.log import Claim, Entry, decode, encode, row_digest, row_seal
from domain.takes import Take
from infrastructure.database import open_pool
from infrastructure.event_store import PostgresEventStore
from tests.build import Stream, World, enrol, per, program_entries, purchase, rulebook, saves


@asynccontextmanager
async def opened(dsn: str, kind: type[PostgresEventStore] = PostgresEventStore) -> AsyncIterator[PostgresEventStore]:
    """A store over a program with one rulebook."""
    async with open_pool(dsn, 1, 8) as pool:
        store = kind(dsn, pool)
        await store.start()
        try:
            if await store.timeline("main") is None:
                for save in saves(WORLD, program_entries(WORLD)):
                    await store.append(save)
            yield store
        finally:
            await store.stop()


WORLD = World(rulebook(per(100, 1)))


def member(number: int, *more: Claim, takes: tuple[Take, ...] = ()) -> list[Save]:
    """A member's saves: enrolled, with what is asked for, then a purchase."""
    stream = Stream(WORLD, number=number)
    stream.do(enrol("2026-01-01", f"m{number}"), "2026-01-01", claims=(Claim("member", f"m{number}"), *more))
    stream.do(purchase(50_00), "2026-01-02", claims=(Claim("activity", f"p{number}"),))
    entries: list[Entry] = list(stream.entries)
    entries[0] = msgspec.structs.replace(entries[0], takes=takes)
    return saves(WORLD, entries)


def with_store(scenario: Callable[[PostgresEventStore], Awaitable[None]]) -> Callable[[str], None]:
    """A scenario with an open store, as a test."""

    def run(database_url: str) -> None:
        async def inside() -> None:
            async with opened(database_url) as store:
                await scenario(store)

        asyncio.run(inside())

    run.__doc__ = scenario.__doc__
    return run


def unclaimed(save: Save) -> Save:
    """The same save by somebody who makes no claims."""
    (row,) = save.rows
    entry = msgspec.structs.replace(row.entry, claims=())
    return msgspec.structs.replace(save, rows=(msgspec.structs.replace(row, entry=entry),), member_key=None)


async def outcomes(store: PostgresEventStore, todo: list[Save]) -> list[Any]:
    return await asyncio.gather(*(store.append(save) for save in todo), return_exceptions=True)


@with_store
async def test_what_was_appended_reads_back_in_order_with_its_chain(store: PostgresEventStore) -> None:
    first, second = member(1)
    (one,), (two,) = await store.append(first), await store.append(second)
    assert one < two
    rows = await store.rows(UUID(int=1))
    assert [(row.version, row.position, row.state) for row in rows] == [
        (1, one, first.rows[0].state), (2, two, second.rows[0].state)
    ]  # fmt: skip
    previous = bytes(32)
    for row in rows:
        entry = decode(row.state)
        assert encode(entry) == row.state
        previous = row_digest(
            previous, program="main", kind="member", stream=row.stream, version=row.version,
            recorded_at=entry.recorded_at, topic=row.topic, state=row.state,
        )  # fmt: skip
        assert (row.digest, row.seal, row.recorded_at) == (
            previous,
            row_seal(previous, row.position),
            entry.recorded_at,
        )
    found = await store.member("main", "m1")
    assert found is not None
    assert (found.row.version, found.row.position, found.row.digest) == (2, two, previous)


@with_store
async def test_a_moved_head_fails_that_save_alone(store: PostgresEventStore) -> None:
    first, second = member(1)
    others = [member(number)[0] for number in range(2, 12)]
    came = await outcomes(store, [first, *others[:5], unclaimed(first), second, unclaimed(second), *others[5:]])
    assert [type(one).__name__ for one in came if isinstance(one, Exception)] == ["HeadMoved", "HeadMoved"]
    assert isinstance(came[6], HeadMoved)
    assert isinstance(came[8], HeadMoved)
    assert len(await store.rows(UUID(int=1))) == 2


@with_store
async def test_a_gap_is_refused(store: PostgresEventStore) -> None:
    with pytest.raises(HeadMoved):
        await store.append(member(1)[1])


@with_store
async def test_a_key_is_claimed_once_and_whoever_comes_second_writes_nothing(store: PostgresEventStore) -> None:
    came = await outcomes(store, [member(number, Claim("email", "ann@"))[0] for number in range(1, 21)])
    assert sum(isinstance(one, tuple) for one in came) == 1
    refused = [one for one in came if isinstance(one, Exception)]
    assert all(isinstance(one, ClaimTaken) and (one.kind, one.key) == ("email", "ann@") for one in refused)
    held = await store.claim("main", "email", "ann@")
    assert held is not None
    assert [len(await store.rows(UUID(int=number))) for number in range(1, 21)].count(1) == 1
    assert len(await store.rows(held.stream)) == 1


@with_store
async def test_a_released_key_may_be_claimed_again(store: PostgresEventStore) -> None:
    first, second = member(1, Claim("email", "ann@"))
    await store.append(first)
    entry = msgspec.structs.replace(second.rows[0].entry, releases=(Claim("email", "ann@"),))
    await store.append(msgspec.structs.replace(second, rows=(msgspec.structs.replace(second.rows[0], entry=entry),)))
    assert await store.claim("main", "email", "ann@") is None
    await store.append(member(2, Claim("email", "ann@"))[0])
    held = await store.claim("main", "email", "ann@")
    assert held is not None
    assert held.stream == UUID(int=2)


@with_store
async def test_a_quantity_never_passes_its_ceiling_under_50_at_once(store: PostgresEventStore) -> None:
    cup = (Take("stock", "mug", 3, 40),)
    came = await outcomes(store, [member(number, takes=cup)[0] for number in range(1, 51)])
    assert sum(isinstance(one, tuple) for one in came) == 13
    assert sum(isinstance(one, TakeRefused) and one.key == "mug" for one in came) == 37


@with_store
async def test_what_is_given_back_is_taken_whatever_the_ceiling_has_become(store: PostgresEventStore) -> None:
    await store.append(member(1, takes=(Take("budget", "summer", 90, 100),))[0])
    lowered = Take("budget", "summer", 1, 50)
    with pytest.raises(TakeRefused):
        await store.append(member(2, takes=(lowered,))[0])
    await store.append(member(2, takes=(msgspec.structs.replace(lowered, amount=-30),))[0])
    assert await store.taken("main", [("budget", "summer"), ("budget", "winter")]) == {
        ("budget", "summer"): 60,
        ("budget", "winter"): 0,
    }
    with pytest.raises(TakeRefused):
        await store.append(member(3, takes=(Take("budget", "summer", -61, 50),))[0])


@with_store
async def test_two_rows_of_one_save_may_take_of_the_same_quantity(store: PostgresEventStore) -> None:
    one, other = (member(number, takes=(Take("stock", "mug", 2, 5),))[0] for number in (1, 2))
    both = msgspec.structs.replace(one, rows=(*one.rows, *other.rows), member_key=None)
    await store.append(both)
    assert await store.taken("main", [("stock", "mug")]) == {("stock", "mug"): 4}
    with pytest.raises(TakeRefused):
        await store.append(member(3, takes=(Take("stock", "mug", 2, 5),))[0])


@with_store
async def test_a_save_decided_under_an_older_timeline_is_refused(store: PostgresEventStore) -> None:
    late = msgspec.structs.replace(member(1)[0], timeline=0)
    with pytest.raises(TimelineMoved):
        await store.append(late)


@pytest.mark.parametrize("bad", ["nul", "long"])
def test_one_bad_save_does_not_hurt_those_of_its_batch(database_url: str, bad: str) -> None:
    key = "a\x00b" if bad == "nul" else "".join(chr(0x4E00 + n * 7 % 20_000) for n in range(4_000))

    async def run() -> None:
        async with opened(database_url) as store:
            good = [member(number)[0] for number in range(1, 30)]
            came = await outcomes(store, [*good[:10], member(99, Claim("x", key))[0], *good[10:]])
            assert isinstance(came.pop(10), psycopg.Error)
            assert all(isinstance(one, tuple) for one in came)
            assert await store.rows(UUID(int=99)) == []

    asyncio.run(run())


def test_two_stores_on_one_database_share_the_order_and_the_checks(database_url: str) -> None:
    async def run() -> None:
        async with opened(database_url) as one, opened(database_url) as other:
            todo = [member(number)[0] for number in range(1, 41)]
            came = await asyncio.gather(outcomes(one, todo), outcomes(other, list(reversed(todo))))
            won = [position for came_ in came for result in came_ if isinstance(result, tuple) for position in result]
            lost = [result for came_ in came for result in came_ if isinstance(result, Exception)]
            assert len(won) == len(set(won)) == len(lost) == 40
            assert all(isinstance(result, SaveRefused) for result in lost)

    asyncio.run(run())


def test_a_store_that_stops_answers_everyone_first(database_url: str) -> None:
    async def run() -> None:
        async with open_pool(database_url, 1, 4) as pool:
            store = PostgresEventStore(database_url, pool)
            await store.start()
            for save in saves(WORLD, program_entries(WORLD)):
                await store.append(save)
            waiting = [asyncio.create_task(store.append(member(number)[0])) for number in range(1, 20)]
            await asyncio.sleep(0)
            await store.stop()
            assert all(isinstance(one, tuple) for one in await asyncio.wait_for(asyncio.gather(*waiting), 10))

    asyncio.run(run())


# --- lost connections -----------------------------------------------------------------------------


class _Deaf:
    """A cursor that loses the answer to what was committed: everything arrives, nothing comes back."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def fetchall(self) -> Any:
        raise psycopg.OperationalError("the connection is lost")


class _LosesAnswers(PostgresEventStore):
    deaf = False

    def _cursor(self, connection: Any) -> Any:
        real = super()._cursor(connection)
        return _Deaf(real) if self.deaf else real


def test_a_save_whose_answer_was_lost_after_commit_is_known_to_be_stored(database_url: str) -> None:
    async def run() -> None:
        async with opened(database_url, _LosesAnswers) as store:
            assert isinstance(store, _LosesAnswers)
            taken = member(3)
            await store.append(taken[0])
            store.deaf = True
            came = await outcomes(store, [member(1)[0], member(2)[0], taken[0]])
            store.deaf = False
            for number, positions in ((1, came[0]), (2, came[1])):
                assert [(row.position,) for row in await store.rows(UUID(int=number))] == [positions]
            # The very row stands there already: it is this save's, whoever was told so first.
            assert [(row.position,) for row in await store.rows(UUID(int=3))] == [came[2]]

    asyncio.run(run())


class _Away:
    """A pool of connections to a database that is away: whoever asks for one has waited long by the time it says so."""

    def __init__(self) -> None:
        self.asked = 0

    def connection(self) -> Any:
        self.asked += 1
        raise psycopg_pool.PoolTimeout


def test_a_batch_whose_database_went_away_waits_for_it_once(database_url: str) -> None:
    """Waiting for each save on its own would keep the last of a large batch for minutes."""

    async def run() -> None:
        async with opened(database_url, _LosesAnswers) as store:
            assert isinstance(store, _LosesAnswers)
            pool, away = store._pool, _Away()
            store.deaf = True
            store._pool = away  # type: ignore[assignment]
            came = await outcomes(store, [member(number)[0] for number in range(1, 31)])
            store.deaf = False
            store._pool = pool
            assert all(isinstance(one, Unavailable) for one in came)
            assert away.asked == 1

    asyncio.run(run())


def test_writers_killed_around_their_commit_leave_no_doubt(database_url: str) -> None:
    async def run() -> None:
        async with (
            opened(database_url) as store,
            await psycopg.AsyncConnection.connect(database_url, autocommit=True) as killer,
        ):
            unavailable = killed = 0
            for round_ in range(25):
                numbers = range(100 * round_ + 1, 100 * round_ + 21)
                tasks = [asyncio.create_task(store.append(member(number)[0])) for number in numbers]
                while not all(task.done() for task in tasks):
                    # In odd rounds whenever, in even ones only inside a transaction.
                    found = await killer.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name = 'guerdon writer' AND datname = current_database()"
                        " AND (%s OR state <> 'idle')",
                        [round_ % 2 == 1],
                    )
                    if await found.fetchall():
                        killed += 1
                        break
                for number, came in zip(numbers, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
                    rows = await store.rows(UUID(int=number))
                    if isinstance(came, Unavailable):
                        unavailable += 1
                        assert rows == []
                        await store.append(member(number)[0])
                    else:
                        assert [(row.position,) for row in rows] == [came]
            assert killed > 10
            assert unavailable > 0

    asyncio.run(run())
