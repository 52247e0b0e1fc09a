"""Segments: how many members are in each."""

from typing import Any, Protocol

from application.handle import Handler
from domain.errors import Refused

Json = dict[str, Any]


class UnknownSegment(Refused):
    code = "unknown-segment"


class Segments(Protocol):
    """The table of memberships."""

    async def counts(self, program: str) -> dict[str, int]:
        """Members by segment; none where nobody is in it."""

    async def count(self, program: str, segment: str) -> int: ...


async def listing(handler: Handler, segments: Segments, program: str) -> Json:
    """The segments in force by the program's clock, each with its condition and how many members it has."""
    declared = await _declared(handler, program)
    counts = await segments.counts(program)
    items = [
        {"segment": name, "when": condition, "members": counts.get(name, 0)}
        for name, condition in sorted(declared.items())
    ]
    return {"items": items, "next_cursor": None}


async def read(handler: Handler, segments: Segments, program: str, segment: str) -> Json:
    """One of them. Raises UnknownSegment."""
    declared = await _declared(handler, program)
    if segment not in declared:
        raise UnknownSegment(f"there is no segment {segment!r} in the rulebook in force")
    return {"segment": segment, "when": declared[segment], "members": await segments.count(program, segment)}


async def _declared(handler: Handler, program: str) -> dict[str, str]:
    known = await handler.programs.get(program, await handler.store.timeline(program))
    book = known.timeline().at(await handler.clock.now(program))
    return book.document.segments if book is not None else {}
