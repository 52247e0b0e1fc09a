"""Pending points by request: somebody activates them, or cancels them."""

from domain.errors import NotEligible, UnknownLot
from domain.member.activation import activate
from domain.member.bonuses import granted
from domain.member.clawback import caps_back, claw_back, takes_back
from domain.member.commands import ActivatePending, CancelPending
from domain.member.counters import require
from domain.member.draft import Draft, HistoryNeeded
from domain.member.events import AdjustmentReversed, Draw
from domain.member.lives import begin
from domain.member.returns import moved
from domain.member.spending import active
from domain.member.standing import lower_tiers
from domain.member.state import BY_HAND, Lot


def activate_pending(draft: Draft, command: ActivatePending) -> None:
    """A lot that waited for this begins its life now. What is spendable already stays as it is."""
    active(draft)
    for lot in _meant(draft, command):
        if lot.active:
            continue
        begins = lot.available_at is None and lot.expires_at is None
        activate(draft, lot, draft.now)
        if begins and any(one.id == lot.id for one in draft.member.lots):
            begin(draft, lot)


def cancel_pending(draft: Draft, command: CancelPending) -> None:
    """Nothing was granted after all, so caps and budgets get back what it took of them."""
    lots = _meant(draft, command)
    spendable = [f"/lots/{command.lots.index(lot.id)}" for lot in lots if lot.active and lot.id in command.lots]
    if spendable:
        raise NotEligible(
            "only pending points are cancelled",
            reasons=["not-pending"],
            errors=[(at, "can be spent already") for at in spendable],
        )
    for lot in lots:
        if lot.rule == BY_HAND:
            _cancel_by_hand(draft, lot)
        elif not lot.active:
            _cancel(draft, lot)


def _cancel(draft: Draft, lot: Lot) -> None:
    require(draft.member, lot.day)
    book = draft.circumstances.timeline.version(lot.rulebook)
    draft.rulebook = book.number
    given = next(one for one in granted(draft, lot.rule) if one.award.lot == lot.id)
    counts: dict[str, int] = {}
    # What counts a bonus says that it was given, which stays so.
    if any(rule.id == lot.rule for rule in book.document.rules):
        counts = caps_back(given.award, given.taken, lot.remaining)
        last = given.taken + lot.remaining >= given.award.points
        if not given.corrected:
            draft.takes += takes_back(book, given.award, lot.day, lot.remaining, last=last)
    claw_back(draft, book.currency(lot.currency), given, lot.remaining, counts)
    lower_tiers(draft, book, draft.now, lot.day, draft.zone(book), moved(draft))


def _cancel_by_hand(draft: Draft, lot: Lot) -> None:
    history = draft.circumstances.history
    if history is None:
        raise HistoryNeeded(lot.id)
    draft.rulebook = lot.rulebook
    draft.record(
        AdjustmentReversed(
            adjustment=history.adjustment(lot.entry).adjustment,
            currency=lot.currency,
            lot=lot.id,
            points=lot.remaining,
            from_pending=(Draw(lot.id, lot.remaining),),
        )
    )


def _meant(draft: Draft, command: ActivatePending | CancelPending) -> list[Lot]:
    """The lots that a request means; of an activity, those that are still pending. Raises UnknownLot for none."""
    lots = draft.member.lots
    if command.original:
        found = [lot for lot in lots if lot.entry == command.original and not lot.active]
        if not found:
            raise UnknownLot("nothing that the activity earned is pending", errors=[("/activity", "nothing pending")])
        return found
    known = {lot.id: lot for lot in lots}
    for number, name in enumerate(command.lots):
        if name not in known:
            raise UnknownLot(f"the member has no lot {name!r}", errors=[(f"/lots/{number}", "no such lot")])
    return [known[name] for name in dict.fromkeys(command.lots)]
