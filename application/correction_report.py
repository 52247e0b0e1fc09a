"""Corrections as somebody looks at them before they approve one: all there are, and who would have more, who less."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest, nsmallest
from typing import Any
from uuid import UUID

import msgspec

from application.corrections import Known, changes_of, folded, name_of, rows_of
from application.handle import Handler
from domain.correction.events import CorrectionTried, MemberToCorrect
from domain.correction.state import Correction, evolve
from domain.log import Row, decode

Json = dict[str, Any]

SHOWN = 10
"""Of those who win most and lose most, so many are told."""


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


class Report(msgspec.Struct, frozen=True):
    """A correction worked out: everything but its members, of whom there may be very many, and what becomes of each.

    Those in `effects` are named by their streams. `parts` are the entries that hold the changes: version, and how many.
    """

    known: Known
    members: int
    totals: list[Json]
    effects: list[Effect]
    parts: list[tuple[int, int]]


class Reports:
    """Reports as they were worked out before: of as many entries of its stream, a correction says the same for ever."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, str, int], Report] = OrderedDict()

    async def of(self, handler: Handler, program: str, name: str, version: int | None) -> Report:
        """The report of a correction whose stream has so many entries. Raises UnknownCorrection."""
        asked = (program, name, version or 0)
        found = self._kept.pop(asked, None)
        if found is None:
            found = reported(name, await rows_of(handler, program, name))
            asked = (program, name, found.known.version)
        self._kept[asked] = found
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return found


def reported(name: str, rows: Sequence[Row]) -> Report:
    entries = [decode(row.state) for row in rows]
    known = folded(name, rows, entries)
    correction = known.correction
    return Report(
        known=msgspec.structs.replace(known, correction=msgspec.structs.replace(correction, members=())),
        members=len(correction.members),
        totals=_totals(correction.members),
        effects=_effects(correction),
        parts=[
            (entry.version, sum(len(row.awards) for one in event.members for row in one.rows))
            for entry in entries
            for event in entry.events
            if isinstance(event, CorrectionTried)
        ],
    )


async def changes(handler: Handler, program: str, report: Report, *, skip: int, limit: int) -> list[Json]:
    """A page of what it changes, by member, activity and rule."""
    known = report.known
    moved = frozenset(known.correction.moved)
    found: list[Json] = []
    number = 0
    for version, count in report.parts:
        if number + count > skip and len(found) < limit:
            (row,) = await handler.store.rows(known.stream, after=version - 1, upto=version)
            for one in _members(row.state):
                told = list(changes_of(one, None, "moved" if one.stream in moved else known.correction.state))
                wanted = told[max(0, skip - number) : max(0, skip + limit - number)]
                number += len(told)
                if wanted:
                    member = await name_of(handler, program, one.stream)
                    found += [change | {"member": member} for change in wanted]
        else:
            number += count
    return found


async def named(handler: Handler, program: str, effect: Effect) -> Effect:
    """The effect with the members' own ids."""
    winners, losers = [
        [Moved(await name_of(handler, program, one.member or ""), one.difference) for one in side]
        for side in (effect.winners, effect.losers)
    ]
    return msgspec.structs.replace(effect, winners=winners, losers=losers)


def _members(state: bytes) -> Iterator[MemberToCorrect]:
    for event in decode(state).events:
        if isinstance(event, CorrectionTried):
            yield from event.members


def _effects(correction: Correction) -> list[Effect]:
    moved = frozenset(correction.moved)
    found = []
    for currency, sums in sorted(_sums(one for one in correction.members if one.stream not in moved).items()):
        winners = nlargest(SHOWN, ((points, stream) for stream, points in sums.items() if points > 0))
        losers = nsmallest(SHOWN, ((points, stream) for stream, points in sums.items() if points < 0))
        found.append(
            Effect(
                currency=currency,
                difference=sum(sums.values()),
                more=sum(points > 0 for points in sums.values()),
                same=sum(points == 0 for points in sums.values()),
                less=sum(points < 0 for points in sums.values()),
                winners=[Moved(stream, points) for points, stream in winners],
                losers=[Moved(stream, points) for points, stream in losers],
            )
        )
    return found


def _totals(members: Iterable[MemberToCorrect]) -> list[Json]:
    """How many activities, and how many points, of each rule."""
    totals: dict[tuple[str, str], list[int]] = {}
    for one in members:
        for row in one.rows:
            for award in row.awards:
                so_far = totals.setdefault((award.rule, award.currency), [0, 0])
                so_far[0] += 1
                so_far[1] += award.points
    return [
        {"rule": rule, "currency": currency, "activities": count, "difference": points}
        for (rule, currency), (count, points) in sorted(totals.items())
    ]


def _sums(members: Iterable[MemberToCorrect]) -> dict[str, dict[str, int]]:
    """Points by currency and stream."""
    sums: dict[str, dict[str, int]] = {}
    for one in members:
        for row in one.rows:
            for award in row.awards:
                of = sums.setdefault(award.currency, {})
                of[one.stream] = of.get(one.stream, 0) + award.points
    return sums
