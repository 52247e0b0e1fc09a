"""Corrections: proposed and tried dry by one, looked at, approved by another, applied; and turned round again."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from litestar import get, post
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.charts import share
from api.console.page import SAFE, render, to, viewer
from api.http.body import check_time
from api.http.corrections import APPLYING, TRYING, applying, trying
from api.http.problems import AtTheDoor, problem
from api.http.route import Req, caller, number, parts, path_id
from application import correction_report, corrections, jobs, rulebooks
from application.correction_report import Effect, Moved, Report
from application.corrections import CorrectionBody
from domain.calendar import BEGINNING, FOREVER
from domain.errors import Refused
from domain.rules.rulebook import Rulebook

Json = dict[str, Any]

PLACE = "/console/audit/corrections"
LISTED = 50
CHANGES = 25
"""Changed awards of a page."""
NAMED = 30
"""Of the members it is about, and of those who have moved, so many are named."""
MAX_REASON = 500
_BETWEEN = re.compile(r"[\s,]+")
_CASCADES = ("none", "to_now")


@get("/audit/corrections", **door.page("operator"))
async def listing(request: Req) -> ASGIResponse:
    return await _listing(request, {"rulebook": request.query_params.get("rulebook", "")})


async def _listing(request: Req, tried: dict[str, str], refused: Exception | None = None) -> ASGIResponse:
    """All corrections, and a form for the next one: as it was sent, if that was refused."""
    wired, program = parts(request), caller(request).program
    heads = await wired.overview.corrections(program, LISTED)
    books = await rulebooks.listing(wired.handler, wired.drafts, program)
    newest = (await wired.programs.get(program)).newest
    told = problem(refused) if refused is not None else None
    page = await render(
        request,
        "corrections.html",
        place=_place(request),
        corrections=await correction_report.listed(wired.handler, heads),
        versions=books["items"],
        drafts=books["drafts"],
        rules=[rule.id for rule in newest.document.rules] if newest is not None else [],
        tried=tried,
        problem=told,
    )
    if told is not None:
        page.status_code = told.status
    return page


@post("/audit/corrections", **door.change("operator"))
async def propose(request: Req) -> ASGIResponse:
    """The proposal stands in the log; its dry run is a job, which the correction's page waits for."""
    fields = door.form(request)
    try:
        name, _ = await trying(request, await _asked(request, fields))
    except (Refused, AtTheDoor) as error:
        return await _listing(request, fields, error)
    return to(f"{PLACE}/{name}")


@get("/audit/corrections/{correction:str}", **door.page("operator", many=True))
async def show(request: Req) -> ASGIResponse:
    return await _page(request, path_id(request, "correction"))


@post("/audit/corrections/{correction:str}/approve", **door.change("admin"))
async def approve(request: Req) -> ASGIResponse:
    """By somebody other than its proposer. Approved again, a run that broke off goes on where it was."""
    name = path_id(request, "correction")
    try:
        running = await _running(request, name)
        # Whoever sends the form of an applied one again has nothing more to apply.
        if running is None and (await _report(request, name)).known.correction.state != "applied":
            await applying(request, name)
    except (Refused, AtTheDoor) as error:
        return await _page(request, name, error)
    return to(f"{PLACE}/{name}")


@post("/audit/corrections/{correction:str}/reverse", **door.change("operator"))
async def reverse(request: Req) -> ASGIResponse:
    """Propose the other way round of what it did. That is a correction too: it is tried and approved."""
    name = path_id(request, "correction")
    try:
        body = CorrectionBody(reverses=name, reason=_reason(door.form(request)))
        back, _ = await trying(request, body)
    except (Refused, AtTheDoor) as error:
        return await _page(request, name, error)
    return to(f"{PLACE}/{back}")


@get("/audit/corrections/{correction:str}/changes.csv", **door.page("operator", many=True))
async def as_table(request: Req) -> ASGIResponse:
    """All that it changes, for a spreadsheet."""
    name = path_id(request, "correction")
    text = await corrections.as_csv(parts(request).handler, caller(request).program, name)
    named = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return ASGIResponse(body=text, media_type="text/csv", headers={**SAFE, **named})


async def _page(request: Req, name: str, refused: Exception | None = None) -> ASGIResponse:
    wired, who = parts(request), caller(request)
    # In this order: what ends between the two reads is looked at once more, and never taken for broken off.
    running = await _running(request, name)
    report = await _report(request, name)
    found = report.known.correction
    asked = found.asked
    assert asked is not None
    skip = max(0, number(request, "after", 0))
    changes = await correction_report.changes(wired.handler, who.program, report, skip=skip, limit=CHANGES + 1)
    effects = [await correction_report.named(wired.handler, who.program, one) for one in report.effects]
    newest = (await wired.programs.get(who.program)).newest
    told = problem(refused) if refused is not None else None
    page = await render(
        request,
        "correction.html",
        place=_place(request),
        name=name,
        found=found,
        asked=asked,
        begins=asked.begins if asked.begins > BEGINNING else None,
        ends=asked.ends if asked.ends < FOREVER else None,
        count=report.members,
        totals=report.totals,
        changes=changes[:CHANGES],
        after=skip + CHANGES if len(changes) > CHANGES else None,
        skip=skip,
        members=await _names(request, asked.members),
        moved=await _names(request, found.moved),
        job=running,
        # Balances and levels are those of the whole rulebook: of some of its rules they say nothing.
        sums=await _sums(request, name) if not asked.rules else None,
        effects=[(one, _bars(one)) for one in effects],
        proposer=await _called(request, found.proposer),
        approver=await _called(request, found.approver),
        mine=found.proposer == who.actor,
        scales=_scales(newest.document if newest is not None else None),
        share=share,
        steps=("trying", "proposed", "approved", "applied"),
        problem=told,
    )
    if told is not None:
        page.status_code = told.status
    return page


async def _report(request: Req, name: str) -> Report:
    """Raises UnknownCorrection."""
    wired, program = parts(request), caller(request).program
    try:
        version = await wired.overview.version_of_correction(program, UUID(name.removeprefix("cor_")))
    except ValueError:
        version = None
    return await wired.reports.of(wired.handler, program, name, version)


async def _names(request: Req, streams: Sequence[str]) -> list[str | None]:
    """Of the first of them; None of an erased one."""
    wired, program = parts(request), caller(request).program
    return [await corrections.name_of(wired.handler, program, stream) for stream in streams[:NAMED]]


# --- what the handlers share ---------------------------------------------------------------------


async def _asked(request: Req, fields: dict[str, str]) -> CorrectionBody:
    """What the form asks for. Raises AtTheDoor."""
    rulebook, cascade = fields.get("rulebook", ""), fields.get("cascade", "none")
    if not rulebook:
        raise AtTheDoor("invalid-payload", "Choose the rules to decide it under.", errors=[("/rulebook", "required")])
    if cascade not in _CASCADES:
        raise AtTheDoor("invalid-payload", "That is no such choice.", errors=[("/cascade", "none or to_now")])
    return CorrectionBody(
        rulebook=rulebook,
        from_=await _moment(request, "from"),
        to=await _moment(request, "to"),
        rules=_listed(fields, "rules"),
        members=_listed(fields, "members"),
        cascade=cast("Any", cascade),
        reason=_reason(fields),
    )


def _listed(fields: dict[str, str], field: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in _BETWEEN.split(fields.get(field, "")) if name))


def _reason(fields: dict[str, str]) -> str:
    """Whoever approves has to know why. Raises AtTheDoor."""
    reason = fields.get("reason", "").strip()
    if not reason or len(reason) > MAX_REASON:
        raise AtTheDoor(
            "invalid-payload",
            f"Say why, in {MAX_REASON} letters at most: it stands in the log, and whoever approves reads it.",
            errors=[("/reason", f"1 to {MAX_REASON} letters")],
        )
    return reason


async def _moment(request: Req, field: str) -> datetime | None:
    """A date and time field in the program's zone; None when it is empty. Raises AtTheDoor."""
    given = door.form(request).get(field, "")
    if not given:
        return None
    try:
        found = (await viewer(request)).read_field(given)
    except (ValueError, OverflowError):
        raise AtTheDoor("bad-time", "That is no date and time.", errors=[(f"/{field}", "not a time")]) from None
    check_time(f"/{field}", found)
    return found


async def _job(request: Req, name: str, *kinds: str) -> Json | None:
    """The last job of a correction."""
    wired, program = parts(request), caller(request).program
    job = await wired.overview.newest_job(program, kinds, {"correction": name})
    return await jobs.read(wired.jobs, program, job) if job is not None else None


async def _running(request: Req, name: str) -> Json | None:
    """The job that works on a correction now."""
    found = await _job(request, name, TRYING, APPLYING)
    return found if found is not None and found["state"] == "running" else None


async def _sums(request: Req, name: str) -> Json | None:
    """What the dry run says of balances and levels; None where it was no job of a server's."""
    found = await _job(request, name, TRYING)
    return found["result"] if found is not None and found["state"] == "done" else None


async def _called(request: Req, actor: str) -> str:
    """What the key of an actor is called; nothing of an actor that is none of the program's keys."""
    kind, _, key = actor.partition(":")
    found = await parts(request).api_keys.get(key) if kind == "key" else None
    return found.name if found is not None and found.program == caller(request).program else ""


def _bars(one: Effect) -> list[tuple[str, list[tuple[Moved, int]]]]:
    """Winners and losers, each with the width of its bar. Bars of a currency are to one scale."""
    top = max((abs(moved.difference) for moved in (*one.winners, *one.losers)), default=1)
    sides = (("Win most", one.winners), ("Lose most", one.losers))
    return [(title, [(moved, share(abs(moved.difference), top)) for moved in side]) for title, side in sides]


def _scales(document: Rulebook | None) -> dict[str, int]:
    return {name: one.scale for name, one in document.currencies.items()} if document is not None else {}


def _place(request: Req) -> str:
    """Operators come from their rules, auditors from the log."""
    return "Audit" if "auditor" in caller(request).scopes else "Rulebooks"


HANDLERS = (listing, propose, show, approve, reverse, as_table)
