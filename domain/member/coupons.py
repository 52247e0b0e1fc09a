"""Codes of coupons: whose they are, when they are good, how often."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from domain.errors import CodeNotInCampaign, CodeNotTargeted, CodeOutsideWindow, CodeUsed, NotEligible, Refused
from domain.member.commands import RedeemCode
from domain.member.counters import require
from domain.member.draft import Draft
from domain.member.events import CodeRedeemed
from domain.member.lateness import not_ahead
from domain.member.offers import offer_of, reward, slots_at
from domain.member.slots import Slot
from domain.member.spending import active
from domain.member.standing import raise_tiers
from domain.rules.compiled import CompiledRulebook
from domain.rules.offers import CompiledOffer
from domain.takes import Take

CODE = "code"
"""Kind of takes: how often a code was used, by all members together."""


class _Fit(msgspec.Struct, frozen=True):
    """An offer whose coupon has the code, and the member's slot of it. `why` not, and how near it came."""

    offer: CompiledOffer
    slot: Slot | None
    why: Refused | None = None
    nearness: int = 0


def redeem_code(draft: Draft, command: RedeemCode) -> None:
    """Use a code for the first assigned slot that it fits, and give the coupon's reward.

    Raises CodeNotInCampaign, CodeNotTargeted, CodeOutsideWindow, CodeUsed: of several offers that have the code, what
    the one says that came nearest.
    """
    active(draft)
    at = draft.at
    book = draft.circumstances.timeline.at(at)
    if book is not None:
        not_ahead(draft, at, book.document.late, "/at")
    fits = [_judged(draft, book, fit, command.code, at) for fit in _fits(draft, book, command, at)] if book else []
    if not fits or book is None:
        where = f"the campaign {command.campaign!r}" if command.campaign is not None else "any campaign"
        raise CodeNotInCampaign(f"the code is not one of {where}", errors=[("/code", "not such a code")])
    draft.rulebook = book.number
    good = next((fit for fit in fits if fit.why is None), None)
    if good is None:
        refusal = max(fits, key=lambda fit: fit.nearness).why
        assert refusal is not None
        raise refusal
    offer, slot = good.offer, good.slot
    assert slot is not None
    assert offer.coupon is not None
    zone = draft.zone(book)
    day = draft.local_day(book, zone, at)
    require(draft.member, day)
    if offer.coupon.uses is not None:
        draft.takes.append(Take(CODE, _key(offer, command.code), 1, offer.coupon.uses))
    # A coupon that belongs to a challenge gives nothing itself: its goal does.
    gives = offer.reward is not None and offer.goal is None
    lot = draft.new_lot() if gives else ""
    draft.record(
        CodeRedeemed(code=command.code, campaign=offer.coupon.campaign, slot=slot.id, offer=offer.id, at=at, lot=lot)
    )
    if gives:
        reward(draft, slot, offer, lot, at, day, zone)
        raise_tiers(draft, book, at, day, zone, "reached")


def _fits(draft: Draft, book: CompiledRulebook, command: RedeemCode, at: datetime) -> Iterator[_Fit]:
    """The offers that have the code in the campaign: as the member's slots know them, then as the rules do now."""
    mine = set()
    for slot in slots_at(draft.member, at):
        offer = offer_of(draft, slot)
        if _has(offer, command):
            mine.add(offer.id)
            yield _Fit(offer, slot)
    for name in book.codes.get(command.code, ()):
        if name not in mine and _has(book.offers[name], command):
            yield _Fit(book.offers[name], None)


def _has(offer: CompiledOffer, command: RedeemCode) -> bool:
    coupon = offer.coupon
    return coupon is not None and command.code in offer.codes and command.campaign in (None, coupon.campaign)


def _judged(draft: Draft, book: CompiledRulebook, fit: _Fit, code: str, at: datetime) -> _Fit:
    offer, slot, offsets = fit.offer, fit.slot, draft.circumstances.offsets
    assert offer.coupon is not None
    usable = offer.usable(at, draft.zone(book), offsets)
    if slot is None:
        if not usable:
            return _Fit(offer, None, _outside(), 0)
        # Of those that are long closed it is not said: they may lie in cold rows, and this is only about words.
        if any(one.offer == offer.id for rows in draft.member.months.values() for one in rows.slots.values()):
            return _Fit(offer, None, _outside(), 2)
        return _Fit(offer, None, CodeNotTargeted("the code is for members who were assigned its offer"), 1)
    if not usable or at > slot.ends_at or (offer.declared.window is not None and at < slot.assigned_at):
        return _Fit(offer, slot, _outside(), 2)
    if offer.declared.requires_view and (slot.viewed_at is None or at < slot.viewed_at):
        return _Fit(offer, slot, NotEligible("the offer was not seen yet", reasons=["not-viewed"]), 3)
    most = offer.coupon.per_assignment
    if most is not None and slot.uses.get(code, 0) >= most:
        return _Fit(offer, slot, CodeUsed("the member has used the code"), 4)
    if offer.coupon.uses is not None:
        taken = draft.circumstances.taken.of(CODE, _key(offer, code))
        if taken >= offer.coupon.uses:
            return _Fit(offer, slot, CodeUsed("the code has been used as often as it may be"), 4)
    return fit


def _outside() -> CodeOutsideWindow:
    return CodeOutsideWindow("the code is not valid at this time", errors=[("/at", "outside its days")])


def _key(offer: CompiledOffer, code: str) -> str:
    return f"{offer.id}\x1f{code}"
