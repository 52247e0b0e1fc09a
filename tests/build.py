"""Builders with everything filled in, and one member's stream in memory.

`Stream.do` takes a command to an entry the way `application/handle.py` does, without a store: bring in cold
rows and history when a decision asks for them, encode, decode, fold. What a test does not say is chosen here.
"""

# ruff: noqa: A002 - things are told apart by their `id`, in tests as in bodies

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from application.ports import NewProgram, NewRow, NewState, Save
from application.programs import program_stream
from domain.calendar import BEGINNING, FOREVER, MICROSECOND, Offsets
from domain.log import (
    ENGINE,
    NO_DIGEST,
    TOPIC,
    Claim,
    Entry,
    Pins,
    Row,
    after,
    decode,
    encode,
    fold,
    row_digest,
    row_seal,
    stream_name,
)
from domain.member.commands import (
    AdjustPoints,
    EnrolMember,
    MemberCommand,
    RecordActivity,
    RedeemPoints,
    ReturnActivity,
    Settle,
)
from domain.member.counters import ColdHistoryNeeded
from domain.member.decide import Decision, decide, next_instant
from domain.member.draft import Circumstances, HistoryNeeded
from domain.member.settle import next_due
from domain.member.shape import SHAPE, Horizon, bring_in, horizon_of, pack, unpack
from domain.member.state import Member
from domain.program.commands import CreateProgram, PublishRulebook
from domain.program.events import ProgramCreated, RulebookPublished
from domain.redecide import StreamHistory
from domain.rules.check import check
from domain.rules.compiled import CompiledRulebook
from domain.rules.rewards import ISSUED_CODE
from domain.rules.rulebook import digest_of, read
from domain.rules.timeline import Published, Timeline
from domain.takes import Key, Take, Taken, TakenNeeded
from infrastructure.zones import SystemZones

Json = dict[str, Any]

PURCHASE: Json = {
    "type": "object",
    "properties": {
        "amount_minor": {"type": "integer"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"sku": {"type": "string"}, "amount_minor": {"type": "integer"}},
            },
        },
    },
}


def instant(text: str | datetime) -> datetime:
    """`2026-01-02` is noon of that day in UTC; `2026-01-02T10:00` is UTC unless it says otherwise."""
    if isinstance(text, datetime):
        return text
    found = datetime.fromisoformat(text if "T" in text else f"{text}T12:00:00+00:00")
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


# --- rulebooks ---------------------------------------------------------------------------------


def points(
    amount: int | str, *, rule: str = "base", on: str = "purchase", currency: str = "points", **more: Any
) -> Json:
    """A rule that grants a number of points."""
    return {"id": rule, "on": on, "award": {"currency": currency, "points": amount}, **more}


def per(step: int, amount: int, *, rule: str = "base", currency: str = "points", **more: Any) -> Json:
    """A rule that grants `amount` points per whole step of minor units spent."""
    award = {"currency": currency, "per": {"amount": "activity.amount_minor", "step": step, "points": amount}}
    return {"id": rule, "on": "purchase", "award": award, **more}


def rate(by: str, *, rule: str = "base", currency: str = "points", **more: Any) -> Json:
    """A rule that grants a share of the minor units spent."""
    return {"id": rule, "on": "purchase", "award": {"currency": currency, "rate": by}, **more}


def multiply(by: str, *, rule: str = "promo", **more: Any) -> Json:
    return {"id": rule, "on": "purchase", "phase": "multiply", "by": by, **more}


def rulebook(*rules: Json, currency: Json | None = None, tiers: Json | None = None, **more: Any) -> Json:
    """A document with purchases, one currency `points`, and whatever a test adds."""
    activities = {
        "purchase": {"data": PURCHASE, "measures": {"spend": "activity.amount_minor", "visits": "1"}},
        **more.pop("activities", {}),
    }
    currencies = {"points": currency or {}, **more.pop("currencies", {})}
    document: Json = {"currencies": currencies, "activities": activities, "rules": list(rules), **more}
    return document | ({"tiers": {"status": tiers}} if tiers else {})


def compiled(document: Json, number: int = 1) -> "Book":
    """A document made ready to run, as it comes back from the log: trees as plain JSON."""
    checked = check(document)
    assert checked.ok, checked.findings
    trees = msgspec.json.decode(msgspec.json.encode(checked.trees))
    book = Book(number, digest_of(document), read(document), trees)
    book.source = document
    return book


class Book(CompiledRulebook):
    """A compiled rulebook that remembers the document it came from."""

    source: Json


class World:
    """A program in memory: its zone and its published rulebooks."""

    def __init__(self, *documents: Json, zone: str = "UTC", program: str = "main") -> None:
        self.program = program
        self.zone = zone
        self.published: list[Published] = []
        self.books: list[Book] = []
        self.taken: dict[Key, int] = {}
        for document in documents:
            self.publish(document)

    def publish(self, document: Json, at: datetime = BEGINNING, effective_from: datetime | None = None) -> None:
        book = compiled(document, len(self.books) + 1)
        begins = BEGINNING if not self.books else effective_from or at
        self.books.append(book)
        self.published.append(Published(book.number, book.digest, begins, at))

    def timeline(self, known_at: datetime = FOREVER) -> Timeline:
        """The versions published by then."""
        known = tuple(version for version in self.published if version.published_at <= known_at)
        return Timeline(known, lambda number: self.books[number - 1])

    def circumstances(
        self, recorded_at: datetime, history: StreamHistory | None = None, taken: Iterable[Key] = ()
    ) -> Circumstances:
        """`taken` are the shared quantities that the decision has asked for."""
        return Circumstances(
            program=self.program,
            zone=self.zone,
            recorded_at=recorded_at,
            timeline=self.timeline(recorded_at),
            offsets=Offsets(SystemZones().offset),
            history=history,
            taken=Taken({key: self.taken.get(key, 0) for key in taken}),
        )

    def take(self, takes: Iterable[Take]) -> None:
        """What the store does with the takes of a save, less the refusal: nothing is decided at once here."""
        for take in takes:
            used = self.taken.get((take.kind, take.key), 0) + take.amount
            assert used >= 0
            assert take.amount <= 0 or used <= take.ceiling
            self.taken[take.kind, take.key] = used


# --- streams -----------------------------------------------------------------------------------


class Stream:
    """One member's stream. `hot` keeps the member as a state row with cold months between decisions."""

    def __init__(self, world: World, *, number: int = 1, hot: bool = False) -> None:
        self.world = world
        self.id = UUID(int=number)
        self.name = stream_name(world.program, "member", self.id)
        self.entries: list[Entry] = []
        self.member = Member()
        self.hot = hot
        self.cold: dict[int, bytes] = {}

    def do(
        self,
        command: MemberCommand,
        at: str | datetime,
        *,
        by_time: bool = False,
        claims: tuple[Claim, ...] = (),
        actor: str = "key:test",
    ) -> Entry:
        """Decide a command at a reading of the program's clock and append its entry. Raises Refused."""
        decision, circumstances = self.decided(command, at)
        entry = entry_of(self.name, command, decision, circumstances, by_time=by_time, claims=claims, actor=actor)
        stored = decode(encode(entry))
        assert encode(stored) == encode(entry)
        self.world.take(stored.takes)
        self.entries.append(stored)
        if self.hot:
            book = self.world.books[-1] if self.world.books else None
            today = circumstances.recorded_at.toordinal()
            _, row, cold = pack(decision.member, horizon_of(book) if book else Horizon(), today)
            self.cold |= cold
            self.member = unpack(row)
        else:
            fold(self.member, stored)
        return stored

    def decided(self, command: MemberCommand, at: str | datetime) -> tuple[Decision, Circumstances]:
        """Decide without appending."""
        member, history, asked = self.member, None, set[Key]()
        for _ in range(20):
            circumstances = self.world.circumstances(next_instant(member, instant(at)), history, asked)
            try:
                return decide(command, member, circumstances), circumstances
            except ColdHistoryNeeded:
                member = bring_in(member, self.cold)
            except HistoryNeeded:
                history = StreamHistory(self.entries)
            except TakenNeeded as needed:
                asked |= needed.keys
        raise AssertionError("a decision asks for more and more")

    def settle(self, at: str | datetime) -> Entry:
        """What the sweeper does."""
        return self.do(Settle(), at, by_time=True, actor="system:sweeper")

    def version_of(self, activity: str) -> int:
        for entry in self.entries:
            if isinstance(entry.input, RecordActivity) and entry.input.id == activity:
                return entry.version
        raise LookupError(activity)


def entry_of(
    stream: str,
    command: MemberCommand,
    decision: Decision,
    circumstances: Circumstances,
    *,
    by_time: bool = False,
    claims: tuple[Claim, ...] = (),
    actor: str = "key:test",
) -> Entry:
    """The entry of a decision, as the handler writes it."""
    return Entry(
        stream=stream,
        version=decision.member.version,
        save=f"{decision.member.version:032x}",
        recorded_at=circumstances.recorded_at,
        at=decision.at,
        actor=actor,
        input=None if by_time else command,
        facts={"taken": circumstances.taken.used} if circumstances.taken.used else {},
        pins=Pins(
            engine=ENGINE,
            timeline=circumstances.timeline.number,
            rulebook=decision.rulebook,
            rulebooks=dict(sorted(circumstances.timeline.used.items())),
            zone=circumstances.zone,
            offsets=circumstances.offsets.used,
        ),
        events=decision.events,
        settled=decision.settled,
        after=after(decision.member, circumstances.recorded_at),
        claims=claims,
        takes=decision.takes,
        releases=tuple(Claim(ISSUED_CODE, code) for code in decision.freed),
    )


def folded(entries: list[Entry]) -> Member:
    member = Member()
    for entry in entries:
        fold(member, entry)
    return member


def chained(entries: list[Entry], positions: Callable[[int], int] = lambda version: version) -> list[Row]:
    """The entries of one stream as stored rows."""
    rows: list[Row] = []
    digest = NO_DIGEST
    for entry in entries:
        state = encode(entry)
        digest = row_digest(
            digest,
            program=entry.program,
            kind=entry.kind,
            stream=entry.stream_id,
            version=entry.version,
            recorded_at=entry.recorded_at,
            topic=TOPIC,
            state=state,
        )
        position = positions(entry.version)
        row = Row(
            entry.program, entry.kind, entry.stream_id, entry.version, position, entry.recorded_at, TOPIC,
            state, digest, row_seal(digest, position),
        )  # fmt: skip
        rows.append(row)
    return rows


# --- commands ----------------------------------------------------------------------------------


def enrol(at: str | datetime = "2026-01-01", member: str = "ann", **more: Any) -> EnrolMember:
    return EnrolMember(member=member, enrolled_at=instant(at), **more)


def purchase(amount_minor: int, id: str = "p1", at: str | datetime = "2026-01-02", **data: Any) -> RecordActivity:
    return RecordActivity(
        source="shop", id=id, type="purchase", occurred_at=instant(at), data={"amount_minor": amount_minor, **data}
    )


def refund(
    stream: Stream, activity: str, amount_minor: int | None, at: str | datetime, id: str = "r1"
) -> ReturnActivity:
    return ReturnActivity(
        source="shop",
        id=id,
        activity_source="shop",
        activity_id=activity,
        original=stream.version_of(activity),
        occurred_at=instant(at),
        amount_minor=amount_minor,
        gives_back=True,
    )


def redeem(amount: int, id: str = "spend", currency: str = "points", order: str | None = None) -> RedeemPoints:
    """`order` is an activity of the shop that the points pay for."""
    source = "shop" if order is not None else None
    return RedeemPoints(id=id, currency=currency, points=amount, order_source=source, order_id=order)


def adjust(amount: int, id: str = "adj", **more: Any) -> AdjustPoints:
    return AdjustPoints(id=id, currency=more.pop("currency", "points"), points=amount, reason="test", **more)


DAY = timedelta(days=1)


# --- the program's own stream, and saves for a store -----------------------------------------------


def program_entries(world: World, created: datetime = datetime(2020, 1, 1, tzinfo=UTC)) -> list[Entry]:
    """The entries by which a world came to be: the program, then each rulebook when it was published."""
    stream = program_stream(world.program)
    opened = CreateProgram(program=world.program, sandbox=False, money="EUR", time_zone=world.zone)
    steps: list[tuple[Any, Any, datetime]] = [
        (opened, ProgramCreated(program=world.program, sandbox=False, money="EUR", time_zone=world.zone), created)
    ]
    for book, published in zip(world.books, world.published, strict=True):
        document = msgspec.json.decode(msgspec.json.encode(book.source))
        event = RulebookPublished(
            number=book.number,
            digest=book.digest,
            effective_from=published.effective_from,
            document=document,
            trees=dict(book.trees),
        )
        at = max(published.published_at, steps[-1][2] + MICROSECOND)
        steps.append((PublishRulebook(digest=book.digest), event, at))
    return [
        Entry(
            stream=stream_name(world.program, "program", stream),
            version=number + 1,
            save=f"{number + 1:032x}",
            recorded_at=at,
            at=at,
            actor="key:test",
            input=command,
            pins=Pins(engine=ENGINE, timeline=max(0, number - 1)),
            events=(event,),
        )
        for number, (command, event, at) in enumerate(steps)
    ]


def saves(world: World, entries: list[Entry]) -> list[Save]:
    """The entries of one stream as a store takes them, each with the state it leads to."""
    member, made = Member(), []
    horizon = horizon_of(world.books[-1]) if world.books else Horizon()
    for entry, row in zip(entries, chained(entries), strict=True):
        state = NewState(0, None, b"")
        if entry.kind == "member":
            fold(member, entry)
            _, hot, cold = pack(member, horizon, entry.recorded_at.toordinal())
            state = NewState(SHAPE, next_due(member), hot, cold)
        opens = entry.kind == "program" and entry.version == 1
        new = NewRow(entry, row.stream, row.program, row.kind, row.topic, row.state, row.digest, state)
        made.append(
            Save(
                program=row.program,
                rows=(new,),
                timeline=entry.pins.timeline if entry.kind == "member" else None,
                publishes=entry.version - 1 if entry.kind == "program" and not opens else None,
                new_program=NewProgram(row.program, row.stream, sandbox=False, key=b"wrapped") if opens else None,
                member_key=(row.stream, b"wrapped") if entry.kind == "member" and entry.version == 1 else None,
            )
        )
    return made


def by_time(*lists: list[Save]) -> list[Save]:
    """Saves of several streams in the order in which they were recorded."""
    return sorted((save for saves in lists for save in saves), key=lambda save: save.rows[0].entry.recorded_at)
