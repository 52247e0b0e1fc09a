"""Which boards are there, in which periods, and how much was scored on each?"""

from typing import Annotated

import msgspec

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.events import ScoreCounted
from projections.columns import Board, Leaderboard, Period, Program, total


class Total(msgspec.Struct, frozen=True, gc=False):
    program: Program
    leaderboard: Leaderboard
    board: Board
    period: Period
    results: Annotated[int, "Results that counted, what returns took back included."]
    score: Annotated[int, "The sum of all scores."]


def reads(at: Placed) -> list[Key]:
    return [_key(at, event) for event in at.entry.events if isinstance(event, ScoreCounted)]


def apply(rows: Rows, at: Placed) -> None:
    """Sums over all members: the order of streams makes no difference."""
    for event in at.entry.events:
        if isinstance(event, ScoreCounted):
            key = _key(at, event)
            row: Total = rows.get(key) or Total(at.program, event.leaderboard, event.board, event.period, 0, 0)
            rows[key] = msgspec.structs.replace(row, results=row.results + 1, score=total(row.score, event.score))


def add(one: Total, other: Total) -> Total:
    return msgspec.structs.replace(one, results=one.results + other.results, score=total(one.score, other.score))


def _key(at: Placed, event: ScoreCounted) -> Key:
    return (at.program, event.leaderboard, event.board, event.period)


LEADERBOARD_TOTALS = Projection(
    table=Table(
        name="leaderboard_totals",
        comment="Boards and periods that have results, with their totals.",
        row=Total,
        key=("program", "leaderboard", "board", "period"),
        indexes=("(program, board)",),
    ),
    version=1,
    reads=reads,
    apply=apply,
    sum=add,
)
