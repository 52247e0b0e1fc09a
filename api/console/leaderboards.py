"""Leaderboards: who leads, who is around a member, and how a closed period ended."""

from typing import Any

from litestar import get
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.page import render
from api.http.route import PATH_ID, Req, caller, number, parts, path_id, text
from application import leaderboards
from application.leaderboards import Asked
from domain.errors import MemberErasedAlready, UnknownMember

ROWS = 25
NEIGHBOURS = 3


@get("/leaderboards", **door.page("client", "analyst"))
async def listing(request: Req) -> ASGIResponse:
    wired = parts(request)
    found = await leaderboards.listing(wired.handler, wired.scores, caller(request).program)
    return await render(request, "leaderboards.html", place="Leaderboards", boards=found["items"])


@get("/leaderboards/{board:str}", **door.page("client", "analyst", many=True))
async def show(request: Req) -> ASGIResponse:
    """A page of the board; with `member`, the rows around that member."""
    wired, program, board = parts(request), caller(request).program, path_id(request, "board")
    asked = Asked(
        board=board,
        by=text(request, "by"),
        period=text(request, "period"),
        restated=request.query_params.get("restated") == "true",
    )
    cursor = number(request, "cursor", 0)
    found = await leaderboards.read(wired.handler, wired.scores, program, asked, limit=ROWS, cursor=cursor)
    every = (await leaderboards.listing(wired.handler, wired.scores, program))["items"]
    wanted = (text(request, "member") or "").strip()
    own, problem = await _own(request, asked, wanted)
    return await render(
        request,
        "leaderboard.html",
        place="Leaderboards",
        board=found,
        about=next((one for one in every if one["leaderboard"] == found["leaderboard"]), None),
        asked=asked,
        cursor=cursor,
        wanted=wanted,
        own=own,
        problem=problem,
    )


async def _own(request: Req, asked: Asked, member: str) -> tuple[dict[str, Any] | None, str]:
    if not member:
        return None, ""
    wired = parts(request)
    if not PATH_ID.fullmatch(member):
        return None, "That is no member's id."
    try:
        found = await leaderboards.own(
            wired.handler, wired.scores, caller(request).program, asked, member, neighbours=NEIGHBOURS
        )
    except (UnknownMember, MemberErasedAlready) as error:
        return None, error.message
    return (found, "") if found["rank"] is not None else (None, f"{member} is not on this board.")


HANDLERS = (listing, show)
