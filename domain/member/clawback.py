"""Taking points of one award back: where they come from, and what has become of them since."""

from datetime import datetime

from domain.member.draft import Draft, Fate, Given
from domain.member.events import (
    Draw,
    HoldConfirmed,
    HoldReleased,
    LotActivated,
    LotExpired,
    LotsReinstated,
    PointsClawedBack,
    PointsEarned,
    PointsGivenBack,
    RedemptionReturned,
    Restated,
)
from domain.member.state import Lot
from domain.member.wallet import draw, spendable
from domain.rules.compiled import CompiledRulebook
from domain.rules.limits import takes_of
from domain.rules.rulebook import Currency
from domain.takes import Take


def claw_back(
    draft: Draft,
    policy: Currency,
    given: Given,
    points: int,
    counts: dict[str, int],
    restated: Restated | None = None,
) -> None:
    """Take points: from the award's own lot, from its order's others (pending ones first), from any, then debt.

    What expired of the own lot is gone already: nobody owes it. `recovery` says how far down this goes.
    """
    award = given.award
    spared = policy.returns.recovery == "only_pending"
    order = [
        lot
        for lot in draft.member.lots
        if (lot.entry == given.version or lot.id == award.lot) and lot.currency == award.currency
    ]
    mine = [lot for lot in order if lot.id == award.lot]
    siblings = [lot for lot in order if lot.id != award.lot]
    fate = _fate(draft, given)
    pending, left = _from(_pending(mine, draft.now), points)
    opened, left = _from([] if spared else _open(mine, draft.now), left)
    expired = min(left, fate.expired)
    left -= expired
    more_pending, left = _from(_pending(siblings, draft.now), left)
    more_opened, left = _from([] if spared else _open(siblings, draft.now), left)
    known = {lot.id for lot in order}
    rest = [lot for lot in spendable(draft.member, award.currency, draft.now) if lot.id not in known]
    other, left = draw([] if spared else rest, left, policy.spend_order)
    unlimited = policy.returns.recovery == "unlimited"
    draft.record(
        PointsClawedBack(
            activity=given.version,
            lot=award.lot,
            rule=award.rule,
            currency=award.currency,
            points=points,
            from_pending=(*pending, *more_pending),
            from_lots=(*opened, *more_opened),
            from_other=other,
            expired=expired,
            counted=min(points, fate.counted),
            debt=left if unlimited else 0,
            written_off=0 if unlimited else left,
            day=award.day,
            counts=counts,
            restated=restated,
        )
    )


def takes_back(book: CompiledRulebook, award: PointsEarned, day: int, points: int, *, last: bool) -> tuple[Take, ...]:
    """Budgets and shared caps get back what a rule's award took of them; the use only when nothing is left of it."""
    rule = book.rule(award.rule)
    if rule.budget is None and not rule.cap:
        return ()
    return takes_of(book.document, rule, award.currency, day, -points, uses=-1 if last else 0)


def caps_back(award: PointsEarned, taken: int, points: int) -> dict[str, int]:
    """Caps get back what the award used, in its own period; `times` only when nothing is left of it."""
    back = {}
    for name, counted in award.counts.items():
        if name.startswith("cap:"):
            back[name] = -min(points, counted)
        elif taken + points >= award.points:
            back[name] = -counted
    return back


def after_event(fate: Fate, lot: str, event: object) -> Fate:
    """The fate of a lot's points after one more event of the stream."""
    match event:
        case LotExpired() if event.lot == lot:
            return Fate(fate.expired + event.points, fate.counted)
        case LotActivated() if event.lot == lot:
            return Fate(fate.expired, fate.counted + event.points)
        case PointsClawedBack() if event.lot == lot:
            return Fate(fate.expired - event.expired, fate.counted - event.counted)
        case LotsReinstated():
            back = sum(opened.points for opened in event.lots if opened.lot == lot)
            to_debt = sum(draw.points for draw in event.repaid if draw.lot == lot)
            return Fate(fate.expired - back - to_debt, fate.counted)
        case PointsGivenBack() | HoldConfirmed() | HoldReleased() | RedemptionReturned():
            return Fate(fate.expired + sum(one.points for one in event.expired if one.lot == lot), fate.counted)
        case _:
            return fate


def _fate(draft: Draft, given: Given) -> Fate:
    """What became of an award's points so far, some of it perhaps just now."""
    fate = given.fate
    for event in draft.events:
        fate = after_event(fate, given.award.lot, event)
    return fate


def _pending(lots: list[Lot], now: datetime) -> list[Lot]:
    return [lot for lot in lots if not lot.spendable(now)]


def _open(lots: list[Lot], now: datetime) -> list[Lot]:
    return [lot for lot in lots if lot.spendable(now)]


def _from(lots: list[Lot], points: int) -> tuple[tuple[Draw, ...], int]:
    draws = []
    for lot in lots:
        part = min(points, lot.remaining)
        if part:
            draws.append(Draw(lot.id, part))
            points -= part
    return tuple(draws), points
