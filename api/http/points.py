"""Routes that move points by request: returns, redemptions and what becomes of them, adjustments."""

from typing import Any

from litestar import get, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Req, answer, caller, once, parts, path_id, route, written
from application import points, redemptions, reversals, rewards
from application.points import AdjustBody, RedeemBody, ReturnBody
from application.redemptions import CancelBody, ConfirmBody, ReturnRedemptionBody
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
            "sold-out",
            "unknown-reward",
            "not-eligible",
            "unknown-currency",
            "member-suspended",
        ),
    ),
)
async def redeem(request: Req) -> ASGIResponse:
    """By number, or by the money they are worth; with `hold`, set aside. Lots are spent in the currency's order."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, RedeemBody)
        more: Any = {"actor": who.actor, "key": key, "correlation": who.request}
        if body.reward is None:
            done = await points.redeem(parts(request).handler, who.program, body, **more)
        else:
            pool = parts(request).listed_codes
            done = await rewards.redeem(parts(request).handler, who.program, body, pool=pool, **more)
    return written(done)


_NO_REDEMPTION = ("unknown-redemption", "member-erased")


@get(
    "/v1/redemptions/{redemption:str}",
    **route("client", "Read a redemption", answer=shapes.RedemptionNow, codes=_NO_REDEMPTION),
)
async def read_redemption(request: Req) -> ASGIResponse:
    """As it stands now: `points` and `draws` are what is held or spent, `returned` what has come back of it."""
    found = await redemptions.read(parts(request).handler, caller(request).program, path_id(request, "redemption"))
    return answer(found)


@post(
    "/v1/redemptions/{redemption:str}/confirm",
    **route(
        "client",
        "Spend what a redemption holds",
        body=ConfirmBody,
        answer=shapes.RedemptionChanged,
        status=201,
        codes=(
            *_NO_REDEMPTION,
            "hold-expired",
            "already-confirmed",
            "not-eligible",
            "amount-out-of-range",
            "member-suspended",
        ),
    ),
)
async def confirm(request: Req) -> ASGIResponse:
    """All of it, or `points`: then the rest is free again."""
    who, redemption = caller(request), path_id(request, "redemption")
    with once(request) as key:
        body = await read_json(request, ConfirmBody)
        done = await redemptions.confirm(
            parts(request).handler,
            who.program,
            redemption,
            body,
            actor=who.actor,
            key=key,
            correlation=who.request,
            pool=parts(request).listed_codes,
        )
    return written(done)


@post(
    "/v1/redemptions/{redemption:str}/cancel",
    **route(
        "client",
        "Let go what a redemption holds",
        body=CancelBody,
        answer=shapes.RedemptionChanged,
        status=201,
        codes=(*_NO_REDEMPTION, "hold-expired", "already-confirmed", "not-eligible"),
    ),
)
async def cancel(request: Req) -> ASGIResponse:
    """The points are in their lots again, with the ends these have."""
    who, redemption = caller(request), path_id(request, "redemption")
    with once(request) as key:
        await read_json(request, CancelBody)
        done = await redemptions.cancel(
            parts(request).handler, who.program, redemption, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@post(
    "/v1/redemptions/{redemption:str}/return",
    **route(
        "client",
        "Give back what a redemption spent",
        body=ReturnRedemptionBody,
        answer=shapes.RedemptionChanged,
        status=201,
        codes=(
            *_NO_REDEMPTION,
            "already-reversed",
            "return-exceeds-activity",
            "not-eligible",
            "code-used",
            "amount-out-of-range",
        ),
    ),
)
async def give_back(request: Req) -> ASGIResponse:
    """All that is left of it, or `points`. Send a key: another request gives back more."""
    who, redemption = caller(request), path_id(request, "redemption")
    with once(request) as key:
        body = await read_json(request, ReturnRedemptionBody)
        done = await redemptions.give_back(
            parts(request).handler, who.program, redemption, body, actor=who.actor, key=key, correlation=who.request
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
