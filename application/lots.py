"""Lots by an operator's hand: made to end later, or brought back after they expired."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from application.answers import Answered, answered, effects, member_after
from application.handle import Handler, Stored
from application.payloads import sane_text, sane_time
from application.pending import sane_lots
from application.repeats import Ask, carry_out
from application.rows import Wish
from domain.errors import InvalidPayload
from domain.member.commands import ExtendLots, ReinstateLots
from domain.member.events import LotsReinstated, LotsRescheduled
from domain.member.extending import EXTENDED
from domain.rules.compiled import CompiledRulebook

Json = dict[str, Any]


class LotsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some `lots` of a member, the end that they get, and why."""

    member: str
    lots: list[str]
    expires_at: datetime
    reason: str


async def extend(
    handler: Handler,
    program: str,
    body: LotsBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Let open lots end later. Raises UnknownLot, NotEligible."""
    return await _carry_out(handler, program, "extend", ExtendLots, body, actor, key, correlation)


async def reinstate(
    handler: Handler,
    program: str,
    body: LotsBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Bring back what expired. Raises UnknownLot, NotEligible."""
    return await _carry_out(handler, program, "reinstate", ReinstateLots, body, actor, key, correlation)


async def _carry_out(
    handler: Handler,
    program: str,
    verb: str,
    kind: type[ExtendLots | ReinstateLots],
    body: LotsBody,
    actor: str,
    key: str | None,
    correlation: str | None,
) -> Answered:
    sane_lots(body.lots)
    sane_time("/expires_at", body.expires_at)
    if not body.reason:
        raise InvalidPayload("a longer life has a reason", errors=[("/reason", "not empty")])
    sane_text("/reason", body.reason)
    loaded, known = await handler.find(program, body.member)
    command = kind(lots=tuple(body.lots), expires_at=body.expires_at.astimezone(UTC), reason=body.reason)
    ask = Ask(
        program=program,
        route=f"lots/{verb}",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        correlation=correlation,
    )
    found = await carry_out(handler, ask, Wish(program=program, command=command, actor=actor), loaded, known)
    book = await handler.programs.newest_at(program, found.entry.pins.timeline)
    return answered(found, _answer(found, body.member, book))


def _answer(stored: Stored, member: str, book: CompiledRulebook | None) -> Json:
    entry = stored.entry
    assert isinstance(entry.input, ExtendLots | ReinstateLots)
    until = entry.input.expires_at
    own = entry.events[entry.settled :]
    return {
        "extended": [
            {"lot": lot, "currency": event.currency, "expires_at": until}
            for event in own
            if isinstance(event, LotsRescheduled) and event.reason == EXTENDED
            for lot in event.lots
        ],
        "reinstated": [line for event in own if isinstance(event, LotsReinstated) for line in _came_back(event, until)],
        "effects": effects(entry),
        "member": member_after(entry, member, book),
        "position": stored.position,
    }


def _came_back(event: LotsReinstated, until: datetime) -> list[Json]:
    """By lot, in the order in which they were asked for: those that repaid debt come first."""
    open_again = {one.lot: one.points for one in event.lots}
    repaid = {draw.lot: draw.points for draw in event.repaid}
    return [
        {
            "lot": lot,
            "currency": event.currency,
            "points": open_again.get(lot, 0) + repaid.get(lot, 0),
            "repaid": repaid.get(lot, 0),
            "expires_at": until,
        }
        for lot in dict.fromkeys((*repaid, *open_again))
    ]
