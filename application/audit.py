"""Check a log from its stored rows alone, and decide all of it again.

Nothing is taken on trust: not the columns beside an entry, not the heads and claims kept beside the log, not
the rulebooks' trees, and no outcome. `verify` splits the streams into ranges of their ids, one task each, so any
`concurrent.futures.Executor` can share the work; a task holds one member's rows at a time. Streams are
self-contained (law 2), so a task needs nothing but its range and the program's own stream.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import groupby
from multiprocessing import get_context
from operator import itemgetter
from os import cpu_count
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec

from application.handle import Handler
from application.history import view_as_of
from application.programs import KnownProgram, fold_program, program_stream
from application.tree_audit import TreeReader, check_trees
from application.views import Json
from domain.errors import Refused
from domain.log import NO_DIGEST, TOPIC, Entry, Row, after, decode, encoded, row_digest, row_seal, stream_name
from domain.member.shape import SHAPE, unpack
from domain.member.state import Member
from domain.notes import Checkpoint
from domain.program.commands import PublishRulebook
from domain.program.decide import thawed
from domain.program.events import LeaderboardClosed, RulebookPublished
from domain.program.state import Program
from domain.redecide import redecide
from domain.reward.decide import redecided
from domain.rules.check import check
from domain.rules.check_rewards import check_condition
from domain.rules.expression import CheckFailed
from domain.rules.ranking import digest
from domain.rules.rewards import RewardTerms
from domain.rules.rulebook import Rulebook, digest_of, read
from domain.rules.timeline import Timeline

# --- what it reads -------------------------------------------------------------------------------


class Head(msgspec.Struct, frozen=True):
    """A stream's state row."""

    stream: UUID
    program: str
    kind: str
    version: int
    position: int
    recorded_at: datetime
    digest: bytes
    shape: int
    hot: bytes


class Claimed(msgspec.Struct, frozen=True):
    """A row of the claims table."""

    stream: UUID
    program: str
    kind: str
    key: str
    version: int
    position: int
    hash: str


class RowReader(TreeReader, Protocol):
    """One unchanging view of the stored rows. Streams come in order of their ids, `first` and `last` included.

    With a program, everything that it or any row of its streams lays claim to.
    """

    def total(self, program: str | None) -> int:
        """How many entries there are."""

    def stream(self, stream: UUID) -> Sequence[Row]:
        """One stream in order of version."""

    def rows(self, program: str | None, first: UUID, last: UUID) -> Iterator[Row]:
        """Entries by stream and version."""

    def heads(self, program: str | None, first: UUID, last: UUID) -> Iterator[Head]: ...

    def claims(self, program: str | None, first: UUID, last: UUID) -> Iterator[Claimed]:
        """Claims by stream."""

    def takes(self, program: str | None) -> dict[tuple[str, str, str], int]:
        """How much is taken, by (program, kind, key)."""


Connect = Callable[[], AbstractContextManager[RowReader]]
"""Opens a reader in whatever process the task runs in; it has to pickle."""

# --- what it answers -----------------------------------------------------------------------------

Verdict = Literal["equal", "different", "not_redecidable", "older_engine"]


class Finding(msgspec.Struct, frozen=True, order=True):
    """Something that is not as the log says, at the position where it shows."""

    position: int
    stream: str
    at: datetime | None
    detail: str


class Tally(msgspec.Struct):
    """What a task found. `missing` claims may have been released by a stream of another task."""

    verdicts: Counter[Verdict]
    findings: list[Finding]
    entries: int = 0
    missing: dict[tuple[str, str, str], Finding] = {}
    released: set[tuple[str, str, str]] = set()
    taken: Counter[tuple[str, str, str]] = msgspec.field(default_factory=Counter)

    def found(self, finding: Finding) -> None:
        self.verdicts["different"] += 1
        self.findings.append(finding)

    def keep(self, limit: int) -> None:
        self.findings = heapq.nsmallest(limit, self.findings)

    def add(self, other: "Tally") -> None:
        self.verdicts += other.verdicts
        self.findings += other.findings
        self.entries += other.entries
        self.missing |= other.missing
        self.released |= other.released
        self.taken.update(other.taken)


NOTHING_KEPT: Mapping[str, Sequence[Checkpoint]] = {}


def verify(
    connect: Connect,
    program: str | None = None,
    *,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    limit: int = 1000,
    against: Mapping[str, Sequence[Checkpoint]] = NOTHING_KEPT,
) -> Json:
    """Verify a program (None: all of them). Every finding counts as different; the first `limit` are listed.

    `progress` is told entries done and entries in all: each is looked at in its stream, and as a leaf of its tree.
    `against` are checkpoints that were kept elsewhere, by program. The log is sound when `first` is None.
    """
    if executor is None:
        # Spawned, not forked: the caller may run threads.
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            return verify(connect, program, executor=pool, progress=progress, limit=limit, against=against)
    with connect() as reader:
        total = reader.total(program)
        leaves = sum(reader.tree(name).size for name in reader.programs(program))
    whole = _shared(connect, program, executor, total, lambda done, of: progress(done, of + leaves), limit)
    checked = 0

    def another(rows: int) -> None:
        nonlocal checked
        checked += rows
        progress(whole.entries + checked, max(total + leaves, whole.entries + checked))

    told = {finding.position for finding in whole.findings}
    for spot in check_trees(connect, program, against, executor, another):
        if spot.position not in told:
            whole.found(Finding(spot.position, spot.program, None, spot.detail))
    for key, finding in whole.missing.items():
        if key not in whole.released:
            whole.found(finding)
    with connect() as reader:
        # Quantities are sums over all streams: only a log that stood still meanwhile can be held against them.
        if reader.total(program) == whole.entries:
            _takes(whole, reader.takes(program))
    whole.keep(limit)
    return {
        **{verdict: whole.verdicts[verdict] for verdict in ("equal", "different", "not_redecidable", "older_engine")},
        "first": msgspec.to_builtins(whole.findings[0]) if whole.findings else None,
        "findings": msgspec.to_builtins(whole.findings),
    }


ENTRIES_PER_TASK = 20_000


def _shared(
    connect: Connect,
    program: str | None,
    executor: Executor,
    total: int,
    progress: Callable[[int, int], None],
    limit: int,
) -> Tally:
    of = max(4 * (cpu_count() or 1), total // ENTRIES_PER_TASK)
    if total < ENTRIES_PER_TASK // 10:
        of = 1
    whole = Tally(Counter(), [])
    tasks = [executor.submit(verify_range, connect, program, number, of, limit) for number in range(of)]
    try:
        for task in as_completed(tasks):
            whole.add(task.result())
            whole.keep(limit)
            progress(whole.entries, max(total, whole.entries))
    finally:
        for task in tasks:
            task.cancel()
    return whole


def verify_range(connect: Connect, program: str | None, number: int, of: int, limit: int) -> Tally:
    """Verify the streams of one range out of `of`: ids are spread evenly, so ranges are alike."""
    first, last = (2**128 * number // of, 2**128 * (number + 1) // of - 1)
    with connect() as reader:
        task = _Task(reader, limit)
        span = (program, UUID(int=first), UUID(int=last))
        for _, parts in _by_stream(reader.rows(*span), reader.heads(*span), reader.claims(*span)):
            task.stream(*parts)
        return task.tally


def _by_stream(
    rows: Iterable[Row], heads: Iterable[Head], claims: Iterable[Claimed]
) -> Iterator[tuple[int, tuple[list[Row], list[Head], list[Claimed]]]]:
    sources = [_tagged(number, source) for number, source in enumerate((rows, heads, claims))]
    for stream, group in groupby(heapq.merge(*sources, key=itemgetter(0, 1)), key=itemgetter(0)):
        parts: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
        for _, number, one in group:
            parts[number].append(one)
        yield stream, parts


def _tagged(number: int, source: Iterable[Any]) -> Iterator[tuple[int, int, Any]]:
    for one in source:
        yield one.stream.int, number, one


# --- one stream ----------------------------------------------------------------------------------


class _Task:
    """A range's work: the tally, and the programs it met."""

    def __init__(self, reader: RowReader, limit: int) -> None:
        self.reader = reader
        self.limit = limit
        self.tally = Tally(Counter(), [], missing={}, released=set(), taken=Counter())
        self.timelines: dict[str, Timeline | None] = {}

    def stream(self, rows: list[Row], heads: list[Head], claims: list[Claimed]) -> None:
        """Check one stream: its chain, its outcomes, and what is kept beside it."""
        entries = self._chain(rows)
        sound = len(entries)
        self.tally.entries += len(rows)
        # The first touched row is a finding itself; what comes after it stands on a state that nobody knows.
        self.tally.verdicts["not_redecidable"] += max(0, len(rows) - sound - 1)
        if entries and entries[0].kind == "member":
            self._outcomes(rows, entries)
        elif entries and entries[0].kind == "program":
            self._rulebooks(rows, entries)
        elif entries and entries[0].kind == "reward":
            self._reward(rows, entries)
        else:
            self.tally.verdicts["equal"] += sound
        self._head(rows, entries, heads)
        if sound == len(rows):
            self._claims(rows, entries, claims)
        self.tally.keep(self.limit)

    def found(self, row: Row | Head, detail: str, entry: Entry | None = None) -> None:
        name = stream_name(row.program, row.kind, row.stream)
        self.tally.found(Finding(row.position, name, entry.at if entry else row.recorded_at, detail))

    def _chain(self, rows: list[Row]) -> list[Entry]:
        """Report every row that was touched; the entries before the first of them."""
        entries: list[Entry] = []
        # After a touched row the chain may go on from what it was or from what it is: the next row is not to blame.
        chain = {NO_DIGEST}
        before: Row | None = None
        for number, row in enumerate(rows):
            entry, problems = _entry(row)
            problems += _out_of_order(row, before)
            if row.version < 1:
                chain = {row.digest}
            else:
                right = {_digest(previous, row) for previous in chain}
                gap = row.version != (before.version if before else 0) + 1
                if row.digest not in right and not gap:
                    problems.append("its digest is not that of the stream up to here")
                chain = {row.digest} if row.digest in right else right | {row.digest}
            if problems:
                self.found(row, "; ".join(problems))
            elif entry is not None and len(entries) == number:
                entries.append(entry)
            before = row
        return entries

    def _outcomes(self, rows: list[Row], entries: list[Entry]) -> None:
        """Decide a member's entries again, and hold the recorded balances against the fold."""
        timeline = self._timeline(entries[0].program)
        if timeline is None:
            self.tally.verdicts["not_redecidable"] += len(entries)
            return
        drifted: set[int] = set()
        folded = 0

        def watch(member: Member, entry: Entry) -> None:
            nonlocal folded
            folded += 1
            if encoded(after(member, entry.recorded_at)) != encoded(entry.after):
                drifted.add(entry.version)

        decided = 0
        try:
            for difference in redecide(entries, timeline, watch):
                if difference.verdict == "different":
                    self.found(rows[decided], difference.detail, entries[decided])
                else:
                    self.tally.verdicts[difference.verdict] += 1
                decided += 1
        except Exception as error:  # noqa: BLE001 - whatever a planted entry breaks is a finding
            culprit = decided if folded == decided else folded
            self.found(rows[culprit], f"it cannot follow what came before: {error!r}"[:300], entries[culprit])
            self.tally.verdicts["not_redecidable"] += len(entries) - max(decided, culprit + 1)
        for version in sorted(drifted):
            self.found(rows[version - 1], "the balances it recorded are not those of its events", entries[version - 1])

    def _rulebooks(self, rows: list[Row], entries: list[Entry]) -> None:
        """Every published document must be the one its digest names, and give the trees that were stored.

        Every closed board must be of a leaderboard of its rulebook, and have the digest of its rows.
        """
        books: dict[int, Rulebook] = {}
        for row, entry in zip(rows, entries, strict=False):
            wrong: list[str] = []
            for event in entry.events:
                if isinstance(event, RulebookPublished):
                    wrong += _rulebook_problems(event, entry, books.get(event.number - 1))
                    books[event.number] = read(event.document)
                elif isinstance(event, LeaderboardClosed):
                    wrong += _close_problems(event, books.get(event.rulebook))
            if wrong:
                self.found(row, "; ".join(wrong), entry)
            else:
                self.tally.verdicts["equal"] += 1

    def _reward(self, rows: list[Row], entries: list[Entry]) -> None:
        """Decide a reward's entries again; each condition must give the tree that was stored with it."""
        timeline = self._timeline(entries[0].program)
        if timeline is None:
            self.tally.verdicts["not_redecidable"] += len(entries)
            return
        terms: RewardTerms | None = None
        for number, (row, entry) in enumerate(zip(rows, entries, strict=False)):
            try:
                terms = redecided(entry.input, entry.events, terms)
                wrong = _condition_problem(terms, entry, timeline)
            except (Refused, ValueError) as error:
                # What comes after it stands on terms that nobody knows.
                self.found(row, str(error), entry)
                self.tally.verdicts["not_redecidable"] += len(entries) - number - 1
                return
            if wrong:
                self.found(row, wrong, entry)
            else:
                self.tally.verdicts["equal"] += 1

    def _head(self, rows: list[Row], entries: list[Entry], heads: list[Head]) -> None:
        if not rows:
            for head in heads:
                self.found(head, "a state row, but no entry of this stream")
            return
        last = rows[-1]
        if not heads:
            self.found(last, "the stream has no state row")
            return
        (head,) = heads
        names = ("program", "kind", "version", "position", "recorded_at", "digest")
        wrong = [name for name in names if getattr(head, name) != getattr(last, name)]
        if wrong:
            # The lower of the two positions: where the log was, or the state row is, behind.
            self.found(head if head.position < last.position else last, f"the state row has another {', '.join(wrong)}")
        elif head.kind == "member" and head.shape == SHAPE and len(entries) == len(rows):
            try:
                kept = encoded(after(unpack(head.hot), head.recorded_at))
            except (msgspec.DecodeError, ValueError):
                kept = b""
            if kept != encoded(entries[-1].after):
                self.found(last, "the state row holds other balances")

    def _claims(self, rows: list[Row], entries: list[Entry], claims: list[Claimed]) -> None:
        """Rebuild the stream's claims from its entries, and compare with the table."""
        due: dict[tuple[str, str, str], Claimed] = {}
        for row, entry in zip(rows, entries, strict=True):
            for claim in entry.releases:
                key = (row.program, claim.kind, claim.key)
                if due.pop(key, None) is None:
                    self.tally.released.add(key)
            for claim in entry.claims:
                key = (row.program, claim.kind, claim.key)
                due[key] = Claimed(row.stream, *key, row.version, row.position, claim.hash)
            for take in entry.takes:
                self.tally.taken[row.program, take.kind, take.key] += take.amount
        for claimed in claims:
            key = (claimed.program, claimed.kind, claimed.key)
            if due.pop(key, None) != claimed:
                self.tally.found(_of_claim(claimed, rows, "is not the one in the log"))
        for key, lacking in due.items():
            self.tally.missing[key] = _of_claim(lacking, rows, "is not in the table")

    def _timeline(self, program: str) -> Timeline | None:
        """A program's rulebooks from the bytes in the log; None where these cannot be read."""
        if program not in self.timelines:
            rows = list(self.reader.stream(program_stream(program)))
            try:
                known = fold_program(KnownProgram(Program(), 0, b"", None, {}, {}, b""), rows)
                self.timelines[program] = known.timeline()
            except Exception:  # noqa: BLE001 - the program's own stream reports what is wrong with it
                self.timelines[program] = None
        return self.timelines[program]


def _of_claim(claim: Claimed, rows: list[Row], what: str) -> Finding:
    name = stream_name(claim.program, rows[0].kind if rows else "member", claim.stream)
    return Finding(claim.position, name, None, f"the claim {claim.kind} {claim.key!r} {what}")


def _digest(previous: bytes, row: Row) -> bytes:
    return row_digest(
        previous,
        program=row.program,
        kind=row.kind,
        stream=row.stream,
        version=row.version,
        recorded_at=row.recorded_at,
        topic=row.topic,
        state=row.state,
    )


def _out_of_order(row: Row, before: Row | None) -> Iterator[str]:
    if row.version != (before.version if before else 0) + 1:
        yield f"version {row.version} comes after {before.version if before else 0}"
    if before is not None and row.position <= before.position:
        yield "its position is not after that of the entry before"
    if before is not None and row.recorded_at <= before.recorded_at:
        yield "it was not recorded after the entry before"


def _entry(row: Row) -> tuple[Entry | None, list[str]]:
    """The entry of a row, and where the columns beside it say something else."""
    problems = []
    if row.seal != row_seal(row.digest, row.position):
        problems.append("its seal is not that of its digest and position")
    if row.topic != TOPIC:
        return None, [*problems, f"{row.topic!r} is no shape of entry that this code knows"]
    try:
        entry = decode(row.state)
    except (msgspec.DecodeError, ValueError) as error:
        return None, [*problems, f"it cannot be read: {error}"]
    if entry.stream != stream_name(row.program, row.kind, row.stream):
        problems.append(f"the entry inside says it is of stream {entry.stream}")
    if entry.version != row.version:
        problems.append(f"the entry inside says it is version {entry.version}")
    if entry.recorded_at != row.recorded_at:
        problems.append(f"the entry inside says it was recorded at {entry.recorded_at.isoformat()}")
    return entry, problems


def _rulebook_problems(event: RulebookPublished, entry: Entry, before: Rulebook | None) -> Iterator[str]:
    if digest_of(event.document) != event.digest:
        yield f"rulebook {event.number} is not the document of its digest"
    if not isinstance(entry.input, PublishRulebook) or entry.input.digest != event.digest:
        yield f"rulebook {event.number} is not the one that was asked to be published"
    judged = check(event.document, before=before)
    if not judged.ok or encoded(judged.trees) != encoded(event.trees):
        yield f"rulebook {event.number} does not give the trees that were stored with it"


def _condition_problem(terms: RewardTerms, entry: Entry, timeline: Timeline) -> str:
    """What is wrong with the stored meaning of a reward's condition, which was checked against the newest rules."""
    if not terms.when:
        return "a condition that nobody wrote" if terms.tree is not None else ""
    if not 0 < entry.pins.timeline <= timeline.number:
        return f"it was checked against rulebook {entry.pins.timeline}, which there is not"
    try:
        tree = check_condition(timeline.version(entry.pins.timeline).document, terms.when)
    except CheckFailed as failed:
        return f"its condition does not check: {failed}"
    return "" if encoded(tree) == encoded(terms.tree) else "its condition does not give the tree that was stored"


def _close_problems(event: LeaderboardClosed, book: Rulebook | None) -> Iterator[str]:
    """Rows beyond the first follow from results in other streams: where all are here, the digest is of these."""
    declared = book.leaderboards.get(event.leaderboard) if book is not None else None
    if declared is None or declared.ties != event.ties:
        yield f"rulebook {event.rulebook} has no such leaderboard as {event.leaderboard!r}"
    if len(event.top) > event.members:
        yield f"{event.leaderboard!r} has more rows than members"
    elif len(event.top) == event.members and digest(map(thawed, event.top)) != event.digest:
        yield f"the rows of {event.leaderboard!r} are not those of its digest"


def _takes(whole: Tally, kept: dict[tuple[str, str, str], int]) -> None:
    """Quantities: what the entries took, against what the table says is taken."""
    for key in sorted(whole.taken.keys() | kept.keys()):
        program, kind, name = key
        if whole.taken[key] != kept.get(key, 0):
            detail = f"{kind} {name!r}: {kept.get(key, 0)} taken, {whole.taken[key]} in the log"
            whole.found(Finding(0, program, None, detail))


# --- one member ----------------------------------------------------------------------------------


async def member(
    handler: Handler,
    program: str,
    member: str,
    *,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> Json:
    """A member's entries as known at an instant, and the state they lead to.

    `digest` is the end of the stream's chain there: whoever keeps it can tell later whether any of these entries,
    or their order, was changed. Raises UnknownMember, BadTime.
    """
    loaded, known = await handler.find(program, member)
    state = await view_as_of(handler, known, loaded, as_of=as_of, known_at=known_at)
    rows = [row for row in await handler.store.rows(loaded.stream) if row.recorded_at <= state["known_at"]]
    return {
        "member": member,
        "entries": [
            {"position": row.position, "digest": row.digest.hex(), "entry": msgspec.json.decode(row.state)}
            for row in rows
        ],
        "state": state,
        "digest": rows[-1].digest.hex(),
    }
