"""One program over the real application, and what happens in it: three processes' worth of it on one database.

The third is a server that is asked over HTTP, where there is a route for what is asked.

Each step moves the clock a little, sends one or several requests, and then holds the log against the laws.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
from psycopg import Connection

from application import leaderboard_closing, members, referrals, rulebooks
from application.answers import Answered
from application.audit import verify
from application.corrections import CorrectionBody
from application.follow import Projector, Runner
from application.handle import Handler
from application.programs import Programs
from application.recent import Recent
from application.replay import replay
from domain.errors import Refused
from domain.log import Entry
from domain.member.wallet import Balance, balance
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.keys import TableOfKeys
from infrastructure.leaderboards import PostgresScores
from infrastructure.positions import PostgresPositions
from infrastructure.row_reader import readers
from infrastructure.tables import PostgresTables
from infrastructure.vault import Vault
from infrastructure.zones import SystemZones
from projections import ANALYTICS
from tests.build import Json
from tests.simulation.ledger import Book, Ledger, tables_equal_folds
from tests.simulation.over_http import Door, Request, door, request_of
from tests.simulation.rules import Numbers, document

START = datetime(2026, 1, 10, 9, tzinfo=UTC)
ACTOR = "key:simulation"
PROCESSES, SERVER = 3, 2


class Hand:
    """The clock of all programs, and the wall beside it, in the simulation's hand."""

    def __init__(self) -> None:
        self.time = START

    async def now(self, _: str) -> datetime:
        return self.time

    def wall(self) -> datetime:
        return self.time


class House(msgspec.Struct):
    """Three processes on one database, and whoever follows the log."""

    url: str
    hand: Hand
    handlers: list[Handler]
    door: Door
    """The last of the handlers is a server's; this is where it is asked over HTTP."""
    connection: Connection[Any]
    tables: PostgresTables
    positions: PostgresPositions
    scores: PostgresScores
    runner: Runner
    following: asyncio.Lock

    async def follow(self) -> None:
        """The tables have all of the log."""
        async with self.following:
            await self.runner.catch_up()


@asynccontextmanager
async def house(url: str) -> AsyncIterator[House]:
    master_key, hand = bytes(range(32)), Hand()
    vault = Vault(master_key)
    async with AsyncExitStack() as stack:
        handlers = []
        for _ in range(2):
            pool = await stack.enter_async_context(open_pool(url, 1, 6))
            store = PostgresEventStore(url, pool)
            await store.start()
            stack.push_async_callback(store.stop)
            keys = TableOfKeys(pool, vault)
            handlers.append(
                Handler(
                    store=store,
                    keys=keys,
                    crypto=vault,
                    clock=hand,
                    wall=hand.wall,
                    zones=SystemZones(),
                    programs=Programs(store, keys, vault),
                    new_id=uuid4,
                    recent=Recent(1_000),
                )
            )
        server = await stack.enter_async_context(door(url, master_key, hand))
        handlers.append(server.handler)
        pool = await stack.enter_async_context(open_pool(url, 1, 4))
        tables, positions = PostgresTables(ANALYTICS, pool), PostgresPositions(url, pool)
        await tables.ensure()
        runner = Runner(Projector(ANALYTICS, tables), handlers[0].store, positions)
        connection = stack.enter_context(connect(url))
        scores = PostgresScores(pool, ANALYTICS.name, ANALYTICS.name)
        yield House(
            url, hand, handlers, server, connection, tables, positions, scores, runner, following=asyncio.Lock()
        )


async def sound(where: House) -> None:
    """Of all lives together: the audit finds nothing, and tables made again from nothing are the same bytes."""
    with ThreadPoolExecutor(1) as executor:
        found = verify(readers(where.url), executor=executor)
    assert found["findings"] == [], found
    assert (found["different"], found["not_redecidable"]) == (0, 0)
    before = await where.tables.digests()
    store, positions = where.handlers[0].store, where.positions
    await replay(ANALYTICS, store=store, positions=positions, tables=where.tables, afresh=True)
    assert await where.tables.digests() == before


Run = Callable[[Handler], Awaitable[Any]]


class Call(msgspec.Struct, frozen=True):
    """A request, and how to send it over HTTP. `named` says that it may be repeated, and is answered as it was."""

    kind: str
    run: Run
    named: bool = True
    key: str = ""
    request: Request | None = None


class Sent(msgspec.Struct, frozen=True):
    call: Call
    answer: Answered


class Refusal(msgspec.Struct, frozen=True):
    code: str


class Told(msgspec.Struct):
    """What a step came to."""

    kind: str
    accepted: bool
    code: str = ""


class Life:
    """A program from its first rulebook on. `deeds` makes requests of it, `step` carries them out."""

    def __init__(self, where: House, program: str) -> None:
        self.house = where
        self.program = program
        self.ledger = Ledger(where.connection, program)
        self.document: Json = {}
        self.sent: list[Sent] = []
        self.rewards: list[str] = []
        self.codes: list[str] = []
        self.files: list[list[dict[str, str]]] = []
        self.proposals: list[tuple[str, Json | None, CorrectionBody]] = []
        self.corrections: list[str] = []
        self.over_http = 0
        self._number = 0

    # --- what there is ---------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.house.hand.time

    def name(self, letter: str) -> str:
        self._number += 1
        return f"{letter}{self._number}"

    @property
    def people(self) -> list[Book]:
        """Members that take part: neither erased nor merged nor suspended."""
        return [book for book in self.ledger.books.values() if book.whole.status == "active" and not book.whole.into]

    @property
    def everybody(self) -> list[Book]:
        """Those, and members that are suspended or closed."""
        there = ("active", "suspended", "closed")
        return [book for book in self.ledger.books.values() if book.whole.status in there and not book.whole.into]

    def balance(self, book: Book, currency: str = "points") -> Balance:
        return balance(book.whole, currency, self.now)

    def entries(self, kind: type[Any]) -> list[Entry]:
        """Entries of members that were asked for by such a command, of members who are still there."""
        there = [book for book in self.ledger.books.values() if book.whole.status != "erased"]
        found = [entry for book in there for entry in book.entries if isinstance(entry.input, kind)]
        return sorted(found, key=lambda entry: (entry.recorded_at, entry.stream))

    # --- what happens ----------------------------------------------------------------------------

    def ask(self, kind: str, function: Any, *args: Any, named: bool = True, **more: Any) -> Call:
        """A request under a key of its own."""
        if named:
            more.setdefault("key", self.name("k"))

        async def run(handler: Handler) -> Any:
            return await function(handler, self.program, *args, actor=ACTOR, **more)

        key = more.get("key", "")
        return Call(kind, run, named, key, request_of(function, args, key))

    async def begin(self, numbers: Numbers, *, sandbox: bool) -> None:
        self.house.hand.time = START
        handler = self.house.handlers[0]
        body = rulebooks.ProgramBody(id=self.program, sandbox=sandbox, money="EUR", time_zone="Europe/Berlin")
        await rulebooks.create_program(handler, body, actor=ACTOR)
        self.document = document(numbers)
        await rulebooks.publish_document(handler, self.program, self.document, rulebooks.PublishBody(), actor=ACTOR)
        for _ in range(3):
            body_of = members.EnrolBody(id=self.name("m"))
            await members.enrol(handler, self.program, body_of, actor=ACTOR)
        self.ledger.check(numbers)

    async def carry_out(self, calls: list[Call], first: int) -> list[Answered | Refusal]:
        """Several requests at once, each at the next process."""

        async def one(number: int, call: Call) -> Answered | Refusal:
            try:
                answer: Answered = await self._asked((first + number) % PROCESSES, call)
            except Refused as refused:
                return Refusal(refused.code)
            if call.named:
                self.sent.append(Sent(call, answer))
            return answer

        return list(await asyncio.gather(*(one(number, call) for number, call in enumerate(calls))))

    async def _asked(self, process: int, call: Call) -> Any:
        if process == SERVER and call.request is not None:
            self.over_http += 1
            return await self.house.door.ask(self.program, call.request)
        return await call.run(self.house.handlers[process])

    async def boards_closed(self, handler: Handler) -> None:
        """Months that are over are frozen, and what they won is paid."""
        await self.house.follow()
        await leaderboard_closing.close_due(
            handler, self.house.scores, self.house.positions, ANALYTICS.name, self.program, self.now
        )

    async def end(self) -> None:
        """Whoever follows the log has read it all: the tables are what the members' books say."""
        handler = self.house.handlers[0]
        await referrals.keep_all(handler, self.program)
        for kind, kept in referrals.KEPT.items():
            open_promises = await handler.store.promised(self.program, kind, kept)
            assert open_promises == [], f"promises that are not kept: {kind} {open_promises}"
        self.ledger.check(Numbers(0))
        await self.house.follow()
        parked = (
            "SELECT position, error FROM parked JOIN stored_events ON notification_id = position WHERE program = %s"
        )
        waiting = self.house.connection.execute(parked, (self.program,)).fetchall()
        assert waiting == [], f"parked: {waiting[0]}"
        tables_equal_folds(self.house.connection, self.program, self.ledger.books)


def later(life: Life, numbers: Numbers) -> None:
    """The clock moves on: often not at all, sometimes by days."""
    life.house.hand.time += timedelta(hours=numbers.one([0, 1, 7, 24, 80]), seconds=1)


class Statistics:
    """How often each kind of step was taken, and how it was answered."""

    def __init__(self) -> None:
        self.lives = 0
        self.taken: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.codes: Counter[tuple[str, str]] = Counter()
        self.over_http = 0

    def add(self, told: Told) -> None:
        self.taken[told.kind] += 1
        self.accepted[told.kind] += told.accepted
        if told.code:
            self.codes[told.kind, told.code] += 1

    @property
    def steps(self) -> int:
        return self.taken.total()

    def lines(self) -> list[str]:
        return [
            f"{kind:18} {self.taken[kind]:6} {self.taken[kind] / self.steps:6.1%} of steps,"
            f" {self.accepted[kind] / self.taken[kind]:6.1%} accepted"
            + "".join(f", {code} {count}" for (of, code), count in self.codes.most_common() if of == kind)
            for kind in sorted(self.taken)
        ] + [f"{'over HTTP':18} {self.over_http:6} requests"]
