"""The follower that notes what members are to be told, and the look ahead at what expires."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import msgspec
import structlog

from application.follow import PATIENCE, Log, OtherVersion, Placed, Positions, Runner, Transaction
from application.notices.settings import NoticeSettings
from application.ports import Clock
from domain.log import Entry
from domain.member.commands import ApplyCorrection
from domain.member.events import PointsEarned, RewardIssued, TierChanged

log = structlog.get_logger(__name__)

Json = dict[str, Any]

NAME = "notices"
VERSION = 1


class Noted(msgspec.Struct, frozen=True):
    """What a member is to be told: `key` names it for good, so that it is told once. `about` is without names."""

    program: str
    stream: UUID
    key: str
    kind: str
    about: Json


class Expiring(msgspec.Struct, frozen=True):
    """Points of a member that end at one instant."""

    stream: UUID
    currency: str
    expires_at: datetime


class NoticeBook(Protocol):
    """The table of notices, for who notes."""

    async def all_settings(self) -> list[NoticeSettings]:
        """Of programs that tell anything."""

    async def settings_in(self, transaction: Transaction) -> list[NoticeSettings]: ...

    async def put(self, transaction: Transaction | None, rows: Sequence[Noted], now: datetime) -> None:
        """Those that are there already stay as they are."""

    async def expiring(self, program: str, after: datetime, before: datetime) -> list[Expiring]: ...


def told_of(entry: Entry) -> Iterator[tuple[str, Json]]:
    """The kinds of notices that an entry gives, with what they are about."""
    if isinstance(entry.input, ApplyCorrection):
        yield "correction", {}
        return
    points: dict[str, int] = {}
    for event in entry.events:
        match event:
            case PointsEarned() if event.points > 0:
                points[event.currency] = points.get(event.currency, 0) + event.points
            case TierChanged():
                yield "tier", {"set": event.set, "from": event.from_, "to": event.to, "valid_until": event.valid_until}
            case RewardIssued():
                yield "reward", {"reward": event.reward, "quantity": event.quantity, "codes": list(event.codes)}
            case _:
                pass
    if points:
        yield "earned", {"points": points}


class Noter:
    """The follower."""

    name = NAME
    version = VERSION

    def __init__(self, book: NoticeBook, wall: Callable[[], datetime]) -> None:
        self._book = book
        self._wall = wall

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None:
        wishes: Mapping[str, NoticeSettings] = {one.program: one for one in await self._book.settings_in(transaction)}
        rows = [
            Noted(one.program, one.stream, f"{kind}:{one.version}:{number}", kind, about)
            for one in batch
            if one.kind == "member" and (wish := wishes.get(one.program)) is not None and one.position > wish.after
            for number, (kind, about) in enumerate(told_of(one.entry))
            if kind in wish.body.kinds
        ]
        if rows:
            await self._book.put(transaction, rows, self._wall())


class NoterRunner(Runner):
    """The runner of it. Where nobody is told of anything the log is not read."""

    def __init__(
        self, book: NoticeBook, store: Log, positions: Positions, wall: Callable[[], datetime], batch: int = 1_000
    ) -> None:
        super().__init__(Noter(book, wall), store, positions, batch)
        self._book = book

    async def step(self) -> int:
        head = await self._positions.head()
        begins = min((one.after for one in await self._book.all_settings()), default=None)
        target = head if begins is None else begins
        if self._position is None:
            self._position = await self._stand()
        if self._position < target:
            async with self._positions.advance(self.follower.name, self.follower.version, self._position, target):
                pass
            self._position = target
        return 0 if begins is None else await super().step()


async def look_ahead(book: NoticeBook, clock: Clock, wall: Callable[[], datetime]) -> int:
    """Note what expires soon, once for each instant; how many that are."""
    noted = 0
    for one in await book.all_settings():
        if "expiring" not in one.body.kinds:
            continue
        now = await clock.now(one.program)
        found = await book.expiring(one.program, now, now + timedelta(days=one.body.expiring_days))
        rows = [
            Noted(
                one.program, lot.stream, f"expiring:{lot.currency}:{lot.expires_at.isoformat()}", "expiring",
                {"currency": lot.currency, "expires_at": lot.expires_at},
            )
            for lot in found
        ]  # fmt: skip
        if rows:
            await book.put(None, rows, wall())
        noted += len(rows)
    return noted


async def keep_noting(book: NoticeBook, store: Log, positions: Positions, wall: Callable[[], datetime]) -> None:
    """Note what is to be told until cancelled. Where newer code does, this process stands by."""
    await positions.register(NAME, VERSION)
    while True:
        try:
            await NoterRunner(book, store, positions, wall).run()
        except OtherVersion as other:
            log.info("other version", follower=NAME, ours=VERSION, stored=other.stored)
            await asyncio.sleep(PATIENCE)
