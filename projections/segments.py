"""Who is in which segment, who was, and since when?"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec.structs import replace

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.events import SegmentChanged
from projections.columns import Position, Program, RecordedAt, Rulebook, Stream


class SegmentMember(msgspec.Struct, frozen=True, gc=False):
    program: Program
    segment: Annotated[str, "The segment."]
    stream: Stream
    entered_at: Annotated[datetime, "When the member was last found to be in it."]
    left_at: Annotated[datetime | None, "When the member was found to be out of it again. Null: is in it."]
    rulebook: Rulebook
    recorded_at: RecordedAt
    position: Position


def reads(at: Placed) -> list[Key]:
    """The rows of the segments that were left, or come into: perhaps not for the first time."""
    return [(at.stream, event.segment) for event in at.entry.events if isinstance(event, SegmentChanged)]


def apply(rows: Rows, at: Placed) -> None:
    for event in at.entry.events:
        if not isinstance(event, SegmentChanged):
            continue
        key = (at.stream, event.segment)
        if event.inside:
            rows[key] = SegmentMember(
                program=at.program,
                segment=event.segment,
                stream=at.stream,
                entered_at=event.at,
                left_at=None,
                rulebook=event.rulebook,
                recorded_at=at.recorded_at,
                position=at.position,
            )
        else:
            rows[key] = replace(
                rows[key], left_at=event.at, rulebook=event.rulebook, recorded_at=at.recorded_at, position=at.position
            )


SEGMENTS = Projection(
    table=Table(
        name="segments",
        comment="Members of segments, as of the last entry of each: one row for each segment a member was ever in.",
        row=SegmentMember,
        key=("stream", "segment"),
        indexes=("(program, segment) WHERE left_at IS NULL",),
    ),
    version=2,
    reads=reads,
    apply=apply,
)
