"""Rewards: what the catalogue offers, how much of each is left, and on which terms from now on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from litestar import get, post
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.charts import share
from api.console.page import render, to, viewer
from api.console.today import day_of
from api.console.words import Viewer
from api.http.route import Req, caller, number, parts, path_id
from application import rewards
from application.reward_terms import Price, RewardBody, RewardChange
from application.rulebooks import PreconditionFailed
from domain.errors import InvalidPayload, Refused
from domain.rules.rewards import RewardKind

Json = dict[str, Any]
Wrong = Sequence[tuple[str, str]]

LISTED = 100
_KINDS = ("product", "discount", "code", "credit", "gift")


@get("/rewards", **door.page("operator"))
async def listing(request: Req) -> ASGIResponse:
    return await _listing(request, {}, ())


async def _listing(request: Req, tried: dict[str, str], wrong: Wrong) -> ASGIResponse:
    wired, program = parts(request), caller(request).program
    found = await rewards.listing(wired.handler, program, limit=LISTED, cursor=max(0, number(request, "after", 0)))
    scales = await _scales(request)
    _, midnight = await day_of(request)
    claimed = await wired.overview.claimed(program, midnight)
    for one in found["items"]:
        one.update(_drawn(one, scales))
        if one["codes"] == "list":
            one["codes_left"] = await wired.listed_codes.left(program, one["id"])
    return await render(
        request,
        "rewards.html",
        place="Rewards",
        rewards=found["items"],
        claimed=claimed,
        after=found["next_cursor"],
        currencies=sorted(scales),
        kinds=_KINDS,
        tried=tried,
        wrong=wrong,
    )


@post("/rewards", **door.change("operator"))
async def create(request: Req) -> ASGIResponse:
    wired, who, fields = parts(request), caller(request), door.form(request)
    seen = await viewer(request)
    try:
        body = RewardBody(
            id=fields.get("id", "").strip(),
            kind=_kind(fields),
            price=Price(currency=fields.get("currency", ""), points=_count(fields, "points") or 0),
            name=fields.get("name", "").strip(),
            stock=_count(fields, "stock"),
            per_member=_count(fields, "per_member"),
            starts=_moment(fields, "starts", seen),
            ends=_moment(fields, "ends", seen),
            when=fields.get("when", "").strip() or None,
        )
        await rewards.create(wired.handler, who.program, body, actor=who.actor, correlation=who.request)
    except Refused as refused:
        return await _listing(request, fields, _told(refused))
    return to(f"/console/rewards/{body.id}")


@get("/rewards/{reward:str}", **door.page("operator"))
async def show(request: Req) -> ASGIResponse:
    return await _show(request, {}, ())


async def _show(request: Req, tried: dict[str, str], wrong: Wrong, *, edited: bool = False) -> ASGIResponse:
    """With what was typed where it could not be kept; `edited`: somebody else was quicker."""
    wired, program = parts(request), caller(request).program
    found, etag = await rewards.read(wired.handler, program, path_id(request, "reward"), wired.listed_codes)
    _, midnight = await day_of(request)
    return await render(
        request,
        "reward.html",
        place="Rewards",
        reward=found | _drawn(found, await _scales(request)),
        claimed=await wired.overview.claimed(program, midnight),
        etag=etag,
        tried=tried or _fields(found, await viewer(request)),
        wrong=wrong,
        edited=edited,
    )


@post("/rewards/{reward:str}", **door.change("operator"))
async def change(request: Req) -> ASGIResponse:
    """Of two who change one reward, the second is told and sees both: what they typed, and how it is offered now."""
    wired, who, fields, name = parts(request), caller(request), door.form(request), path_id(request, "reward")
    found = await rewards.find(wired.handler, who.program, name)
    seen = await viewer(request)
    try:
        points = _count(fields, "points")
        if points is None:
            raise InvalidPayload("a price is missing", errors=[("/points", "how many points")])
        body = RewardChange(
            price=Price(currency=found.terms.currency, points=points),
            stock=_count(fields, "stock"),
            starts=_moment(fields, "starts", seen),
            ends=_moment(fields, "ends", seen),
            withdrawn=bool(fields.get("withdrawn")),
        )
        await rewards.change(
            wired.handler, who.program, name, body, etag=fields.get("etag", "").replace("*", ""), actor=who.actor,
            correlation=who.request,
        )  # fmt: skip
    except PreconditionFailed:
        return await _show(request, fields, (), edited=True)
    except Refused as refused:
        return await _show(request, fields, _told(refused))
    return to(f"/console/rewards/{name}")


async def _scales(request: Req) -> dict[str, int]:
    """The currencies of the newest rules, with their scales."""
    newest = (await parts(request).programs.get(caller(request).program)).newest
    return {name: one.scale for name, one in newest.document.currencies.items()} if newest is not None else {}


def _drawn(reward: Json, scales: dict[str, int]) -> Json:
    """What a page needs beside the terms: the scale of the price, what is taken of the stock and its bar."""
    stock = reward["stock"]
    taken = stock - reward["left"] if stock is not None else 0
    return {"scale": scales.get(reward["price"]["currency"], 0), "taken": taken, "width": share(taken, stock or 0)}


def _fields(reward: Json, seen: Viewer) -> dict[str, str]:
    return {
        "points": str(reward["price"]["points"]),
        "stock": "" if reward["stock"] is None else str(reward["stock"]),
        "starts": seen.field(reward["starts"]) if reward["starts"] else "",
        "ends": seen.field(reward["ends"]) if reward["ends"] else "",
        "withdrawn": "1" if reward["withdrawn"] else "",
    }


def _kind(fields: dict[str, str]) -> RewardKind:
    kind = fields.get("kind", "")
    if kind not in _KINDS:
        raise InvalidPayload("there is no such kind", errors=[("/kind", "there is no such kind")])
    return cast("RewardKind", kind)


def _count(fields: dict[str, str], name: str) -> int | None:
    """A whole number, None of an empty field. Raises InvalidPayload."""
    value = fields.get(name, "").strip()
    try:
        return int(value) if value else None
    except ValueError:
        raise InvalidPayload("that is no number", errors=[(f"/{name}", "not a whole number")]) from None


def _moment(fields: dict[str, str], name: str, seen: Viewer) -> datetime | None:
    """An instant in the program's zone, None of an empty field. Raises InvalidPayload."""
    value = fields.get(name, "").strip()
    try:
        return seen.read_field(value) if value else None
    except (ValueError, OverflowError):
        raise InvalidPayload("that is no moment", errors=[(f"/{name}", "not a date and time")]) from None


def _told(refused: Refused) -> Wrong:
    """Which field of the form each finding is about, and what it says."""
    return [(at.rpartition("/")[2], why) for at, why in refused.errors] or [("", refused.message)]


HANDLERS = (listing, create, show, change)
