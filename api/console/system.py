"""System: whether all runs as it should, who has keys, and what was set."""

import asyncio
from functools import partial
from typing import Any

from litestar import get, post
from litestar.response.base import ASGIResponse

from api.cli import doctor
from api.console import door
from api.console.page import render, to
from api.http.problems import AtTheDoor
from api.http.programs import MAX_NAME
from api.http.route import SCOPES, Req, caller, parts, text
from api.wiring import Wired
from application import jobs
from application.follow import Projector, retry_parked
from application.jobs import Progress
from application.replay import replay
from infrastructure.api_keys import ApiKey

LISTED = 100
REBUILDING = "rebuild"
"""The kind of its jobs."""


@get("/system", **door.page("admin"))
async def show(request: Req) -> ASGIResponse:
    return await _show(request)


async def _show(request: Req, made: tuple[ApiKey, str] | None = None) -> ASGIResponse:
    wired, program = parts(request), caller(request).program
    return await render(
        request,
        "system.html",
        place="System",
        head=await wired.positions.head(),
        lags=await wired.positions.lags(),
        parked=await wired.overview.parked(program, LISTED),
        keys=await wired.api_keys.listed(program, after=text(request, "after") or "", limit=LISTED),
        every_scope=tuple(SCOPES),
        own=caller(request).key,
        made=made,
        retried=request.query_params.get("retried"),
        job=await _rebuilding(request),
    )


async def _rebuilding(request: Req) -> dict[str, Any] | None:
    """The last rebuild that was begun from this program's page."""
    wired, program = parts(request), caller(request).program
    job = await wired.overview.newest_job(program, [REBUILDING], {})
    return await jobs.read(wired.jobs, program, job) if job is not None else None


@get("/system/doctor", **door.page("admin"))
async def examine(request: Req) -> ASGIResponse:
    """The findings of `guerdon doctor`, looked up anew."""
    settings = parts(request).settings
    findings = await asyncio.to_thread(lambda: list(doctor.examine(settings)))
    return await render(request, "doctor.html", place="System", findings=findings, settings=settings)


@post("/system/retry", **door.change("admin"))
async def retry(request: Req) -> ASGIResponse:
    """Entries of this program that a follower could not take, again, in order."""
    wired, projector = parts(request), Projector(parts(request).boards, parts(request).tables)
    taken, left = await retry_parked(projector, wired.store, wired.positions, caller(request).program)
    return to(f"/console/system?retried={taken}-{left}#parked")


@post("/system/rebuild", **door.change("admin"))
async def rebuild(request: Req) -> ASGIResponse:
    """All rows of the tables for analysts anew, beside the live ones: a job. One is enough at a time."""
    wired, program = parts(request), caller(request).program
    going = await _rebuilding(request)
    if going is None or going["state"] != "running":
        await wired.worker.begin(program, REBUILDING, {}, partial(_rebuilt, wired))
    return to("/console/system#followers")


async def _rebuilt(wired: Wired, progress: Progress) -> dict[str, Any]:
    position = await replay(
        wired.boards, store=wired.store, positions=wired.positions, tables=wired.tables, progress=progress, afresh=True
    )
    return {"position": position}


@post("/system/keys", **door.change("admin"))
async def make_key(request: Req) -> ASGIResponse:
    """The page that answers is the only one that ever shows the key."""
    fields = door.form(request)
    scopes = [scope for scope in SCOPES if fields.get(f"scope-{scope}")]
    name = fields.get("name", "").strip()
    if not scopes or len(name) > MAX_NAME:
        raise AtTheDoor("invalid-payload", f"A key has at least one scope, and a name of up to {MAX_NAME} characters.")
    who = caller(request)
    made = await parts(request).api_keys.create(who.program, scopes, name, by=who.by)
    return await _show(request, made)


@post("/system/keys/{key_id:str}/revoke", **door.change("admin"))
async def revoke(request: Req) -> ASGIResponse:
    """Once this is answered, the key opens nothing, here or elsewhere."""
    wired, key_id = parts(request), request.path_params["key_id"]
    found = await wired.api_keys.get(key_id)
    if found is None or found.program != caller(request).program:
        raise AtTheDoor("unknown-key", f"There is no key {key_id!r}.")
    await wired.api_keys.revoke(key_id, caller(request).by)
    return to("/console/system#keys")


HANDLERS = (show, examine, retry, rebuild, make_key, revoke)
