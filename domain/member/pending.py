"""Pending points: when their time has come, when somebody activates them, and when somebody cancels them."""

from datetime import datetime

from domain.errors import MemberSuspended, NotEligible, UnknownLot
from domain.member.bonuses import granted
from domain.member.clawback import claw_back
from domain.member.commands import ActivatePending, CancelPending
from domain.member.counters import require
from domain.member.draft import Draft, Given
from domain.member.events import LotActivated, LotsRescheduled, PointsAdjusted
from domain.member.lives import life
from domain.member.standing import unlock_tiers
from domain.member.state import BY_HAND, Lot
from domain.rules.limits import takes_of


def activate(draft: Draft, lot: Lot, instant: datetime) -> None:
    """Pending points become spendable, repay debt, and count for tiers from now on (in the period they were earned)."""
    if lot.day:
        require(draft.member, lot.day)
    repaid = min(draft.member.debt.get(lot.currency, 0), lot.remaining)
    draft.record(LotActivated(lot=lot.id, currency=lot.currency, points=lot.remaining, at=instant, repaid=repaid))
    book = draft.circumstances.timeline.at(instant)
    if lot.day and book is not None:
        unlock_tiers(draft, book, instant, lot.day, draft.zone(book))


def activate_pending(draft: Draft, command: ActivatePending) -> None:
    """Activate by request. A lot that waited for it begins its life now; what is active already stays as it is."""
    if draft.member.status != "active":
        raise MemberSuspended(f"the member is {draft.member.status}")
    for lot in _meant(draft, command):
        if lot.active:
            continue
        begins = lot.available_at is None and lot.expires_at is None
        activate(draft, lot, draft.now)
        if begins and any(one.id == lot.id for one in draft.member.lots):
            _begin(draft, lot)


def cancel_pending(draft: Draft, command: CancelPending) -> None:
    """Cancel by request: nothing was granted after all, so caps and budgets get back what it took of them."""
    lots = _meant(draft, command)
    spendable = [lot.id for lot in lots if lot.active]
    if spendable:
        raise NotEligible(f"lots {spendable} are not pending any more", reasons=["not-pending"])
    for lot in lots:
        book = draft.circumstances.timeline.version(lot.rulebook)
        draft.rulebook = book.number
        if lot.rule == BY_HAND:
            draft.record(_by_hand(draft, lot))
            continue
        require(draft.member, lot.day)
        given = next(one for one in granted(draft, lot.rule) if one.award.lot == lot.id)
        rule = next((one for one in book.document.rules if one.id == lot.rule), None)
        if rule is not None:
            draft.takes += takes_of(book.document, rule, lot.currency, lot.day, -lot.remaining, uses=-1)
        claw_back(draft, book.document.currencies[lot.currency], given, lot.remaining, _counts_back(given))


def _meant(draft: Draft, command: ActivatePending | CancelPending) -> list[Lot]:
    """The lots that a request means. Raises UnknownLot where one is not there, or none is left of an activity."""
    lots = draft.member.lots
    if command.original:
        found = [lot for lot in lots if lot.entry == command.original]
        if not found:
            raise UnknownLot("nothing is left of what that activity earned", errors=[("/activity", "no lots")])
        # Of an order, part may be spendable at once: that part is not meant.
        return [lot for lot in found if not lot.active] if isinstance(command, CancelPending) else found
    known = {lot.id: lot for lot in lots}
    for number, name in enumerate(command.lots):
        if name not in known:
            raise UnknownLot(f"the member has no lot {name!r}", errors=[(f"/lots/{number}", "not pending")])
    return [known[name] for name in dict.fromkeys(command.lots)]


def _begin(draft: Draft, lot: Lot) -> None:
    """When the lot ends, under the rules that it was opened under, counted from now."""
    book = draft.circumstances.timeline.version(lot.rulebook)
    rule = next((one for one in book.document.rules if one.id == lot.rule), None)
    currency = book.document.currencies[lot.currency]
    ends = rule.expires if rule is not None and rule.expires is not None else currency.expires
    lasts = life(draft, "at_once", ends, draft.now, draft.zone(book))
    if lasts.expires is not None:
        draft.record(
            LotsRescheduled(
                currency=lot.currency,
                lots=(lot.id,),
                at=draft.now,
                expires_at=lasts.expires,
                reason="activation",
                idle=lasts.idle,
                rulebook=book.number,
            )
        )


def _by_hand(draft: Draft, lot: Lot) -> PointsAdjusted:
    raise NotImplementedError


def _counts_back(given: Given) -> dict[str, int]:
    """What the whole award had added to counters of caps, less what returns took back."""
    return {name: -given.count(name) for name in given.award.counts if given.count(name)}
