"""Every command a program understands."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.calendar import BEGINNING
from domain.errors import InvalidPayload, ProgramExists, RulebookInvalid, UnknownProgram, VersionConflict
from domain.program.commands import CloseLeaderboard, CreateProgram, EstimateBreakage, NotePrizes, PublishRulebook
from domain.program.events import (
    BreakageEstimated,
    LeaderboardClosed,
    PrizesPaid,
    ProgramCreated,
    Row,
    RulebookPublished,
)
from domain.program.state import Program
from domain.rules.ranking import Ranked, Standing, digest
from domain.rules.rulebook import Leaderboard, Prize, digest_of


def create_program(command: CreateProgram, program: Program) -> tuple[ProgramCreated, ...]:
    if program.exists:
        raise ProgramExists(f"program {program.id!r} exists")
    return (
        ProgramCreated(
            program=command.program, sandbox=command.sandbox, money=command.money, time_zone=command.time_zone
        ),
    )


def publish_rulebook(
    command: PublishRulebook,
    program: Program,
    now: datetime,
    document: dict[str, Any],
    trees: dict[str, Any],
) -> tuple[RulebookPublished, ...]:
    """Publish a document that `check` has passed, with the trees it gave.

    A version never begins before it is published, except the first: history that is imported needs rules too.
    `now` is the program's clock.
    """
    if not program.exists:
        raise UnknownProgram("no such program")
    number = len(program.published)
    if command.expects is not None and command.expects != number:
        raise VersionConflict(f"version {number} is the latest, {command.expects} was expected")
    if digest_of(document) != command.digest:
        raise RulebookInvalid("the document is not the one that was checked")
    effective_from = command.effective_from
    if effective_from is None:
        effective_from = now if number else BEGINNING
    elif number and effective_from < now:
        raise RulebookInvalid(
            "effective_from lies in the past: what has been decided stays decided",
            errors=[("/effective_from", f"not before {now.isoformat()}")],
        )
    return (
        RulebookPublished(
            number=number + 1,
            digest=command.digest,
            effective_from=effective_from,
            document=document,
            trees=trees,
            note=command.note,
        ),
    )


TOP = 100
"""Rows that a closed board shows from its entry, ties included; deeper when prizes go deeper."""
MOST = 10_000
"""Rows that an entry holds at most, whoever ties."""


def close_leaderboard(
    command: CloseLeaderboard, now: datetime, rulebook: int, board: Leaderboard, rows: list[Ranked], position: int
) -> tuple[LeaderboardClosed, ...]:
    """Freeze `rows`, the whole board as of `position`, under the definition of a rulebook."""
    deepest = max((TOP, *(prize.rank for prize in board.prizes)))
    top = [row for number, row in enumerate(rows, 1) if row.rank <= deepest and number <= MOST]
    return (
        LeaderboardClosed(
            leaderboard=command.leaderboard,
            board=command.board,
            period=command.period,
            closed_at=now,
            rulebook=rulebook,
            position=position,
            ties=board.ties,
            members=len(rows),
            digest=digest(rows),
            top=tuple(frozen(row) for row in top),
        ),
    )


def frozen(row: Ranked) -> Row:
    rank, one = row
    return Row(rank=rank, member=str(one.member), score=one.score, tiebreak=one.tiebreak, reached_at=one.reached_at)


def thawed(row: Row) -> Ranked:
    """A frozen row as it stood; what had brought it there is not kept."""
    return Ranked(row.rank, Standing(UUID(row.member), row.score, row.tiebreak, 0, row.reached_at, 0))


def winners(closed: LeaderboardClosed, board: Leaderboard) -> list[tuple[Row, Prize]]:
    """Who wins what. Everybody of a shared rank wins; a score of 0 or less wins nothing."""
    return [(row, prize) for row in closed.top if row.score > 0 for prize in board.prizes if prize.rank == row.rank]


def note_prizes(command: NotePrizes) -> tuple[PrizesPaid, ...]:
    return (
        PrizesPaid(
            leaderboard=command.leaderboard,
            board=command.board,
            period=command.period,
            paid=command.paid,
            passed_over=command.passed_over,
        ),
    )


def estimate_breakage(command: EstimateBreakage, program: Program) -> tuple[BreakageEstimated, ...]:
    """The next version of a currency's estimate. It counts from no earlier day than the one before it."""
    wrong = []
    if not _SHARE.fullmatch(command.redeemed_share):
        wrong.append(("/redeemed_share", "a decimal from 0 to 1, such as 0.95"))
    if not _RATE.fullmatch(command.deferred_per_point):
        wrong.append(("/deferred_per_point", "a decimal from 0, in minor units of money"))
    before = [one for one in program.estimates if one.currency == command.currency]
    if before and command.effective_on < before[-1].effective_on:
        wrong.append(("/effective_on", f"not before {before[-1].effective_on}, from when the last one counts"))
    if wrong:
        raise InvalidPayload("the estimate cannot be taken as it is", errors=wrong)
    return (
        BreakageEstimated(
            number=len(before) + 1,
            currency=command.currency,
            redeemed_share=command.redeemed_share,
            deferred_per_point=command.deferred_per_point,
            effective_on=command.effective_on,
            reason=command.reason,
        ),
    )


_SHARE = re.compile(r"0(\.[0-9]{1,9})?|1(\.0{1,9})?")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
