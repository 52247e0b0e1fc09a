"""Which offers was each member assigned, how far did it come, and was it completed?"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.closing import ClosedSlot
from domain.member.events import (
    CodeRedeemed,
    MemberAbsorbed,
    MemberMerged,
    OfferAssigned,
    OfferClosed,
    OfferCompleted,
    OfferProgressed,
    OfferReopened,
    OfferViewed,
    OfferWithdrawn,
    PointsEarned,
)
from projections.columns import Position, Program, RecordedAt, Rulebook, Stream, Version

State = Literal["open", "completed", "closed", "withdrawn", "merged"]


class OfferSlot(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    slot: Annotated[str, "Id of the slot in its stream: one assignment of the offer."]
    offer: Annotated[str, "The offer, by its id in the rulebook."]
    state: Annotated[
        State,
        "open; completed (also when its window is over); closed, when its window is over and it was not; withdrawn "
        "with the activity that it was assigned by; merged, when it went on at "
        "another member's. An open slot whose ends_at has passed waits to be swept.",
    ]
    assigned_at: Annotated[datetime, "From when on what happens counts for it."]
    ends_at: Annotated[datetime, "The last instant that counts for it, included."]
    viewed_at: Annotated[datetime | None, "When the member saw it first. Null: not known to have seen it."]
    progress: Annotated[int, "How far it has come towards its goal, less what returns took back."]
    completed_at: Annotated[datetime | None, "When what completed it happened. Null: it is not completed."]
    completions: Annotated[int, "How often it was completed, counting what was taken back later."]
    currency: Annotated[str | None, "The loyalty currency of what it gave. Null: it gave nothing."]
    points: Annotated[int, "What it gave in points, less the rewards of completions that returns took back."]
    uses: Annotated[int, "How often codes of its coupon were used."]
    rule: Annotated[str | None, "The rule that assigned it. Null: an operator or an activity did."]
    rulebook: Rulebook
    version: Version
    position: Position
    recorded_at: RecordedAt


def reads(at: Placed) -> list[Key]:
    keys: list[Key] = [
        (at.stream, slot) for event in at.entry.events if isinstance(event, MemberMerged) for slot in event.slots
    ]
    return keys + [
        (at.stream, event.slot)
        for event in at.entry.events
        if isinstance(
            event,
            OfferViewed
            | OfferProgressed
            | OfferCompleted
            | OfferReopened
            | OfferWithdrawn
            | OfferClosed
            | CodeRedeemed,
        )
    ]


def apply(rows: Rows, at: Placed) -> None:
    """Version, position and time of a row are those of the entry that opened it."""
    entry = at.entry
    given = {event.lot: event for event in entry.events if isinstance(event, PointsEarned)}
    for event in entry.events:
        if isinstance(event, OfferAssigned):
            rows[(at.stream, event.slot)] = _opened(at, event)
            continue
        if isinstance(event, MemberMerged):
            for name in event.slots:
                rows[(at.stream, name)] = replace(rows[(at.stream, name)], state="merged")
            continue
        if isinstance(event, MemberAbsorbed):
            for slot in event.closing.slots:
                rows[(at.stream, slot.id)] = _taken_over(at, slot, "open")
            for slot in event.closing.ended:
                rows[(at.stream, slot.id)] = _taken_over(at, slot, "closed")
            continue
        if not isinstance(
            event,
            OfferViewed
            | OfferProgressed
            | OfferCompleted
            | OfferReopened
            | OfferWithdrawn
            | OfferClosed
            | CodeRedeemed,
        ):
            continue
        row: OfferSlot = rows[(at.stream, event.slot)]
        match event:
            case OfferViewed():
                row = replace(row, viewed_at=event.at)
            case OfferProgressed():
                row = replace(row, progress=event.progress)
            case OfferCompleted():
                row = _given(row, given.get(event.lot))
                when = event.restated.at if event.restated is not None else entry.at
                row = replace(row, state="completed", completed_at=when, completions=row.completions + 1)
            case OfferReopened():
                # A slot that nothing but its goal gives for has no points without it.
                over = row.ends_at < entry.recorded_at
                row = replace(row, state="closed" if over else "open", completed_at=None, points=0)
            case OfferWithdrawn():
                row = replace(row, state="withdrawn")
            case OfferClosed():
                row = row if row.state == "completed" else replace(row, state="closed")
            case CodeRedeemed():
                row = replace(_given(row, given.get(event.lot)), uses=row.uses + 1)
        rows[(at.stream, event.slot)] = row


def _opened(at: Placed, event: OfferAssigned) -> OfferSlot:
    return OfferSlot(
        program=at.program,
        stream=at.stream,
        slot=event.slot,
        offer=event.offer,
        state="open",
        assigned_at=event.assigned_at,
        ends_at=event.ends_at,
        viewed_at=None,
        progress=0,
        completed_at=None,
        completions=0,
        currency=None,
        points=0,
        uses=0,
        rule=event.rule or None,
        rulebook=event.restated.rulebook if event.restated is not None else at.entry.pins.rulebook,
        version=at.version,
        position=at.position,
        recorded_at=at.recorded_at,
    )


def _taken_over(at: Placed, slot: ClosedSlot, state: State) -> OfferSlot:
    """A slot of a member that was merged into this one. What it gave stands in the row of that member."""
    return OfferSlot(
        program=at.program,
        stream=at.stream,
        slot=slot.id,
        offer=slot.offer,
        state="completed" if slot.completed else state,
        assigned_at=slot.assigned_at,
        ends_at=slot.ends_at,
        viewed_at=slot.viewed_at,
        progress=slot.progress,
        completed_at=slot.completed_at,
        completions=1 if slot.completed else 0,
        currency=None,
        points=0,
        uses=sum(slot.uses.values()),
        rule=None,
        rulebook=slot.rulebook,
        version=at.version,
        position=at.position,
        recorded_at=at.recorded_at,
    )


def _given(row: OfferSlot, award: PointsEarned | None) -> OfferSlot:
    return row if award is None else replace(row, currency=award.currency, points=row.points + award.points)


OFFER_PROGRESS = Projection(
    table=Table(
        name="offer_progress",
        comment="Slots of offers: every assignment, and what became of it.",
        row=OfferSlot,
        key=("stream", "slot"),
        indexes=("(program, offer, assigned_at)",),
    ),
    version=2,
    reads=reads,
    apply=apply,
)
