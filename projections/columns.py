"""Columns that many tables share, with the words that explain them to an analyst."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

Program = Annotated[str, "The program."]
Stream = Annotated[UUID, "The member's stream. The client's own id of the member is in members only."]
Version = Annotated[int, "Number of the entry in the member's stream, from 1."]
Position = Annotated[int, "Position of the entry in the whole log: what ?at_least= waits for. Not part of digests."]
RecordedAt = Annotated[datetime, "When the entry was recorded, by the program's clock."]
Currency = Annotated[str, "The loyalty currency. Points are in its smallest unit."]
Day = Annotated[date, "The local day that counted, in the zone pinned by the entry."]
Rulebook = Annotated[int, "Version of the rulebook that decided."]
Leaderboard = Annotated[str, "The leaderboard, by its id in the rulebook."]
Board = Annotated[str, "The board: what the leaderboard's `by` gave. Empty: the leaderboard has only one."]
Period = Annotated[str, "Label of the period: 2026-11-25, 2026-W48, 2026-11, 2026-Q4, 2026-H2, 2026 or ever."]

_MOST = 2**63 - 1


def total(sum_so_far: int, step: int) -> int:
    """A sum over all members that stops where its column ends: absurd amounts must not stop everybody's table.

    >>> total(5, -7), total(2**63 - 1, 1) == 2**63 - 1
    (-2, True)
    """
    return max(-_MOST, min(_MOST, sum_so_far + step))
