"""Routes of leaderboards."""

from litestar import get, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.problems import AtTheDoor
from api.http.route import (
    Req,
    answer,
    caller,
    instant,
    number,
    once,
    page,
    parts,
    path_id,
    route,
    text,
    written,
)
from application import leaderboards
from application.leaderboard_closing import CloseBody, caught_up
from application.leaderboard_closing import close as close_board
from application.leaderboards import Asked

_ASKED = {
    "by": "Which board, where the leaderboard has one for each value of its `by`",
    "period": "A label (2026-11, 2026-W48, 2026-Q4, 2026, ever) or a day in it; the current period when left out",
    "as_of": "As of this instant of the world; `known_at` when left out",
    "known_at": "As known at this instant of the program's clock; now when left out",
    "restated": "true: a closed period as its results add up now, not as it was frozen",
}
_CODES = ("unknown-leaderboard", "bad-time", "invalid-payload")


@get("/v1/leaderboards", **route("client", "List leaderboards", answer=shapes.Page, projected=True))
async def listing(request: Req) -> ASGIResponse:
    """Those of the newest rulebook, and older ones that have boards; `boards` are the values of `by` so far."""
    wired = parts(request)
    return answer(await leaderboards.listing(wired.handler, wired.scores, caller(request).program))


@get(
    "/v1/leaderboards/{board:str}",
    **route("client", "Read a leaderboard", many=True, answer=shapes.Board, query=_ASKED, codes=_CODES, projected=True),
)
async def read(request: Req) -> ASGIResponse:
    """`board` is a leaderboard's id, or directly the name of one of its boards.

    A member who was erased, or whose consents say `leaderboard: false`, keeps the place without id and name.
    """
    wired = parts(request)
    found = await leaderboards.read(
        wired.handler,
        wired.scores,
        caller(request).program,
        _asked(request),
        limit=page(request),
        cursor=number(request, "cursor", 0),
    )
    return answer(found)


@get(
    "/v1/leaderboards/{board:str}/members/{member:str}",
    **route(
        "client",
        "A member's own place on a leaderboard",
        many=True,
        answer=shapes.OwnPlace,
        query={"neighbours": "Rows above and below, 3 when left out"} | _ASKED,
        codes=(*_CODES, "unknown-member", "member-erased"),
        projected=True,
    ),
)
async def read_own(request: Req) -> ASGIResponse:
    """With the rows around it. `rank` is null for a member who is not on the board."""
    wired = parts(request)
    found = await leaderboards.own(
        wired.handler,
        wired.scores,
        caller(request).program,
        _asked(request),
        path_id(request, "member"),
        neighbours=number(request, "neighbours", 3),
    )
    return answer(found)


@post(
    "/v1/leaderboards/{board:str}/close",
    **route(
        "operator",
        "Close a leaderboard's period",
        body=CloseBody,
        answer=shapes.BoardClosed,
        status=201,
        codes=(*_CODES, "behind"),
    ),
)
async def close(request: Req) -> ASGIResponse:
    """Freezes the board and pays its prizes. What comes later changes neither; closing again answers the same.

    Calendar periods close by themselves when they are over.
    """
    wired, who, board = parts(request), caller(request), path_id(request, "board")
    with once(request) as key:
        body = await read_json(request, CloseBody)
        if not await caught_up(wired.positions, wired.boards.name):
            raise AtTheDoor("behind", "The tables of the leaderboards have not read all of the log yet.")
        done = await close_board(wired.handler, wired.scores, who.program, board, body, actor=who.actor, key=key)
    return written(done)


def _asked(request: Req) -> Asked:
    return Asked(
        board=path_id(request, "board"),
        by=text(request, "by"),
        period=text(request, "period"),
        as_of=instant(request, "as_of"),
        known_at=instant(request, "known_at"),
        restated=_flag(request, "restated"),
    )


def _flag(request: Req, name: str) -> bool:
    given = request.query_params.get(name) or "false"
    if given not in ("true", "false"):
        raise AtTheDoor("invalid-payload", f"{name} is true or false.", errors=[(f"/{name}", "true or false")])
    return bool(given == "true")
