"""The laws, held against the log of one program after each step.

The log is read on from where the ledger stood, and each of its new entries is folded, decided again and added up: so a
step costs what it did, however long the story is.
"""

from collections import Counter
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import Connection

from application.programs import KnownProgram, fold_program, program_stream
from domain.log import Entry, Row, after, decode, encoded, fold
from domain.member.movements import movements
from domain.member.shape import SHAPE, Horizon, bring_in, horizon_of, pack, unpack
from domain.member.state import Member
from domain.member.wallet import balance, currencies
from domain.program.state import Program
from domain.redecide import StreamHistory, _compare
from domain.rules.timeline import Timeline
from domain.takes import Key
from tests.simulation.rules import Numbers

_ROWS: LiteralString = (
    "SELECT program, kind, originator_id, originator_version, notification_id, recorded_at, topic, state, digest, seal"
    " FROM stored_events WHERE program = %s AND notification_id > %s ORDER BY notification_id"
)


class Book:
    """One member's stream: folded in one go, and folded with interruptions; with the sums of its accounts."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.whole = Member()
        self.halved = Member()
        self.cold: dict[int, bytes] = {}
        self.accounts: Counter[tuple[str, str]] = Counter()


class Ledger:
    """What a program's log comes to. `check` reads on and holds all of it against the laws."""

    def __init__(self, connection: Connection[Any], program: str) -> None:
        self._connection = connection
        self._program = program
        self._known = KnownProgram(Program(), 0, b"", None, {}, {}, b"")
        self.position = 0
        self.books: dict[UUID, Book] = {}
        self.taken: Counter[Key] = Counter()
        self.moved: Counter[str] = Counter()

    @property
    def timeline(self) -> Timeline:
        return self._known.timeline()

    def check(self, numbers: Numbers) -> list[Entry]:
        """The entries since the last time; `numbers` say where folds are interrupted."""
        rows = [Row(*row) for row in self._connection.execute(_ROWS, (self._program, self.position))]
        self._known = self._published([row for row in rows if row.stream == program_stream(self._program)])
        entries = []
        for row in rows:
            self.position = row.position
            entry = decode(row.state)
            entries.append(entry)
            self._take(entry)
            if row.kind == "member":
                self._read(self.books.setdefault(row.stream, Book()), entry, interrupted=numbers.below(3) == 0)
        assert not +self.moved, f"the accounts of all members sum to {dict(self.moved)}"
        assert not -self.moved, f"the accounts of all members sum to {dict(self.moved)}"
        for stream in {row.stream for row in rows if row.kind == "member"}:
            self._adds_up(self.books[stream])
            self._stands(stream, self.books[stream])
        self._takes()
        return entries

    def _published(self, rows: list[Row]) -> KnownProgram:
        return fold_program(self._known, rows) if rows else self._known

    def _read(self, book: Book, entry: Entry, *, interrupted: bool) -> None:
        """Decide the entry again, and fold it: in one go, and beside it with a rest in a state row."""
        again = _compare(book.whole, entry, self.timeline, StreamHistory(book.entries))
        assert again.verdict == "equal", f"{entry.stream}/{entry.version} decided again: {again}"
        fold(book.whole, entry)
        fold(book.halved, entry)
        book.entries.append(entry)
        assert encoded(after(book.whole, entry.recorded_at)) == encoded(entry.after), f"{entry.stream}/{entry.version}"
        if interrupted:
            today = entry.recorded_at.toordinal()
            horizon = horizon_of(self._known.newest) if self._known.newest is not None else Horizon()
            _, hot, cold = pack(book.halved, horizon, today)
            # What comes after may belong to a month that rests: as `decide` does, bring it in.
            book.halved = bring_in(unpack(hot), cold)
        _same(book.halved, book.whole, "a replay in parts is not the replay in one")
        for line in movements(entry):
            book.accounts[line.currency, line.account] += line.points
            self.moved[line.currency] += line.points

    def _adds_up(self, book: Book) -> None:
        """Lots make the balances, as the movements do; and nothing is negative but debt."""
        member, now = book.whole, book.whole.recorded_at
        assert now is not None
        for currency in {currency for currency, _ in book.accounts}:
            held = balance(member, currency, now)
            own = {account: points for (name, account), points in book.accounts.items() if name == currency}
            told = (own.get("member", 0), own.get("pending", 0), own.get("reserve", 0), -own.get("debt", 0))
            have = (held.available, held.pending, held.held, held.debt)
            assert told == have, f"{currency} of {member.id}: movements {told}, lots {have}"
            assert min(have) >= 0, f"{currency} of {member.id}: {have}"
            assert held.held == sum(hold.points for hold in member.holds.values() if hold.currency == currency)
        for lot in member.lots:
            assert 0 < lot.remaining <= lot.points, lot

    def _stands(self, stream: UUID, book: Book) -> None:
        """The state row and its cold months are the fold of the log."""
        row = self._connection.execute(
            "SELECT version, shape, hot FROM state_rows WHERE stream = %s", (stream,)
        ).fetchone()
        assert row is not None
        version, shape, hot = row
        assert (version, shape) == (book.whole.version, SHAPE)
        query = "SELECT month, body FROM cold_rows WHERE stream = %s"
        # Whoever was merged has left its months to the survivor: nobody looks at those that rest here any more.
        cold = {} if book.whole.into else dict(self._connection.execute(query, (stream,)).fetchall())
        _same(bring_in(unpack(hot), cold), book.whole, "the state row is not the fold of the log")

    def _take(self, entry: Entry) -> None:
        for take in entry.takes:
            self.taken[take.kind, take.key] += take.amount
            used = self.taken[take.kind, take.key]
            assert used >= 0, f"{entry.stream}/{entry.version} gives back more than was taken: {take}"
            assert take.amount <= 0 or used <= take.ceiling, f"{entry.stream}/{entry.version} passes {take}: {used}"

    def _takes(self) -> None:
        query = "SELECT kind, key, used FROM takes WHERE program = %s"
        kept = {(kind, key): used for kind, key, used in self._connection.execute(query, (self._program,)) if used}
        assert kept == {key: used for key, used in self.taken.items() if used}, "what is taken is not what the log took"


def tables_equal_folds(connection: Connection[Any], program: str, books: dict[UUID, Book]) -> None:
    """What analysts read of a program, once it was followed to its end, is what its members' books say."""
    balances: dict[Any, Any] = {}
    lots: dict[Any, Any] = {}
    tiers: dict[Any, Any] = {}
    accounts: dict[Any, Any] = {}
    for stream, book in books.items():
        member, now = book.whole, book.whole.recorded_at
        assert now is not None
        # Points by hand that are gone leave a balance of nothing.
        for name in {*currencies(member), *(currency for currency, _ in book.accounts)}:
            held = balance(member, name, now)
            balances[stream, name] = (held.available, held.pending, held.held, held.debt, held.lifetime)
        lots |= {(stream, lot.id): lot.remaining for lot in member.lots}
        if not member.into:  # whose levels the survivor has taken over
            tiers |= {(stream, name): standing.level for name, standing in member.tiers.items()}
        accounts |= {(stream, *key): amount for key, amount in book.accounts.items() if amount}
    asked = {
        "SELECT stream, currency, available, pending, held, debt, lifetime FROM analytics.balances"
        " WHERE program = %s": (2, balances),
        "SELECT stream, lot, remaining FROM analytics.lots"
        " WHERE state IN ('open', 'pending') AND program = %s": (2, lots),
        "SELECT DISTINCT ON (stream, tier_set) stream, tier_set, to_level FROM analytics.tier_history"
        " WHERE program = %s ORDER BY stream, tier_set, version DESC, number DESC": (2, tiers),
        "SELECT stream, currency, account, sum(points)::bigint FROM analytics.movements WHERE program = %s"
        " GROUP BY 1, 2, 3 HAVING sum(points) <> 0": (3, accounts),
    }  # fmt: skip
    for query, (width, folded) in asked.items():
        told = {
            row[:width]: row[width] if len(row) == width + 1 else row[width:]
            for row in connection.execute(query, (program,))
            if folded is not tiers or not books[row[0]].whole.into
        }
        differing = {key: (told.get(key), folded.get(key)) for key in told.keys() | folded.keys()}
        differing = {key: both for key, both in differing.items() if both[0] != both[1]}
        assert not differing, f"{query}: {differing}"


def _same(one: Member, other: Member, what: str) -> None:
    if one != other:
        told = [(name, getattr(one, name), getattr(other, name)) for name in Member.__struct_fields__]
        differing = [(name, left, right) for name, left, right in told if left != right]
        raise AssertionError(f"{what}: {msgspec.to_builtins(differing, str_keys=True)}")
