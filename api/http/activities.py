"""Routes of activities: record one, record many, try one, look one up, ask why.

The first of them is the hot route: its body goes from bytes to the use case without a stop in between.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from litestar import get, post
from litestar.response.base import ASGIResponse

from api.http import cloudevents, inbox, shapes
from api.http.body import MAX_BATCH_BODY, MAX_BODY, check_json, decode, media_type, read_bytes, read_json
from api.http.metrics import Metrics
from api.http.problems import AtTheDoor, note_refusal, problem
from api.http.route import Json, Req, answer, caller, once, parts, path_id, route, text, written
from application import activities, explanations, rulebooks
from application.activities import SimulateBody
from application.answers import Answered
from application.payloads import ActivityBody
from domain.errors import Refused

MAX_ITEMS = 10_000
AT_ONCE = 64
"""Items of a batch that are worked on together: enough to fill the log's transactions."""
NDJSON = "application/x-ndjson"

ByMember = defaultdict[str, list[tuple[int, ActivityBody]]]

_JSON = ("", "application/json")
_CODES = (
    "unknown-member",
    "member-erased",
    "member-suspended",
    "activity-differs",
    "unknown-activity-type",
    "unknown-money",
    "invalid-payload",
    "too-old",
    "from-the-future",
)


@post(
    "/v1/activities",
    request_max_body_size=MAX_BATCH_BODY,
    **route(
        "client",
        "Record an activity",
        body=ActivityBody,
        body_types=("application/json", cloudevents.STRUCTURED, cloudevents.BATCHED),
        answer=shapes.Activity,
        status=201,
        later=shapes.Taken,
        headers=("Prefer",),
        codes=(*_CODES, "backlog-full"),
    ),
)
async def record(request: Req) -> ASGIResponse:
    """Durable before it is answered. The same (source, id) again gives the first answer again.

    With `Prefer: respond-async` it is kept, answered with 202, and recorded soon after.

    Also takes CloudEvents 1.0: structured, batched (answered like a batch), and binary (`ce-` headers).
    """
    with once(request) as key:
        kind = media_type(request)
        raw = await read_bytes(request)
        if kind == cloudevents.BATCHED:
            return answer(await _all(request, _array(raw), _from_event, key), _status(request))
        with _counted(request):
            body = _one(request, kind, raw)
            if inbox.asked_later(request):
                (taken,) = await inbox.take(request, [(body, key)])
                if isinstance(taken, Refused):
                    raise taken
                if taken.ref is not None:
                    return inbox.accepted(taken)
            done = await _record(request, body, key)
    return written(done)


def _one(request: Req, kind: str, raw: bytes) -> ActivityBody:
    """A single activity, in whichever envelope it came."""
    if len(raw) > MAX_BODY:
        raise AtTheDoor("too-large", f"A body has at most {MAX_BODY} bytes.")
    if kind == cloudevents.STRUCTURED:
        return _from_event(raw)
    if kind not in _JSON:
        raise AtTheDoor("unsupported-media-type", "Send JSON, or a CloudEvent in JSON.")
    if cloudevents.is_binary(request.headers):
        return cloudevents.binary(request.headers, raw)
    return decode(raw, ActivityBody)


@post(
    "/v1/activities/batch",
    request_max_body_size=MAX_BATCH_BODY,
    **route(
        "client",
        "Record many activities, each on its own",
        body=list[ActivityBody],
        body_types=("application/json", NDJSON),
        answer=shapes.Batch,
        later=shapes.Batch,
        headers=("Prefer",),
        codes=("too-large", "backlog-full"),
    ),
)
async def batch(request: Req) -> ASGIResponse:
    """An array, or a line of JSON each (then the answer has a line for each). Up to 10,000.

    Activities of one member are recorded in the order given. One that is refused stops no other. With
    `Prefer: respond-async` they are kept, answered with 202, and recorded soon after.
    """
    with once(request) as key:
        kind = media_type(request)
        raw = await read_bytes(request)
        if kind == NDJSON:
            done = await _all(request, [line for line in raw.split(b"\n") if line.strip()], _from_json, key)
            lines = b"".join(msgspec.json.encode(item) + b"\n" for item in done["items"])
            return ASGIResponse(
                body=lines,
                media_type=NDJSON,
                status_code=_status(request),
                headers={"guerdon-position": str(done["position"])},
            )
        if kind not in _JSON:
            raise AtTheDoor("unsupported-media-type", f"Send a JSON array, or lines of JSON as {NDJSON}.")
        return answer(await _all(request, _array(raw), _from_json, key), _status(request))


@post(
    "/v1/activities/simulate",
    **route(
        "client",
        "Try an activity",
        reads=True,
        body=SimulateBody,
        answer=shapes.Simulated,
        codes=(*_CODES, "unknown-rulebook", "rulebook-invalid"),
    ),
)
async def simulate(request: Req) -> ASGIResponse:
    """The answer it would get, with the explanation. Writes nothing. `rulebook` tries a draft (rb_7)."""
    wired, program = parts(request), caller(request).program
    body = await read_json(request, SimulateBody)
    draft = None
    if isinstance(body.rulebook, str):
        draft = (await rulebooks.read(wired.handler, wired.drafts, program, body.rulebook))["document"]
    return answer(await activities.simulate(wired.handler, program, body, draft=draft))


@get(
    "/v1/activities",
    **route(
        "client",
        "Find an activity by source and id",
        answer=shapes.Activity,
        query={"source": "Who sent it", "id": "Its id there"},
        codes=("unknown-activity",),
    ),
)
async def find(request: Req) -> ASGIResponse:
    source, name = text(request, "source", required=True), text(request, "id", required=True)
    assert source is not None
    assert name is not None
    return answer(await activities.find(parts(request).handler, caller(request).program, source, name))


@get(
    "/v1/activities/{ref:str}",
    **route("client", "Read an activity", answer=shapes.Activity, codes=("unknown-activity",)),
)
async def read(request: Req) -> ASGIResponse:
    """As it was answered when it was recorded."""
    return answer(await activities.get(parts(request).handler, caller(request).program, path_id(request, "ref")))


@get(
    "/v1/activities/{ref:str}/explanation",
    **route("client", "Why these points?", answer=shapes.Explanation, codes=("unknown-activity",)),
)
async def explain(request: Req) -> ASGIResponse:
    """Decided again from the log under its pinned rulebook: each rule, each clause, each value."""
    return answer(await explanations.explain(parts(request).handler, caller(request).program, path_id(request, "ref")))


# --- many at once ------------------------------------------------------------------------------


async def _all(request: Req, items: list[bytes], read_one: Callable[[bytes], ActivityBody], key: str | None) -> Json:
    """Every item answered on its own; each member's items in the order given."""
    if len(items) > MAX_ITEMS:
        raise AtTheDoor("too-large", f"A batch has at most {MAX_ITEMS} items.")
    answers: list[Json] = [{}] * len(items)
    by_member = ByMember(list)
    for index, raw in enumerate(items):
        if index % 100 == 99:
            # Others want to be served meanwhile.
            await asyncio.sleep(0)
        try:
            if len(raw) > MAX_BODY:
                raise AtTheDoor("too-large", f"An item has at most {MAX_BODY} bytes.")
            body = read_one(raw)
        except AtTheDoor as refused:
            answers[index] = _refused(request, index, refused)
        else:
            by_member[body.member or body.member_email or ""].append((index, body))
    if inbox.asked_later(request):
        by_member = await _taken(request, by_member, key, answers)
    position = 0
    waiting = iter(by_member.values())

    async def work(lines: Iterator[list[tuple[int, ActivityBody]]]) -> None:
        nonlocal position
        for line in lines:
            for index, body in line:
                try:
                    done = await _record(request, body, _own_key(key, index))
                except Exception as error:  # noqa: BLE001 - one item's fault is not the batch's
                    answers[index] = _refused(request, index, error)
                else:
                    answers[index] = {"index": index, "status": done.status, "answer": done.body}
                    position = max(position, done.position)

    await asyncio.gather(*(work(waiting) for _ in range(min(AT_ONCE, len(by_member)))))
    return {"items": answers, "position": position or await parts(request).positions.head()}


async def _taken(request: Req, by_member: ByMember, key: str | None, answers: list[Json]) -> ByMember:
    """Take them in, in the order given. What is left is recorded already: its answer is asked for."""
    items = sorted((one for line in by_member.values() for one in line), key=lambda one: one[0])
    taken = await inbox.take(request, [(body, _own_key(key, index)) for index, body in items])
    left = ByMember(list)
    for (index, body), one in zip(items, taken, strict=True):
        if not isinstance(one, Refused) and one.ref is None:
            left[body.member or body.member_email or ""].append((index, body))
        else:
            answers[index] = inbox.item(request, index, one)
    return left


def _status(request: Req) -> int:
    """Of the answer to a batch."""
    return 202 if inbox.asked_later(request) else 200


def _own_key(key: str | None, index: int) -> str | None:
    return f"{key}/{index}" if key is not None else None


async def _record(request: Req, body: ActivityBody, key: str | None) -> Answered:
    who = caller(request)
    done = await activities.record(
        parts(request).handler, who.program, body, actor=who.actor, key=key, correlation=who.request
    )
    request.app.state.metrics.activity("replayed" if done.replayed else "recorded")
    return done


@contextmanager
def _counted(request: Req) -> Iterator[None]:
    """Count an activity that does not come to be recorded, whose problem is answered elsewhere."""
    try:
        yield
    except Exception as error:
        request.app.state.metrics.activity(problem(error).code)
        raise


def _refused(request: Req, index: int, error: Exception) -> Json:
    told = problem(error)
    metrics: Metrics = request.app.state.metrics
    metrics.activity(told.code)
    metrics.problem(told.code)
    note_refusal(request, told)
    return {"index": index, "status": told.status, "problem": told}


def _array(raw: bytes) -> list[bytes]:
    """The items of a JSON array, unread."""
    try:
        return [bytes(item) for item in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    except msgspec.ValidationError:
        raise AtTheDoor("invalid-payload", "A batch is an array.", errors=[("", "not an array")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AtTheDoor("malformed-json", f"The body is not JSON: {error}"[:300]) from None


def _from_json(raw: bytes) -> ActivityBody:
    return decode(raw, ActivityBody)


def _from_event(raw: bytes) -> ActivityBody:
    event: Any = check_json(raw)
    return cloudevents.structured(event)
