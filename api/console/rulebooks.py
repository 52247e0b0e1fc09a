"""Rulebooks: which ruled when, what each changed, and drafts of the next. `studio.py` is where one is written."""

from typing import Any

import msgspec
from litestar import get, post
from litestar.response.base import ASGIResponse

from api.console import door, studio
from api.console.page import render, to
from api.http.problems import AtTheDoor
from api.http.route import Req, caller, parts, path_id
from application import rulebooks
from application.rulebooks import DraftBody

EMPTY = b'{\n  "currencies": {"points": {}},\n  "activities": {},\n  "rules": []\n}\n'
"""What a program without rules begins with."""


@get("/rulebooks", **door.page("operator"))
async def listing(request: Req) -> ASGIResponse:
    wired = parts(request)
    found = await rulebooks.listing(wired.handler, wired.drafts, caller(request).program)
    return await render(request, "rulebooks.html", place="Rulebooks", versions=found["items"], drafts=found["drafts"])


@get("/rulebooks/{name:str}", **door.page("operator"))
async def show(request: Req) -> ASGIResponse:
    """A version (4) as it was published, or a draft (rb_7) to work on."""
    wired, program, name = parts(request), caller(request).program, path_id(request, "name")
    if name.startswith("rb_"):
        return await studio.opened(request, name)
    if not name.isascii() or not name.isdecimal():
        raise AtTheDoor("unknown-rulebook", f"{name!r} is neither a version nor a draft.")
    found = await rulebooks.version(wired.handler, program, int(name))
    number = found["version"]
    changes: list[Any] = []
    if number > 1:
        compared = await rulebooks.diff(wired.handler, wired.drafts, program, str(number - 1), str(number))
        changes = compared["changes"]
    text = _pretty(msgspec.json.encode(found["document"]))
    return await render(request, "rulebook.html", place="Rulebooks", version=found, changes=changes, text=text)


@post("/rulebooks", **door.change("operator"))
async def begin(request: Req) -> ASGIResponse:
    """A draft from a version, to change it or to come back to it; or from next to nothing."""
    wired, program, given = parts(request), caller(request).program, door.form(request).get("from", "")
    text, note = EMPTY, ""
    if given:
        text = _pretty(msgspec.json.encode(await rulebooks.document_of(wired.handler, wired.drafts, program, given)))
    made = await rulebooks.create(
        wired.handler, wired.drafts, program, DraftBody(document=msgspec.Raw(text), note=note)
    )
    return to(f"/console/rulebooks/{made['draft']}")


def _pretty(document: bytes) -> bytes:
    return msgspec.json.format(document, indent=2) + b"\n"


HANDLERS = (listing, show, begin)
