"""What decisions ask of the member's own stream: lots that are gone, and what was paid, adjusted or received.

Of everything in it but what `domain/redecide.py` knows of activities.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec.structs import replace

from domain.log import Entry
from domain.member.commands import RedeemPoints
from domain.member.draft import PastLot, Spend
from domain.member.events import (
    AdjustmentReversed,
    Draw,
    LotActivated,
    LotExpired,
    LotsReinstated,
    LotsRescheduled,
    MemberEventUnion,
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsGivenBack,
    PointsReceived,
    PointsRedeemed,
    PointsSent,
)
from domain.member.state import BY_HAND, lot_of, reopened


def lots_ever(entries: Iterable[Entry]) -> dict[str, PastLot]:
    """Every lot that there ever was. What was emptied keeps the end that it had then."""
    found: dict[str, PastLot] = {}
    for entry in entries:
        for event in entry.events:
            match event:
                case PointsEarned() if event.points:
                    found[event.lot] = PastLot(lot_of(event, event.points, event.rule, entry.stamp))
                case PointsAdjusted() if event.lot is not None:
                    found[event.lot] = PastLot(lot_of(event, event.points, BY_HAND, entry.stamp))
                case PointsReceived() | PointsGivenBack() | LotsReinstated():
                    for one in event.lots:
                        past = found.get(one.lot, PastLot(reopened(one, event.currency)))
                        lot = replace(past.lot, expires_at=one.expires_at, idle=one.idle)
                        found[one.lot] = replace(past, lot=lot)
                case LotActivated():
                    past = found[event.lot]
                    found[event.lot] = replace(past, lot=replace(past.lot, active=True, available_at=event.at))
                case LotsRescheduled():
                    for name in event.lots:
                        idle = found[name].lot.idle if event.reason == "activity" else event.idle
                        moved = replace(found[name].lot, expires_at=event.expires_at, idle=idle)
                        found[name] = replace(found[name], lot=moved)
                case _:
                    pass
            for name, points, at in expiries(event):
                past = found[name]
                found[name] = replace(past, expired=past.expired + points, ended=at or past.ended)
    return found


def expiries(event: object) -> Iterator[tuple[str, int, datetime | None]]:
    """By lot: how much more (or less) of it is gone by an event because it had ended, and when it ended."""
    match event:
        case LotExpired():
            yield event.lot, event.points, event.at
        case PointsClawedBack() | AdjustmentReversed() if event.expired:
            yield event.lot, -event.expired, None
        case LotsReinstated():
            yield from ((draw.lot, -draw.points, None) for draw in event.draws)
        case PointsGivenBack():
            yield from ((draw.lot, draw.points, None) for draw in event.expired)
        case _:
            pass


def payments(entries: Iterable[Entry], source: str, order: str) -> list[Spend]:
    """The redemptions that paid for an order, with what came back of each."""
    found: dict[str, Spend] = {}
    for entry in entries:
        asked = entry.input
        of_it = isinstance(asked, RedeemPoints) and (asked.order_source, asked.order_id) == (source, order)
        for event in entry.events:
            match event:
                case PointsRedeemed() if of_it:
                    found[event.redemption] = Spend(event.redemption, event.currency, event.draws, event.debt)
                case PointsGivenBack() if event.spend in found:
                    spend = found[event.spend]
                    found[event.spend] = replace(spend, back=spend.back + event.points)
                case _:
                    pass
    return list(found.values())


def adjustment(entry: Entry) -> PointsAdjusted:
    return next(event for event in entry.events if isinstance(event, PointsAdjusted))


def undone(entries: Iterable[Entry], name: str) -> bool:
    """Whether the adjustment was reversed, or cancelled while it was pending."""
    return any(
        (isinstance(event, AdjustmentReversed) and event.adjustment == name)
        or (isinstance(event, PointsGivenBack) and event.spend == name)
        for event in _events(entries)
    )


def received(entry: Entry) -> PointsReceived:
    return next(event for event in entry.events if isinstance(event, PointsReceived))


def sent_back(entries: Iterable[Entry], version: int) -> bool:
    return any(isinstance(event, PointsSent) and event.reverses == version for event in _events(entries))


def drawn(draws: Iterable[Draw]) -> int:
    return sum(draw.points for draw in draws)


def _events(entries: Iterable[Entry]) -> Iterator[MemberEventUnion]:
    for entry in entries:
        yield from entry.events  # type: ignore[misc]
