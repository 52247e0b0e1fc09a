"""What was redeemed, for how many points, and for which order?"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from application.follow import Placed, Projection, Rows, Table
from domain.member.commands import RedeemPoints
from domain.member.events import PointsRedeemed
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
    points: Annotated[int, "Points redeemed, what is owed included."]
    debt: Annotated[int, "How many of them no lot could pay."]
    value_minor: Annotated[int | None, "What they were worth, in minor units of the program's money."]
    state: Annotated[Literal["confirmed"], "confirmed: the points are spent."]
    redeemed_at: Annotated[datetime, "When it took effect: spending is judged when it is recorded."]
    recorded_at: RecordedAt
    rulebook: Rulebook
    position: Position


def apply(rows: Rows, at: Placed) -> None:
    entry = at.entry
    asked = entry.input if isinstance(entry.input, RedeemPoints) else None
    for event in entry.events:
        if isinstance(event, PointsRedeemed):
            rows.add(
                Redemption(
                    at.program,
                    at.stream,
                    entry.version,
                    event.redemption,
                    event.source,
                    asked.order_source if asked is not None else None,
                    asked.order_id if asked is not None else None,
                    event.currency,
                    event.points,
                    event.debt,
                    event.value_minor,
                    "confirmed",
                    entry.recorded_at,
                    entry.recorded_at,
                    entry.pins.rulebook,
                    at.position,
                )
            )


REDEMPTIONS = Projection(
    table=Table(
        name="redemptions",
        comment="Points that were redeemed, one row per redemption.",
        row=Redemption,
        key=("stream", "version"),
        indexes=("(program, redeemed_at)",),
    ),
    version=1,
    apply=apply,
)
