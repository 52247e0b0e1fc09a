"""The hot routes, past the router.

What Litestar does so that any handler may ask for anything (parameters, dependencies, an exit stack, a copy of the
answer) costs as much as half of a small request. These handlers ask for their request alone, so they are called
with it: the same functions behind the same guard, and what they raise becomes the same problems. Whatever is not
plainly a request of theirs goes to the router, which knows them as well.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from litestar import Request
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api.http import activities, members
from api.http.problems import answer_problem
from api.http.route import PATH_ID, Req, admit

HOT = (activities.record, activities.batch, members.read)
"""Handlers whose one parameter is the request, with `admit` as their only guard, and no hooks."""

_PARAMETER = re.compile(r"\{(\w+):str\}")
_HOST = re.compile(rb"[A-Za-z0-9.:\[\]_-]*")


class _Way(NamedTuple):
    path: re.Pattern[str]
    template: str
    handler: HTTPRouteHandler


def hot(routed: ASGIApp, handlers: Sequence[HTTPRouteHandler]) -> ASGIApp:
    """The application `routed`, which serves all of `handlers`, with a short way to the hot ones."""
    ways = _ways()
    literal = {path for handler in handlers for path in handler.paths}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and _plain(scope):
            path = scope["path"]
            for way in ways.get(scope["method"], ()):
                found = way.path.fullmatch(path)
                # A route that is written out goes before one with a parameter.
                if found and not (found.lastindex and path in literal):
                    scope["path_params"] = found.groupdict()
                    scope["path_template"] = way.template
                    scope["route_handler"] = way.handler
                    await _serve(way.handler, Request(scope, receive, send))
                    return
        await routed(scope, receive, send)

    return app


def _ways() -> dict[str, list[_Way]]:
    """The hot routes by method."""
    ways = defaultdict[str, list[_Way]](list)
    for handler in HOT:
        for path in handler.paths:
            pattern = re.compile(_PARAMETER.sub(rf"(?P<\1>{PATH_ID.pattern})", path))
            for method in handler.http_methods:
                ways[method].append(_Way(pattern, _PARAMETER.sub(r"{\1}", path), handler))
    return ways


def _plain(scope: HTTPScope) -> bool:
    """Whether nothing about the host makes the router look twice."""
    return all(_HOST.fullmatch(value) for name, value in scope["headers"] if name == b"host")


async def _serve(handler: HTTPRouteHandler, request: Req) -> None:
    try:
        await admit(request, handler)
        answer = await handler.fn(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is answered
        answer = answer_problem(request, error).to_asgi_response(app=None, request=request)
    await answer(request.scope, request.receive, request.send)
