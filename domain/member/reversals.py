"""An adjustment by hand is reversed: once, and only while its points are there, unless the operator insists."""

from domain.errors import AlreadyReversed, NotEnoughPoints
from domain.member.commands import ReverseAdjustment
from domain.member.draft import Draft, HistoryNeeded, Spend
from domain.member.events import AdjustmentReversed, Draw, HoldReleased, LotActivated, LotExpired, PointsAdjusted
from domain.member.restoring import give_back
from domain.member.spending import currency
from domain.member.wallet import draw, spendable


def reverse_adjustment(draft: Draft, command: ReverseAdjustment) -> None:
    """Take what it gave, or give back what it took. Raises AlreadyReversed, NotEnoughPoints, HistoryNeeded."""
    history = draft.circumstances.history
    if history is None:
        raise HistoryNeeded(f"entry {command.original}")
    if history.undone(command.original):
        raise AlreadyReversed(f"the adjustment {command.adjustment!r} was reversed, or cancelled")
    done = history.adjustment(command.original)
    book, policy = currency(draft, done.currency)
    draft.rulebook = book.number
    if done.points < 0:
        spend = Spend(command.original, done.adjustment, done.currency, book.number, done.draws, done.debt)
        give_back(draft, spend, spend.points, "reverse")
        return
    _take(draft, done, policy.spend_order, force=command.force)


def _take(draft: Draft, done: PointsAdjusted, order: str, *, force: bool) -> None:
    """From its own lot; what repaid debt is owed again; what expired is gone. The rest has moved on."""
    assert done.lot is not None and draft.circumstances.history is not None
    own = next((lot for lot in draft.member.lots if lot.id == done.lot), None)
    there = own.remaining if own is not None else 0
    expired, repaid = draft.circumstances.history.gone(done.lot)
    for event in draft.events:
        # What time has made true just now is not in the history yet.
        if isinstance(event, LotExpired) and event.lot == done.lot:
            expired += event.points
        elif isinstance(event, HoldReleased):
            expired += sum(draw.points for draw in event.expired if draw.lot == done.lot)
        elif isinstance(event, LotActivated) and event.lot == done.lot:
            repaid += event.repaid
    repaid += done.repaid
    if done.points > there + expired + repaid and not force:
        raise NotEnoughPoints(asked=done.points - expired - repaid, available=there)
    mine = (Draw(done.lot, there),) if there else ()
    open_now = own is not None and own.spendable(draft.now)
    others = [lot for lot in spendable(draft.member, done.currency, draft.now) if lot.id != done.lot]
    other, owed = draw(others, done.points - there - expired, order)
    draft.record(
        AdjustmentReversed(
            adjustment=done.adjustment,
            currency=done.currency,
            lot=done.lot,
            points=done.points,
            from_pending=() if open_now else mine,
            from_lots=mine if open_now else (),
            from_other=other,
            expired=expired,
            debt=owed,
        )
    )
