"""Who had which rank when a board was closed? Frozen: what comes later changes nothing here."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.program.events import LeaderboardClosed
from projections.columns import Board, Leaderboard, Period, Position, Program, Stream


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    program: Program
    leaderboard: Leaderboard
    board: Board
    period: Period
    number: Annotated[int, "Number of the row on the board, from 1."]
    rank: Annotated[int, "The rank; several members may share one."]
    stream: Stream
    score: Annotated[int, "The score, as it was frozen."]
    tiebreak: Annotated[list[int], "Number of 1st places, of 2nd places, ...: what count-back compared."]
    reached_at: Annotated[datetime, "When the score became what it was, in the world."]
    members: Annotated[int, "Members on the whole board; the first of them are rows here."]
    digest: Annotated[str, "Digest of the whole board."]
    rulebook: Annotated[int, "Version of the rulebook whose prizes were paid."]
    closed_at: Annotated[datetime, "When it was closed, by the program's clock."]
    position: Position


def apply(rows: Rows, at: Placed) -> None:
    for event in at.entry.events:
        if isinstance(event, LeaderboardClosed):
            for number, row in enumerate(event.top, 1):
                rows.add(
                    Snapshot(
                        at.program,
                        event.leaderboard,
                        event.board,
                        event.period,
                        number,
                        row.rank,
                        UUID(row.member),
                        row.score,
                        list(row.tiebreak),
                        row.reached_at,
                        event.members,
                        event.digest,
                        event.rulebook,
                        event.closed_at,
                        at.position,
                    )
                )


LEADERBOARD_SNAPSHOTS = Projection(
    table=Table(
        name="leaderboard_snapshots",
        comment="Closed boards: the first rows of each, as prizes were paid.",
        row=Snapshot,
        key=("program", "leaderboard", "board", "period", "number"),
        indexes=("(stream)",),
    ),
    version=1,
    apply=apply,
    kind="program",
)
