"""Who belongs to which household, who did, and since when?"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec.structs import replace

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.events import HouseholdJoined, HouseholdLeft
from projections.columns import Position, Program, RecordedAt, Stream


class HouseholdMember(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    household: Annotated[UUID, "The stream of the household that the member joined."]
    joined_at: Annotated[datetime, "When the member last joined it, by the program's clock."]
    left_at: Annotated[datetime | None, "When the member left it again. Null: belongs to it."]
    position: Position
    recorded_at: RecordedAt


def reads(at: Placed) -> list[Key]:
    """The row of the household that is joined, or left."""
    changes = (HouseholdJoined, HouseholdLeft)
    return [(at.stream, UUID(event.household)) for event in at.entry.events if isinstance(event, changes)]


def apply(rows: Rows, at: Placed) -> None:
    for event in at.entry.events:
        match event:
            case HouseholdJoined():
                household = UUID(event.household)
                rows[at.stream, household] = HouseholdMember(
                    program=at.program,
                    stream=at.stream,
                    household=household,
                    joined_at=at.recorded_at,
                    left_at=None,
                    position=at.position,
                    recorded_at=at.recorded_at,
                )
            case HouseholdLeft():
                key = (at.stream, UUID(event.household))
                rows[key] = replace(rows[key], left_at=at.recorded_at, position=at.position, recorded_at=at.recorded_at)
            case _:
                pass


HOUSEHOLD_MEMBERS = Projection(
    table=Table(
        name="household_members",
        comment="Members of households: one row for each household a member ever belonged to.",
        row=HouseholdMember,
        key=("stream", "household"),
        indexes=("(program, household) WHERE left_at IS NULL",),
    ),
    version=1,
    reads=reads,
    apply=apply,
)
