"""Proofs and bundles on the console: what the server says of them, to whom, and what it refuses."""

import json
import re
from html import unescape

import pytest
from litestar import Litestar

from api.console import bundles
from api.wiring import Wired
from domain.merkle import proves_consistency
from tests.console.test_door import csrf, post, sign_in
from tests.http.conftest import Someone, purchase, with_scopes
from tests.http.test_proofs import growing

__all__ = ["growing"]

pytestmark = pytest.mark.anyio

PROOF, CHECKPOINTS, BUNDLE = "/console/audit/proof", "/console/audit/checkpoints", "/console/audit/bundle"


async def bought(shop: Someone, count: int) -> list[int]:
    return [(await shop.post("/v1/activities", purchase(f"n{number}"))).json()["position"] for number in range(count)]


async def a_bundle(shop: Someone) -> str:
    return (await shop.get("/v1/audit/members/ann/bundle")).text


async def dropped(someone: Someone, text: str, name: str = "ann.json") -> tuple[int, str]:
    fields = {"csrf": await csrf(someone.client, BUNDLE), "bundle": text, "name": name}
    answer = await post(someone.client, BUNDLE, fields)
    return answer.status_code, answer.text


def marks(page: str) -> str:
    """One letter for each step of a check: held, failed, not come to."""
    return "".join(re.findall(r'<span class="mark" aria-hidden="true">(.)</span>', page))


async def test_the_proof_of_an_entry_is_that_of_the_api_step_by_step(shop: Someone, growing: Wired) -> None:
    await sign_in(shop)
    for position in await bought(shop, 5):
        page = (await shop.client.get(PROOF, params={"position": position})).text
        proof = (await shop.get("/v1/audit/inclusion", params={"position": position})).json()
        assert re.findall(r'data-beside="(\w+)"', page) == proof["proof"]
        assert f'data-made="root" data-new="{proof["root"]}"' in page
        assert "Equal" in page
        assert unescape(page).count(proof["checkpoint"]) == 1


async def test_entries_of_the_log_and_of_a_members_history_lead_to_their_proof(shop: Someone, growing: Wired) -> None:
    (position,) = await bought(shop, 1)
    await sign_in(shop)
    for page in ("/console/audit", "/console/members/ann"):
        assert f'href="{PROOF}?position={position}"' in (await shop.client.get(page)).text
    await sign_in(await with_scopes(shop, "client"))
    assert PROOF not in (await shop.client.get("/console/members/ann")).text


async def test_whoever_looks_at_a_members_entry_or_takes_their_bundle_is_noted(shop: Someone, growing: Wired) -> None:
    await shop.post("/v1/members", {"id": "bob"})
    log = (await shop.get("/v1/log")).json()["items"]
    auditor = await with_scopes(shop, "auditor")
    await sign_in(auditor)
    assert (await auditor.client.get(PROOF, params={"position": log[-1]["position"]})).status_code == 200
    assert (await auditor.client.get("/console/audit/members/ann/bundle")).status_code == 200
    items = (await shop.get("/v1/audit/access")).json()["items"]
    looked = {(one["what"], one["member"]) for one in items}
    assert ("GET /console/audit/proof", "bob") in looked
    assert ("GET /console/audit/members/{member}/bundle", "ann") in looked


async def test_a_changed_entry_is_shown_with_its_digest_and_one_that_cannot_be_read_as_that(
    shop: Someone, growing: Wired
) -> None:
    position, other = await bought(shop, 2)
    await sign_in(shop)
    before, _ = [(await shop.client.get(PROOF, params={"position": one})).text for one in (position, other)]
    async with growing.pool.connection() as connection:
        await connection.execute(
            "UPDATE stored_events SET state = set_byte(state, 0, 255) WHERE notification_id = %s", (position,)
        )
        await connection.execute(
            "UPDATE stored_events SET seal = decode(repeat('00', 32), 'hex') WHERE notification_id = %s", (other,)
        )
    page = (await shop.client.get(PROOF, params={"position": position})).text
    assert "cannot be read" in page
    # The browser is given the bytes as they are now, and will not come to the digest with them.
    state = re.compile(r'data-state="([^"]+)"')
    assert state.findall(page) != state.findall(before)
    assert "Not equal" in page
    assert "Not equal" in (await shop.client.get(PROOF, params={"position": other})).text
    assert "cannot be read" in (await shop.client.get("/console/audit")).text


@pytest.mark.parametrize(("given", "status"), [("99999999", 404), ("", 303), ("x", 422), ("-1", 422), ("<b>", 422)])
async def test_a_position_that_is_not_there_is_a_problem(
    shop: Someone, growing: Wired, given: str, status: int
) -> None:
    await sign_in(shop)
    answer = await shop.client.get(PROOF, params={"position": given})
    assert answer.status_code == status
    assert "<b>" not in answer.text


async def test_positions_of_another_program_have_no_proof_here(
    shop: Someone, stranger: Someone, growing: Wired
) -> None:
    (position,) = await bought(shop, 1)
    await sign_in(stranger)
    assert (await shop.client.get(PROOF, params={"position": position})).status_code == 404
    assert (await shop.client.get("/console/audit/members/ann/bundle")).status_code == 404


@pytest.mark.parametrize("scope", ["client", "operator", "analyst"])
async def test_proofs_are_for_auditors(shop: Someone, growing: Wired, scope: str) -> None:
    someone = await with_scopes(shop, scope)
    await sign_in(someone)
    for page in (f"{PROOF}?position=1", CHECKPOINTS, BUNDLE, "/console/audit/members/ann/bundle"):
        assert (await someone.client.get(page)).status_code == 403, page
    fields = {"csrf": await csrf(someone.client, "/console/leaderboards"), "bundle": "{}"}
    assert (await post(someone.client, BUNDLE, fields)).status_code == 403


# --- checkpoints -------------------------------------------------------------------------------


async def test_the_log_has_grown_from_a_checkpoint_that_was_kept(shop: Someone, growing: Wired) -> None:
    (*_, last) = await bought(shop, 3)
    old = (await shop.get("/v1/audit/checkpoint", params={"at_least": last})).json()
    (last,) = [(await shop.post("/v1/activities", purchase("later"))).json()["position"]]
    new = (await shop.get("/v1/audit/checkpoint", params={"at_least": last})).json()
    await sign_in(shop)
    # Forms send line ends in their own way.
    for given in (old["checkpoint"], old["checkpoint"].strip().replace("\n", "\r\n"), str(old["size"])):
        page = (await shop.client.get(CHECKPOINTS, params={"older": given, "newer": new["checkpoint"]})).text
        path = re.search(r'data-path="([^"]*)"', page)
        assert path is not None
        assert proves_consistency(
            old["size"],
            new["size"],
            [bytes.fromhex(step) for step in path.group(1).split()],
            bytes.fromhex(old["root"]),
            bytes.fromhex(new["root"]),
        )
        assert "Equal" in page
        assert ("Only a checkpoint that you kept" in page) is given.isdecimal()
    same = (await shop.client.get(CHECKPOINTS, params={"older": new["checkpoint"]})).text
    assert "Equal" in same


async def test_a_log_that_was_changed_and_given_new_trees_is_not_the_one_that_was_kept(
    shop: Someone, growing: Wired
) -> None:
    (*_, last) = await bought(shop, 3)
    old = (await shop.get("/v1/audit/checkpoint", params={"at_least": last})).json()["checkpoint"]
    async with growing.pool.connection() as connection:
        await connection.execute(
            "UPDATE tree_tiles SET hashes = set_byte(hashes, 0, (get_byte(hashes, 0) + 1) %% 256)"
            " WHERE program = %s AND level = 0",
            ("main",),
        )
    await sign_in(shop)
    page = (await shop.client.get(CHECKPOINTS, params={"older": old})).text
    assert "Not equal" in page


async def test_a_log_that_was_cut_behind_a_kept_checkpoint_says_so(shop: Someone, growing: Wired) -> None:
    (*_, last) = await bought(shop, 3)
    old = (await shop.get("/v1/audit/checkpoint", params={"at_least": last})).json()["checkpoint"]
    async with growing.pool.connection() as connection:
        await connection.execute("UPDATE trees SET size = size - 1 WHERE program = 'main'")
    await sign_in(shop)
    answer = await shop.client.get(CHECKPOINTS, params={"older": old})
    assert answer.status_code == 422
    assert "entries are gone" in answer.text


@pytest.mark.parametrize(
    "given",
    ["0", "99999", "x", "<script>alert(1)</script>", "a/main\n1\nAAAA\n\n— x AAAA", "1" * 400, "9" * 6_000, "\x00"],
)  # fmt: skip
async def test_what_is_no_checkpoint_of_this_log_is_refused_and_stays_text(
    shop: Someone, growing: Wired, given: str
) -> None:
    await sign_in(shop)
    answer = await shop.client.get(CHECKPOINTS, params={"older": given})
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), answer.text
    assert "<script>alert" not in answer.text


async def test_a_checkpoint_that_somebody_forged_is_not_believed(shop: Someone, growing: Wired) -> None:
    (*_, last) = await bought(shop, 3)
    note = (await shop.get("/v1/audit/checkpoint", params={"at_least": last})).json()
    forged = note["checkpoint"].replace(f"\n{note['size']}\n", "\n2\n")
    await sign_in(shop)
    answer = await shop.client.get(CHECKPOINTS, params={"older": forged})
    assert answer.status_code == 422
    assert "not signed by a key" in answer.text


# --- bundles -----------------------------------------------------------------------------------


async def test_a_bundle_is_taken_from_a_members_page_and_found_sound(shop: Someone, growing: Wired) -> None:
    await bought(shop, 2)
    await sign_in(shop)
    assert 'href="/console/audit/members/ann/bundle"' in (await shop.client.get("/console/members/ann")).text
    file = await shop.client.get("/console/audit/members/ann/bundle")
    assert file.headers["content-disposition"].startswith("attachment")
    assert file.text == await a_bundle(shop)
    for text in (file.text, f"{file.text}\r\n"):
        status, page = await dropped(shop, text)
        assert (status, marks(page)) == (200, "✓✓✓✓✓")
        assert "It is sound" in page
        assert 'data-figure="equal">3<' in page
        assert "260 available" in page
        assert 'href="/console/members/ann"' in page


async def test_what_was_changed_in_a_bundle_is_found_at_its_step_and_position(shop: Someone, growing: Wired) -> None:
    _, second = await bought(shop, 2)
    await sign_in(shop)
    whole = json.loads(await a_bundle(shop))

    def changed(**more: object) -> str:
        return json.dumps(whole | more, separators=(",", ":"), ensure_ascii=False)

    program, member = whole["streams"]
    rows = member["rows"]
    richer = [*rows[:-1], rows[-1] | {"state": rows[-1]["state"].replace('"points":105', '"points":999')}]
    assert richer != rows
    cases = {
        changed(): "✓✓✓✓✓",
        changed(streams=[program, member | {"rows": richer}]): "✓✓✗✗·",
        changed(streams=[program, member | {"rows": rows[:-1]}]): "✓✓✓✗·",
        changed(streams=[program, member | {"rows": [*rows[:-1], rows[-1] | {"proof": rows[0]["proof"]}]}]): "✓✓✗✓·",
        changed(streams=[member, program]): "✗····",
        changed(checkpoint=whole["checkpoint"].replace("main\n", "main\n1", 1)): "✓✗···",
        changed(keys=[]): "✓✗···",
        changed(format="guerdon.bundle.9"): "✓✗···",
        json.dumps(whole): "✗····",
    }
    for text, expected in cases.items():
        status, page = await dropped(shop, text)
        assert (status, marks(page)) == (200, expected), text[:200]
    _, page = await dropped(shop, next(text for text, expected in cases.items() if expected == "✓✓✗✗·"))
    assert f'href="/console/audit?before={second + 1}"' in page
    assert "It is not sound" in page


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "{}",
        "null",
        "[" * 100_000,
        '{"format":' * 50_000,
        '{"format":"\\ud800"}',
        "\x00",
        "<script>alert(1)</script>",
        "é" * 1_000,
        "1e999",
        '{"a":' + "9" * 10_000 + "}",
    ],
)  # fmt: skip
async def test_what_is_no_bundle_is_told_and_stays_text(shop: Someone, growing: Wired, text: str) -> None:
    await sign_in(shop)
    status, page = await dropped(shop, text, name="<img src=x onerror=alert(1)>.json")
    assert (status, marks(page)) == (200, "✗····"), page
    assert "<script>alert" not in page
    assert "<img src=x" not in page


async def test_a_bundle_of_another_program_is_not_signed_by_this_log(
    shop: Someone, stranger: Someone, growing: Wired
) -> None:
    await bought(shop, 1)
    file = await a_bundle(shop)
    await sign_in(stranger)
    _, page = await dropped(stranger, file)
    assert marks(page) == "✓✗···"
    assert "ann" not in page.partition("<main")[2].replace("ann.json", "")


async def test_what_is_too_large_or_missing_is_refused_on_the_page(
    app: Litestar, shop: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(shop)
    status, page = await dropped(shop, "")
    assert (status, "Choose a file" in page) == (422, True)
    monkeypatch.setattr(bundles, "LARGEST", 1_000)
    status, page = await dropped(shop, "x" * 1_001)
    assert (status, 'role="alert"' in page, "the command line takes any" in page) == (413, True, True)


async def test_a_form_that_is_larger_than_any_bundle_is_not_read_to_its_end(shop: Someone) -> None:
    await sign_in(shop)
    token = await csrf(shop.client, BUNDLE)
    answer = await post(shop.client, BUNDLE, {"csrf": token, "bundle": "x" * (3 * bundles.LARGEST + 5_000_000)})
    assert answer.status_code == 413
    # Other forms have not become larger by it.
    answer = await post(shop.client, "/console/members", {"csrf": token, "q": "x" * 5_000_000})
    assert answer.status_code == 413
