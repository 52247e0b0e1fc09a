"""The console's routes. `door.py` says who comes in, `page.py` what a page is; each other module is a place."""

from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from api.console import (
    access,
    audit,
    bundles,
    campaigns,
    corrections,
    door,
    leaderboards,
    liability,
    members,
    proofs,
    rewards,
    rulebooks,
    studio,
    system,
    today,
    trials,
    webhooks,
)
from api.console.page import ASSETS, BY_ADDRESS, SAFE, STATIC, piece, plain, to
from api.http.problems import AtTheDoor, answer_problem, problem
from api.http.route import Req, caller_of, parts
from infrastructure.clock import utc_now


@get("/", status_code=200)
async def home(request: Req) -> ASGIResponse:
    """The first place that the key lets its holder see."""
    wired = parts(request)
    session = wired.sessions.opened(request.cookies.get(door.COOKIE, ""), utc_now())
    key = await wired.api_keys.get(session.key) if session is not None else None
    if key is None:
        return to("/console/sign-in")
    scopes = caller_of(key, "").scopes
    if not scopes.isdisjoint({"operator", "analyst", "auditor"}):
        return to("/console/today")
    return to("/console/members")


@get("/sign-in", status_code=200)
async def sign_in(request: Req) -> ASGIResponse:
    return plain("sign_in.html", back=door.way_back(request.query_params.get("back", "")), wrong=False)


@post("/sign-in", status_code=200)
async def enter(request: Req) -> ASGIResponse:
    """A session for whoever holds a valid key. The key itself is not kept."""
    door.own_page(request)
    fields = await door.posted(request)
    back = door.way_back(fields.get("back", ""))
    wired = parts(request)
    key = await wired.api_keys.find(fields.get("key", "").strip())
    if key is None:
        return plain("sign_in.html", 401, back=back, wrong=True)
    begun = wired.sessions.begin(key.id, utc_now())
    return to(back, {"set-cookie": door.cookie(request, begun.token)})


@post("/sign-out", **door.change("client", "operator", "admin", "auditor", "analyst"))
async def leave(request: Req) -> ASGIResponse:
    return to("/console/sign-in", {"set-cookie": door.cookie(request, None)})


@get("/static/{digest:str}/{name:str}", status_code=200)
async def asset(request: Req) -> ASGIResponse:
    name = BY_ADDRESS.get(request.scope["path"])
    if name is None:
        raise AtTheDoor("not-found", "Nothing is at this address.")
    headers = {**SAFE, "cache-control": "public, max-age=31536000, immutable"}
    return ASGIResponse(body=(STATIC / name).read_bytes(), media_type=ASSETS[name], headers=headers)


@get("/{rest:path}", status_code=200)
async def nowhere() -> ASGIResponse:
    raise AtTheDoor("not-found", "Nothing is at this address.")


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    home,
    sign_in,
    enter,
    leave,
    asset,
    nowhere,
    *members.HANDLERS,
    *today.HANDLERS,
    *leaderboards.HANDLERS,
    *campaigns.HANDLERS,
    *rewards.HANDLERS,
    *liability.HANDLERS,
    *rulebooks.HANDLERS,
    *studio.HANDLERS,
    *trials.HANDLERS,
    *audit.HANDLERS,
    *corrections.HANDLERS,
    *proofs.HANDLERS,
    *bundles.HANDLERS,
    *access.HANDLERS,
    *webhooks.HANDLERS,
    *system.HANDLERS,
)


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Problems as pages; who is not signed in is asked to."""
    if isinstance(error, door.SignedOut):
        at = door.sign_in_at(error.back)
        # A piece of a page that is open has no room to sign in: the whole page goes there.
        headers = {"hx-redirect": at} if "hx-request" in request.headers else {"location": at}
        return Response(b"", status_code=200 if "hx-request" in request.headers else 303, headers=SAFE | headers)
    told = problem(error)
    noted = answer_problem(request, error)
    page = piece("problem.html", problem=told)
    return Response(page.encode(), status_code=noted.status_code, media_type="text/html", headers=dict(SAFE))


ROUTER = Router(path="/console", route_handlers=HANDLERS, exception_handlers={Exception: answer})
