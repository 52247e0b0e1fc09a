"""Routes of rulebooks: drafts are edited and checked, published versions stay."""

from litestar import get, post, put
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json, read_optional_json
from api.http.route import Json, Req, answer, caller, once, parts, path_id, path_number, route, written
from application import rulebooks
from application.rulebooks import DraftBody, PublishBody


@post(
    "/v1/rulebooks",
    **route("operator", "Write a draft", remembers=False, body=DraftBody, answer=shapes.Draft, status=201),
)
async def create(request: Req) -> ASGIResponse:
    """A draft may be wrong: the findings say where."""
    wired = parts(request)
    with once(request):
        body = await read_json(request, DraftBody)
        found = await rulebooks.create(wired.handler, wired.drafts, caller(request).program, body)
    return _draft(found, 201)


@get("/v1/rulebooks", **route("operator", "List versions and drafts", reads=True, answer=shapes.Rulebooks))
async def listing(request: Req) -> ASGIResponse:
    wired = parts(request)
    return answer(await rulebooks.listing(wired.handler, wired.drafts, caller(request).program) | {"next_cursor": None})


@get(
    "/v1/rulebooks/{rulebook:str}",
    **route("operator", "Read a version (4) or a draft (rb_7)", answer=shapes.Rulebook, codes=("unknown-rulebook",)),
)
async def read(request: Req) -> ASGIResponse:
    wired, name = parts(request), path_id(request, "rulebook")
    if name.startswith("rb_"):
        return _draft(await rulebooks.read(wired.handler, wired.drafts, caller(request).program, name))
    number = path_number(request, "rulebook")
    return answer(await rulebooks.version(wired.handler, caller(request).program, number))


@put(
    "/v1/rulebooks/{rulebook:str}",
    **route(
        "operator",
        "Replace a draft",
        remembers=False,
        body=DraftBody,
        answer=shapes.Draft,
        headers=("If-Match",),
        codes=("unknown-rulebook", "precondition-required", "precondition-failed"),
    ),
)
async def update(request: Req) -> ASGIResponse:
    """`If-Match` carries the ETag that was read, so that nobody's edit is lost."""
    wired, program, name = parts(request), caller(request).program, path_id(request, "rulebook")
    with once(request):
        body = await read_json(request, DraftBody)
        etag = request.headers.get("if-match")
        if etag == "*":
            etag = (await rulebooks.read(wired.handler, wired.drafts, program, name))["etag"]
        elif etag is not None:
            etag = etag.strip().removeprefix("W/").strip('"')
        return _draft(await rulebooks.update(wired.handler, wired.drafts, program, name, body, etag=etag))


@post(
    "/v1/rulebooks/{rulebook:str}/check",
    **route("operator", "Check a draft", reads=True, answer=shapes.Draft, codes=("unknown-rulebook",)),
)
async def check(request: Req) -> ASGIResponse:
    """Types, cost, references, and what would change for open things. Writes nothing."""
    wired, name = parts(request), path_id(request, "rulebook")
    return _draft(await rulebooks.check(wired.handler, wired.drafts, caller(request).program, name))


@post(
    "/v1/rulebooks/{rulebook:str}/publish",
    **route(
        "admin",
        "Put a draft in force",
        body=PublishBody,
        answer=shapes.Published,
        status=201,
        codes=("unknown-rulebook", "version-conflict", "rulebook-invalid", "bad-time"),
    ),
)
async def publish(request: Req) -> ASGIResponse:
    """Published versions never change. Rolling back is publishing the old document again."""
    wired, who, name = parts(request), caller(request), path_id(request, "rulebook")
    with once(request) as key:
        body = await read_optional_json(request, PublishBody)
        done = await rulebooks.publish(wired.handler, wired.drafts, who.program, name, body, actor=who.actor, key=key)
    return written(done)


@get(
    "/v1/rulebooks/{before:str}/diff/{after:str}",
    **route(
        "operator",
        "What changed between two versions or drafts",
        answer=shapes.Difference,
        codes=("unknown-rulebook", "rulebook-invalid"),
    ),
)
async def diff(request: Req) -> ASGIResponse:
    """In words. Either may be a version (4) or a draft (rb_7)."""
    wired, program = parts(request), caller(request).program
    before, after = path_id(request, "before"), path_id(request, "after")
    return answer(await rulebooks.diff(wired.handler, wired.drafts, program, before, after))


def _draft(found: Json, status: int = 200) -> ASGIResponse:
    return answer(found, status, {"etag": f'"{found["etag"]}"'})
