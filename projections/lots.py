"""Which lots of points were opened, what is left in each, and how did it end?"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from application.follow import Key, Placed, Projection, Rows, Table
from domain.member.closing import ClosedLot
from domain.member.commands import ApplyCorrection, PayPrize
from domain.member.correcting import correction_cause
from domain.member.events import (
    ActivityRecorded,
    AdjustmentReversed,
    Draw,
    HoldConfirmed,
    HoldReleased,
    LotActivated,
    LotExpired,
    LotsReinstated,
    LotsRescheduled,
    MemberAbsorbed,
    MemberMerged,
    OpenLot,
    Part,
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsGivenBack,
    PointsHeld,
    PointsReceived,
    PointsRedeemed,
    PointsSent,
    RedemptionReturned,
)
from domain.member.movements import REINSTATED, cause_of, occasion_cause
from domain.member.prizes import prize_cause
from domain.member.state import BY_HAND, TRANSFERRED
from projections.columns import Currency, Position, Program, RecordedAt, Rulebook, Stream, Version

State = Literal["pending", "open", "held", "spent", "expired", "returned"]


class Lot(msgspec.Struct, frozen=True, gc=False):
    program: Program
    stream: Stream
    lot: Annotated[str, "Id of the lot in its stream."]
    currency: Currency
    points: Annotated[int, "Points it was opened with, including what repaid debt at once."]
    remaining: Annotated[int, "Points left in it, as of the last entry that touched it."]
    state: Annotated[
        State,
        "pending or open while points remain; else what took the last of them: spent (a redemption, an adjustment, "
        "a transfer, a merge, a debt), expired, returned (a claw-back, a cancellation), or held (set aside for a "
        "redemption that is not confirmed yet). An open lot whose expires_at has passed waits to be swept.",
    ]
    occurred_at: Annotated[datetime, "When the points were earned, in the world."]
    available_at: Annotated[datetime | None, "From when on they can be spent. Null: waits for an action."]
    expires_at: Annotated[
        datetime | None, "From when on they cannot be spent any more, as last rescheduled. Null: never expires."
    ]
    cause: Annotated[
        str,
        "What opened it: source/id of the activity, or the id of the adjustment, transfer or merge, or of the "
        "redemption it came back of.",
    ]
    rule: Annotated[
        str | None,
        "The rule that granted the points. Null: an adjustment by hand, a transfer, or a redemption that was returned.",
    ]
    rulebook: Rulebook
    version: Version
    position: Position
    recorded_at: RecordedAt


def reads(at: Placed) -> list[Key]:
    keys: list[Key] = []
    for event in at.entry.events:
        match event:
            case LotActivated() | LotExpired():
                keys.append((at.stream, event.lot))
            case LotsRescheduled():
                keys += [(at.stream, lot) for lot in event.lots]
            case PointsRedeemed() | PointsAdjusted() | PointsHeld():
                keys += [(at.stream, draw.lot) for draw in event.draws]
            case MemberMerged():
                keys += [(at.stream, gone.lot) for gone in event.lots]
            case PointsSent():
                keys += [(at.stream, part.lot) for part in event.parts]
            case PointsGivenBack():
                keys += [(at.stream, one.lot) for one in event.lots]
                keys += [(at.stream, draw.lot) for draw in event.expired]
            case LotsReinstated():
                keys += [(at.stream, one.lot) for one in event.lots]
                keys += [(at.stream, draw.lot) for draw in event.repaid]
            case HoldConfirmed():
                keys += [(at.stream, draw.lot) for draw in (*event.draws, *_free(event))]
            case HoldReleased():
                keys += [(at.stream, draw.lot) for draw in _free(event)]
            case RedemptionReturned():
                keys += [(at.stream, lot.lot) for lot in event.lots]
                keys += [(at.stream, draw.lot) for draw in event.expired]
            case PointsClawedBack() | AdjustmentReversed():
                for draws in (event.from_pending, event.from_lots, event.from_other):
                    keys += [(at.stream, draw.lot) for draw in draws]
            case _:
                pass
    return keys


def apply(rows: Rows, at: Placed) -> None:
    """Version, position and time of a row are those of the entry that opened it."""
    entry = at.entry
    cause, earned_at = prize_cause(entry.input) if isinstance(entry.input, PayPrize) else "", entry.at
    if isinstance(entry.input, ApplyCorrection):
        cause = correction_cause(entry.input)
    for event in entry.events:
        match event:
            case ActivityRecorded():
                cause, earned_at = cause_of(event), event.occurred_at
            case PointsEarned():
                if event.points and event.occasion is not None:
                    when, why = event.occasion.at, occasion_cause(event.occasion)
                    rows[(at.stream, event.lot)] = _opened(at, event, event.lot, when, why, event.rule)
                elif event.points:
                    when = event.restated.at if event.restated is not None else earned_at
                    rows[(at.stream, event.lot)] = _opened(at, event, event.lot, when, cause, event.rule)
            case LotActivated():
                key = (at.stream, event.lot)
                rows[key] = replace(rows[key], state="open", available_at=event.at)
                _draw(rows, at, (Draw(event.lot, event.repaid),), "spent")
            case LotsRescheduled():
                for lot in event.lots:
                    rows[(at.stream, lot)] = replace(rows[(at.stream, lot)], expires_at=event.expires_at)
            case LotExpired():
                _draw(rows, at, (Draw(event.lot, event.points),), "expired")
            case LotsReinstated():
                for one in event.lots:
                    _reopen(rows, at, event.currency, REINSTATED, one)
                # What a member had that was merged into this one may never have stood here.
                known = tuple(draw for draw in event.repaid if (at.stream, draw.lot) in rows)
                _draw(rows, at, _nothing_of(known), "spent")
            case PointsRedeemed():
                _draw(rows, at, event.draws, "spent")
            case PointsHeld():
                _draw(rows, at, event.draws, "held")
            case HoldConfirmed():
                _draw(rows, at, _nothing_of(event.draws), "spent")
                _let_go(rows, at, event)
            case HoldReleased():
                _let_go(rows, at, event)
            case RedemptionReturned():
                _ended(rows, at, event.expired)
                for back in event.lots:
                    _came_back(rows, at, back, event)
            case PointsAdjusted():
                if event.points > 0 and event.lot is not None:
                    rows[(at.stream, event.lot)] = _opened(
                        at, event, event.lot, entry.recorded_at, event.adjustment, None
                    )
                _draw(rows, at, event.draws, "spent")
            case MemberMerged():
                _draw(rows, at, tuple(Draw(gone.lot, gone.points) for gone in event.lots), "spent")
            case MemberAbsorbed():
                for closed in event.closing.lots:
                    rows[(at.stream, closed.id)] = _taken_over(at, event, closed)
            case PointsSent():
                _draw(rows, at, event.parts, "spent")
            case PointsReceived():
                for part in event.parts:
                    rows[(at.stream, part.lot)] = _received(at, event, part)
            case PointsGivenBack():
                for one in event.lots:
                    _reopen(rows, at, event.currency, event.spend, one)
                _ended(rows, at, event.expired)
            case PointsClawedBack() | AdjustmentReversed():
                for draws in (event.from_pending, event.from_lots, event.from_other):
                    _draw(rows, at, draws, "returned")
            case _:
                pass


def _opened(
    at: Placed, event: PointsEarned | PointsAdjusted, lot: str, earned_at: datetime, cause: str, rule: str | None
) -> Lot:
    remaining = event.points - event.repaid
    occasion = event.occasion if isinstance(event, PointsEarned) else None
    own = occasion or (event.restated if isinstance(event, PointsEarned) else None)
    known_at = occasion.at if occasion is not None else at.entry.recorded_at
    spendable = event.available_at is not None and event.available_at <= known_at
    return Lot(
        at.program,
        at.stream,
        lot,
        event.currency,
        event.points,
        remaining,
        "spent" if remaining == 0 else "open" if spendable else "pending",
        earned_at,
        event.available_at,
        event.expires_at,
        cause,
        rule,
        own.rulebook if own is not None else at.entry.pins.rulebook,
        at.entry.version,
        at.position,
        at.entry.recorded_at,
    )


def _received(at: Placed, event: PointsReceived, part: Part) -> Lot:
    remaining = part.points - part.repaid
    return Lot(
        at.program,
        at.stream,
        part.lot,
        event.currency,
        part.points,
        remaining,
        "open" if remaining else "spent",
        at.entry.at,
        at.entry.at,
        part.expires_at,
        event.transfer,
        None,
        at.entry.pins.rulebook,
        at.entry.version,
        at.position,
        at.entry.recorded_at,
    )


def _taken_over(at: Placed, event: MemberAbsorbed, lot: ClosedLot) -> Lot:
    return Lot(
        at.program,
        at.stream,
        lot.id,
        lot.currency,
        lot.points,
        lot.remaining,
        "open" if lot.active else "pending",
        lot.occurred_at,
        lot.available_at,
        lot.expires_at,
        event.merge,
        None if lot.rule in (BY_HAND, TRANSFERRED) else lot.rule,
        lot.rulebook,
        at.entry.version,
        at.position,
        at.entry.recorded_at,
    )


def _reopen(rows: Rows, at: Placed, currency: str, cause: str, opened: OpenLot) -> None:
    """Points come back into a lot, or into a new one."""
    row: Lot | None = rows.get((at.stream, opened.lot))
    if row is None:
        row = Lot(
            at.program,
            at.stream,
            opened.lot,
            currency,
            opened.granted,
            0,
            "open",
            opened.occurred_at,
            opened.available_at,
            opened.expires_at,
            cause,
            opened.rule,
            opened.rulebook,
            at.entry.version,
            at.position,
            at.entry.recorded_at,
        )
    remaining = row.remaining + opened.points
    rows[(at.stream, opened.lot)] = replace(row, remaining=remaining, state="open", expires_at=opened.expires_at)


def _draw(rows: Rows, at: Placed, draws: tuple[Draw, ...] | tuple[Part, ...], ends_as: State) -> None:
    for draw in draws:
        row: Lot = rows[(at.stream, draw.lot)]
        remaining = row.remaining - draw.points
        # Parks this member's entries, not the program's: such an event could not have been decided.
        assert remaining >= 0, f"lot {draw.lot} below zero"
        rows[(at.stream, draw.lot)] = replace(row, remaining=remaining, state=row.state if remaining else ends_as)


def _ended(rows: Rows, at: Placed, draws: tuple[Draw, ...]) -> None:
    """Points came back to lots that had ended. One that was gone before its member was merged has no row here."""
    for draw in draws:
        row: Lot | None = rows.get((at.stream, draw.lot))
        if row is not None and not row.remaining:
            rows[(at.stream, draw.lot)] = replace(row, state="expired")


def _free(event: HoldConfirmed | HoldReleased) -> tuple[Draw, ...]:
    return (*event.released, *event.repaid, *event.expired)


def _let_go(rows: Rows, at: Placed, event: HoldConfirmed | HoldReleased) -> None:
    """What was held left its lots then, and comes back to them or not."""
    _draw(rows, at, _nothing_of(event.repaid), "spent")
    _draw(rows, at, _nothing_of(event.expired), "expired")
    for draw in event.released:
        row: Lot = rows[(at.stream, draw.lot)]
        rows[(at.stream, draw.lot)] = replace(row, remaining=row.remaining + draw.points, state="open")


def _nothing_of(draws: tuple[Draw, ...]) -> tuple[Draw, ...]:
    """No more points, but an empty lot's last ones went another way."""
    return tuple(Draw(draw.lot, 0) for draw in draws)


def _came_back(rows: Rows, at: Placed, back: OpenLot, event: RedemptionReturned) -> None:
    key = (at.stream, back.lot)
    if key in rows:
        row: Lot = rows[key]
        rows[key] = replace(row, remaining=row.remaining + back.points, state="open", expires_at=back.expires_at)
        return
    rows[key] = Lot(
        at.program,
        at.stream,
        back.lot,
        event.currency,
        back.granted,
        back.points,
        "open",
        back.occurred_at,
        back.available_at,
        back.expires_at,
        event.redemption,
        None,
        back.rulebook,
        at.entry.version,
        at.position,
        at.entry.recorded_at,
    )


LOTS = Projection(
    table=Table(
        name="lots",
        comment="Lots: points that came together and end together.",
        row=Lot,
        key=("stream", "lot"),
        indexes=("(program, expires_at) WHERE remaining > 0",),
    ),
    version=4,
    reads=reads,
    apply=apply,
)
