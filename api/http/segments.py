"""Routes of segments."""

from litestar import get
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.route import Req, answer, caller, parts, path_id, route
from application import segments


@get("/v1/segments", **route("operator", "List segments", answer=shapes.Page, projected=True))
async def listing(request: Req) -> ASGIResponse:
    """Those in force, with their conditions and how many members are in each as of its last entry."""
    wired = parts(request)
    return answer(await segments.listing(wired.handler, wired.segments, caller(request).program))


@get(
    "/v1/segments/{segment:str}",
    **route(
        "operator", "Count the members of a segment", answer=shapes.Segment, codes=("unknown-segment",), projected=True
    ),
)
async def read(request: Req) -> ASGIResponse:
    """Counted in the table of memberships, whatever the number of members."""
    wired, name = parts(request), path_id(request, "segment")
    return answer(await segments.read(wired.handler, wired.segments, caller(request).program, name))
