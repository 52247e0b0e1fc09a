"""Programs and their rulebooks: open a program, write drafts, check, publish, compare.

Drafts are operational rows that anyone may edit who holds their etag. A published version is an entry of the
program's stream and stays. Read `publish_document` first: the rest leads there or looks back.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec

from application.answers import Answered, answered
from application.handle import Handler, Stored
from application.ports import ClaimTaken, HeadMoved, NewProgram, Save
from application.programs import KnownProgram, next_instant, next_row
from application.repeats import stored
from domain.errors import (
    BadId,
    BadTime,
    KeyReused,
    ProgramExists,
    Refused,
    RulebookInvalid,
    UnknownMoney,
    UnknownRulebook,
    VersionConflict,
)
from domain.log import NO_DIGEST, Claim
from domain.program.commands import CreateProgram, PublishRulebook
from domain.program.decide import create_program as decide_create
from domain.program.decide import publish_rulebook as decide_publish
from domain.program.events import RulebookPublished
from domain.program.state import Program
from domain.rehearsal import rehearsed
from domain.rules.check import Checked, Finding
from domain.rules.check import check as check_document
from domain.rules.diff import diff as difference
from domain.rules.lint import unread
from domain.rules.rulebook import Rulebook, digest_of
from domain.rules.rulebook import read as read_document
from domain.rules.worst_case import worst_case

Json = dict[str, Any]

PROGRAM_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_MONEY = re.compile(r"[A-Z]{3}")
_DRAFT = re.compile(r"rb_([1-9][0-9]{0,8})")


class PreconditionRequired(Refused):
    """An edit must say which state it edits."""

    code = "precondition-required"


class PreconditionFailed(Refused):
    """Somebody else edited it meanwhile."""

    code = "precondition-failed"


class ProgramBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    sandbox: bool = False
    money: str = "EUR"
    time_zone: str = "UTC"


class DraftBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`document` may be anything: a draft is allowed to be wrong, and is kept as sent."""

    document: msgspec.Raw
    note: str = ""


class PublishBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    effective_from: datetime | None = None
    expects: int | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A rulebook being written. `document` is JSON as sent, `number` counts within the program from 1."""

    number: int
    document: bytes
    note: str
    etag: str
    created_at: datetime
    updated_at: datetime
    published_version: int | None

    @property
    def id(self) -> str:
        return f"rb_{self.number}"


class Drafts(Protocol):
    """Where drafts are kept."""

    async def add(self, program: str, document: bytes, note: str, etag: str, now: datetime) -> Draft:
        """A new draft under the program's next number."""

    async def get(self, program: str, number: int) -> Draft | None: ...

    async def list(self, program: str) -> list[Draft]:
        """All drafts, the newest first."""

    async def replace(
        self, program: str, number: int, document: bytes, note: str, etag: str, now: datetime, *, expects: str
    ) -> bool:
        """Replace the draft whose etag is `expects`; whether it was there."""

    async def published(self, program: str, number: int, version: int) -> None:
        """Note which version a draft became."""


# --- programs ------------------------------------------------------------------------------------


async def create_program(handler: Handler, body: ProgramBody, *, actor: str) -> Answered:
    """Open a program. Raises ProgramExists, BadId, BadTime, UnknownMoney."""
    if not PROGRAM_ID.fullmatch(body.id):
        raise BadId("a program's id is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[("/id", "not such an id")])
    if not _MONEY.fullmatch(body.money):
        raise UnknownMoney("money is an ISO 4217 code", errors=[("/money", "three capital letters, such as EUR")])
    if not handler.zones.known(body.time_zone):
        raise BadTime(f"{body.time_zone!r} is not a time zone", errors=[("/time_zone", "an IANA name")])
    if await handler.store.timeline(body.id) is not None:
        raise ProgramExists(f"program {body.id!r} exists")
    command = CreateProgram(program=body.id, sandbox=body.sandbox, money=body.money, time_zone=body.time_zone)
    nothing = KnownProgram(Program(), 0, NO_DIGEST, None, {}, {}, b"")
    now = await handler.clock.now(body.id)
    row = next_row(body.id, nothing, command, decide_create(command, Program()), actor, now, handler.new_id())
    opened = NewProgram(body.id, row.stream, body.sandbox, handler.crypto.new_key())
    try:
        (position,) = await handler.store.append(Save(program=body.id, rows=(row,), new_program=opened))
    except HeadMoved:
        raise ProgramExists(f"program {body.id!r} exists") from None
    return Answered(201, {**msgspec.to_builtins(body), "position": position}, position)


# --- drafts --------------------------------------------------------------------------------------


async def create(handler: Handler, drafts: Drafts, program: str, body: DraftBody) -> Json:
    """Keep a new draft, however wrong, and say what is wrong with it."""
    known, sent = await _known(handler, program), bytes(body.document)
    draft = await drafts.add(program, sent, body.note, _etag(sent, body.note), await handler.clock.now(program))
    return _draft(handler, known, draft)


async def update(
    handler: Handler, drafts: Drafts, program: str, draft: str, body: DraftBody, *, etag: str | None
) -> Json:
    """Replace a draft. `etag` is what the editor saw. Raises PreconditionRequired, PreconditionFailed."""
    if etag is None:
        raise PreconditionRequired("send the draft's ETag as If-Match, so that nobody's edit is lost")
    known, old = await _known(handler, program), await kept(drafts, program, draft)
    sent = bytes(body.document)
    replaced = await drafts.replace(
        program, old.number, sent, body.note, _etag(sent, body.note), await handler.clock.now(program),
        expects=etag,
    )  # fmt: skip
    if not replaced:
        raise PreconditionFailed(f"{draft} was edited meanwhile: read it again")
    return _draft(handler, known, await kept(drafts, program, draft))


async def check(handler: Handler, drafts: Drafts, program: str, draft: str) -> Json:
    """The draft's findings, judged against the newest published version."""
    known, found = await _known(handler, program), await kept(drafts, program, draft)
    return _draft(handler, known, found)


async def read(handler: Handler, drafts: Drafts, program: str, draft: str) -> Json:
    """The draft with its document."""
    found = await kept(drafts, program, draft)
    return await check(handler, drafts, program, draft) | {"document": msgspec.json.decode(found.document)}


async def publish(
    handler: Handler,
    drafts: Drafts,
    program: str,
    draft: str,
    body: PublishBody,
    *,
    actor: str,
    key: str | None = None,
) -> Answered:
    """Put a draft in force. Raises RulebookInvalid, VersionConflict, UnknownRulebook."""
    found = await kept(drafts, program, draft)
    answer = await publish_document(
        handler, program, msgspec.json.decode(found.document), body, note=found.note, actor=actor, key=key
    )
    await drafts.published(program, found.number, answer.body["version"])
    return answer


# --- publishing ----------------------------------------------------------------------------------


async def publish_document(
    handler: Handler,
    program: str,
    document: Any,
    body: PublishBody,
    *,
    actor: str,
    note: str = "",
    key: str | None = None,
) -> Answered:
    """Check a document and append it to the program's stream as the next version.

    Of two that publish at once one gets VersionConflict, also without `expects`: neither has seen the other's rules.
    """
    known = await handler.programs.refresh(program)
    if body.effective_from is not None and body.effective_from.tzinfo is None:
        raise BadTime("effective_from needs an offset", errors=[("/effective_from", "such as +01:00")])
    request = handler.crypto.fingerprint(known.key, "publish", msgspec.json.encode([document, body]))
    before = await _published_before(handler, program, key, request)
    if before is not None:
        return _published(before)
    judged = checked(handler, known, document)
    if not judged.ok:
        raise RulebookInvalid(
            "the rulebook has errors",
            errors=[(finding.at, _placed(finding)) for finding in judged.findings if finding.severity == "error"],
        )
    command = PublishRulebook(
        digest=digest_of(document),
        effective_from=body.effective_from.astimezone(UTC) if body.effective_from else None,
        expects=body.expects,
        note=note,
    )
    clock = await handler.clock.now(program)
    now = next_instant(known, clock)
    # In force by the program's clock, which a sandbox may have set before the instant its stream began.
    events = decide_publish(command, known.program, clock, document, judged.trees)
    claims = _key_claim(key, request)
    row = next_row(program, known, command, events, actor, now, handler.new_id(), claims)
    try:
        (position,) = await handler.store.append(Save(program=program, rows=(row,), publishes=events[0].number))
    except HeadMoved:
        newest = await handler.programs.refresh(program)
        if len(newest.program.published) == len(known.program.published):
            # Only a leaderboard was closed: nobody's rules are in the way.
            return await publish_document(handler, program, document, body, actor=actor, note=note, key=key)
        raise VersionConflict("another rulebook was published at the same moment: look at it first") from None
    except ClaimTaken:
        before = await _published_before(handler, program, key, request)
        assert before is not None
        return _published(before)
    return _published(Stored(row.entry, position))


def checked(handler: Handler, known: KnownProgram, document: Any, text: bytes | None = None) -> Checked:
    """What `check` finds, against the newest published version and this machine's time zones."""
    newest = known.newest
    return check_document(
        document,
        before=newest.document if newest else None,
        known_zone=handler.zones.known,
        text=text.decode() if text is not None else None,
    )


# --- looking back --------------------------------------------------------------------------------


async def listing(handler: Handler, drafts: Drafts, program: str) -> Json:
    """Published versions, the newest first, and drafts."""
    known, now = await _known(handler, program), await handler.clock.now(program)
    return {
        "items": [_version(known, number, now) for number in sorted(known.documents, reverse=True)],
        "drafts": [
            {
                "draft": draft.id,
                "note": draft.note,
                "etag": draft.etag,
                "updated_at": draft.updated_at,
                "published_version": draft.published_version,
            }
            for draft in await drafts.list(program)
        ],
    }


async def version(handler: Handler, program: str, number: int) -> Json:
    """A published version with its document. Raises UnknownRulebook."""
    known, now = await _known(handler, program), await handler.clock.now(program)
    return _version(known, number, now) | {"document": _document(known, number).document}


async def document_of(handler: Handler, drafts: Drafts, program: str, name: str) -> Any:
    """The document of a draft (rb_7) or of a published version (4). Raises UnknownRulebook."""
    if name.startswith("rb_"):
        return msgspec.json.decode((await kept(drafts, program, name)).document)
    if not name.isdecimal():
        raise UnknownRulebook(f"{name!r} is neither a version nor a draft")
    return _document(await _known(handler, program), int(name)).document


async def diff(handler: Handler, drafts: Drafts, program: str, before: str, after: str) -> Json:
    """What changed from one version or draft to another, in words. Raises UnknownRulebook, RulebookInvalid."""
    one, other = [await _readable(handler, drafts, program, name) for name in (before, after)]
    return {"from": _named(before), "to": _named(after), "changes": msgspec.to_builtins(difference(one, other))}


async def _readable(handler: Handler, drafts: Drafts, program: str, name: str) -> Rulebook:
    try:
        return read_document(await document_of(handler, drafts, program, name))
    except msgspec.ValidationError as error:
        raise RulebookInvalid(f"{name} has no shape that could be compared: check it first: {error}") from None


def _named(name: str) -> int | str:
    return int(name) if name.isdecimal() else name


# --- small things --------------------------------------------------------------------------------


async def _known(handler: Handler, program: str) -> KnownProgram:
    return await handler.programs.get(program, await handler.store.timeline(program))


async def kept(drafts: Drafts, program: str, draft: str) -> Draft:
    """A draft as it was last kept. Raises UnknownRulebook."""
    parsed = _DRAFT.fullmatch(draft)
    found = await drafts.get(program, int(parsed.group(1))) if parsed else None
    if found is None:
        raise UnknownRulebook(f"there is no draft {draft!r}")
    return found


def _draft(handler: Handler, known: KnownProgram, draft: Draft) -> Json:
    found = judged(handler, known, draft.document)
    return {
        "draft": draft.id,
        "etag": draft.etag,
        "note": draft.note,
        "digest": found["digest"],
        "published_version": draft.published_version,
        **found,
    }


def judged(handler: Handler, known: KnownProgram, text: bytes) -> Json:
    """What is to be said of a document, whether it is kept or not."""
    document = msgspec.json.decode(text)
    found = checked(handler, known, document, text)
    overview: Json = {"worst_case": None, "unread": None}
    if found.ok:
        book = read_document(document)
        found = rehearsed(book, found)
        overview = {
            "worst_case": msgspec.to_builtins(worst_case(book, found.trees)),
            "unread": list(unread(book, found.trees)),
        }
    try:
        digest = digest_of(document)
    except (TypeError, ValueError):
        # A fraction or a number too large: the findings say so, and there are no bytes to digest.
        digest = None
    return {"digest": digest, "findings": msgspec.to_builtins(found.findings), **overview}


def _etag(document: bytes, note: str) -> str:
    return hashlib.sha256(document + b"\0" + note.encode()).hexdigest()[:32]


def _document(known: KnownProgram, number: int) -> RulebookPublished:
    found = known.documents.get(number)
    if found is None:
        raise UnknownRulebook(f"rulebook {number} was never published")
    return found


def _version(known: KnownProgram, number: int, now: datetime) -> Json:
    event = _document(known, number)
    return {
        "version": number,
        "state": _state(known, number, now),
        "digest": event.digest,
        "effective_from": event.effective_from,
        "published_at": known.program.published[number - 1].published_at,
        "note": event.note,
    }


def _state(known: KnownProgram, number: int, now: datetime) -> Literal["scheduled", "in_force", "superseded"]:
    """What a version is by the program's clock. Activities that happened before may still be ruled by one that was."""
    published = known.program.published
    in_force = next((one.number for one in reversed(published) if one.effective_from <= now), 0)
    if number == in_force:
        return "in_force"
    # One that a newer version overtook before its time never rules.
    mine = published[number - 1].effective_from
    overtaken = any(one.effective_from <= mine for one in published[number:])
    return "scheduled" if mine > now and not overtaken else "superseded"


def _placed(finding: Finding) -> str:
    if finding.line is None:
        return finding.message
    return f"line {finding.line}, column {finding.column}: {finding.message}"


def _published(stored: Stored) -> Answered:
    (event,) = stored.entry.events
    assert isinstance(event, RulebookPublished)
    return answered(
        stored,
        {
            "version": event.number,
            "digest": event.digest,
            "effective_from": event.effective_from,
            "position": stored.position,
        },
    )


async def _published_before(handler: Handler, program: str, key: str | None, request: str) -> Stored | None:
    """The entry of the same request under the same key. Raises KeyReused when the request was another."""
    held = await handler.store.claim(program, "key", key) if key is not None else None
    if held is None:
        return None
    if held.hash != request:
        raise KeyReused(f"the key {key!r} was used for another request")
    return await stored(handler, held.stream, held.version, held.position)


def _key_claim(key: str | None, request: str) -> tuple[Claim, ...]:
    return (Claim("key", key, request),) if key is not None else ()
