"""What has the owner of a code had for each thing a friend did, and what of it was taken back?"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec.structs import replace

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.commands import ReverseReferral
from domain.member.events import ReferralRewarded, ReferralTakenBack
from projections.columns import Position, Program, RecordedAt, Rulebook, Stream, Version


class Reward(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    friend: Annotated[UUID, "The friend's stream."]
    conversion: Annotated[int, "Number of the friend's entry that counted. The points are in awards, by this version."]
    referrals: Annotated[list[str], "The referrals it counted for."]
    state: Annotated[str, "rewarded, taken_back, or passed_over where the owner had left."]
    effective_at: Annotated[datetime, "When what the friend did happened in the world."]
    taken_back_at: Annotated[datetime | None, "When it was returned. Null: it was not."]
    rulebook: Rulebook
    version: Version
    position: Position
    recorded_at: RecordedAt


def reads(at: Placed) -> list[Key]:
    events = [event for event in at.entry.events if isinstance(event, ReferralTakenBack)]
    return [_key(at, event) for event in events]


def _key(at: Placed, event: ReferralTakenBack) -> Key:
    """What was granted: to this member, or to one that was merged into it since."""
    asked = at.entry.input
    stream = UUID(asked.origin) if isinstance(asked, ReverseReferral) and asked.origin else at.stream
    return (stream, UUID(event.friend), event.conversion)


def apply(rows: Rows, at: Placed) -> None:
    for event in at.entry.events:
        if isinstance(event, ReferralRewarded):
            rows[(at.stream, UUID(event.friend), event.conversion)] = Reward(
                at.program,
                at.stream,
                UUID(event.friend),
                event.conversion,
                list(event.referrals),
                "passed_over" if event.passed_over else "rewarded",
                at.entry.at,
                None,
                at.entry.pins.rulebook,
                at.version,
                at.position,
                at.recorded_at,
            )
        elif isinstance(event, ReferralTakenBack):
            key = _key(at, event)
            rows[key] = replace(rows[key], state="taken_back", taken_back_at=at.entry.at)


REFERRAL_REWARDS = Projection(
    table=Table(
        name="referral_rewards",
        comment="What friends have brought the owners of codes, one row per thing that counted.",
        row=Reward,
        key=("stream", "friend", "conversion"),
        indexes=("(program, effective_at)",),
    ),
    version=2,
    apply=apply,
    reads=reads,
)
