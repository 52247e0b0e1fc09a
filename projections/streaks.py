"""How many periods in a row has each member come, how many at most, and until when did the run go on?"""

from datetime import date, datetime
from typing import Annotated

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.member.events import StreakMoved
from projections.columns import Position, Program, RecordedAt, Stream, Version


class Streak(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    streak: Annotated[str, "The streak, by its id in the rulebook."]
    current: Annotated[int, "Periods of the last run. Whether it is broken by now follows from last_period."]
    longest: Annotated[int, "Periods of the longest run there ever was."]
    previous: Annotated[int, "Periods of the run before the last one."]
    first_period: Annotated[date | None, "First local day of the period with which the last run began. Null: no run."]
    last_period: Annotated[date | None, "First local day of the last period of it. Null: there is no run."]
    moved_at: Annotated[datetime, "When what moved it happened in the world."]
    version: Version
    position: Position
    recorded_at: RecordedAt


def apply(rows: Rows, at: Placed) -> None:
    for event in at.entry.events:
        if isinstance(event, StreakMoved):
            rows[(at.stream, event.streak)] = Streak(
                at.program,
                at.stream,
                event.streak,
                event.current,
                event.longest,
                event.previous,
                date.fromordinal(event.first) if event.first else None,
                date.fromordinal(event.last) if event.last else None,
                at.entry.at,
                at.entry.version,
                at.position,
                at.entry.recorded_at,
            )


STREAKS = Projection(
    table=Table(
        name="streaks",
        comment="Each member's streaks as the last activity left them.",
        row=Streak,
        key=("stream", "streak"),
        indexes=("(program, streak, current)",),
        replaced=True,
    ),
    version=1,
    apply=apply,
)
