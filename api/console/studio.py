"""The studio: a draft in an editor, judged while it is written, tried on activities and on history, then published.

The text field is one form. Each button sends all of it, so what is judged, tried and published is what is in sight.
"""

import json
from datetime import datetime
from typing import Any

import msgspec
from litestar import post
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.page import html, piece, render, to, viewer
from api.http.body import check_json, check_time, decode
from api.http.problems import AtTheDoor, problem
from api.http.route import Req, caller, parts, path_id
from api.http.what_if import started
from application import activities, rulebooks
from application.explanations import ref_of
from application.payloads import ActivityBody
from application.rulebooks import DraftBody, PreconditionFailed, PublishBody
from application.studio import Judged, example, judge, readable, tried_again
from application.what_if import WhatIfBody
from domain.errors import Refused

Json = dict[str, Any]

NEWEST = 20
"""Recent activities that are offered to be tried."""


class Sent(msgspec.Struct, frozen=True):
    """What the page was sent: the text, and which state of the draft it began from."""

    text: str
    note: str
    etag: str
    activity: str
    picked: str

    @property
    def document(self) -> Json:
        """Raises AtTheDoor."""
        found = check_json(self.text.encode())
        if not isinstance(found, dict):
            raise AtTheDoor("rulebook-invalid", "A rulebook is a JSON object.")
        return found

    @property
    def body(self) -> DraftBody:
        check_json(self.text.encode())
        return DraftBody(document=msgspec.Raw(self.text.encode()), note=self.note)


async def opened(request: Req, name: str) -> ASGIResponse:
    """The draft as it was last kept."""
    draft = await rulebooks.kept(parts(request).drafts, caller(request).program, name)
    sent = Sent(readable(draft.document), draft.note, draft.etag, "", "")
    return await _page(request, name, sent, saved=request.query_params.get("saved") == "1")


@post("/rulebooks/{name:str}/check", **door.change("operator"))
async def check(request: Req) -> ASGIResponse:
    """The part of the page that says what is wrong, while somebody types."""
    wired, who, name, sent = parts(request), caller(request), path_id(request, "name"), _sent(request)
    draft = await rulebooks.kept(wired.drafts, who.program, name)
    if "hx-request" not in request.headers:
        return await _page(request, name, sent)
    judged = await _judged(request, sent)
    values = {"v": await viewer(request), "judged": judged, "overtaken": draft.etag != sent.etag}
    return html(piece("judged.html", **values))


@post("/rulebooks/{name:str}/save", **door.change("operator"))
async def save(request: Req) -> ASGIResponse:
    name, sent = path_id(request, "name"), _sent(request)
    try:
        await _kept(request, name, sent)
    except (PreconditionFailed, AtTheDoor) as error:
        return await _refused(request, name, sent, error)
    return to(f"/console/rulebooks/{name}?saved=1")


@post("/rulebooks/{name:str}/publish", **door.change("admin"))
async def publish(request: Req) -> ASGIResponse:
    """Keep what is in sight, then put it in force: from the time given, or at once."""
    wired, who, name, sent = parts(request), caller(request), path_id(request, "name"), _sent(request)
    fields = door.form(request)
    try:
        begins = await _moment(request, "effective_from")
        expects = fields.get("expects", "")
        body = PublishBody(effective_from=begins, expects=int(expects) if expects.isdecimal() else None)
        sent = msgspec.structs.replace(sent, etag=await _kept(request, name, sent))
        done = await rulebooks.publish(wired.handler, wired.drafts, who.program, name, body, actor=who.actor)
    except (Refused, AtTheDoor) as error:
        return await _refused(request, name, sent, error)
    return to(f"/console/rulebooks/{done.body['version']}")


@post("/rulebooks/{name:str}/try", **door.change("operator"))
async def try_activity(request: Req) -> ASGIResponse:
    """What an activity, made up or recorded, would earn under the text in sight, clause by clause. Writes nothing."""
    name, sent = path_id(request, "name"), _sent(request)
    try:
        tried = {"problem": None} | await _tried(request, sent)
    except (Refused, AtTheDoor) as error:
        return await _page(request, name, sent, tried={"problem": problem(error)})
    return await _page(request, name, sent, tried=tried)


@post("/rulebooks/{name:str}/simulate", **door.change("operator"))
async def simulate(request: Req) -> ASGIResponse:
    """The text in sight on the whole history: a job, whose page is shown."""
    name, sent = path_id(request, "name"), _sent(request)
    try:
        await rulebooks.kept(parts(request).drafts, caller(request).program, name)
        window = WhatIfBody(from_=await _moment(request, "from"), to=await _moment(request, "to"))
        job = await started(request, name, sent.document, window)
    except (Refused, AtTheDoor) as error:
        return await _refused(request, name, sent, error)
    return to(f"/console/trials/{job.id}")


# --- what the handlers share ---------------------------------------------------------------------


def _sent(request: Req) -> Sent:
    fields = door.form(request)
    text = fields.get("document", "").replace("\r\n", "\n")  # forms send line ends in their own way
    return Sent(
        text,
        fields.get("note", "").strip(),
        fields.get("etag", ""),
        fields.get("activity", ""),
        fields.get("picked", ""),
    )


async def _kept(request: Req, name: str, sent: Sent) -> str:
    """The etag of the draft with what was sent. Raises PreconditionFailed, AtTheDoor."""
    wired, program = parts(request), caller(request).program
    draft = await rulebooks.kept(wired.drafts, program, name)
    if draft.etag == sent.etag and (readable(draft.document), draft.note) == (sent.text, sent.note):
        return draft.etag
    found = await rulebooks.update(wired.handler, wired.drafts, program, name, sent.body, etag=sent.etag)
    etag: str = found["etag"]
    return etag


async def _judged(request: Req, sent: Sent) -> Judged:
    wired = parts(request)
    return judge(wired.handler, await wired.programs.get(caller(request).program), sent.text)


async def _refused(request: Req, name: str, sent: Sent, error: Exception) -> ASGIResponse:
    return await _page(request, name, sent, problem=problem(error))


async def _page(request: Req, name: str, sent: Sent, **more: Any) -> ASGIResponse:
    """The studio with the text that was sent, beside the draft as it is kept now."""
    wired, program = parts(request), caller(request).program
    draft = await rulebooks.kept(wired.drafts, program, name)
    judged = await _judged(request, sent)
    newest = await wired.overview.activities(program, NEWEST)
    member = next((one["member"] for one in newest if one["member"]), None)
    now = await wired.clock.now(program)
    made_up = json.dumps(example(judged.document, member, (await viewer(request)).local(now)), indent=2)
    told = more.get("problem")
    page = await render(
        request,
        "studio.html",
        place="Rulebooks",
        draft=draft,
        sent=sent,
        judged=judged,
        overtaken=draft.etag != sent.etag,
        newest=newest,
        activity=sent.activity or made_up,
        **({"problem": None, "saved": False, "tried": None} | more),
    )
    # What htmx asks for is a part of this page, which it shows whatever the status; browsers get the true one.
    if told is not None and "hx-request" not in request.headers:
        page.status_code = told.status
    return page


async def _tried(request: Req, sent: Sent) -> Json:
    wired, program, document = parts(request), caller(request).program, sent.document
    if sent.picked:
        source, _, name = sent.picked.partition("/")
        found = await ref_of(wired.handler, program, source, name)
        return await tried_again(wired.handler, program, found, document)
    body = decode(sent.activity.encode(), ActivityBody)
    tried = await activities.simulate(wired.handler, program, _simulated(body), draft=document)
    asked = {"source": body.source, "id": body.id, "type": body.type}
    return tried | {"activity": asked, "recorded": None, "recorded_under": None}


def _simulated(body: ActivityBody) -> activities.SimulateBody:
    return activities.SimulateBody(**msgspec.structs.asdict(body))


async def _moment(request: Req, field: str) -> datetime | None:
    """A date and time field in the program's zone; None when it is empty. Raises AtTheDoor."""
    given = door.form(request).get(field, "")
    if not given:
        return None
    try:
        found = (await viewer(request)).read_field(given)
    except (ValueError, OverflowError):
        raise AtTheDoor("bad-time", "That is no date and time.", errors=[(f"/{field}", "not a time")]) from None
    check_time(f"/{field}", found)
    return found


HANDLERS = (check, save, publish, try_activity, simulate)
