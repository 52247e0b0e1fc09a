"""What a program tells its members: kinds, words, and when not. One document per program."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Any, Protocol

import msgspec

from application.notices.texts import BUILT_IN, KINDS, MAX_TEMPLATE, TextFails, Words, render
from domain.errors import InvalidPayload

Json = dict[str, Any]

MAX_DAYS = 365
_HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of the member's own day (HH:MM, half open, past midnight or not) in which nobody is written to."""

    start: str = msgspec.field(name="from")
    until: str


class NoticesBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`from` is the sender's address, `kinds` what is told; nothing, while it is empty.

    Only members whose consent of the name `consent` is given are written to; `CONSENT.KIND` false takes one kind out.
    The language is the attribute `locale_attribute` of the member, else `locale`. `templates` are by kind and language.
    """

    from_: str = msgspec.field(name="from")
    kinds: list[str] = []
    consent: str = "email"
    locale: str = "en"
    locale_attribute: str = "locale"
    quiet: Quiet | None = None
    expiring_days: int = 14
    templates: dict[str, dict[str, Words]] = {}


class NoticeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The document of a program. Members are told of what lies behind the position `after`."""

    program: str
    body: NoticesBody
    after: int


class SettingsTable(Protocol):
    """The table of documents."""

    async def settings(self, program: str) -> NoticeSettings | None: ...

    async def put_settings(self, settings: NoticeSettings) -> None:
        """A document that was there keeps its position."""


EXAMPLES: Mapping[str, Json] = {
    "earned": {"points": {"points": 105}},
    "expiring": {"currency": "points", "points": 40, "expires_at": datetime(2026, 12, 31, tzinfo=UTC)},
    "tier": {"set": "status", "from": None, "to": "silver", "valid_until": datetime(2027, 12, 31, tzinfo=UTC)},
    "reward": {"reward": "coffee", "quantity": 1, "codes": ["AB12-CD34"]},
    "correction": {},
}
"""What templates are tried on."""


def example(kind: str) -> Json:
    return {"member": "ann", "name": "Ann", "balance": {"points": 155}, **EXAMPLES[kind]}


def checked(body: NoticesBody) -> None:
    """Raises InvalidPayload with every mistake; each template is tried on an example."""
    wrong: list[tuple[str, str]] = []
    if "@" not in parseaddr(body.from_)[1] or not body.from_.isprintable():
        wrong.append(("/from", "an address, such as Cafe <hello@example.org>"))
    wrong += [(f"/kinds/{n}", f"one of {', '.join(KINDS)}") for n, kind in enumerate(body.kinds) if kind not in KINDS]
    if not _LOCALE.fullmatch(body.locale):
        wrong.append(("/locale", "a language, such as en or de-AT"))
    if not 0 < body.expiring_days <= MAX_DAYS:
        wrong.append(("/expiring_days", f"1 to {MAX_DAYS}"))
    if body.quiet is not None:
        for name, hour in (("from", body.quiet.start), ("until", body.quiet.until)):
            if not _HOUR.fullmatch(hour):
                wrong.append((f"/quiet/{name}", "HH:MM"))
    for kind, languages in body.templates.items():
        if kind not in KINDS:
            wrong.append((f"/templates/{kind}", f"one of {', '.join(KINDS)}"))
            continue
        for language, words in languages.items():
            at = f"/templates/{kind}/{language}"
            if not _LOCALE.fullmatch(language) or max(len(words.subject), len(words.body)) > MAX_TEMPLATE:
                wrong.append((at, f"a language, with at most {MAX_TEMPLATE:,} characters of text"))
                continue
            try:
                render(words, example(kind))
            except TextFails as error:
                wrong.append((at, str(error)))
    if wrong:
        raise InvalidPayload("the notices cannot be told as described", errors=wrong)


def quiet_until(quiet: Quiet | None, local: datetime) -> datetime | None:
    """When quiet hours end that `local`, a time of the member's own day, lies in; None outside of them."""
    if quiet is None or quiet.start == quiet.until:
        return None
    now = local.strftime("%H:%M")
    over_midnight = quiet.start > quiet.until
    inside = (now >= quiet.start or now < quiet.until) if over_midnight else quiet.start <= now < quiet.until
    if not inside:
        return None
    hour, _, minute = quiet.until.partition(":")
    end = local.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    return end if end > local else end + timedelta(days=1)


def view(settings: NoticeSettings | None) -> Json:
    """The document, and the languages that there are words in."""
    languages = {
        kind: sorted({*BUILT_IN[kind], *(settings.body.templates.get(kind, {}) if settings else ())}) for kind in KINDS
    }
    return {"document": msgspec.to_builtins(settings.body) if settings else None, "languages": languages}
