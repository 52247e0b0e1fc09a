"""How many members came to each level, and how many left it? Who is on it now is the difference.

Changes are only ever added, so that counting them needs no look at where a member stood before.
"""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from application.follow import Key, Table, Tally
from projections.columns import Program
from projections.tier_history import TIER_HISTORY, TierChange


class TierCount(msgspec.Struct, frozen=True, gc=False):
    program: Program
    tier_set: Annotated[str, "The set of tiers."]
    level: Annotated[str, "The level, by its id in the rulebook."]
    way: Annotated[str, "came: changes to the level; left: changes from it."]
    changes: Annotated[int, "How many. On a level are now those that came and did not leave."]


def keys(row: TierChange) -> Iterator[Key]:
    """A level that is kept was neither left nor reached."""
    for level, way in ((row.to_level, "came"), (row.from_level, "left")):
        if level is not None and row.from_level != row.to_level:
            yield row.program, row.tier_set, level, way


TIER_COUNTS = Tally(
    table=Table(
        name="tier_counts",
        comment="Changes to and from each level: members on a level are those that came less those that left.",
        row=TierCount,
        key=("program", "tier_set", "level", "way"),
    ),
    version=1,
    of=TIER_HISTORY.table.name,
    keys=keys,
)
