"""A household in memory: its stream, those of its members, and what goes between them as the application has it."""

from datetime import datetime

from domain.log import Entry
from domain.member.commands import (
    Brought,
    FormHousehold,
    JoinHousehold,
    LeaveHousehold,
    ReceivePoints,
    RedeemPoints,
    SeatMember,
    SendPoints,
    SurrenderPoints,
    VacateSeat,
)
from domain.member.events import Part, PointsReceived, PointsSent
from domain.member.households import pooled
from domain.member.pool import SpendingLimit
from tests.build import Stream, World, instant, refund

When = str | datetime


class Home:
    """A household of some number, which nobody belongs to at first."""

    def __init__(
        self,
        world: World,
        at: When,
        *,
        number: int = 9,
        name: str = "smiths",
        spenders: str = "all",
        leaving: str = "take",
        limit: SpendingLimit | None = None,
    ) -> None:
        self.stream = Stream(world, number=number)
        self.stream.do(FormHousehold(household=name, spenders=spenders, leaving=leaving, limit=limit), at)

    @property
    def next(self) -> int:
        return len(self.stream.entries) + 1

    def join(self, person: Stream, at: When, role: str = "member") -> None:
        joined = person.do(JoinHousehold(household=self.stream.id.hex, entry=self.next), at)
        self.stream.do(SeatMember(member=person.id.hex, entry=joined.version, role=role), at)

    def leave(self, person: Stream, at: When) -> dict[str, int]:
        """What went along, by currency."""
        command = VacateSeat(
            id=f"leave-{self.next}", members=(person.id.hex,), to=person.id.hex, entry=len(person.entries) + 1
        )
        gone = self.stream.do(command, at)
        sent = [event for event in gone.events if isinstance(event, PointsSent)]
        brought = tuple(Brought(event.currency, event.parts) for event in sent)
        left = LeaveHousehold(id=command.id, household=self.stream.id.hex, entry=gone.version, brought=brought)
        person.do(left, at)
        return {event.currency: event.points for event in sent}

    def give(self, person: Stream, amount: int, at: When, name: str = "g1") -> Entry:
        command = SendPoints(id=name, to=self.stream.id.hex, entry=self.next, currency="points", points=amount)
        sent = person.do(command, at)
        event = next(event for event in sent.events if isinstance(event, PointsSent))
        received = ReceivePoints(
            id=name, sender=person.id.hex, entry=sent.version, currency="points", parts=event.parts
        )  # fmt: skip
        return self.stream.do(received, at)

    def spend(
        self, amount: int, by: Stream | None, at: When, name: str = "s1", hold_seconds: int | None = None
    ) -> Entry:
        who = by.id.hex if by is not None else ""
        return self.stream.do(
            RedeemPoints(id=name, currency="points", points=amount, by=who, hold_seconds=hold_seconds), at
        )

    def take_back(
        self, person: Stream, order: str, amount: int | None, at: When, name: str = "r1"
    ) -> tuple[Entry, Entry | None]:
        """A return with what the pool has of it: the person's entry, and the household's if points come from there."""
        back = refund(person, order, amount, at, name)
        there = pooled(self.stream.member, {(person.id.hex, back.original)}, instant(at))
        if not there:
            return person.do(back, at), None
        back = type(back)(
            **{field: getattr(back, field) for field in back.__struct_fields__}
            | {"household": self.stream.id.hex, "household_entry": self.next, "pooled": there}
        )
        entry = person.do(back, at)
        taken = tuple(
            Brought(
                event.currency, tuple(Part(one.origin, one.points, one.expires_at, one.idle) for one in event.parts)
            )
            for event in entry.events
            if isinstance(event, PointsReceived)
        )
        if not taken:
            return entry, None
        surrender = SurrenderPoints(id=name, to=person.id.hex, entry=entry.version, brought=taken)
        return entry, self.stream.do(surrender, at)
