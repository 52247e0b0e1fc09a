"""A member at a moment, for people who look: the view, its lots, and the newest of its history first.

As of now everything comes from the state row and a page of the newest entries; only the line of the balance adds up
the whole stream. As of another moment the stream is folded, as for every read of the past.
"""

from datetime import datetime
from typing import Any

import msgspec

from application.handle import Handler
from application.history import Past, every, lots_of, past, say_in, sentences, unwritten
from application.members import seen
from application.programs import KnownProgram
from application.recent import Loaded
from domain.log import decode
from domain.member.counters import ColdHistoryNeeded
from domain.member.draft import Circumstances
from domain.member.movements import movements
from domain.member.settle import settled
from domain.member.shape import bring_in
from domain.member.state import Lot, Member
from domain.rules.compiled import CompiledRulebook

Json = dict[str, Any]

ENTRIES = 25
"""Entries of a page of history."""


class Ahead(msgspec.Struct, frozen=True):
    """Points that a lot holds, and when they end."""

    lot: str
    currency: str
    points: int
    remaining: int
    state: str
    available_at: datetime | None
    expires_at: datetime | None
    rule: str


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """A member as of `as_of`, known at `known_at`; `past` says that this is not now.

    `items` are sentences, the newest first; `older` goes on from there, None at the beginning.
    """

    stream: str
    now: datetime
    as_of: datetime
    known_at: datetime
    past: bool
    view: Json
    ladders: dict[str, list[tuple[str, int]]]
    scales: dict[str, int]
    lots: list[Ahead]
    items: list[Json]
    older: int | None


async def dossier(
    handler: Handler,
    program: str,
    member: str,
    *,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    before: int | None = None,
) -> Dossier:
    """Raises UnknownMember, BadTime for instants that have not come. `before` is the `older` of the page before."""
    loaded, known = await handler.find(program, member)
    now = handler.now(loaded)
    view = await seen(handler, known, loaded, as_of=as_of, known_at=known_at)
    if as_of is None and known_at is None:
        current, circumstances, items, older = await _now(handler, known, loaded, now, before)
        as_of = known_at = now
        lots = [_ahead(lot, now) for lot in current.lots]
    else:
        known_at = known_at or now
        as_of = as_of or known_at
        found = await past(handler, known, loaded.stream, known_at)
        circumstances = found.circumstances
        items, older = _then(found, as_of, before or 0)
        lots = _lots_as_of(found, as_of) if as_of < known_at else [_ahead(lot, known_at) for lot in found.member.lots]
    book = circumstances.timeline.at(as_of)
    return Dossier(
        stream=str(loaded.stream),
        now=now,
        as_of=as_of,
        known_at=known_at,
        past=known_at < now or as_of < now,
        view=view,
        ladders={name: [(one.id, one.at) for one in tiers.ladder] for name, tiers in book.tiers.items()}
        if book
        else {},
        scales={name: one.scale for name, one in book.document.currencies.items()} if book else {},
        lots=sorted(lots, key=lambda one: (one.expires_at is None, one.expires_at or now, one.lot)),
        items=items,
        older=older,
    )


def _ladders(book: CompiledRulebook) -> dict[str, list[tuple[str, int]]]:
    return {name: [(level.id, level.at) for level in tiers.ladder] for name, tiers in book.tiers.items()}


async def _now(
    handler: Handler, known: KnownProgram, loaded: Loaded, now: datetime, before: int | None
) -> tuple[Member, Circumstances, list[Json], int | None]:
    """The member settled, and a page of its history read from the newest entry, or from the one before `before`."""
    circumstances = handler.circumstances(known, now)
    try:
        current, events = settled(loaded.member, circumstances)
    except ColdHistoryNeeded:
        whole = bring_in(loaded.member, await handler.store.cold(loaded.stream))
        current, events = settled(whole, circumstances)
    last = loaded.member.version if before is None else before - 1
    # One more than is shown: what could be spent before the first one stands in the entry ahead of it.
    rows = await handler.store.rows(loaded.stream, after=max(0, last - ENTRIES - 1), upto=last)
    entries = [decode(row.state) for row in rows]
    positions = {row.version: row.position for row in rows}
    running: dict[str, int] = {}
    older = None
    if len(entries) > ENTRIES:
        ahead, *entries = entries
        older = entries[0].version
        running = {name: held.available for name, held in ahead.after.balances.items()} if ahead.after else {}
    if before is None and events and entries:
        entries.append(unwritten(entries[-1], now, events))
    items = list(sentences(entries, positions, say_in(circumstances), running))
    return current, circumstances, items[::-1], older


def _then(found: Past, as_of: datetime, passed: int) -> tuple[list[Json], int | None]:
    """What had happened by `as_of`, the newest first, after `passed` items."""
    told = [
        item
        for item in sentences(every(found), found.positions, say_in(found.circumstances))
        if item["at"] <= as_of
    ]  # fmt: skip
    told.reverse()
    if as_of < found.circumstances.recorded_at:
        # A balance runs in the order of recording, which is not the order in which things happened.
        told = [item | {"balance_after": None} for item in told]
    return told[passed : passed + ENTRIES], passed + ENTRIES if len(told) > passed + ENTRIES else None


def _ahead(lot: Lot, at: datetime) -> Ahead:
    state = "open" if lot.spendable(at) else "pending"
    return Ahead(
        lot.id, lot.currency, lot.points, lot.remaining, state, lot.available_at, lot.expires_at, lot.rule
    )  # fmt: skip


def _lots_as_of(found: Past, as_of: datetime) -> list[Ahead]:
    """Lots by the movements that were effective by then: they sum to the balances of the view."""
    open_points: dict[str, int] = {}
    pending: dict[str, int] = {}
    for entry in every(found):
        for line in movements(entry):
            if line.effective_at <= as_of and line.lot is not None and line.account in ("member", "pending"):
                sums = open_points if line.account == "member" else pending
                sums[line.lot] = sums.get(line.lot, 0) + line.points
    return [
        Ahead(
            name,
            lot["currency"],
            lot["points"],
            points,
            state,
            lot["available_at"],
            lot["expires_at"],
            lot["rule"] or "",
        )
        for name, lot in lots_of(found).items()
        for state, points in (("open", open_points.get(name, 0)), ("pending", pending.get(name, 0)))
        if points > 0
    ]
