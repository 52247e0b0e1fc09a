"""The route of who looked."""

from litestar import get
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.route import Req, answer, caller, instant, number, page, parts, route, text
from application import access_log


@get(
    "/v1/audit/access",
    **route(
        "auditor",
        "Who looked at members, and who administered",
        many=True,
        answer=shapes.AccessList,
        query={
            "member": "Reads of this member; one who was erased is named by the stream",
            "actor": "By this actor, such as key:key_...",
            "after": "At this instant or later",
        },
        codes=("unknown-member", "member-erased", "bad-time"),
    ),
)
async def listing(request: Req) -> ASGIResponse:
    """The newest first: reads by operators, auditors and in the console, and administrative acts."""
    wired = parts(request)
    return answer(
        await access_log.listing(
            wired.handler,
            wired.access,
            caller(request).program,
            member=text(request, "member"),
            actor=text(request, "actor"),
            after=instant(request, "after"),
            before=number(request, "cursor", 0) or None,
            limit=page(request),
        )
    )
