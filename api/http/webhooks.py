"""Routes of webhooks: who is told of what, with what came of it."""

from uuid import uuid4

import msgspec
from litestar import delete, get, patch, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_json, read_optional_json
from api.http.problems import AtTheDoor
from api.http.route import Req, answer, caller, once, page, parts, path_id, route, text
from application import webhooks
from application.deliveries import tell
from application.messages import TYPES, sample
from infrastructure.clock import utc_now


class TestBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`type` is the event to make up: the first that the webhook is told of, when left out."""

    type: str | None = None


@post(
    "/v1/webhooks",
    **route(
        "admin", "Make a webhook", remembers=False, body=webhooks.WebhookBody, answer=shapes.WebhookMade, status=201
    ),
)
async def create(request: Req) -> ASGIResponse:
    """It is told of what is written from now on. The answer holds its secret, which is shown this one time."""
    wired, who = parts(request), caller(request)
    with once(request):
        body = await read_json(request, webhooks.WebhookBody)
        made = await webhooks.create(
            wired.webhooks, wired.vault, who.program, body,
            check_url=wired.outgoing.check, new_id=f"wh_{uuid4().hex}", head=await wired.positions.head(),
            now=utc_now(), by=who.by,
        )  # fmt: skip
    return answer(made, 201)


@get("/v1/webhooks", **route("operator", "List webhooks", answer=shapes.WebhookList))
async def listing(request: Req) -> ASGIResponse:
    """Disabled ones too, without their secrets."""
    found = parts(request).webhooks
    return answer(await webhooks.listing(found, caller(request).program, text(request, "cursor") or "", page(request)))


@get(
    "/v1/webhooks/{webhook:str}",
    **route("operator", "Read a webhook", answer=shapes.Webhook, codes=("unknown-webhook",)),
)
async def read(request: Req) -> ASGIResponse:
    """Whether it is enabled, and since when deliveries fail, if they do."""
    return answer(webhooks.view(await _one(request)))


@patch(
    "/v1/webhooks/{webhook:str}",
    **route(
        "admin",
        "Change a webhook",
        remembers=False,
        body=webhooks.ChangeBody,
        answer=shapes.Webhook,
        codes=("unknown-webhook",),
    ),
)
async def change(request: Req) -> ASGIResponse:
    """What is left out stays. One that is enabled again goes on with what waits; see `redeliver` for what it missed."""
    wired, who, name = parts(request), caller(request), path_id(request, "webhook")
    with once(request):
        body = await read_json(request, webhooks.ChangeBody)
        changed = await webhooks.change(
            wired.webhooks, who.program, name, body, check_url=wired.outgoing.check, now=utc_now(), by=who.by
        )
    return answer(changed)


@delete(
    "/v1/webhooks/{webhook:str}",
    **route("admin", "Delete a webhook", remembers=False, answer=shapes.Webhook, codes=("unknown-webhook",)),
)
async def remove(request: Req) -> ASGIResponse:
    """With all that waits for it. The answer is what it was."""
    who = caller(request)
    return answer(await webhooks.remove(parts(request).webhooks, who.program, path_id(request, "webhook"), by=who.by))


@post(
    "/v1/webhooks/{webhook:str}/rotate",
    **route(
        "admin",
        "Give a webhook a new secret",
        remembers=False,
        body=webhooks.RotateBody,
        answer=shapes.WebhookRotated,
        codes=("unknown-webhook",),
    ),
)
async def rotate(request: Req) -> ASGIResponse:
    """For a while deliveries are signed with both, so that a receiver can change over without missing any."""
    wired, who, name = parts(request), caller(request), path_id(request, "webhook")
    with once(request):
        body = await read_optional_json(request, webhooks.RotateBody)
        rotated = await webhooks.rotate(wired.webhooks, wired.vault, who.program, name, body, utc_now(), by=who.by)
    return answer(rotated)


@post(
    "/v1/webhooks/{webhook:str}/test",
    **route(
        "operator",
        "Send a made-up event",
        remembers=False,
        body=TestBody,
        answer=shapes.WebhookReply,
        codes=("unknown-webhook",),
    ),
)
async def test(request: Req) -> ASGIResponse:
    """At once, and once; the answer is what the receiver said. Its id begins with `sample_`."""
    wired, now = parts(request), utc_now()
    with once(request):
        body = await read_optional_json(request, TestBody)
        found = await _one(request)
        name = body.type or (found.types[0] if found.types else "PointsEarned")
        if name not in TYPES:
            raise AtTheDoor("invalid-payload", "There is no such event.", errors=[("/type", "not an event")])
        told = sample(name, found.program, now, uuid4())
        reply = await tell(wired.outgoing, found.url, told, found.secrets(wired.vault, now), now)
    return answer(
        {
            "id": told.id,
            "delivered": reply.good,
            "status": reply.status,
            "latency_ms": round(reply.seconds * 1000),
            "error": reply.error or None,
        }
    )


@get(
    "/v1/webhooks/{webhook:str}/deliveries",
    **route(
        "operator",
        "What a webhook was and is to be told",
        answer=shapes.DeliveryList,
        query={"state": "waiting, delivered, or dead (given up)"},
        codes=("unknown-webhook",),
    ),
)
async def deliveries(request: Req) -> ASGIResponse:
    """The latest first. Delivered ones are kept for 30 days."""
    found = await _one(request)
    return answer(
        await webhooks.deliveries(
            parts(request).webhooks, found, text(request, "state"), text(request, "cursor"), page(request)
        )
    )


@post(
    "/v1/webhooks/{webhook:str}/redeliver",
    **route(
        "operator",
        "Send events again",
        remembers=False,
        body=webhooks.RedeliverBody,
        answer=shapes.Redelivery,
        codes=("unknown-webhook",),
    ),
)
async def redeliver(request: Req) -> ASGIResponse:
    """Some by id, what was given up, or whatever lies in the log behind a position: 10,000 entries at once."""
    wired = parts(request)
    with once(request):
        body = await read_json(request, webhooks.RedeliverBody)
        found = await _one(request)
        queued = await webhooks.redeliver(wired.webhooks, wired.store, found, body, utc_now())
    return answer(queued)


async def _one(request: Req) -> webhooks.Webhook:
    return await webhooks.one(parts(request).webhooks, caller(request).program, path_id(request, "webhook"))
