"""What webhooks would be told of a stretch of the log, for who listens on a machine of their own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from application.messages import Message, Whose, message, wanted
from application.ports import EventStore
from domain.log import decode

PAGE = 500


async def messages(
    store: EventStore,
    whose: Callable[[UUID], Awaitable[Whose]],
    program: str,
    *,
    types: frozenset[str],
    after: int,
) -> AsyncIterator[tuple[int, Message]]:
    """(position, message) of what lies behind a position now, in the order of the log."""
    while rows := await store.log(program, after=after, limit=PAGE):
        for row in rows:
            entry = decode(row.state)
            numbers = [number for number, event in enumerate(entry.events) if wanted(event, types, {})]
            owner = await whose(row.stream) if numbers else Whose()
            for number in numbers:
                yield row.position, message(entry, row.position, number, owner)
        after = rows[-1].position
