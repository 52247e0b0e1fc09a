"""given / when / then on the pure domain.

    given(rulebook(per(1000, 1)), enrolled()).when(bought(105_00)).then(earned(10)).balance(10)

A step is a command and the moment at which the program learns of it. `then`, `balance` and `refused` check
two laws beside what they are asked: deciding again gives the same events, and `redecide` over the produced
entries finds them equal. Events are compared by the fields a test names; the notes that an activity was
recorded, returned or a member enrolled are left out.
"""

# ruff: noqa: A002 - things are told apart by their `id`, in tests as in bodies

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pytest

from domain.errors import Refused
from domain.log import Entry
from domain.member.commands import MemberCommand
from domain.member.events import (
    ActivityRecorded,
    ActivityReversed,
    LotActivated,
    LotExpired,
    LotsRescheduled,
    MemberEnrolled,
    MemberEventUnion,
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsGivenBack,
    PointsRedeemed,
    RuleFailed,
    TierChanged,
    TierRenewed,
)
from domain.member.settle import settled
from domain.member.wallet import balance
from domain.redecide import redecide
from tests.build import (
    Json,
    Stream,
    World,
    adjust,
    enrol,
    folded,
    instant,
    purchase,
    redeem,
    refund,
)


class Step(msgspec.Struct, frozen=True):
    """Something to do, and when the program learns of it."""

    act: Callable[[Stream], Entry | None]


class Told(msgspec.Struct, frozen=True):
    """An expected event: its type, and the fields that matter."""

    kind: type[Any]
    fields: dict[str, Any]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, self.kind) and all(
            getattr(other, name) == value for name, value in self.fields.items()
        )

    def __hash__(self) -> int:
        return hash(self.kind)

    def __repr__(self) -> str:
        return f"{self.kind.__name__}({self.fields})"


_NOTES = (ActivityRecorded, ActivityReversed, MemberEnrolled)


# --- steps -------------------------------------------------------------------------------------


def do(command: MemberCommand | Callable[[Stream], MemberCommand], at: str | datetime) -> Step:
    return Step(lambda stream: stream.do(command(stream) if callable(command) else command, at))


def enrolled(at: str | datetime = "2026-01-01", member: str = "ann", **more: Any) -> Step:
    return do(enrol(at, member, **more), at)


def bought(
    amount_minor: int,
    id: str = "p1",
    at: str | datetime = "2026-01-02",
    learned: str | datetime | None = None,
    **data: Any,
) -> Step:
    return do(purchase(amount_minor, id, at, **data), learned or at)


def returned(amount_minor: int | None, of: str = "p1", at: str | datetime = "2026-01-10", id: str = "r1") -> Step:
    return do(lambda stream: refund(stream, of, amount_minor, at, id), at)


def redeemed(amount: int, at: str | datetime, id: str = "spend", order: str | None = None) -> Step:
    return do(redeem(amount, id, order=order), at)


def adjusted(amount: int, at: str | datetime, id: str = "adj", **more: Any) -> Step:
    return do(adjust(amount, id, **more), at)


def swept(at: str | datetime) -> Step:
    return Step(lambda stream: stream.settle(at))


def published(document: Json, at: str | datetime) -> Step:
    """Another rulebook comes into force."""

    def act(stream: Stream) -> None:
        stream.world.publish(document, instant(at))

    return Step(act)


# --- expectations ------------------------------------------------------------------------------


def earned(amount: int, rule: str = "base", **fields: Any) -> Told:
    return Told(PointsEarned, {"points": amount, "rule": rule, **fields})


def clawed_back(amount: int, **fields: Any) -> Told:
    return Told(PointsClawedBack, {"points": amount, **fields})


def given_back(amount: int, **fields: Any) -> Told:
    return Told(PointsGivenBack, {"points": amount, **fields})


def spent(amount: int, **fields: Any) -> Told:
    return Told(PointsRedeemed, {"points": amount, **fields})


def expired(amount: int, at: str | datetime | None = None, **fields: Any) -> Told:
    return Told(LotExpired, {"points": amount, **({"at": instant(at)} if at else {}), **fields})


def rescheduled(until: str | datetime | None, **fields: Any) -> Told:
    return Told(LotsRescheduled, {"expires_at": instant(until) if until else None, **fields})


def activated(amount: int, **fields: Any) -> Told:
    return Told(LotActivated, {"points": amount, **fields})


def corrected(amount: int, **fields: Any) -> Told:
    return Told(PointsAdjusted, {"points": amount, **fields})


def moved_to(level: str | None, **fields: Any) -> Told:
    return Told(TierChanged, {"to": level, **fields})


def renewed(level: str | None, **fields: Any) -> Told:
    return Told(TierRenewed, {"level": level, **fields})


def failed(rule: str, **fields: Any) -> Told:
    return Told(RuleFailed, {"rule": rule, **fields})


# --- the sentence ------------------------------------------------------------------------------


def given(document: Json | World, *steps: Step, zone: str = "UTC") -> "Given":
    world = document if isinstance(document, World) else World(document, zone=zone)
    stream = Stream(world)
    for step in steps:
        step.act(stream)
    return Given(stream)


class Given:
    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def when(self, step: Step) -> "Outcome":
        before = len(self.stream.entries)
        try:
            step.act(self.stream)
        except Refused as refusal:
            return Outcome(self.stream, None, refusal)
        return Outcome(self.stream, self.stream.entries[-1] if len(self.stream.entries) > before else None, None)


class Outcome:
    """What came of a command."""

    def __init__(self, stream: Stream, entry: Entry | None, refusal: Refused | None) -> None:
        self.stream = stream
        self.entry = entry
        self.refusal = refusal
        lawful(stream)

    @property
    def events(self) -> tuple[MemberEventUnion, ...]:
        assert self.refusal is None, f"refused: {self.refusal}"
        assert self.entry is not None
        return self.entry.events  # type: ignore[return-value]

    def then(self, *expected: Told) -> "Outcome":
        """These events and no others, in this order."""
        assert [event for event in self.events if not isinstance(event, _NOTES)] == list(expected)
        return self

    def balance(
        self,
        available: int,
        *,
        pending: int = 0,
        debt: int = 0,
        at: str | datetime | None = None,
        currency: str = "points",
    ) -> "Outcome":
        """What the member has at `at` (now: as of the last entry), swept or not."""
        member = self.stream.member
        assert member.recorded_at is not None
        now = instant(at) if at else member.recorded_at
        later, _ = settled(member, self.stream.world.circumstances(now))
        held = balance(later, currency, now)
        assert (held.available, held.pending, held.debt) == (available, pending, debt)
        return self

    def tier(self, level: str | None, at: str | datetime | None = None) -> "Outcome":
        """The level at `at`, swept or not."""
        assert self.stream.member.recorded_at is not None
        now = instant(at) if at else self.stream.member.recorded_at
        later, _ = settled(self.stream.member, self.stream.world.circumstances(now))
        standing = later.tiers.get("status")
        assert (standing.level if standing else None) == level
        return self

    def refused(
        self, code: str, *, errors: Sequence[tuple[str, str]] | None = None, reasons: Sequence[str] | None = None
    ) -> "Outcome":
        """With `errors` or `reasons`, these are all that the refusal names."""
        assert self.refusal is not None, f"it was not refused: {self.entry}"
        assert self.refusal.code == code
        assert errors is None or list(self.refusal.errors) == list(errors)
        assert reasons is None or list(self.refusal.reasons) == list(reasons)
        return self

    def when(self, step: Step) -> "Outcome":
        return Given(self.stream).when(step)


def lawful(stream: Stream) -> None:
    """Deciding again gives the same events, and so does a decision made again from the entries alone."""
    verdicts = list(redecide(stream.entries, stream.world.timeline()))
    assert [found for found in verdicts if found.verdict != "equal"] == []
    assert [found.version for found in verdicts] == [entry.version for entry in stream.entries]
    if stream.entries:
        last = stream.entries[-1]
        assert last.after is not None
        member = folded(stream.entries)
        assert {name: balance(member, name, last.recorded_at) for name in last.after.balances} == last.after.balances


def refuses(step: Step, stream: Stream) -> str:
    """The code a step is refused with."""
    with pytest.raises(Refused) as refusal:
        step.act(stream)
    return refusal.value.code
