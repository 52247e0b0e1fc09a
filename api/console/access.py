"""Who looked at members, and who administered, the newest first."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from litestar import get
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.page import render, viewer
from api.http.body import check_time
from api.http.problems import AtTheDoor
from api.http.route import Req, caller, number, parts, text
from application import access_log
from domain.errors import UnknownMember
from domain.numbers import MAX_AMOUNT

LISTED = 50


@get("/audit/access", **door.page(many=True))
async def listing(request: Req) -> ASGIResponse:
    """Of a member, by an actor, within a time, or all. A member that is not there was looked at by nobody."""
    wired = parts(request)
    since, until = await _moment(request, "since"), await _moment(request, "until")
    member, actor = text(request, "member"), text(request, "actor")
    before = number(request, "before", 0)
    try:
        found = await access_log.listing(
            wired.handler, wired.access, caller(request).program, member=member, actor=actor, after=since,
            until=until, before=min(before, MAX_AMOUNT) or None, limit=LISTED,
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
        since=since,
        until=until,
        earlier="?" + urlencode({"before": found["next_cursor"]} | _kept(request)),
    )


async def _moment(request: Req, name: str) -> datetime | None:
    """In the program's zone, unless it says otherwise."""
    typed = (request.query_params.get(name) or "").replace(" ", "+")
    if not typed:
        return None
    try:
        found = (await viewer(request)).read_field(typed).astimezone(UTC)
    except (ValueError, OverflowError):
        raise AtTheDoor("bad-time", "That is no date and time.", errors=[(f"/{name}", "not a time")]) from None
    check_time(f"/{name}", found)
    return found


def _kept(request: Req) -> dict[str, str]:
    """What the next page is asked with as well."""
    return {name: typed for name in ("member", "actor", "since", "until") if (typed := request.query_params.get(name))}


HANDLERS = (listing,)
