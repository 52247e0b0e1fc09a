"""Webhooks: addresses of other systems that are told of events, and what their owners can do with them.

Read on in `messages.py` (what is told), `outbox.py` (the follower that notes what is to be told) and `deliveries.py`
(who tells it).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from application.access import By, Noted, act
from application.messages import TYPES, fields_of, message_id, parsed_id, wanted
from application.ports import Crypto, EventStore
from application.signatures import shown
from domain.errors import InvalidPayload, Refused
from domain.log import decode

Json = dict[str, Any]
State = Literal["waiting", "delivered", "dead"]

MAX_URL = 2_000
MAX_TEXT = 200
OVERLAP = timedelta(days=1)
LONGEST_OVERLAP = timedelta(days=30)
AT_ONCE = 10_000
"""Entries of the log, or dead deliveries, that one request sends again."""
MOST_IDS = 100
BY_OWNER = "by its owner"
"""Why a webhook is disabled that somebody has disabled."""


class UnknownWebhook(Refused):
    code = "unknown-webhook"


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it is kept. `types` empty means all; of `fields` an event must have these values.

    Secrets are wrapped by the master key; `previous_secret` signs besides until `previous_until`.
    """

    id: str
    program: str
    url: str
    types: tuple[str, ...] = ()
    fields: dict[str, Any] = {}
    ordered: bool = False
    description: str = ""
    after: int
    secret: bytes
    previous_secret: bytes | None = None
    previous_until: datetime | None = None
    created_at: datetime
    failing_since: datetime | None = None
    disabled_at: datetime | None = None
    disabled_because: str = ""

    def secrets(self, crypto: Crypto, now: datetime) -> list[bytes]:
        """What a delivery of this moment is signed with."""
        valid = [self.secret]
        if self.previous_secret is not None and self.previous_until is not None and now < self.previous_until:
            valid.append(self.previous_secret)
        return [crypto.unwrap(secret) for secret in valid]


class Waiting(msgspec.Struct, frozen=True):
    """An event that a webhook is to be told of: the entry's position, and which of its events."""

    webhook: str
    position: int
    number: int
    stream: UUID
    version: int
    type: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How far the telling of one event has come. `status`, `latency_ms` and `error` are of the last attempt."""

    position: int
    number: int
    stream: UUID
    version: int
    type: str
    state: str
    attempts: int
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None
    status: int | None
    latency_ms: int | None
    error: str


class Count(msgspec.Struct, frozen=True):
    """Deliveries of a webhook that are not done with."""

    waiting: int = 0
    dead: int = 0


class Webhooks(Protocol):
    """The table of webhooks. What is done with one is noted in the same transaction."""

    async def add(self, webhook: Webhook, noted: Noted) -> None: ...

    async def get(self, program: str, webhook: str) -> Webhook | None: ...

    async def listed(self, program: str, after: str, limit: int) -> list[Webhook]: ...

    async def change(self, webhook: Webhook, noted: Noted) -> None:
        """Write everything but what the deliveries note."""

    async def remove(self, program: str, webhook: str, noted: Noted) -> None: ...


class Log(Protocol):
    """The table of deliveries, as far as owners look at it."""

    async def deliveries(
        self, webhook: str, state: str | None, before: tuple[int, int] | None, limit: int
    ) -> list[Delivery]:
        """The latest first."""

    async def again(self, rows: Sequence[Waiting], now: datetime) -> None:
        """Send these from now on, whatever became of them before."""

    async def again_dead(self, webhook: str, now: datetime, limit: int) -> int: ...


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`events` are names of events, all when left out. `filter` names fields and the values they must have."""

    url: str
    events: list[str] = []
    filter: dict[str, str | int | bool | list[str | int]] = {}
    ordered: bool = False
    description: str = ""


class ChangeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays. `enabled` true lets a disabled webhook go on with what waits for it."""

    url: str | None = None
    events: list[str] | None = None
    filter: dict[str, str | int | bool | list[str | int]] | None = None
    ordered: bool | None = None
    description: str | None = None
    enabled: bool | None = None


class RotateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For `overlap_seconds` deliveries are signed with the old secret, too: a day when left out."""

    overlap_seconds: int = int(OVERLAP.total_seconds())


class RedeliverBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of: `ids` of messages; `state` dead; or what lies in the log `after` a position, up to `until`."""

    ids: list[str] | None = None
    state: Literal["dead"] | None = None
    after: int | None = None
    until: int | None = None


CheckUrl = Callable[[str], None]
"""Raises ValueError, saying why deliveries could not go to an address."""


async def create(
    webhooks: Webhooks,
    crypto: Crypto,
    program: str,
    body: WebhookBody,
    *,
    check_url: CheckUrl,
    new_id: str,
    head: int,
    now: datetime,
    by: By,
) -> Json:
    """A webhook that is told of what comes after `head`. Its secret is in this answer only. Raises InvalidPayload."""
    types = _checked(body.url, body.events, body.filter, body.description, check_url)
    webhook = Webhook(
        id=new_id, program=program, url=body.url, types=types, fields=body.filter, ordered=body.ordered,
        description=body.description, after=head, secret=crypto.new_key(), created_at=now,
    )  # fmt: skip
    await webhooks.add(webhook, act(program, by, "webhooks.create", webhook.id))
    return view(webhook) | {"secret": shown(crypto.unwrap(webhook.secret)), "position": head}


async def one(webhooks: Webhooks, program: str, name: str) -> Webhook:
    """Raises UnknownWebhook."""
    found = await webhooks.get(program, name)
    if found is None:
        raise UnknownWebhook(f"there is no webhook {name!r}")
    return found


async def listing(webhooks: Webhooks, program: str, after: str, limit: int) -> Json:
    found = await webhooks.listed(program, after, limit + 1)
    return {
        "items": [view(webhook) for webhook in found[:limit]],
        "next_cursor": found[limit - 1].id if len(found) > limit else None,
    }


async def change(
    webhooks: Webhooks, program: str, name: str, body: ChangeBody, *, check_url: CheckUrl, now: datetime, by: By
) -> Json:
    """The webhook as it is now. Raises UnknownWebhook, InvalidPayload."""
    found = await one(webhooks, program, name)
    url = found.url if body.url is None else body.url
    events = list(found.types) if body.events is None else body.events
    fields = found.fields if body.filter is None else body.filter
    description = found.description if body.description is None else body.description
    types = _checked(url, events, fields, description, check_url)
    found = msgspec.structs.replace(
        found, url=url, types=types, fields=fields, description=description,
        ordered=found.ordered if body.ordered is None else body.ordered,
    )  # fmt: skip
    if body.enabled is True:
        found = msgspec.structs.replace(found, disabled_at=None, disabled_because="", failing_since=None)
    elif body.enabled is False and found.disabled_at is None:
        found = msgspec.structs.replace(found, disabled_at=now, disabled_because=BY_OWNER)
    await webhooks.change(found, act(program, by, "webhooks.change", name))
    return view(found)


async def remove(webhooks: Webhooks, program: str, name: str, *, by: By) -> Json:
    """The webhook as it was. Raises UnknownWebhook."""
    found = await one(webhooks, program, name)
    await webhooks.remove(program, name, act(program, by, "webhooks.delete", name))
    return view(found)


async def rotate(
    webhooks: Webhooks, crypto: Crypto, program: str, name: str, body: RotateBody, now: datetime, *, by: By
) -> Json:
    """A new secret; the old one signs besides for a while. One that was still signing besides ends now."""
    overlap = timedelta(seconds=body.overlap_seconds) if 0 <= body.overlap_seconds < 10**9 else None
    if overlap is None or overlap > LONGEST_OVERLAP:
        most = int(LONGEST_OVERLAP.total_seconds())
        raise InvalidPayload("the overlap is too long", errors=[("/overlap_seconds", f"0 to {most}")])
    found = await one(webhooks, program, name)
    found = msgspec.structs.replace(
        found, secret=crypto.new_key(), previous_secret=found.secret, previous_until=now + overlap
    )
    await webhooks.change(found, act(program, by, "webhooks.rotate", name))
    return view(found) | {"secret": shown(crypto.unwrap(found.secret))}


async def deliveries(log: Log, webhook: Webhook, state: str | None, cursor: str | None, limit: int) -> Json:
    """What was and is to be told, the latest first."""
    if state not in (None, "waiting", "delivered", "dead"):
        raise InvalidPayload("there is no such state", errors=[("/state", "waiting, delivered or dead")])
    before = _cursor(cursor)
    found = await log.deliveries(webhook.id, state, before, limit + 1)
    more = len(found) > limit
    return {
        "items": [_delivery(delivery) for delivery in found[:limit]],
        "next_cursor": f"{found[limit - 1].position}-{found[limit - 1].number}" if more else None,
    }


async def redeliver(log: Log, store: EventStore, webhook: Webhook, body: RedeliverBody, now: datetime) -> Json:
    """Send again what the webhook asks for of these; how much that is, and where to go on if it was too much.

    A message goes out under the id that it has always had.
    """
    asked = [body.ids is not None, body.state is not None, body.after is not None]
    if sum(asked) != 1 or (body.until is not None and body.after is None):
        raise InvalidPayload("say one of ids, state, or after (with until)", errors=[("/", "one of them")])
    if body.ids is not None:
        return await _again_by_id(log, store, webhook, body.ids, now)
    if body.after is not None:
        return await _again_from(log, store, webhook, body.after, body.until, now)
    return {"queued": await log.again_dead(webhook.id, now, AT_ONCE), "next_after": None}


async def _again_by_id(log: Log, store: EventStore, webhook: Webhook, ids: Sequence[str], now: datetime) -> Json:
    if len(ids) > MOST_IDS:
        raise InvalidPayload("too many ids", errors=[("/ids", f"at most {MOST_IDS}")])
    rows = []
    for index, text in enumerate(ids):
        name = parsed_id(text)
        found = await store.rows(name[0], after=name[1] - 1, upto=name[1]) if name is not None else []
        events = decode(found[0].state).events if found and found[0].program == webhook.program else ()
        if name is None or name[2] >= len(events):
            raise InvalidPayload("there is no such message", errors=[(f"/ids/{index}", "no message")])
        tag = type(events[name[2]]).__struct_config__.tag
        rows.append(Waiting(webhook.id, found[0].position, name[2], name[0], name[1], str(tag)))
    await log.again(rows, now)
    return {"queued": len(rows), "next_after": None}


async def _again_from(
    log: Log, store: EventStore, webhook: Webhook, after: int, until: int | None, now: datetime
) -> Json:
    queued, seen = 0, 0
    while seen < AT_ONCE:
        page = await store.log(webhook.program, after=after, limit=1_000)
        found = [row for row in page if until is None or row.position <= until]
        rows = []
        for row in found:
            entry = decode(row.state)
            for number, event in enumerate(entry.events):
                if wanted(event, frozenset(webhook.types), webhook.fields):
                    tag = str(type(event).__struct_config__.tag)
                    rows.append(Waiting(webhook.id, row.position, number, row.stream, row.version, tag))
        await log.again(rows, now)
        queued, seen = queued + len(rows), seen + len(found)
        if len(found) < len(page) or len(page) < 1_000:
            return {"queued": queued, "next_after": None}
        after = page[-1].position
    return {"queued": queued, "next_after": after}


# --- shapes ------------------------------------------------------------------------------------


def view(webhook: Webhook) -> Json:
    """The webhook as its owners see it: without its secrets."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.types),
        "filter": webhook.fields,
        "ordered": webhook.ordered,
        "description": webhook.description,
        "created_at": webhook.created_at,
        "enabled": webhook.disabled_at is None,
        "disabled_at": webhook.disabled_at,
        "disabled_because": webhook.disabled_because or None,
        "failing_since": webhook.failing_since,
        "previous_secret_until": webhook.previous_until,
    }


def _delivery(delivery: Delivery) -> Json:
    return {
        "id": message_id(delivery.stream, delivery.version, delivery.number),
        "type": delivery.type,
        "position": delivery.position,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "next_attempt_at": delivery.due_at if delivery.state == "waiting" else None,
        "ended_at": delivery.ended_at,
        "status": delivery.status,
        "latency_ms": delivery.latency_ms,
        "error": delivery.error or None,
    }


def _cursor(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    position, _, number = text.partition("-")
    if not (position.isdigit() and number.isdigit() and len(position) < 19 and len(number) < 10):
        raise InvalidPayload("not a cursor of this list", errors=[("/cursor", "not a cursor")])
    return int(position), int(number)


def _checked(
    url: str, events: Sequence[str], fields: Mapping[str, Any], description: str, check_url: CheckUrl
) -> tuple[str, ...]:
    """The types, each once. Raises InvalidPayload with every mistake."""
    wrong: list[tuple[str, str]] = []
    if len(url) > MAX_URL:
        wrong.append(("/url", f"at most {MAX_URL} characters"))
    else:
        try:
            urlsplit(url)
            check_url(url)
        except ValueError as error:
            wrong.append(("/url", str(error)))
    wrong += [(f"/events/{index}", "there is no such event") for index, name in enumerate(events) if name not in TYPES]
    known = fields_of(name for name in (events or TYPES) if name in TYPES)
    wrong += [(f"/filter/{name}", "none of these events has such a field") for name in fields if name not in known]
    if len(description) > MAX_TEXT:
        wrong.append(("/description", f"at most {MAX_TEXT} characters"))
    if wrong:
        raise InvalidPayload("the webhook cannot be made as described", errors=wrong)
    return tuple(sorted(set(events)))
