"""Operators lengthen lives: open lots end later, and what expired comes back into the lots it was in.

An expired lot keeps its id, its rule and its order when it comes back: a later return of that order takes the points
from where they are, and what came back counts as expired no more.
"""

from datetime import datetime

from domain.errors import NotEligible, UnknownLot
from domain.member.commands import ExtendLots, ReinstateLots
from domain.member.draft import Draft, History, HistoryNeeded
from domain.member.events import Draw, HoldReleased, Idle, LotExpired, LotsReinstated, LotsRescheduled, OpenLot
from domain.member.state import Lot

EXTENDED = "extension"


def extend_lots(draft: Draft, command: ExtendLots) -> None:
    """Open lots end at a later instant; those that end by inactivity still do, but not before it."""
    _to_come(draft, command.expires_at)
    known = {lot.id: lot for lot in draft.member.lots}
    moved: dict[tuple[str, Idle | None], list[str]] = {}
    sooner = []
    for number, name in enumerate(command.lots):
        if name not in known:
            raise _no_such(number, name, "open lot")
        lot = known[name]
        if lot.expires_at is None or lot.expires_at >= command.expires_at:
            sooner.append((f"/lots/{number}", "does not end before that"))
        elif name not in moved.setdefault((lot.currency, lot.idle), []):
            moved[lot.currency, lot.idle].append(name)
    if sooner:
        raise NotEligible("a lot is only made to end later", reasons=["not-later"], errors=sooner)
    for (currency, idle), lots in moved.items():
        draft.record(
            LotsRescheduled(
                currency=currency,
                lots=tuple(lots),
                at=draft.now,
                expires_at=command.expires_at,
                idle=idle,
                reason=EXTENDED,
            )
        )


def reinstate_lots(draft: Draft, command: ReinstateLots) -> None:
    """What expired of lots can be spent again until a new end. Debt is repaid first. Raises HistoryNeeded."""
    _to_come(draft, command.expires_at)
    history = draft.circumstances.history
    if history is None:
        raise HistoryNeeded("lots that expired")
    ever = history.lots()
    back: dict[str, list[tuple[Lot, int]]] = {}
    there = []
    for name in dict.fromkeys(command.lots):
        number = command.lots.index(name)
        if name not in ever:
            raise _no_such(number, name, "lot")
        lot, points = ever[name].lot, _lapsed(draft, history, name)
        if points <= 0 or not _lived(lot) or any(one.id == name for one in draft.member.lots):
            there.append((f"/lots/{number}", "nothing of it expired that could be spent"))
        else:
            back.setdefault(lot.currency, []).append((lot, points))
    if there:
        raise NotEligible("only what expired comes back", reasons=["not-expired"], errors=there)
    for currency in sorted(back):
        _reinstate(draft, currency, back[currency], command.expires_at)


def _reinstate(draft: Draft, currency: str, back: list[tuple[Lot, int]], until: datetime) -> None:
    owed = draft.member.debt.get(currency, 0)
    lots, repaid = [], []
    for lot, points in back:
        part = min(points, owed)
        owed -= part
        if part:
            repaid.append(Draw(lot.id, part))
        if points > part:
            lots.append(
                OpenLot(
                    lot=lot.id,
                    points=points - part,
                    granted=lot.points,
                    occurred_at=lot.occurred_at,
                    available_at=lot.available_at,
                    expires_at=until,
                    entry=lot.entry,
                    rule=lot.rule,
                    rulebook=lot.rulebook,
                    day=lot.day,
                    idle=lot.idle,
                )
            )
    draft.record(LotsReinstated(currency=currency, lots=tuple(lots), repaid=tuple(repaid)))


def _lapsed(draft: Draft, history: History, lot: str) -> int:
    """What expired of a lot and did not come back, some of it perhaps just now."""
    lapsed = history.lapsed(lot)
    for event in draft.events:
        if isinstance(event, LotExpired) and event.lot == lot:
            lapsed += event.points
        elif isinstance(event, HoldReleased):
            lapsed += sum(draw.points for draw in event.expired if draw.lot == lot)
    return lapsed


def _lived(lot: Lot) -> bool:
    """Whether its points could be spent before it ended."""
    return lot.available_at is not None and (lot.expires_at is None or lot.available_at < lot.expires_at)


def _to_come(draft: Draft, expires_at: datetime) -> None:
    if expires_at <= draft.now:
        raise NotEligible(
            "a lot's new end is still to come", reasons=["in-the-past"], errors=[("/expires_at", "not in the past")]
        )


def _no_such(number: int, name: str, what: str) -> UnknownLot:
    return UnknownLot(f"the member has no {what} {name!r}", errors=[(f"/lots/{number}", f"no such {what}")])
