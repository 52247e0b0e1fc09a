"""Fold every member from the log, in as many processes as there are.

Streams are self-contained, so a range of their ids is a task for any `concurrent.futures.Executor`: processes here, or
the workers of a cluster. The digest is a sum over the members, so it does not know how they were shared out.
"""

import hashlib
from collections.abc import Callable, Generator
from concurrent.futures import Executor, as_completed
from contextlib import AbstractContextManager, closing
from itertools import groupby
from operator import itemgetter
from typing import Protocol
from uuid import UUID

import msgspec
from msgspec.structs import asdict, replace

from domain.log import decode_folded, fold
from domain.member.state import Hold, Member

MODULUS = 2**256
TASKS_PER_WORKER = 4
"""Ranges are alike, but not equal: smaller ones even the load out."""


class States(Protocol):
    """The members' entries in one unchanging view: (stream, stored bytes) by stream and version."""

    def states(self, program: str | None, first: UUID, last: UUID) -> Generator[tuple[UUID, bytes]]: ...


Connect = Callable[[], AbstractContextManager[States]]
"""Opens the view in whatever process the task runs in; it has to pickle."""


class Folded(msgspec.Struct, frozen=True):
    """What a fold came to. `digest` is a sum of one hash per member, below 2^256."""

    entries: int = 0
    members: int = 0
    digest: int = 0

    def plus(self, other: "Folded") -> "Folded":
        return Folded(
            self.entries + other.entries, self.members + other.members, (self.digest + other.digest) % MODULUS
        )

    @property
    def hex(self) -> str:
        return f"sha256-sum:{self.digest:064x}"


def fold_all(
    connect: Connect,
    program: str | None,
    *,
    executor: Executor,
    workers: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Folded:
    """Every member of a program (None: of all) folded from the log. `progress` counts ranges."""
    of = max(1, workers) * TASKS_PER_WORKER
    tasks = [executor.submit(fold_range, connect, program, number, of) for number in range(of)]
    whole, done = Folded(), 0
    try:
        for task in as_completed(tasks):
            whole = whole.plus(task.result())
            done += 1
            progress(done, of)
    finally:
        for task in tasks:
            task.cancel()
    return whole


def fold_range(connect: Connect, program: str | None, number: int, of: int) -> Folded:
    """The members of one range out of `of`: ids are spread evenly, so ranges are alike."""
    first, last = UUID(int=2**128 * number // of), UUID(int=2**128 * (number + 1) // of - 1)
    entries = members = digest = 0
    # A copy that is not read to its end has to be closed before its connection is.
    with connect() as view, closing(view.states(program, first, last)) as states:
        for stream, rows in groupby(states, key=itemgetter(0)):
            member = Member()
            for _, state in rows:
                fold(member, decode_folded(state))
                entries += 1
            members += 1
            digest += digest_of(stream, member)
    return Folded(entries, members, digest % MODULUS)


def digest_of(stream: UUID, member: Member) -> int:
    """A hash of everything a member's book says, in an order that no dictionary decides."""
    # Lots by name, however the state row packs them: a digest that was kept has to go on being the same.
    holds = {name: _of_hold(hold) for name, hold in member.holds.items()}
    named = replace(member, lots=[asdict(lot) for lot in member.lots], holds=holds)
    told = msgspec.to_builtins(named, str_keys=True)
    # Later than the first digests that were kept; and `far` stands for months that a fold has all of.
    for name in ("far", "household", "pool"):
        if not told[name]:
            del told[name]
    book = msgspec.json.encode(told, order="deterministic")
    return int.from_bytes(hashlib.sha256(stream.bytes + book).digest(), "big")


def _of_hold(hold: Hold) -> dict[str, object]:
    told = asdict(hold) | {"parts": [asdict(lot) for lot in hold.parts]}
    # Later than the first digests that were kept.
    if not hold.codes:
        del told["codes"]
    return told
