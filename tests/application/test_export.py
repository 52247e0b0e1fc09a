"""The person sees all that is kept about them, in the clear; nobody does once they are erased."""

from uuid import UUID

import msgspec
import pytest

from application import members
from application.export import export
from application.members import ChangeBody
from application.merge_members import MergeBody, merge
from application.sealing import open_payload, seal_payload
from domain.errors import MemberErasedAlready
from domain.rules.rulebook import ActivityType
from infrastructure.vault import Vault
from tests.application.engine import START, Engine, Json, opened, run


async def _export(engine: Engine, member: str = "ann") -> Json:
    found: Json = msgspec.to_builtins(await export(engine.handler, "main", member, at=START))
    return found


def test_everything_about_a_member_is_in_it_in_the_clear(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann", email="ann@example.org", profile={"name": "Ann"}, consents={"mail": True})
            await engine.buy(20_000, name="o1", note="gift for Bob")
            await members.change(
                engine.handler, "main", "ann", ChangeBody(email="new@example.org", consents={"mail": False}), actor="op"
            )
            await engine.redeem(50, name="r1")
            await engine.give_back("o1", 1_000)
            found = await _export(engine)
        assert [(one["email"], one["profile"]) for one in found["personal"]] == [
            ("ann@example.org", {"name": "Ann"}),
            ("new@example.org", {"name": "Ann"}),
        ]
        assert [(one["consents"], one["actor"]) for one in found["consents"]] == [
            ({"mail": True}, "test"),
            ({"mail": False}, "op"),
        ]
        assert found["activities"][0]["data"] == {"amount_minor": 20_000, "note": "gift for Bob"}
        assert found["activities"][1]["returns"] == {"source": "shop", "id": "o1", "amount_minor": 1_000}
        assert [(one["id"], one["state"], one["points"]) for one in found["redemptions"]] == [("r1", "confirmed", 50)]
        assert (
            sum(lot["remaining"] for lot in found["lots"] if lot["state"] == "open")
            == (found["member"]["balances"]["points"]["available"])
        )
        assert found["member"]["email"] == "new@example.org"
        assert any("200" in item["text"] for item in found["history"])

    run(story)


def test_who_was_merged_into_a_member_is_in_the_members_export(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann", email="ann@example.org")
            await engine.enrol("old", email="old@example.org")
            await engine.buy(10_000, name="o1", member="old", note="from before")
            await merge(engine.handler, "main", MergeBody(id="m1", survivor="ann", loser="old"), actor="op")
            await engine.buy(10_000, name="o2")
            found = await _export(engine)
        assert len(found["streams"]) == 2
        assert sorted(one["email"] for one in found["personal"]) == ["ann@example.org", "old@example.org"]
        assert [one["id"] for one in found["activities"]] == ["o2", "o1"]
        assert found["activities"][1]["data"]["note"] == "from before"

    run(story)


def test_nobody_exports_who_was_erased(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol("ann")
            await members.erase(engine.handler, "main", "ann", actor="op")
            with pytest.raises(MemberErasedAlready):
                await _export(engine)

    run(story)


@pytest.mark.parametrize(
    ("personal", "data"),
    [
        (["/note"], {"note": "x", "a": 1}),
        (["/lines/*/name"], {"lines": [{"name": "x", "n": 1}, {"n": 2}, {"name": "y"}]}),
        (["/names/*"], {"names": ["x", "y"]}),
        (["/names/1"], {"names": ["x", "y"]}),
        (["/who/address"], {"who": {"address": {"street": "x"}}}),
        (["/a~1b"], {"a/b": "x", "a": 1}),
        (["/a~1b/c"], {"a/b": {"c": "x", "d": 1}}),
        (["/til~0de"], {"til~de": "x"}),
    ],
)
def test_a_payload_that_is_opened_is_the_one_that_was_sealed(personal: list[str], data: Json) -> None:
    vault = Vault(bytes(32))
    key, stream = bytes(range(32)), UUID(int=1)
    kept, sealed = seal_payload(vault, data, ActivityType(personal=personal), key=key, program="main", stream=stream)
    assert kept != data
    assert open_payload(vault, kept, sealed, key=key, program="main", stream=stream) == data
