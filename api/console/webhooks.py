"""Webhooks: who is told of what happens, how the telling goes, and what can be done where it does not."""

from uuid import uuid4

from litestar import get, post
from litestar.response.base import ASGIResponse

from api.console import door
from api.console.page import render, to
from api.http.problems import AtTheDoor
from api.http.route import Req, caller, parts, path_id, text
from application import webhooks
from application.deliveries import tell
from application.messages import TYPES, sample
from domain.errors import InvalidPayload
from infrastructure.clock import utc_now

LISTED = 100
DELIVERIES = 25
_STATES = ("waiting", "delivered", "dead")


@get("/webhooks", **door.page("operator"))
async def listing(request: Req) -> ASGIResponse:
    return await _listing(request, {}, ())


async def _listing(request: Req, tried: dict[str, str], wrong: tuple[tuple[str, str], ...]) -> ASGIResponse:
    wired, program = parts(request), caller(request).program
    found = await wired.webhooks.listed(program, text(request, "after") or "", LISTED + 1)
    return await render(
        request,
        "webhooks.html",
        place="Webhooks",
        webhooks=found[:LISTED],
        counts=await wired.webhooks.counts(program),
        after=found[LISTED - 1].id if len(found) > LISTED else None,
        types=sorted(TYPES),
        tried=tried,
        wrong=wrong,
    )


@post("/webhooks", **door.change("admin"))
async def create(request: Req) -> ASGIResponse:
    """The page that answers is the only one that ever shows the secret."""
    wired, who, fields = parts(request), caller(request), door.form(request)
    names = [name.strip() for name in fields.get("events", "").split(",") if name.strip()]
    body = webhooks.WebhookBody(
        url=fields.get("url", "").strip(),
        events=names,
        ordered=bool(fields.get("ordered")),
        description=fields.get("description", "").strip(),
    )
    try:
        made = await webhooks.create(
            wired.webhooks, wired.vault, who.program, body,
            check_url=wired.outgoing.check, new_id=f"wh_{uuid4().hex}", head=await wired.positions.head(),
            now=utc_now(), by=who.by,
        )  # fmt: skip
    except InvalidPayload as refused:
        return await _listing(request, fields, tuple(_told(names, at, why) for at, why in refused.errors))
    return await _show(request, await webhooks.one(wired.webhooks, who.program, made["id"]), secret=made["secret"])


def _told(names: list[str], at: str, why: str) -> tuple[str, str]:
    """Which field of the form a finding is about, and what it says."""
    _, field, *index = at.split("/")
    return field, f"{names[int(index[0])]}: {why}" if field == "events" and index else why


@get("/webhooks/{webhook:str}", **door.page("operator"))
async def show(request: Req) -> ASGIResponse:
    return await _show(request, await _one(request))


async def _show(
    request: Req, found: webhooks.Webhook, *, secret: str | None = None, told: str | None = None
) -> ASGIResponse:
    wired, state = parts(request), text(request, "state")
    if state is not None and state not in _STATES:
        raise AtTheDoor("invalid-payload", "A delivery is waiting, delivered or dead.")
    page = await webhooks.deliveries(wired.webhooks, found, state, text(request, "cursor"), DELIVERIES)
    counts = await wired.webhooks.counts(found.program)
    return await render(
        request,
        "webhook.html",
        place="Webhooks",
        webhook=found,
        count=counts.get(found.id, webhooks.Count()),
        deliveries=page["items"],
        cursor=page["next_cursor"],
        state=state,
        states=_STATES,
        secret=secret,
        told=told,
    )


@post("/webhooks/{webhook:str}/test", **door.change("operator"))
async def test(request: Req) -> ASGIResponse:
    """A made-up event, at once and once; the page says what the receiver answered."""
    wired, found, now = parts(request), await _one(request), utc_now()
    name = found.types[0] if found.types else "PointsEarned"
    told = sample(name, found.program, now, uuid4())
    reply = await tell(wired.outgoing, found.url, told, found.secrets(wired.vault, now), now)
    answered = f"answered {reply.status}" if reply.status is not None else f"not reached: {reply.error}"
    return await _show(request, found, told=f"A made-up {name} was sent; it was {answered}.")


@post("/webhooks/{webhook:str}/rotate", **door.change("admin"))
async def rotate(request: Req) -> ASGIResponse:
    """For a day deliveries are signed with both secrets."""
    wired, found = parts(request), await _one(request)
    rotated = await webhooks.rotate(
        wired.webhooks, wired.vault, found.program, found.id, webhooks.RotateBody(), utc_now(), by=caller(request).by
    )
    return await _show(request, await _one(request), secret=rotated["secret"])


@post("/webhooks/{webhook:str}/enable", **door.change("admin"))
async def enable(request: Req) -> ASGIResponse:
    return await _enabled(request, enabled=True)


@post("/webhooks/{webhook:str}/disable", **door.change("admin"))
async def disable(request: Req) -> ASGIResponse:
    return await _enabled(request, enabled=False)


async def _enabled(request: Req, *, enabled: bool) -> ASGIResponse:
    wired, who, name = parts(request), caller(request), path_id(request, "webhook")
    body = webhooks.ChangeBody(enabled=enabled)
    await webhooks.change(
        wired.webhooks, who.program, name, body, check_url=wired.outgoing.check, now=utc_now(), by=who.by
    )
    return to(f"/console/webhooks/{name}")


@post("/webhooks/{webhook:str}/redeliver", **door.change("operator"))
async def redeliver(request: Req) -> ASGIResponse:
    """One event by its id, or all that were given up."""
    wired, found = parts(request), await _one(request)
    message = door.form(request).get("message")
    body = webhooks.RedeliverBody(ids=[message]) if message else webhooks.RedeliverBody(state="dead")
    queued = await webhooks.redeliver(wired.webhooks, wired.store, found, body, utc_now())
    return await _show(request, found, told=f"Sent again: {queued['queued']}.")


@post("/webhooks/{webhook:str}/delete", **door.change("admin"))
async def remove(request: Req) -> ASGIResponse:
    """With all that waits for it."""
    who = caller(request)
    await webhooks.remove(parts(request).webhooks, who.program, path_id(request, "webhook"), by=who.by)
    return to("/console/webhooks")


async def _one(request: Req) -> webhooks.Webhook:
    return await webhooks.one(parts(request).webhooks, caller(request).program, path_id(request, "webhook"))


HANDLERS = (listing, create, show, test, rotate, enable, disable, redeliver, remove)
