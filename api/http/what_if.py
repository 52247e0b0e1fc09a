"""Routes that try a rulebook on history: a job, and its tables."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from litestar import get, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.audit import SMALL
from api.http.body import read_optional_json
from api.http.problems import AtTheDoor
from api.http.route import Json, Req, answer, caller, once, parts, path_id, route
from api.wiring import Wired
from application import jobs, rulebooks
from application.jobs import Job, Progress, UnknownJob
from application.what_if import Question, WhatIfBody, question, what_if
from application.what_if_answer import TABLES, as_csv, table
from application.what_if_answer import answer as told


@post(
    "/v1/rulebooks/{rulebook:str}/simulate",
    **route(
        "operator",
        "Try a draft (rb_7) or a version (4) on history",
        reads=True,
        body=WhatIfBody,
        answer=shapes.JobStarted,
        status=202,
        codes=("unknown-rulebook", "rulebook-invalid", "bad-time"),
    ),
)
async def simulate(request: Req) -> ASGIResponse:
    """What every member would have, had it ruled in the window. Writes nothing. A job: look at /v1/jobs/{id}."""
    wired, program, name = parts(request), caller(request).program, path_id(request, "rulebook")
    with once(request):
        body = await read_optional_json(request, WhatIfBody)
        document = await rulebooks.document_of(wired.handler, wired.drafts, program, name)
        job = await started(request, name, document, body)
    return answer({"job": job.id}, 202, {"location": f"/v1/jobs/{job.id}"})


async def started(request: Req, name: str, document: Json, body: WhatIfBody) -> Job:
    """The job that tries a document on history; `name` says where it came from. Raises RulebookInvalid, BadTime."""
    wired, program = parts(request), caller(request).program
    asked = await question(wired.handler, program, document, body)
    request_of = {"rulebook": name, "from": body.from_, "to": body.to}
    return await wired.worker.start(program, "what-if", request_of, partial(_told, wired, asked))


def _told(wired: Wired, asked: Question, progress: Progress) -> Json:
    with wired.rows() as reader:
        total = reader.total(asked.program)
    offset = wired.zones.offset
    if total > SMALL:
        return told(asked, what_if(wired.streams, asked, offset, progress=progress))
    with ThreadPoolExecutor(1) as here:
        return told(asked, what_if(wired.streams, asked, offset, executor=here, progress=progress))


@get(
    "/v1/jobs/{job:str}/csv",
    **route(
        "operator",
        "A table of what came of a what-if, as CSV",
        many=True,
        query={"table": f"One of {', '.join(TABLES)}; `members` are those that the job names"},
        codes=("unknown-job",),
    ),
)
async def as_table(request: Req) -> ASGIResponse:
    """Once the job is done. Pairs of numbers are columns `..._recorded` and `..._tried`."""
    name = request.query_params.get("table") or "members"
    if name not in TABLES:
        raise AtTheDoor(
            "invalid-payload", "There is no such table.", errors=[("/table", f"one of {', '.join(TABLES)}")]
        )
    job = path_id(request, "job")
    found = await jobs.read(parts(request).jobs, caller(request).program, job)
    if found["kind"] != "what-if" or found["state"] != "done":
        raise UnknownJob(f"there is no what-if {job!r} that is done")
    text = "".join(as_csv(table(found["result"], name)))
    return ASGIResponse(body=text.encode(), media_type="text/csv")
