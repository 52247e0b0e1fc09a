"""Routes of households: who belongs to one, on what terms, and what the pool has."""

from litestar import get, patch, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Req, answer, caller, number, once, page, parts, path_id, route, written
from application import households
from application.households import DissolveBody, HouseholdBody, HouseholdChange, JoinBody, LeaveBody, Told

_GONE = ("unknown-household", "unknown-member", "member-erased")


@post(
    "/v1/households",
    **route(
        "client",
        "Form a household",
        body=HouseholdBody,
        answer=shapes.HouseholdWritten,
        status=201,
        codes=("member-exists", "amount-out-of-range"),
    ),
)
async def form(request: Req) -> ASGIResponse:
    """It is an account with a pool of points. Nobody belongs to it yet; its id is one of the ids of members."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, HouseholdBody)
        told = Told(actor=who.actor, key=key, correlation=who.request)
        done = await households.form(parts(request).handler, who.program, body, told)
    return written(done)


@get(
    "/v1/households/{household:str}",
    **route("client", "Read a household", answer=shapes.Household, codes=("unknown-household",), many=True),
)
async def read(request: Req) -> ASGIResponse:
    """Who belongs to it and has put in how much, and what is in the pool now."""
    found = await households.read(parts(request).handler, caller(request).program, path_id(request, "household"))
    return answer(found)


@patch(
    "/v1/households/{household:str}",
    **route(
        "operator",
        "Put a household on other terms",
        body=HouseholdChange,
        answer=shapes.HouseholdWritten,
        codes=(*_GONE, "not-eligible", "member-suspended", "amount-out-of-range"),
    ),
)
async def change(request: Req) -> ASGIResponse:
    """All terms at once: what is left out is as at first, but for the `owner`, who stays."""
    who, household = caller(request), path_id(request, "household")
    with once(request) as key:
        body = await read_json(request, HouseholdChange)
        told = Told(actor=who.actor, key=key, correlation=who.request)
        done = await households.change(parts(request).handler, who.program, household, body, told)
    return written(done)


@get(
    "/v1/households/{household:str}/contributions",
    **route(
        "client",
        "List what was put into a household's pool",
        answer=shapes.Contributions,
        many=True,
        codes=("unknown-household",),
    ),
)
async def contributions(request: Req) -> ASGIResponse:
    """Who put in what, from which lot, when it ends, and what is left of it; oldest first."""
    found = await households.contributions(
        parts(request).handler,
        caller(request).program,
        path_id(request, "household"),
        limit=page(request),
        cursor=number(request, "cursor", 0),
    )
    return answer(found)


@post(
    "/v1/households/{household:str}/join",
    **route(
        "client",
        "Take a member into a household",
        body=JoinBody,
        answer=shapes.HouseholdJoined,
        status=201,
        codes=(*_GONE, "not-eligible", "member-suspended", "limit-reached"),
    ),
)
async def join(request: Req) -> ASGIResponse:
    """Of one household at a time (`in-household`); a household has at most one owner (`has-owner`)."""
    who, household = caller(request), path_id(request, "household")
    with once(request) as key:
        body = await read_json(request, JoinBody)
        told = Told(actor=who.actor, key=key, correlation=who.request)
        done = await households.join(parts(request).handler, who.program, household, body, told)
    return written(done)


@post(
    "/v1/households/{household:str}/leave",
    **route(
        "client",
        "Let a member leave a household",
        body=LeaveBody,
        answer=shapes.HouseholdLeft,
        status=201,
        codes=(*_GONE, "not-eligible"),
    ),
)
async def leave(request: Req) -> ASGIResponse:
    """With what is left of its own points, if the terms say `take`; the last one takes all that is left."""
    who, household = caller(request), path_id(request, "household")
    with once(request) as key:
        body = await read_json(request, LeaveBody)
        told = Told(actor=who.actor, key=key, correlation=who.request)
        done = await households.leave(parts(request).handler, who.program, household, body, told)
    return written(done)


@post(
    "/v1/households/{household:str}/dissolve",
    **route(
        "operator",
        "Dissolve a household",
        body=DissolveBody,
        answer=shapes.HouseholdGone,
        status=201,
        codes=("unknown-household", "not-eligible"),
    ),
)
async def dissolve(request: Req) -> ASGIResponse:
    """Everybody leaves, the owner last, and the account is closed. Refused while points are held."""
    who, household = caller(request), path_id(request, "household")
    with once(request) as key:
        body = await read_json(request, DissolveBody)
        told = Told(actor=who.actor, key=key, correlation=who.request)
        done = await households.dissolve(parts(request).handler, who.program, household, body, told)
    return written(done)
