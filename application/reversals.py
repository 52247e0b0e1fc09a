"""An adjustment is undone."""

import msgspec

from application import answers
from application.answers import Answered, answered
from application.handle import Handler
from application.repeats import Ask, carry_out
from application.rows import Wish
from domain.errors import UnknownAdjustment
from domain.member.commands import ReverseAdjustment


class ReverseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """With `force`, points that have moved on are taken from other lots, and what these lack is owed."""

    force: bool = False


async def reverse_adjustment(
    handler: Handler,
    program: str,
    adjustment: str,
    body: ReverseBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Take what it gave, or give back what it took. Raises UnknownAdjustment, AlreadyReversed, NotEnoughPoints."""
    held = await handler.store.claim(program, "adjustment", adjustment)
    if held is None:
        raise UnknownAdjustment(f"there is no adjustment {adjustment!r} in this program")
    loaded, known = await handler.load(program, held.stream)
    ask = Ask(
        program=program,
        route=f"adjustments/{adjustment}/reverse",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        correlation=correlation,
    )
    command = ReverseAdjustment(
        adjustment=adjustment, original=loaded.number_of(held.stream, held.version), force=body.force
    )
    found = await carry_out(handler, ask, Wish(program=program, command=command, actor=actor), loaded, known)
    book = await handler.programs.newest_at(program, found.entry.pins.timeline)
    return answered(found, answers.reversal(found, loaded.member.id, book))
