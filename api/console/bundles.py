"""Bundles: a file that is dropped, checked against the keys of this log, and what came of it in words.

It is the check of `guerdon audit check-bundle`. A file that is not signed by a key of this program's log gets no
further than its signatures, so nothing that somebody made up is ever decided again here.
"""

import asyncio
from typing import Any

import msgspec
from litestar import get, post
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.page import render
from api.http.problems import AtTheDoor, problem
from api.http.route import Req, caller, parts
from application.bundle import Bundle, Checked, Step, Wrong, check
from application.corrections import name_of
from infrastructure.signing import signed_by

Json = dict[str, Any]

LARGEST = 8_000_000
"""Bytes of a file. In a form each byte may take three."""
SHOWN = 50
"""Things that are wrong, of each step."""

STEPS: tuple[tuple[Step, str, str], ...] = (
    ("file", "It is a bundle", "It is no bundle"),
    ("signatures", "Checkpoint and statement are signed by a key of this log", "The signatures do not hold"),
    ("proofs", "Every entry is in the log of the checkpoint", "Entries are not in the log of the checkpoint"),
    ("streams", "Replayed, its streams are whole and end where the log says", "Its streams are not what the log says"),
    ("decisions", "Every decision, made again, comes out the same", "Decisions come out otherwise"),
)  # fmt: skip
"""What is checked, in order: its name, and what to say of it when it holds and when it does not."""


@get("/audit/bundle", **door.page())
async def choose(request: Req) -> ASGIResponse:
    return await _page(request)


@post("/audit/bundle", **door.change("auditor", largest=3 * LARGEST + door.MAX_FORM))
async def verify(request: Req) -> ASGIResponse:
    """The file comes as the text of a field, so that it can be pasted where no script runs."""
    fields = door.form(request)
    # A field's line ends are written in a way of their own, and a file may end in one.
    raw = fields.get("bundle", "").strip("\r\n").encode("utf-8", "replace")
    try:
        if not raw:
            raise AtTheDoor("invalid-payload", "Choose a file, or paste what is in it.")
        if len(raw) > LARGEST:
            raise AtTheDoor("too-large", f"A bundle has {LARGEST} bytes at most here; the command line takes any.")
        wired, program = parts(request), caller(request).program
        known = [key.verifier(program) for key in await wired.signing.published()]
        found = await asyncio.to_thread(check, raw, known, signed_by)
    except AtTheDoor as error:
        return await _page(request, problem=problem(error))
    return await _page(request, told=await _told(request, raw, found), name=fields.get("name", "")[:200])


async def _page(request: Req, **more: Any) -> ASGIResponse:
    values = {"told": None, "name": "", "problem": None, "most": LARGEST} | more
    page = await render(request, "bundle.html", place="Audit", **values)
    if values["problem"] is not None:
        page.status_code = values["problem"].status
    return page


async def _told(request: Req, raw: bytes, found: Checked) -> Json:
    """What came of each step: True, False, or None where it was not come to."""
    wrong: dict[str, list[Wrong]] = {}
    for one in found.wrong:
        wrong.setdefault(one.step, []).append(one)
    steps = []
    for step, good, bad in STEPS:
        failed = wrong.get(step, [])
        steps.append(
            {"holds": _holds(step, wrong), "good": good, "bad": bad, "wrong": failed[:SHOWN], "count": len(failed)}
        )
    if not found.sound:
        return {"found": found, "steps": steps}
    stream = msgspec.json.decode(raw, type=Bundle).streams[-1].id
    member = await name_of(parts(request).handler, caller(request).program, stream.hex)
    return {"found": found, "steps": steps, "stream": stream, "member": member}


def _holds(step: Step, wrong: dict[str, list[Wrong]]) -> bool | None:
    """One of the first two that fails ends the check; decisions are made again only if all else is well."""
    if step in wrong:
        return False
    before = [name for name, _, _ in STEPS[: [name for name, _, _ in STEPS].index(step)]]
    stopping = before if step == "decisions" else [name for name in before if name in ("file", "signatures")]
    return None if any(name in wrong for name in stopping) else True


HANDLERS = (choose, verify)
