"""Recording an activity for somebody who does not wait for the answer: what came of it, whatever it is."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from application.answers import Answered
from application.ports import Unavailable
from domain.errors import MemberErasedAlready, Refused

log = structlog.get_logger(__name__)

TRIES = 3
"""How often one is tried that fails without being refused."""
PAUSE = 0.2


class Failed(msgspec.Struct, frozen=True):
    """Why an activity is not recorded, as a problem would say. `erased` says that its member was."""

    code: str
    detail: str
    erased: bool = False


async def attempt(record: Callable[[], Awaitable[Answered]], **about: str) -> Answered | Failed:
    """The answer, or why there is none. Raises Unavailable, with which nothing is said about the activity.

    `about` names it in the log.
    """
    failed = ""
    for tried in range(1, TRIES + 1):
        try:
            return await record()
        except Unavailable:
            raise
        except Refused as refused:
            return Failed(refused.code, refused.message[:500], isinstance(refused, MemberErasedAlready))
        except Exception as error:
            log.exception("activity not recorded", tried=tried, **about)
            failed = type(error).__name__
        if tried < TRIES:
            await asyncio.sleep(PAUSE * tried)
    return Failed("internal", f"It broke here: {failed}.")
