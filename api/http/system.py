"""Routes about the server itself: is it alive, is it ready, how busy is it, what can it do."""

import asyncio

from litestar import MediaType, get
from litestar.response.base import ASGIResponse

from api.http.metrics import CONTENT_TYPE, Metrics
from api.http.problems import AtTheDoor
from api.http.route import Req, answer, parts
from application.ports import Unavailable

PATIENCE = 2.0
"""Seconds that the database has to answer, to be called ready."""


@get("/livez", status_code=200)
async def livez() -> ASGIResponse:
    """The process answers."""
    return answer({"status": "ok"})


@get("/readyz", status_code=200)
async def readyz(request: Req) -> ASGIResponse:
    """The process and its database answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            await parts(request).positions.head()
    except (TimeoutError, Unavailable):
        raise AtTheDoor("unavailable", "The database does not answer.") from None
    return answer({"status": "ok"})


@get("/metrics", status_code=200, media_type=MediaType.TEXT)
async def metrics(request: Req) -> ASGIResponse:
    """Counters for Prometheus, of all workers of this server, and how far the followers are."""
    found: Metrics = request.app.state.metrics
    return ASGIResponse(
        body=await found.page(parts(request).positions, parts(request).inbox), headers={"content-type": CONTENT_TYPE}
    )
