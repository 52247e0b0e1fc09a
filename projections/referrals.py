"""Who came with whose code, for which referrals, and how often did it count?"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec.structs import replace

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.commands import ReturnActivity
from domain.member.events import MemberAbsorbed, MemberReferred, ReferralConverted, ReferralReversed
from projections.columns import Position, Program, RecordedAt, Rulebook, Stream, Version


class Referral(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    owner: Annotated[UUID, "The stream of the member whose code it was."]
    code: Annotated[str, "The code."]
    referrals: Annotated[list[str], "The referrals it counts for, by their ids in the rulebook."]
    referred_at: Annotated[datetime, "When the code was used, in the world."]
    conversions: Annotated[int, "How often something the friend did has counted, less what was returned."]
    reversals: Annotated[int, "How often that was returned."]
    first_at: Annotated[datetime | None, "When what counted first happened. Null: nothing has yet."]
    rulebook: Rulebook
    version: Version
    position: Position
    recorded_at: RecordedAt


def reads(at: Placed) -> list[Key]:
    """The row of the friend for whom something counts: who is there already, and may have been merged since."""
    found: list[Key] = []
    for event in at.entry.events:
        match event:
            case ReferralConverted():
                found.append((at.stream,))
            case ReferralReversed():
                found.append(_friend(at, event))
            case MemberAbsorbed() if event.closing.referred is not None:
                found += [(at.stream,), (UUID(event.member),)]
            case _:
                pass
    return found


def _friend(at: Placed, event: ReferralReversed) -> Key:
    """Whose row it counted in: this member's, or that of one which was merged into it since."""
    asked = at.entry.input
    if event.conversion < 0 and isinstance(asked, ReturnActivity):
        return (UUID(asked.origin),)
    return (at.stream,)


def apply(rows: Rows, at: Placed) -> None:
    key = (at.stream,)
    for event in at.entry.events:
        match event:
            case MemberReferred():
                rows[key] = Referral(
                    program=at.program,
                    stream=at.stream,
                    owner=UUID(event.owner),
                    code=event.code,
                    referrals=list(event.referrals),
                    referred_at=event.at,
                    conversions=0,
                    reversals=0,
                    first_at=None,
                    rulebook=event.rulebook,
                    version=at.version,
                    position=at.position,
                    recorded_at=at.recorded_at,
                )
            case MemberAbsorbed() if event.closing.referred is not None and key not in rows:
                # Whoever was merged came with the code, and what the survivor does counts from now on.
                theirs: Referral = rows[(UUID(event.member),)]
                rows[key] = replace(
                    theirs,
                    stream=at.stream,
                    conversions=0,
                    reversals=0,
                    first_at=None,
                    version=at.version,
                    position=at.position,
                    recorded_at=at.recorded_at,
                )
            case ReferralConverted():
                row = rows[key]
                first = row.first_at if row.first_at is not None and row.first_at < event.at else event.at
                rows[key] = replace(row, conversions=row.conversions + 1, first_at=first)
            case ReferralReversed():
                friend = _friend(at, event)
                row = rows[friend]
                rows[friend] = replace(row, conversions=row.conversions - 1, reversals=row.reversals + 1)
            case _:
                pass


REFERRALS = Projection(
    table=Table(
        name="referrals",
        comment="Members who came with a code, one row each; version and position are those of its use.",
        row=Referral,
        key=("stream",),
        indexes=("(program, owner)", "(program, referred_at)"),
    ),
    version=2,
    apply=apply,
    reads=reads,
)
