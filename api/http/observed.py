"""What stands around every request: its id, what is counted of it, its line in the log, its span if it is traced.

A request is told by its id, route, method and status. Its address and content are not: they may be personal.
"""

import re
import secrets
import time

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, bound_contextvars, reset_contextvars

from api.http.metrics import Metrics
from api.wiring import Wired
from infrastructure import tracing

REQUEST_ID = re.compile(rb"[A-Za-z0-9._~-]{1,128}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = structlog.get_logger(__name__)


def observed(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    """The application, with everything that passes through it named, counted, logged and traced."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        name = scope["state"]["request_id"] = _request_id(scope)
        wired: Wired = scope["litestar_app"].state.wired
        if wired.traces is None:
            bound = bind_contextvars(request=name)
            try:
                await app(scope, receive, _noting(wired, scope, send, metrics, name, None))
            finally:
                reset_contextvars(**bound)
            return
        with (
            wired.traces.request(scope["headers"]) as span,
            bound_contextvars(request=name, trace=span.trace),
        ):
            await app(scope, receive, _noting(wired, scope, send, metrics, name, span))

    return middleware


def _noting(
    wired: Wired, scope: HTTPScope, send: Send, metrics: Metrics, name: str, span: tracing.Request | None
) -> Send:
    """`send`, which notes what was answered when it begins to be."""
    began = time.perf_counter()
    # Anybody can make up a method, and each would be a series of its own.
    method = scope["method"] if scope["method"] in _METHODS else "other"

    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-request-id", name.encode())]
            status, took = message["status"], time.perf_counter() - began
            route = scope.get("path_template", "")
            metrics.request(method, route, status, took)
            note = log.debug if status < 400 else log.info if status < 500 else log.warning
            looks = scope["state"].get("looks")
            if looks is not None and status < 400:
                wired.access.looked(looks)
            note("request", method=method, route=route, status=status, seconds=round(took, 6))
            if span is not None:
                span.answered(method, route, status)
        await send(message)

    return noting


def _request_id(scope: HTTPScope) -> str:
    """The id that the caller sent, if it is one; a new one otherwise."""
    for header, value in scope["headers"]:
        if header == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return value.decode()
    return secrets.token_hex(16)
