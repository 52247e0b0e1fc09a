"""What did members do?"""

from datetime import date, datetime
from typing import Annotated

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.member.events import ActivityRecorded
from domain.member.movements import OWN_SOURCE
from projections.columns import Day, Position, Program, RecordedAt, Rulebook, Stream, Version


class Activity(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    version: Version
    source: Annotated[str, "Where it came from; guerdon for the engine's own, such as enrolling."]
    id: Annotated[str | None, "Its id at the source. Null for the engine's own, whose id is the member's."]
    type: Annotated[str, "What it was, by the rulebook's names."]
    occurred_at: Annotated[datetime, "When it happened in the world."]
    recorded_at: RecordedAt
    day: Day
    rulebook: Rulebook
    position: Position


def apply(rows: Rows, at: Placed) -> None:
    for event in at.entry.events:
        if isinstance(event, ActivityRecorded):
            rows.add(
                Activity(
                    at.program,
                    at.stream,
                    at.entry.version,
                    event.source,
                    event.id if event.source != OWN_SOURCE else None,
                    event.type,
                    event.occurred_at,
                    at.entry.recorded_at,
                    date.fromordinal(event.day),
                    at.entry.pins.rulebook,
                    at.position,
                )
            )


ACTIVITIES = Projection(
    table=Table(
        name="activities",
        comment="Activities that counted, one row each.",
        row=Activity,
        key=("stream", "version"),
        indexes=("(program, day)",),
    ),
    version=1,
    apply=apply,
)
