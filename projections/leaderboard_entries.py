"""Where does each member stand on each board, as of now?"""

from datetime import datetime
from typing import Annotated

import msgspec

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.events import ScoreCounted
from domain.member.results import results_of
from domain.rules.ranking import Result, Standing, add
from projections.columns import Board, Leaderboard, Period, Position, Program, RecordedAt, Stream


class Entry(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    leaderboard: Leaderboard
    board: Board
    period: Period
    score: Annotated[int, "The sum of the member's results."]
    tiebreak: Annotated[list[int], "Number of 1st places, of 2nd places, ...: what count-back compares."]
    moves: Annotated[int, "How many results changed the score."]
    reached_at: Annotated[datetime, "When the score became what it is, in the world; of none, the first result."]
    reached_position: Annotated[int, "Position of the entry that brought it there. Not part of digests."]
    position: Position
    recorded_at: RecordedAt


def reads(at: Placed) -> list[Key]:
    return [_key(at, event) for event in at.entry.events if isinstance(event, ScoreCounted)]


def apply(rows: Rows, at: Placed) -> None:
    for event, effective_at in results_of(at.entry):
        key = _key(at, event)
        row: Entry | None = rows.get(key)
        result = Result(at.stream, event.score, event.places, event.activity is not None, effective_at, at.position)
        now = add(_standing(row) if row is not None else None, result)
        rows[key] = Entry(
            at.program,
            at.stream,
            event.leaderboard,
            event.board,
            event.period,
            now.score,
            list(now.tiebreak),
            now.moves,
            now.reached_at,
            now.reached_position,
            at.position,
            at.entry.recorded_at,
        )


def _key(at: Placed, event: ScoreCounted) -> Key:
    return (at.stream, event.leaderboard, event.board, event.period)


def _standing(row: Entry) -> Standing:
    return Standing(row.stream, row.score, tuple(row.tiebreak), row.moves, row.reached_at, row.reached_position)


LEADERBOARD_ENTRIES = Projection(
    table=Table(
        name="leaderboard_entries",
        comment="Current standings: one row per member, leaderboard, board and period.",
        row=Entry,
        key=("stream", "leaderboard", "board", "period"),
        # The order of a board. Where places count, the rows of one score are sorted by them when they are read.
        indexes=("(program, leaderboard, board, period, score DESC, reached_at, reached_position)",),
    ),
    version=1,
    reads=reads,
    apply=apply,
)
