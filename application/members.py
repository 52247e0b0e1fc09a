"""Members: enrol, change, suspend, erase, look up.

Personal values (e-mail, external ids, profile) leave this module only as cipher text under the member's own key,
and as HMACs under the program's key where they must be unique.
"""

import re
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from application import answers, referrals
from application.answers import Answered, answered
from application.handle import AlreadyThere, Handler
from application.history import view_as_of
from application.payloads import MEMBER_ID, UNPRINTABLE, sane_text, sane_time
from application.programs import KnownProgram
from application.recent import Loaded
from application.repeats import Ask, Fingerprints, carry_out, repeat
from application.rows import Wish
from application.views import member_view
from domain.errors import (
    BadId,
    BadTime,
    InvalidPayload,
    KeyReused,
    MemberErasedAlready,
    NotEligible,
    Refused,
    UnknownMember,
)
from domain.log import Claim, stream_name
from domain.member.commands import ChangeMember, EnrolMember, EraseMember, Introduction, SetMemberStatus

Json = dict[str, Any]
ExternalIds = list[str] | dict[str, str]

RESERVED = ("lookup", ".", "..")
"""Ids that an address could not tell from something else."""


class EnrolBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`external_ids` is a list of ids, or ids by system, which then read `system:id`."""

    id: str
    external_ids: ExternalIds | None = None
    email: str | None = None
    profile: Json | None = None
    attributes: Json = {}
    consents: dict[str, bool] = {}
    time_zone: str | None = None
    referral_code: str | None = None
    enrolled_at: datetime | None = None


class ChangeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is given is replaced; what is left out stays."""

    external_ids: ExternalIds | None = None
    email: str | None = None
    profile: Json | None = None
    attributes: Json | None = None
    consents: dict[str, bool] | None = None
    time_zone: str | None = None


class StatusBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    status: str
    reason: str


class LookupBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of the two."""

    email: str | None = None
    external_id: str | None = None


class Personal(msgspec.Struct, frozen=True, omit_defaults=True):
    """The personal fields of a member, sealed as one."""

    email: str | None = None
    external_ids: list[str] = []
    profile: Json = {}


async def enrol(
    handler: Handler,
    program: str,
    body: EnrolBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Make a member. Raises MemberExists, IdentityTaken, InvalidPayload."""
    if not MEMBER_ID.fullmatch(body.id) or body.id in RESERVED:
        raise BadId("a member's id is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[("/id", "not such an id")])
    if body.enrolled_at is not None:
        sane_time("/enrolled_at", body.enrolled_at)
    known = await handler.programs.get(program, await handler.store.timeline(program))
    _valid(handler, known, body.attributes, body.time_zone)
    came_with = await _introduction(handler, program, body)
    stream = handler.new_id()
    wrapped = handler.crypto.new_key()
    member_key = handler.crypto.unwrap(wrapped)
    personal = Personal(body.email, _externals(body.external_ids), body.profile or {})
    ask = Ask(
        program=program,
        route="members",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        business=(("member", body.id),),
    )
    wish = Wish(
        program=program,
        command=EnrolMember(
            member=body.id,
            enrolled_at=(body.enrolled_at or await handler.clock.now(program)).astimezone(UTC),
            attributes=body.attributes,
            time_zone=body.time_zone,
            consents=body.consents,
            sealed=_seal(handler, member_key, program, stream, personal),
            introduction=came_with,
        ),
        actor=actor,
        correlation=correlation,
        claims=(*Fingerprints(handler, member_key, ask).claims, *_identities(handler, known, personal)),
    )
    try:
        stored = await handler.create(wish, wrapped, stream)
    except AlreadyThere as there:
        stored = await repeat(handler, ask, there)
    if stored.promises:
        await referrals.keep(handler, program, stored)
    book = await handler.programs.newest_at(program, stored.entry.pins.timeline)
    return answered(stored, answers.enrolment(stored, body.id, book))


async def _introduction(handler: Handler, program: str, body: EnrolBody) -> Introduction | None:
    """Whose code a new member comes with. Raises UnknownCode, NotEligible."""
    if body.referral_code is None:
        return None
    try:
        return await referrals.introduction(handler, program, body.referral_code)
    except Refused:
        # A repeat is answered as it was, whatever has become of the code.
        if await handler.store.claim(program, "member", body.id) is None:
            raise
        return None


async def change(
    handler: Handler,
    program: str,
    member: str,
    body: ChangeBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Replace what is given. Raises IdentityTaken, InvalidPayload."""
    loaded, known = await handler.find(program, member)
    _valid(handler, known, body.attributes, body.time_zone)

    def wish(loaded: Loaded, known: KnownProgram) -> Wish:
        # What stays, and which identities come and go, is read from the very member that is changed.
        member_key = _key(loaded)
        old = _open(handler, member_key, program, loaded.stream, loaded.member.sealed)
        new = Personal(
            body.email if body.email is not None else old.email,
            _externals(body.external_ids) if body.external_ids is not None else old.external_ids,
            body.profile if body.profile is not None else old.profile,
        )
        before, after = _identities(handler, known, old), _identities(handler, known, new)
        return Wish(
            program=program,
            command=ChangeMember(
                attributes=body.attributes,
                time_zone=body.time_zone,
                consents=body.consents,
                sealed=_seal(handler, member_key, program, loaded.stream, new) if new != old else None,
            ),
            actor=actor,
            claims=tuple(claim for claim in after if claim not in before),
            releases=tuple(claim for claim in before if claim not in after),
        )

    ask = Ask(
        program=program,
        route=f"members/{member}",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        correlation=correlation,
    )
    stored = await carry_out(handler, ask, wish, loaded, known)
    view = await read(handler, program, member)
    return Answered(200, {"member": view, "position": stored.position}, stored.position, stored.replayed)


async def set_status(
    handler: Handler,
    program: str,
    member: str,
    body: StatusBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    if body.status not in ("active", "suspended", "closed"):
        raise InvalidPayload(
            "a status is active, suspended or closed", errors=[("/status", "active, suspended or closed")]
        )
    sane_text("/reason", body.reason)
    loaded, known = await handler.find(program, member)
    ask = Ask(
        program=program,
        route=f"members/{member}/status",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        correlation=correlation,
    )
    wish = Wish(program=program, command=SetMemberStatus(status=body.status, reason=body.reason), actor=actor)
    stored = await carry_out(handler, ask, wish, loaded, known)
    view = await read(handler, program, member)
    return Answered(200, {"member": view, "position": stored.position}, stored.position, stored.replayed)


async def erase(
    handler: Handler,
    program: str,
    member: str,
    *,
    actor: str,
    reason: str = "",
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Destroy the member's key and free its identities. What was earned stays counted."""
    sane_text("/reason", reason)
    loaded, known = await handler.find(program, member)
    if loaded.member.pool is not None:
        loaded = await _person(handler, program, member)
    # Who was merged into the member is the same person, under keys and ids of its own.
    for stream in loaded.member.absorbed:
        other, _ = await handler.load_itself(program, UUID(hex=stream))
        if other.key is not None:
            await _erase(handler, program, other, known, actor, reason, None, correlation)
    return await _erase(handler, program, loaded, known, actor, reason, key, correlation)


async def _person(handler: Handler, program: str, member: str) -> Loaded:
    """Whoever was merged into a household is a person still. Raises NotEligible for a household."""
    held = await handler.store.claim(program, "member", member)
    if held is None:
        raise await handler.unknown(program, member)
    loaded, _ = await handler.load_itself(program, held.stream)
    if loaded.member.pool is not None:
        raise NotEligible("a household is no person: dissolve it", reasons=["household"])
    return loaded


async def erase_again(handler: Handler, program: str, stream: UUID, *, actor: str, reason: str) -> bool:
    """Erase the member of a stream, as after a restored backup; whether there was anything left to erase.

    Raises UnknownMember, UnknownProgram.
    """
    loaded, known = await handler.load_itself(program, stream)
    if loaded.key is None:
        return False
    await _erase(handler, program, loaded, known, actor, reason, None, None)
    return True


async def _erase(
    handler: Handler,
    program: str,
    loaded: Loaded,
    known: KnownProgram,
    actor: str,
    reason: str,
    key: str | None,
    correlation: str | None,
) -> Answered:
    member = loaded.member.id
    gone = handler.erased_claim(known, member)
    again = await handler.store.claim(program, gone.kind, gone.key) is not None

    def wish(loaded: Loaded, known: KnownProgram) -> Wish:
        personal = _open(handler, _key(loaded), program, loaded.stream, loaded.member.sealed)
        return Wish(
            program=program,
            command=EraseMember(reason=reason),
            actor=actor,
            releases=(Claim("member", member), *_identities(handler, known, personal)),
            claims=(*(() if again else (gone,)), *((Claim("key", key),) if key else ())),
            correlation=correlation,
        )

    try:
        stored = await handler.handle(wish, loaded, known)
    except AlreadyThere:
        raise KeyReused(f"the key {key!r} was used for another request") from None
    return Answered(200, {"member": {"id": member, "status": "erased"}, "position": stored.position}, stored.position)


async def lookup(handler: Handler, program: str, body: LookupBody) -> Json:
    """The member with this e-mail address or external id. A miss looks like any other unknown member."""
    if (body.email is None) == (body.external_id is None):
        raise InvalidPayload("give one of email, external_id", errors=[("/", "exactly one of the two")])
    known = await handler.programs.get(program, await handler.store.timeline(program))
    (claim,) = _identities(
        handler, known, Personal(body.email, [body.external_id] if body.external_id is not None else [])
    )
    held = await handler.store.claim(program, claim.kind, claim.key)
    if held is None:
        raise UnknownMember("no member has this identity")
    loaded, known = await handler.load(program, held.stream)
    return await _view(handler, known, loaded)


async def read(
    handler: Handler,
    program: str,
    member: str,
    *,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> Json:
    """The member now, or as of an instant of the world as known at an instant of the program's clock."""
    loaded, known = await handler.find(program, member)
    return await seen(handler, known, loaded, as_of=as_of, known_at=known_at)


async def seen(
    handler: Handler,
    known: KnownProgram,
    loaded: Loaded,
    *,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> Json:
    """The same of a member that was just loaded."""
    if as_of is not None or known_at is not None:
        view = await view_as_of(handler, known, loaded, as_of=as_of, known_at=known_at)
        return view | await _beside(handler, known, loaded, view)
    return await _view(handler, known, loaded)


async def _view(handler: Handler, known: KnownProgram, loaded: Loaded) -> Json:
    view = await member_view(handler, known, loaded, handler.now(loaded))
    return view | await _beside(handler, known, loaded, view)


async def _beside(handler: Handler, known: KnownProgram, loaded: Loaded, view: Json) -> Json:
    """What is not the member's stream's to say: the household's id, and personal fields in the clear."""
    program, household = known.program.id, view["household"]
    if household is not None:
        household = (await handler.load(program, UUID(household)))[0].member.id
    return {"household": household, **_personal_view(handler, program, loaded)}


def _personal_view(handler: Handler, program: str, loaded: Loaded) -> Json:
    if loaded.key is None:
        return {"profile": None, "email": None, "external_ids": []}
    personal = _open(handler, loaded.key, program, loaded.stream, loaded.member.sealed)
    return {"profile": personal.profile, "email": personal.email, "external_ids": personal.external_ids}


def opened(handler: Handler, program: str, loaded: Loaded, sealed: bytes) -> Personal:
    """Personal fields as an entry of the member has them. Raises MemberErasedAlready."""
    return _open(handler, _key(loaded), program, loaded.stream, sealed)


def personal_of(handler: Handler, program: str, loaded: Loaded) -> Personal:
    """What only the member's key opens; nothing once the member was erased."""
    if loaded.key is None:
        return Personal()
    return _open(handler, loaded.key, program, loaded.stream, loaded.member.sealed)


def profile_of(handler: Handler, program: str, loaded: Loaded) -> Json:
    """The member's profile in the clear; empty once the member was erased."""
    if loaded.key is None:
        return {}
    return _open(handler, loaded.key, program, loaded.stream, loaded.member.sealed).profile


def _valid(handler: Handler, known: KnownProgram, attributes: Json | None, time_zone: str | None) -> None:
    newest = known.newest
    if attributes and newest is not None:
        wrong = newest.attributes.errors(attributes)
        if wrong:
            raise InvalidPayload(
                "the attributes do not fit the rulebook's schema",
                errors=[(f"/attributes{at}", message) for at, message in wrong],
            )
    if time_zone is not None and not handler.zones.known(time_zone):
        raise BadTime(f"{time_zone!r} is not a time zone", errors=[("/time_zone", "an IANA name")])


def _externals(given: ExternalIds | None) -> list[str]:
    if given is None:
        return []
    named = [f"{system}:{name}" for system, name in given.items()] if isinstance(given, dict) else given
    for one in named:
        if not 0 < len(one) <= 200 or UNPRINTABLE.search(one):
            raise BadId("an external id is 1 to 200 printable characters", errors=[("/external_ids", "not such an id")])
    return sorted(set(named))


def _identities(handler: Handler, known: KnownProgram, personal: Personal) -> tuple[Claim, ...]:
    """The claims of a person's identities: HMACs under the program's key, so that the tables tell nothing."""
    found: list[Claim] = []
    if personal.email is not None:
        email = canonical_email(personal.email)
        found.append(Claim("email", handler.crypto.fingerprint(known.key, "email", email)))
    found += (
        Claim("external", handler.crypto.fingerprint(known.key, "external", external))
        for external in personal.external_ids
    )
    return tuple(found)


def identity(handler: Handler, known: KnownProgram, kind: Literal["email", "external_id"], value: str) -> Claim:
    """The claim that a member with this identity holds. Raises InvalidPayload, BadId."""
    if kind == "email":
        return _identities(handler, known, Personal(email=value))[0]
    return _identities(handler, known, Personal(external_ids=_externals([value])))[0]


def canonical_email(email: str) -> str:
    """The form two spellings of one address share. Raises InvalidPayload for what is no address."""
    text = email.strip().casefold()
    if not re.fullmatch(r"[^@\s\x00-\x1f\x7f\ud800-\udfff]{1,64}@[^@\s\x00-\x1f\x7f\ud800-\udfff]{1,190}", text):
        raise InvalidPayload("that is no e-mail address", errors=[("/email", "name@host")])
    return text


def _context(program: str, stream: UUID) -> bytes:
    return stream_name(program, "member", stream).encode()


def _seal(handler: Handler, member_key: bytes, program: str, stream: UUID, personal: Personal) -> bytes:
    return handler.crypto.seal(member_key, msgspec.json.encode(personal), _context(program, stream))


def _open(handler: Handler, member_key: bytes, program: str, stream: UUID, sealed: bytes) -> Personal:
    if not sealed:
        return Personal()
    return msgspec.json.decode(handler.crypto.open(member_key, sealed, _context(program, stream)), type=Personal)


def _key(loaded: Loaded) -> bytes:
    if loaded.key is None:
        raise MemberErasedAlready("the member was erased")
    return loaded.key
