"""Routes for analysts: the same figures as in their tables, and what follows from them. JSON, or CSV by `Accept`."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import get, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json
from api.http.route import Json, Req, answer, caller, day, instant, number, page, parts, route, text, written
from application import liability as books
from application.experiments import MEASURES, experiments
from application.liability import EstimateBody

_CURRENCY = {"currency": "Only this one"}
_DAYS = {"from": "From this day on", "to": "Up to this day, included"}


@get(
    "/v1/analytics/liability",
    **route(
        "analyst",
        "What members can ask for, and what of it is revenue, day by day",
        projected=True,
        answer=shapes.LiabilityDays,
        query=_CURRENCY | _DAYS | {"known_on": "As known at the end of this day; as known now when left out"},
        codes=("bad-time",),
    ),
)
async def liability(request: Req) -> ASGIResponse:
    """Days with something in them, in UTC. `restated` is what became known of a day after it. CSV by `Accept`."""
    wired = parts(request)
    items = await books.liability(
        wired.handler,
        wired.analytics,
        caller(request).program,
        currency=text(request, "currency"),
        since=day(request, "from"),
        until=day(request, "to"),
        known_on=day(request, "known_on"),
    )
    return _told(request, items)


@get(
    "/v1/analytics/liability/estimates",
    **route("analyst", "Estimates of breakage, every version", answer=shapes.Estimates),
)
async def estimates(request: Req) -> ASGIResponse:
    return _told(request, await books.estimates(parts(request).handler, caller(request).program))


@post(
    "/v1/analytics/liability/estimates",
    **route(
        "admin",
        "State how many points will be redeemed",
        remembers=False,
        body=EstimateBody,
        answer=shapes.EstimateMade,
        status=201,
        codes=("unknown-currency", "invalid-payload"),
    ),
)
async def estimate(request: Req) -> ASGIResponse:
    """A fact of the program from a day on; earlier versions stay. What it changes is caught up on that day."""
    who = caller(request)
    body = await read_json(request, EstimateBody)
    return written(await books.estimate(parts(request).handler, who.program, body, actor=who.actor))


@get(
    "/v1/analytics/breakage",
    **route("analyst", "Points by the month that earned them", projected=True, answer=shapes.Breakage, query=_CURRENCY),
)
async def breakage(request: Req) -> ASGIResponse:
    """What was redeemed by each age in months, and how it will end by the chain ladder. CSV by `Accept`."""
    wired = parts(request)
    found = await books.breakage(
        wired.handler, wired.analytics, caller(request).program, currency=text(request, "currency")
    )
    if not _wants_csv(request):
        return answer({"items": found})
    return _csv(
        [
            {"currency": one["currency"]} | cohort | {"redeemed": redeemed, "age": age}
            for one in found
            for cohort in one["cohorts"]
            for age, redeemed in enumerate(cohort["redeemed"])
        ]
    )


@get(
    "/v1/analytics/movements",
    **route(
        "analyst",
        "Double-entry lines in the order of the log",
        many=True,
        projected=True,
        answer=shapes.Page,
        query={"after": "Recorded at this instant or later", "before": "Recorded before it"},
        codes=("bad-time",),
    ),
)
async def movements(request: Req) -> ASGIResponse:
    """Every pair of lines sums to zero. Members are named by their streams. CSV by `Accept`."""
    limit = page(request)
    position, line = _place(request)
    items = await parts(request).analytics.movements(
        program=caller(request).program, position=position, line=line, since=instant(request, "after"),
        until=instant(request, "before"), limit=limit + 1,
    )  # fmt: skip
    more = f"{items[limit - 1]['position']}-{items[limit - 1]['line']}" if len(items) > limit else None
    return _told(request, items[:limit], more)


@get(
    "/v1/analytics/rules",
    **route(
        "analyst",
        "What each rule did on each day",
        projected=True,
        answer=shapes.Page,
        query=_DAYS,
        codes=("bad-time",),
    ),
)
async def rules(request: Req) -> ASGIResponse:
    """Awards, what they wanted and were granted, how often they were cut, failures. CSV by `Accept`."""
    limit, skip = page(request), number(request, "cursor", 0)
    items = await parts(request).analytics.rules(
        program=caller(request).program, since=day(request, "from"), until=day(request, "to"), skip=skip,
        limit=limit + 1,
    )  # fmt: skip
    return _told(request, items[:limit], str(skip + limit) if len(items) > limit else None)


@get(
    "/v1/analytics/experiments",
    **route(
        "analyst",
        "What came of the arms of experiments",
        projected=True,
        answer=shapes.Experiments,
        query={"experiment": "Only this one"},
    ),
)
async def arms(request: Req) -> ASGIResponse:
    """Per member since the first exposure: activities, points granted, redeemed; 95 % intervals. CSV by `Accept`."""
    found = await experiments(parts(request).analytics, caller(request).program, text(request, "experiment"))
    if not _wants_csv(request):
        return answer({"items": found})
    return _csv(
        [
            {"experiment": one["experiment"], "arm": arm["arm"], "members": arm["members"], "measure": name} | arm[name]
            for one in found
            for arm in one["arms"]
            for name in MEASURES
        ]
    )


# --- answers -----------------------------------------------------------------------------------


def _place(request: Req) -> tuple[int, int]:
    """Where a page of movements goes on: position and line."""
    position, _, line = (request.query_params.get("cursor") or "0-0").partition("-")
    if position.isdigit() and line.isdigit() and len(position) < 19 and len(line) < 10:
        return int(position), int(line)
    return number(request, "cursor", 0), 0


def _wants_csv(request: Req) -> bool:
    return "text/csv" in request.headers.get("accept", "")


def _told(request: Req, items: Sequence[Json], cursor: str | None = None) -> ASGIResponse:
    if _wants_csv(request):
        return _csv(items, cursor)
    return answer({"items": items, "next_cursor": cursor})


def _csv(items: Sequence[Json], cursor: str | None = None) -> ASGIResponse:
    """One line an item, after one with the names. Where more follows, the header `Guerdon-Cursor` says where."""
    out = io.StringIO()
    if items:
        writer = csv.DictWriter(out, list(items[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in item.items()} for item in items)
    headers = {"cache-control": "no-store"} | ({"guerdon-cursor": cursor} if cursor else {})
    return ASGIResponse(body=out.getvalue().encode(), media_type="text/csv", headers=headers)


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is told as text."""
    plain = msgspec.to_builtins(value)
    return f"'{plain}" if isinstance(plain, str) and plain[:1] in ("=", "+", "-", "@") else plain
