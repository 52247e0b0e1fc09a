"""Activities that are taken now and recorded later (`Prefer: respond-async`), and what becomes of them."""

from collections.abc import Sequence

from litestar import delete, get, post
from litestar.response.base import ASGIResponse

from api.http import shapes
from api.http.body import read_optional_json
from api.http.problems import note_refusal, problem
from api.http.route import Json, Req, answer, caller, number, once, page, parts, path_id, route, text
from application import inbox
from application.inbox import RetryBody, Taken
from application.payloads import ActivityBody
from domain.errors import Refused


def asked_later(request: Req) -> bool:
    """Whether the client would rather not wait for the activity to be recorded (RFC 7240)."""
    given = request.headers.get("prefer")
    return given is not None and any(
        one.partition(";")[0].strip().lower() == "respond-async" for one in given.split(",")
    )


async def take(request: Req, bodies: Sequence[tuple[ActivityBody, str | None]]) -> list[Taken | Refused]:
    """Take activities in. What is recorded already comes back as such. Raises BacklogFull."""
    who, wired = caller(request), parts(request)
    taken = await inbox.take(
        wired.handler, wired.inbox, who.program, bodies,
        actor=who.actor, correlation=who.request, most=wired.settings.most_waiting,
    )  # fmt: skip
    for one in taken:
        if isinstance(one, Refused):
            request.app.state.metrics.activity(problem(one).code)
        elif one.ref is not None:
            request.app.state.metrics.activity("replayed" if one.replayed else "taken")
    return taken


def taken_body(taken: Taken) -> Json:
    assert taken.ref is not None
    return {"inbox": inbox.shown(taken.ref), "state": "waiting"}


def accepted(taken: Taken) -> ASGIResponse:
    """The answer to one activity that was taken."""
    body = taken_body(taken)
    headers = {"location": f"/v1/activities/inbox/{body['inbox']}", "preference-applied": "respond-async"}
    return answer(body, 202, headers | ({"idempotent-replayed": "true"} if taken.replayed else {}))


def item(request: Req, index: int, taken: Taken | Refused) -> Json:
    """The same of one of a batch."""
    if isinstance(taken, Refused):
        told = problem(taken)
        request.app.state.metrics.problem(told.code)
        note_refusal(request, told)
        return {"index": index, "status": told.status, "problem": told}
    return {"index": index, "status": 202, "answer": taken_body(taken)}


@get(
    "/v1/activities/inbox",
    **route(
        "operator",
        "List activities that wait, or could not be recorded",
        answer=shapes.InboxList,
        query={
            "state": "parked (the default), or waiting",
            "code": "Parked with this code",
            "member": "Of the member with this id",
        },
    ),
)
async def list_taken(request: Req) -> ASGIResponse:
    """In the order in which they came. Parked ones are kept for 90 days."""
    return answer(
        await inbox.listing(
            parts(request).inbox,
            caller(request).program,
            state=text(request, "state"),
            code=text(request, "code"),
            member=text(request, "member"),
            after=number(request, "cursor", 0),
            limit=page(request),
        )
    )


@post(
    "/v1/activities/inbox/retry",
    **route(
        "operator",
        "Try parked activities again",
        remembers=False,
        body=RetryBody,
        answer=shapes.Retried,
        codes=("unknown-inbox-entry",),
    ),
)
async def retry_taken(request: Req) -> ASGIResponse:
    """Those named by `inbox`, with a `code`, of a `member`, or all: 10,000 at once. They keep their place."""
    with once(request):
        body = await read_optional_json(request, RetryBody)
        return answer(await inbox.retry(parts(request).inbox, caller(request).program, body))


@get(
    "/v1/activities/inbox/{entry:str}",
    **route(
        "client",
        "What became of an activity that was taken",
        answer=shapes.InboxEntry,
        codes=("unknown-inbox-entry",),
    ),
)
async def read_taken(request: Req) -> ASGIResponse:
    """`recorded` for 7 days after it was, then it is found by its source and id alone."""
    return answer(await inbox.read(parts(request).inbox, caller(request).program, path_id(request, "entry")))


@delete(
    "/v1/activities/inbox/{entry:str}",
    **route(
        "operator",
        "Discard a parked activity",
        remembers=False,
        answer=shapes.InboxEntry,
        codes=("unknown-inbox-entry",),
    ),
)
async def discard_taken(request: Req) -> ASGIResponse:
    """The answer is what it was."""
    with once(request):
        return answer(await inbox.discard(parts(request).inbox, caller(request).program, path_id(request, "entry")))
