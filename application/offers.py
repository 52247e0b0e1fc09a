"""Offers: assign one, use the code of a coupon, read what a member has of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from application import answers
from application.answers import Answered, answered
from application.handle import Handler
from application.payloads import UNPRINTABLE, sane_time
from application.repeats import Ask, carry_out
from application.rows import Wish
from application.views import current_member, slot_shape
from domain.errors import BadId
from domain.member.commands import AssignOffer, RedeemCode
from domain.member.draft import Circumstances, Draft
from domain.member.offers import by_assignment
from domain.member.shape import bring_in
from domain.member.slots import Slot
from domain.member.state import Member
from domain.rules.offers import CompiledOffer

Json = dict[str, Any]

MAX_CODE = 200


class AssignBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom to assign the offer, and as of when: now when left out."""

    member: str
    at: datetime | None = None


class RedeemCodeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who uses which code, and when: now when left out. `campaign` is for codes that several campaigns have."""

    code: str
    member: str
    campaign: str | None = None
    at: datetime | None = None


async def assign(
    handler: Handler,
    program: str,
    offer: str,
    body: AssignBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Open a slot of an offer. Raises UnknownOffer, NotEligible for one that is over."""
    if body.at is not None:
        sane_time("/at", body.at)
    loaded, known = await handler.find(program, body.member)
    ask = Ask(
        program=program,
        route=f"offers/{offer}/assignments",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        correlation=correlation,
    )
    command = AssignOffer(offer=offer, at=(body.at or handler.now(loaded)).astimezone(UTC))
    found = await carry_out(handler, ask, Wish(program=program, command=command, actor=actor), loaded, known)
    book = await handler.programs.newest_at(program, found.entry.pins.timeline)
    return answered(found, answers.assignment(found, body.member, book))


async def redeem_code(
    handler: Handler,
    program: str,
    body: RedeemCodeBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Use a code. Raises CodeNotInCampaign, CodeNotTargeted, CodeOutsideWindow, CodeUsed."""
    sane_code(body)
    if body.at is not None:
        sane_time("/at", body.at)
    loaded, known = await handler.find(program, body.member)
    ask = Ask(
        program=program,
        route="codes/redeem",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        correlation=correlation,
    )
    command = RedeemCode(
        code=body.code, campaign=body.campaign, at=body.at.astimezone(UTC) if body.at is not None else None
    )
    found = await carry_out(handler, ask, Wish(program=program, command=command, actor=actor), loaded, known)
    book = await handler.programs.newest_at(program, found.entry.pins.timeline)
    return answered(found, answers.code(found, body.member, book))


def sane_code(body: RedeemCodeBody) -> None:
    """Raises BadId."""
    for at, text in (("/code", body.code), ("/campaign", body.campaign)):
        if text is not None and (not 0 < len(text) <= MAX_CODE or UNPRINTABLE.search(text)):
            raise BadId(f"1 to {MAX_CODE} characters without control characters", errors=[(at, "not such a text")])


# --- reading -------------------------------------------------------------------------------------


async def of_member(handler: Handler, program: str, member: str, *, limit: int = 100, cursor: int = 0) -> Json:
    """Every slot the member ever had, in the order of assignment, with how far it came."""
    current, circumstances, now = await _current(handler, program, member)
    items = [slot_shape(slot, circumstances, now) for slot in _all_slots(current)]
    page = items[cursor : cursor + limit]
    return {"items": page, "next_cursor": str(cursor + limit) if len(items) > cursor + limit else None}


async def listing(handler: Handler, program: str, member: str | None) -> Json:
    """The offers of the rulebook in force; for a member, what it has of each, and why one is out of reach."""
    if member is None:
        known = await handler.programs.get(program)
        book = known.timeline().at(await handler.clock.now(program))
        return {"items": [_offer(offer) for offer in book.offers.values()] if book else [], "next_cursor": None}
    current, circumstances, now = await _current(handler, program, member)
    book = circumstances.timeline.at(now)
    slots = _all_slots(current)
    items = []
    for offer in book.offers.values() if book else ():
        mine = [slot for slot in slots if slot.offer == offer.id]
        reasons = _reasons(current, circumstances, offer, mine, now)
        items.append(
            _offer(offer)
            | {
                "eligible": not reasons,
                "reasons": reasons,
                "slots": [slot_shape(slot, circumstances, now) for slot in mine],
            }
        )
    return {"items": items, "next_cursor": None}


def _offer(offer: CompiledOffer) -> Json:
    """What an offer asks for and gives. Codes are for those who have them."""
    shown: Json = msgspec.to_builtins(offer.declared)
    if offer.coupon is not None:
        shown["coupon"] = {name: part for name, part in shown["coupon"].items() if name != "codes"}
    return {"offer": offer.id} | shown


def _reasons(
    member: Member, circumstances: Circumstances, offer: CompiledOffer, mine: list[Slot], now: datetime
) -> list[str]:
    """Why the member cannot complete the offer, or use its code, now."""
    if member.status != "active":
        return ["not-active"]
    if not mine:
        return ["not-assigned"]
    open_now = [slot for slot in mine if slot.assigned_at <= now <= slot.ends_at]
    if not open_now:
        return ["outside-window"]
    if offer.coupon is not None:
        book = circumstances.timeline.version(open_now[0].rulebook)
        if not offer.usable(now, Draft(member, circumstances, now).zone(book), circumstances.offsets):
            return ["outside-window"]
    if offer.goal is not None and all(slot.completed for slot in open_now):
        return ["completed"]
    if offer.declared.requires_view and all(slot.viewed_at is None for slot in open_now):
        return ["not-viewed"]
    return []


def _all_slots(member: Member) -> list[Slot]:
    closed: Iterable[Slot] = (slot for rows in member.months.values() for slot in rows.slots.values())
    return sorted((*member.slots, *closed), key=by_assignment)


async def _current(handler: Handler, program: str, member: str) -> tuple[Member, Circumstances, datetime]:
    """The whole member, cold months included, settled up to now."""
    loaded, known = await handler.find(program, member)
    whole = bring_in(loaded.member, await handler.store.cold(loaded.stream))
    now = handler.now(loaded)
    current, circumstances = await current_member(handler, known, msgspec.structs.replace(loaded, member=whole), now)
    return current, circumstances, now
