"""What auditors ask of the table of accesses: who looked at a member, what somebody did."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from application.access import Noted
from application.bundle import stream_of
from application.handle import Handler

Json = dict[str, Any]


class AccessLog(Protocol):
    async def listed(
        self,
        program: str,
        *,
        member: UUID | None,
        actor: str | None,
        after: datetime | None,
        before: int | None,
        limit: int,
        until: datetime | None = None,
    ) -> list[tuple[int, Noted]]:
        """Rows with their numbers, the newest first. `before` is a number, `after` and `until` are instants."""

    async def named(self, streams: Sequence[UUID]) -> dict[UUID, str]:
        """Whose streams these are, as far as they are members who have an id."""


async def listing(
    handler: Handler,
    log: AccessLog,
    program: str,
    *,
    member: str | None,
    actor: str | None,
    after: datetime | None,
    before: int | None,
    limit: int,
    until: datetime | None = None,
) -> Json:
    """The newest first, from `after` on and before `until`. Raises UnknownMember.

    An erased member is named by the stream, as in the log.
    """
    stream = (await stream_of(handler, program, member))[0] if member is not None else None
    found = await log.listed(
        program, member=stream, actor=actor, after=after, until=until, before=before, limit=limit + 1
    )
    page = found[:limit]
    names = await log.named(sorted({row.member for _, row in page if row.member is not None}))
    return {
        "items": [
            {
                "at": row.at,
                "kind": row.kind,
                "actor": row.actor,
                "what": row.what,
                "member": names.get(row.member) if row.member is not None else None,
                "stream": str(row.member) if row.member is not None else None,
                "about": row.about or None,
                "request": row.request or None,
            }
            for _, row in page
        ],
        "next_cursor": str(page[-1][0]) if len(found) > limit else None,
    }
