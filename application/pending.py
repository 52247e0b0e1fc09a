"""Pending points by request: made spendable, or cancelled."""

from typing import Any

import msgspec

from application import answers
from application.answers import Answered, answered
from application.handle import Handler
from application.payloads import MAX_ID, UNPRINTABLE
from application.points import ActivityName
from application.recent import Loaded
from application.repeats import SEPARATOR, Ask, carry_out
from application.rows import Wish
from domain.errors import BadId, InvalidPayload, UnknownActivity
from domain.member.commands import ActivatePending, CancelPending

Json = dict[str, Any]

MAX_LOTS = 1_000


class PendingBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Some `lots` of a member, or all that is still pending of what an activity earned."""

    member: str
    lots: list[str] | None = None
    activity: ActivityName | None = None


async def activate(
    handler: Handler,
    program: str,
    body: PendingBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Let points be spent from now on. Raises UnknownLot, UnknownActivity, MemberSuspended."""
    return await _carry_out(handler, program, "activate", ActivatePending, body, actor, key, correlation)


async def cancel(
    handler: Handler,
    program: str,
    body: PendingBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Take points back that cannot be spent yet. Raises UnknownLot, UnknownActivity, NotEligible."""
    return await _carry_out(handler, program, "cancel", CancelPending, body, actor, key, correlation)


async def _carry_out(
    handler: Handler,
    program: str,
    verb: str,
    kind: type[ActivatePending | CancelPending],
    body: PendingBody,
    actor: str,
    key: str | None,
    correlation: str | None,
) -> Answered:
    if (body.lots is None) == (body.activity is None):
        raise InvalidPayload("give lots or an activity", errors=[("/lots", "one of the two")])
    sane_lots(body.lots)
    loaded, known = await handler.find(program, body.member)
    if body.activity is None:
        command = kind(lots=tuple(body.lots or ()))
    else:
        original = await _entry_of(handler, program, loaded, body.activity)
        command = kind(activity_source=body.activity.source, activity_id=body.activity.id, original=original)
    ask = Ask(
        program=program,
        route=f"pending/{verb}",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        correlation=correlation,
    )
    found = await carry_out(handler, ask, Wish(program=program, command=command, actor=actor), loaded, known)
    book = await handler.programs.newest_at(program, found.entry.pins.timeline)
    return answered(found, answers.pending(found, body.member, book))


def sane_lots(lots: list[str] | None) -> None:
    """Names of lots as `GET /v1/members/{id}/lots` gives them."""
    if lots is None:
        return
    if not 0 < len(lots) <= MAX_LOTS:
        raise InvalidPayload(f"1 to {MAX_LOTS} lots", errors=[("/lots", f"1 to {MAX_LOTS}")])
    for number, lot in enumerate(lots):
        if not 0 < len(lot) <= MAX_ID or UNPRINTABLE.search(lot):
            raise BadId("not the id of a lot", errors=[(f"/lots/{number}", "not such an id")])


async def _entry_of(handler: Handler, program: str, loaded: Loaded, name: ActivityName) -> int:
    """The entry of the member's activity."""
    held = await handler.store.claim(program, "activity", name.source + SEPARATOR + name.id)
    if held is None or (held.stream != loaded.stream and held.stream.hex not in loaded.member.absorbed):
        raise UnknownActivity(
            f"the member has no activity {name.id!r} of source {name.source!r}", errors=[("/activity", "not recorded")]
        )
    return loaded.number_of(held.stream, held.version)
