"""Routes of a program: the program itself, its keys, a sandbox's clock."""

from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from litestar import delete, get, post
from litestar.response.base import ASGIResponse

from api.http.body import read_json
from api.http.problems import AtTheDoor
from api.http.route import SCOPES, Caller, Json, Req, answer, caller, once, page, parts, path_id, route, text, written
from api.http.shapes import ClockAnswer, KeyList, KeyMade, KeyShown, ProgramMade
from api.wiring import Wired
from application.answers import Answered
from application.leaderboard_closing import PATIENCE, close_due
from application.ports import Unavailable
from application.programs import program_stream
from application.referrals import keep_all
from application.rulebooks import ProgramBody, create_program
from application.sweep import settle_due
from domain.errors import KeyReused, ProgramExists, UnknownProgram
from domain.log import decode
from domain.program.commands import CreateProgram
from infrastructure.api_keys import ApiKey

MAX_NAME = 200


class KeyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`program` is the caller's own when left out, or one the caller has opened."""

    scopes: list[str]
    name: str = ""
    program: str | None = None


class ClockBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    now: datetime


@post(
    "/v1/programs",
    **route(
        "admin",
        "Open a program",
        body=ProgramBody,
        answer=ProgramMade,
        status=201,
        codes=("program-exists", "bad-id", "bad-time", "unknown-money"),
    ),
)
async def create(request: Req) -> ASGIResponse:
    """The answer holds the program's first key, which has all scopes on it. It is shown this one time."""
    wired, who = parts(request), caller(request)
    with once(request) as key:
        body = await read_json(request, ProgramBody)
        try:
            done = await create_program(wired.handler, body, actor=who.actor)
        except ProgramExists:
            if key is None:
                raise
            done = await _opened_before(wired, who, body)
        made, secret = await wired.api_keys.create(body.id, ["admin"], "first", once=key, by=who.by)
    return written(msgspec.structs.replace(done, body={**done.body, "key": secret, "key_id": made.id}))


async def _opened_before(wired: Wired, who: Caller, body: ProgramBody) -> Answered:
    """The first answer, for the caller who opened the program. Raises ProgramExists, KeyReused."""
    (row,) = await wired.store.rows(program_stream(body.id), upto=1)
    entry = decode(row.state)
    if entry.actor != who.actor:
        raise ProgramExists(f"program {body.id!r} exists")
    if entry.input != CreateProgram(program=body.id, sandbox=body.sandbox, money=body.money, time_zone=body.time_zone):
        raise KeyReused("the key was used for another request")
    return Answered(200, {**msgspec.to_builtins(body), "position": row.position}, row.position, replayed=True)


# --- keys --------------------------------------------------------------------------------------


@post(
    "/v1/keys",
    **route(
        "admin",
        "Make a key",
        body=KeyBody,
        answer=KeyMade,
        status=201,
        codes=("unknown-program", "invalid-payload"),
    ),
)
async def create_key(request: Req) -> ASGIResponse:
    """The answer holds the key itself, which is shown this one time: only its hash is stored."""
    wired, who = parts(request), caller(request)
    with once(request) as key:
        body = await read_json(request, KeyBody)
        program = body.program if body.program is not None else who.program
        await _administers(wired, who, program)
        _check(body)
        before = await wired.api_keys.made_once(program, key) if key is not None else None
        if before is not None and (before.scopes != body.scopes or before.name != body.name):
            raise KeyReused("the key was used for another request")
        made, secret = await wired.api_keys.create(program, body.scopes, body.name, once=key, by=who.by)
        shown = _shown(made) | {"key": secret, "position": await wired.positions.head()}
    return written(Answered(201 if before is None else 200, shown, 0, replayed=before is not None))


@get(
    "/v1/keys",
    **route(
        "admin",
        "List keys",
        answer=KeyList,
        query={"program": "One that the caller has opened"},
        codes=("unknown-program",),
    ),
)
async def list_keys(request: Req) -> ASGIResponse:
    """Keys of the program, revoked ones too, without the keys themselves."""
    wired, limit = parts(request), page(request)
    program = text(request, "program") or caller(request).program
    await _administers(wired, caller(request), program)
    found = await wired.api_keys.listed(program, after=text(request, "cursor") or "", limit=limit + 1)
    return answer(
        {
            "items": [_shown(one) for one in found[:limit]],
            "next_cursor": found[limit - 1].id if len(found) > limit else None,
        }
    )


@delete(
    "/v1/keys/{key_id:str}", **route("admin", "Revoke a key", remembers=False, answer=KeyShown, codes=("unknown-key",))
)
async def revoke_key(request: Req) -> ASGIResponse:
    """Once this is answered, the key opens nothing. It takes a second. Revoking again changes nothing."""
    wired, key_id = parts(request), path_id(request, "key_id")
    found = await wired.api_keys.get(key_id)
    try:
        await _administers(wired, caller(request), found.program if found else "")
    except UnknownProgram:
        raise AtTheDoor("unknown-key", f"There is no key {key_id!r}.") from None
    await wired.api_keys.revoke(key_id, caller(request).by)
    revoked = await wired.api_keys.get(key_id)
    assert revoked is not None
    return answer(_shown(revoked) | {"position": await wired.positions.head()})


async def _administers(wired: Wired, who: Caller, program: str) -> None:
    """Admins have their own program, and keys to those they opened. Others do not exist: raises UnknownProgram."""
    if program == who.program:
        return
    rows = await wired.store.rows(program_stream(program), upto=1)
    if not rows or decode(rows[0].state).actor != who.actor:
        raise UnknownProgram(f"there is no program {program!r}")


def _check(body: KeyBody) -> None:
    unknown = [number for number, scope in enumerate(body.scopes) if scope not in SCOPES]
    if unknown or not body.scopes or len(body.scopes) > len(SCOPES):
        raise AtTheDoor(
            "invalid-payload",
            f"A key has scopes out of {', '.join(SCOPES)}.",
            errors=[(f"/scopes/{number}", "no such scope") for number in unknown] or [("/scopes", "1 to 5 scopes")],
        )
    if len(body.name) > MAX_NAME:
        raise AtTheDoor(
            "invalid-payload", "A key's name is short.", errors=[("/name", f"at most {MAX_NAME} characters")]
        )


def _shown(key: ApiKey) -> Json:
    shown: Json = msgspec.to_builtins(key)
    return shown


# --- the clock ---------------------------------------------------------------------------------


@post(
    "/v1/clock",
    **route(
        "operator",
        "Set a sandbox's clock",
        remembers=False,
        body=ClockBody,
        answer=ClockAnswer,
        codes=("not-a-sandbox", "clock-backwards", "bad-time"),
    ),
)
async def set_clock(request: Req) -> ASGIResponse:
    """Forward only. What falls due by then (expiries, activations, reviews) is written down before the answer.

    Leaderboards whose period is over are closed, too, if that is done in two seconds; else shortly after.
    """
    wired, program = parts(request), caller(request).program
    with once(request):
        body = await read_json(request, ClockBody)
        now = await wired.clock.set(program, body.now.astimezone(UTC))
        settled = await settle_due(wired.handler, program, now)
        await keep_all(wired.handler, program)
        await _close_due(wired, program, now)
        position = await wired.positions.head()
    return answer({"now": now, "settled": settled, "position": position})


async def _close_due(wired: Wired, program: str, now: datetime) -> None:
    """Close what is over, if that is done in a moment; the sweeper does the rest."""
    with suppress(Unavailable):
        await close_due(wired.handler, wired.scores, wired.positions, wired.boards.name, program, now, at_most=PATIENCE)


@get("/v1/clock", **route("client", "Read the program's clock", answer=ClockAnswer))
async def read_clock(request: Req) -> ASGIResponse:
    """The instant that requests are recorded at: real time, or what a sandbox was set to."""
    wired, program = parts(request), caller(request).program
    return answer({"now": await wired.clock.now(program)})
