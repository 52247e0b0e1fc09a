"""Doing a request once: idempotency keys and business keys.

Every write claims its keys in the transaction that writes its entry, with an HMAC of the request. A repeat
finds the claim, compares, and is answered from the entry that stands there: nothing is decided twice, and
neither kind of key is ever forgotten. The HMAC is under the member's own key, so it is gone with the person.
"""

from typing import Any
from uuid import UUID

import msgspec

from application.handle import AlreadyThere, Handler, Stored, Wanted
from application.ports import ClaimRow
from application.programs import KnownProgram
from application.recent import Loaded
from application.rows import Wish
from domain.errors import (
    ActivityDiffers,
    AlreadyConfirmed,
    CodeUsed,
    IdentityTaken,
    KeyReused,
    MemberErasedAlready,
    MemberExists,
    MergedAway,
    Refused,
    UnknownMember,
)
from domain.log import Claim, decode

_canonical = msgspec.json.Encoder(order="sorted")

IDENTITIES = ("member", "email", "external")
SPENT = "spent-code"
"""Kind of claims: codes of issued units that are good no more. They were used, or their unit was returned."""

SEPARATOR = "\x1f"
"""Between the parts of a key; no id may contain it."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it arrived: which route, with what body, under which keys.

    `business` are (kind, key) pairs that name the thing itself: ("activity", source + id), ("redemption", id).
    `correlation` is the request's id: it stands in the entry, and is no part of what makes a repeat the same.
    """

    program: str
    route: str
    body: Any
    actor: str
    key: str | None = None
    business: tuple[tuple[str, str], ...] = ()
    correlation: str | None = None


class Fingerprints:
    """The claims of a request, under one member's key."""

    def __init__(self, handler: Handler, member_key: bytes, ask: Ask) -> None:
        self.hash = handler.crypto.fingerprint(member_key, ask.route, _canonical.encode(ask.body))
        self.claims = tuple(Claim(kind, name, self.hash) for kind, name in ask.business)
        if ask.key is not None:
            self.claims += (Claim("key", ask.key, self.hash),)


async def carry_out(handler: Handler, ask: Ask, wanted: Wanted, loaded: Loaded, known: KnownProgram) -> Stored:
    """Carry out a wish for a member, or give the entry of the same request that came before."""
    if loaded.key is None:
        raise MemberErasedAlready("the member was erased")
    claims = Fingerprints(handler, loaded.key, ask).claims

    def claiming(wish: Wish) -> Wish:
        return msgspec.structs.replace(wish, claims=(*wish.claims, *claims), correlation=ask.correlation)

    try:
        if isinstance(wanted, Wish):
            return await handler.handle(claiming(wanted), loaded, known)
        return await handler.handle(lambda member, rules: claiming(wanted(member, rules)), loaded, known)
    except AlreadyThere as there:
        return await repeat(handler, ask, there)
    except MergedAway:
        # A moment ago, by somebody else: the survivor has it all.
        survivor, known = await handler.load(ask.program, loaded.stream)
        if survivor.stream == loaded.stream:
            raise
        return await carry_out(handler, ask, wanted, survivor, known)


async def repeat(handler: Handler, ask: Ask, there: AlreadyThere) -> Stored:
    """The entry that holds every key of this request that is taken. Raises the refusal that fits otherwise."""
    # An identity is no repeat of anything: only the key that a request came with before makes it one.
    names = [one for one in ask.business if one[0] not in IDENTITIES]
    names += [("key", ask.key)] if ask.key is not None else []
    first: ClaimRow | None = None
    for kind, key in names:
        held = await handler.store.claim(ask.program, kind, key)
        if held is None:
            continue
        if first is None:
            await _same(handler, ask, kind, key, held)
            first = held
        elif (held.stream, held.version) != (first.stream, first.version):
            raise _clash(kind, key)
    if first is not None:
        return await stored(handler, first.stream, first.version, first.position)
    if there.claim.kind in (*IDENTITIES, SPENT):
        raise _clash(there.claim.kind, there.claim.key)
    # Released between the two looks: an erasure, or a change of identity.
    raise KeyReused("the key was in use a moment ago: try again")


async def _same(handler: Handler, ask: Ask, kind: str, key: str, held: ClaimRow) -> None:
    """Raises unless the claim is held for this very request."""
    member = await handler.store.stream(ask.program, held.stream)
    if member is None:
        raise _clash(kind, key)  # the program's own stream holds it: no request of a member's
    if member.key is None:
        raise _clash(kind, key) if kind == SPENT else MemberErasedAlready("the member was erased")
    if Fingerprints(handler, handler.crypto.unwrap(member.key), ask).hash != held.hash:
        raise _clash(kind, key)


async def stored(handler: Handler, stream: UUID, version: int, position: int) -> Stored:
    """An entry as it stands in the log."""
    rows = await handler.store.rows(stream, after=version - 1, upto=version)
    if not rows:
        raise UnknownMember("no such entry")
    return Stored(decode(rows[0].state), position, replayed=True)


def _clash(kind: str, key: str) -> Refused:
    if kind == "activity":
        source, _, name = key.partition(SEPARATOR)
        return ActivityDiffers(f"activity {name!r} of source {source!r} is recorded, with another body")
    if kind == "confirm":
        return AlreadyConfirmed("the redemption is confirmed, by another request")
    if kind == SPENT:
        return CodeUsed("the code was used, or its unit was returned")
    if kind == "member":
        return MemberExists(f"{key!r} is a member already")
    if kind in IDENTITIES:
        return IdentityTaken("another member has this e-mail address or external id")
    shown = key.replace(SEPARATOR, "/")
    return KeyReused(f"the {kind} {shown!r} was used for another request")
