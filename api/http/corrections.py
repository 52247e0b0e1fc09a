"""Routes of corrections: a dry run, which is a job; what it found; and the approval, which has it applied."""

import asyncio
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from os import cpu_count

from litestar import get, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.audit import SMALL
from api.http.body import read_json
from api.http.route import Json, Req, answer, caller, number, once, page, parts, path_id, route
from api.wiring import Wired
from application import corrections, rulebooks
from application.corrections import Asked, CorrectionBody, Found
from application.folding import TASKS_PER_WORKER
from application.jobs import Job, Progress

TRYING, APPLYING = "correction", "corrected"
"""Kinds of the jobs: a dry run, and what applies it."""


@post(
    "/v1/corrections",
    **route(
        "operator",
        "Try dry what other rules would correct",
        remembers=False,
        body=CorrectionBody,
        answer=shapes.CorrectionStarted,
        status=202,
        codes=("unknown-rulebook", "rulebook-invalid", "bad-time", "unknown-member", "unknown-correction"),
    ),
)
async def propose(request: Req) -> ASGIResponse:
    """Decide a window again under a draft or a version; nothing of a member's is written. A job: see /v1/jobs/{id}."""
    with once(request):
        correction, job = await trying(request, await read_json(request, CorrectionBody))
    return answer({"correction": correction, "job": job.id}, 202, {"location": f"/v1/corrections/{correction}"})


async def trying(request: Req, body: CorrectionBody) -> tuple[str, Job]:
    """A correction that the caller proposes, and the job of its dry run."""
    wired, who = parts(request), caller(request)
    document = None
    if body.rulebook is not None:
        document = await rulebooks.document_of(wired.handler, wired.drafts, who.program, str(body.rulebook))
    asked = await corrections.propose(wired.handler, who.program, document, body, actor=who.actor)
    work = partial(_tried, wired, asked, who.actor)
    return asked.correction, await wired.worker.begin(who.program, TRYING, {"correction": asked.correction}, work)


async def _tried(wired: Wired, asked: Asked, actor: str, progress: Progress) -> Json:
    found = await asyncio.to_thread(_found, wired, asked, progress)
    return await corrections.note(wired.handler, asked.program, asked.correction, found, actor=actor)


def _found(wired: Wired, asked: Asked, progress: Progress) -> Found:
    with wired.rows() as reader:
        total = reader.total(asked.program)
    offset = wired.zones.offset
    if total <= SMALL:
        with ThreadPoolExecutor(1) as here:
            return corrections.dry_run(wired.streams, asked, offset, executor=here, progress=progress)
    workers = cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        of = workers * TASKS_PER_WORKER
        return corrections.dry_run(wired.streams, asked, offset, executor=pool, of=of, progress=progress)


@get(
    "/v1/corrections/{correction:str}",
    **route(
        "operator",
        "Look at a correction",
        answer=shapes.Correction,
        codes=("unknown-correction",),
    ),
)
async def read(request: Req) -> ASGIResponse:
    """How far it is, its sums, and a page of what it changes, by activity and rule."""
    return answer(
        await corrections.read(
            parts(request).handler,
            caller(request).program,
            path_id(request, "correction"),
            limit=page(request),
            cursor=number(request, "cursor", 0),
        )
    )


@get(
    "/v1/corrections/{correction:str}/csv",
    **route("operator", "All that a correction changes, as CSV", codes=("unknown-correction",)),
)
async def as_csv(request: Req) -> ASGIResponse:
    """One line per activity and rule."""
    text = await corrections.as_csv(parts(request).handler, caller(request).program, path_id(request, "correction"))
    return ASGIResponse(body=text.encode(), media_type="text/csv")


@post(
    "/v1/corrections/{correction:str}/approve",
    **route(
        "admin",
        "Approve a correction, and have it applied",
        remembers=False,
        answer=shapes.CorrectionStarted,
        status=202,
        codes=("unknown-correction", "not-tried", "same-actor"),
    ),
)
async def approve(request: Req) -> ASGIResponse:
    """By somebody other than its proposer. A job, which is started again by approving again where it was broken off."""
    name = path_id(request, "correction")
    with once(request):
        job = await applying(request, name)
    return answer({"correction": name, "job": job.id}, 202, {"location": f"/v1/jobs/{job.id}"})


async def applying(request: Req, name: str) -> Job:
    """The job that applies a correction, which the caller approves."""
    wired, who = parts(request), caller(request)
    await corrections.approved(wired.handler, who.program, name, actor=who.actor)
    work = partial(_applied, wired, who.program, name)
    return await wired.worker.begin(who.program, APPLYING, {"correction": name}, work)


async def _applied(wired: Wired, program: str, name: str, progress: Progress) -> Json:
    return await corrections.apply(wired.handler, program, name, progress=progress)
