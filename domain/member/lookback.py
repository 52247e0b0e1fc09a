"""What decisions ask of the member's own stream besides activities, which are `domain/redecide.py`'s."""

from collections.abc import Iterable

from msgspec.structs import replace

from domain.log import Entry, NotInStream
from domain.member.commands import Past, RedeemPoints
from domain.member.draft import PastLot, Seen, Spend
from domain.member.events import (
    ActivityRecorded,
    AdjustmentReversed,
    HoldConfirmed,
    HoldReleased,
    LotActivated,
    LotExpired,
    LotsReinstated,
    PointsAdjusted,
    PointsClawedBack,
    PointsGivenBack,
    PointsHeld,
    PointsRedeemed,
    RedemptionReturned,
)
from domain.member.spending import SHARE
from domain.member.state import Member, evolve


def adjustment(entry: Entry | Past) -> PointsAdjusted:
    """Raises NotInStream where the entry is none."""
    found = next((event for event in entry.events if isinstance(event, PointsAdjusted)), None)
    if found is None:
        raise NotInStream(f"entry {entry.version} is no adjustment")
    return found


def undone(entries: Iterable[Entry | Past], name: str, version: int) -> bool:
    """Whether the adjustment of an entry was reversed: one that gave by its name, one that took by its entry."""
    return any(
        (isinstance(event, AdjustmentReversed) and event.adjustment == name)
        or (isinstance(event, PointsGivenBack) and event.entry == version)
        for entry in entries
        for event in entry.events
    )


def gone(entries: Iterable[Entry | Past], lot: str) -> tuple[int, int]:
    """How much of a lot expired and has not come back, and how much of it repaid debt since it was opened."""
    expired = repaid = 0
    for entry in entries:
        for event in entry.events:
            match event:
                case LotExpired() if event.lot == lot:
                    expired += event.points
                case PointsGivenBack() | HoldConfirmed() | HoldReleased() | RedemptionReturned():
                    expired += sum(draw.points for draw in event.expired if draw.lot == lot)
                case LotActivated() if event.lot == lot:
                    repaid += event.repaid
                case LotsReinstated():
                    to_debt = sum(draw.points for draw in event.repaid if draw.lot == lot)
                    expired -= to_debt + sum(one.points for one in event.lots if one.lot == lot)
                    repaid += to_debt
                case _:
                    pass
    return expired, repaid


def lapsed(entries: Iterable[Entry | Past], lot: str) -> int:
    """How much of a lot expired and neither came back nor was taken back since."""
    kept = tuple(entries)
    taken = sum(
        event.expired
        for entry in kept
        for event in entry.events
        if isinstance(event, PointsClawedBack | AdjustmentReversed) and event.lot == lot
    )
    return gone(kept, lot)[0] - taken


def payments(entries: Iterable[Entry | Past], source: str, order: str, absorbed: Iterable[Spend] = ()) -> list[Spend]:
    """The redemptions that paid for an order, with what came back of each; `absorbed` were other members' once."""
    found = {spend.entry: spend for spend in absorbed}
    held: dict[int, Entry | Past] = {}
    for entry in entries:
        asked = entry.input
        pays = isinstance(asked, RedeemPoints) and (asked.order_source, asked.order_id) == (source, order)
        for event in entry.events:
            match event:
                case PointsHeld() if pays:
                    held[entry.version] = entry
                case HoldConfirmed() if event.original in held:
                    found[event.original] = _confirmed(held[event.original], event)
                case PointsRedeemed() if pays:
                    share = next((take for take in entry.takes if take.kind == SHARE), None)
                    found[entry.version] = Spend(
                        entry=entry.version,
                        id=event.redemption,
                        currency=event.currency,
                        rulebook=entry.pins.rulebook,
                        draws=event.draws,
                        debt=event.debt,
                        share=share,
                    )
                case PointsGivenBack() if event.entry in found:
                    spend = found[event.entry]
                    found[event.entry] = replace(spend, back=spend.back + event.points)
                case RedemptionReturned() if event.original in found:
                    spend = found[event.original]
                    found[event.original] = replace(spend, back=spend.back + event.points)
                case _:
                    pass
    return list(found.values())


def _confirmed(entry: Entry | Past, event: HoldConfirmed) -> Spend:
    share = next((take for take in entry.takes if take.kind == SHARE), None)
    return Spend(
        entry=entry.version,
        id=event.redemption,
        currency=event.currency,
        rulebook=entry.pins.rulebook,
        draws=event.draws,
        share=replace(share, amount=event.value_minor or 0) if share is not None else None,
    )


def lots_ever(entries: Iterable[Entry | Past]) -> dict[str, PastLot]:
    """Every lot that there ever was. What was emptied keeps the end that it had then."""
    found: dict[str, PastLot] = {}
    member = Member()
    for entry in entries:
        for event in entry.events:
            evolve(member, event, entry.stamp)  # type: ignore[arg-type]
            for lot in member.lots:
                found[lot.id] = PastLot(lot, entry.version)
    return found


def seen(entries: Iterable[Entry | Past]) -> list[Seen]:
    """The activities of entries, as far as they keep lots alive."""
    return [
        Seen(
            type=event.type,
            occurred_at=event.occurred_at,
            recorded_at=entry.recorded_at,
            rulebook=entry.pins.rulebook,
            time_zone=getattr(entry.input, "time_zone", None),
        )
        for entry in entries
        for event in entry.events
        if isinstance(event, ActivityRecorded)
    ]
