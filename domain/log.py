"""The log: entries, saves, and the digest that chains stored rows.

An entry is one accepted command on one stream (blueprint, law 1). It is a storage format: tags are explicit,
unknown fields are errors, and tests/golden holds one file per shape for ever. The stored bytes are JSON, so that
an auditor can read them with psql alone; digests are taken over those bytes exactly as they are stored.
"""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from domain.calendar import EPOCH, MICROSECOND
from domain.correction.commands import CorrectionCommand
from domain.correction.events import CorrectionEventUnion
from domain.member.commands import MemberCommand, Past
from domain.member.events import MemberEventUnion
from domain.member.state import Member, Stamp
from domain.member.state import evolve as evolve_member
from domain.member.wallet import Balance, balance, currencies
from domain.program.commands import ProgramCommand
from domain.program.events import ProgramEventUnion
from domain.reward.commands import RewardCommand
from domain.reward.events import RewardEventUnion
from domain.takes import Take

ENGINE = 1
"""The meaning of our own decide code. Raised when a fix changes any outcome; old meanings stay callable."""

TOPIC = "guerdon.entry.1"
"""The stored name of the entry's shape, never a module path."""

NO_DIGEST = bytes(32)
"""The digest before a stream's first row."""

Event = MemberEventUnion | ProgramEventUnion | CorrectionEventUnion | RewardEventUnion
Input = MemberCommand | ProgramCommand | CorrectionCommand | RewardCommand


class Claim(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A key that must be new in its program: an activity's (source, id), an identity, an idempotency key.

    `hash` is an HMAC of the request, so that the same key with another request is told apart. Keys made
    of personal data are HMACs under the program's key.
    """

    kind: str
    key: str
    hash: str = ""


class Pins(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """What the decision was made under.

    `timeline` is how many rulebooks were published, `rulebook` the one that ruled the input, `rulebooks` the
    digests of all that were asked, `zone` the program's time zone, `offsets` every UTC offset that was used.
    """

    engine: int
    timeline: int = 0
    rulebook: int = 0
    rulebooks: dict[int, str] = {}
    zone: str = "UTC"
    offsets: dict[str, dict[int, int]] = {}


class Streak(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A streak as an entry left it: periods in a row, the most there ever were, and those of the run before."""

    current: int
    longest: int
    previous: int


class After(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """What resulted: so a repeated request is answered, and every fold checked, without folding."""

    balances: dict[str, Balance] = {}
    tiers: dict[str, str | None] = {}
    slots: dict[str, int] = {}
    """How far each open slot of an offer has come."""
    streaks: dict[str, Streak] = {}
    badges: dict[str, int] = {}
    referrals: dict[str, int] = {}
    segments: tuple[str, ...] = ()
    holds: dict[str, int] = {}
    """What is set aside for each redemption that is not confirmed yet."""


class NotInStream(LookupError):
    """A decision looks at an entry that the stream does not have, or that is of another kind."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One row of the log. `input` None means that time alone acted; `settled` first events are time's."""

    stream: str
    version: int
    save: str
    recorded_at: datetime
    at: datetime
    actor: str
    cause: str | None = None
    correlation: str | None = None
    input: Input | None = None
    facts: dict[str, Any] = {}
    pins: Pins
    events: tuple[Event, ...] = ()
    settled: int = 0
    after: After | None = None
    claims: tuple[Claim, ...] = ()
    takes: tuple[Take, ...] = ()
    releases: tuple[Claim, ...] = ()

    @property
    def program(self) -> str:
        return self.stream.split("/", 1)[0]

    @property
    def kind(self) -> str:
        return self.stream.split("/", 2)[1]

    @property
    def stream_id(self) -> UUID:
        return UUID(self.stream.rsplit("/", 1)[1])

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.version, self.at, self.recorded_at, self.pins.rulebook)


class FoldedPins(msgspec.Struct, frozen=True, gc=False):
    timeline: int = 0
    rulebook: int = 0


class Folded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """As much of an entry as a fold writes into the book: the rest is passed over unread, four times as fast."""

    version: int
    recorded_at: datetime
    at: datetime
    pins: FoldedPins
    events: tuple[MemberEventUnion, ...] = ()

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.version, self.at, self.recorded_at, self.pins.rulebook)


class Row(msgspec.Struct, frozen=True, gc=False):
    """An entry as stored, with what the store added. `digest` chains the stream, `seal` binds the position."""

    program: str
    kind: str
    stream: UUID
    version: int
    position: int
    recorded_at: datetime
    topic: str
    state: bytes
    digest: bytes
    seal: bytes


# Keys keep the order in which they were written: bytes are never made again from a decoded entry, and a
# decision made again writes them in the same order.
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)
_folded = msgspec.json.Decoder(Folded)


def encode(entry: Entry) -> bytes:
    """The bytes to store. They are never made again from a decoded entry."""
    return _encoder.encode(entry)


def decode(state: bytes) -> Entry:
    """The entry in stored bytes. Raises msgspec.ValidationError for a tag or field this code does not know."""
    return _decoder.decode(state)


def decode_folded(state: bytes) -> Folded:
    """The same of a member's entry for `fold` alone. What only a decision reads is not looked at, right or wrong."""
    return _folded.decode(state)


def encoded(value: object) -> bytes:
    """Any part of an entry in the bytes it has inside one; for comparing decisions."""
    return _encoder.encode(value)


def row_digest(
    previous: bytes,
    *,
    program: str,
    kind: str,
    stream: UUID,
    version: int,
    recorded_at: datetime,
    topic: str,
    state: bytes,
) -> bytes:
    """SHA-256 over the stream's previous digest and this row, each part preceded by its length (8 bytes)."""
    instant = (recorded_at - EPOCH) // MICROSECOND
    hashed = hashlib.sha256()
    for part in (
        previous,
        program.encode(),
        kind.encode(),
        stream.bytes,
        version.to_bytes(8, "big"),
        instant.to_bytes(8, "big", signed=True),
        topic.encode(),
        state,
    ):
        hashed.update(len(part).to_bytes(8, "big"))
        hashed.update(part)
    return hashed.digest()


def row_seal(digest: bytes, position: int) -> bytes:
    """SHA-256 over digest and position; the store computes the same in SQL when it assigns the position."""
    return hashlib.sha256(digest + position.to_bytes(8, "big", signed=True)).digest()


def stream_name(program: str, kind: str, stream: UUID) -> str:
    return f"{program}/{kind}/{stream}"


def after(member: Member, now: datetime) -> After:
    """What the member has and is, settled up to `now`."""
    return After(
        balances={currency: balance(member, currency, now) for currency in currencies(member)},
        tiers={name: standing.level for name, standing in sorted(member.tiers.items())},
        slots={slot.id: slot.progress for slot in member.slots},
        streaks={
            name: Streak(standing.current, standing.longest, standing.previous)
            for name, standing in sorted(member.streaks.items())
        }
        if member.streaks
        else {},
        badges={name: badge.count for name, badge in sorted(member.badges.items())} if member.badges else {},
        referrals=dict(sorted(member.referrals.items())) if member.referrals else {},
        segments=member.segments,
        holds={name: hold.points for name, hold in sorted(member.holds.items())} if member.holds else {},
    )


def fold(member: Member, entry: Entry | Folded | Past) -> None:
    """Write an entry of the member's stream into the member's book."""
    stamp = entry.stamp
    for event in entry.events:
        evolve_member(member, event, stamp)  # type: ignore[arg-type]
    member.version = entry.version
    member.recorded_at = entry.recorded_at
    member.timeline = entry.pins.timeline
