"""Which level did each member reach, lose or keep, when and why?"""

from datetime import datetime
from typing import Annotated

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.member.events import TierChanged, TierRenewed, TierRestated
from projections.columns import Position, Program, RecordedAt, Rulebook, Stream, Version


class TierChange(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    version: Version
    number: Annotated[int, "Number of the change in its entry, from 1."]
    tier_set: Annotated[str, "The set of tiers."]
    from_level: Annotated[str | None, "The level before. Null: below all levels."]
    to_level: Annotated[str | None, "The level after. Null: below all levels."]
    reason: Annotated[
        str,
        "reached, returned, review, edited, withdrawn, fell, or renewed where a review kept the level; restated where "
        "a late activity changed the path from then on.",
    ]
    evidence: Annotated[int, "The counter's value that decided; 0 where it was restated."]
    at: Annotated[datetime, "When it took effect in the world."]
    valid_until: Annotated[datetime | None, "When the level is reviewed next. Null: never."]
    rulebook: Rulebook
    recorded_at: RecordedAt
    position: Position


def apply(rows: Rows, at: Placed) -> None:
    number = 0
    for event in at.entry.events:
        if isinstance(event, TierChanged | TierRenewed | TierRestated):
            number += 1
            rows.add(
                TierChange(
                    program=at.program,
                    stream=at.stream,
                    version=at.version,
                    number=number,
                    tier_set=event.set,
                    from_level=event.level if isinstance(event, TierRenewed) else event.from_,
                    to_level=event.level if isinstance(event, TierRenewed) else event.to,
                    reason=_reason(event),
                    evidence=0 if isinstance(event, TierRestated) else event.evidence,
                    at=event.at,
                    valid_until=event.valid_until,
                    rulebook=event.rulebook,
                    recorded_at=at.recorded_at,
                    position=at.position,
                )
            )


def _reason(event: TierChanged | TierRenewed | TierRestated) -> str:
    if isinstance(event, TierChanged):
        return event.reason
    return "renewed" if isinstance(event, TierRenewed) else "restated"


TIER_HISTORY = Projection(
    table=Table(
        name="tier_history",
        comment="Every change and every renewal of a level.",
        row=TierChange,
        key=("stream", "version", "number"),
        indexes=("(program, tier_set, at)",),
    ),
    version=1,
    apply=apply,
)
