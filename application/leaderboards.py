"""Leaderboards: read a board, one's own place on it, close it, and pay what it won.

A board as of now is read from tables that follow the log; as of another moment it is the same fold over fewer
results. A closed one is frozen in an entry of the program's stream: its first rows stand there, and the rest follows
from the results up to the position it was closed at. Read `read` first, then `close`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, Protocol
from uuid import UUID

import msgspec
import structlog

from application.answers import Answered, answered
from application.follow import Positions, wait_for
from application.handle import MAX_TRIES, AlreadyThere, Handler, Stored
from application.members import profile_of
from application.ports import ClaimTaken, HeadMoved, Save, TimelineMoved, Unavailable
from application.programs import KnownProgram, next_instant, next_row, program_stream
from application.repeats import SEPARATOR, stored
from application.rows import Wish
from domain.calendar import MICROSECOND, Offsets
from domain.errors import (
    AmountOutOfRange,
    BadTime,
    InvalidPayload,
    KeyReused,
    MemberErasedAlready,
    MemberSuspended,
    UnknownLeaderboard,
    UnknownMember,
)
from domain.log import Claim
from domain.member.commands import PayPrize
from domain.member.draft import local_day
from domain.program.commands import CloseLeaderboard, NotePrizes
from domain.program.decide import close_leaderboard, note_prizes, thawed, winners
from domain.program.events import LeaderboardClosed
from domain.rules.boards import BOARD_NAME, EVER, days_of_label, period_label, period_of
from domain.rules.compiled import CompiledRulebook
from domain.rules.ranking import Ranked, Result, Standing, Ties, ranked, standings
from domain.rules.rulebook import Leaderboard

Json = dict[str, Any]

ACTOR = "system:leaderboards"
MAX_NEIGHBOURS = 100
PATIENCE = 2.0
"""Seconds that a close waits for the tables to have all of the log."""

_log = structlog.get_logger(__name__)


class Place(msgspec.Struct, frozen=True):
    """A board of a leaderboard in a period, by its label."""

    program: str
    leaderboard: str
    board: str
    period: str

    @property
    def key(self) -> str:
        return SEPARATOR.join((self.leaderboard, self.board, self.period))


class Open(msgspec.Struct, frozen=True):
    """A board that is not closed."""

    leaderboard: str
    board: str
    period: str


class Scores(Protocol):
    """Boards as the followers keep them. Everything raises Unavailable when the database is the reason."""

    async def boards(self, program: str, board: str | None = None) -> list[tuple[str, str]]:
        """(leaderboard, board) of all that have results, or of those with this name."""

    async def page(self, place: Place, ties: Ties, offset: int, limit: int) -> list[Ranked]:
        """Rows of a board as of now, after `offset` others."""

    async def around(self, place: Place, ties: Ties, member: UUID, neighbours: int) -> list[Ranked]:
        """The member's row with up to so many above it and below it; empty when the member is not on the board."""

    async def whole(self, place: Place) -> tuple[int, list[Standing]]:
        """All standings in the order of the board, and the position of the log that they are of."""

    async def results(
        self,
        place: Place,
        *,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        position: int | None = None,
    ) -> list[Result]:
        """Results that took effect by `as_of`, were recorded by `known_at`, and stand in the log up to `position`."""

    async def open(self, program: str) -> list[Open]:
        """Boards with results that are not closed."""

    async def unpaid(self, program: str) -> list[int]:
        """Versions of the program's entries that closed a board whose prizes are not all paid."""


class CloseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`period` is a label or a day in it, `by` the board where the leaderboard has several."""

    period: str | None = None
    by: str | None = None


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


# --- reading -----------------------------------------------------------------------------------


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
    loaded, _ = await handler.find(program, member)
    board = await _find(handler, scores, program, asked)
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
    known = await _known(handler, program)
    boards: dict[str, list[str]] = {}
    for leaderboard, board in await scores.boards(program):
        boards.setdefault(leaderboard, []).append(board)
    newest = known.newest
    names = sorted({*boards, *(newest.document.leaderboards if newest is not None else ())})
    items = []
    for name in names:
        found = _declared(known, name)
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
        "close": _closing(close, board.position) if close is not None else None,
    }


def _closing(close: LeaderboardClosed, position: int | None) -> Json:
    return {
        "closed_at": close.closed_at,
        "rulebook": close.rulebook,
        "members": close.members,
        "digest": close.digest,
        "position": position,
    }


# --- finding -----------------------------------------------------------------------------------


async def _find(handler: Handler, scores: Scores, program: str, asked: Asked) -> Board:
    known = await _known(handler, program)
    now = await handler.clock.now(program)
    known_at = asked.known_at or now
    as_of = asked.as_of or known_at
    if known_at > now or as_of > known_at:
        raise BadTime(
            "as_of is not after known_at, and known_at not after the program's clock",
            errors=[("/as_of" if as_of > known_at else "/known_at", f"the clock shows {now.isoformat()}")],
        )
    leaderboard, board = await _named(known, scores, program, asked.board, asked.by)
    book, declared = _surely(known, leaderboard)
    period = _period(handler, known, book, declared, asked.period, as_of)
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


async def _named(known: KnownProgram, scores: Scores, program: str, name: str, by: str | None) -> tuple[str, str]:
    """(leaderboard, board) that an address names: a leaderboard by its id, or one of its boards directly."""
    found = _declared(known, name)
    if found is None:
        homes = [home for home, _ in await scores.boards(program, name) if _declared(known, home)] if not by else []
        if len(homes) > 1:
            message = f"several leaderboards have a board {name!r}: {', '.join(homes)}"
            raise InvalidPayload(message, errors=[("/by", "name the leaderboard, and give the board as `by`")])
        if not homes:
            raise UnknownLeaderboard(f"there is no leaderboard {name!r}, and no board of this name")
        return homes[0], name
    _, declared = found
    if declared.by is None:
        if by is not None:
            raise UnknownLeaderboard(f"the leaderboard {name!r} has one board only")
        return name, ""
    if by is None:
        raise InvalidPayload(
            f"the leaderboard {name!r} has a board for each value of {declared.by}", errors=[("/by", "which board?")]
        )
    if not BOARD_NAME.fullmatch(by) or (name, by) not in await scores.boards(program, by):
        raise UnknownLeaderboard(f"the leaderboard {name!r} has no board {by!r}")
    return name, by


def _declared(known: KnownProgram, leaderboard: str) -> tuple[CompiledRulebook, Leaderboard] | None:
    """The newest definition of a leaderboard: what no rulebook has any more can still be read."""
    for number in sorted(known.documents, reverse=True):
        if leaderboard in known.documents[number].document.get("leaderboards", {}):
            book = known.load(number)
            return book, book.document.leaderboards[leaderboard]
    return None


def _surely(known: KnownProgram, leaderboard: str) -> tuple[CompiledRulebook, Leaderboard]:
    found = _declared(known, leaderboard)
    assert found is not None
    return found


def _period(
    handler: Handler, known: KnownProgram, book: CompiledRulebook, declared: Leaderboard, text: str | None, at: datetime
) -> str:
    if text is None:
        offsets = Offsets(handler.zones.offset)
        return period_label(declared.period, local_day(book, _zone(known, book), at, offsets))
    try:
        return period_of(declared.period, text)
    except ValueError as error:
        raise BadTime(f"{text!r} is no period of this leaderboard", errors=[("/period", str(error))]) from None


def _zone(known: KnownProgram, book: CompiledRulebook) -> str:
    return "UTC" if book.document.zone_policy == "utc" else book.document.time_zone or known.program.time_zone


async def _close_of(handler: Handler, place: Place) -> tuple[LeaderboardClosed | None, int | None]:
    held = await handler.store.claim(place.program, "close", place.key)
    if held is None:
        return None, None
    return _event(await stored(handler, held.stream, held.version, held.position)), held.position


def _event(found: Stored) -> LeaderboardClosed:
    (event,) = found.entry.events
    assert isinstance(event, LeaderboardClosed)
    return event


async def _known(handler: Handler, program: str) -> KnownProgram:
    return await handler.programs.get(program, await handler.store.timeline(program))


# --- closing -----------------------------------------------------------------------------------


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
    leaderboard, name = await _named(known, scores, program, board, body.by)
    book, declared = _surely(known, leaderboard)
    if body.period is None and declared.period != EVER:
        raise InvalidPayload("which period is to be closed?", errors=[("/period", "a label, or a day in it")])
    now = await handler.clock.now(program)
    period = _period(handler, known, book, declared, body.period, now)
    offsets = Offsets(handler.zones.offset)
    if period != EVER and days_of_label(period)[0] > local_day(book, _zone(known, book), now, offsets):
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
    known = await _known(handler, program)
    if not any(event.document.get("leaderboards") for event in known.documents.values()):
        return 0
    until = asyncio.get_running_loop().time() + at_most if at_most is not None else None
    closed = 0
    if await caught_up(positions, follower):
        for one in await scores.open(program):
            if until is not None and asyncio.get_running_loop().time() > until:
                return closed
            end = _end(handler, known, one)
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


def _end(handler: Handler, known: KnownProgram, one: Open) -> datetime | None:
    """When a board's period is over; None: never by itself."""
    found = _declared(known, one.leaderboard)
    if found is None:
        return None
    book, declared = found
    ends = [datetime.fromisoformat(declared.ends)] if declared.ends is not None else []
    if one.period != EVER:
        _, after = days_of_label(one.period)
        midnight = datetime.combine(date.fromordinal(after), time.fromisoformat(book.document.day_starts))
        ends.append(Offsets(handler.zones.offset).instant(_zone(known, book), midnight))
    return min(ends, default=None)


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
    end = _end(handler, known, Open(place.leaderboard, place.board, place.period))
    book = known.timeline().at(min(end - MICROSECOND, now) if end is not None else now)
    if book is not None and place.leaderboard in book.document.leaderboards:
        return book, book.document.leaderboards[place.leaderboard]
    return _surely(known, place.leaderboard)


# --- prizes ------------------------------------------------------------------------------------


async def pay_prizes(handler: Handler, known: KnownProgram, closed: Stored) -> None:
    """Pay what a closed board won, each prize once, and note that it is done.

    May be cut off anywhere and run again, by any number of processes: every prize is a claim.
    """
    event, program = _event(closed), known.program.id
    place = Place(program, event.leaderboard, event.board, event.period)
    if await handler.store.claim(program, "prizes", place.key) is not None:
        return
    board = known.load(event.rulebook).document.leaderboards[event.leaderboard]
    paid = passed_over = 0
    for row, prize in winners(event, board):
        command = PayPrize(
            leaderboard=event.leaderboard,
            board=event.board,
            period=event.period,
            closed_at=event.closed_at,
            rulebook=event.rulebook,
            rank=row.rank,
            currency=prize.currency,
            points=prize.points,
        )
        if await _pay(handler, place, command, UUID(row.member), f"{closed.entry.stream}/{closed.entry.version}"):
            paid += 1
        else:
            passed_over += 1
    await _note(handler, place, paid, passed_over)


async def _pay(handler: Handler, place: Place, command: PayPrize, member: UUID, cause: str) -> bool:
    """Whether the member has the prize; not when nobody is left to take it."""
    claim = Claim("prize", SEPARATOR.join((place.key, command.currency, member.hex)))
    if await handler.store.claim(place.program, claim.kind, claim.key) is not None:
        return True
    wish = Wish(program=place.program, command=command, actor=ACTOR, claims=(claim,), cause=cause)
    try:
        await handler.handle(wish, *await handler.load(place.program, member))
    except AlreadyThere:
        return True
    except (UnknownMember, MemberErasedAlready, MemberSuspended, AmountOutOfRange) as refused:
        _log.info("prize_passed_over", leaderboard=place.leaderboard, period=place.period, code=refused.code)
        return False
    return True


async def _note(handler: Handler, place: Place, paid: int, passed_over: int) -> None:
    command = NotePrizes(
        leaderboard=place.leaderboard, board=place.board, period=place.period, paid=paid, passed_over=passed_over
    )
    for _ in range(MAX_TRIES):
        known = await handler.programs.refresh(place.program)
        now = next_instant(known, await handler.clock.now(place.program))
        claims = (Claim("prizes", place.key),)
        row = next_row(place.program, known, command, note_prizes(command), ACTOR, now, handler.new_id(), claims)
        try:
            await handler.store.append(Save(program=place.program, rows=(row,)))
        except HeadMoved:
            continue
        except ClaimTaken:
            pass  # another process was quicker
        return
    raise Unavailable("too many others change this program at once")


def _answered(known: KnownProgram, done: Stored) -> Answered:
    event = _event(done)
    board = known.load(event.rulebook).document.leaderboards[event.leaderboard]
    where = {"leaderboard": event.leaderboard, "board": event.board, "period": event.period, "ties": event.ties}
    won = {"prizes": [msgspec.to_builtins(prize) | {"winners": count} for prize, count in _won(event, board)]}
    return answered(done, where | _closing(event, done.position) | won | {"position": done.position})


def _won(event: LeaderboardClosed, board: Leaderboard) -> Iterator[tuple[Any, int]]:
    found = winners(event, board)
    for prize in board.prizes:
        yield prize, sum(1 for _, one in found if one is prize)
