"""Manual floors: a level of a tier set that an operator lets a member not fall below."""

from datetime import UTC, datetime

import msgspec

from application.answers import Answered
from application.handle import Handler
from application.members import read
from application.payloads import sane_text, sane_time
from application.repeats import Ask, carry_out
from application.rows import Wish
from domain.member.commands import SetTierFloor


class FloorBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A level of the set, why, and until when: for good when left out."""

    level: str
    reason: str
    until: datetime | None = None


async def set_floor(
    handler: Handler,
    program: str,
    member: str,
    tier_set: str,
    body: FloorBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Set a floor, in place of one that is there. Raises UnknownTier, FloorNotAllowed, BadTime."""
    sane_text("/reason", body.reason)
    if body.until is not None:
        sane_time("/until", body.until)
    until = body.until.astimezone(UTC) if body.until is not None else None
    command = SetTierFloor(set=tier_set, level=body.level, reason=body.reason, until=until)
    ask = _ask(program, member, tier_set, msgspec.to_builtins(body), actor, key, correlation)
    return await _done(handler, ask, member, command)


async def lift_floor(
    handler: Handler,
    program: str,
    member: str,
    tier_set: str,
    *,
    actor: str,
    reason: str = "",
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Lift the floor, if there is one. Raises UnknownTier."""
    sane_text("/reason", reason)
    command = SetTierFloor(set=tier_set, level=None, reason=reason)
    return await _done(
        handler, _ask(program, member, tier_set, {"reason": reason}, actor, key, correlation), member, command
    )


def _ask(
    program: str, member: str, tier_set: str, body: object, actor: str, key: str | None, correlation: str | None
) -> Ask:
    return Ask(
        program=program,
        route=f"members/{member}/tiers/{tier_set}/floor",
        body=body,
        actor=actor,
        key=key,
        correlation=correlation,
    )


async def _done(handler: Handler, ask: Ask, member: str, command: SetTierFloor) -> Answered:
    loaded, known = await handler.find(ask.program, member)
    wish = Wish(program=ask.program, command=command, actor=ask.actor)
    stored = await carry_out(handler, ask, wish, loaded, known)
    view = await read(handler, ask.program, member)
    return Answered(200, {"member": view, "position": stored.position}, stored.position, stored.replayed)
