"""Who comes in: sessions by key, what their key lets them see, and proof that a change comes from our own pages.

A page is declared with `page(...)`, a change with `change(...)`. The one guard, `admit`, reads the declaration: a
change that does not bring the session's token back never reaches its handler.
"""

from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api.http.problems import AtTheDoor
from api.http.route import Req, Scope, caller_of, look_over
from api.wiring import Wired
from infrastructure.clock import utc_now
from infrastructure.sessions import LIFE, Session

COOKIE = "guerdon_console"
CSRF = "csrf"
MAX_FORM = 4_000_000


class SignedOut(Exception):
    """Nobody is signed in, or not any more; `back` is where they wanted to go."""

    def __init__(self, back: str) -> None:
        super().__init__("sign in first")
        self.back = back


def page(*scopes: Scope, many: bool = False) -> dict[str, Any]:
    """The keyword arguments of a page that keys with one of the scopes, and auditors, may read.

    `many` pages list members out of tables.
    """
    return {"guards": [admit], "opt": {"scopes": frozenset({*scopes, "auditor"}), "many": many}, "status_code": 200}


def change(*scopes: Scope, largest: int = MAX_FORM) -> dict[str, Any]:
    """The keyword arguments of a change that keys with one of the scopes may make, by a form of so many bytes."""
    opt = {"scopes": frozenset(scopes), "largest": largest}
    # The form says itself what is wrong with one that is too large.
    return {"guards": [admit], "opt": opt, "status_code": 200, "request_max_body_size": None}


async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    wired: Wired = connection.app.state.wired
    method = connection.scope.get("method")
    back = _address(connection) if method in ("GET", "HEAD") else "/console"
    session = wired.sessions.opened(connection.cookies.get(COOKIE, ""), utc_now())
    key = await wired.api_keys.get(session.key) if session is not None else None
    if session is None or key is None or key.revoked_at is not None:
        raise SignedOut(back)
    who = caller_of(key, connection.scope["state"]["request_id"])
    connection.scope["user"] = who
    connection.scope["state"]["session"] = session
    if method not in ("GET", "HEAD"):
        own_page(connection)
        form = await posted(Request(connection.scope, connection.receive, connection.send), handler.opt["largest"])
        if not compare_digest(form.get(CSRF, "").encode(), session.csrf.encode()):
            raise AtTheDoor("missing-scope", "This form is not from your session. Reload the page and try again.")
        connection.scope["state"]["form"] = form
    if who.scopes.isdisjoint(handler.opt["scopes"]):
        named = " or ".join(sorted(handler.opt["scopes"]))
        raise AtTheDoor("missing-scope", f"This needs a key with the scope {named}.")
    look_over(connection, who, many=handler.opt.get("many", False))


def _address(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The page that is asked for, with what it is asked."""
    query = connection.scope["query_string"].decode("ascii", "ignore")
    return f"{connection.url.path}?{query}" if query else connection.url.path


def own_page(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Refuse what a browser says another site has sent. Raises AtTheDoor."""
    origin = connection.headers.get("origin")
    site = connection.headers.get("sec-fetch-site", "same-origin")
    elsewhere = origin is not None and urlsplit(origin).netloc != connection.headers.get("host")
    if elsewhere or site not in ("same-origin", "none"):
        raise AtTheDoor("missing-scope", "This was sent by another site.")


async def posted(request: Req, largest: int = MAX_FORM) -> dict[str, str]:
    """The fields of a form. Of a field that comes twice the last one counts."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > largest:
            raise AtTheDoor("too-large", "The form is too large.")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError:
        raise AtTheDoor("invalid-payload", "That is no form.") from None
    return dict(fields)


def form(request: Req) -> dict[str, str]:
    """The fields of a change, which the guard has read."""
    fields: dict[str, str] = request.scope["state"]["form"]
    return fields


def session(request: Req) -> Session | None:
    found: Session | None = request.scope["state"].get("session")
    return found


def cookie(request: Req, token: str | None) -> str:
    """The cookie of a session, or what removes it. `Secure` wherever the browser came by TLS."""
    forwarded = request.headers.get("x-forwarded-proto", request.scope["scheme"])
    secure = "; Secure" if forwarded == "https" else ""
    age = int(LIFE.total_seconds()) if token is not None else 0
    return f"{COOKIE}={token or ''}; Path=/console; HttpOnly; SameSite=Strict; Max-Age={age}{secure}"


def sign_in_at(back: str) -> str:
    return f"/console/sign-in?back={quote(back, safe='/')}"


def way_back(given: str) -> str:
    """Where to go after signing in: a page of the console and nothing else."""
    inside = given.startswith("/console/") and not given.startswith(("/console/sign-in", "/console//"))
    return given if inside and given.isprintable() and "\\" not in given else "/console"
