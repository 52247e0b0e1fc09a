"""A program with leaderboards, and the tables that its boards are read from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from application import activities, leaderboards
from application.answers import Answered
from application.follow import Projector, Runner
from application.leaderboard_closing import CloseBody, close, close_due
from application.leaderboards import Asked
from application.payloads import ActivityBody
from infrastructure.database import open_pool
from infrastructure.leaderboards import PostgresScores
from infrastructure.positions import PostgresPositions
from infrastructure.tables import PostgresTables
from projections import ANALYTICS
from tests.application.engine import PROGRAM, START, Engine, Json, opened, process

SCORES: Json = {
    "type": "object",
    "properties": {
        "points": {"type": "integer"},
        "board": {"type": "string"},
        "finish": {"type": ["integer", "null"]},
        "amount_minor": {"type": "integer"},
    },
}


def league(*, prizes: dict[int, int] | None = None, **more: Any) -> Json:
    """A rulebook with the leaderboard `season` over posted scores; `prizes` are points by rank."""
    board = {"score": "activity.points", "on": ["score.posted"], **more}
    won = [{"rank": rank, "currency": "points", "points": points} for rank, points in (prizes or {}).items()]
    if board.get("ties") == "count_back":
        board["count_back"] = ["activity.finish"]
    return {
        "currencies": {"points": {"expires": {"after": "P6M"}}},
        "activities": {"score.posted": {"data": SCORES}},
        "leaderboards": {"season": board | ({"prizes": won} if won else {})},
    }


class League:
    """One process: an engine, and the ports of the boards. Its tables follow the log when `caught_up` is called."""

    def __init__(
        self, engine: Engine, scores: PostgresScores, positions: PostgresPositions, tables: PostgresTables
    ) -> None:
        self.engine = engine
        self.handler = engine.handler
        self.scores = scores
        self.positions = positions
        self.tables = tables
        self._number = 0

    async def caught_up(self) -> None:
        await Runner(Projector(ANALYTICS, self.tables), self.handler.store, self.positions).catch_up()

    async def post(self, member: str, points: int, at: datetime | None = None, **data: Any) -> Answered:
        self._number += 1
        body = ActivityBody(
            id=data.pop("name", f"s{self._number}"),
            source="shop",
            type="score.posted",
            member=member,
            occurred_at=at or await self.engine.clock.now(PROGRAM),
            data={"points": points, **data},
        )
        return await activities.record(self.handler, PROGRAM, body, actor="test")

    async def read(self, board: str = "season", *, limit: int = 100, cursor: int = 0, **asked: Any) -> Json:
        await self.caught_up()
        what = Asked(board=board, **asked)
        return await leaderboards.read(self.handler, self.scores, PROGRAM, what, limit=limit, cursor=cursor)

    async def rows(self, board: str = "season", **asked: Any) -> list[tuple[int, str | None, int]]:
        """(rank, member, score) in the order of the board."""
        return [(row["rank"], row["member"], row["score"]) for row in (await self.read(board, **asked))["items"]]

    async def own(self, member: str, neighbours: int = 3, **asked: Any) -> Json:
        await self.caught_up()
        what = Asked(board=asked.pop("board", "season"), **asked)
        return await leaderboards.own(self.handler, self.scores, PROGRAM, what, member, neighbours=neighbours)

    async def close(
        self, board: str = "season", *, period: str | None = None, by: str | None = None, key: str | None = None
    ) -> Answered:
        await self.caught_up()
        body = CloseBody(period=period, by=by)
        return await close(self.handler, self.scores, PROGRAM, board, body, actor="test", key=key)

    async def sweep(self, *, follow: bool = True) -> int:
        if follow:
            await self.caught_up()
        now = await self.engine.clock.now(PROGRAM)
        return await close_due(self.handler, self.scores, self.positions, ANALYTICS.name, PROGRAM, now)

    async def available(self, *members: str) -> list[int]:
        return [await self.engine.available(member) for member in members]


@asynccontextmanager
async def playing(
    url: str, document: Json, *members: str, start: datetime = START, again: bool = False
) -> AsyncIterator[League]:
    """A league with these members; `again` joins one that is open, as another process."""
    opening = process(url) if again else opened(url, document, start=start)
    async with opening as engine, open_pool(url, 1, 6) as pool:
        tables = PostgresTables(ANALYTICS, pool)
        await tables.ensure()
        found = League(
            engine, PostgresScores(pool, ANALYTICS.name, ANALYTICS.name), PostgresPositions(url, pool), tables
        )
        for member in members:
            await engine.enrol(member)
        yield found
