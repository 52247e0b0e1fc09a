"""Routes of notices: what members are told by e-mail, tried before it is sent, and what was sent."""

from datetime import datetime

import msgspec
from litestar import get, post, put
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.problems import AtTheDoor
from api.http.route import Req, answer, caller, once, page, parts, route, text
from api.wiring import Wired
from application.notices import settings, telling
from application.notices.settings import NoticesBody, NoticeSettings
from application.notices.telling import STATES, Desk
from application.notices.texts import KINDS, TextFails, Words, chosen, render
from infrastructure.clock import utc_now
from infrastructure.mail import SmtpPost


class PreviewBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind in a language, with the words of the program or with `words` to try."""

    kind: str
    locale: str = "en"
    words: Words | None = None


def desk(wired: Wired) -> Desk:
    """What it takes to tell members."""
    return Desk(wired.handler, wired.notices, SmtpPost(wired.settings.smtp_url), utc_now)


@put(
    "/v1/notices",
    **route("admin", "Say what members are told", remembers=False, body=NoticesBody, answer=shapes.Notices),
)
async def change(request: Req) -> ASGIResponse:
    """The whole document. Members are told of what is written from the first one on."""
    wired, program = parts(request), caller(request).program
    with once(request):
        body = await read_json(request, NoticesBody)
        settings.checked(body)
        await wired.notices.put_settings(NoticeSettings(program=program, body=body, after=await wired.positions.head()))
    return answer(settings.view(await wired.notices.settings(program)))


@get("/v1/notices", **route("operator", "Read what members are told", answer=shapes.Notices))
async def read(request: Req) -> ASGIResponse:
    """`document` is null while nobody is told anything."""
    return answer(settings.view(await parts(request).notices.settings(caller(request).program)))


@post(
    "/v1/notices/preview",
    **route("operator", "Try the words of a notice", reads=True, body=PreviewBody, answer=shapes.NoticePreview),
)
async def preview(request: Req) -> ASGIResponse:
    """With made-up numbers. Nothing is sent."""
    body = await read_json(request, PreviewBody)
    if body.kind not in KINDS:
        raise AtTheDoor("invalid-payload", "There is no such notice.", errors=[("/kind", f"one of {', '.join(KINDS)}")])
    found = await parts(request).notices.settings(caller(request).program)
    own, default = (found.body.templates, found.body.locale) if found is not None else ({}, "en")
    words = body.words or chosen(own, body.kind, body.locale, default)
    try:
        subject, told = render(words, settings.example(body.kind))
    except TextFails as error:
        raise AtTheDoor("invalid-payload", "The template fails.", errors=[("/words", str(error))]) from None
    return answer({"subject": subject, "body": told})


@get(
    "/v1/notices/log",
    **route(
        "operator",
        "What was and is to be told",
        answer=shapes.NoticeList,
        query={"state": ", ".join(STATES)},
    ),
)
async def log(request: Req) -> ASGIResponse:
    """The latest first, with the reason of what was not sent. Kept for 30 days."""
    wired, program, limit = parts(request), caller(request).program, page(request)
    state, cursor = text(request, "state"), text(request, "cursor")
    if state is not None and state not in STATES:
        raise AtTheDoor("invalid-payload", "There is no such state.", errors=[("/state", ", ".join(STATES))])
    found = await wired.notices.listed(program, state, _before(cursor), limit + 1)
    items = []
    for notice in found[:limit]:
        loaded, _ = await wired.handler.load(program, notice.stream)
        items.append(telling.view(notice, loaded.member.id if loaded.key is not None else ""))
    last = found[limit - 1] if len(found) > limit else None
    return answer({"items": items, "next_cursor": f"{last.created_at.isoformat()}|{last.key}" if last else None})


def _before(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    at, _, key = cursor.replace(" ", "+").partition("|")
    try:
        return datetime.fromisoformat(at), key
    except ValueError:
        raise AtTheDoor(
            "invalid-payload", "That is no cursor of this list.", errors=[("/cursor", "not a cursor")]
        ) from None
