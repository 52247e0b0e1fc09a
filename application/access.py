"""Who looked at members, and who administered: what is noted of it, for auditors.

Acts are noted in the very transaction that does them. Looks are noted behind the answers, from the streams that a
request has read: the store says which those are, so no route can forget to. Neither says more of a member than the
stream, which is nobody's name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from application.ports import Save
from domain.correction.commands import ApproveCorrection, ProposeCorrection
from domain.log import Entry
from domain.member.commands import EraseMember
from domain.program.commands import CreateProgram, EstimateBreakage, PublishRulebook
from domain.program.events import RulebookPublished

MOST = 1_000
"""Members of one request that are noted one by one. Where there are more, one row says that there were many."""


class By(msgspec.Struct, frozen=True):
    """Who does something, and the id of the request."""

    actor: str
    request: str = ""


CLI = By("cli")


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `member` is a stream; None in a read that listed several."""

    program: str
    kind: Literal["read", "act"]
    actor: str
    what: str
    member: UUID | None = None
    about: str = ""
    request: str = ""
    at: datetime | None = None


# --- acts --------------------------------------------------------------------------------------

_ACTS: dict[type, str] = {
    CreateProgram: "programs.create",
    PublishRulebook: "rulebooks.publish",
    ProposeCorrection: "corrections.propose",
    ApproveCorrection: "corrections.approve",
    EraseMember: "members.erase",
    EstimateBreakage: "liability.estimate",
}
"""What counts as administering, of what the log has. All else that changes something stands there with its actor."""


def administers(save: Save) -> bool:
    return any(type(row.entry.input) in _ACTS for row in save.rows)


def acts_of(save: Save) -> list[Noted]:
    """The acts in a save, to be noted with it."""
    return [
        Noted(
            program=save.program,
            kind="act",
            actor=row.entry.actor,
            what=_ACTS[type(row.entry.input)],
            member=row.stream if row.kind == "member" else None,
            about=_about(row.entry),
            request=row.entry.correlation or "",
        )
        for row in save.rows
        if type(row.entry.input) in _ACTS
    ]


def act(program: str, by: By, what: str, about: str) -> Noted:
    """An act that is not in the log: about a key, a webhook."""
    return Noted(program=program, kind="act", actor=by.actor, what=what, about=about, request=by.request)


def _about(entry: Entry) -> str:
    if entry.kind == "correction":
        return f"cor_{entry.stream_id.hex}"
    return next((str(event.number) for event in entry.events if isinstance(event, RulebookPublished)), "")


# --- looks -------------------------------------------------------------------------------------


class Looks(msgspec.Struct):
    """A request that is watched: whose it is, and what it has read so far. `many` lists members out of tables."""

    program: str
    by: By
    what: str
    many: bool = False
    members: set[UUID] = set()

    def rows(self, at: datetime) -> list[Noted]:
        named: list[UUID | None] = []
        if len(self.members) <= MOST:
            named.extend(sorted(self.members))
        if self.many or len(self.members) > MOST:
            named.append(None)
        return [
            Noted(
                program=self.program, kind="read", actor=self.by.actor, what=self.what, member=member,
                request=self.by.request, at=at,
            )
            for member in named
        ]  # fmt: skip


_looks: ContextVar[Looks | None] = ContextVar("looks", default=None)


def watch(looks: Looks | None) -> None:
    """From now on, in this request, what is read is noted in `looks`; None watches nobody."""
    _looks.set(looks)


@contextmanager
def watched(looks: Looks) -> Iterator[Looks]:
    """The same for a block."""
    token = _looks.set(looks)
    try:
        yield looks
    finally:
        _looks.reset(token)


def seen(stream: UUID) -> None:
    """The store has read a member's stream."""
    looks = _looks.get()
    if looks is not None:
        looks.members.add(stream)
