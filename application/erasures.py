"""Erasures as a list that is kept outside the database: a restored backup knows nothing of those since it was made.

A line names a stream, which tells nothing of the person. Who applies the list after a restore erases these members
again: their keys, which the backup has brought back, are destroyed, and the log says so anew.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from application.handle import Handler
from application.members import erase_again
from domain.errors import UnknownMember, UnknownProgram
from domain.log import stream_name

REASON = "erased before; restored by a backup"


class BadList(ValueError):
    """A line is not one of such a list."""


class Erasures(Protocol):
    """What the database tells of erased members."""

    async def erased(self, program: str | None) -> Sequence[tuple[str, UUID]]:
        """Programs and streams of members without a key, in order."""

    async def forgotten_keys(self) -> int:
        """Destroy keys of members of whom the log says that they are erased; how many there were."""


class Applied(msgspec.Struct):
    """What came of a list: erased now, erased already, not in this database, and keys that outlived their erasure."""

    erased: int = 0
    already: int = 0
    unknown: int = 0
    keys: int = 0


async def listed(erasures: Erasures, program: str | None) -> list[str]:
    """One line per erased member."""
    return [stream_name(of, "member", stream) for of, stream in await erasures.erased(program)]


def read(lines: Iterable[str]) -> list[tuple[str, UUID]]:
    """Programs and streams of a list. Raises BadList."""
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        program, _, rest = line.strip().partition("/")
        kind, _, name = rest.partition("/")
        try:
            stream = UUID(name)
        except ValueError:
            stream = None
        if kind != "member" or stream is None:
            raise BadList(f"line {number} is not PROGRAM/member/STREAM")
        found.append((program, stream))
    return found


async def apply(handler: Handler, erasures: Erasures, wanted: Sequence[tuple[str, UUID]], *, actor: str) -> Applied:
    """Erase these members, if they are not. Whoever was killed starts again."""
    done = Applied(keys=await erasures.forgotten_keys())
    for program, stream in wanted:
        try:
            erased = await erase_again(handler, program, stream, actor=actor, reason=REASON)
        except (UnknownMember, UnknownProgram):
            done.unknown += 1
            continue
        if erased:
            done.erased += 1
        else:
            done.already += 1
    return done
