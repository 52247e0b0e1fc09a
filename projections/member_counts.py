"""How many members are there of each status? So that nobody has to count a million rows to say."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from application.follow import Key, Table, Tally
from projections.columns import Program
from projections.members import MEMBERS, Member


class MemberCount(msgspec.Struct, frozen=True, gc=False):
    program: Program
    status: Annotated[str, "active, suspended, closed, merged or erased, as in members."]
    members: Annotated[int, "Members whose status this is now: at least 1."]


def keys(row: Member) -> Iterator[Key]:
    yield row.program, row.status


MEMBER_COUNTS = Tally(
    table=Table(
        name="member_counts",
        comment="Members by status: how many rows of members there are of each.",
        row=MemberCount,
        key=("program", "status"),
    ),
    version=1,
    of=MEMBERS.table.name,
    keys=keys,
)
