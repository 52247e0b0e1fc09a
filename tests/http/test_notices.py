"""What members are told by e-mail: through a real mail server, to whom it concerns, once, and at a decent hour."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from socket import socket
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from litestar import Litestar

from api.http import shapes
from application.follow import Projector, Runner
from application.notices.noting import NAME, VERSION, NoterRunner, look_ahead
from application.notices.settings import Quiet, quiet_until
from application.notices.telling import GIVE_UP_AFTER, LEASE, Desk, tell_due
from application.notices.texts import BUILT_IN, KINDS, Words, render
from infrastructure.clock import utc_now
from infrastructure.mail import SmtpPost
from tests.http.conftest import Json, Someone, purchase

pytestmark = pytest.mark.anyio


class Mailbox:
    """What the mail server was given; `answer` is what it says to the next letters."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.to: list[str] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            letter = message_from_bytes(envelope.content, policy=default)
            assert isinstance(letter, EmailMessage)
            self.letters.append(letter)
            self.to += envelope.rcpt_tos
        return self.answer

    @property
    def subjects(self) -> list[str]:
        return [letter["subject"] for letter in self.letters]


@pytest.fixture
def mail() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    # The library looks whether it is up at the port that it was given.
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield box, f"smtp://127.0.0.1:{port}"
    finally:
        server.stop()


class House:
    """A program that tells, with a clock on the wall and a mailbox."""

    def __init__(self, app: Litestar, shop: Someone, box: Mailbox, url: str) -> None:
        self.wired = app.state.wired
        self.shop = shop
        self.box = box
        self.now = utc_now()
        self.desk = Desk(self.wired.handler, self.wired.notices, SmtpPost(url), lambda: self.now)

    async def tell(self) -> int:
        """What the follower and the teller do."""
        await self.wired.positions.register(NAME, VERSION)
        await NoterRunner(self.wired.notices, self.wired.store, self.wired.positions, lambda: self.now).catch_up()
        return await tell_due(self.desk)

    async def log(self) -> list[Json]:
        items: list[Json] = (await self.shop.get("/v1/notices/log")).json()["items"]
        return items


async def opened(app: Litestar, shop: Someone, mail: tuple[Mailbox, str], **more: Any) -> House:
    house = House(app, shop, *mail)
    body = {"from": "Cafe <hello@example.org>", "kinds": list(KINDS), **more}
    answer = await shop.ask("PUT", "/v1/notices", json=body)
    assert answer.status_code == 200, answer.text
    await _changed(shop, consents={"email": True})
    await house.tell()
    return house


async def _changed(shop: Someone, **fields: Any) -> None:
    answer = await shop.ask("PATCH", "/v1/members/ann", json=fields)
    assert answer.status_code == 200, answer.text


async def test_who_earns_is_told_once_how_much(app: Litestar, shop: Someone, mail: tuple[Mailbox, str]) -> None:
    house = await opened(app, shop, mail)
    await _changed(shop, profile={"name": "Ann"})
    await shop.post("/v1/activities", purchase())
    assert await house.tell() == 1
    assert await house.tell() == 0
    (letter,) = house.box.letters
    assert house.box.to == ["ann@example.org"]
    assert letter["from"] == "Cafe <hello@example.org>"
    assert letter["subject"] == "You earned 105 points"
    assert (
        letter.get_content()
        .replace("\r", "")
        .startswith("Hello Ann,\n\nyou earned 105 points. You have now: 155 points.")
    )
    assert letter["message-id"].endswith("@example.org>")
    (noted,) = await house.log()
    assert (noted["state"], noted["member"], noted["kind"]) == ("sent", "ann", "earned")
    assert set(noted) == set(shapes.NoticeShown.__struct_fields__)


async def test_what_was_before_is_not_told(app: Litestar, shop: Someone, mail: tuple[Mailbox, str]) -> None:
    await shop.post("/v1/activities", purchase())
    house = await opened(app, shop, mail)
    assert house.box.letters == []


async def test_a_level_is_told_in_the_language_of_the_member(
    app: Litestar, shop: Someone, mail: tuple[Mailbox, str]
) -> None:
    words = {"tier": {"fr": {"subject": "Niveau {{ to }}", "body": "Bravo {{ name }}"}}}
    house = await opened(app, shop, mail, kinds=["tier"], locale="de", locale_attribute="favourite", templates=words)
    await shop.post("/v1/activities", purchase(data={"amount_minor": 100_000}))
    await house.tell()
    assert house.box.subjects == ["Deine Stufe: silver"]
    await _changed(shop, attributes={"favourite": "fr-CA"})
    await shop.post("/v1/activities", purchase("order-2", data={"amount_minor": 400_000}))
    await house.tell()
    assert house.box.subjects[1:] == ["Niveau gold"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"consents": {}}, "agreed"),
        ({"consents": {"email": False}}, "agreed"),
        ({"consents": {"email": True, "email.earned": False}}, "agreed"),
    ],
)
async def test_who_has_not_agreed_is_not_written_to(
    app: Litestar, shop: Someone, mail: tuple[Mailbox, str], fields: Json, reason: str
) -> None:
    house = await opened(app, shop, mail, kinds=["earned"])
    await shop.post("/v1/activities", purchase())
    await _changed(shop, **fields)
    await house.tell()
    assert house.box.letters == []
    (noted,) = await house.log()
    assert noted["state"] == "skipped"
    assert reason in noted["reason"]


async def test_who_was_erased_is_not_written_to(app: Litestar, shop: Someone, mail: tuple[Mailbox, str]) -> None:
    house = await opened(app, shop, mail, kinds=["earned"])
    await shop.post("/v1/activities", purchase())
    await shop.ask("DELETE", "/v1/members/ann")
    await house.tell()
    assert house.box.letters == []
    (noted,) = await house.log()
    assert (noted["state"], noted["member"]) == ("skipped", None)


async def test_in_quiet_hours_of_the_members_own_zone_nobody_is_written_to(
    app: Litestar, shop: Someone, mail: tuple[Mailbox, str]
) -> None:
    house = await opened(app, shop, mail, kinds=["earned"], quiet={"from": "21:00", "until": "08:00"})
    await _changed(shop, time_zone="Asia/Tokyo")
    house.now = (utc_now() + timedelta(days=1)).replace(hour=13, minute=30)  # 22:30 in Tokyo, 14:30 in Berlin
    await shop.post("/v1/activities", purchase())
    await house.tell()
    (noted,) = await house.log()
    assert (noted["state"], noted["reason"]) == ("waiting", "quiet hours")
    due = datetime.fromisoformat(noted["due_at"])
    assert (due.astimezone(UTC).hour, due.astimezone(UTC).minute) == (23, 0)  # 08:00 in Tokyo
    house.now = due
    assert await house.tell() == 1
    assert house.box.subjects == ["You earned 105 points"]


async def test_what_expires_soon_is_told_once_with_what_is_left_of_it(
    app: Litestar, shop: Someone, mail: tuple[Mailbox, str]
) -> None:
    house = await opened(app, shop, mail, kinds=["expiring"], expiring_days=30)
    await shop.post("/v1/activities", purchase())
    await shop.post("/v1/redemptions", {"id": "r1", "member": "ann", "currency": "points", "points": 100})
    await _followed(house)
    assert await look_ahead(house.wired.notices, house.wired.clock, lambda: house.now) == 0
    lots = (await shop.get("/v1/members/ann/lots")).json()["items"]
    ends = max(datetime.fromisoformat(lot["expires_at"]) for lot in lots if lot["remaining"])
    await shop.post("/v1/clock", {"now": (ends - timedelta(days=10)).isoformat()})
    await _followed(house)
    for _ in range(2):
        await look_ahead(house.wired.notices, house.wired.clock, lambda: house.now)
        await house.tell()
    left = sum(lot["remaining"] for lot in lots)
    assert house.box.subjects == [f"{left} points expire on {ends.date()}"]


async def _followed(house: House) -> None:
    """The tables for analysts are as far as the log."""
    wired = house.wired
    await wired.tables.ensure()
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions).catch_up()


async def test_a_mail_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(
    app: Litestar, shop: Someone, mail: tuple[Mailbox, str]
) -> None:
    house = await opened(app, shop, mail, kinds=["earned"])
    await shop.post("/v1/activities", purchase())
    house.box.answer = "451 try later"
    await house.tell()
    (noted,) = await house.log()
    assert (noted["state"], noted["reason"], noted["attempts"]) == ("waiting", "the mail server answers 451", 1)
    house.box.answer = "250 OK"
    assert await house.tell() == 0
    house.now += timedelta(minutes=1)
    assert await house.tell() == 1
    assert len(house.box.letters) == 1
    house.box.answer = "550 no such user"
    await shop.post("/v1/activities", purchase("order-2"))
    await house.tell()
    assert [one["state"] for one in await house.log()] == ["dead", "sent"]


async def test_without_a_mail_server_it_is_given_up_after_three_days(app: Litestar, shop: Someone) -> None:
    house = await opened(app, shop, (Mailbox(), "smtp://127.0.0.1:1"), kinds=["earned"])
    await shop.post("/v1/activities", purchase())
    await house.tell()
    assert (await house.log())[0]["state"] == "waiting"
    house.now += GIVE_UP_AFTER
    await house.tell()
    assert (await house.log())[0]["state"] == "dead"


async def test_a_process_that_dies_while_it_sends_leads_to_no_second_letter(
    app: Litestar, shop: Someone, mail: tuple[Mailbox, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await opened(app, shop, mail, kinds=["earned"])
    await shop.post("/v1/activities", purchase())

    async def dies(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("infrastructure.notices.PostgresNotices.note", dies)
        with pytest.raises(RuntimeError):
            await house.tell()
    assert len(house.box.letters) == 1
    house.now += LEASE + timedelta(seconds=1)
    assert await house.tell() == 0
    assert len(house.box.letters) == 1
    assert (await house.log())[0]["state"] == "unknown"


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"from": "nobody"}, "/from"),
        ({"from": "a@example.org\nBcc: b@example.org"}, "/from"),
        ({"kinds": ["birthday"]}, "/kinds/0"),
        ({"locale": "Deutsch"}, "/locale"),
        ({"expiring_days": 0}, "/expiring_days"),
        ({"quiet": {"from": "9pm", "until": "08:00"}}, "/quiet/from"),
        ({"templates": {"birthday": {}}}, "/templates/birthday"),
        ({"templates": {"tier": {"en": {"subject": "{{ level }}", "body": ""}}}}, "/templates/tier/en"),
        ({"templates": {"tier": {"en": {"subject": "{% if %}", "body": ""}}}}, "/templates/tier/en"),
        ({"templates": {"tier": {"en": {"subject": "x", "body": "{{ to.__class__.mro() }}"}}}}, "/templates/tier/en"),
        ({"templates": {"tier": {"en": {"subject": "x", "body": "{{ 'x' * 10 ** 12 }}"}}}}, "/templates/tier/en"),
        (
            {"templates": {"tier": {"en": {"subject": "x", "body": "{{ 'x'|center(1000000000) }}"}}}},
            "/templates/tier/en",
        ),
        (
            {"templates": {"tier": {"en": {"subject": "x", "body": "{{ 'x'.ljust(1000000000) }}"}}}},
            "/templates/tier/en",
        ),
        (
            {"templates": {"tier": {"en": {"subject": "x", "body": "{{ '{:>1000000000}'.format(1) }}"}}}},
            "/templates/tier/en",
        ),
        (
            {"templates": {"tier": {"en": {"subject": "x", "body": "{% for a in range(9) %}{% endfor %}"}}}},
            "/templates/tier/en",
        ),
        (
            {"templates": {"tier": {"en": {"subject": "x", "body": "{% for a in 'abc' %}{% endfor %}"}}}},
            "/templates/tier/en",
        ),
        ({"templates": {"tier": {"en": {"subject": "x", "body": "{{ lipsum(1000000) }}"}}}}, "/templates/tier/en"),
        ({"templates": {"tier": {"en": {"subject": "x", "body": "{% set a = 'x' %}"}}}}, "/templates/tier/en"),
    ],
)
async def test_each_mistake_is_found_at_its_place(shop: Someone, change: Json, at: str) -> None:
    answer = await shop.ask("PUT", "/v1/notices", json={"from": "Cafe <hello@example.org>", **change})
    assert (answer.status_code, answer.json()["errors"][0]["at"]) == (422, at), answer.text
    assert (await shop.get("/v1/notices")).json()["document"] is None


async def test_words_are_tried_before_they_are_sent(shop: Someone) -> None:
    for kind, languages in BUILT_IN.items():
        for locale in languages:
            told = (await shop.post("/v1/notices/preview", {"kind": kind, "locale": locale})).json()
            assert told["subject"]
            assert "Ann" in told["body"]
    words = {"subject": "a\n b", "body": "{{ balance.points }}"}
    tried = await shop.post("/v1/notices/preview", {"kind": "earned", "words": words})
    assert tried.json() == {"subject": "a b", "body": "155"}
    assert (await shop.post("/v1/notices/preview", {"kind": "birthday"})).status_code == 422


@pytest.mark.parametrize(
    ("local", "ends"),
    [
        ("2026-11-21T20:59", None),
        ("2026-11-21T21:00", "2026-11-22T08:00"),
        ("2026-11-21T23:59", "2026-11-22T08:00"),
        ("2026-11-22T00:00", "2026-11-22T08:00"),
        ("2026-11-22T07:59", "2026-11-22T08:00"),
        ("2026-11-22T08:00", None),
    ],
)
def test_quiet_hours_are_half_open_and_may_pass_midnight(local: str, ends: str | None) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=UTC)
    found = quiet_until(Quiet(start="21:00", until="08:00"), at)
    assert found == (datetime.fromisoformat(ends).replace(tzinfo=UTC) if ends else None)


def test_words_of_one_letter_have_one_line_of_subject() -> None:
    assert render(Words(subject=" a\r\nBcc: x ", body=""), {})[0] == "a Bcc: x"
