"""Pages for people: the API's documentation and what each problem means. No request leaves the host."""

from pathlib import Path

from litestar import get
from litestar.response.base import ASGIResponse
from markdown_it import MarkdownIt

from api.http.problems import PROBLEMS, AtTheDoor
from api.http.route import Req, path_id

_HERE = Path(__file__).parent
_ASSETS = {
    "docs.html": "text/html",
    "docs.css": "text/css",
    "docs.js": "text/javascript",
}
# In the repository the pages stand with the other documentation; a wheel has them beside this module.
PAGES = next(
    folder
    for folder in (_HERE / "problem_pages", _HERE.parents[1] / "docs" / "reference" / "problems", _HERE)
    if folder.is_dir()
)
_SAFE = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><link rel="stylesheet" href="/docs/docs.css"></head>
<body class="page"><main>{body}<p><a href="/docs">All of the API</a></p></main></body></html>
"""


@get("/asyncapi.json", status_code=200)
async def asyncapi(request: Req) -> ASGIResponse:
    """What goes over a broker, as AsyncAPI 3.0."""
    return ASGIResponse(body=request.app.state.asyncapi, media_type="application/json")


@get("/openapi.json", status_code=200)
async def openapi(request: Req) -> ASGIResponse:
    """What this server can do, as OpenAPI 3.1."""
    return ASGIResponse(
        body=request.app.state.openapi, media_type="application/json", headers={"cache-control": "no-cache"}
    )


@get("/", status_code=307)
async def root() -> ASGIResponse:
    """The address that the server prints leads to its documentation."""
    return ASGIResponse(status_code=307, headers={"location": "/docs"})


@get("/docs", status_code=200)
async def docs() -> ASGIResponse:
    """The API on a page, made in the browser from /openapi.json."""
    return _asset("docs.html")


@get("/docs/{name:str}", status_code=200)
async def docs_asset(request: Req) -> ASGIResponse:
    return _asset(request.path_params["name"])


@get("/problems/{code:str}", status_code=200)
async def problem_page(request: Req) -> ASGIResponse:
    """What a code means, why it comes, what to do: a page for browsers, markdown for everybody else."""
    code = path_id(request, "code")
    if code not in PROBLEMS:
        raise AtTheDoor("not-found", f"There is no problem {code!r}.")
    source = (PAGES / f"{code}.md").read_text("utf-8")
    if "text/html" not in request.headers.get("accept", ""):
        return ASGIResponse(body=source, media_type="text/markdown", headers=_SAFE | {"vary": "accept"})
    page = _PAGE.format(title=code, body=MarkdownIt("commonmark", {"html": False}).render(source))
    return ASGIResponse(body=page, media_type="text/html", headers=_SAFE | {"vary": "accept"})


def _asset(name: str) -> ASGIResponse:
    if name not in _ASSETS:
        raise AtTheDoor("not-found", "Nothing is at this address.")
    return ASGIResponse(body=(_HERE / "assets" / name).read_bytes(), media_type=_ASSETS[name], headers=_SAFE)
