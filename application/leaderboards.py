"""Leaderboards: read a board, and one's own place on it.

A board as of now is read from tables that follow the log; as of another moment it is the same fold over fewer
results. A closed one is frozen in an entry of the program's stream: its first rows stand there, and the rest follows
from the results up to the position it was closed at.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from application.handle import Handler
from application.leaderboard_places import (
    Place,
    Scores,
    declared_by,
    event_of,
    known_now,
    named,
    period_at,
    surely_declared,
)
from application.members import profile_of
from application.repeats import stored
from domain.errors import (
    BadTime,
    InvalidPayload,
)
from domain.program.decide import thawed
from domain.program.events import LeaderboardClosed
from domain.rules.ranking import Ranked, Ties, ranked, standings
from domain.rules.rulebook import Leaderboard

Json = dict[str, Any]


MAX_NEIGHBOURS = 100


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which board, in which period, as of when. `restated` looks past a close."""

    board: str
    by: str | None = None
    period: str | None = None
    as_of: datetime | None = None
    known_at: datetime | None = None
    restated: bool = False


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, found. `frozen` says that the close answers, not the results."""

    place: Place
    declared: Leaderboard
    as_of: datetime | None
    known_at: datetime | None
    close: LeaderboardClosed | None
    position: int | None
    frozen: bool

    @property
    def ties(self) -> Ties:
        return self.close.ties if self.close is not None and self.frozen else self.declared.ties


async def read(
    handler: Handler, scores: Scores, program: str, asked: Asked, *, limit: int = 100, cursor: int = 0
) -> Json:
    """A page of a board. `cursor` is the number of rows to pass over. Raises UnknownLeaderboard, BadTime."""
    board = await _find(handler, scores, program, asked)
    rows = await _rows(scores, board, cursor, limit + 1)
    items = await _shown(handler, board, rows[:limit])
    return {"items": items, "next_cursor": str(cursor + limit) if len(rows) > limit else None} | _heading(board)


async def own(
    handler: Handler, scores: Scores, program: str, asked: Asked, member: str, *, neighbours: int = 3
) -> Json:
    """A member's own row, with rows above and below it; `rank` is None for a member who is not on the board.

    Raises UnknownMember, UnknownLeaderboard, BadTime.
    """
    if neighbours > MAX_NEIGHBOURS:
        raise InvalidPayload("too many neighbours", errors=[("/neighbours", f"0 to {MAX_NEIGHBOURS}")])
    (loaded, _), board = await asyncio.gather(handler.find(program, member), _find(handler, scores, program, asked))
    if _live(board):
        rows = await scores.around(board.place, board.ties, loaded.stream, neighbours)
    else:
        every = await _every(scores, board)
        at = next((number for number, row in enumerate(every) if row.standing.member == loaded.stream), None)
        rows = every[max(0, at - neighbours) : at + 1 + neighbours] if at is not None else []
    items = await _shown(handler, board, rows, own=loaded.stream)
    at = next((number for number, row in enumerate(rows) if row.standing.member == loaded.stream), None)
    nothing: Json = {"rank": None, "member": member, "name": None, "score": 0, "tiebreak": [], "reached_at": None}
    mine = items[at] if at is not None else nothing
    around = {"above": items[:at], "below": items[at + 1 :]} if at is not None else {"above": [], "below": []}
    return mine | around | {"items": items} | _heading(board)


async def listing(handler: Handler, scores: Scores, program: str) -> Json:
    """The leaderboards of the newest rulebook, and those before it that have boards."""
    known = await known_now(handler, program)
    boards: dict[str, list[str]] = {}
    for leaderboard, board in await scores.boards(program):
        boards.setdefault(leaderboard, []).append(board)
    newest = known.newest
    names = sorted({*boards, *(newest.document.leaderboards if newest is not None else ())})
    items = []
    for name in names:
        found = declared_by(known, name)
        if found is not None:
            _, declared = found
            words = {"period": declared.period, "ties": declared.ties, "score": declared.score, "by": declared.by}
            dates = {"starts": declared.starts, "ends": declared.ends}
            prizes = msgspec.to_builtins(declared.prizes)
            items.append({"leaderboard": name} | words | dates | {"boards": boards.get(name, []), "prizes": prizes})
    return {"items": items, "next_cursor": None}


def _live(board: Board) -> bool:
    return not board.frozen and board.as_of is None and board.known_at is None


async def _rows(scores: Scores, board: Board, offset: int, limit: int) -> list[Ranked]:
    if _live(board):
        return await scores.page(board.place, board.ties, offset, limit)
    close = board.close
    if board.frozen and close is not None and (offset + limit <= len(close.top) or len(close.top) == close.members):
        return [thawed(row) for row in close.top[offset : offset + limit]]
    return (await _every(scores, board))[offset : offset + limit]


async def _every(scores: Scores, board: Board) -> list[Ranked]:
    """All rows: of a frozen board as they were, of another as of its moment."""
    if board.frozen and board.close is not None:
        results = await scores.results(board.place, position=board.close.position)
    else:
        results = await scores.results(board.place, as_of=board.as_of, known_at=board.known_at)
    return await asyncio.to_thread(lambda: list(ranked(board.ties, standings(results))))


async def _shown(handler: Handler, board: Board, rows: Sequence[Ranked], own: UUID | None = None) -> list[Json]:
    """Rows with the names of those who may be named. Who was erased, or wants no name here, keeps the place."""
    program = board.place.program
    found = await asyncio.gather(*(handler.load(program, row.standing.member) for row in rows))
    items = []
    for (rank, standing), (loaded, _) in zip(rows, found, strict=True):
        member = loaded.member
        named = member.status != "erased" and (member.consents.get("leaderboard") is not False or loaded.stream == own)
        items.append(
            {
                "rank": rank,
                "member": member.id if named else None,
                "name": _name(profile_of(handler, program, loaded)) if named else None,
                "score": standing.score,
                "tiebreak": list(standing.tiebreak) if board.ties == "count_back" else [],
                "reached_at": standing.reached_at,
            }
        )
    return items


def _name(profile: Json) -> str | None:
    for field in ("display_name", "nickname", "name"):
        if isinstance(profile.get(field), str):
            name: str = profile[field]
            return name
    return None


def _heading(board: Board) -> Json:
    place, close = board.place, board.close
    return {
        "leaderboard": place.leaderboard,
        "board": place.board,
        "period": place.period,
        "ties": board.ties,
        "closed": close is not None,
        "restated": close is not None and not board.frozen,
        "close": shown_close(close, board.position) if close is not None else None,
    }


def shown_close(close: LeaderboardClosed, position: int | None) -> Json:
    return {
        "closed_at": close.closed_at,
        "rulebook": close.rulebook,
        "members": close.members,
        "digest": close.digest,
        "position": position,
    }


async def _find(handler: Handler, scores: Scores, program: str, asked: Asked) -> Board:
    known, now = await asyncio.gather(known_now(handler, program), handler.clock.now(program))
    known_at = asked.known_at or now
    as_of = asked.as_of or known_at
    if known_at > now or as_of > known_at:
        raise BadTime(
            "as_of is not after known_at, and known_at not after the program's clock",
            errors=[("/as_of" if as_of > known_at else "/known_at", f"the clock shows {now.isoformat()}")],
        )
    leaderboard, board = await named(known, scores, program, asked.board, asked.by)
    book, declared = surely_declared(known, leaderboard)
    period = period_at(handler, known, book, declared, asked.period, as_of)
    place = Place(program, leaderboard, board, period)
    close, position = await _close_of(handler, place)
    if close is not None and close.closed_at > known_at:
        close, position = None, None
    past = asked.as_of is not None or asked.known_at is not None
    frozen = close is not None and not asked.restated and as_of >= close.closed_at
    return Board(
        place=place,
        declared=declared,
        as_of=as_of if past else None,
        # Left out, it bounds nothing: where the clock stands still, entries are recorded microseconds ahead of it.
        known_at=asked.known_at,
        close=close,
        position=position,
        frozen=frozen,
    )


async def _close_of(handler: Handler, place: Place) -> tuple[LeaderboardClosed | None, int | None]:
    held = await handler.store.claim(place.program, "close", place.key)
    if held is None:
        return None, None
    return event_of(await stored(handler, held.stream, held.version, held.position)), held.position
