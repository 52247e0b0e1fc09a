"""Bring a feed in: many lines at once, each member's in the order of the feed.

A line that was brought in before is answered again and counted as a repeat, so a run that was stopped is simply
started again. Lines are JSON: activities in the contract's own shape or as `{id, type, member_id, occurred_at,
payload}`, members as objects whose fields a `MemberFields` maps.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import msgspec

from application import activities, members
from application.collector import resting
from application.handle import Handler
from application.members import EnrolBody
from application.payloads import ActivityBody
from application.ports import Unavailable
from domain.errors import Refused

LANES = 96
"""How many members are served at once. Twice the saves of a usual batch: one batch is decided while one is written."""

_DEPTH = 64  # lines that may wait in a lane
_KEPT = 20  # refusals that are kept with their words
_NAMES = {"member_id": "member", "payload": "data"}
_MONTH = re.compile(r"\d{4}-\d{2}")


class Line(msgspec.Struct, frozen=True):
    """One line of a feed, by its number from 1. `body` is text when the line could not be understood."""

    number: int
    body: ActivityBody | EnrolBody | str


class MemberFields(msgspec.Struct, frozen=True, kw_only=True):
    """Which fields of a member's line are what. `enrolled_at` holds an instant, a day or a month (its first, UTC)."""

    id: str = "member_id"
    attributes: tuple[str, ...] = ()
    enrolled_at: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    line: int
    code: str
    message: str


class Tally(msgspec.Struct):
    """How it went so far. `refusals` are the first ones only, `refused` counts all."""

    recorded: int = 0
    repeated: int = 0
    refused: int = 0
    refusals: list[Refusal] = []

    @property
    def done(self) -> int:
        return self.recorded + self.repeated + self.refused

    def refuse(self, line: int, code: str, message: str) -> None:
        self.refused += 1
        if len(self.refusals) < _KEPT:
            self.refusals.append(Refusal(line, code, message))


def read_activities(lines: Iterable[bytes], source: str) -> Iterator[Line]:
    """The activities of a feed; those that name no source get `source`."""
    return _read(lines, lambda sent: _activity(sent, source))


def read_members(lines: Iterable[bytes], fields: MemberFields, feed_start: datetime | None) -> Iterator[Line]:
    """The members of a file, enrolled no later than `feed_start`: who acts has joined."""
    return _read(lines, lambda sent: _member(sent, fields, feed_start))


async def ingest(
    handler: Handler,
    program: str,
    lines: Iterable[Line],
    *,
    actor: str,
    source: str,
    set_clock: Callable[[datetime], Awaitable[object]] | None = None,
    clock_for: Callable[[datetime], datetime] = lambda occurred_at: occurred_at,
    tally: Tally | None = None,
) -> Tally:
    """Enrol and record what the lines say; `tally` is kept up to date meanwhile.

    `set_clock` makes the program's clock follow the feed: before a line later than the clock, what is under way is
    finished and the clock is set to `clock_for` that line's time, which is not before it. Where lines are a second
    apart, such as `end_of_day` lets them be recorded side by side. Raises Unavailable when the store is gone.
    """
    tally = tally if tally is not None else Tally()
    lanes: list[asyncio.Queue[Line | None]] = [asyncio.Queue(_DEPTH) for _ in range(LANES)]
    clock: datetime | None = None
    try:
        with resting():
            async with asyncio.TaskGroup() as workers:
                for lane in lanes:
                    workers.create_task(_work(handler, program, lane, actor, source, tally))
                for line in lines:
                    if isinstance(line.body, str):
                        tally.refuse(line.number, "malformed-line", line.body)
                        continue
                    if isinstance(line.body, EnrolBody):
                        whose = line.body.id
                    else:
                        whose = line.body.member or ""
                        if set_clock is not None and (clock is None or line.body.occurred_at > clock):
                            await asyncio.gather(*(lane.join() for lane in lanes))
                            clock = clock_for(line.body.occurred_at)
                            await set_clock(clock)
                    await lanes[crc32(whose.encode()) % LANES].put(line)
                for lane in lanes:
                    await lane.put(None)
    except* Unavailable as failed:
        raise failed.exceptions[0] from None
    return tally


def end_of_day(occurred_at: datetime) -> datetime:
    """The last whole second of its day, UTC: as if everything of a day were sent in the evening."""
    return max(occurred_at, occurred_at.astimezone(UTC).replace(hour=23, minute=59, second=59, microsecond=0))


async def _work(
    handler: Handler, program: str, lane: asyncio.Queue[Line | None], actor: str, source: str, tally: Tally
) -> None:
    while (line := await lane.get()) is not None:
        try:
            if isinstance(line.body, EnrolBody):
                # A member's id is no key of a request: this one tells a second run from a second member.
                key = f"ingest:{source}:{line.body.id}"
                answer = await members.enrol(handler, program, line.body, actor=actor, key=key)
            else:
                assert isinstance(line.body, ActivityBody)
                answer = await activities.record(handler, program, line.body, actor=actor)
        except Refused as refused:
            tally.refuse(line.number, refused.code, refused.message)
        else:
            if answer.replayed:
                tally.repeated += 1
            else:
                tally.recorded += 1
        lane.task_done()


def _read(lines: Iterable[bytes], body_of: Callable[[dict[str, Any]], ActivityBody | EnrolBody]) -> Iterator[Line]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield Line(number, body_of(msgspec.json.decode(line, type=dict[str, Any])))
        except (msgspec.DecodeError, ValueError, KeyError) as error:
            yield Line(number, str(error))


def _activity(sent: dict[str, Any], source: str) -> ActivityBody:
    named = {_NAMES.get(name, name): value for name, value in sent.items()}
    return msgspec.convert({"source": source} | named, ActivityBody)


def _member(sent: dict[str, Any], fields: MemberFields, feed_start: datetime | None) -> EnrolBody:
    if fields.id not in sent:
        raise ValueError(f"no field {fields.id!r}")
    enrolled_at = feed_start
    if fields.enrolled_at is not None:
        given = _instant(str(sent[fields.enrolled_at]))
        enrolled_at = min(given, feed_start) if feed_start is not None else given
    return EnrolBody(
        id=str(sent[fields.id]),
        attributes={name: sent[name] for name in fields.attributes if sent.get(name) is not None},
        enrolled_at=enrolled_at,
    )


def _instant(text: str) -> datetime:
    """An instant, or the first one of a day or month in UTC."""
    found = datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
