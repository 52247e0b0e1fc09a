"""How many members have which score on each board? A rank is a sum of few of these rows, on a board of any size.

A score is counted eight times: by itself (depth 0), and with the others of its bucket, each depth's 256 times as wide
as the last one's. So the members ahead of one are counted in at most 255 rows of each depth.
"""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from application.follow import Key, Table, Tally
from domain.rules.ranking import buckets
from projections.columns import Board, Leaderboard, Period, Program
from projections.leaderboard_entries import LEADERBOARD_ENTRIES, Entry


class Count(msgspec.Struct, frozen=True, gc=False):
    program: Program
    leaderboard: Leaderboard
    board: Board
    period: Period
    depth: Annotated[int, "0: the bucket is one score. Each further depth has buckets 256 times as wide."]
    bucket: Annotated[int, "The score, divided by the bucket's width and rounded down."]
    members: Annotated[int, "Members whose score is in the bucket now: at least 1."]


def keys(entry: Entry) -> Iterator[Key]:
    for depth, bucket in buckets(entry.score):
        yield entry.program, entry.leaderboard, entry.board, entry.period, depth, bucket


LEADERBOARD_COUNTS = Tally(
    table=Table(
        name="leaderboard_counts",
        comment="Members by score on each board, for single scores and for ranges: what ranks are summed from.",
        row=Count,
        key=("program", "leaderboard", "board", "period", "depth", "bucket"),
    ),
    version=1,
    of=LEADERBOARD_ENTRIES.table.name,
    keys=keys,
)
