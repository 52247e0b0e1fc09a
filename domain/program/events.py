"""What can have happened to a program: facts, and a storage format."""

from datetime import date, datetime
from typing import Any

import msgspec

from domain.rules.ranking import Ties


class ProgramEvent(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of all program events."""


class ProgramCreated(ProgramEvent, frozen=True, kw_only=True, tag="ProgramCreated"):
    program: str
    sandbox: bool
    money: str
    time_zone: str


class RulebookPublished(ProgramEvent, frozen=True, kw_only=True, tag="RulebookPublished"):
    """A version of the rules, whole: the document, and the checked tree of every expression by JSON pointer."""

    number: int
    digest: str
    effective_from: datetime
    document: dict[str, Any]
    trees: dict[str, Any]
    note: str = ""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of a frozen board. `member` is the member's stream; `tiebreak` counts 1st places, 2nd places, ..."""

    rank: int
    member: str
    score: int
    tiebreak: tuple[int, ...]
    reached_at: datetime


class LeaderboardClosed(ProgramEvent, frozen=True, kw_only=True, tag="LeaderboardClosed"):
    """A board as it stood at `position` of the log, frozen at `closed_at` by the program's clock.

    `rulebook` is the version whose prizes are paid. `members` counts all rows, `digest` covers all of them, and `top`
    has the first.
    """

    leaderboard: str
    period: str
    closed_at: datetime
    rulebook: int
    position: int
    ties: Ties
    members: int
    digest: str
    board: str = ""
    top: tuple[Row, ...] = ()


class PrizesPaid(ProgramEvent, frozen=True, kw_only=True, tag="PrizesPaid"):
    """All prizes of a closed board are paid, but for those that nobody was left to take."""

    leaderboard: str
    period: str
    paid: int
    passed_over: int
    board: str = ""


class BreakageEstimated(ProgramEvent, frozen=True, kw_only=True, tag="BreakageEstimated"):
    """A version of the estimate by which deferred revenue of a currency is recognised, from a day on.

    What was estimated before stands as it was: the difference is caught up on the day that the new one counts from.
    """

    number: int
    currency: str
    redeemed_share: str
    deferred_per_point: str
    effective_on: date
    reason: str = ""


ProgramEventUnion = ProgramCreated | RulebookPublished | LeaderboardClosed | PrizesPaid | BreakageEstimated
