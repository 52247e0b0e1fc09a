"""What was redeemed, for how many points, for which order, and what became of it?"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.closing import first_key
from domain.member.commands import RedeemPoints, RedeemReward, ReturnRedemption
from domain.member.events import HoldConfirmed, HoldReleased, PointsHeld, PointsRedeemed, RedemptionReturned
from projections.columns import Currency, Position, Program, RecordedAt, Rulebook, Stream, Version


class Redemption(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    version: Version
    redemption: Annotated[str, "Id of the redemption; of one that a feed reported, the id of the activity."]
    source: Annotated[str | None, "Where a feed reported it from. Null: redeemed here."]
    order_source: Annotated[str | None, "Source of the order it paid for, if it named one."]
    order_id: Annotated[str | None, "Id of that order."]
    currency: Currency
    points: Annotated[int, "Points redeemed, what is owed included; of a hold, those held, then those confirmed."]
    debt: Annotated[int, "How many of them no lot could pay."]
    value_minor: Annotated[int | None, "What they were worth, in minor units of the program's money."]
    reward: Annotated[str | None, "The reward it was for. Null: points were spent for their own sake."]
    quantity: Annotated[int | None, "How many units of it."]
    returned: Annotated[int, "How many of them have come back since."]
    state: Annotated[
        Literal["held", "confirmed", "cancelled", "expired", "returned"],
        "confirmed: the points are spent. held: set aside, as of the last entry; cancelled or expired: they are free "
        "again. returned: all have come back.",
    ]
    redeemed_at: Annotated[datetime, "When they were spent or set aside: that is judged when it is recorded."]
    held_until: Annotated[datetime | None, "When the hold runs out, or would have. Null: spent at once."]
    recorded_at: RecordedAt
    rulebook: Rulebook
    position: Position


def reads(at: Placed) -> list[Key]:
    return [
        _key(at, event)
        for event in at.entry.events
        if isinstance(event, HoldConfirmed | HoldReleased | RedemptionReturned)
    ]


def _key(at: Placed, event: HoldConfirmed | HoldReleased | RedemptionReturned) -> Key:
    """The entry that redeemed: of this stream, or of that of a member which was merged into it since."""
    asked = at.entry.input
    if event.original < 0 and isinstance(asked, ReturnRedemption) and asked.origin:
        return (UUID(asked.origin), first_key(event.original))
    return (at.stream, event.original)


def apply(rows: Rows, at: Placed) -> None:
    """Version, position and time of a row are those of the entry that redeemed, or set aside."""
    for event in at.entry.events:
        match event:
            case PointsRedeemed() | PointsHeld():
                rows[(at.stream, at.entry.version)] = _made(at, event)
            case HoldConfirmed():
                key = _key(at, event)
                rows[key] = replace(rows[key], state="confirmed", points=event.points, value_minor=event.value_minor)
            case HoldReleased():
                key = _key(at, event)
                rows[key] = replace(rows[key], state="cancelled" if event.reason == "cancelled" else "expired")
            case RedemptionReturned():
                key = _key(at, event)
                returned = rows[key].returned + event.points
                rows[key] = replace(rows[key], returned=returned, state="returned" if event.complete else "confirmed")
            case _:
                pass


def _made(at: Placed, event: PointsRedeemed | PointsHeld) -> Redemption:
    entry = at.entry
    asked = entry.input if isinstance(entry.input, RedeemPoints | RedeemReward) else None
    spent = isinstance(event, PointsRedeemed)
    return Redemption(
        at.program,
        at.stream,
        entry.version,
        event.redemption,
        event.source if isinstance(event, PointsRedeemed) else None,
        asked.order_source if asked is not None else None,
        asked.order_id if asked is not None else None,
        event.currency,
        event.points,
        event.debt if isinstance(event, PointsRedeemed) else 0,
        event.value_minor,
        asked.terms.id if isinstance(asked, RedeemReward) else None,
        asked.quantity if isinstance(asked, RedeemReward) else None,
        0,
        "confirmed" if spent else "held",
        entry.recorded_at,
        event.ends_at if isinstance(event, PointsHeld) else None,
        entry.recorded_at,
        entry.pins.rulebook,
        at.position,
    )


REDEMPTIONS = Projection(
    table=Table(
        name="redemptions",
        comment="Points that were redeemed or set aside for it, one row per redemption.",
        row=Redemption,
        key=("stream", "version"),
        indexes=("(program, redeemed_at)",),
    ),
    version=4,
    reads=reads,
    apply=apply,
)
