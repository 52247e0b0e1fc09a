"""Trials: a rulebook told on history. The page waits for the job, then says who would have more, who less, and why."""

from datetime import datetime
from typing import Any

from litestar import get
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.charts import share
from api.console.page import SAFE, render
from api.http.route import Req, caller, parts, path_id
from application import jobs
from application.jobs import UnknownJob
from application.what_if_answer import as_csv, table

Json = dict[str, Any]

SHOWN = 15
"""Of those who win most and lose most, so many have a bar."""


@get("/trials/{job:str}", **door.page("operator", many=True))
async def show(request: Req) -> ASGIResponse:
    wired, program, job = parts(request), caller(request).program, path_id(request, "job")
    found = await _found(request, job)
    told = found["result"] if found["state"] == "done" else None
    newest = (await wired.programs.get(program)).newest
    return await render(
        request,
        "trial.html",
        place="Rulebooks",
        job=found,
        told=told,
        begins=_instant(told, "from"),
        ends=_instant(told, "to"),
        bars=_bars(told) if told is not None else [],
        share=share,
        scales={name: one.scale for name, one in newest.document.currencies.items()} if newest else {},
    )


@get("/trials/{job:str}/members.csv", **door.page("operator", many=True))
async def as_table(request: Req) -> ASGIResponse:
    """The members that the trial names, for a spreadsheet."""
    job = path_id(request, "job")
    found = await _found(request, job)
    if found["state"] != "done":
        raise UnknownJob(f"there is no what-if {job!r} that is done")
    text = "".join(as_csv(table(found["result"], "members")))
    named = {"content-disposition": f'attachment; filename="{job}.csv"'}
    return ASGIResponse(body=text, media_type="text/csv", headers={**SAFE, **named})


async def _found(request: Req, job: str) -> Json:
    found = await jobs.read(parts(request).jobs, caller(request).program, job)
    if found["kind"] != "what-if":
        raise UnknownJob(f"there is no what-if {job!r}")
    return found


def _bars(told: Json) -> list[tuple[str, list[tuple[Json, int]]]]:
    """Winners and losers, each with the width of its bar. All bars are to one scale."""
    sides = (("Win most", told["winners"][:SHOWN]), ("Lose most", told["losers"][:SHOWN]))
    top = max((abs(one["difference"]) for _, side in sides for one in side), default=1)
    return [(title, [(one, share(abs(one["difference"]), top)) for one in side]) for title, side in sides]


def _instant(told: Json | None, name: str) -> datetime | None:
    given = told["window"][name] if told is not None else None
    return datetime.fromisoformat(given) if given else None


HANDLERS = (show, as_table)
