"""Who is a member, and since when? Without personal fields; an erased member has no id."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec.structs import replace

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.events import MemberChanged, MemberEnrolled, MemberErased, MemberMerged, MemberStatusChanged
from projections.columns import Position, Program, RecordedAt, Stream


class Member(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    member: Annotated[str | None, "The client's id of the member. Null once the member was erased."]
    status: Annotated[str, "active, suspended, closed, merged or erased, as the last status change says."]
    enrolled_at: Annotated[datetime, "When the member enrolled, in the world."]
    erased_at: Annotated[datetime | None, "When the member was erased, by the program's clock."]
    time_zone: Annotated[str | None, "The member's own time zone, if any."]
    version: Annotated[int, "Number of the entry that last changed this row."]
    position: Position
    recorded_at: RecordedAt
    merged_into: Annotated[UUID | None, "The stream of the member that this one was merged into."] = None


def reads(at: Placed) -> list[Key]:
    """The row, where the entry changes an existing member. Points move without changing this table."""
    changes = (MemberChanged, MemberStatusChanged, MemberErased, MemberMerged)
    return [(at.stream,)] if any(isinstance(event, changes) for event in at.entry.events) else []


def apply(rows: Rows, at: Placed) -> None:
    key = (at.stream,)
    for event in at.entry.events:
        match event:
            case MemberEnrolled():
                rows[key] = Member(
                    program=at.program,
                    stream=at.stream,
                    member=event.member,
                    status="active",
                    enrolled_at=event.enrolled_at,
                    erased_at=None,
                    time_zone=event.time_zone,
                    version=at.version,
                    position=at.position,
                    recorded_at=at.recorded_at,
                )
            case MemberChanged():
                if event.time_zone is not None:
                    rows[key] = _stamped(replace(rows[key], time_zone=event.time_zone), at)
            case MemberStatusChanged() if key in rows:
                rows[key] = _stamped(replace(rows[key], status=event.status), at)
            case MemberMerged() if key in rows:  # and not a household
                merged = replace(rows[key], status="merged", merged_into=UUID(event.into))
                rows[key] = _stamped(merged, at)
            case MemberErased():
                erased = replace(rows[key], member=None, status="erased", erased_at=at.recorded_at, time_zone=None)
                rows[key] = _stamped(erased, at)
            case _:
                pass


def _stamped(row: Member, at: Placed) -> Member:
    return replace(row, version=at.version, position=at.position, recorded_at=at.recorded_at)


MEMBERS = Projection(
    table=Table(
        name="members",
        comment="Members, one row each.",
        row=Member,
        key=("stream",),
        indexes=("(program, member)", "(program, enrolled_at)"),
    ),
    version=2,
    reads=reads,
    apply=apply,
)
