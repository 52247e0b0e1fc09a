"""The sweeper: write down what time has made true.

It only makes entries earlier than the next request would: what a member has does not depend on it, for reads and
decisions settle by themselves.
"""

from datetime import datetime

from application.handle import Handler, Wish
from domain.member.commands import Settle

PAGE = 500


async def settle_due(handler: Handler, program: str, now: datetime, *, actor: str = "system:sweeper") -> int:
    """Settle every member of a program for whom something is due at `now`; how many there were."""
    settled = 0
    while streams := await handler.store.due(program, now, PAGE):
        for stream in streams:
            wish = Wish(program=program, command=Settle(), actor=actor, by_time=True)
            stored = await handler.handle(wish, *await handler.load(program, stream))
            if stored.entry.settled == 0:
                # The program's clock has not reached `now`: there is nothing to write down yet.
                return settled
            settled += 1
    return settled
