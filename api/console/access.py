"""Who looked at members, and who administered, the newest first."""

from litestar import get
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.page import render
from api.http.route import Req, caller, number, parts, text
from application import access_log
from domain.errors import UnknownMember
from domain.numbers import MAX_AMOUNT

LISTED = 50


@get("/audit/access", **door.page(many=True))
async def listing(request: Req) -> ASGIResponse:
    """Of a member, by an actor, or all. A member that is not there was looked at by nobody."""
    wired = parts(request)
    member, actor = text(request, "member"), text(request, "actor")
    before = number(request, "before", 0)
    try:
        found = await access_log.listing(
            wired.handler, wired.access, caller(request).program, member=member, actor=actor, after=None,
            before=min(before, MAX_AMOUNT) or None, limit=LISTED,
        )  # fmt: skip
    except UnknownMember:
        found = {"items": [], "next_cursor": None}
    return await render(
        request,
        "access.html",
        place="Audit",
        looks=found["items"],
        before=found["next_cursor"],
        member=member or "",
        actor=actor or "",
    )


HANDLERS = (listing,)
