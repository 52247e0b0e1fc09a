"""What would have been, had another rulebook been in force for a while.

A member's stream is folded up to the window's beginning. From there on each recorded input is decided again: under the
trial while it rules, under its own pins after that, and always as the member would stand by then. Nothing is written;
what was spent stays spent where it could still have been, and what would have been refused is told as such.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from domain.calendar import MICROSECOND, Lookup, Offsets
from domain.errors import Refused
from domain.log import ENGINE, After, Entry, NotInStream, after, decode, decode_folded, fold
from domain.member.commands import ApplyCorrection, CorrectedActivity, ReturnActivity, Settle
from domain.member.decide import Decision, decide
from domain.member.draft import Circumstances, HistoryNeeded
from domain.member.events import MemberEventUnion, PointsClawedBack, PointsEarned, RuleFailed
from domain.member.settle import settled
from domain.member.state import Member
from domain.redecide import StreamHistory, taken_of
from domain.rules.compiled import CompiledRulebook, NoSuchCurrency
from domain.rules.timeline import Published, Timeline
from domain.takes import Take


class Trial(msgspec.Struct, frozen=True):
    """The rulebook that is tried, and when it rules: `begins <= rule time < ends`."""

    book: CompiledRulebook
    begins: datetime
    ends: datetime


class TrialTimeline(Timeline):
    """A program's versions with the trial in force in its window.

    `edits`: it has just come into force, so that what it says of what members have already is to be done.
    """

    def __init__(self, real: Timeline, trial: Trial, *, edits: bool = False) -> None:
        super().__init__(real.published, real.version)
        self._real = real
        self._trial = trial
        if edits:
            mine = Published(trial.book.number, trial.book.digest, trial.begins, trial.begins)
            self.published = (*real.published, mine)

    @property
    def number(self) -> int:
        return self._real.number

    def at(self, rule_time: datetime) -> CompiledRulebook | None:
        if self._trial.begins <= rule_time < self._trial.ends:
            return self._trial.book
        return self._real.at(rule_time)

    def look(self, rule_time: datetime) -> CompiledRulebook | None:
        if self._trial.begins <= rule_time < self._trial.ends:
            return self._trial.book
        return self._real.look(rule_time)

    def segmented(self, now: datetime) -> CompiledRulebook | None:
        if self._trial.begins <= now < self._trial.ends:
            return self._trial.book if self._trial.book.segments else None
        return self._real.segmented(now)

    def version(self, number: int) -> CompiledRulebook:
        return self._trial.book if number == self._trial.book.number else self._real.version(number)

    def cut(self, number: int) -> "TrialTimeline":
        return TrialTimeline(self._real.cut(number), self._trial)

    def edits(self, number: int) -> bool:
        if number != self._trial.book.number:
            return self._real.edits(number)
        # Segments are judged whenever anything is. Days that only the real rules reward stay planned: they rule again
        # when the window is over.
        return self._trial.book.edits or self._trial.book.celebrates is not None


class RuleSum(msgspec.Struct):
    """What a rule did: how often it granted, what it wanted, what it granted and what returns took back of that."""

    times: int = 0
    wanted: int = 0
    granted: int = 0
    taken_back: int = 0

    def add(self, other: "RuleSum") -> None:
        self.times += other.times
        self.wanted += other.wanted
        self.granted += other.granted
        self.taken_back += other.taken_back


class Side(msgspec.Struct):
    """One of the two stories: as recorded, or as tried."""

    after: After = After()
    rules: dict[tuple[str, str], RuleSum] = {}
    """By rule and currency, over the entries that were decided again."""
    takes: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    failed: Counter[str] = msgspec.field(default_factory=Counter)

    def note(self, events: Iterable[object], takes: Iterable[Take]) -> None:
        for event in events:
            match event:
                case PointsEarned():
                    mine = self._rule(event.rule, event.currency)
                    mine.times += event.points > 0
                    mine.wanted += event.wanted
                    mine.granted += event.points
                case PointsClawedBack():
                    self._rule(event.rule, event.currency).taken_back += event.points
                case RuleFailed():
                    self.failed[event.rule] += 1
                case _:
                    pass
        for take in takes:
            self.takes[take.kind, take.key] += take.amount

    def _rule(self, rule: str, currency: str) -> RuleSum:
        found = self.rules.get((rule, currency))
        if found is None:
            found = self.rules[rule, currency] = RuleSum()
        return found


class MemberOutcome(msgspec.Struct):
    """A member in both stories, settled at the same instant."""

    member: str
    enrolled_at: datetime | None
    recorded: Side
    tried: Side
    entries: int = 0
    decided: int = 0
    different: int = 0
    """Entries decided again, and those of them that grant or take back other points."""
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    """Inputs that the trial refuses, by code."""
    older_engine: int = 0


class WhatIf:
    """The question for one program: the trial against its timeline. Ask it for each member's stream.

    `offset` looks up what no entry has pinned; `now` is the instant at which both stories are compared.
    """

    def __init__(self, timeline: Timeline, trial: Trial, zone: str, now: datetime, offset: Lookup) -> None:
        self.timeline = timeline
        self.trial = trial
        self.zone = zone
        self.now = now
        self.offset = offset

    def of(self, states: Sequence[bytes]) -> MemberOutcome:
        """The outcome of one member's stream, given as stored bytes in order of version."""
        return Retold(self, states).outcome()


class Retold:
    """One stream told twice."""

    def __init__(self, asked: WhatIf, states: Sequence[bytes]) -> None:
        self.asked = asked
        self.states = states
        self.recorded = Member()
        self.tried = Member()
        self.retold: list[_Told] = []
        self.apart = 0
        """How many entries both stories share."""
        self.history: StreamHistory | None = None
        self.told_to_history: list[Entry] = []
        self.under_trial: set[int] = set()
        """Versions of entries that the trial rules."""
        self.result = MemberOutcome("", None, Side(), Side(), entries=len(states))

    def outcome(self) -> MemberOutcome:
        for state in self.states:
            folded = decode_folded(state)
            if folded.recorded_at >= self.asked.trial.begins or folded.at >= self.asked.trial.begins:
                break
            fold(self.recorded, folded)
            self.apart += 1
        self.tried = self.recorded.copy()
        for state in self.states[self.apart :]:
            self._again(decode(state))
        result = self.result
        result.member, result.enrolled_at = self.recorded.id, self.recorded.enrolled_at
        result.recorded.after = self._settled(self.recorded, self.asked.timeline)
        result.tried.after = self._settled(
            self.tried, TrialTimeline(self.asked.timeline, self.asked.trial, edits=not self.retold)
        )
        return result

    def _settled(self, member: Member, timeline: Timeline) -> After:
        """What a member has and is by the instant of comparison."""
        if not member.exists:
            return After()
        last = member.recorded_at
        now = self.asked.now if last is None or self.asked.now > last else last + MICROSECOND
        circumstances = Circumstances(
            program="", zone=self.asked.zone, recorded_at=now, timeline=timeline, offsets=Offsets(self.asked.offset)
        )
        return after(settled(member, circumstances)[0], now)

    def _again(self, entry: Entry) -> None:
        result = self.result
        result.recorded.note(entry.events, entry.takes)
        decision = self._decided(entry)
        if decision is None:
            # Nothing happened in this story; the next entry has the number that it has.
            self.tried.version, self.tried.recorded_at = entry.version, entry.recorded_at
            self.retold.append(_Told(entry, None))
        else:
            result.decided += 1
            result.tried.note(decision.events, decision.takes)
            result.different += _points(decision.events) != _points(entry.events)
            self.tried = decision.member
            if decision.rulebook == self.asked.trial.book.number:
                self.under_trial.add(entry.version)
            self.retold.append(_Told(entry, decision))
        if self.history is not None:
            self.told_to_history.append(self.retold[-1].entry())
        fold(self.recorded, entry)

    def _decided(self, entry: Entry) -> Decision | None:
        if entry.pins.engine != ENGINE:
            self.result.older_engine += 1
            return None
        command = entry.input if entry.input is not None else Settle()
        if isinstance(command, ReturnActivity) and not command.origin and self._was_refused(command.original):
            self.result.refused["unknown-activity"] += 1
            return None
        if isinstance(command, ApplyCorrection):
            command = msgspec.structs.replace(command, rows=self._not_tried(command), seen=self.tried.version)
        circumstances = Circumstances(
            program=entry.program,
            zone=entry.pins.zone,
            recorded_at=entry.recorded_at,
            timeline=TrialTimeline(
                self.asked.timeline.cut(entry.pins.timeline), self.asked.trial, edits=not self.retold
            ),
            offsets=self._offsets(entry),
            history=self.history,
            # What nobody asked for then is as if nothing had been taken: members are retold apart from each other.
            taken=taken_of(entry).looking_back(),
        )
        try:
            try:
                return decide(command, self.tried, circumstances)  # type: ignore[arg-type]
            except HistoryNeeded:
                self._remember()
                return decide(command, self.tried, msgspec.structs.replace(circumstances, history=self.history))  # type: ignore[arg-type]
        except Refused as refused:
            self.result.refused[refused.code] += 1
            return None
        except (NotInStream, NoSuchCurrency):
            # It looks back at something that this story does not have.
            self.result.refused["not-decidable"] += 1
            return None

    def _not_tried(self, command: ApplyCorrection) -> tuple[CorrectedActivity, ...]:
        """What is tried says itself what its activities earn, and what follows: of these nothing is corrected here."""
        own = [row for row in command.rows if not row.cascaded]
        left = [row for row in own if row.activity not in self.under_trial]
        follows = [row for row in command.rows if row.cascaded] if len(left) == len(own) else []
        return (*left, *follows)

    def _offsets(self, entry: Entry) -> Offsets:
        pinned, offset = entry.pins.offsets, self.asked.offset

        def lookup(zone: str, seconds: int) -> int:
            found = pinned.get(zone, {}).get(seconds)
            return found if found is not None else offset(zone, seconds)

        return Offsets(lookup)

    def _was_refused(self, version: int) -> bool:
        number = version - 1 - self.apart
        return 0 <= number < len(self.retold) and self.retold[number].decision is None

    def _remember(self) -> None:
        """Keep this story's entries from now on: few members return anything."""
        self.told_to_history = [decode(state) for state in self.states[: self.apart]]
        self.told_to_history += [one.entry() for one in self.retold]
        self.history = StreamHistory(self.told_to_history)


class _Told(msgspec.Struct, frozen=True):
    """A recorded entry, and what became of its input (None: it was refused)."""

    recorded: Entry
    decision: Decision | None

    def entry(self) -> Entry:
        """The entry of this story in the place of the recorded one."""
        recorded, decision = self.recorded, self.decision
        if decision is None:
            return msgspec.structs.replace(recorded, events=(), settled=0, input=None, takes=())
        return msgspec.structs.replace(
            recorded,
            at=decision.at,
            pins=msgspec.structs.replace(recorded.pins, rulebook=decision.rulebook),
            events=decision.events,
            settled=decision.settled,
            takes=decision.takes,
        )


def _points(events: Iterable[MemberEventUnion | object]) -> list[tuple[str, str, int]]:
    return [
        (event.rule, event.currency, event.points if isinstance(event, PointsEarned) else -event.points)
        for event in events
        if isinstance(event, PointsEarned | PointsClawedBack) and event.points
    ]
