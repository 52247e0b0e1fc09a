"""Routes of points that cannot be spent yet."""

from litestar import post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Req, caller, once, parts, route, written
from application import pending
from application.pending import PendingBody

_CODES = ("unknown-member", "member-erased", "unknown-lot", "unknown-activity")


@post(
    "/v1/pending/activate",
    **route(
        "operator",
        "Make pending points spendable",
        body=PendingBody,
        answer=shapes.Pending,
        status=201,
        codes=(*_CODES, "member-suspended"),
    ),
)
async def activate(request: Req) -> ASGIResponse:
    """Some lots, or what an activity earned. A lot that waited for this begins its life now."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, PendingBody)
        done = await pending.activate(
            parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@post(
    "/v1/pending/cancel",
    **route(
        "operator",
        "Cancel pending points",
        body=PendingBody,
        answer=shapes.Pending,
        status=201,
        codes=(*_CODES, "not-eligible"),
    ),
)
async def cancel(request: Req) -> ASGIResponse:
    """As if they had never been granted: caps and budgets get back what they took."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, PendingBody)
        done = await pending.cancel(
            parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)
