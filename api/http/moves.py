"""Routes that move points between members: transfers, their reversal, and merges of two members into one."""

from litestar import post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Req, caller, once, parts, path_id, route, written
from application import merge_members, move_points
from application.merge_members import MergeBody
from application.move_points import ReverseBody, TransferBody

_GONE = ("unknown-member", "member-erased")


@post(
    "/v1/transfers",
    **route(
        "client",
        "Give points to another member",
        body=TransferBody,
        answer=shapes.Transferred,
        status=201,
        codes=(
            *_GONE,
            "not-enough-points",
            "not-eligible",
            "unknown-currency",
            "amount-out-of-range",
            "member-suspended",
        ),
    ),
)
async def transfer(request: Req) -> ASGIResponse:
    """Lots keep their end and are split where need be. Reasons: `same-member`, `cross-currency`, `not-spendable`."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, TransferBody)
        done = await move_points.transfer(
            parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@post(
    "/v1/transfers/{transfer:str}/reverse",
    **route(
        "operator",
        "Reverse a transfer",
        body=ReverseBody,
        answer=shapes.Transferred,
        status=201,
        codes=(*_GONE, "unknown-transfer", "already-reversed", "not-enough-points", "not-eligible"),
    ),
)
async def reverse(request: Req) -> ASGIResponse:
    """The points go back with their first end. Once; with `force` even when they are spent."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, ReverseBody)
        done = await move_points.reverse(
            parts(request).handler,
            who.program,
            path_id(request, "transfer"),
            body,
            actor=who.actor,
            key=key,
            correlation=who.request,
        )
    return written(done)


@post(
    "/v1/merges",
    **route(
        "operator",
        "Merge a member into another",
        body=MergeBody,
        answer=shapes.Merged,
        status=201,
        codes=(*_GONE, "member-merged", "member-suspended", "not-eligible", "amount-out-of-range"),
    ),
)
async def merge(request: Req) -> ASGIResponse:
    """For good. The survivor has all that both had; the loser's id is another name of the survivor from then on."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, MergeBody)
        done = await merge_members.merge(
            parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)
