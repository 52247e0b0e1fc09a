"""Sources: who sends messages, how they are signed, and which mapping reads them.

Settings of an installation, like webhooks. Every mapping that a source has had is kept under its number, and the log
names source and number as the actor of what came of a message.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from application.gateway.builtin import BUILT_IN
from application.gateway.check import MappingFinding, MappingInvalid, checked
from application.gateway.mapping import MappingDocument
from application.ports import Crypto
from domain.errors import InvalidPayload, Refused

Json = dict[str, Any]

MAX_NAME = 200
MAX_SECRET = 500
OVERLAP = timedelta(days=1)
LONGEST_OVERLAP = timedelta(days=30)


class UnknownSource(Refused):
    code = "unknown-source"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source as it is kept. Its secrets and what waits of it are sealed under its own key, which is wrapped."""

    id: str
    program: str
    name: str
    mapping: int
    document: bytes
    key: bytes
    secret: bytes
    previous_secret: bytes | None = None
    previous_until: datetime | None = None
    created_at: datetime

    def secrets(self, crypto: Crypto, now: datetime) -> list[str]:
        """What a message of this moment may be signed with."""
        valid = [self.secret]
        if self.previous_secret is not None and self.previous_until is not None and now < self.previous_until:
            valid.append(self.previous_secret)
        key = crypto.unwrap(self.key)
        return [crypto.open(key, secret, _context(self.id)).decode() for secret in valid]

    def read(self) -> MappingDocument:
        """The mapping in use."""
        return msgspec.json.decode(self.document, type=MappingDocument)

    @property
    def actor(self) -> str:
        """The name in the log."""
        return f"gateway:{self.id}@{self.mapping}"


class Sources(Protocol):
    """The table of sources."""

    async def add_source(self, source: Source) -> None: ...

    async def source(self, source: str, program: str | None = None) -> Source | None:
        """Of any program where none is named: senders know nothing but the address."""

    async def sources(self, program: str, after: str, limit: int) -> list[Source]: ...

    async def change_source(self, source: Source) -> None:
        """Also keeps its mapping under its number, if that is new."""

    async def mappings(self, source: str) -> list[tuple[int, bytes, datetime]]: ...

    async def remove_source(self, source: str) -> None: ...


class SourceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`mapping` is a document, or the name of one that is built in. `secret` is what the sender signs with."""

    name: str
    mapping: str | dict[str, Any]
    secret: str


class MappingBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mapping: str | dict[str, Any]


class SecretBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For `overlap_seconds` messages signed with the old secret are taken, too: a day when left out."""

    secret: str
    overlap_seconds: int = int(OVERLAP.total_seconds())


def document_of(mapping: str | Json) -> Json:
    """A document, or the built-in one of a name. Raises MappingInvalid."""
    if isinstance(mapping, dict):
        return mapping
    if mapping not in BUILT_IN:
        raise MappingInvalid("there is no such mapping", errors=[("/mapping", f"one of {', '.join(BUILT_IN)}")])
    return BUILT_IN[mapping]


async def create(
    sources: Sources,
    crypto: Crypto,
    program: str,
    body: SourceBody,
    *,
    new_id: str,
    now: datetime,
    types: Collection[str] | None,
) -> Json:
    """A source that takes messages at once, and warnings about its mapping. Raises MappingInvalid, InvalidPayload."""
    _named(body.name)
    mapping, findings = checked(document_of(body.mapping), types)
    key = crypto.new_key()
    source = Source(
        id=new_id, program=program, name=body.name, mapping=1, document=msgspec.json.encode(mapping), key=key,
        secret=_sealed(crypto, key, new_id, body.secret), created_at=now,
    )  # fmt: skip
    await sources.add_source(source)
    return view(source, findings)


async def one(sources: Sources, program: str, name: str) -> Source:
    """Raises UnknownSource."""
    found = await sources.source(name, program)
    if found is None:
        raise UnknownSource(f"there is no source {name!r}")
    return found


async def listing(sources: Sources, program: str, after: str, limit: int) -> Json:
    found = await sources.sources(program, after, limit + 1)
    return {
        "items": [view(source) for source in found[:limit]],
        "next_cursor": found[limit - 1].id if len(found) > limit else None,
    }


async def change_mapping(
    sources: Sources, program: str, name: str, body: MappingBody, *, types: Collection[str] | None
) -> Json:
    """Reads messages by another mapping from now on, also those that wait. Raises UnknownSource, MappingInvalid."""
    found = await one(sources, program, name)
    mapping, findings = checked(document_of(body.mapping), types)
    document = msgspec.json.encode(mapping)
    if document != found.document:
        found = msgspec.structs.replace(found, mapping=found.mapping + 1, document=document)
        await sources.change_source(found)
    return view(found, findings)


async def rotate(sources: Sources, crypto: Crypto, program: str, name: str, body: SecretBody, now: datetime) -> Json:
    """Another secret; the one before counts besides for a while. Raises UnknownSource, InvalidPayload."""
    longest = int(LONGEST_OVERLAP.total_seconds())
    if not 0 <= body.overlap_seconds <= longest:
        raise InvalidPayload("the overlap is too long", errors=[("/overlap_seconds", f"0 to {longest}")])
    found = await one(sources, program, name)
    found = msgspec.structs.replace(
        found,
        secret=_sealed(crypto, found.key, found.id, body.secret),
        previous_secret=found.secret,
        previous_until=now + timedelta(seconds=body.overlap_seconds),
    )
    await sources.change_source(found)
    return view(found)


async def mappings(sources: Sources, program: str, name: str) -> Json:
    """Every mapping the source has had, the latest first. Raises UnknownSource."""
    found = await sources.mappings((await one(sources, program, name)).id)
    items = [
        {"mapping": number, "document": msgspec.json.decode(document), "created_at": created_at}
        for number, document, created_at in found
    ]
    return {"items": items, "next_cursor": None}


def view(source: Source, findings: Sequence[MappingFinding] = ()) -> Json:
    """The source as its owners see it: without its secrets."""
    return {
        "id": source.id,
        "name": source.name,
        "address": f"/v1/gateway/{source.id}",
        "mapping": source.mapping,
        "document": msgspec.json.decode(source.document),
        "previous_secret_until": source.previous_until,
        "created_at": source.created_at,
        "findings": list(findings),
    }


def _named(name: str) -> None:
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidPayload("a source has a name", errors=[("/name", f"1 to {MAX_NAME} printable characters")])


def _sealed(crypto: Crypto, key: bytes, source: str, secret: str) -> bytes:
    if not 8 <= len(secret) <= MAX_SECRET or not secret.isprintable():
        raise InvalidPayload("that is no secret", errors=[("/secret", f"8 to {MAX_SECRET} printable characters")])
    return crypto.seal(crypto.unwrap(key), secret.encode(), _context(source))


def _context(source: str) -> bytes:
    return f"gateway/secret/{source}".encode()
