"""The inbox: activities that are taken now and recorded later.

What is taken is a committed row before it is answered, so it cannot be lost. `draining.py` records it, each member's in
the order in which they came. What is refused then is parked with the problem's code, and waits for an operator.

A body is kept as cipher text under the program's key, and gone once it is recorded or its member is erased.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID, uuid5
from zlib import crc32

import msgspec

from application.handle import Handler
from application.members import canonical_email
from application.payloads import ActivityBody, sane
from application.repeats import SEPARATOR
from domain.errors import ActivityDiffers, InvalidPayload, KeyReused, Refused

Json = dict[str, Any]
State = Literal["waiting", "recorded", "parked"]

BUCKETS = 64
AT_ONCE = 10_000
"""Parked activities that one request tries again."""
MOST_IDS = 1_000

_NAMES = UUID("6b1f3c52-5f0e-4a52-9f8a-0f2f8d0c2b11")
_canonical = msgspec.json.Encoder(order="sorted")
_body = msgspec.json.Decoder(ActivityBody)


class UnknownInboxEntry(Refused):
    code = "unknown-inbox-entry"


class BacklogFull(Refused):
    """More waits to be recorded than this installation is set to hold."""

    code = "backlog-full"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An activity that was taken, as it is kept. `hash` and `body` are under the program's key."""

    ref: UUID
    program: str
    bucket: int
    lane: str
    source: str
    id: str
    key: str | None
    hash: str
    actor: str
    correlation: str | None
    body: bytes
    received_at: datetime


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the inbox, without its body."""

    ref: UUID
    program: str
    number: int
    lane: str
    source: str
    id: str
    key: str | None
    hash: str
    state: State
    received_at: datetime
    ended_at: datetime | None
    activity: str | None
    position: int | None
    code: str | None
    detail: str


class Inbox(Protocol):
    """The table, for whoever takes activities in. Everything raises Unavailable when the database is the reason."""

    async def put(self, rows: Sequence[Waiting]) -> set[UUID]:
        """Add those of which neither the name nor the key is known to the inbox or the log; which ones those were."""

    async def replace(self, row: Waiting) -> bool:
        """Put a row in the place of the parked one of its name; False when that is not parked any more."""

    async def held(self, program: str, refs: Collection[UUID], keys: Collection[str]) -> list[Kept]:
        """Rows under any of the names or keys."""

    async def waiting(self, most: int) -> int:
        """How many wait in all programs: exactly while they are few, else about."""

    async def listed(
        self, program: str, *, state: State, code: str | None, lane: str | None, after: int, limit: int
    ) -> list[Kept]: ...

    async def again(self, program: str, *, refs: Collection[UUID], code: str | None, lane: str | None) -> int:
        """Let parked ones that have a body wait once more; how many there were."""

    async def discard(self, program: str, ref: UUID) -> bool:
        """Remove a parked one."""


class Taken(msgspec.Struct, frozen=True):
    """What became of an activity at the door: where it waits, and whether it did before; or that it is recorded."""

    ref: UUID | None
    replayed: bool = False


def ref_of(program: str, source: str, name: str) -> UUID:
    return uuid5(_NAMES, SEPARATOR.join((program, source, name)))


def shown(ref: UUID) -> str:
    return f"in_{ref.hex}"


def parsed(text: str) -> UUID:
    """Raises UnknownInboxEntry for what is no reference."""
    prefix, _, digits = text.partition("_")
    try:
        found = UUID(hex=digits)
    except ValueError:
        found = None
    if found is None or prefix != "in" or shown(found) != text:
        raise UnknownInboxEntry("nothing of this name waits or waited here")
    return found


# --- taking in ----------------------------------------------------------------------------------


async def take(
    handler: Handler,
    inbox: Inbox,
    program: str,
    bodies: Sequence[tuple[ActivityBody, str | None]],
    *,
    actor: str,
    correlation: str | None,
    most: int,
) -> list[Taken | Refused]:
    """Keep activities, each with the idempotency key it came with, until they are recorded.

    Whatever can be said without the rules and the member is said at once. One that is recorded already is not taken:
    `record` answers it. Raises BacklogFull.
    """
    if await inbox.waiting(most) >= most:
        raise BacklogFull("too many activities wait to be recorded")
    rows: list[Waiting | Refused] = []
    for body, key in bodies:
        try:
            rows.append(await _row(handler, program, body, key, actor, correlation))
        except Refused as refused:
            rows.append(refused)
    ours = [row for row in rows if isinstance(row, Waiting)]
    new = await inbox.put(ours) if ours else set[UUID]()
    left = [row for row in ours if row.ref not in new]
    held = await inbox.held(program, {row.ref for row in left}, {row.key for row in left if row.key}) if left else []
    first: set[UUID] = set()
    answers: list[Taken | Refused] = []
    for row in rows:
        if isinstance(row, Refused):
            answers.append(row)
        elif row.ref in new and row.ref not in first:
            first.add(row.ref)
            answers.append(Taken(row.ref))
        else:
            try:
                # One that stands in a batch twice was put once.
                again = held or await inbox.held(program, new, ())
                answers.append(await _known(inbox, row, again))
            except Refused as refused:
                answers.append(refused)
    return answers


async def _row(
    handler: Handler, program: str, body: ActivityBody, key: str | None, actor: str, correlation: str | None
) -> Waiting:
    sane(body, handler.zones)
    secret = await handler.keys.program_key(program)
    lane = lane_of(handler, secret, body.member, body.member_email)
    ref = ref_of(program, body.source, body.id)
    plain = _canonical.encode(body)
    return Waiting(
        ref=ref,
        program=program,
        bucket=crc32(f"{program}{SEPARATOR}{lane}".encode()) % BUCKETS,
        lane=lane,
        source=body.source,
        id=body.id,
        key=key,
        hash=handler.crypto.fingerprint(secret, "inbox", plain),
        actor=actor,
        correlation=correlation,
        body=handler.crypto.seal(secret, plain, _context(ref)),
        received_at=handler.wall(),
    )


def lane_of(handler: Handler, secret: bytes, member: str | None, email: str | None) -> str:
    """Whose an activity is, as far as it says so itself. Raises InvalidPayload."""
    if (member is None) == (email is None):
        raise InvalidPayload(
            "give one of member, member_email", errors=[("/member", "exactly one of member, member_email")]
        )
    if email is None:
        return f"member:{member}"
    return f"email:{handler.crypto.fingerprint(secret, 'email', canonical_email(email))}"


async def _known(inbox: Inbox, row: Waiting, held: Sequence[Kept]) -> Taken:
    """What is said to one of which the name or the key is known. Raises Refused."""
    named = next((one for one in held if one.ref == row.ref), None)
    keyed = next((one for one in held if row.key is not None and one.key == row.key), None)
    if keyed is not None and (keyed.ref != row.ref or keyed.hash != row.hash):
        raise KeyReused(f"the key {row.key!r} was used for another request")
    if named is None or named.state == "recorded":
        return Taken(None)
    if named.state == "parked":
        # It was refused, which binds nothing: another body may mend it.
        return Taken(row.ref) if await inbox.replace(row) else Taken(None)
    if named.hash != row.hash:
        raise ActivityDiffers(f"activity {row.id!r} of source {row.source!r} is taken, with another body")
    return Taken(row.ref, replayed=True)


def opened(handler: Handler, secret: bytes, ref: UUID, body: bytes) -> ActivityBody:
    """The activity in a row."""
    return _body.decode(handler.crypto.open(secret, body, _context(ref)))


def _context(ref: UUID) -> bytes:
    return b"guerdon/inbox/" + ref.bytes


# --- what operators do ---------------------------------------------------------------------------


async def read(inbox: Inbox, program: str, ref: str) -> Json:
    """What became of an activity that was taken. Raises UnknownInboxEntry."""
    return view(await _one(inbox, program, ref))


async def listing(
    inbox: Inbox, program: str, *, state: str | None, code: str | None, member: str | None, after: int, limit: int
) -> Json:
    """Those that are parked, or wait, in the order in which they came."""
    if state not in (None, "waiting", "parked"):
        raise InvalidPayload("that is no state to list", errors=[("/state", "waiting or parked")])
    found = await inbox.listed(
        program,
        state="waiting" if state == "waiting" else "parked",
        code=code,
        lane=f"member:{member}" if member is not None else None,
        after=after,
        limit=limit,
    )
    more = str(found[-1].number) if len(found) == limit else None
    return {"items": [view(one) for one in found], "next_cursor": more}


class RetryBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which parked activities: by reference, or those with this code, or of this member; all when nothing is given."""

    inbox: list[str] | None = None
    code: str | None = None
    member: str | None = None


async def retry(inbox: Inbox, program: str, body: RetryBody) -> Json:
    """Try parked activities again, 10,000 at once. Those whose member was erased are not there any more."""
    if body.inbox is not None and len(body.inbox) > MOST_IDS:
        raise InvalidPayload(f"at most {MOST_IDS:,} references", errors=[("/inbox", f"at most {MOST_IDS:,}")])
    refs = [parsed(one) for one in body.inbox or ()]
    if body.inbox == []:
        return {"retried": 0}
    lane = f"member:{body.member}" if body.member is not None else None
    return {"retried": await inbox.again(program, refs=refs, code=body.code, lane=lane)}


async def discard(inbox: Inbox, program: str, ref: str) -> Json:
    """Remove a parked activity; as it was. Raises UnknownInboxEntry, also for one that is not parked."""
    found = await _one(inbox, program, ref)
    if not await inbox.discard(program, found.ref):
        raise UnknownInboxEntry("it is not parked")
    return view(found)


async def _one(inbox: Inbox, program: str, ref: str) -> Kept:
    found = await inbox.held(program, [parsed(ref)], ())
    if not found:
        raise UnknownInboxEntry("nothing of this name waits or waited here")
    return found[0]


def view(kept: Kept) -> Json:
    """A row as it is shown. `problem` says why it is parked."""
    member = kept.lane.partition(":")[2] if kept.lane.startswith("member:") else None
    return {
        "inbox": shown(kept.ref),
        "state": kept.state,
        "source": kept.source,
        "id": kept.id,
        "member": member,
        "received_at": kept.received_at,
        "ended_at": kept.ended_at,
        "activity": kept.activity,
        "position": kept.position,
        "problem": {"code": kept.code, "detail": kept.detail} if kept.code is not None else None,
    }
