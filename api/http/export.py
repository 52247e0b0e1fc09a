"""The route by which a person gets to see all that is kept about them."""

from litestar import get
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.route import Req, answer, caller, parts, path_id, route
from application.export import export
from infrastructure.clock import utc_now


@get(
    "/v1/members/{member:str}/export",
    **route(
        "operator",
        "All that is kept about a member",
        answer=shapes.Export,
        codes=("unknown-member", "member-erased"),
    ),
)
async def whole(request: Req) -> ASGIResponse:
    """In the clear: profile and consents as they were and are, sentences, lots, redemptions, codes, activities."""
    member = path_id(request, "member")
    found = await export(parts(request).handler, caller(request).program, member, at=utc_now())
    return answer(found, 200, {"content-disposition": f'attachment; filename="{member}.json"'})
