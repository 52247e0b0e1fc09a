"""What clients were told and readers saw, held against what stands in the log."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import msgspec

from application.audit import verify
from application.follow import Projector, Runner
from domain.log import decode
from domain.member.commands import RecordActivity, RedeemPoints
from infrastructure.database import connect
from infrastructure.row_reader import readers
from tests.projections.boards import house
from tests.torture.tail import Tail

LARGE = 10_000
"""Entries above which it pays to start processes."""


class Ledger:
    """What clients sent and what they were told, kept outside of every process that may die."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.acknowledged: dict[str, int] = {}
        self.refused: set[str] = set()
        self.contradicted: list[str] = []
        """Requests that were told one thing first and another thing later."""
        self._told = asyncio.Condition()

    async def acknowledge(self, name: str, position: int) -> None:
        if self.acknowledged.setdefault(name, position) != position or name in self.refused:
            self.contradicted.append(name)
        async with self._told:
            self._told.notify_all()

    async def refuse(self, name: str) -> None:
        self.refused.add(name)
        if name in self.acknowledged:
            self.contradicted.append(name)

    async def until(self, acknowledged: int) -> None:
        """Wait until so many were acknowledged."""
        async with self._told:
            await self._told.wait_for(lambda: len(self.acknowledged) >= acknowledged)


class Verdict(msgspec.Struct, kw_only=True):
    """What came out; each list names what is wrong."""

    acknowledged: int
    entries: int
    lost: list[str] = []
    """Acknowledged, and not in the log at the position that was told."""
    doubled: list[str] = []
    """In the log more than once."""
    invented: list[str] = []
    """In the log though it was never sent, or refused; or told one thing and then another."""
    skipped: list[int] = []
    """Positions that a reader of the log did not see, or saw twice or out of order."""
    unsound: list[str] = []
    """What an audit of digests, heads, claims, takes and decisions finds, and tables that are no fold of the log."""

    @property
    def sound(self) -> bool:
        return not (self.lost or self.doubled or self.invented or self.skipped or self.unsound)

    def __str__(self) -> str:
        told = f"{self.acknowledged:,} acknowledged, {len(self.lost)} lost, {len(self.doubled)} doubled"
        told += f", {len(self.skipped)} skipped"
        if self.sound:
            return told
        return told + f"; {self.invented[:5]} invented, unsound: {self.unsound[:5]}, {self.lost[:5]} {self.doubled[:5]}"


async def judge(dsn: str, ledger: Ledger, tails: Iterable[Tail] = (), *, boards: bool = True) -> Verdict:
    """Read everything again and compare. The writers and followers have ended; the tails are read to the end."""
    positions, stands = read(dsn)
    times = Counter(name for name, _ in stands)
    at = dict(stands)
    verdict = Verdict(acknowledged=len(ledger.acknowledged), entries=len(positions))
    verdict.lost = [name for name, position in ledger.acknowledged.items() if at.get(name) != position]
    verdict.doubled = [name for name, count in times.items() if count > 1]
    verdict.invented = [name for name in times if name not in ledger.sent or name in ledger.refused]
    verdict.invented += ledger.contradicted
    for tail in tails:
        await tail.to_the_end(positions[-1])
        verdict.skipped += tail.missed(positions)
    verdict.unsound = audited(dsn, len(positions)) + overspent(dsn)
    if boards:
        verdict.unsound += await unfolded(dsn)
    return verdict


def read(dsn: str) -> tuple[list[int], list[tuple[str, int]]]:
    """The positions of all entries in order, and what clients asked for of them by name, with its position."""
    with connect(dsn) as connection:
        rows = connection.execute(
            "SELECT notification_id, kind, state FROM stored_events ORDER BY notification_id"
        ).fetchall()
    return [row[0] for row in rows], list(_named(rows))


def _named(rows: Iterable[tuple[int, str, bytes]]) -> Iterator[tuple[str, int]]:
    for position, kind, state in rows:
        if kind != "member":
            continue
        asked = decode(bytes(state)).input
        if isinstance(asked, RecordActivity | RedeemPoints):
            yield asked.id, position


def audited(dsn: str, entries: int = 0) -> list[str]:
    """What the audit finds. Where there is much to do, it takes processes of its own."""
    with nullcontext() if entries > LARGE else ThreadPoolExecutor(1) as executor:
        tally = verify(readers(dsn), executor=executor)
    return [str(finding) for finding in tally["findings"]]


def overspent(dsn: str) -> list[str]:
    """Quantities of which more was taken than there is. No test of this folder makes them smaller."""
    with connect(dsn) as connection:
        found = connection.execute("SELECT kind, key, used, ceiling FROM takes WHERE used > ceiling").fetchall()
    return [f"{kind} {key}: {used} of {ceiling} taken" for kind, key, used, ceiling in found]


async def unfolded(dsn: str, *, catch_up: bool = True) -> list[str]:
    """Tables that are not the fold of the log, once the follower has taken it all; and entries it could not take."""
    async with house(dsn) as found:
        if catch_up:
            await found.runner().catch_up()
        parked = await found.positions.parked(found.boards.name)
        live = await found.tables.digests()
        whole = f"{found.boards.name}_whole"
        await found.tables.create(whole)
        await Runner(Projector(found.boards, found.tables, whole), found.store, found.positions).catch_up()
        folded = await found.tables.digests(whole)
    wrong = [f"table {name} is not the fold of the log" for name in live if live[name] != folded[name]]
    return wrong + [f"entry {position} is parked" for _, position in parked]
