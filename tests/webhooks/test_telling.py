"""Webhooks are told of what happened: all of it, once if all goes well, until they have heard it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from application import webhooks
from application.deliveries import GIVE_UP_AFTER, LEASE, LONGEST_PAUSE, Reply, pause
from application.members import erase
from application.signatures import secret_of
from application.webhooks import UnknownWebhook
from domain.errors import InvalidPayload
from infrastructure.clock import utc_now
from tests.application.engine import PROGRAM
from tests.webhooks.house import House, Script, house
from tests.webhooks.receiver import OK, answering

OTHER = "https://example.org/other"


def tell(database_url: str, story: Callable[[House], Awaitable[None]]) -> None:
    async def told() -> None:
        async with house(database_url) as found:
            await story(found)

    asyncio.run(told())


def test_a_webhook_is_told_of_what_happens_after_it_was_made(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook()
        bought = await found.engine.buy(50_00)
        assert await found.tell() == 3
        told = [heard.told for heard in found.receiver.heard]
        assert {one["type"] for one in told} == {"ActivityRecorded", "PointsEarned"}
        assert {one["subject"] for one in told} == {"ann"}
        assert {one["position"] for one in told} == {str(bought.position)}
        items = await found.deliveries(made["id"])
        assert {(item["state"], item["status"], item["attempts"]) for item in items} == {("delivered", 204, 1)}
        assert {item["id"] for item in items} == set(found.receiver.ids)
        assert await found.tell() == 0

    tell(database_url, story)


def test_it_is_told_of_the_types_and_values_it_asks_for_and_of_its_own_program_alone(database_url: str) -> None:
    async def story(found: House) -> None:
        await found.hook(events=["PointsEarned"], filter={"rule": "base"})
        await found.hook(url=OTHER, program="another")
        await found.hook(url=OTHER, events=["TierChanged"])
        await found.engine.buy(99_00)
        post = Script()
        assert await found.tell(post) == 1
        assert [url for url, _, _ in post.sent] == [found.receiver.url]
        await found.engine.buy(99_00)
        await found.tell(post)
        assert [url for url, _, _ in post.sent].count(OTHER) == 1

    tell(database_url, story)


def test_every_delivery_is_signed_with_the_secret_that_was_shown_once(database_url: str) -> None:
    async def story(found: House) -> None:
        found.wall.now = utc_now()
        made = await found.hook()
        assert "secret" not in (await webhooks.listing(found.webhooks, PROGRAM, "", 10))["items"][0]
        await found.engine.buy(50_00)
        await found.tell()
        for heard in found.receiver.heard:
            assert Verifier(made["secret"]).verify(heard.body, heard.headers) == heard.told

    tell(database_url, story)


def test_a_secret_is_stored_as_cipher_text(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook()
        async with found.pool.connection() as connection:
            (row,) = await (await connection.execute("SELECT secret FROM webhooks")).fetchall()
        raw = secret_of(made["secret"])
        assert len(raw) == 32
        assert raw not in bytes(row[0])
        assert found.vault.unwrap(row[0]) == raw

    tell(database_url, story)


def test_while_a_secret_is_changed_both_verify_and_then_only_the_new_one(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded"])
        found.wall.now = utc_now() - timedelta(hours=1)
        new = await found.rotate(made["id"], overlap_seconds=3_600)
        assert new["secret"] != made["secret"]
        found.wall.forward(minutes=59, seconds=59)
        await found.engine.buy(1_00)
        await found.tell()
        (heard,) = found.receiver.heard
        for secret in (made["secret"], new["secret"]):
            Verifier(secret).verify(heard.body, heard.headers)
        found.wall.forward(seconds=1)
        await found.engine.buy(1_00)
        await found.tell()
        heard = found.receiver.heard[1]
        Verifier(new["secret"]).verify(heard.body, heard.headers)
        with pytest.raises(WebhookVerificationError):
            Verifier(made["secret"]).verify(heard.body, heard.headers)

    tell(database_url, story)


# --- when it does not work ---------------------------------------------------------------------


def test_a_failed_delivery_is_tried_again_later_and_later_under_the_same_id(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded"])
        found.receiver.behave = answering(500)
        await found.engine.buy(1_00)
        pauses = []
        await found.note()
        for attempt in range(1, 8):
            assert await found.tell() == 1
            (item,) = await found.deliveries(made["id"])
            assert (item["state"], item["attempts"], item["status"]) == ("waiting", attempt, 500)
            pauses.append(item["next_attempt_at"] - found.wall.now)
            found.wall.now = item["next_attempt_at"] - timedelta(milliseconds=1)
            assert await found.tell() == 0
            found.wall.forward(milliseconds=1)
        assert [int(one.total_seconds()) for one in pauses] == [5, 10, 20, 40, 80, 160, 320]
        found.receiver.behave = OK
        assert await found.tell() == 1
        assert [item["state"] for item in await found.deliveries(made["id"])] == ["delivered"]
        assert len(set(found.receiver.ids)) == 1

    tell(database_url, story)


def test_pauses_grow_to_six_hours_and_are_shortened_by_chance_up_to_a_half() -> None:
    assert [pause(attempt, 0.0).total_seconds() for attempt in (1, 2, 13, 99)] == [5, 10, 20_480, 21_600]
    assert pause(99, 0.0) == LONGEST_PAUSE
    assert pause(3, 1.0) == pause(3, 0.0) / 2
    assert pause(3, 0.5) == pause(3, 0.0) * 3 / 4


def test_a_receiver_that_asks_for_time_gets_it(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded"])
        found.receiver.behave = answering(429, "retry-after: 600")
        await found.engine.buy(1_00)
        await found.tell()
        (item,) = await found.deliveries(made["id"])
        assert item["next_attempt_at"] - found.wall.now == timedelta(minutes=10)

    tell(database_url, story)


def test_after_three_days_a_delivery_is_given_up_and_the_webhook_is_disabled(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded"])
        found.receiver.behave = answering(503)
        await found.engine.buy(1_00)
        began = found.wall.now
        await found.tell()
        attempts = 1
        (item,) = await found.deliveries(made["id"])
        while item["state"] == "waiting":
            found.wall.now = item["next_attempt_at"]
            attempts += await found.tell()
            (item,) = await found.deliveries(made["id"])
        assert item["state"] == "dead"
        assert timedelta() <= GIVE_UP_AFTER - (found.wall.now - began) <= LONGEST_PAUSE
        assert attempts == item["attempts"] == 24
        # Another one keeps failing until the three days are over.
        await found.engine.buy(2_00)
        await found.tell()
        found.wall.now = began + GIVE_UP_AFTER
        await found.tell()
        hook = webhooks.view(await webhooks.one(found.webhooks, PROGRAM, made["id"]))
        assert not hook["enabled"]
        assert hook["disabled_because"].startswith("no delivery has succeeded since 2026-11-21T12:00:00")
        found.wall.forward(days=1)
        assert await found.tell() == 0

    tell(database_url, story)


def test_a_receiver_that_is_gone_for_good_is_told_nothing_more(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded"])
        found.receiver.behave = answering(410)
        await found.engine.buy(1_00)
        await found.tell()
        hook = await webhooks.one(found.webhooks, PROGRAM, made["id"])
        assert hook.disabled_because == "the receiver answered 410 Gone"
        await found.engine.buy(2_00)
        assert await found.tell() == 0
        assert len(found.receiver.heard) == 1
        # Enabled again, it is told what comes, and on request what it missed.
        found.receiver.behave = OK
        await found.change(made["id"], enabled=True)
        await found.engine.buy(3_00)
        assert await found.tell() == 1
        assert await found.redeliver(made["id"], after=made["position"]) == {"queued": 3, "next_after": None}
        assert await found.tell() == 3
        assert len(set(found.receiver.ids)) == 3

    tell(database_url, story)


def test_while_a_receiver_fails_it_is_asked_with_one_delivery_at_a_time(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded"])
        for _ in range(5):
            await found.engine.buy(1_00)
        post = Script()
        post.replies[found.receiver.url] = Reply(None, "no answer in 10 s")
        await found.note()
        sender = found.sender(post)
        await sender.send_to(made["id"])
        assert len(post.sent) == 5
        claimed = await found.webhooks.claim(made["id"], found.wall.now + LEASE, found.wall.now + LEASE, 32)
        assert claimed is not None
        assert len(claimed[1]) == 1

    tell(database_url, story)


def test_one_that_hangs_holds_up_no_other(database_url: str) -> None:
    async def story(found: House) -> None:
        hangs = asyncio.Event()

        class Post(Script):
            async def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:
                if url == OTHER:
                    await hangs.wait()
                return await super().post(url, headers, body, seconds)

        slow = await found.hook(url=OTHER)
        await found.hook()
        for _ in range(40):
            await found.engine.buy(1_00)
        await found.note()
        post = Post()
        running = asyncio.create_task(found.sender(post).run())
        async with asyncio.timeout(60):
            while len(post.sent) < 80:  # noqa: ASYNC110 - there is nothing to wait for but the other's progress
                await asyncio.sleep(0.01)
        assert {url for url, _, _ in post.sent} == {found.receiver.url}
        assert {item["state"] for item in await found.deliveries(slow["id"])} == {"waiting"}
        hangs.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    tell(database_url, story)


def test_a_sender_that_dies_before_it_notes_is_followed_by_another_under_the_same_id(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded"])
        await found.engine.buy(1_00)
        await found.note()
        # Claimed, sent, and never noted.
        claimed = await found.webhooks.claim(made["id"], found.wall.now, found.wall.now + LEASE, 32)
        assert claimed is not None
        assert await found.tell() == 0
        found.wall.forward(seconds=LEASE.total_seconds())
        assert await found.tell() == 1
        (item,) = await found.deliveries(made["id"])
        assert (item["state"], item["attempts"]) == ("delivered", 2)

    tell(database_url, story)


def test_two_senders_never_try_the_same_delivery_at_once(database_url: str) -> None:
    async def story(found: House) -> None:
        await found.hook()
        for _ in range(60):
            await found.engine.buy(1_00)
        await found.note()
        post = Script()
        await asyncio.gather(*(found.sender(post).send_due() for _ in range(4)))
        assert len(post.sent) == len(set(post.ids)) == 120

    tell(database_url, story)


def test_what_is_told_in_order_goes_one_after_the_other_for_each_member(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded"], ordered=True)
        await found.engine.enrol("bob")
        for number in range(3):
            await found.engine.buy(1_00, member="ann", name=f"a{number}")
            await found.engine.buy(1_00, member="bob", name=f"b{number}")

        class Post(Script):
            async def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:
                await super().post(url, headers, body, seconds)
                return Reply(500 if b'"a1"' in body and self.bad else 200)

            bad = True

        post = Post()
        await found.tell(post)

        def told() -> list[str]:
            return [body.decode().split('"id":"')[2].split('"')[0] for _, _, body in post.sent]

        assert [name for name in told() if name.startswith("a")] == ["a0", "a1"]
        assert [name for name in told() if name.startswith("b")] == ["bob", "b0", "b1", "b2"]
        post.bad = False
        found.wall.forward(minutes=1)
        await found.tell(post)
        assert [name for name in told() if name.startswith("a")] == ["a0", "a1", "a1", "a2"]
        assert {item["state"] for item in await found.deliveries(made["id"])} == {"delivered"}

    tell(database_url, story)


# --- members who left --------------------------------------------------------------------------


def test_what_an_erased_member_told_of_itself_does_not_leave_however_long_it_waited(database_url: str) -> None:
    async def story(found: House) -> None:
        await found.hook()
        await found.engine.enrol("wilhelmina", attributes={"city": "Ulm"})
        found.receiver.behave = answering(500)
        await found.tell()
        assert any(b"wilhelmina" in heard.body for heard in found.receiver.heard)
        stream = found.receiver.heard[0].told["stream"]
        await erase(found.engine.handler, PROGRAM, "wilhelmina", actor="test")
        found.receiver.heard.clear()
        found.receiver.behave = OK
        for _ in range(3):
            found.wall.forward(minutes=1)
            await found.tell()
        assert {"MemberEnrolled", "MemberErased"} <= {heard.told["type"] for heard in found.receiver.heard}
        for heard in found.receiver.heard:
            assert heard.told["stream"] == stream
            assert b"wilhelmina" not in heard.body
            assert b"Ulm" not in heard.body

    tell(database_url, story)


# --- what owners do ----------------------------------------------------------------------------


def test_some_some_dead_or_a_range_is_told_again(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded"])
        bought = [await found.engine.buy(1_00) for _ in range(3)]
        await found.tell()
        ids = list(found.receiver.ids)
        assert len(ids) == 3
        assert (await found.redeliver(made["id"], ids=ids[:1]))["queued"] == 1
        assert await found.tell() == 1
        assert found.receiver.ids[3:] == ids[:1]
        range_ = {"after": bought[0].position, "until": bought[1].position}
        assert (await found.redeliver(made["id"], **range_))["queued"] == 1
        assert await found.tell() == 1
        assert found.receiver.ids[4:] == ids[1:2]
        assert (await found.redeliver(made["id"], state="dead"))["queued"] == 0
        async with found.pool.connection() as connection:
            await connection.execute("UPDATE webhook_deliveries SET state = 'dead'")
        assert (await found.redeliver(made["id"], state="dead"))["queued"] == 3
        assert await found.tell() == 3
        # What was delivered so long ago that nobody remembers is in the log.
        async with found.pool.connection() as connection:
            await connection.execute("DELETE FROM webhook_deliveries")
        assert (await found.redeliver(made["id"], ids=ids))["queued"] == 3
        assert await found.tell() == 3
        assert sorted(set(found.receiver.ids)) == sorted(ids)

    tell(database_url, story)


@pytest.mark.parametrize(
    "asked",
    [{}, {"ids": ["evt_1"]}, {"ids": ["x"] * 101}, {"state": "dead", "after": 1}, {"until": 3}],
)
def test_what_cannot_be_told_again_is_refused(database_url: str, asked: dict[str, object]) -> None:
    async def story(found: House) -> None:
        made = await found.hook()
        with pytest.raises(InvalidPayload):
            await found.redeliver(made["id"], **asked)

    tell(database_url, story)


def test_a_webhook_that_is_deleted_or_disabled_is_told_nothing_more(database_url: str) -> None:
    async def story(found: House) -> None:
        made, other = await found.hook(), await found.hook(url=OTHER)
        await found.engine.buy(1_00)
        await found.note()
        await found.remove(made["id"])
        await found.change(other["id"], enabled=False)
        post = Script()
        assert await found.tell(post) == 0
        with pytest.raises(UnknownWebhook):
            await webhooks.one(found.webhooks, PROGRAM, made["id"])
        assert len(await found.deliveries(other["id"])) == 2
        await found.change(other["id"], enabled=True)
        assert await found.tell(post) == 2

    tell(database_url, story)


def test_what_lies_before_the_first_webhook_is_not_even_read(database_url: str) -> None:
    async def story(found: House) -> None:
        await found.engine.buy(1_00)
        await found.note()
        assert await found.runner().step() == 0
        head = await found.positions.head()
        standing = await found.positions.standing("webhooks")
        assert standing is not None
        assert standing.position == head
        await found.hook()
        assert await found.runner().step() == 0
        await found.engine.buy(1_00)
        assert await found.runner().step() == 1

    tell(database_url, story)


def test_deliveries_that_are_long_over_are_forgotten_and_dead_ones_are_not(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded", "PointsEarned"])
        await found.engine.buy(1_00)
        await found.tell()
        async with found.pool.connection() as connection:
            await connection.execute("UPDATE webhook_deliveries SET state = 'dead' WHERE type = 'PointsEarned'")
        assert await found.webhooks.prune(found.wall.now) == 0
        assert await found.webhooks.prune(found.wall.now + timedelta(seconds=1)) == 1
        assert [item["state"] for item in await found.deliveries(made["id"])] == ["dead"]

    tell(database_url, story)


def test_a_delivery_that_cannot_be_made_waits_and_holds_up_no_other(database_url: str) -> None:
    async def story(found: House) -> None:
        made = await found.hook(events=["ActivityRecorded"])
        await found.engine.buy(1_00, name="one")
        await found.engine.buy(1_00, name="two")
        await found.note()
        async with found.pool.connection() as connection:
            await connection.execute(
                "UPDATE stored_events SET state = '{}' WHERE notification_id ="
                " (SELECT min(position) FROM webhook_deliveries)"
            )
        assert await found.sender().send_due() == 2
        items = await found.deliveries(made["id"])
        assert [item["state"] for item in items] == ["delivered", "waiting"]
        assert items[1]["error"] == "the message could not be made: ValidationError"

    tell(database_url, story)
