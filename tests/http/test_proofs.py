"""Checkpoints, proofs and bundles over HTTP: an auditor checks them with the published key alone."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from litestar import Litestar

from api.http import shapes
from api.wiring import Wired
from application.bundle import check
from application.trees import Gardener
from domain.merkle import proves_consistency, proves_inclusion
from domain.notes import Verifier, read_checkpoint, read_notes, read_verifier
from infrastructure.signing import signed_by
from tests.http.conftest import Json, Someone, purchase, with_scopes

pytestmark = pytest.mark.anyio


@pytest.fixture
async def growing(app: Litestar, shop: Someone) -> AsyncIterator[Wired]:
    """A gardener beside the server."""
    wired: Wired = app.state.wired
    running = asyncio.create_task(Gardener(wired.trees, wired.positions).run())
    yield wired
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _key(shop: Someone) -> Verifier:
    items = (await shop.get("/v1/audit/keys")).json()["items"]
    return read_verifier(items[-1]["key"])


async def _bought(shop: Someone, count: int) -> list[int]:
    return [(await shop.post("/v1/activities", purchase(f"n{number}"))).json()["position"] for number in range(count)]


async def test_a_checkpoint_is_signed_by_the_published_key(shop: Someone, growing: Wired) -> None:
    (*_, last) = await _bought(shop, 3)
    answer = (await shop.get(f"/v1/audit/checkpoint?at_least={last}")).json()
    msgspec.convert(answer, shapes.SignedCheckpoint)
    (note,) = read_notes(answer["checkpoint"])
    assert signed_by(note, await _key(shop))
    read = read_checkpoint(note.text)
    assert (read.origin, read.size, read.root.hex()) == (answer["origin"], answer["size"], answer["root"])
    assert answer["origin"].endswith("/main")
    assert answer["position"] >= last


async def test_every_entry_is_proven_at_once_when_it_was_written(shop: Someone, growing: Wired) -> None:
    for position in await _bought(shop, 5):
        proof = (await shop.get(f"/v1/audit/inclusion?position={position}")).json()
        msgspec.convert(proof, shapes.Inclusion)
        (row,) = await growing.store.log("main", after=position - 1, limit=1)
        assert proof["seal"] == row.seal.hex()
        assert proves_inclusion(
            bytes.fromhex(proof["leaf"]),
            proof["index"],
            (0, proof["size"]),
            [bytes.fromhex(step) for step in proof["proof"]],
            bytes.fromhex(proof["root"]),
        )


async def test_a_later_checkpoint_is_shown_to_begin_with_an_earlier_one(shop: Someone, growing: Wired) -> None:
    (*_, last) = await _bought(shop, 2)
    early = (await shop.get(f"/v1/audit/checkpoint?at_least={last}")).json()
    (*_, last) = [(await shop.post("/v1/activities", purchase(f"m{number}"))).json()["position"] for number in range(4)]
    late = (await shop.get(f"/v1/audit/checkpoint?at_least={last}")).json()
    answer = (await shop.get(f"/v1/audit/consistency?from={early['size']}&to={late['size']}")).json()
    assert (await shop.get(f"/v1/audit/consistency?from={early['size']}")).json()["proof"] == answer["proof"]
    msgspec.convert(answer, shapes.Consistency)
    assert (answer["from_root"], answer["to_root"]) == (early["root"], late["root"])
    assert proves_consistency(
        early["size"],
        late["size"],
        [bytes.fromhex(step) for step in answer["proof"]],
        bytes.fromhex(early["root"]),
        bytes.fromhex(late["root"]),
    )


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/audit/inclusion?position=99999999", "unknown-position"),
        ("/v1/audit/inclusion", "unknown-position"),
        ("/v1/audit/inclusion?position=x", "invalid-payload"),
        ("/v1/audit/consistency", "invalid-payload"),
        ("/v1/audit/consistency?from=0", "invalid-payload"),
        ("/v1/audit/consistency?from=1&to=99999", "invalid-payload"),
        ("/v1/audit/consistency?from=99999", "invalid-payload"),
        ("/v1/audit/members/nobody/bundle", "unknown-member"),
    ],
)
async def test_what_cannot_be_proven_is_refused(shop: Someone, growing: Wired, path: str, code: str) -> None:
    assert (await shop.get(path)).json()["code"] == code


async def test_a_proof_of_what_no_tree_has_yet_is_behind(shop: Someone) -> None:
    (position,) = await _bought(shop, 1)
    assert (await shop.get(f"/v1/audit/inclusion?position={position}")).json()["code"] == "behind"
    assert (await shop.get("/v1/audit/members/ann/bundle")).json()["code"] == "behind"


async def test_a_bundle_is_checked_without_the_server(shop: Someone, growing: Wired) -> None:
    await _bought(shop, 2)
    answer = await shop.get("/v1/audit/members/ann/bundle")
    msgspec.convert(answer.json(), shapes.Bundle)
    found = check(answer.content, [await _key(shop)], signed_by)
    balance: Json = (await shop.get("/v1/members/ann")).json()["balances"]["points"]
    assert found.wrong == []
    assert found.equal == found.entries == 3
    assert found.balances["points"].available == balance["available"] == 260


async def test_a_bundle_of_a_row_that_is_no_text_names_the_row(shop: Someone, growing: Wired) -> None:
    _, changed = await _bought(shop, 2)
    async with growing.pool.connection() as connection:
        await connection.execute(
            "UPDATE stored_events SET state = set_byte(state, 20, 255) WHERE notification_id = %s", (changed,)
        )
    answer = await shop.get("/v1/audit/members/ann/bundle")
    assert answer.status_code == 200, answer.text
    found = check(answer.content, [await _key(shop)], signed_by)
    assert {wrong.position for wrong in found.wrong} == {changed}


async def test_an_erased_members_bundle_is_found_by_its_stream(shop: Someone, growing: Wired) -> None:
    await _bought(shop, 1)
    (entry, *_) = (await shop.get("/v1/audit/members/ann")).json()["entries"]
    stream = entry["entry"]["stream"].rpartition("/")[2]
    assert (await shop.ask("DELETE", "/v1/members/ann")).status_code == 200
    assert (await shop.get("/v1/audit/members/ann/bundle")).json()["code"] in ("member-erased", "unknown-member")
    answer = await shop.get(f"/v1/audit/members/{stream}/bundle")
    assert answer.status_code == 200, answer.text
    found = check(answer.content, [await _key(shop)], signed_by)
    assert found.wrong == []
    assert found.entries == 3
    assert "ann@example.org" not in answer.text


async def test_keys_are_rotated_and_old_checkpoints_stay_valid(shop: Someone, growing: Wired) -> None:
    old = (await shop.get("/v1/audit/checkpoint")).json()["checkpoint"]
    first = await _key(shop)
    await growing.signing.rotate()
    second = await _key(shop)
    assert (first.name, first.public != second.public) == (second.name, True)
    new = (await shop.get("/v1/audit/checkpoint")).json()["checkpoint"]
    items = (await shop.get("/v1/audit/keys")).json()["items"]
    assert [read_verifier(item["key"]) for item in items] == [first, second]
    assert [item["retired_at"] is None for item in items] == [False, True]
    assert [signed_by(read_notes(old)[0], key) for key in (first, second)] == [True, False]
    assert [signed_by(read_notes(new)[0], key) for key in (first, second)] == [False, True]


async def test_processes_that_ask_for_the_first_key_at_once_get_the_same(shop: Someone, growing: Wired) -> None:
    await asyncio.gather(*(growing.signing.sign("main", "x\n") for _ in range(8)))
    assert len(await growing.signing.published()) == 1


async def test_proofs_are_for_auditors(shop: Someone) -> None:
    client = await with_scopes(shop, "client")
    auditor = await with_scopes(shop, "auditor")
    for path in ("checkpoint", "keys"):
        assert (await client.get(f"/v1/audit/{path}")).json()["code"] == "missing-scope"
        assert (await auditor.get(f"/v1/audit/{path}")).status_code == 200
