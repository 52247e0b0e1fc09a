"""What a hostile reviewer found: lost updates, a sweeper that stops, keys of other entries, texts nobody can store."""

import asyncio
from copy import deepcopy
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from application import activities, explanations, members, rulebooks, sweep
from application.activities import SimulateBody
from application.members import ChangeBody, LookupBody, StatusBody
from application.payloads import ActivityBody
from application.programs import KnownProgram
from application.recent import Loaded
from domain.errors import (
    ActivityDiffers,
    BadId,
    BadTime,
    IdentityTaken,
    InvalidPayload,
    KeyReused,
    MemberErasedAlready,
    Refused,
    UnknownMember,
)
from tests.application.engine import PROGRAM, SHOP, START, Engine, Json, days, opened, process, run

CAPPED: Json = deepcopy(SHOP)
del CAPPED["tiers"]
CAPPED["rules"][0]["cap"] = [{"points": 50, "period": "month"}]


def body(name: str = "a1", amount: int = 100, **more: Any) -> ActivityBody:
    sent: Json = {
        "id": name, "source": "shop", "type": "purchase", "member": "ann", "occurred_at": START,
        "data": {"amount_minor": amount},
    }  # fmt: skip
    return ActivityBody(**(sent | more))


async def change(engine: Engine, **more: Any) -> None:
    await members.change(engine.handler, PROGRAM, "ann", ChangeBody(**more), actor="test")


async def with_email(engine: Engine, email: str) -> str:
    found: str = (await members.lookup(engine.handler, PROGRAM, LookupBody(email=email)))["id"]
    return found


async def record(engine: Engine, sent: ActivityBody, key: str | None = None) -> Json:
    return (await activities.record(engine.handler, PROGRAM, sent, actor="test", key=key)).body


async def versions(engine: Engine, member: str) -> int:
    loaded, _ = await engine.handler.find(PROGRAM, member)
    return len(await engine.handler.store.rows(loaded.stream))


# --- changes at the same time --------------------------------------------------------------------


def test_changes_at_the_same_time_keep_each_other(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann", email="e0@example.org", profile={"n": 0})
            await asyncio.gather(
                change(engine, email="e1@example.org"),
                change(engine, profile={"n": 1}),
                change(engine, email="e2@example.org"),
            )
            view = await engine.read()
            assert (view["email"], view["profile"]) == ("e2@example.org", {"n": 1})
            assert await with_email(engine, "e2@example.org") == "ann"
            for gone in ("e0", "e1"):
                with pytest.raises(UnknownMember):
                    await with_email(engine, f"{gone}@example.org")
            await members.erase(engine.handler, PROGRAM, "ann", actor="test")
            for free in ("e0", "e1", "e2"):
                await engine.enrol(f"new-{free}", email=f"{free}@example.org")

    run(story)


def test_changes_of_several_processes(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as one, process(database_url) as other:
            await one.enrol("ann", email="e0@example.org")
            # The same address from both: whoever comes second finds it is the member's own.
            for number in range(1, 6):
                email = f"e{number}@example.org"
                await asyncio.gather(
                    change(one, email=email), change(other, email=email), change(other, profile={"n": number})
                )
                view = await one.read()
                assert (view["email"], view["profile"]) == (email, {"n": number})
            await one.enrol("bob", email="e1@example.org")

    run(story)


def test_a_late_change_does_not_free_what_another_has_by_now(database_url: str, monkeypatch: Any) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann", email="e0@example.org")
            real, gate = engine.handler.handle, asyncio.Event()

            async def late(wanted: Any, loaded: Loaded, known: KnownProgram) -> Any:
                monkeypatch.undo()
                await gate.wait()
                return await real(wanted, loaded, known)

            monkeypatch.setattr(engine.handler, "handle", late)
            waiting = asyncio.create_task(change(engine, email="e2@example.org"))
            await asyncio.sleep(0.2)
            await change(engine, email="e1@example.org")
            await engine.enrol("bob", email="e0@example.org")
            gate.set()
            await waiting
            with pytest.raises(IdentityTaken):
                await engine.enrol("eve", email="e0@example.org")
            await engine.enrol("eve", email="e1@example.org")

    run(story)


def test_erasing_during_a_change_frees_the_new_address(database_url: str, monkeypatch: Any) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann", email="e0@example.org")
            real = engine.handler.handle

            async def late(wanted: Any, loaded: Loaded, known: KnownProgram) -> Any:
                monkeypatch.undo()
                await change(engine, email="e1@example.org")
                return await real(wanted, loaded, known)

            monkeypatch.setattr(engine.handler, "handle", late)
            await members.erase(engine.handler, PROGRAM, "ann", actor="test")
            await engine.enrol("bob", email="e1@example.org")
            await engine.enrol("eve", email="e0@example.org")

    run(story)


# --- the sweeper ---------------------------------------------------------------------------------


async def two_with_pending_points(engine: Engine) -> None:
    for member in ("ann", "bob"):
        await engine.enrol(member)
        await engine.buy(5000, member=member)
    await engine.at(START + days(20))


def test_the_sweeper_goes_on_after_a_member_others_settled(database_url: str, monkeypatch: Any) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two_with_pending_points(engine)
            real = engine.handler.store.due

            async def due(program: str, now: datetime, limit: int) -> Any:
                found = await real(program, now, limit)
                monkeypatch.undo()
                await engine.buy(1, member="ann")
                return found

            monkeypatch.setattr(engine.handler.store, "due", due)
            assert await engine.sweep() == 1
            # Enrolled, bought, bought again; no entry of the sweeper's without events.
            assert [await versions(engine, member) for member in ("ann", "bob")] == [3, 3]
            assert await engine.sweep() == 0

    run(story)


def test_the_sweeper_ends_when_the_clock_has_not_come(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two_with_pending_points(engine)
            await engine.sweep()
            before = [await versions(engine, member) for member in ("ann", "bob")]
            assert await sweep.settle_due(engine.handler, PROGRAM, START + days(500)) == 0
            assert [await versions(engine, member) for member in ("ann", "bob")] == before

    run(story)


@pytest.mark.parametrize("page", [1, 500])
def test_one_poisoned_member_does_not_stop_the_others(database_url: str, monkeypatch: Any, page: int) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await two_with_pending_points(engine)
            loaded, _ = await engine.handler.find(PROGRAM, "ann")
            real = engine.handler.load

            async def load(program: str, stream: UUID) -> Any:
                assert stream != loaded.stream, "a lot below zero"
                return await real(program, stream)

            monkeypatch.setattr(sweep, "PAGE", page)
            monkeypatch.setattr(engine.handler, "load", load)
            assert await engine.sweep() == 1
            assert await engine.sweep() == 0
            monkeypatch.undo()
            assert await engine.sweep() == 1

    run(story)


# --- keys ----------------------------------------------------------------------------------------


def test_a_key_of_another_entry_is_reused(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            first = await record(engine, body("a1"), "k1")
            await record(engine, body("a2", 900), "k2")
            with pytest.raises(KeyReused):
                await record(engine, body("a1"), "k2")
            with pytest.raises(KeyReused):
                await record(engine, body("a3"), "k1")
            with pytest.raises(ActivityDiffers):
                await record(engine, body("a1", 200), "k1")
            with pytest.raises(ActivityDiffers):
                await record(engine, body("a1", 200), "k2")
            for key in (None, "k1", "k-new"):
                again = await activities.record(engine.handler, PROGRAM, body("a1"), actor="test", key=key)
                assert again.replayed
                assert again.body["ref"] == first["ref"]

    run(story)


def test_a_key_of_the_programs_own_is_reused_not_erased(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            await rulebooks.publish_document(
                engine.handler, PROGRAM, SHOP, rulebooks.PublishBody(), actor="test", key="publishing"
            )
            with pytest.raises(KeyReused):
                await record(engine, body("a1"), "publishing")
            with pytest.raises(KeyReused):
                await engine.enrol("bob", key="publishing")

    run(story)


def test_the_keys_of_an_erased_member_still_say_so(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann", key="k0")
            await engine.enrol("bob")
            await record(engine, body("a1"), "k1")
            await members.erase(engine.handler, PROGRAM, "ann", actor="test")
            for again in (record(engine, body("a1"), "k1"), record(engine, body("a9", member="bob"), "k1")):
                with pytest.raises(MemberErasedAlready):
                    await again
            with pytest.raises(MemberErasedAlready):
                await engine.enrol("ann", key="k0")

    run(story)


# --- at the door ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "refusal", "at"),
    [
        ({"time_zone": "Nowhere/X"}, BadTime, "/time_zone"),
        ({"time_zone": "Etc/\ud800"}, BadTime, "/time_zone"),
        ({"time_zone": "UTC\0"}, BadTime, "/time_zone"),
        ({"member": "a\ud800"}, BadId, "/member"),
        ({"member": "a\0b"}, BadId, "/member"),
        ({"member": None, "member_email": "\ud800@example.org"}, InvalidPayload, "/email"),
        ({"id": "x\ud800"}, BadId, "/id"),
        ({"source": "x\udfff"}, BadId, "/source"),
        ({"type": "x\udbff"}, BadId, "/type"),
    ],
)
def test_what_no_activity_may_say(database_url: str, wrong: Json, refusal: type[Refused], at: str) -> None:
    async def story() -> None:
        zoned = {**SHOP, "zone_policy": "activity"}
        async with opened(database_url, zoned) as engine:
            await engine.enrol()
            with pytest.raises(refusal) as refused:
                await record(engine, body(**wrong))
            assert refused.value.errors[0][0] == at
            tried = SimulateBody(**msgspec.structs.asdict(body(**wrong)))
            with pytest.raises(refusal):
                await activities.simulate(engine.handler, PROGRAM, tried)

    run(story)


def test_reasons_are_short(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol()
            for reason in ("x" * 1_001, "x\ud800"):
                with pytest.raises(InvalidPayload):
                    await members.set_status(
                        engine.handler, PROGRAM, "ann", StatusBody(status="suspended", reason=reason), actor="test"
                    )
                with pytest.raises(InvalidPayload):
                    await members.erase(engine.handler, PROGRAM, "ann", reason=reason, actor="test")
            await members.set_status(
                engine.handler, PROGRAM, "ann", StatusBody(status="suspended", reason="x" * 1_000), actor="test"
            )

    run(story)


# --- simulating what is late ---------------------------------------------------------------------


def test_simulating_a_late_activity_answers_as_recording_it(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url, CAPPED) as engine:
            await engine.enrol()
            await engine.buy(1000, name="o1")
            await engine.at(START + days(300))
            await engine.buy(1000)
            late: Json = {"id": "late", "source": "shop", "type": "purchase", "member": "ann",
                "occurred_at": START + days(2), "data": {"amount_minor": 10_000}}  # fmt: skip
            tried = await activities.simulate(engine.handler, PROGRAM, SimulateBody(**late))
            recorded = await record(engine, ActivityBody(**late))
            assert tried["awards"] == recorded["awards"]
            explained = await explanations.explain(engine.handler, PROGRAM, recorded["ref"])
            assert tried["explanation"]["rules"] == explained["rules"]

    run(story)
