"""Points that come back after they were spent: to the lots they came from, or into a new one.

A lot keeps its end. What comes back to one that has ended meanwhile is gone with it, so that spending and taking back
never makes points live longer.
"""

from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from domain.calendar import FOREVER
from domain.member.draft import Draft, History, HistoryNeeded, PastLot, Spend
from domain.member.events import Draw, OpenLot, PointsGivenBack
from domain.member.lives import idle_until, life
from domain.member.spending import value_of
from domain.member.state import Lot
from domain.takes import Take

GIVEN_BACK = "given_back"
"""What stands for the rule of a lot that is opened for points that come back."""

_OWED = ""


def give_back(draft: Draft, spend: Spend, points: int, mode: Literal["reverse", "reissue"]) -> None:
    """Give `points` of a spend back, those first that it took last. Raises HistoryNeeded.

    Debt is repaid from what comes, by what would end soonest. What was owed for the spend has no lot: beyond what it
    repays, it comes into a new one.
    """
    parts = _parts(spend, points) if mode == "reverse" else ()
    found = [(_lot(draft, part.lot), part.points) for part in parts]
    ended = [(lot, part) for lot, part in found if not lot.spendable(draft.now)]
    alive = sorted(
        ((lot, part) for lot, part in found if lot.spendable(draft.now)), key=lambda one: one[0].expires_at or FOREVER
    )
    fresh = points - sum(part.points for part in parts)
    repaid = left = min(draft.member.debt.get(spend.currency, 0), points - sum(part for _, part in ended))
    fresh, left = _less(fresh, left)
    lots = []
    for lot, part in alive:
        stays, left = _less(part, left)
        if stays:
            lots.append(_reopening(lot, stays))
    if fresh:
        lots.append(_fresh(draft, spend, fresh))
    draft.record(
        PointsGivenBack(
            spend=spend.id,
            entry=spend.entry,
            currency=spend.currency,
            points=points,
            lots=tuple(lots),
            expired=tuple(Draw(lot.id, part) for lot, part in ended),
            repaid=repaid,
        )
    )
    if spend.share is not None:
        # The order may be paid with points again, as far as they came back.
        worth = draft.circumstances.timeline.version(spend.rulebook).document.currencies[spend.currency].value
        assert worth is not None, "a share of an order is one of money"
        left = spend.points - spend.back
        value = value_of(left - points, worth) - value_of(left, worth)
        draft.takes.append(Take(spend.share.kind, spend.share.key, value, spend.share.ceiling))


def _parts(spend: Spend, points: int) -> tuple[Draw, ...]:
    """Which lots get back how much: what was owed comes first, and then the draws, the last one first."""
    parts, passed, left = [], spend.back, points
    for draw in (Draw(_OWED, spend.debt), *reversed(spend.draws)):
        back = min(passed, draw.points)
        part = min(draw.points - back, left)
        passed, left = passed - back, left - part
        if part and draw.lot != _OWED:
            parts.append(Draw(draw.lot, part))
    return tuple(parts)


def _lot(draft: Draft, name: str) -> Lot:
    """The lot as it is, or as it would be by now had it not been emptied."""
    for lot in draft.member.lots:
        if lot.id == name:
            return lot
    history = draft.circumstances.history
    if history is None:
        raise HistoryNeeded(name)
    past = history.lots()[name]
    return _kept_alive(draft, past, history) if past.lot.idle is not None else past.lot


def _kept_alive(draft: Draft, past: PastLot, history: History) -> Lot:
    """With the end that activities since would have given it, as long as it lived."""
    lot, timeline = past.lot, draft.circumstances.timeline
    assert lot.idle is not None
    ends = lot.expires_at
    for one in history.seen(past.entry):
        if ends is not None and one.recorded_at >= ends:
            break
        if not lot.idle.activities or one.type in lot.idle.activities:
            zone = draft.zone(timeline.version(one.rulebook), one.time_zone)
            ends = _later(ends, idle_until(draft, lot.idle, one.occurred_at, zone))
    return replace(lot, expires_at=ends)


def _reopening(lot: Lot, points: int) -> OpenLot:
    assert lot.available_at is not None
    return OpenLot(
        lot=lot.id,
        points=points,
        granted=lot.points,
        occurred_at=lot.occurred_at,
        available_at=lot.available_at,
        entry=lot.entry,
        rule=lot.rule,
        rulebook=lot.rulebook,
        expires_at=lot.expires_at,
        idle=lot.idle,
    )


def _fresh(draft: Draft, spend: Spend, points: int) -> OpenLot:
    """A new lot, which begins now and ends as the currency's policy said when the points were spent."""
    book = draft.circumstances.timeline.version(spend.rulebook)
    lasts = life(draft, "at_once", book.document.currencies[spend.currency].expires, draft.now, draft.zone(book))
    return OpenLot(
        lot=draft.new_lot(),
        points=points,
        granted=points,
        occurred_at=draft.now,
        available_at=draft.now,
        entry=draft.version,
        rule=GIVEN_BACK,
        rulebook=book.number,
        expires_at=lasts.expires,
        idle=lasts.idle,
    )


def _less(points: int, taken: int) -> tuple[int, int]:
    """What is left of points, and of what is taken from them."""
    part = min(points, taken)
    return points - part, taken - part


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)
