"""Leaderboards by name: which board, in which period, under which definition; and the tables they are read from.

Read `leaderboards` (reading), then `leaderboard_closing` (freezing), then `leaderboard_prizes` (paying).
"""

from datetime import date, datetime, time
from typing import Protocol
from uuid import UUID

import msgspec

from application.handle import Handler, Stored
from application.programs import KnownProgram
from application.repeats import SEPARATOR
from domain.calendar import Offsets
from domain.errors import (
    BadTime,
    InvalidPayload,
    UnknownLeaderboard,
)
from domain.member.draft import local_day
from domain.program.events import LeaderboardClosed
from domain.rules.boards import BOARD_NAME, EVER, days_of_label, period_label, period_of
from domain.rules.compiled import CompiledRulebook
from domain.rules.ranking import Ranked, Result, Standing, Ties
from domain.rules.rulebook import Leaderboard


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


async def named(known: KnownProgram, scores: Scores, program: str, name: str, by: str | None) -> tuple[str, str]:
    """(leaderboard, board) that an address names: a leaderboard by its id, or one of its boards directly."""
    found = declared_by(known, name)
    if found is None:
        homes = [home for home, _ in await scores.boards(program, name) if declared_by(known, home)] if not by else []
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


def declared_by(known: KnownProgram, leaderboard: str) -> tuple[CompiledRulebook, Leaderboard] | None:
    """The newest definition of a leaderboard: what no rulebook has any more can still be read."""
    for number in sorted(known.documents, reverse=True):
        if leaderboard in known.documents[number].document.get("leaderboards", {}):
            book = known.load(number)
            return book, book.document.leaderboards[leaderboard]
    return None


def surely_declared(known: KnownProgram, leaderboard: str) -> tuple[CompiledRulebook, Leaderboard]:
    found = declared_by(known, leaderboard)
    assert found is not None
    return found


def period_at(
    handler: Handler, known: KnownProgram, book: CompiledRulebook, declared: Leaderboard, text: str | None, at: datetime
) -> str:
    if text is None:
        offsets = Offsets(handler.zones.offset)
        return period_label(declared.period, local_day(book, zone_of(known, book), at, offsets))
    try:
        return period_of(declared.period, text)
    except ValueError as error:
        raise BadTime(f"{text!r} is no period of this leaderboard", errors=[("/period", str(error))]) from None


def zone_of(known: KnownProgram, book: CompiledRulebook) -> str:
    return "UTC" if book.document.zone_policy == "utc" else book.document.time_zone or known.program.time_zone


def end_of(handler: Handler, known: KnownProgram, one: Open) -> datetime | None:
    """When a board's period is over; None: never by itself."""
    found = declared_by(known, one.leaderboard)
    if found is None:
        return None
    book, declared = found
    ends = [datetime.fromisoformat(declared.ends)] if declared.ends is not None else []
    if one.period != EVER:
        _, after = days_of_label(one.period)
        midnight = datetime.combine(date.fromordinal(after), time.fromisoformat(book.document.day_starts))
        ends.append(Offsets(handler.zones.offset).instant(zone_of(known, book), midnight))
    return min(ends, default=None)


def event_of(found: Stored) -> LeaderboardClosed:
    (event,) = found.entry.events
    assert isinstance(event, LeaderboardClosed)
    return event


async def known_now(handler: Handler, program: str) -> KnownProgram:
    return await handler.programs.get(program, await handler.store.timeline(program))
