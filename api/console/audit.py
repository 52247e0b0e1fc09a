"""Audit: the log as it is stored, the newest first, and its verification."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, get_args
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.response import ServerSentEvent
from litestar.response.base import ASGIResponse
from litestar.types import SSEData

from api.console import door, today
from api.console.page import piece, render, to, viewer
from api.http.audit import verifying
from api.http.route import FREE_ID, Req, caller, number, parts, path_id
from application import jobs
from application.answers import activity_ref
from application.jobs import UnknownJob
from domain.correction.commands import CorrectionCommand
from domain.errors import MemberErasedAlready, UnknownMember
from domain.log import Event, Row, stream_name
from domain.member.commands import MemberCommand
from domain.numbers import MAX_AMOUNT
from domain.program.commands import ProgramCommand
from domain.reward.commands import RewardCommand

Json = dict[str, Any]

ENTRIES = 25
"""Entries of a page."""
LOOKED_THROUGH = 10_000
"""Entries that one page looks through for those that are wanted."""
MOST_NEWER = 1_000
KINDS = ("member", "program", "reward", "correction")
NAMES: tuple[str, ...] = tuple(
    sorted(
        str(one.__struct_config__.tag)
        for one in (
            *get_args(MemberCommand),
            *get_args(ProgramCommand),
            *get_args(CorrectionCommand),
            *get_args(RewardCommand),
            *get_args(Event),
        )
    )
)
"""Commands and events by the names that they have in the log."""
_EXPLAINED = ("RecordActivity", "ReturnActivity")


class Wanted(msgspec.Struct, frozen=True):
    """Which entries to show: of a member or stream, of a kind of stream, with a command or an event, by an actor."""

    member: str = ""
    kind: str = ""
    what: str = ""
    actor: str = ""

    def query(self, **more: Any) -> str:
        given = {name: value for name, value in msgspec.structs.asdict(self).items() if value} | more
        return f"?{urlencode(given)}" if given else ""

    def fits(self, entry: Json) -> bool:
        """Of an entry in which the bytes were found."""
        return (not self.what or self.what in (entry["command"], *entry["events"])) and (
            not self.actor or self.actor == entry["actor"]
        )


@get("/audit", **door.page(many=True))
async def log(request: Req) -> ASGIResponse:
    wired, program = parts(request), caller(request).program
    before = number(request, "before", 0) or MAX_AMOUNT
    wanted = Wanted(**{name: request.query_params.get(name, "").strip() for name in Wanted.__struct_fields__})
    if wanted.kind not in KINDS:
        wanted = msgspec.structs.replace(wanted, kind="")
    window = LOOKED_THROUGH if wanted.what or wanted.actor or wanted.kind else ENTRIES
    stream, problem = await _stream(request, wanted.member)
    positions: list[int] = []
    looked: int | None = None
    if not problem:
        positions, looked = await wired.overview.looked_through(
            program, before, ENTRIES, window, stream=stream, kind=wanted.kind or None,
            any_of=[_pair(name, wanted.what) for name in ("command", "event")] if wanted.what else [],
            actor=_pair("actor", wanted.actor) if wanted.actor else None,
        )  # fmt: skip
    rows = await _rows(request, positions)
    named = await wired.overview.named([row.stream for row in rows])
    entries = [entry_of(row, named.get(row.stream)) for row in rows]
    return await render(
        request,
        "log.html",
        place="Audit",
        entries=[one for one in entries if wanted.fits(one)],
        wanted=wanted,
        problem=problem,
        kinds=KINDS,
        names=NAMES,
        before=positions[-1] if len(positions) == ENTRIES else looked,
        looked=window if len(positions) < ENTRIES and looked else None,
        first_page=before == MAX_AMOUNT,
        newest=positions[0] if positions else 0,
    )


@get("/audit/live", **door.page())
async def live(request: Req) -> ServerSentEvent:
    """How many entries there are that the page which is open does not show."""
    wired, program, after = parts(request), caller(request).program, number(request, "after", 0)
    v = await viewer(request)

    async def looks() -> AsyncIterator[SSEData]:
        for _ in range(today.LOOKS):
            yield piece(
                "newer.html", v=v, count=await wired.overview.newer(program, after, MOST_NEWER), most=MOST_NEWER
            )
            await asyncio.sleep(today.EVERY)

    return ServerSentEvent(looks())


async def _stream(request: Req, member: str) -> tuple[UUID | None, str]:
    """The stream of a member's id, or the stream that is named itself; and what to say where there is none."""
    if not member:
        return None, ""
    try:
        if not FREE_ID.fullmatch(member):
            raise UnknownMember("no id reads like this")
        loaded, _ = await parts(request).handler.find(caller(request).program, member)
    except (UnknownMember, MemberErasedAlready):
        try:
            return UUID(member.rpartition("/")[2]), ""
        except ValueError:
            return None, "Nobody has this id. Who was erased is found by their stream."
    return loaded.stream, ""


async def _rows(request: Req, positions: Sequence[int]) -> list[Row]:
    """The entries at these positions, in their order; in one read where they stand side by side."""
    store, program = parts(request).store, caller(request).program
    if not positions:
        return []
    some = await store.log(program, after=positions[-1] - 1, limit=len(positions))
    found = {row.position: row for row in some}
    for position in positions:
        if position not in found:
            (found[position],) = await store.log(program, after=position - 1, limit=1)
    return [found[position] for position in positions]


def _pair(name: str, value: str) -> bytes:
    """As it stands in stored bytes."""
    return msgspec.json.encode({name: value})[1:-1]


@post("/audit/verify", **door.change("auditor"))
async def verify(request: Req) -> ASGIResponse:
    """Every digest, every fold, every decision made again: a job, whose page is shown."""
    job = await verifying(request)
    return to(f"/console/audit/{job.id}")


@get("/audit/{job:str}", **door.page())
async def verification(request: Req) -> ASGIResponse:
    job = path_id(request, "job")
    found = await jobs.read(parts(request).jobs, caller(request).program, job)
    if found["kind"] != "verify":
        raise UnknownJob(f"there is no verification {job!r}")
    told = found["result"] if found["state"] == "done" else None
    return await render(request, "verification.html", place="Audit", job=found, told=told)


def entry_of(row: Row, member: str | None) -> Json:
    """A row as the page tells it; `raw` is all that it holds, also where somebody has made it unreadable."""
    try:
        stored: Json = msgspec.json.decode(row.state, type=dict[str, Any])
        raw = json.dumps(stored, indent=2, ensure_ascii=False)
    except msgspec.DecodeError:
        stored, raw = {}, row.state.decode(errors="replace")
    asked = stored.get("input") or {}
    command = asked.get("command", "")
    return {
        "position": row.position,
        "at": row.recorded_at,
        "actor": stored.get("actor", ""),
        "command": command,
        "readable": bool(stored),
        "stream": stream_name(row.program, row.kind, row.stream),
        "member": member,
        "what": "/".join(asked[name] for name in ("source", "id") if isinstance(asked.get(name), str)),
        "events": [one["event"] for one in stored.get("events", ())],
        "ref": activity_ref(row.stream, row.version) if command in _EXPLAINED else None,
        "digest": row.digest.hex(),
        "raw": raw,
    }


HANDLERS = (log, live, verify, verification)
