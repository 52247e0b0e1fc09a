"""What every route has in common: who calls, what they may do, how answers look.

A route is declared with `route(...)`: the scope it needs, and what the documentation says of it. The one guard,
`admit`, reads that declaration, so a route cannot be documented one way and guarded another.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Literal

import msgspec
from litestar import Request, types
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.response.base import ASGIResponse

from api.http.body import check_time
from api.http.problems import AtTheDoor
from api.wiring import Wired
from application.access import By, Looks, watch
from application.answers import Answered
from application.follow import wait_for
from application.trees import FOLLOWER
from infrastructure.api_keys import ApiKey

Scope = Literal["client", "operator", "admin", "auditor", "analyst"]
Req = Request[Any, Any, Any]
Json = dict[str, Any]

SCOPES: Mapping[str, frozenset[str]] = {
    "client": frozenset({"client"}),
    "operator": frozenset({"operator", "client"}),
    "admin": frozenset({"admin", "operator", "client", "auditor", "analyst"}),
    "auditor": frozenset({"auditor"}),
    "analyst": frozenset({"analyst"}),
}
"""What each scope of a key lets in. An auditor, besides, reads everything."""

WATCHED = frozenset({"operator", "auditor"})
"""Reads of members by keys with one of these scopes are noted: see `application/access.py`."""

WAIT = 2.0
"""Seconds that a read waits for a position that is not there yet."""

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000

PATH_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
FREE_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,255}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_POSITION = re.compile(r"[0-9]{1,18}")


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route as it is guarded and documented.

    `reads` lets auditors in; GET routes always do. A write that does not `remember` its key may happen twice when it is
    sent twice. `projected` routes answer from tables that followers keep, `proven` ones from the trees of the log.
    `many` lists members out of tables. `later` is what is answered with 202 to who does not want to wait.
    `query` maps names to what they mean.
    """

    scope: Scope
    summary: str
    reads: bool = False
    remembers: bool = True
    projected: bool = False
    proven: bool = False
    many: bool = False
    body: Any = None
    body_types: tuple[str, ...] = ("application/json",)
    answer: Any = None
    status: int = 200
    later: Any = None
    query: Mapping[str, str] = {}
    headers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


class Caller(msgspec.Struct, frozen=True):
    """Who asks: a key, and what it lets in; and the id of the request, which the log keeps with what came of it."""

    key: str
    program: str
    scopes: frozenset[str]
    request: str

    @property
    def actor(self) -> str:
        """The name in the log."""
        return f"key:{self.key}"

    @property
    def by(self) -> By:
        return By(self.actor, self.request)


def route(scope: Scope, summary: str, **more: Any) -> dict[str, Any]:
    """The keyword arguments of a guarded route's decorator."""
    declared = Route(scope=scope, summary=summary, **more)
    return {"guards": [admit], "opt": {"route": declared}, "status_code": declared.status}


async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let in whoever holds a valid key with the route's scope, once what they have seen can be seen here."""
    declared: Route = handler.opt["route"]
    wired: Wired = connection.app.state.wired
    key = await wired.api_keys.find(_bearer(connection))
    if key is None:
        raise AtTheDoor("unauthenticated", "Send a valid key: Authorization: Bearer gdn_...")
    caller = caller_of(key, connection.scope["state"]["request_id"])
    connection.scope["user"] = caller
    method = connection.scope.get("method")
    reads = declared.reads or method in ("GET", "HEAD")
    if declared.scope not in caller.scopes and not (reads and "auditor" in caller.scopes):
        raise AtTheDoor("missing-scope", f"This needs a key with the scope {declared.scope}.")
    look_over(connection, caller if reads and not caller.scopes.isdisjoint(WATCHED) else None, many=declared.many)
    if method == "GET" and b"at_least" in connection.scope["query_string"]:
        followers = [FOLLOWER] if declared.proven else [wired.boards.name] if declared.projected else []
        await _at_least(connection, wired, followers)


def look_over(connection: ASGIConnection[Any, Any, Any, Any], caller: Caller | None, *, many: bool) -> None:
    """Note which members the request reads, if it is to be watched; `observed.py` hands it over with the answer."""
    if caller is None:
        watch(None)
        return
    what = f"{connection.scope.get('method')} {connection.scope.get('path_template', '')}"
    looks = Looks(caller.program, caller.by, what, many)
    connection.scope["state"]["looks"] = looks
    watch(looks)


def caller_of(key: ApiKey, request: str) -> Caller:
    scopes = frozenset().union(*(SCOPES.get(scope, frozenset()) for scope in key.scopes))
    return Caller(key.id, key.program, scopes, request)


def _bearer(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


async def _at_least(connection: ASGIConnection[Any, Any, Any, Any], wired: Wired, followers: Sequence[str]) -> None:
    given = connection.query_params.get("at_least") or "0"
    if not _POSITION.fullmatch(given):
        raise AtTheDoor(
            "invalid-payload", "at_least is a position that a write answered.", errors=[("/at_least", "not a position")]
        )
    await reached(wired, int(given), followers)


async def reached(wired: Wired, position: int, followers: Sequence[str]) -> None:
    """Wait until the followers have read up to a position of the log. Raises AtTheDoor (behind)."""
    if position == 0:
        return
    # What is not in the log at all is not waited for.
    if await wired.positions.head() < position or not await wait_for(wired.positions, followers, position, WAIT):
        raise AtTheDoor("behind", f"Position {position} cannot be read here yet.")


# --- what a handler needs ----------------------------------------------------------------------


def parts(request: Req) -> Wired:
    wired: Wired = request.app.state.wired
    return wired


def caller(request: Req) -> Caller:
    found: Caller = request.scope["user"]
    return found


@contextmanager
def once(request: Req) -> Iterator[str | None]:
    """The request's idempotency key, which no other request of this process works on meanwhile."""
    given = request.headers.get("idempotency-key")
    if given is None:
        yield None
        return
    if not _IDEMPOTENCY_KEY.fullmatch(given):
        raise AtTheDoor(
            "bad-id",
            "An Idempotency-Key is 1 to 255 visible ASCII characters.",
            errors=[("/Idempotency-Key", "not such a key")],
        )
    in_flight: set[tuple[str, str]] = request.app.state.in_flight
    name = (caller(request).program, given)
    if name in in_flight:
        raise AtTheDoor("in-progress", "A request with this Idempotency-Key is being worked on.")
    in_flight.add(name)
    try:
        yield given
    finally:
        in_flight.discard(name)


def path_id(request: Req, name: str) -> str:
    """An id from the path. Raises AtTheDoor (bad-id)."""
    value: str = request.path_params[name]
    if not PATH_ID.fullmatch(value):
        raise AtTheDoor(
            "bad-id", "An id in a path is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[(f"/{name}", "not such an id")]
        )
    return value


def path_number(request: Req, name: str) -> int:
    value = path_id(request, name)
    if not value.isdigit() or len(value) > 9:
        raise AtTheDoor("bad-id", f"{name} is a whole number.", errors=[(f"/{name}", "not a number")])
    return int(value)


def text(request: Req, name: str, *, required: bool = False) -> str | None:
    """A query parameter of free text: an id, mostly. An empty one counts as not given."""
    value: str | None = request.query_params.get(name) or None
    if value is None:
        if required:
            raise AtTheDoor("invalid-payload", f"The query needs {name}.", errors=[(f"/{name}", "required")])
        return None
    if not FREE_ID.fullmatch(value):
        raise AtTheDoor(
            "bad-id", f"{name} is 1 to 255 characters without control characters.",
            errors=[(f"/{name}", "not such an id")],
        )  # fmt: skip
    return value


def instant(request: Req, name: str) -> datetime | None:
    """A query parameter that is a time. A `+` that arrived as a space is read as what was meant."""
    value: str = (request.query_params.get(name) or "").replace(" ", "+")
    if not value:
        return None
    try:
        found = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        raise AtTheDoor(
            "bad-time",
            "A time is written as RFC 3339 with an offset, such as 2026-11-22T10:00:00+01:00.",
            errors=[(f"/{name}", "not a time")],
        ) from None
    check_time(f"/{name}", found)
    return found


def day(request: Req, name: str) -> date | None:
    """A query parameter that is a date."""
    value: str = request.query_params.get(name) or ""
    if not value:
        return None
    try:
        return msgspec.convert(value, date)
    except msgspec.ValidationError:
        raise AtTheDoor(
            "bad-time", "A date is written such as 2026-11-22.", errors=[(f"/{name}", "not a date")]
        ) from None


def number(request: Req, name: str, default: int) -> int:
    """A query parameter that is a whole number from 0."""
    value: str = request.query_params.get(name) or ""
    if not value:
        return default
    if not _POSITION.fullmatch(value):
        raise AtTheDoor(
            "invalid-payload", f"{name} is a whole number from 0.", errors=[(f"/{name}", "not a whole number")]
        )
    return int(value)


def page(request: Req) -> int:
    """How many items a page has, from `limit`."""
    limit = number(request, "limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise AtTheDoor("invalid-payload", f"limit is 1 to {MAX_LIMIT}.", errors=[("/limit", f"1 to {MAX_LIMIT}")])
    return limit


# --- answers -----------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()


class Answer(ASGIResponse):
    """A JSON answer. Nothing that depends on a key is kept by caches on the way.

    It writes out headers that are known; to work out any, as its base does, costs more than all else about an answer.
    """

    __slots__ = ("_headers",)

    def __init__(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        self.body = body
        self.status_code = status
        self._headers = [
            (b"cache-control", b"no-store"),
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]

    async def __call__(
        self,
        scope: types.Scope,  # noqa: ARG002 - as ASGI calls it
        receive: types.Receive,  # noqa: ARG002
        send: types.Send,
    ) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self._headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> ASGIResponse:
    return Answer(_encoder.encode(body), status, headers or {})


def written(done: Answered, headers: dict[str, str] | None = None) -> ASGIResponse:
    """The answer to a write; a repeat says that it is one."""
    replayed = {"idempotent-replayed": "true"} if done.replayed else {}
    return answer(done.body, done.status, replayed | (headers or {}))
