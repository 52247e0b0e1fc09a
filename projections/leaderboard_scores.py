"""Which results counted on which leaderboard? One row each: any board as of any moment is a sum of these."""

from datetime import date, datetime
from typing import Annotated

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.member.results import results_of
from projections.columns import Board, Day, Leaderboard, Period, Position, Program, RecordedAt, Stream, Version


class Score(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    version: Version
    number: Annotated[int, "Number of the result in its entry, from 1."]
    leaderboard: Leaderboard
    board: Board
    period: Period
    score: Annotated[int, "What it added. Negative: mostly what a return took back."]
    places: Annotated[list[int], "Places reached, for count-back."]
    taken_back: Annotated[bool, "Whether a return took score and places back, where its activity had counted."]
    effective_at: Annotated[datetime, "When the activity, or its return, happened in the world."]
    recorded_at: RecordedAt
    day: Day
    position: Position


def apply(rows: Rows, at: Placed) -> None:
    for number, (event, effective_at) in enumerate(results_of(at.entry), 1):
        rows.add(
            Score(
                at.program,
                at.stream,
                at.entry.version,
                number,
                event.leaderboard,
                event.board,
                event.period,
                event.score,
                list(event.places),
                event.activity is not None,
                effective_at,
                at.entry.recorded_at,
                date.fromordinal(event.day),
                at.position,
            )
        )


LEADERBOARD_SCORES = Projection(
    table=Table(
        name="leaderboard_scores",
        comment="Results that counted on leaderboards, one row each.",
        row=Score,
        key=("stream", "version", "number"),
        indexes=("(program, leaderboard, board, period, effective_at)",),
    ),
    version=1,
    apply=apply,
)
