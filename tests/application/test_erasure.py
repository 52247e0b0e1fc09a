"""M8: the person is forgotten everywhere; points, tiers and proofs stay."""

import copy

import msgspec
import pytest

from application import activities, members
from application.payloads import ActivityBody
from domain.errors import MemberErasedAlready, UnknownActivity
from infrastructure.database import connect
from tests.application.engine import SHOP, opened, run

SECRETS = ("ann@example.org", "Ann Example", "crm-77", "gift for Bob")


def everything(database_url: str) -> str:
    """All rows of all tables of the database, as text. Nobody can read what another session holds for itself alone."""
    with connect(database_url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            " AND schemaname NOT LIKE 'pg\\_temp\\_%'"
        ).fetchall()
        found = []
        for schema, table in tables:
            for (row,) in connection.execute(f'SELECT t::text FROM "{schema}"."{table}" t').fetchall():
                found.append(row)
                # Bytes are shown as hex: look into them too.
                for part in row.split("\\x")[1:]:
                    digits = part.split('"')[0].split(",")[0].split(")")[0]
                    found.append(bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("utf-8", "replace"))
    return "\n".join(found)


def test_personal_fields_inside_lists_are_cipher_text_too(database_url: str) -> None:
    document = copy.deepcopy(SHOP)
    purchase = document["activities"]["purchase"]
    line = {"type": "object", "properties": {"sku": {"type": "string"}, "engraving": {"type": "string"}}}
    purchase["data"]["properties"]["lines"] = {"type": "array", "items": line}
    purchase["personal"] = ["/lines/*/engraving"]

    async def story() -> None:
        async with opened(database_url, document) as engine:
            await engine.enrol()
            lines = [{"sku": "a", "engraving": "gift for Bob"}, {"sku": "b"}, {"sku": "c", "engraving": "Ann Example"}]
            answer = await engine.buy(1_000, lines=lines)
            assert not [secret for secret in SECRETS if secret in everything(database_url)]
            shown = await activities.get(engine.handler, "main", answer.body["ref"])
            assert shown["data"]["lines"] == [{"sku": "a"}, {"sku": "b"}, {"sku": "c"}]

    run(story)


def test_personal_fields_of_a_refund_are_cipher_text_too(database_url: str) -> None:
    document = copy.deepcopy(SHOP)
    document["activities"]["refund"] = {
        "role": "reverses",
        "of": "purchase",
        "original": "activity.order",
        "amount": "activity.amount_minor",
        "data": {
            "type": "object",
            "properties": {
                "order": {"type": "string"},
                "amount_minor": {"type": "integer"},
                "note": {"type": "string"},
            },
        },
        "personal": ["/note"],
    }

    async def story() -> None:
        async with opened(database_url, document) as engine:
            await engine.enrol()
            await engine.buy(1_000, name="o1")
            body = ActivityBody(
                id="f1",
                source="shop",
                type="refund",
                member="ann",
                occurred_at=await engine.clock.now("main"),
                data={"order": "o1", "amount_minor": 400, "note": "gift for Bob"},
            )
            answer = await activities.record(engine.handler, "main", body, actor="test")
            assert answer.body["clawed_back"][0]["wanted"] == 4
            assert answer.body["ref"].startswith("act_")
            assert not [secret for secret in SECRETS if secret in everything(database_url)]
            await engine.enrol("bob")
            with pytest.raises(UnknownActivity):
                await activities.record(
                    engine.handler, "main", msgspec.structs.replace(body, id="f2", member="bob"), actor="test"
                )

    run(story)


def test_m8_nothing_personal_is_left_and_nothing_else_moves(database_url: str) -> None:
    async def story() -> None:
        async with opened(database_url) as engine:
            await engine.enrol(
                "ann", email="ann@example.org", external_ids=["crm-77"], profile={"name": "Ann Example"}, key="k1"
            )
            await engine.buy(20_000, name="o1", note="gift for Bob", key="k2")
            before = await engine.read()
            assert before["profile"] == {"name": "Ann Example"}
            # Not even while the member is here: personal fields are cipher text from the first entry.
            assert not [secret for secret in SECRETS if secret in everything(database_url)]

            await members.erase(engine.handler, "main", "ann", actor="test")
            assert not [secret for secret in SECRETS if secret in everything(database_url)]
            with pytest.raises(MemberErasedAlready):
                await engine.read()
            with pytest.raises(MemberErasedAlready):
                await engine.enrol(
                    "ann", email="ann@example.org", external_ids=["crm-77"], profile={"name": "Ann Example"}, key="k1"
                )
            with pytest.raises(MemberErasedAlready):
                await engine.buy(20_000, name="o1", note="gift for Bob", key="k2")

            # The same id may come again, and is a new member.
            again = await engine.enrol("ann", email="ann@example.org")
            assert again.status == 201
            assert (await engine.read())["balances"]["points"]["available"] == 0

    run(story)
