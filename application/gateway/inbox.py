"""The inbox: every message is noted before it is answered, and what it means is carried out once.

A letter is `waiting` (for its member, for the order that it returns, or for its turn), `recorded`, `dead` (it cannot be
carried out as it is, with the code that says why) or `refused` (it was not genuine; its text is not kept). What waits
falls due again when the log claims a key that it waits for: see `arrivals.py`. Activities and returns are taken once by
their own ids, so carrying a letter out twice changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, Protocol

import msgspec
import structlog

from application import activities, points
from application.answers import Answered
from application.codes import Misses
from application.gateway.mapping import HEADER, Meant, Message, meant, places, text_at
from application.gateway.signatures import verify
from application.gateway.sources import Source, Sources, UnknownSource
from application.handle import Handler
from application.members import identity
from application.ports import Crypto
from application.repeats import SEPARATOR
from domain.errors import InvalidPayload, Refused, UnknownActivity, UnknownMember
from domain.log import Claim

log = structlog.get_logger(__name__)

Json = dict[str, Any]
State = Literal["waiting", "recorded", "dead", "refused"]

STATES = ("waiting", "recorded", "dead", "refused")
LEASE = timedelta(seconds=30)
"""After which another may carry out what was never noted as done."""
RECORDED_KEPT = timedelta(days=30)
REFUSED_KEPT = 100
"""The latest of a source: anybody can send what is not genuine."""
MAX_EVENT = 200


class UnknownLetter(Refused):
    code = "unknown-letter"


class LetterClosed(Refused):
    code = "letter-closed"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it was taken in. `event` is its id at the sender, `ref` what it became."""

    id: str
    source: str
    program: str
    event: str
    mapping: int
    state: State
    code: str = ""
    detail: str = ""
    member: str = ""
    ref: str = ""
    position: int = 0
    attempts: int = 0
    received_at: datetime
    due_at: datetime | None = None
    ended_at: datetime | None = None
    sealed: bytes | None = None


class Inbox(Sources, Protocol):
    """The table of letters, beside that of sources."""

    async def take_in(self, letter: Letter, waits: Sequence[Claim]) -> Letter | None:
        """Write it down with what it may wait for; the letter of the same event if there is one."""

    async def refuse(self, letter: Letter, kept: int) -> None:
        """Write down one that is not genuine, of which so many are kept."""

    async def letter(self, program: str, letter: str) -> Letter | None: ...

    async def letters(
        self, program: str, source: str | None, state: str | None, before: str | None, limit: int
    ) -> list[Letter]:
        """The latest first; `before` is a letter."""

    async def note(self, letter: Letter, before: datetime | None, waits: Sequence[Claim] = ()) -> None:
        """Write down what became of it. One that waits on is left alone if it fell due again meanwhile."""

    async def claim_due(self, now: datetime, until: datetime, limit: int) -> list[Letter]:
        """What is due and nobody else carries out, put off."""

    async def prune(self, now: datetime, recorded_before: datetime) -> int: ...


class Office(msgspec.Struct, frozen=True):
    """What it takes to take letters in. `parse` reads strict JSON and raises Refused.

    `misses` counts what is not genuine, by source: beyond its budget nothing of it is written down.
    """

    handler: Handler
    inbox: Inbox
    crypto: Crypto
    wall: Callable[[], datetime]
    new_id: Callable[[], str]
    parse: Callable[[bytes], Any]
    misses: Misses


class Received(msgspec.Struct, frozen=True):
    """What a sender is told. `letter` is None for a message that is none of ours."""

    letter: Letter | None
    replayed: bool = False


async def receive(office: Office, source_id: str, headers: Mapping[str, str], raw: bytes) -> Received:
    """Take a message in. It is safe once this returns.

    Raises UnknownSource, BadSignature, SignatureTooOld; RateLimited for more of these than anybody looks at. A genuine
    message is taken whatever else is sent to its address.
    """
    source, now = await office.inbox.source(source_id), office.wall()
    if source is None:
        raise UnknownSource("nothing is taken in at this address")
    mapping = source.read()
    fresh = Letter(
        id=office.new_id(), source=source.id, program=source.program, event=sha256(raw).hexdigest(),
        mapping=source.mapping, state="waiting", received_at=now,
    )  # fmt: skip
    try:
        verify(mapping.signature, source.secrets(office.crypto, now), headers, raw, now)
    except Refused as refused:
        sender = [f"gateway:{source.id}"]
        await office.misses.admit(source.program, sender)
        await office.inbox.refuse(_ended(fresh, "refused", now, refused), REFUSED_KEPT)
        await office.misses.note(source.program, sender)
        raise
    kept = {name: value for name, value in headers.items() if name in _headers(source)}
    letter = msgspec.structs.replace(fresh, sealed=_seal(office, source, fresh.id, kept, raw))
    try:
        message = Message(kept, office.parse(raw))
        letter = msgspec.structs.replace(letter, event=text_at(mapping.id, message, "/id")[:MAX_EVENT])
        wanted = meant(mapping, message)
    except Refused as refused:
        dead = _ended(letter, "dead", now, refused)
        there = await office.inbox.take_in(dead, ())
        return Received(there or dead, replayed=there is not None)
    if wanted is None:
        return Received(None)
    letter = msgspec.structs.replace(letter, due_at=now + LEASE)
    # What it may wait for stands there before it is tried: whoever comes meanwhile wakes it.
    there = await office.inbox.take_in(letter, await _waits(office, source.program, wanted))
    if there is not None:
        return Received(there, replayed=True)
    return Received(await _carry_out(office, source, letter, wanted))


async def again(office: Office, program: str, letter_id: str, member: str | None = None) -> Letter:
    """Carry out a letter that waits or is dead, by the mapping of now; for a member, whoever the message names.

    Raises UnknownLetter, LetterClosed, and whatever refuses the activity for the named member.
    """
    letter = await one(office.inbox, program, letter_id)
    source = await office.inbox.source(letter.source, program)
    if letter.state not in ("waiting", "dead") or letter.sealed is None or source is None:
        raise LetterClosed(f"the letter is {letter.state}, or its text is no longer kept")
    return await _open_and_carry_out(office, source, letter, member)


async def work(office: Office, limit: int = 32) -> int:
    """Carry out what is due; how many letters that were."""
    now = office.wall()
    found = await office.inbox.claim_due(now, now + LEASE, limit)
    for letter in found:
        source = await office.inbox.source(letter.source, letter.program)
        if source is not None and letter.sealed is not None:
            await _open_and_carry_out(office, source, letter, None)
    return len(found)


async def one(inbox: Inbox, program: str, letter: str) -> Letter:
    """Raises UnknownLetter."""
    found = await inbox.letter(program, letter)
    if found is None:
        raise UnknownLetter(f"there is no letter {letter!r}")
    return found


async def listing(
    inbox: Inbox, program: str, source: str | None, state: str | None, cursor: str | None, limit: int
) -> Json:
    """The latest first. Raises InvalidPayload."""
    if state is not None and state not in STATES:
        raise InvalidPayload("there is no such state", errors=[("/state", f"one of {', '.join(STATES)}")])
    found = await inbox.letters(program, source, state, cursor, limit + 1)
    return {
        "items": [view(letter) for letter in found[:limit]],
        "next_cursor": found[limit - 1].id if len(found) > limit else None,
    }


def view(letter: Letter) -> Json:
    """The letter as its owners see it: what became of it, not what it says."""
    return {
        "letter": letter.id,
        "source": letter.source,
        "event": letter.event,
        "mapping": letter.mapping,
        "state": letter.state,
        "code": letter.code or None,
        "detail": letter.detail or None,
        "member": letter.member or None,
        "ref": letter.ref or None,
        "position": letter.position or None,
        "attempts": letter.attempts,
        "received_at": letter.received_at,
        "ended_at": letter.ended_at,
    }


def contents(office: Office, source: Source, letter: Letter) -> Json | None:
    """What the letter says; None once that is no longer kept."""
    if letter.sealed is None:
        return None
    headers, raw = _open(office, source, letter)
    return {"headers": headers, "body": raw.decode(errors="replace")}


# --- carrying out ------------------------------------------------------------------------------


async def _open_and_carry_out(office: Office, source: Source, letter: Letter, member: str | None) -> Letter:
    headers, raw = _open(office, source, letter)
    letter = msgspec.structs.replace(letter, mapping=source.mapping)
    try:
        wanted = meant(source.read(), Message(headers, office.parse(raw)))
        if wanted is None:
            raise InvalidPayload("no rule of the mapping fits the message")
    except Refused as refused:
        dead = _ended(letter, "dead", office.wall(), refused)
        await office.inbox.note(dead, letter.due_at)
        return dead
    if member is None:
        return await _carry_out(office, source, letter, wanted)
    if wanted.activity is None:
        raise InvalidPayload("a return belongs to whoever has its activity", errors=[("/member", "not of a return")])
    done = await _record(office, source, letter.id, wanted, member)
    return await _recorded(office, letter, done, member)


async def _carry_out(office: Office, source: Source, letter: Letter, wanted: Meant) -> Letter:
    member = ""
    try:
        if wanted.returned is not None:
            done = await points.return_activity(
                office.handler, source.program, wanted.returned, actor=source.actor, correlation=letter.id
            )
        else:
            member = await _whose(office, source.program, wanted)
            done = await _record(office, source, letter.id, wanted, member)
    except (UnknownMember, UnknownActivity) as missing:
        waiting = msgspec.structs.replace(
            letter, state="waiting", code=missing.code, detail=missing.message, due_at=None
        )
        await office.inbox.note(waiting, letter.due_at, await _waits(office, source.program, wanted))
        return waiting
    except Refused as refused:
        dead = _ended(letter, "dead", office.wall(), refused)
        await office.inbox.note(dead, letter.due_at)
        return dead
    return await _recorded(office, letter, done, member)


async def _record(office: Office, source: Source, letter: str, wanted: Meant, member: str) -> Answered:
    assert wanted.activity is not None
    body = msgspec.structs.replace(wanted.activity, member=member, metadata={"gateway": source.id})
    return await activities.record(office.handler, source.program, body, actor=source.actor, correlation=letter)


async def _recorded(office: Office, letter: Letter, done: Answered, member: str) -> Letter:
    ref = str(done.body.get("ref", ""))
    recorded = msgspec.structs.replace(
        letter, state="recorded", code="", detail="", member=member, ref=ref, position=done.position,
        due_at=None, ended_at=office.wall(), sealed=None,
    )  # fmt: skip
    await office.inbox.note(recorded, letter.due_at)
    return recorded


async def _whose(office: Office, program: str, wanted: Meant) -> str:
    """The first member that one of the ways leads to. Raises UnknownMember."""
    for claim in await _claims(office, program, wanted):
        held = await office.handler.store.claim(program, claim.kind, claim.key)
        if held is not None:
            loaded, _ = await office.handler.load(program, held.stream)
            return loaded.member.id
    # A program whose rulebook enrols strangers does so under the id that the message names.
    named = next((value for kind, value in wanted.ways if kind == "id"), None)
    if named is None:
        raise UnknownMember("nobody has an identity that the message names")
    return named


async def _waits(office: Office, program: str, wanted: Meant) -> list[Claim]:
    """The keys whose claim in the log would let it be carried out."""
    if wanted.returned is not None:
        return [Claim("activity", wanted.returned.activity.source + SEPARATOR + wanted.returned.activity.id)]
    return await _claims(office, program, wanted)


async def _claims(office: Office, program: str, wanted: Meant) -> list[Claim]:
    known = await office.handler.programs.get(program)
    found = []
    for kind, value in wanted.ways:
        try:
            found.append(Claim("member", value) if kind == "id" else identity(office.handler, known, kind, value))
        except Refused:
            # What is no address belongs to nobody.
            log.info("gateway_identity_skipped", program=program, kind=kind)
    return found


# --- text and times ----------------------------------------------------------------------------


def _ended(letter: Letter, state: State, now: datetime, refused: Refused) -> Letter:
    """With the code and the places of a refusal; never with what stood there, which may be personal."""
    places_ = "; ".join(f"{at}: {message}" for at, message in refused.errors[:5])
    detail = f"{refused.message} ({places_})" if places_ else refused.message
    return msgspec.structs.replace(
        letter, state=state, code=refused.code, detail=detail[:500], due_at=None, ended_at=now
    )


def _headers(source: Source) -> set[str]:
    """Names of the headers that the mapping reads."""
    mapping = source.read()
    return {
        place.removeprefix(HEADER).lower()
        for given in (mapping.type, mapping.id)
        for place in places(given)
        if place.startswith(HEADER)
    } | {
        word.removeprefix(HEADER).lower()
        for word in _texts(msgspec.to_builtins(mapping.rules))
        if word.startswith(HEADER)
    }


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for name, one in value.items() for text in (*_texts(name), *_texts(one))]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []


def _seal(office: Office, source: Source, letter: str, headers: Mapping[str, str], raw: bytes) -> bytes:
    return office.crypto.seal(office.crypto.unwrap(source.key), msgspec.msgpack.encode((headers, raw)), letter.encode())


def _open(office: Office, source: Source, letter: Letter) -> tuple[dict[str, str], bytes]:
    assert letter.sealed is not None
    plain = office.crypto.open(office.crypto.unwrap(source.key), letter.sealed, letter.id.encode())
    return msgspec.msgpack.decode(plain, type=tuple[dict[str, str], bytes])
