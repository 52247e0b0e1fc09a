"""A log with members in it, and everything that follows it, for tests of the boards."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool

from application.follow import Boards, Placed, Projector, Runner, Transaction
from domain.log import Row
from domain.member.commands import EraseMember
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import PostgresPositions
from infrastructure.tables import PostgresTables
from projections import ANALYTICS
from tests.build import Stream, World, adjust, chained, enrol, per, points, purchase, redeem, refund, rulebook

TIERS = {
    "measure": "spend",
    "window": "calendar_year",
    "levels": [{"id": "silver", "at": 100_00}, {"id": "gold", "at": 300_00}],
}
POLICY = {"available": {"after": "PT48H"}, "expires": {"after": "PT720H"}}


def world() -> World:
    """Points wait two days and live thirty; a bonus is spendable at once, three times at most."""
    bonus = points(5, rule="bonus", available="at_once", cap=[{"per": "member", "period": "day", "points": 8}])
    return World(
        rulebook(per(100, 1), bonus, currency=POLICY, tiers=TIERS, leaderboards={"earners": {"period": "month"}})
    )


def lives(count: int = 6) -> list[Stream]:
    """Members to whom everything happens that a board knows of."""
    program = world()
    streams = []
    for number in range(1, count + 1):
        one = Stream(program, number=number)
        one.do(enrol(member=f"m{number}"), "2026-01-01")
        one.do(purchase(50_00 * number, "p1", at="2026-01-02"), "2026-01-02T12:01")
        one.do(purchase(10_00, "p2", at="2026-01-02"), "2026-01-05")
        one.do(redeem(20 + number, id="voucher"), "2026-01-06")
        one.do(refund(one, "p1", 20_00, at="2026-01-07"), "2026-01-08")
        one.do(adjust(-500, id="fraud", allow_negative=True), "2026-01-09")
        one.do(purchase(30_00, "p3", at="2026-01-10"), "2026-01-10")
        if number % 2:
            one.settle("2026-01-20")
        if number % 3 == 0:
            one.do(EraseMember(reason="asked"), "2026-01-21")
        one.do(adjust(600, id="sorry"), "2026-01-22") if number % 3 else None
        streams.append(one)
    return streams


def interleaved(streams: Sequence[Stream], first: int = 1) -> list[Row]:
    """The rows of the streams as if their members had come in turns, in order of position."""
    turns = sorted(
        (row for stream in streams for row in chained(stream.entries)), key=lambda row: (row.version, row.stream)
    )
    return [msgspec.structs.replace(row, position=number) for number, row in enumerate(turns, first)]


def write(url: str, rows: Iterable[Row]) -> None:
    """Put rows into the log, and say so."""
    with connect(url) as connection, connection.transaction():
        connection.cursor().executemany(
            "INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id, program,"
            " kind, recorded_at, digest, seal) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    row.stream, row.version, row.topic, row.state, row.position, row.program, row.kind,
                    row.recorded_at, row.digest, row.seal,
                )
                for row in rows
            ],
        )  # fmt: skip
        connection.execute("NOTIFY stored_events")


class House:
    """The ports over one database, and the live boards."""

    def __init__(self, url: str, pool: AsyncConnectionPool[Any], boards: Boards) -> None:
        self.url = url
        self.boards = boards
        self.store = PostgresEventStore(url, pool)
        self.positions = PostgresPositions(url, pool)
        self.tables = PostgresTables(boards, pool)
        self._pool = pool

    def projector(self) -> Projector:
        return Projector(self.boards, self.tables)

    def runner(self, batch: int = 5_000) -> Runner:
        return Runner(self.projector(), self.store, self.positions, batch)

    async def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as connection:
            found: list[tuple[Any, ...]] = await (await connection.execute(query, params or None)).fetchall()
            return found

    async def position(self, follower: str = "analytics") -> int:
        standing = await self.positions.standing(follower)
        assert standing is not None
        return standing.position


@asynccontextmanager
async def house(url: str, boards: Boards = ANALYTICS) -> AsyncIterator[House]:
    async with open_pool(url, 1, 8) as pool:
        found = House(url, pool, boards)
        await found.tables.ensure()
        yield found


class Choosy:
    """A follower that keeps the boards but cannot take some entries, until it is told that it can."""

    def __init__(self, projector: Projector, *bad: int) -> None:
        self._projector = projector
        self.bad = set(bad)
        self.name = projector.name
        self.version = projector.version

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None:
        await self._projector.take(batch, transaction)
        for one in batch:
            if one.position in self.bad:
                raise ValueError(f"cannot take {one.position}")
