"""The follower that sends every event of the log to a broker.

Its position moves when the broker has taken all of a batch, so nothing is left out wherever a process dies; what was
sent before it died is sent again, under the same id. A member's events go one after the other.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from application.follow import Log, Placed, Positions, Runner, Transaction
from application.messages import Message, Whose, message

VERSION = 1
BATCH = 500


class Sent(msgspec.Struct, frozen=True):
    """A message, and whose stream it is of."""

    program: str
    stream: UUID
    message: Message


class Publisher(Protocol):
    """A broker that keeps what it takes."""

    async def publish(self, lanes: Sequence[Sequence[Sent]]) -> None:
        """Send all of it, each lane in order; return when the broker has it. Raises Unavailable."""


class People(Protocol):
    async def all_whose(self, transaction: Transaction, streams: Collection[UUID]) -> Mapping[UUID, Whose]:
        """Whose streams they are, as of now."""


def follower_name(name: str) -> str:
    return f"broker {name}"


class Broadcaster:
    """The follower. `programs` empty means all."""

    version = VERSION

    def __init__(self, name: str, publisher: Publisher, people: People, programs: frozenset[str]) -> None:
        self.name = follower_name(name)
        self._publisher = publisher
        self._people = people
        self._programs = programs

    async def take(self, batch: Sequence[Placed], transaction: Transaction) -> None:
        ours = [one for one in batch if not self._programs or one.program in self._programs]
        if not ours:
            return
        whose = await self._people.all_whose(transaction, {one.stream for one in ours})
        lanes = defaultdict[UUID, list[Sent]](list)
        for one in ours:
            about = whose.get(one.stream, Whose())
            lanes[one.stream] += (
                Sent(one.program, one.stream, message(one.entry, one.position, number, about))
                for number in range(len(one.entry.events))
            )
        await self._publisher.publish(list(lanes.values()))


async def begin(name: str, positions: Positions, *, at_the_end: bool) -> None:
    """Let a broker that is new begin: with the first entry, or behind the last one."""
    follower = follower_name(name)
    if await positions.standing(follower) is not None:
        return
    head = await positions.head() if at_the_end else 0
    await positions.register(follower, VERSION)
    if head:
        async with positions.advance(follower, VERSION, 0, head):
            pass


def runner(broadcaster: Broadcaster, store: Log, positions: Positions) -> Runner:
    return Runner(broadcaster, store, positions, BATCH)
