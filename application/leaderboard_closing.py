"""Close a board: freeze it in an entry of the program's stream, once, and pay what it won."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from application.answers import Answered, answered
from application.follow import Positions, wait_for
from application.handle import MAX_TRIES, Handler, Stored
from application.leaderboard_places import (
    Open,
    Place,
    Scores,
    end_of,
    event_of,
    known_now,
    named,
    period_at,
    surely_declared,
    zone_of,
)
from application.leaderboard_prizes import pay_prizes
from application.leaderboards import shown_close
from application.ports import ClaimTaken, HeadMoved, Save, TimelineMoved, Unavailable
from application.programs import KnownProgram, next_instant, next_row, program_stream
from application.repeats import SEPARATOR, stored
from domain.calendar import MICROSECOND, Offsets
from domain.errors import (
    BadTime,
    InvalidPayload,
    KeyReused,
)
from domain.log import Claim
from domain.member.draft import local_day
from domain.program.commands import CloseLeaderboard
from domain.program.decide import close_leaderboard, winners
from domain.program.events import LeaderboardClosed
from domain.rules.boards import EVER, days_of_label
from domain.rules.compiled import CompiledRulebook
from domain.rules.ranking import ranked
from domain.rules.rulebook import Leaderboard

ACTOR = "system:leaderboards"


PATIENCE = 2.0
"""Seconds that a close waits for the tables to have all of the log."""


class CloseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`period` is a label or a day in it, `by` the board where the leaderboard has several."""

    period: str | None = None
    by: str | None = None


async def close(
    handler: Handler,
    scores: Scores,
    program: str,
    board: str,
    body: CloseBody,
    *,
    actor: str,
    key: str | None = None,
) -> Answered:
    """Freeze a board for a period, and pay its prizes. A board that is closed stays as it is: the same answer again.

    The tables must have all of the log: see that they do first. Raises UnknownLeaderboard, BadTime, KeyReused.
    """
    known = await handler.programs.refresh(program)
    leaderboard, name = await named(known, scores, program, board, body.by)
    book, declared = surely_declared(known, leaderboard)
    if body.period is None and declared.period != EVER:
        raise InvalidPayload("which period is to be closed?", errors=[("/period", "a label, or a day in it")])
    now = await handler.clock.now(program)
    period = period_at(handler, known, book, declared, body.period, now)
    offsets = Offsets(handler.zones.offset)
    if period != EVER and days_of_label(period)[0] > local_day(book, zone_of(known, book), now, offsets):
        raise BadTime("the period has not begun", errors=[("/period", f"the clock shows {now.isoformat()}")])
    request = handler.crypto.fingerprint(known.key, "close", SEPARATOR.join((board, name, period)))
    if key is not None:
        held = await handler.store.claim(program, "key", key)
        if held is not None:
            if held.hash != request:
                raise KeyReused(f"the key {key!r} was used for another request")
            return _answered(known, await stored(handler, held.stream, held.version, held.position))
    claims = (Claim("key", key, request),) if key is not None else ()
    done = await _close(handler, scores, Place(program, leaderboard, name, period), actor, claims)
    known = await handler.programs.refresh(program)
    await pay_prizes(handler, known, done)
    return _answered(known, done)


async def caught_up(positions: Positions, follower: str) -> bool:
    """Whether the tables have all of the log, or get it within a moment: before that no board is frozen."""
    return not await positions.parked(follower) and await wait_for(
        positions, [follower], await positions.head(), PATIENCE
    )


async def close_due(
    handler: Handler,
    scores: Scores,
    positions: Positions,
    follower: str,
    program: str,
    now: datetime,
    *,
    at_most: float | None = None,
) -> int:
    """Close every board whose period is over at `now`, and pay what is unpaid; how many were closed.

    Not before the tables have all of the log, so that nothing that came in time is missed; what is not done within
    `at_most` seconds is left to the next run. Raises Unavailable.
    """
    known = await known_now(handler, program)
    if not any(event.document.get("leaderboards") for event in known.documents.values()):
        return 0
    until = asyncio.get_running_loop().time() + at_most if at_most is not None else None
    closed = 0
    if await caught_up(positions, follower):
        for one in await scores.open(program):
            if until is not None and asyncio.get_running_loop().time() > until:
                return closed
            end = end_of(handler, known, one)
            if end is not None and end <= now:
                await _close(handler, scores, Place(program, one.leaderboard, one.board, one.period), ACTOR)
                closed += 1
    unpaid = await scores.unpaid(program)
    if unpaid:
        known = await handler.programs.refresh(program)
    for version in unpaid:
        if until is not None and asyncio.get_running_loop().time() > until:
            break
        await pay_prizes(handler, known, await stored(handler, program_stream(program), version, 0))
    return closed


async def _close(handler: Handler, scores: Scores, place: Place, actor: str, claims: tuple[Claim, ...] = ()) -> Stored:
    """The entry that closes a place: made now, or by whoever was first."""
    command = CloseLeaderboard(leaderboard=place.leaderboard, board=place.board, period=place.period)
    for _ in range(MAX_TRIES):
        known = await handler.programs.refresh(place.program)
        held = await handler.store.claim(place.program, "close", place.key)
        if held is not None:
            return await stored(handler, held.stream, held.version, held.position)
        now = await handler.clock.now(place.program)
        book, declared = _ruling(handler, known, place, now)
        position, rows = await scores.whole(place)
        every = list(await asyncio.to_thread(ranked, declared.ties, rows))
        events = close_leaderboard(command, now, book.number, declared, every, position)
        mine = (Claim("close", place.key), *claims)
        if not winners(events[0], declared):
            mine += (Claim("prizes", place.key),)
        row = next_row(
            place.program, known, command, events, actor, next_instant(known, now), handler.new_id(), mine, book.number
        )
        try:
            (at,) = await handler.store.append(
                Save(program=place.program, rows=(row,), timeline=len(known.program.published))
            )
        except (HeadMoved, TimelineMoved):
            continue
        except ClaimTaken as taken:
            if taken.kind == "key" and await handler.store.claim(place.program, "close", place.key) is None:
                raise KeyReused(f"the key {taken.key!r} was used for another request") from None
            continue
        return Stored(row.entry, at)
    raise Unavailable("too many others change this program at once")


def _ruling(handler: Handler, known: KnownProgram, place: Place, now: datetime) -> tuple[CompiledRulebook, Leaderboard]:
    """The definition in force when the period ended, or now where it goes on; else the newest there is."""
    end = end_of(handler, known, Open(place.leaderboard, place.board, place.period))
    book = known.timeline().at(min(end - MICROSECOND, now) if end is not None else now)
    if book is not None and place.leaderboard in book.document.leaderboards:
        return book, book.document.leaderboards[place.leaderboard]
    return surely_declared(known, place.leaderboard)


def _answered(known: KnownProgram, done: Stored) -> Answered:
    event = event_of(done)
    board = known.load(event.rulebook).document.leaderboards[event.leaderboard]
    where = {"leaderboard": event.leaderboard, "board": event.board, "period": event.period, "ties": event.ties}
    won = {"prizes": [msgspec.to_builtins(prize) | {"winners": count} for prize, count in _won(event, board)]}
    return answered(done, where | shown_close(event, done.position) | won | {"position": done.position})


def _won(event: LeaderboardClosed, board: Leaderboard) -> Iterator[tuple[Any, int]]:
    found = winners(event, board)
    for prize in board.prizes:
        yield prize, sum(1 for _, one in found if one is prize)
