"""A rulebook tried out before it is published: whatever is earned and wholly returned leaves nothing.

Activities are made from each type's schema. Each is recorded for a new member, returned in part and then whole; what
every rule granted has to be taken back to the last point, and every measure has to stand where it stood.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from domain.calendar import BEGINNING, FOREVER, Offsets
from domain.errors import Refused
from domain.log import ENGINE, Entry, Pins, stream_name
from domain.member.commands import EnrolMember, MemberCommand, RecordActivity, ReturnActivity
from domain.member.decide import Decision
from domain.member.decide import decide as decide_for_real
from domain.member.draft import Circumstances
from domain.member.events import ActivityRecorded, ActivityReversed, PointsClawedBack, PointsEarned
from domain.member.state import Member
from domain.redecide import StreamHistory
from domain.rules.celtree import Tree
from domain.rules.check import Checked, Finding
from domain.rules.compiled import CompiledRulebook
from domain.rules.payloads import payloads
from domain.rules.rulebook import Rulebook
from domain.rules.timeline import Published, Timeline
from domain.takes import Taken

Json = Any
Decide = Callable[[MemberCommand, Member, Circumstances], Decision]

ACTIVITIES, IN_ALL = 24, 500
"""How many are tried of each type and instant, and how many of all types together."""
INSTANTS = 4
_USUAL = datetime(2026, 1, 15, 12, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
_NOWHERE = stream_name("rehearsal", "member", UUID(int=0))


class Asymmetry(msgspec.Struct, frozen=True):
    """A rule (or a measure) of which a whole return left something, and the payload that shows it."""

    kind: str
    name: str
    detail: str
    payload: Json


class Rehearsed(msgspec.Struct, frozen=True):
    """How many activities were tried, how many of them earned something, and what did not come back."""

    tried: int
    earned: int
    found: tuple[Asymmetry, ...]


def rehearsed(document: Rulebook, checked: Checked) -> Checked:
    """A document's findings with those of its rehearsal, once it has no errors."""
    if not checked.ok:
        return checked
    numbers = {rule.id: number for number, rule in enumerate(document.rules)}
    findings = []
    for one in rehearse(document, checked.trees).found:
        number = numbers.get(one.name)
        at = f"/activities/{one.kind}" if number is None else f"/rules/{number}"
        shown = msgspec.json.encode(one.payload).decode()
        message = f"{one.name or one.kind}: after a whole return {one.detail}; try {shown[:300]}"
        findings.append(Finding("warning", "not-symmetric", at, message, None if number is None else one.name))
    return Checked((*checked.findings, *findings), checked.trees)


def rehearse(document: Rulebook, trees: Mapping[str, Tree], decide: Decide = decide_for_real) -> Rehearsed:
    """Try a checked document. The same document always gives the same answer."""
    book = CompiledRulebook(1, "", document, trees)
    begun = tried = earned = 0
    found: dict[tuple[str, str], Asymmetry] = {}
    for kind, activity in document.activities.items():
        if activity.role is not None:
            continue
        for at in _instants(document, kind):
            for data in payloads(activity.data, trees, min(ACTIVITIES, IN_ALL - begun)):
                begun += 1
                trial = _Trial(book, decide, at)
                try:
                    if not trial.record(kind, data):
                        continue
                except Refused:
                    # A payload that the rules do not take (its amount is out of range): nothing was earned.
                    continue
                tried += 1
                earned += trial.has_earned
                for name, detail in trial.left():
                    found.setdefault((kind, name), Asymmetry(kind, name, detail, data))
    return Rehearsed(tried, earned, tuple(found.values()))


def _instants(document: Rulebook, kind: str) -> list[datetime]:
    """An instant at which each rule of a type is in force, as far as there are few."""
    found = [_USUAL]
    for rule in document.rules:
        if rule.on != kind:
            continue
        starts = datetime.fromisoformat(rule.starts).astimezone(UTC) if rule.starts else BEGINNING
        ends = datetime.fromisoformat(rule.ends).astimezone(UTC) if rule.ends else FOREVER
        if starts < ends and not any(starts <= at < ends for at in found):
            found.append(starts if rule.starts else ends - timedelta(days=1))
    return [at for at in found if _EARLIEST < at < _LATEST][:INSTANTS]


class _Trial:
    """One member, one activity, and its return."""

    def __init__(self, book: CompiledRulebook, decide: Decide, at: datetime) -> None:
        self.book = book
        self.decide = decide
        self.at = at
        self.member = Member()
        self.entries: list[Entry] = []

    def record(self, kind: str, data: Json) -> bool:
        """Enrol and record; whether the activity earned or counted anything."""
        self._do(EnrolMember(member="m", enrolled_at=self.at - timedelta(days=1)))
        self._do(RecordActivity(source="s", id="a", type=kind, occurred_at=self.at, data=data))
        return any(event.points for event in self._awards()) or any(self._counted().values())

    @property
    def has_earned(self) -> bool:
        return any(event.points for event in self._awards())

    def left(self) -> Iterator[tuple[str, str]]:
        """What remains of rules and measures after a return of about a third, and then of the rest."""
        amount = self.entries[-1].input.data.get("amount_minor")  # type: ignore[union-attr]
        try:
            if isinstance(amount, int) and not isinstance(amount, bool) and amount > 2:
                self._return("r1", amount // 3)
            self._return("r2", None)
        except Refused as refused:
            yield "", f"the return is refused: {refused}"
            return
        rest: Counter[str] = Counter()
        for award in self._awards():
            rest[award.rule] += award.points
        for event in self._events():
            if isinstance(event, PointsClawedBack):
                rest[event.rule] -= event.points
        for rule, points in rest.items():
            if points:
                yield rule, f"{points} points of it stay"
        for name, count in self._counted().items():
            if count and name.startswith("measure:"):
                yield name, f"{count} of it stays"

    def _return(self, name: str, amount: int | None) -> None:
        original = self.entries[1]
        self._do(
            ReturnActivity(
                source="s", id=name, activity_source="s", activity_id="a", original=original.version,
                occurred_at=self.at, amount_minor=amount,
            )
        )  # fmt: skip

    def _do(self, command: MemberCommand) -> None:
        recorded_at = self.at + timedelta(seconds=len(self.entries))
        circumstances = Circumstances(
            program="rehearsal",
            zone="UTC",
            recorded_at=recorded_at,
            timeline=Timeline((Published(1, "", BEGINNING, BEGINNING),), lambda _number: self.book),
            offsets=Offsets(lambda _zone, _seconds: 0),
            history=StreamHistory(self.entries),
            taken=Taken(otherwise=0),
        )
        decision = self.decide(command, self.member, circumstances)
        self.member = decision.member
        self.entries.append(
            Entry(
                stream=_NOWHERE, version=len(self.entries) + 1, save="", recorded_at=recorded_at, at=decision.at,
                actor="", input=command, pins=Pins(engine=ENGINE, timeline=1, rulebook=decision.rulebook),
                facts={"taken": circumstances.taken.used} if circumstances.taken.used else {},
                events=decision.events, settled=decision.settled,
            )
        )  # fmt: skip

    def _events(self) -> Iterable[Any]:
        return (event for entry in self.entries[1:] for event in entry.events)

    def _awards(self) -> list[PointsEarned]:
        return [event for event in self.entries[1].events if isinstance(event, PointsEarned)]

    def _counted(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for event in self._events():
            if isinstance(event, ActivityRecorded | ActivityReversed):
                found.update(event.counts)
        return found
