"""Routes of the catalogue."""

from litestar import get, patch, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Req, answer, caller, number, once, page, parts, path_id, route, text, written
from application import rewards
from application.reward_terms import RewardBody, RewardChange

_TERMS = ("unknown-currency", "amount-out-of-range", "bad-time", "invalid-payload")


@get(
    "/v1/rewards",
    **route(
        "client",
        "List the catalogue",
        answer=shapes.Page,
        query={"member": "With whether this member could have a unit of each now, and why not"},
        codes=("unknown-member", "member-erased"),
    ),
)
async def listing(request: Req) -> ASGIResponse:
    """By id; `left` is what is neither redeemed nor held, null where there is no limit."""
    found = await rewards.listing(
        parts(request).handler,
        caller(request).program,
        text(request, "member"),
        limit=page(request),
        cursor=number(request, "cursor", 0),
    )
    return answer(found)


@post(
    "/v1/rewards",
    **route(
        "operator",
        "Put a reward into the catalogue",
        body=RewardBody,
        answer=shapes.RewardWritten,
        status=201,
        codes=("reward-exists", "bad-id", *_TERMS),
    ),
)
async def create(request: Req) -> ASGIResponse:
    """What a unit costs, how many there are, how many a member may have, and when."""
    who = caller(request)
    with once(request) as key:
        body = await read_json(request, RewardBody)
        done = await rewards.create(
            parts(request).handler,
            who.program,
            body,
            actor=who.actor,
            key=key,
            correlation=who.request,
            pool=parts(request).listed_codes,
        )
    return written(done, {"etag": f'"{done.body["version"]}"'})


@get(
    "/v1/rewards/{reward:str}",
    **route("client", "Read a reward", answer=shapes.Reward, codes=("unknown-reward",)),
)
async def read(request: Req) -> ASGIResponse:
    found, etag = await rewards.read(
        parts(request).handler, caller(request).program, path_id(request, "reward"), parts(request).listed_codes
    )
    return answer(found, 200, {"etag": f'"{etag}"'})


@patch(
    "/v1/rewards/{reward:str}",
    **route(
        "operator",
        "Change a reward",
        remembers=False,
        body=RewardChange,
        answer=shapes.RewardWritten,
        headers=("If-Match",),
        codes=("unknown-reward", "precondition-required", "precondition-failed", *_TERMS),
    ),
)
async def change(request: Req) -> ASGIResponse:
    """`If-Match` carries the ETag that was read. What is held or redeemed keeps the terms it was redeemed on."""
    who, reward = caller(request), path_id(request, "reward")
    with once(request):
        body = await read_json(request, RewardChange)
        etag = request.headers.get("if-match")
        done = await rewards.change(
            parts(request).handler,
            who.program,
            reward,
            body,
            etag=etag.strip().removeprefix("W/").strip('"') if etag is not None else None,
            actor=who.actor,
            correlation=who.request,
            pool=parts(request).listed_codes,
        )
    return written(done, {"etag": f'"{done.body["version"]}"'})
