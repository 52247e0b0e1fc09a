"""A pending lot becomes spendable, by time or by request."""

from datetime import datetime

from domain.member.counters import require
from domain.member.draft import Draft
from domain.member.events import LotActivated
from domain.member.standing import unlock_tiers
from domain.member.state import Lot


def activate(draft: Draft, lot: Lot, instant: datetime) -> None:
    """Pending points become spendable, repay debt, and count for tiers from now on (in the period they were earned)."""
    if lot.day:
        require(draft.member, lot.day)
    repaid = min(draft.member.debt.get(lot.currency, 0), lot.remaining)
    day = lot.day
    draft.record(LotActivated(lot=lot.id, currency=lot.currency, points=lot.remaining, at=instant, repaid=repaid))
    book = draft.circumstances.timeline.at(instant)
    if day and book is not None:
        unlock_tiers(draft, book, instant, day, draft.zone(book))
