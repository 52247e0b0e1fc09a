"""Standings and ranks: from results that counted to who is first.

A standing is a sum over a member's results, in whatever order they are added: so a board as of any moment is the same
fold over fewer results. Ranks are given in one order for all ways to treat ties; the ways differ in who shares one.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec

Ties = Literal["competition", "dense", "ordinal", "count_back"]


class Result(msgspec.Struct, frozen=True, gc=False):
    """One result on a board. `places` are counted, or taken back with the activity they were reached in."""

    member: UUID
    score: int
    places: tuple[int, ...]
    taken_back: bool
    effective_at: datetime
    position: int


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where a member stands on one board in one period.

    `tiebreak` counts 1st places, 2nd places, ...; without zeros at its end. `reached_at` (and `reached_position`, in
    the log) is the latest result that changed the score; while none of them (`moves`) has, the first result.
    """

    member: UUID
    score: int
    tiebreak: tuple[int, ...]
    moves: int
    reached_at: datetime
    reached_position: int


class Ranked(NamedTuple):
    rank: int
    standing: Standing


def add(standing: Standing | None, result: Result) -> Standing:
    """The standing with one more result. Results may be added in any order."""
    reached = (result.effective_at, result.position)
    moves = 1 if result.score else 0
    if standing is None:
        counts = _counted((), result)
        return Standing(result.member, result.score, counts, moves, *reached)
    known = (standing.reached_at, standing.reached_position)
    if moves and standing.moves:
        reached = max(known, reached)
    elif standing.moves:
        reached = known
    elif not moves:
        reached = min(known, reached)
    counts = _counted(standing.tiebreak, result) if result.places else standing.tiebreak
    return Standing(result.member, standing.score + result.score, counts, standing.moves + moves, *reached)


def _counted(tiebreak: tuple[int, ...], result: Result) -> tuple[int, ...]:
    counts = list(tiebreak)
    for place in result.places:
        counts += [0] * (place - len(counts))
        counts[place - 1] += -1 if result.taken_back else 1
    while counts and counts[-1] == 0:
        counts.pop()
    return tuple(counts)


def standings(results: Iterable[Result]) -> list[Standing]:
    """The standings of all members in the order of the board."""
    found: dict[UUID, Standing] = {}
    for result in results:
        found[result.member] = add(found.get(result.member), result)
    return sorted(found.values(), key=order)


def order(standing: Standing) -> tuple[Any, ...]:
    """The one order of a board: score, count-back, first to reach, then one that never changes."""
    # A count that is missing is a 0, which the 1 at the end stands behind: -1 < 0 < 1.
    back = (*(-count for count in standing.tiebreak), 1)
    return (-standing.score, back, standing.reached_at, standing.reached_position, standing.member.int)


def shares(ties: Ties, one: Standing, other: Standing) -> bool:
    """Whether two that follow each other share a rank."""
    if ties == "ordinal" or one.score != other.score:
        return False
    return ties != "count_back" or one.tiebreak == other.tiebreak


def ranked(ties: Ties, ordered: Iterable[Standing], first: int = 1, number: int = 0) -> Iterator[Ranked]:
    """Ranks for standings in the order of the board, or for a part that begins with rank `first` after `number` rows.

    >>> from datetime import UTC
    >>> row = lambda score: Standing(UUID(int=score), score, (), 1, datetime(2026, 1, 1, tzinfo=UTC), 1)
    >>> [one.rank for one in ranked("competition", map(row, [9, 7, 7, 5]))]
    [1, 2, 2, 4]
    """
    before: Ranked | None = None
    for standing in ordered:
        number += 1
        if before is None:
            rank = first
        elif shares(ties, before.standing, standing):
            rank = before.rank
        else:
            rank = before.rank + 1 if ties == "dense" else number
        before = Ranked(rank, standing)
        yield before


BUCKET_BITS = 8
DEPTHS = range(8)
"""A score is counted once in a bucket of each depth: at depth 0 by itself, then in buckets 256 times as wide each."""


def buckets(score: int) -> Iterator[tuple[int, int]]:
    """(depth, bucket) that a score counts in. So the scores above one are in at most 255 buckets of each depth."""
    for depth in DEPTHS:
        yield depth, score >> BUCKET_BITS * depth


_encoder = msgspec.json.Encoder()


def digest(rows: Iterable[Ranked]) -> str:
    """SHA-256 over a whole board: each row's rank, stream, score, tiebreak and time as one line of JSON."""
    hashed = hashlib.sha256()
    for rank, one in rows:
        hashed.update(_encoder.encode([rank, str(one.member), one.score, one.tiebreak, one.reached_at]) + b"\n")
    return "sha256:" + hashed.hexdigest()
