"""Who tells members: looks at consent and quiet hours as they are now, writes, and notes what came of it.

A notice is `sending` from before it is handed over until that is noted. One whose process died in between may have gone
out: it becomes `unknown` and is not sent again, because nobody wants the same letter twice.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec
import structlog

from application.handle import Handler
from application.history import expiring
from application.members import personal_of
from application.notices.noting import NoticeBook, look_ahead
from application.notices.settings import NoticeSettings, quiet_until
from application.notices.texts import TextFails, chosen, render
from application.ports import Unavailable
from application.views import member_view

log = structlog.get_logger(__name__)

Json = dict[str, Any]
State = Literal["waiting", "sending", "sent", "skipped", "dead", "unknown"]

STATES = ("waiting", "sending", "sent", "skipped", "dead", "unknown")
AT_ONCE = 16
TIMEOUT = 20.0
LEASE = timedelta(minutes=5)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=6)
GIVE_UP_AFTER = timedelta(days=3)
KEPT = timedelta(days=30)
POLL = 1.0
LOOK_AHEAD_EVERY = timedelta(minutes=10)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as it is kept: no address and no text."""

    program: str
    stream: UUID
    key: str
    kind: str
    about: Json
    state: State
    reason: str
    attempts: int
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A letter of plain text."""

    from_: str
    to: str
    subject: str
    body: str
    name: str
    """Of the notice: the Message-ID is made of it."""


class NotSent(Exception):
    """Certainly nothing was sent. `final` says that another attempt would end the same."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class Post(Protocol):
    async def send(self, mail: Mail, seconds: float) -> None:
        """Hand a letter over. Raises NotSent."""


class Notices(NoticeBook, Protocol):
    """The table of notices, for who tells."""

    async def settings(self, program: str) -> NoticeSettings | None: ...

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[Notice]:
        """What is due, `sending` from now on."""

    async def note(self, notice: Notice) -> None: ...

    async def abandon(self, now: datetime) -> int:
        """What was `sending` for longer than its lease is `unknown`."""

    async def listed(
        self, program: str, state: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> list[Notice]: ...

    async def prune(self, before: datetime) -> int: ...


class Desk(msgspec.Struct, frozen=True):
    """What it takes to tell members."""

    handler: Handler
    notices: Notices
    post: Post
    wall: Callable[[], datetime]


class Skip(Exception):
    """There is nothing to tell, or nobody who wants to hear it."""


class Later(Exception):
    """Not at this hour."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


async def tell_due(desk: Desk) -> int:
    """Tell what is due; how many notices that were."""
    now = desk.wall()
    await desk.notices.abandon(now)
    found = await desk.notices.claim(now, now + LEASE, AT_ONCE)
    for notice in found:
        await desk.notices.note(await _tell(desk, notice))
    return len(found)


async def _tell(desk: Desk, notice: Notice) -> Notice:
    now = desk.wall()
    try:
        mail = await composed(desk, notice, now)
    except Skip as skip:
        return _ended(notice, "skipped", str(skip), now)
    except Later as later:
        return msgspec.structs.replace(notice, state="waiting", reason="quiet hours", due_at=later.until)
    except TextFails as error:
        return _ended(notice, "dead", f"the template fails: {error}", now)
    except Unavailable as error:
        return _again(notice, str(error), now)
    notice = msgspec.structs.replace(notice, attempts=notice.attempts + 1)
    try:
        await desk.post.send(mail, TIMEOUT)
    except NotSent as error:
        return _ended(notice, "dead", str(error), now) if error.final else _again(notice, str(error), now)
    except Exception as error:
        # The connection broke while the letter was handed over: the server may have it.
        log.exception("notice_unknown", kind=notice.kind)
        return _ended(notice, "unknown", f"it broke off while it was sent: {type(error).__name__}", desk.wall())
    return _ended(notice, "sent", "", desk.wall())


def _again(notice: Notice, reason: str, now: datetime) -> Notice:
    again = now + min(FIRST_PAUSE * (1 << min(notice.attempts, 12)), LONGEST_PAUSE)
    if again > notice.created_at + GIVE_UP_AFTER:
        return _ended(notice, "dead", reason, now)
    return msgspec.structs.replace(notice, state="waiting", reason=reason[:300], due_at=again)


async def composed(desk: Desk, notice: Notice, now: datetime) -> Mail:
    """The letter, from the member as of now. Raises Skip, Later, TextFails."""
    settings = await desk.notices.settings(notice.program)
    if settings is None or notice.kind not in settings.body.kinds:
        raise Skip("such notices are not sent any more")
    body = settings.body
    loaded, known = await desk.handler.load(notice.program, notice.stream)
    member = loaded.member
    if loaded.key is None or member.status != "active":
        raise Skip("the member is erased, merged or not active")
    personal = personal_of(desk.handler, notice.program, loaded)
    if not personal.email:
        raise Skip("the member has no e-mail address")
    if not member.consents.get(body.consent) or not member.consents.get(f"{body.consent}.{notice.kind}", True):
        raise Skip("the member has not agreed")
    zone = member.time_zone or known.program.time_zone
    offset = timedelta(seconds=desk.handler.zones.offset(zone, int(now.timestamp())))
    if (end := quiet_until(body.quiet, now + offset)) is not None:
        raise Later(end - offset)
    view = await member_view(desk.handler, known, loaded, desk.handler.now(loaded))
    about = notice.about | {
        "member": member.id,
        "name": str(personal.profile.get("name", "")),
        "balance": {currency: held["available"] for currency, held in view["balances"].items()},
    }
    if notice.kind == "expiring":
        about["points"] = await _left(desk, notice, member.id)
    given = member.attributes.get(body.locale_attribute)
    words = chosen(body.templates, notice.kind, given if isinstance(given, str) else body.locale, body.locale)
    subject, text = render(words, _with_times(about))
    return Mail(
        from_=body.from_, to=personal.email, subject=subject, body=text, name=f"{notice.stream.hex}.{notice.key}"
    )


async def _left(desk: Desk, notice: Notice, member: str) -> int:
    """What remains now of what will expire. Raises Skip."""
    ends = datetime.fromisoformat(str(notice.about["expires_at"]))
    items = (await expiring(desk.handler, notice.program, member, until=ends + timedelta(microseconds=1)))["items"]
    left = sum(
        item["points"]
        for item in items
        if item["currency"] == notice.about["currency"] and item["expires_at"] == ends and item["state"] == "open"
    )
    if not left:
        raise Skip("nothing of it is left")
    return int(left)


def _with_times(about: Json) -> Json:
    """Instants are kept as texts and given to templates as times."""
    return about | {
        name: datetime.fromisoformat(about[name])
        for name in ("expires_at", "valid_until")
        if isinstance(about.get(name), str)
    }


def _ended(notice: Notice, state: State, reason: str, now: datetime) -> Notice:
    return msgspec.structs.replace(notice, state=state, reason=reason[:300], ended_at=now)


def view(notice: Notice, member: str) -> Json:
    return {
        "key": notice.key,
        "member": member or None,
        "kind": notice.kind,
        "state": notice.state,
        "reason": notice.reason or None,
        "attempts": notice.attempts,
        "created_at": notice.created_at,
        "due_at": notice.due_at if notice.state == "waiting" else None,
        "ended_at": notice.ended_at,
    }


async def keep_telling(desk: Desk) -> None:
    """Tell until cancelled. Any number of processes may."""
    looked: datetime | None = None
    while True:
        told, now = 0, desk.wall()
        try:
            if looked is None or now - looked >= LOOK_AHEAD_EVERY:
                await look_ahead(desk.notices, desk.handler.clock, desk.wall)
                await desk.notices.prune(now - KEPT)
                looked = now
            told = await tell_due(desk)
        except Unavailable as error:
            log.warning("notices wait", reason=str(error))
        except Exception as error:
            log.exception("notices_failed", error=type(error).__name__)
        if not told:
            await asyncio.sleep(POLL)
