"""Routes of the gateway: who may send messages in words of their own, and what became of each.

`receive` is the one write without a key: the senders are other companies' systems, and their messages are signed.
"""

import re
from typing import Any
from uuid import uuid4

import msgspec
from litestar import delete, get, post, put
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import check_json, read_bytes, read_json, read_optional_json
from api.http.problems import AtTheDoor
from api.http.route import PATH_ID, Json, Req, answer, caller, once, page, parts, path_id, route, text
from api.wiring import Wired
from application.gateway import inbox, sources
from application.gateway.check import check as check_mapping
from application.gateway.inbox import Office
from application.gateway.mapping import Message, meant
from domain.errors import Refused
from infrastructure.clock import utc_now

_PING = re.compile(rb"webhook_id=[0-9]{1,20}")
"""What WooCommerce sends, unsigned, to see whether anybody is there."""


class CheckBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping, or the name of one that is built in, and a message to try it on."""

    mapping: str | dict[str, Any]
    headers: dict[str, str] = {}
    body: Any = None


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No fields."""


class ClaimBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The member whose the activity is."""

    member: str


def office(wired: Wired) -> Office:
    """What it takes to take letters in."""
    return Office(
        wired.handler, wired.gateway, wired.vault, utc_now, lambda: f"gl_{uuid4().hex}", check_json, wired.misses
    )


@post("/v1/gateway/{source:str}", status_code=200)
async def receive(request: Req) -> ASGIResponse:
    """Take in a message of another system, which is signed with the secret of its source: no key."""
    name: str = request.path_params["source"]
    if not PATH_ID.fullmatch(name):
        raise AtTheDoor("bad-id", "An id in a path is 1 to 128 of A-Z a-z 0-9 . _ ~ -")
    raw = await read_bytes(request)
    if _PING.fullmatch(raw):
        return answer({"letter": None, "state": "ignored", "code": None})
    headers = {key.lower(): value for key, value in request.headers.items()}
    received = await inbox.receive(office(parts(request)), name, headers, raw)
    letter = received.letter
    if letter is None:
        return answer({"letter": None, "state": "ignored", "code": None})
    told = {"letter": letter.id, "state": letter.state, "code": letter.code or None}
    return answer(
        told,
        200 if letter.state == "recorded" else 202,
        {"idempotent-replayed": "true"} if received.replayed else {},
    )


# --- sources -----------------------------------------------------------------------------------


@post(
    "/v1/gateway/sources",
    **route(
        "admin",
        "Take in messages of another system",
        remembers=False,
        body=sources.SourceBody,
        answer=shapes.GatewaySource,
        status=201,
        codes=("mapping-invalid",),
    ),
)
async def create(request: Req) -> ASGIResponse:
    """The answer holds the `address` to give to the sender. The secret is never shown again."""
    wired, program = parts(request), caller(request).program
    with once(request):
        body = await read_json(request, sources.SourceBody)
        made = await sources.create(
            wired.gateway, wired.vault, program, body,
            new_id=f"gw_{uuid4().hex}", now=utc_now(), types=await _types(wired, program),
        )  # fmt: skip
    return answer(made, 201)


@get("/v1/gateway/sources", **route("operator", "List sources", answer=shapes.GatewaySourceList))
async def listing(request: Req) -> ASGIResponse:
    """With the mapping in use, without secrets."""
    found = await sources.listing(
        parts(request).gateway, caller(request).program, text(request, "cursor") or "", page(request)
    )
    return answer(found)


_NO_SOURCE = ("unknown-source",)


@get(
    "/v1/gateway/sources/{source:str}",
    **route("operator", "Read a source", answer=shapes.GatewaySource, codes=_NO_SOURCE),
)
async def read(request: Req) -> ASGIResponse:
    """With the mapping in use."""
    return answer(sources.view(await _source(request)))


@put(
    "/v1/gateway/sources/{source:str}/mapping",
    **route(
        "admin",
        "Read a source's messages in another way",
        remembers=False,
        body=sources.MappingBody,
        answer=shapes.GatewaySource,
        codes=(*_NO_SOURCE, "mapping-invalid"),
    ),
)
async def change_mapping(request: Req) -> ASGIResponse:
    """From now on; the one before is kept under its number. Letters that wait are read by the new one, too."""
    wired, program, name = parts(request), caller(request).program, path_id(request, "source")
    with once(request):
        body = await read_json(request, sources.MappingBody)
        types = await _types(wired, program)
        changed = await sources.change_mapping(wired.gateway, program, name, body, types=types)
    return answer(changed)


@get(
    "/v1/gateway/sources/{source:str}/mappings",
    **route("operator", "Every mapping a source has had", answer=shapes.Page, codes=_NO_SOURCE),
)
async def mappings(request: Req) -> ASGIResponse:
    """The latest first, whole. The log names them as `gateway:SOURCE@NUMBER`."""
    wired = parts(request)
    return answer(await sources.mappings(wired.gateway, caller(request).program, path_id(request, "source")))


@post(
    "/v1/gateway/sources/{source:str}/secret",
    **route(
        "admin",
        "Give a source another secret",
        remembers=False,
        body=sources.SecretBody,
        answer=shapes.GatewaySource,
        codes=_NO_SOURCE,
    ),
)
async def rotate(request: Req) -> ASGIResponse:
    """For a while messages signed with the old one are taken, too."""
    wired, name = parts(request), path_id(request, "source")
    with once(request):
        body = await read_json(request, sources.SecretBody)
        changed = await sources.rotate(wired.gateway, wired.vault, caller(request).program, name, body, utc_now())
    return answer(changed)


@delete(
    "/v1/gateway/sources/{source:str}",
    **route("admin", "Delete a source", remembers=False, answer=shapes.GatewaySource, codes=_NO_SOURCE),
)
async def remove(request: Req) -> ASGIResponse:
    """With all its letters. What they became stays."""
    found = await _source(request)
    await parts(request).gateway.remove_source(found.id)
    return answer(sources.view(found))


@post(
    "/v1/gateway/check",
    **route(
        "operator",
        "Check a mapping, and try it on a message",
        reads=True,
        body=CheckBody,
        answer=shapes.GatewayChecked,
        codes=("mapping-invalid", "mapping-failed"),
    ),
)
async def check(request: Req) -> ASGIResponse:
    """Findings, and what the message would mean. Nothing is written, and no signature is looked at."""
    body = await read_json(request, CheckBody)
    types = await _types(parts(request), caller(request).program)
    mapping, findings = check_mapping(sources.document_of(body.mapping), types)
    told: Json = {"findings": findings, "meant": None, "code": None, "detail": None}
    if mapping is not None and body.body is not None:
        headers = {name.lower(): value for name, value in body.headers.items()}
        try:
            found = meant(mapping, Message(headers, body.body))
        except Refused as refused:
            told |= {"code": refused.code, "detail": refused.message}
        else:
            told["meant"] = msgspec.to_builtins(found) if found is not None else None
    return answer(told)


# --- letters -----------------------------------------------------------------------------------

_NO_LETTER = ("unknown-letter",)


@get(
    "/v1/gateway/inbox",
    **route(
        "operator",
        "What was taken in, and what became of it",
        answer=shapes.LetterList,
        query={"state": "waiting, recorded, dead, or refused", "source": "Only of this source"},
    ),
)
async def letters(request: Req) -> ASGIResponse:
    """The latest first. Recorded letters are kept for 30 days."""
    found = await inbox.listing(
        parts(request).gateway, caller(request).program, text(request, "source"), text(request, "state"),
        text(request, "cursor"), page(request),
    )  # fmt: skip
    return answer(found)


@get(
    "/v1/gateway/inbox/{letter:str}",
    **route("operator", "Read a letter", answer=shapes.LetterShown, codes=_NO_LETTER),
)
async def letter(request: Req) -> ASGIResponse:
    """With what it says, as long as that is kept."""
    wired, program = parts(request), caller(request).program
    found = await inbox.one(wired.gateway, program, path_id(request, "letter"))
    source = await sources.one(wired.gateway, program, found.source)
    return answer(inbox.view(found) | {"contents": inbox.contents(office(wired), source, found)})


@post(
    "/v1/gateway/inbox/{letter:str}/claim",
    **route(
        "client",
        "Give a letter's activity to a member",
        remembers=False,
        body=ClaimBody,
        answer=shapes.Letter,
        codes=(*_NO_LETTER, "letter-closed", "unknown-member", "member-erased", "member-suspended", "activity-differs"),
    ),
)
async def claim(request: Req) -> ASGIResponse:
    """It earns as of its own time. Once: a letter that is recorded is closed."""
    wired, name = parts(request), path_id(request, "letter")
    with once(request):
        body = await read_json(request, ClaimBody)
        done = await inbox.again(office(wired), caller(request).program, name, body.member)
    return answer(inbox.view(done))


@post(
    "/v1/gateway/inbox/{letter:str}/retry",
    **route(
        "operator",
        "Try a letter again",
        remembers=False,
        body=Nothing,
        answer=shapes.Letter,
        codes=(*_NO_LETTER, "letter-closed"),
    ),
)
async def retry(request: Req) -> ASGIResponse:
    """One that waits or is dead, by the mapping and the rules of now."""
    wired, name = parts(request), path_id(request, "letter")
    with once(request):
        await read_optional_json(request, Nothing)
        done = await inbox.again(office(wired), caller(request).program, name)
    return answer(inbox.view(done))


async def _source(request: Req) -> sources.Source:
    return await sources.one(parts(request).gateway, caller(request).program, path_id(request, "source"))


async def _types(wired: Wired, program: str) -> list[str] | None:
    """The activity types of the rulebook published last, if there is one."""
    known = await wired.handler.programs.get(program, await wired.handler.store.timeline(program))
    return list(known.newest.document.activities) if known.newest is not None else None
