"""Routes for auditors: the log as it stands, one member's part of it, and verification."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
from litestar import get, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.route import Json, Req, answer, caller, instant, number, once, page, parts, path_id, route
from application import audit, jobs
from application.jobs import Job, Progress

SMALL = 20_000
"""Up to so many entries are verified here: processes of its own would take longer to start."""


@get(
    "/v1/log",
    **route(
        "auditor",
        "Read the log",
        many=True,
        answer=shapes.Page,
        query={"after": "Entries after this position; the same as `cursor`"},
    ),
)
async def log(request: Req) -> ASGIResponse:
    """Entries of the program in order of position, each as it is stored, with its digest in hex."""
    after = number(request, "cursor", number(request, "after", 0))
    limit = page(request)
    rows = await parts(request).store.log(caller(request).program, after=after, limit=limit + 1)
    items = [
        {
            **msgspec.json.decode(row.state),
            "position": row.position,
            "topic": row.topic,
            "digest": row.digest.hex(),
            "seal": row.seal.hex(),
        }
        for row in rows[:limit]
    ]
    return answer({"items": items, "next_cursor": str(rows[limit - 1].position) if len(rows) > limit else None})


@get(
    "/v1/audit/members/{member:str}",
    **route(
        "auditor",
        "A member's entries, and the state they lead to",
        answer=shapes.AuditedMember,
        query={
            "as_of": "As of this instant of the world; `known_at` when left out",
            "known_at": "As known at this instant of the program's clock; now when left out",
        },
        codes=("unknown-member", "member-erased"),
    ),
)
async def member(request: Req) -> ASGIResponse:
    """Folded from the log on each request, never from a cache."""
    found = await audit.member(
        parts(request).handler,
        caller(request).program,
        path_id(request, "member"),
        as_of=instant(request, "as_of"),
        known_at=instant(request, "known_at"),
    )
    return answer(found)


@post(
    "/v1/audit/verify",
    **route("auditor", "Verify the whole log", reads=True, answer=shapes.JobStarted, status=202),
)
async def verify(request: Req) -> ASGIResponse:
    """Every digest, every fold, every decision made again under its pinned rules. A job: look at /v1/jobs/{id}."""
    with once(request):
        job = await verifying(request)
    return answer({"job": job.id}, 202, {"location": f"/v1/jobs/{job.id}"})


async def verifying(request: Req) -> Job:
    """The job that verifies the caller's program."""
    wired, program = parts(request), caller(request).program
    return await wired.worker.start(program, "verify", {}, partial(_verify, wired.rows, program))


def _verify(rows: audit.Connect, program: str, progress: Progress) -> Json:
    with rows() as reader:
        total = reader.total(program)
    if total > SMALL:
        return audit.verify(rows, program, progress=progress)
    with ThreadPoolExecutor(1) as here:
        return audit.verify(rows, program, executor=here, progress=progress)


@get("/v1/refusals", **route("operator", "The latest refusals", answer=shapes.Refusals))
async def refusals(request: Req) -> ASGIResponse:
    """What clients ran into, the newest first. Kept for a while, and no part of the log."""
    return answer({"items": await parts(request).refusals.latest(caller(request).program, page(request))})


@get("/v1/jobs/{job:str}", **route("client", "Look at a job", answer=shapes.Job, codes=("unknown-job",)))
async def job(request: Req) -> ASGIResponse:
    """Long work: how far it is, and what came of it."""
    return answer(await jobs.read(parts(request).jobs, caller(request).program, path_id(request, "job")))
