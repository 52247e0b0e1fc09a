"""The sweeper: write down what time has made true.

It only makes entries earlier than the next request would: what a member has does not depend on it, for reads and
decisions settle by themselves.
"""

from datetime import datetime
from uuid import UUID

import structlog

from application.handle import Handler, NothingDue
from application.ports import Unavailable
from application.rows import Wish
from application.spans import span
from domain.member.commands import Settle

PAGE = 500

_log = structlog.get_logger(__name__)


async def settle_due(handler: Handler, program: str, now: datetime, *, actor: str = "system:sweeper") -> int:
    """Settle every member of a program for whom something is due at `now`; how many there were.

    Each is tried once: whoever cannot be settled is logged, and is due again in the next run. Raises Unavailable.
    """
    tried: set[UUID] = set()
    left = 0
    with span("sweep"):
        settled = await _settle_edits(handler, program, now, actor)
        # Those that are left stay due, and would fill the page.
        while fresh := [one for one in await handler.store.due(program, now, PAGE + left) if one not in tried]:
            for stream in fresh:
                tried.add(stream)
                if await _settle(handler, program, stream, actor):
                    settled += 1
                else:
                    left += 1
    return settled


async def _settle_edits(handler: Handler, program: str, now: datetime, actor: str) -> int:
    """Bring edited rules to everybody, once: no member knows by itself that something is due."""
    known = await handler.programs.get(program, await handler.store.timeline(program))
    timeline = known.timeline()
    newest = max(
        (one.number for one in timeline.published if one.effective_from <= now and timeline.edits(one.number)),
        default=0,
    )
    if newest <= 1 or newest <= await handler.store.edits_swept(program):
        return 0
    settled, after = 0, None
    while page := await handler.store.members(program, after, PAGE):
        for stream in page:
            settled += await _settle(handler, program, stream, actor)
        after = page[-1]
    await handler.store.edits_swept(program, newest)
    return settled


async def _settle(handler: Handler, program: str, stream: UUID, actor: str) -> bool:
    wish = Wish(program=program, command=Settle(), actor=actor, by_time=True)
    try:
        await handler.handle(wish, *await handler.load(program, stream))
    except NothingDue:
        # Another request was faster, or the program's clock has not reached the sweeper's.
        return False
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - one member must not keep time from the others
        # No message and no traceback: they could quote the member.
        _log.error("member_not_settled", program=program, stream=str(stream), error=type(error).__name__)
        return False
    return True
