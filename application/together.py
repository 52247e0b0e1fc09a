"""Two members in one save: what one gives and the other takes is written together, or not at all.

Each stream is decided by itself, the second from what the first came to; the save is checked against both heads, and
whichever moved, both are decided again. In this process the two are taken in one order (`Handler.alone`), so that
nobody waits for somebody who waits; between processes one commit comes before the other.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec

from application.handle import MAX_TRIES, AlreadyThere, Handler, Stored
from application.ports import ClaimTaken, HeadMoved, NewRow, Save, TakeRefused, TimelineMoved, Unavailable
from application.programs import KnownProgram
from application.recent import Loaded
from application.rows import Wish, row_of, with_state
from application.spans import span
from domain.errors import Refused
from domain.member.decide import Decision, next_instant

First = Callable[[Loaded, Loaded], Wish]
"""What is wished of the first, from both as they are."""
Second = Callable[[Loaded, Loaded, Decision], Awaitable[Wish]]
"""What is wished of the second, from both and from what the first came to."""


class Both(msgspec.Struct, frozen=True):
    """The two entries of a save."""

    first: Stored
    second: Stored

    @property
    def position(self) -> int:
        """From here on both can be read."""
        return max(self.first.position, self.second.position)


async def save_both(handler: Handler, program: str, streams: tuple[UUID, UUID], first: First, second: Second) -> Both:
    """Carry out two wishes that belong together. The claims are the first's.

    Raises Refused, AlreadyThere when a claim is taken, Unavailable.
    """
    async with handler.alone(program, *streams):
        for _ in range(MAX_TRIES):
            one, _ = await handler.load_itself(program, streams[0])
            other, known = await handler.load_itself(program, streams[1])
            wish = first(one, other)
            try:
                done = await _decided(handler, known, one, other, wish, second)
            except Refused as refused:
                # Both heads were read just now. What they refuse may still be a repeat of what they took.
                taken = await handler.taken_claim(wish)
                if taken is not None:
                    raise AlreadyThere(taken) from refused
                raise
            try:
                with span("append"):
                    positions = await handler.store.append(_save(known, done))
            except ClaimTaken as taken:
                raise AlreadyThere(taken) from None
            except (HeadMoved, TimelineMoved, TakeRefused):
                continue
            finally:
                for loaded in (one, other):
                    handler.forget(program, loaded.member.id)
            pairs = zip(done, positions, strict=True)
            stored = [Stored(row.entry, position, decision=decision) for (row, _, decision), position in pairs]
            return Both(*stored)
    raise Unavailable("too many others change these members at once")


_Row = tuple[NewRow, Loaded, Decision]


async def _decided(
    handler: Handler, known: KnownProgram, one: Loaded, other: Loaded, wish: Wish, second: Second
) -> tuple[_Row, _Row]:
    """The rows of both, recorded at one instant under one save."""
    clock = one.clock or handler.wall()
    recorded_at = max(next_instant(one.member, clock), next_instant(other.member, clock))
    save = handler.new_id()
    decision, circumstances = await handler.decide(wish.command, one, known, recorded_at)
    given = (*row_of(wish, one, decision, circumstances, save), decision)
    answer = await second(one, other, decision)
    decision, circumstances = await handler.decide(answer.command, other, known, recorded_at)
    taken = (*row_of(answer, other, decision, circumstances, save), decision)
    return given, taken


def _save(known: KnownProgram, done: tuple[_Row, _Row]) -> Save:
    rows = tuple(with_state(row, loaded, known)[0] for row, loaded, _ in done)
    return Save(program=known.program.id, rows=rows, timeline=len(known.program.published))
