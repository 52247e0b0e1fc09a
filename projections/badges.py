"""Which badge was granted to whom, when, and for which period? Those that were revoked are told apart."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec.structs import replace

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.events import BadgeGranted, BadgeRevoked
from projections.columns import Day, Position, Program, RecordedAt, Rulebook, Stream, Version


class Badge(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    badge: Annotated[str, "The badge, by its id in the rulebook."]
    period: Annotated[str, "Label of the period it was granted for, such as 2026-11; ever: for good."]
    granted_at: Annotated[datetime, "When the activity that brought it happened in the world."]
    day: Day
    revoked_at: Annotated[datetime | None, "When the return that took it away happened. Null: it is held."]
    version: Version
    rulebook: Rulebook
    position: Position
    recorded_at: RecordedAt


def reads(at: Placed) -> list[Key]:
    """The row, where it may be there already: granted once, revoked, granted again."""
    events = [event for event in at.entry.events if isinstance(event, BadgeGranted | BadgeRevoked)]
    return [(at.stream, event.badge, event.period) for event in events]


def apply(rows: Rows, at: Placed) -> None:
    for event in at.entry.events:
        if isinstance(event, BadgeGranted):
            rows[(at.stream, event.badge, event.period)] = Badge(
                at.program,
                at.stream,
                event.badge,
                event.period,
                event.at,
                date.fromordinal(event.day),
                None,
                at.entry.version,
                at.entry.pins.rulebook,
                at.position,
                at.entry.recorded_at,
            )
        elif isinstance(event, BadgeRevoked):
            key = (at.stream, event.badge, event.period)
            rows[key] = replace(rows[key], revoked_at=at.entry.at)


BADGES = Projection(
    table=Table(
        name="badges",
        comment="Badges that were granted, one row per member, badge and period.",
        row=Badge,
        key=("stream", "badge", "period"),
        indexes=("(program, badge, granted_at)",),
    ),
    version=1,
    apply=apply,
    reads=reads,
)
