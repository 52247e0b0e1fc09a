"""What became of a redemption, as the member's own stream tells it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from domain.log import Entry, NotInStream
from domain.member.commands import Past, RedeemPoints, RedeemReward
from domain.member.events import (
    Draw,
    HoldConfirmed,
    HoldReleased,
    MemberEventUnion,
    PointsGivenBack,
    PointsHeld,
    PointsRedeemed,
    RedemptionReturned,
    RewardIssued,
    RewardReserved,
)
from domain.member.state import Lot, Member, evolve

State = Literal["held", "confirmed", "cancelled", "expired", "returned"]


class Redemption(msgspec.Struct, frozen=True):
    """A redemption of entry `entry`. `parts` are the lots that paid, as they were then, each with what it gave.

    `back` is what has come back of each. `asked` is the request, which names the order it paid for.
    """

    id: str
    entry: int
    currency: str
    points: int
    state: State
    parts: tuple[Lot, ...]
    rulebook: int
    value_minor: int | None = None
    asked: RedeemPoints | RedeemReward | None = None
    back: dict[str, int] = {}
    codes: tuple[str, ...] = ()
    quantity: int = 0
    """Units of a reward, of which `counts` were counted on the local `day`."""
    day: int = 0
    counts: dict[str, int] = {}
    ends_at: datetime | None = None
    """When the hold runs out, or would have."""

    @property
    def returned(self) -> int:
        return sum(self.back.values())


def redemption_of(entry: Entry | Past, before: Member, since: Sequence[Entry | Past]) -> Redemption:
    """The redemption that `entry` made of the member `before` it, after the entries `since`. Raises NotInStream."""
    made, found = before, None
    for event in entry.events:
        if isinstance(event, PointsRedeemed | PointsHeld):
            found = _made(event, entry, made)
        elif found is not None:
            found = after(found, event)  # type: ignore[arg-type]
        evolve(made, event, entry.stamp)  # type: ignore[arg-type]
    if found is None:
        raise NotInStream(f"entry {entry.version} redeemed nothing")
    return redemption_since(found, since)


def redemption_since(found: Redemption, entries: Sequence[Entry | Past]) -> Redemption:
    """The redemption after later entries."""
    for later in entries:
        for event in later.events:
            found = after(found, event)  # type: ignore[arg-type]
    return found


def _made(event: PointsRedeemed | PointsHeld, entry: Entry | Past, member: Member) -> Redemption:
    return Redemption(
        event.redemption,
        entry.version,
        event.currency,
        event.points,
        "held" if isinstance(event, PointsHeld) else "confirmed",
        _parts({lot.id: lot for lot in member.lots}, event.draws),
        entry.pins.rulebook,
        event.value_minor,
        entry.input if isinstance(entry.input, RedeemPoints | RedeemReward) else None,
        ends_at=event.ends_at if isinstance(event, PointsHeld) else None,
    )


def after(found: Redemption, event: MemberEventUnion) -> Redemption:
    """The redemption after an event of a later entry."""
    match event:
        case HoldConfirmed() if event.original == found.entry:
            parts = _parts({part.id: part for part in found.parts}, event.draws)
            return replace(found, state="confirmed", points=event.points, parts=parts, value_minor=event.value_minor)
        case HoldReleased() if event.original == found.entry:
            return replace(found, state="cancelled" if event.reason == "cancelled" else "expired")
        case RewardReserved() if event.redemption == found.id:
            return replace(found, quantity=event.quantity, day=event.day, counts=event.counts)
        case RewardIssued() if event.redemption == found.id:
            counted = {"day": event.day, "counts": event.counts} if event.counts else {}
            return replace(found, quantity=event.quantity, codes=event.codes, **counted)
        case RedemptionReturned() if event.original == found.entry:
            back = dict(found.back)
            for draw in event.draws:
                back[draw.lot] = back.get(draw.lot, 0) + draw.points
            return replace(found, state="returned" if event.complete else "confirmed", back=back)
        case PointsGivenBack() if event.entry == found.entry:
            # The return of an order that it paid for gave points back, the lot that paid last first.
            back, left = dict(found.back), event.points
            for part in reversed(found.parts):
                mine = min(left, part.remaining - back.get(part.id, 0))
                back[part.id], left = back.get(part.id, 0) + mine, left - mine
            whole = sum(back.values()) == found.points
            return replace(found, state="returned" if whole else found.state, back=back)
        case _:
            return found


def _parts(lots: dict[str, Lot], draws: Sequence[Draw]) -> tuple[Lot, ...]:
    return tuple(replace(lots[draw.lot], remaining=draw.points) for draw in draws)
