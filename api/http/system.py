"""Routes about the server itself: is it alive, is it ready, how busy is it, what can it do."""

import asyncio
from typing import Any

from litestar import MediaType, get
from litestar.response.base import ASGIResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from api.http.problems import AtTheDoor
from api.http.route import Req, answer, parts
from application.ports import Unavailable

PATIENCE = 2.0
"""Seconds that the database has to answer, to be called ready."""

# --- metrics -----------------------------------------------------------------------------------


class Metrics:
    """What is counted. Labels are routes as declared, methods and statuses: never an id, never a key."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "guerdon_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "guerdon_http_request_seconds",
            "Time to the first byte of the answer.",
            ("route",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=self.registry,
        )
        self.saves = Gauge("guerdon_log_saves", "Saves written by this process.", registry=self.registry)
        self.batches = Gauge("guerdon_log_batches", "Transactions they were written in.", registry=self.registry)
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        known = self._children.get((method, route, status))
        if known is None:
            known = self._children[method, route, status] = (
                self.requests.labels(method, route, str(status)),
                self.seconds.labels(route),
            )
        known[0].inc()
        known[1].observe(seconds)


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
    """Counters for Prometheus, of this process."""
    found: Metrics = request.app.state.metrics
    store = parts(request).store
    found.saves.set(store.saves)
    found.batches.set(store.batches)
    return ASGIResponse(body=generate_latest(found.registry), headers={"content-type": CONTENT_TYPE_LATEST})
