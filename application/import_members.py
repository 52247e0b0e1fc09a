"""Members of another program, with what they have there: who they are, open lots, levels. From rows of a table.

A row is a member, and with it perhaps a lot (`currency`, `points`, `expires_at`) or a level (`set`, `level`,
`valid_until`); further rows of the same `id` bring further lots and levels. Each is recorded once, under the source and
its place among the rows of its member: so a run that was stopped is started again, and the same file twice is one.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from application import members, points
from application.handle import Handler
from application.members import EnrolBody
from application.payloads import MEMBER_ID, sane_time
from application.points import AdjustBody
from application.programs import KnownProgram
from application.repeats import Ask, carry_out
from application.rows import Wish
from domain.errors import BadId, InvalidPayload, NotEligible, Refused, UnknownCurrency
from domain.member.commands import PlaceInTier
from domain.numbers import MAX_AMOUNT
from domain.rules.tiers import rank

COLUMNS = (
    "id", "email", "external_id", "enrolled_at", "currency", "points", "expires_at", "set", "level", "valid_until",
)  # fmt: skip


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could be read. `place` is its number among the rows of its member."""

    id: str
    place: int
    email: str | None = None
    external_id: str | None = None
    enrolled_at: datetime | None = None
    currency: str | None = None
    points: int = 0
    expires_at: datetime | None = None
    set: str | None = None
    level: str = ""
    valid_until: datetime | None = None


class RefusedRow(msgspec.Struct, frozen=True):
    """A row, by its number in the file (the head is 1), that was not taken, and why."""

    line: int
    code: str
    reason: str
    row: dict[str, str]


class Imported(msgspec.Struct):
    """How it went. `members`, `lots` and `levels` are new ones, `repeated` rows were there already."""

    rows: int = 0
    members: int = 0
    lots: int = 0
    levels: int = 0
    repeated: int = 0
    refused: list[RefusedRow] = []


async def import_members(
    handler: Handler, program: str, rows: Iterable[Mapping[str, str]], *, source: str, actor: str, dry_run: bool = False
) -> Imported:
    """Take rows in, in their order. `dry_run` reads and checks each and writes nothing. Raises Unavailable."""
    known = await handler.programs.get(program, await handler.store.timeline(program))
    found, places = Imported(), Counter[str]()
    for line, given in enumerate(rows, 2):
        texts = {name: (given.get(name) or "").strip() for name in COLUMNS}
        places[texts["id"]] += 1
        found.rows += 1
        try:
            row = _read(texts, places[texts["id"]])
            _check(known, row)
            if not dry_run:
                await _take(handler, program, row, source, actor, found)
        except Refused as refused:
            found.refused.append(RefusedRow(line, refused.code, refused.message, texts))
    return found


async def _take(handler: Handler, program: str, row: Row, source: str, actor: str, found: Imported) -> None:
    name, replayed = _name(source, row), []
    if row.place == 1:
        body = EnrolBody(
            id=row.id,
            email=row.email,
            external_ids=[row.external_id] if row.external_id else None,
            enrolled_at=row.enrolled_at,
        )
        done = await members.enrol(handler, program, body, actor=actor, key=f"{name}.member")
        found.members += not done.replayed
        replayed.append(done.replayed)
    if row.currency is not None:
        lot = AdjustBody(
            id=name,
            member=row.id,
            currency=row.currency,
            points=row.points,
            reason=f"imported from {source}",
            expires_at=row.expires_at,
        )
        done = await points.adjust(handler, program, lot, actor=actor)
        found.lots += not done.replayed
        replayed.append(done.replayed)
    if row.set is not None:
        again = await _place(handler, program, row, name, actor)
        found.levels += not again
        replayed.append(again)
    found.repeated += all(replayed)


async def _place(handler: Handler, program: str, row: Row, name: str, actor: str) -> bool:
    """Whether the level was there already."""
    loaded, known = await handler.find(program, row.id)
    assert row.set is not None
    command = PlaceInTier(set=row.set, level=row.level, valid_until=row.valid_until)
    ask = Ask(
        program=program,
        route=f"members/{row.id}/tiers",
        body=msgspec.to_builtins(command),
        actor=actor,
        business=(("placement", name),),
    )
    done = await carry_out(handler, ask, Wish(program=program, command=command, actor=actor), loaded, known)
    return done.replayed


def _name(source: str, row: Row) -> str:
    """The id of a row, by which it is recorded once for ever."""
    digest = hashlib.sha256(f"{source}\x1f{row.id}\x1f{row.place}".encode()).hexdigest()
    return f"import-{digest[:32]}"


def _read(texts: dict[str, str], place: int) -> Row:
    if not MEMBER_ID.fullmatch(texts["id"]):
        raise BadId("id: 1 to 128 of A-Z a-z 0-9 . _ ~ -")
    amount = texts["points"]
    if bool(texts["currency"]) != bool(amount):
        raise InvalidPayload("currency and points go together")
    if bool(texts["set"]) != bool(texts["level"]):
        raise InvalidPayload("set and level go together")
    if amount and not (amount.isascii() and amount.isdigit() and 0 < int(amount) <= MAX_AMOUNT):
        raise InvalidPayload("points: a whole number from 1 to 2^53 - 1, in the currency's smallest unit")
    if place > 1 and not amount and not texts["set"]:
        raise InvalidPayload("the member stands in an earlier row, and this one brings nothing")
    return Row(
        id=texts["id"],
        place=place,
        email=texts["email"] or None,
        external_id=texts["external_id"] or None,
        enrolled_at=_instant("enrolled_at", texts),
        currency=texts["currency"] or None,
        points=int(amount or 0),
        expires_at=_instant("expires_at", texts),
        set=texts["set"] or None,
        level=texts["level"],
        valid_until=_instant("valid_until", texts),
    )


def _instant(name: str, texts: dict[str, str]) -> datetime | None:
    """An instant, or the beginning of a day in UTC."""
    if not texts[name]:
        return None
    try:
        found = datetime.fromisoformat(texts[name])
    except ValueError:
        raise InvalidPayload(f"{name}: a day or an instant, such as 2026-03-01") from None
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    sane_time(f"/{name}", found)
    return found.astimezone(UTC)


def _check(known: KnownProgram, row: Row) -> None:
    """What the rulebook says of the row."""
    book = known.newest
    if row.currency is not None and (book is None or row.currency not in book.document.currencies):
        raise UnknownCurrency(f"{row.currency!r} is not a currency of this program")
    if row.set is not None:
        tiers = book.tiers.get(row.set) if book is not None else None
        if tiers is None or not rank(tiers, row.level):
            raise NotEligible(f"{row.set} has no level {row.level}", reasons=["no-such-level"])
    if row.email is not None:
        members.canonical_email(row.email)
