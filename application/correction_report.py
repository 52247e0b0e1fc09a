"""Corrections as somebody looks at them before they approve one: all there are, and who would have more, who less."""

from collections.abc import Iterable, Sequence
from heapq import nlargest, nsmallest
from typing import Any
from uuid import UUID

import msgspec

from application.corrections import Known, name_of
from application.handle import Handler
from domain.correction.events import MemberToCorrect
from domain.correction.state import Correction, evolve
from domain.log import decode

Json = dict[str, Any]


class Listed(msgspec.Struct, frozen=True):
    """A correction in a list: what its first entry and its last one say."""

    id: str
    correction: Correction


class Moved(msgspec.Struct, frozen=True):
    """What one member would have more or less of; `member` is None for somebody erased."""

    member: str | None
    difference: int


class Effect(msgspec.Struct, frozen=True):
    """What a correction does to one currency: how many members have more, the same or less, and those furthest out."""

    currency: str
    difference: int
    more: int
    same: int
    less: int
    winners: list[Moved]
    losers: list[Moved]


async def listed(handler: Handler, heads: Sequence[tuple[UUID, int]]) -> list[Listed]:
    """The corrections of these streams, each with the version of its last entry."""
    found = []
    for stream, version in heads:
        rows = await handler.store.rows(stream, upto=1)
        if version > 1:
            rows += await handler.store.rows(stream, after=version - 1, upto=version)
        correction = Correction()
        for entry in (decode(row.state) for row in rows):
            for event in entry.events:
                correction = evolve(correction, event, entry.actor, entry.recorded_at)  # type: ignore[arg-type]
        found.append(Listed(f"cor_{stream.hex}", correction))
    return found


async def effects(handler: Handler, program: str, known: Known, most: int) -> list[Effect]:
    """By currency. Those who win or lose most are named, up to so many of either."""
    moved = frozenset(known.correction.moved)
    found = []
    for currency, sums in sorted(_sums(one for one in known.correction.members if one.stream not in moved).items()):
        winners = nlargest(most, ((points, stream) for stream, points in sums.items() if points > 0))
        losers = nsmallest(most, ((points, stream) for stream, points in sums.items() if points < 0))
        found.append(
            Effect(
                currency=currency,
                difference=sum(sums.values()),
                more=sum(points > 0 for points in sums.values()),
                same=sum(points == 0 for points in sums.values()),
                less=sum(points < 0 for points in sums.values()),
                winners=[Moved(await name_of(handler, program, stream), points) for points, stream in winners],
                losers=[Moved(await name_of(handler, program, stream), points) for points, stream in losers],
            )
        )
    return found


def _sums(members: Iterable[MemberToCorrect]) -> dict[str, dict[str, int]]:
    """Points by currency and stream."""
    sums: dict[str, dict[str, int]] = {}
    for one in members:
        for row in one.rows:
            for award in row.awards:
                of = sums.setdefault(award.currency, {})
                of[one.stream] = of.get(one.stream, 0) + award.points
    return sums
