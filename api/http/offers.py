"""Routes of offers and coupons."""

from litestar import get, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Req, answer, caller, number, once, page, parts, path_id, route, text, written
from application import codes, offers
from application.offers import AssignBody, RedeemCodeBody

_GONE = ("unknown-member", "member-erased")


@get(
    "/v1/offers",
    **route(
        "client",
        "List offers",
        answer=shapes.Page,
        query={"member": "With what this member has of each, whether it is in reach, and why not"},
        codes=_GONE,
    ),
)
async def listing(request: Req) -> ASGIResponse:
    """Those of the rulebook in force. Codes of coupons are not told."""
    found = await offers.listing(parts(request).handler, caller(request).program, text(request, "member"))
    return answer(found)


@post(
    "/v1/offers/{offer:str}/assignments",
    **route(
        "operator",
        "Assign an offer to a member",
        body=AssignBody,
        answer=shapes.OfferAssigned,
        status=201,
        codes=(*_GONE, "unknown-offer", "not-eligible", "member-suspended", "from-the-future"),
    ),
)
async def assign(request: Req) -> ASGIResponse:
    """Opens a slot, also where another one of the same offer is open."""
    who, offer = caller(request), path_id(request, "offer")
    with once(request) as key:
        body = await read_json(request, AssignBody)
        done = await offers.assign(
            parts(request).handler, who.program, offer, body, actor=who.actor, key=key, correlation=who.request
        )
    return written(done)


@post(
    "/v1/codes/redeem",
    **route(
        "client",
        "Use the code of a coupon, or of a unit of a reward",
        body=RedeemCodeBody,
        answer=shapes.CodeRedeemed,
        status=201,
        codes=(
            *_GONE,
            "code-not-in-campaign",
            "code-not-targeted",
            "code-outside-window",
            "code-used",
            "not-eligible",
            "member-suspended",
            "from-the-future",
            "rate-limited",
        ),
    ),
)
async def redeem_code(request: Req) -> ASGIResponse:
    """A coupon's for the first slot it is good for, a unit's once. Refused, nothing is done: the code stays as it is.

    Who tries codes in vain waits longer each time; `Retry-After` says how long.
    """
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, RedeemCodeBody)
        done = await codes.redeem(
            parts(request).handler,
            parts(request).misses,
            who.program,
            body,
            actor=who.actor,
            key=key,
            correlation=who.request,
        )
    return written(done)


@get(
    "/v1/members/{member:str}/offers",
    **route("client", "A member's offers", answer=shapes.Page, codes=_GONE),
)
async def of_member(request: Req) -> ASGIResponse:
    """Every slot there ever was, in the order of assignment, with how far it came."""
    found = await offers.of_member(
        parts(request).handler,
        caller(request).program,
        path_id(request, "member"),
        limit=page(request),
        cursor=number(request, "cursor", 0),
    )
    return answer(found)
