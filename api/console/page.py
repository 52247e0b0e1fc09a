"""A page: a template, the words of its viewer, and headers under which nothing but our own files runs."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.words import Viewer
from api.http.route import Req, Scope, caller, parts

HERE = Path(__file__).parent
STATIC = HERE / "static"
ASSETS: Mapping[str, str] = {
    "audit.js": "text/javascript",
    "console.css": "text/css",
    "console.js": "text/javascript",
    "mark.svg": "image/svg+xml",
    "studio.js": "text/javascript",
    "vendor/codemirror.min.js": "text/javascript",
    "vendor/htmx.min.js": "text/javascript",
}
SAFE: dict[str, str] = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    # Forms say where they come from, links to elsewhere do not.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
PLACES: tuple[tuple[str, str, frozenset[Scope]], ...] = (
    ("Today", "/console/today", frozenset({"operator", "analyst", "auditor"})),
    ("Members", "/console/members", frozenset({"client", "auditor"})),
    ("Leaderboards", "/console/leaderboards", frozenset({"client", "analyst", "auditor"})),
    ("Rulebooks", "/console/rulebooks", frozenset({"operator", "auditor"})),
    ("Campaigns", "/console/campaigns", frozenset({"operator", "analyst", "auditor"})),
    ("Rewards", "/console/rewards", frozenset({"operator", "auditor"})),
    ("Liability", "/console/liability", frozenset({"operator", "analyst", "auditor"})),
    ("Audit", "/console/audit", frozenset({"auditor"})),
    ("Webhooks", "/console/webhooks", frozenset({"operator", "auditor"})),
    ("System", "/console/system", frozenset({"admin", "auditor"})),
)
"""The pages that are always in sight, and which scopes see them."""


def _address(name: str) -> str:
    """An asset's address changes with its content, so browsers may keep it for ever."""
    return f"/console/static/{sha256((STATIC / name).read_bytes()).hexdigest()[:12]}/{name.rpartition('/')[2]}"


_ADDRESSES = {name: _address(name) for name in ASSETS}
BY_ADDRESS = {address: name for name, address in _ADDRESSES.items()}

_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
_templates.globals["asset"] = _ADDRESSES.__getitem__


async def viewer(request: Req) -> Viewer:
    known = await parts(request).programs.get(caller(request).program, 0)
    return Viewer(request.headers.get("accept-language", ""), known.program.time_zone)


async def render(request: Req, template: str, *, place: str, **values: Any) -> ASGIResponse:
    """A page for whoever is signed in. `place` is the entry of the navigation it belongs to."""
    session = door.session(request)
    assert session is not None
    who = caller(request)
    known = await parts(request).programs.get(who.program, 0)
    seen = {
        "v": Viewer(request.headers.get("accept-language", ""), known.program.time_zone),
        "program": known.program,
        "places": [(name, address) for name, address, scopes in PLACES if not who.scopes.isdisjoint(scopes)],
        "place": place,
        "csrf": session.csrf,
        "scopes": who.scopes,
    }
    return html(_templates.get_template(template).render(seen | values))


def piece(template: str, **values: Any) -> str:
    """A part of a page, for one that is open."""
    return _templates.get_template(template).render(values)


def plain(template: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> ASGIResponse:
    """A page for anybody."""
    return html(_templates.get_template(template).render(values), status, headers)


def html(body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> ASGIResponse:
    return ASGIResponse(body=body, status_code=status, media_type="text/html", headers={**SAFE, **(headers or {})})


def to(address: str, headers: Mapping[str, str] | None = None) -> ASGIResponse:
    """Go on there, by GET."""
    return ASGIResponse(status_code=303, headers={**SAFE, "location": address, **(headers or {})})
