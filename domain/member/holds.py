"""Redemptions after they are made: a hold is confirmed, cancelled or runs out, and what was spent comes back.

Points that are set aside, or come back, keep the end of their lots: neither makes a life longer. What comes back
after its end is gone, and what a member owes is paid of the rest first.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from domain.errors import (
    AlreadyConfirmed,
    AlreadyReversed,
    AmountOutOfRange,
    HoldExpired,
    InvalidPayload,
    NotEligible,
    ReturnExceedsActivity,
)
from domain.member.commands import CancelRedemption, ConfirmRedemption, RedeemPoints, RedeemReward, ReturnRedemption
from domain.member.draft import Draft, HistoryNeeded
from domain.member.events import Draw, HoldConfirmed, HoldReleased, LotsRescheduled, OpenLot, RedemptionReturned
from domain.member.lives import life, still_ends
from domain.member.redemptions import Redemption
from domain.member.rewards import STOCK, give_up, issue
from domain.member.spending import SHARE, active, currency, share_take, value_of
from domain.member.state import Hold, Lot
from domain.numbers import exact
from domain.takes import Take

REISSUED = "redemption"
"""What stands for the rule of a lot in which points came back with a new life."""


def confirm_redemption(draft: Draft, command: ConfirmRedemption) -> None:
    """Spend what was set aside, or part of it. Raises HoldExpired, AlreadyConfirmed, NotEligible."""
    active(draft)
    hold = _open_hold(draft, command)
    book = draft.circumstances.timeline.version(hold.rulebook)
    draft.rulebook = book.number
    points = hold.points if command.points is None else command.points
    if points > hold.points:
        raise AmountOutOfRange(f"{hold.points} points are held", errors=[("/points", f"at most {hold.points}")])
    worth = book.currency(hold.currency).value if not hold.reward else None
    value = value_of(points, worth) if worth is not None else None
    paid, rest = _split(hold.parts, points)
    back = _back(draft, rest, draft.now)
    draft.takes += _money_back(hold.takes, (hold.value_minor or 0) - (value or 0))
    draft.record(
        HoldConfirmed(
            redemption=hold.id,
            original=hold.entry,
            currency=hold.currency,
            points=points,
            draws=_draws(paid),
            value_minor=value,
            released=back.released,
            repaid=back.repaid,
            expired=back.expired,
        )
    )
    _keep_moved(draft, hold.currency, back, draft.now)
    if hold.reward:
        issue(draft, hold, command.points, command.codes)


def cancel_redemption(draft: Draft, command: CancelRedemption) -> None:
    """Let go what was set aside. Raises HoldExpired, AlreadyConfirmed, NotEligible."""
    hold = _open_hold(draft, command)
    draft.rulebook = hold.rulebook
    draft.circumstances.timeline.version(hold.rulebook)
    _release(draft, hold, draft.now, "cancelled")


def expire_hold(draft: Draft, hold: Hold) -> None:
    """A hold that nobody confirmed has run out."""
    _release(draft, hold, hold.ends_at, "expired")


def return_redemption(draft: Draft, command: ReturnRedemption) -> None:
    """Give back what was spent. Raises AlreadyReversed, ReturnExceedsActivity, NotEligible."""
    if draft.circumstances.history is None:
        raise HistoryNeeded(f"entry {command.original}")
    if command.redemption in draft.member.holds:
        raise NotEligible("the redemption is held: cancel it", reasons=["not-confirmed"])
    found = _now(draft, draft.circumstances.history.redemption(command.original))
    if found.state in ("cancelled", "expired"):
        raise NotEligible(f"the redemption is {found.state}: nothing was spent", reasons=[found.state])
    left = found.points - found.returned
    if found.state == "returned":
        raise AlreadyReversed("all of the redemption has come back")
    points = left if command.points is None else command.points
    if points > left:
        raise ReturnExceedsActivity(f"{points} returned, {left} left", errors=[("/points", f"at most {left}")])
    book, policy = currency(draft, found.currency)
    draft.rulebook = book.number
    mode = command.mode or policy.returns.points_paid
    # Last paid, first back: undone in the opposite order.
    parts = [
        msgspec.structs.replace(part, remaining=part.remaining - found.back.get(part.id, 0))
        for part in reversed(found.parts)
    ]
    coming, _ = _split([part for part in parts if part.remaining], points)
    reward = found.asked if isinstance(found.asked, RedeemReward) else None
    if reward is not None and points < left:
        raise InvalidPayload("a reward is returned whole", errors=[("/points", "leave it out")])
    worth = None
    if reward is None:
        worth = draft.circumstances.timeline.version(found.rulebook).currency(found.currency).value
    before = value_of(left, worth) if worth is not None else 0
    after = value_of(left - points, worth) if worth is not None else 0
    if worth is not None and worth.max_share is not None and isinstance(found.asked, RedeemPoints):
        share = share_take(found.asked, after - before, exact(worth.max_share))
        draft.takes += [share] if share is not None else []
    lots, repaid, expired = _reissued(draft, found, points) if mode == "reissue" else _reversed(draft, coming)
    draft.record(
        RedemptionReturned(
            redemption=found.id,
            original=found.entry,
            currency=found.currency,
            points=points,
            mode=mode,
            draws=_draws(coming),
            complete=points == left,
            lots=lots,
            repaid=repaid,
            expired=expired,
            value_minor=before - after if worth is not None else None,
        )
    )
    if reward is not None:
        if reward.terms.stock is not None:
            draft.takes.append(Take(STOCK, reward.terms.id, -found.quantity, reward.terms.stock))
        give_up(draft, found.id, reward.terms.id, found.quantity, found.day, found.counts)


class _Back(msgspec.Struct, frozen=True):
    """Where points go that come back to lots; `moved` are the ends that activities have moved meanwhile."""

    released: tuple[Draw, ...]
    repaid: tuple[Draw, ...]
    expired: tuple[Draw, ...]
    moved: tuple[tuple[str, datetime], ...] = ()


def _open_hold(draft: Draft, command: ConfirmRedemption | CancelRedemption) -> Hold:
    hold = draft.member.holds.get(command.redemption)
    if hold is not None:
        return hold
    if draft.circumstances.history is None:
        raise HistoryNeeded(f"entry {command.original}")
    state = _now(draft, draft.circumstances.history.redemption(command.original)).state
    if state == "expired":
        raise HoldExpired("the hold ran out before it was confirmed")
    if state == "cancelled":
        raise NotEligible("the redemption was cancelled", reasons=["cancelled"])
    raise AlreadyConfirmed("the redemption is confirmed: what it spent comes back by a return")


def _now(draft: Draft, found: Redemption) -> Redemption:
    """The redemption with what time has done to it in this very decision."""
    ran_out = any(isinstance(event, HoldReleased) and event.original == found.entry for event in draft.events)
    return msgspec.structs.replace(found, state="expired") if ran_out else found


def _release(draft: Draft, hold: Hold, at: datetime, reason: str) -> None:
    back = _back(draft, hold.parts, at)
    draft.takes += _all_back(hold.takes)
    draft.record(
        HoldReleased(
            redemption=hold.id,
            original=hold.entry,
            currency=hold.currency,
            points=hold.points,
            at=at,
            reason=reason,
            released=back.released,
            repaid=back.repaid,
            expired=back.expired,
        )
    )
    _keep_moved(draft, hold.currency, back, at)
    if hold.reward:
        give_up(draft, hold.id, hold.reward, hold.quantity, hold.day, hold.counts)
        draft.freed += hold.codes


def _back(draft: Draft, parts: Iterable[Lot], at: datetime) -> _Back:
    released, repaid, expired, moved = [], [], [], []
    owed: dict[str, int] = dict(draft.member.debt)
    for part in parts:
        end = still_ends(draft, part, at)
        if end is not None and end <= at:
            expired.append(Draw(part.id, part.remaining))
            continue
        pays = min(owed.get(part.currency, 0), part.remaining)
        if pays:
            owed[part.currency] -= pays
            repaid.append(Draw(part.id, pays))
        if part.remaining > pays:
            released.append(Draw(part.id, part.remaining - pays))
            if end is not None and end != part.expires_at:
                moved.append((part.id, end))
    return _Back(tuple(released), tuple(repaid), tuple(expired), tuple(moved))


def _keep_moved(draft: Draft, name: str, back: _Back, at: datetime) -> None:
    """Lots that were out of the book while activities moved the ends of others."""
    ends = {lot.id: lot.expires_at for lot in draft.member.lots}
    for lot, end in back.moved:
        if ends[lot] != end:
            draft.record(LotsRescheduled(currency=name, lots=(lot,), at=at, expires_at=end, reason="activity"))


def _reversed(draft: Draft, coming: Iterable[Lot]) -> tuple[tuple[OpenLot, ...], int, tuple[Draw, ...]]:
    """To the lots that paid, with the ends they have."""
    parts = {part.id: part for part in coming}
    back = _back(draft, parts.values(), draft.now)
    lots = tuple(_opened(draft, parts[draw.lot], draw.points) for draw in back.released)
    return lots, sum(draw.points for draw in back.repaid), back.expired


def _opened(draft: Draft, part: Lot, points: int) -> OpenLot:
    return OpenLot(
        lot=part.id,
        points=points,
        granted=part.points,
        occurred_at=part.occurred_at,
        entry=part.entry,
        rule=part.rule,
        rulebook=part.rulebook,
        available_at=part.available_at,
        expires_at=still_ends(draft, part, draft.now),
        day=part.day,
        idle=part.idle,
    )


def _reissued(draft: Draft, found: Redemption, points: int) -> tuple[tuple[OpenLot, ...], int, tuple[Draw, ...]]:
    """In a new lot, with the life that the currency gives now."""
    book, policy = currency(draft, found.currency)
    lasts = life(draft, "at_once", policy.expires, draft.now, draft.zone(book))
    repaid = min(draft.member.debt.get(found.currency, 0), points)
    if repaid == points:
        return (), repaid, ()
    lot = OpenLot(
        lot=draft.new_lot(),
        points=points - repaid,
        granted=points,
        occurred_at=draft.now,
        entry=draft.version,
        rule=REISSUED,
        rulebook=book.number,
        available_at=lasts.available,
        expires_at=lasts.expires,
        idle=lasts.idle,
    )
    return (lot,), repaid, ()


def _split(parts: Iterable[Lot], points: int) -> tuple[list[Lot], list[Lot]]:
    """The first `points` of what is in the parts, and the rest."""
    first, rest = [], []
    for part in parts:
        mine = min(points, part.remaining)
        points -= mine
        if mine:
            first.append(msgspec.structs.replace(part, remaining=mine))
        if part.remaining > mine:
            rest.append(msgspec.structs.replace(part, remaining=part.remaining - mine))
    return first, rest


def _draws(parts: Iterable[Lot]) -> tuple[Draw, ...]:
    return tuple(Draw(part.id, part.remaining) for part in parts)


def _all_back(takes: Iterable[Take]) -> list[Take]:
    return [msgspec.structs.replace(take, amount=-take.amount) for take in takes]


def _money_back(takes: Iterable[Take], value: int) -> list[Take]:
    """What a smaller value gives back of the share that points paid of an order."""
    return [msgspec.structs.replace(take, amount=-value) for take in takes if take.kind == SHARE and value]
