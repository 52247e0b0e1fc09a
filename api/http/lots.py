"""Routes of lots whose lives an operator lengthens."""

from litestar import post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Req, caller, once, parts, route, written
from application import lots
from application.lots import LotsBody

_CODES = ("unknown-member", "member-erased", "unknown-lot", "not-eligible")


@post(
    "/v1/lots/extend",
    **route("operator", "Let open lots end later", body=LotsBody, answer=shapes.Lots, status=201, codes=_CODES),
)
async def extend(request: Req) -> ASGIResponse:
    """Open lots end at `expires_at`, which is later than they did."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, LotsBody)
        done = await lots.extend(
            parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@post(
    "/v1/lots/reinstate",
    **route("operator", "Bring expired lots back", body=LotsBody, answer=shapes.Lots, status=201, codes=_CODES),
)
async def reinstate(request: Req) -> ASGIResponse:
    """What expired of lots can be spent again until `expires_at`. It repays debt first."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, LotsBody)
        done = await lots.reinstate(
            parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)
