"""Audit: the log as it is stored, the newest first, and its verification."""

import json
from typing import Any

import msgspec
from litestar import get, post
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.page import render, to
from api.http.audit import verifying
from api.http.route import Req, caller, number, parts, path_id
from application import jobs
from application.answers import activity_ref
from application.jobs import UnknownJob
from domain.log import Row, stream_name
from domain.numbers import MAX_AMOUNT

Json = dict[str, Any]

ENTRIES = 25
"""Entries of a page."""
_EXPLAINED = ("RecordActivity", "ReturnActivity")


@get("/audit", **door.page(many=True))
async def log(request: Req) -> ASGIResponse:
    wired, program = parts(request), caller(request).program
    before = number(request, "before", 0) or MAX_AMOUNT
    start = await wired.overview.page_of_log(program, before, ENTRIES)
    rows = await wired.store.log(program, after=start, limit=ENTRIES) if start is not None else []
    rows = [row for row in rows if row.position < before]
    named = await wired.overview.named([row.stream for row in rows])
    return await render(
        request,
        "log.html",
        place="Audit",
        entries=[entry_of(row, named.get(row.stream)) for row in reversed(rows)],
        before=rows[0].position if len(rows) == ENTRIES else None,
        first_page=before == MAX_AMOUNT,
    )


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


HANDLERS = (log, verify, verification)
