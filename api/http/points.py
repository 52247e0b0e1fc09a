"""Routes that move points by request: returns, redemptions, adjustments."""

from litestar import post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Req, caller, once, parts, path_id, route, written
from application import points, reversals
from application.points import AdjustBody, RedeemBody, ReturnBody
from application.reversals import ReverseBody

_GONE = ("unknown-member", "member-erased")


@post(
    "/v1/returns",
    **route(
        "client",
        "Return an activity, or part of it",
        body=ReturnBody,
        answer=shapes.Returned,
        status=201,
        codes=("unknown-activity", "return-exceeds-activity", "amount-out-of-range", "member-erased"),
    ),
)
async def return_activity(request: Req) -> ASGIResponse:
    """Takes back what it earned, under the rules it was earned by."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, ReturnBody)
        done = await points.return_activity(
            parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@post(
    "/v1/redemptions",
    **route(
        "client",
        "Spend points",
        body=RedeemBody,
        answer=shapes.Redeemed,
        status=201,
        codes=(
            *_GONE,
            "not-enough-points",
            "below-minimum",
            "limit-reached",
            "not-eligible",
            "unknown-currency",
            "member-suspended",
        ),
    ),
)
async def redeem(request: Req) -> ASGIResponse:
    """By number, or by the money they are worth. Lots are spent in the currency's order."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, RedeemBody)
        done = await points.redeem(
            parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@post(
    "/v1/adjustments",
    **route(
        "operator",
        "Give or take points by hand",
        body=AdjustBody,
        answer=shapes.Adjusted,
        status=201,
        codes=(*_GONE, "not-enough-points", "unknown-currency", "amount-out-of-range"),
    ),
)
async def adjust(request: Req) -> ASGIResponse:
    """With a reason, which the member's history shows."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, AdjustBody)
        done = await points.adjust(
            parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@post(
    "/v1/adjustments/{adjustment:str}/reverse",
    **route(
        "operator",
        "Reverse an adjustment",
        body=ReverseBody,
        answer=shapes.AdjustmentReversed,
        status=201,
        codes=("unknown-adjustment", "already-reversed", "not-enough-points", "member-erased"),
    ),
)
async def reverse_adjustment(request: Req) -> ASGIResponse:
    """Once. Points that have moved on are only taken with `force`."""
    who, adjustment = caller(request), path_id(request, "adjustment")
    with once(request) as key:
        body = await read_json(request, ReverseBody)
        done = await reversals.reverse_adjustment(
            parts(request).handler, who.program, adjustment, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)
