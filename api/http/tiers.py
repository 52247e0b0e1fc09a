"""Routes of tiers: the floor that an operator sets under a member's level."""

from litestar import delete, put
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Req, caller, once, parts, path_id, route, text, written
from application import floors
from application.floors import FloorBody

_CODES = ("unknown-member", "member-erased", "unknown-tier")


@put(
    "/v1/members/{member:str}/tiers/{tier_set:str}/floor",
    **route(
        "operator",
        "Set a level below which a member does not fall",
        body=FloorBody,
        answer=shapes.MemberWritten,
        codes=(*_CODES, "floor-not-allowed", "bad-time", "invalid-payload"),
    ),
)
async def set_floor(request: Req) -> ASGIResponse:
    """Until an instant or for good, in place of a floor that is there. Who is below is raised at once."""
    who, member, tier_set = caller(request), path_id(request, "member"), path_id(request, "tier_set")
    with once(request) as key:
        body = await read_json(request, FloorBody)
        done = await floors.set_floor(
            parts(request).handler,
            who.program,
            member,
            tier_set,
            body,
            actor=who.actor,
            key=key,
            correlation=who.request,
        )
    return written(done)


@delete(
    "/v1/members/{member:str}/tiers/{tier_set:str}/floor",
    **route(
        "operator",
        "Lift the floor under a member's level",
        answer=shapes.MemberWritten,
        query={"reason": "Why"},
        codes=(*_CODES, "invalid-payload"),
    ),
)
async def lift_floor(request: Req) -> ASGIResponse:
    """Who was held by it alone stands where its counters say, at once. Without a floor, nothing changes."""
    who, member, tier_set = caller(request), path_id(request, "member"), path_id(request, "tier_set")
    with once(request) as key:
        done = await floors.lift_floor(
            parts(request).handler,
            who.program,
            member,
            tier_set,
            actor=who.actor,
            reason=text(request, "reason") or "",
            key=key,
            correlation=who.request,
        )
    return written(done)
