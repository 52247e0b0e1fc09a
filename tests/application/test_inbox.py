"""Who records what waits: in order, once, whoever dies or fails meanwhile."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from application import inbox
from application.answers import Answered
from application.attempts import TRIES
from application.draining import AT_ONCE, PAGE, PARKED_KEPT, RECORDED_KEPT, Drain, Due, Record, recording
from application.inbox import BUCKETS, Taken
from application.payloads import ActivityBody
from application.ports import Unavailable
from infrastructure.database import connect, open_pool
from infrastructure.inbox import PostgresInbox
from tests.application.engine import PROGRAM, START, Engine, opened, process


class House:
    """An engine with an inbox."""

    def __init__(self, engine: Engine, inbox: PostgresInbox) -> None:
        self.engine = engine
        self.inbox = inbox

    def drain(self, record: Record | None = None) -> Drain:
        return Drain(self.engine.handler, self.inbox, record)

    async def take(self, *names: str, member: str = "ann") -> None:
        bodies = [
            ActivityBody(
                id=name, source="shop", type="purchase", member=member, occurred_at=START, data={"amount_minor": 100}
            )
            for name in names
        ]
        taken = await inbox.take(
            self.engine.handler, self.inbox, PROGRAM, [(body, None) for body in bodies],
            actor="test", correlation=None, most=1_000_000,
        )  # fmt: skip
        assert all(isinstance(one, Taken) and one.ref is not None for one in taken)

    async def states(self) -> dict[str, tuple[str, str | None]]:
        found = dict[str, tuple[str, str | None]]()
        for state in ("waiting", "parked"):
            items = await inbox.listing(self.inbox, PROGRAM, state=state, code=None, member=None, after=0, limit=1000)
            found |= {
                one["id"]: (one["state"], one["problem"]["code"] if one["problem"] else None) for one in items["items"]
            }
        return found


@asynccontextmanager
async def house(database_url: str) -> AsyncIterator[House]:
    async with opened(database_url) as engine, open_pool(database_url, 1, 8) as pool:
        await engine.enrol()
        yield House(engine, PostgresInbox(database_url, pool))


def tell(database_url: str, story: Callable[[House], Awaitable[None]]) -> None:
    async def told() -> None:
        async with house(database_url) as found:
            await story(found)

    asyncio.run(told())


def test_each_members_activities_are_recorded_in_the_order_in_which_they_came(database_url: str) -> None:
    async def story(found: House) -> None:
        members = [f"m{i}" for i in range(20)]
        for member in members:
            await found.engine.enrol(member)
        for i in range(30):
            for member in members:
                await found.take(f"{member}-{i}", member=member)
        order = defaultdict[str, list[int]](list)
        record = recording(found.engine.handler)

        async def noting(program: str, body: ActivityBody, due: Due) -> Answered:
            done = await record(program, body, due)
            order[str(body.member)].append(done.position)
            member, _, number = body.id.partition("-")
            assert (member, int(number) + 1) == (body.member, len(order[member]))
            return done

        # Two processes at once.
        counts = await asyncio.gather(found.drain(noting).drain(), found.drain(noting).drain())
        assert sum(counts) == 600
        assert set(order) == set(members)
        for positions in order.values():
            assert positions == sorted(set(positions))
            assert len(positions) == 30
        assert await found.states() == {}

    tell(database_url, story)


def test_two_processes_never_work_on_the_same_bucket_and_no_more_than_some_at_once(database_url: str) -> None:
    async def story(found: House) -> None:
        for i in range(200):
            await found.engine.enrol(f"m{i}")
            await found.take(f"o{i}", member=f"m{i}")
        at_work: set[str] = set()
        most = 0
        record = recording(found.engine.handler)

        async def noting(program: str, body: ActivityBody, due: Due) -> Answered:
            nonlocal most
            assert due.lane not in at_work
            at_work.add(due.lane)
            most = max(most, len(at_work))
            await asyncio.sleep(0)
            try:
                return await record(program, body, due)
            finally:
                at_work.discard(due.lane)

        await asyncio.gather(*(found.drain(noting).drain() for _ in range(3)))
        assert await found.states() == {}
        assert 1 < most <= 3 * AT_ONCE

    tell(database_url, story)


def test_a_refusal_parks_one_and_those_behind_it_go_on(database_url: str) -> None:
    async def story(found: House) -> None:
        await found.take("a")
        await found.take("nobody", member="bob")
        await found.take("b")
        assert await found.drain().drain() == 3
        assert await found.states() == {"nobody": ("parked", "unknown-member")}
        assert await found.engine.available() == 2

    tell(database_url, story)


def test_one_that_breaks_is_tried_a_few_times_and_parked_as_broken(database_url: str) -> None:
    async def story(found: House) -> None:
        tried = 0
        record = recording(found.engine.handler)

        async def breaking(program: str, body: ActivityBody, due: Due) -> Answered:
            nonlocal tried
            if body.id == "poison":
                tried += 1
                raise RuntimeError("of its own making")
            return await record(program, body, due)

        await found.take("a", "poison", "b")
        assert await found.drain(breaking).drain() == 3
        assert tried == TRIES
        assert await found.states() == {"poison": ("parked", "internal")}
        assert await found.inbox.again(PROGRAM, refs=[], code="internal", lane=None) == 1
        assert await found.drain().drain() == 1
        assert await found.engine.available() == 3

    tell(database_url, story)


def test_a_database_that_is_away_parks_nothing_and_keeps_the_order(database_url: str) -> None:
    async def story(found: House) -> None:
        record, away, seen = recording(found.engine.handler), True, []

        async def sometimes(program: str, body: ActivityBody, due: Due) -> Answered:
            nonlocal away
            if body.id == "b" and away:
                away = False
                raise Unavailable("a moment")
            seen.append(body.id)
            return await record(program, body, due)

        await found.take("a", "b", "c")
        drain = found.drain(sometimes)
        try:
            await drain.drain()
        except Unavailable:
            assert seen == ["a"]
        assert await found.states() == {"b": ("waiting", None), "c": ("waiting", None)}
        assert await drain.drain() == 2
        assert seen == ["a", "b", "c"]

    tell(database_url, story)


def test_a_process_that_dies_before_it_notes_is_followed_by_another_and_nothing_counts_twice(database_url: str) -> None:
    async def story(found: House) -> None:
        class Dies(PostgresInbox):
            async def note(self, *_: object) -> None:
                raise asyncio.CancelledError

        await found.take(*(f"o{i}" for i in range(10)))
        dying = Drain(found.engine.handler, Dies(database_url, found.inbox._pool))
        with suppress(asyncio.CancelledError):
            await dying.drain()
        assert len(await found.states()) == 10
        async with process(database_url) as another, open_pool(database_url, 1, 4) as pool:
            assert await Drain(another.handler, PostgresInbox(database_url, pool)).drain() == 10
        assert await found.states() == {}
        assert await found.engine.available() == 10

    tell(database_url, story)


def test_a_lane_longer_than_a_page_is_recorded_page_by_page(database_url: str) -> None:
    async def story(found: House) -> None:
        await found.take(*(f"o{i}" for i in range(PAGE + 10)))
        assert await found.drain().drain() == PAGE + 10
        assert await found.engine.available() == PAGE + 10

    tell(database_url, story)


def test_how_much_waits_is_counted_while_it_is_little_and_about_right_when_it_is_much(database_url: str) -> None:
    async def story(found: House) -> None:
        def fill(first: int, last: int) -> None:
            with connect(database_url) as connection:
                connection.execute(
                    "INSERT INTO inbox (ref, program, bucket, lane, source, id, hash, actor, received_at)"
                    " SELECT gen_random_uuid(), 'main', hashint4(n) & %s, '', 's', n::text, '', '', now()"
                    " FROM generate_series(%s::int, %s::int) n",
                    (BUCKETS - 1, first, last),
                )

        fill(1, 9_999)
        assert await found.inbox._count() == 9_999
        fill(10_000, 60_000)
        assert 55_000 < await found.inbox._count() < 65_000
        with connect(database_url) as connection:
            connection.execute("UPDATE inbox SET state = 'recorded' WHERE id::int < 40000")
        assert 18_000 < await found.inbox._count() < 22_000

    tell(database_url, story)


def test_what_ended_is_removed_after_its_time(database_url: str) -> None:
    async def story(found: House) -> None:
        await found.take("recorded", "waits")
        await found.take("parked", member="bob")
        with connect(database_url) as connection:
            connection.execute("UPDATE inbox SET bucket = -1 WHERE id = 'waits'")
            await found.drain().drain()
            now = found.engine.handler.wall() + timedelta(minutes=1)

            def left() -> list[str]:
                return [name for (name,) in connection.execute("SELECT id FROM inbox ORDER BY id").fetchall()]

            await found.inbox.prune(now - RECORDED_KEPT, now - PARKED_KEPT)
            assert left() == ["parked", "recorded", "waits"]
            await found.inbox.prune(now, now - PARKED_KEPT)
            assert left() == ["parked", "waits"]
            await found.inbox.prune(now, now)
            assert left() == ["waits"]

    tell(database_url, story)
