"""Today: what the program earns, spends and owes, as it happens. Every figure leads to what it counts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Any

from litestar import get
from litestar.response import ServerSentEvent
from litestar.response.base import ASGIResponse
from litestar.types import SSEData

from api.console import door
from api.console.charts import bars
from api.console.page import piece, render, viewer
from api.http.problems import AtTheDoor
from api.http.route import Req, caller, parts
from application.samples import COFFEE
from domain.rules.rulebook import digest_of

Json = dict[str, Any]

EVERY = 2.0
"""Seconds between two looks of a page that is open."""
LOOKS = 4
"""Looks of one stream. The browser comes back by itself; a server that stops is not kept from it."""
SOON = timedelta(days=7)
LISTED = 100
SAMPLE = digest_of(COFFEE)
"""The rules that `guerdon run` publishes are nobody's own."""


@get("/today", **door.page("operator", "analyst"))
async def show(request: Req) -> ASGIResponse:
    wired, program = parts(request), caller(request).program
    now, _ = await day_of(request)
    return await render(
        request,
        "today.html",
        place="Today",
        **await _live(request),
        steps=await _steps(request),
        ending=await wired.overview.ending(program, now, now + SOON),
        owed=await wired.overview.owed(program),
        members=await wired.overview.members(program),
        tiers=await wired.overview.tiers(program),
    )


@get("/today/live", **door.page("operator", "analyst"))
async def live(request: Req) -> ServerSentEvent:
    """The part of the page that moves, again and again."""
    v = await viewer(request)

    async def looks() -> AsyncIterator[SSEData]:
        for _ in range(LOOKS):
            yield piece("today_live.html", v=v, scopes=caller(request).scopes, **await _live(request))
            await asyncio.sleep(EVERY)

    return ServerSentEvent(looks())


@get("/today/{what:str}", **door.page("operator", "analyst", many=True))
async def listing(request: Req) -> ASGIResponse:
    """What a figure counts, one row each."""
    found = LISTS.get(request.path_params["what"])
    if found is None:
        raise AtTheDoor("not-found", "Nothing is at this address.")
    title, columns, rows = found
    return await render(
        request, "list.html", place="Today", title=title, columns=columns, rows=await rows(request), listed=LISTED
    )


async def _live(request: Req) -> Json:
    wired, program = parts(request), caller(request).program
    now, midnight = await day_of(request)
    day = midnight.date()
    known = await wired.programs.get(program, 0)
    newest = known.newest
    minutes = await wired.overview.per_minute(program, now)
    return {
        "now": now,
        "earned": await wired.overview.earned(program, day),
        "spent": await wired.overview.spent(program, midnight),
        "rules": await wired.overview.rules(program, day),
        "minutes": minutes,
        "bars": bars(minutes),
        "lags": await wired.positions.lags(),
        "refusals": await wired.refusals.latest(program, 5),
        "scales": {name: one.scale for name, one in newest.document.currencies.items()} if newest else {},
    }


async def _steps(request: Req) -> list[tuple[str, str, bool]]:
    """What a new program does first: text, address, whether the log has it. Empty once all is done."""
    wired, program = parts(request), caller(request).program
    begun = await wired.overview.begun(program)
    own = any(one.digest != SAMPLE for one in (await wired.programs.get(program)).program.published)
    steps = [
        ("Publish rules of your own", "/console/rulebooks", own),
        ("Enrol a member", "/docs#members_enrol", begun["member"]),
        ("Record an activity", "/docs#activities_record", begun["activity"]),
        ("Redeem points", "/docs#points_redeem", begun["redemption"]),
    ]
    return steps if not all(done for _, _, done in steps) else []


async def day_of(request: Req) -> tuple[datetime, datetime]:
    """The program's clock, and the midnight before it in its zone."""
    now = await parts(request).clock.now(caller(request).program)
    local = (await viewer(request)).local(now)
    return now, datetime.combine(local.date(), time(), local.tzinfo)


async def _redemptions(request: Req) -> list[Json]:
    _, midnight = await day_of(request)
    return await parts(request).overview.redemptions(caller(request).program, midnight, LISTED)


async def _expiring(request: Req) -> list[Json]:
    now, _ = await day_of(request)
    return await parts(request).overview.expiring(caller(request).program, now, now + SOON, LISTED)


async def _debts(request: Req) -> list[Json]:
    return await parts(request).overview.debts(caller(request).program, LISTED)


async def _refusals(request: Req) -> list[Json]:
    found = await parts(request).refusals.latest(caller(request).program, LISTED)
    return [{"at": one.at, "code": one.code, "detail": one.detail, "actor": one.actor} for one in found]


async def _rules(request: Req) -> list[Json]:
    _, midnight = await day_of(request)
    return await parts(request).overview.rules(caller(request).program, midnight.date(), LISTED)


Rows = Callable[[Req], Awaitable[list[Json]]]
LISTS: dict[str, tuple[str, tuple[tuple[str, str], ...], Rows]] = {
    "redemptions": (
        "Spent today",
        (("member", "Member"), ("redemption", "Redemption"), ("points", "Points"), ("redeemed_at", "When")),
        _redemptions,
    ),
    "expiring": (
        "Ending within seven days",
        (("member", "Member"), ("points", "Points"), ("rule", "Earned by"), ("expires_at", "Ends")),
        _expiring,
    ),
    "debts": (
        "Members in debt",
        (("member", "Member"), ("points", "Points owed"), ("recorded_at", "Since the entry of")),
        _debts,
    ),
    "refusals": (
        "Refused lately",
        (("at", "When"), ("code", "Problem"), ("detail", "What was said"), ("actor", "Who asked")),
        _refusals,
    ),
    "rules": (
        "Rules today",
        (("rule", "Rule"), ("granted", "Points"), ("awards", "Awards"), ("limited", "Limited"), ("failures", "Failed")),
        _rules,
    ),
}
"""What the figures lead to: a title, the columns with their headings, the rows."""

HANDLERS = (show, live, listing)
