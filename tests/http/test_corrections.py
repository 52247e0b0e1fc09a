"""A correction over HTTP: proposed by an operator, looked at, approved by an admin, applied, and read back."""

from typing import Any

import pytest

from tests.http.conftest import Someone, purchase, with_scopes
from tests.http.test_what_if import done, richer

pytestmark = pytest.mark.anyio
Json = Any


async def test_an_operator_proposes_and_somebody_else_approves(shop: Someone) -> None:
    operator = await with_scopes(shop, "operator")
    await shop.post("/v1/members", {"id": "ann"})
    first = (await shop.post("/v1/activities", purchase("p1"))).json()
    draft = (await operator.post("/v1/rulebooks", {"document": richer()})).json()["draft"]

    started = await operator.post("/v1/corrections", {"rulebook": draft, "rules": ["base"], "reason": "half of it"})
    assert started.status_code == 202, started.text
    name = started.json()["correction"]
    sums = (await done(operator, started.json()["job"]))["result"]
    assert (sums["members"], sums["correction"]) == (1, name)

    found = (await operator.get(f"/v1/corrections/{name}")).json()
    assert (found["state"], found["reason"], found["members"]) == ("proposed", "half of it", 1)
    (row,) = found["items"]
    assert (row["member"], row["activity"], row["rule"]) == ("ann", first["ref"], "base")
    assert row["wanted"] - row["recorded"] == row["difference"] > 0

    refused = await operator.post(f"/v1/corrections/{name}/approve")
    assert (refused.status_code, refused.json()["code"]) == (403, "missing-scope")
    approved = await shop.post(f"/v1/corrections/{name}/approve")
    assert approved.status_code == 202, approved.text
    assert (await done(shop, approved.json()["job"]))["result"] == {"correction": name, "applied": 1, "moved": 0}
    assert (await operator.get(f"/v1/corrections/{name}")).json()["state"] == "applied"
    table = await operator.get(f"/v1/corrections/{name}/csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    (line,) = table.text.splitlines()[1:]
    assert line.startswith(f"ann,{first['ref']},")
    member = (await shop.get("/v1/members/ann")).json()
    assert member["balances"]["points"]["available"] == (
        first["member"]["balances"]["points"]["available"] + row["difference"]
    )


async def test_whoever_proposes_does_not_approve(shop: Someone) -> None:
    started = (await shop.post("/v1/corrections", {"rulebook": 1})).json()
    await done(shop, started["job"])
    refused = await shop.post(f"/v1/corrections/{started['correction']}/approve")
    assert (refused.status_code, refused.json()["code"]) == (409, "same-actor")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid-payload"),
        ({"rulebook": 1, "reverses": "cor_1"}, 422, "invalid-payload"),
        ({"reverses": "cor_1"}, 404, "unknown-correction"),
        ({"rulebook": 1, "rules": ["base", "bsae"]}, 422, "invalid-payload"),
        ({"rulebook": 9}, 404, "unknown-rulebook"),
        ({"rulebook": 1, "members": ["nobody"]}, 404, "unknown-member"),
        ({"rulebook": 1, "from": "2030-01-01T00:00:00Z", "to": "2029-01-01T00:00:00Z"}, 422, "bad-time"),
    ],
)
async def test_what_cannot_be_proposed_is_refused(shop: Someone, body: Json, status: int, code: str) -> None:
    answer = await shop.post("/v1/corrections", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_correction_that_is_not_there_is_a_problem(shop: Someone) -> None:
    for name in ("cor_1", "cor_" + "0" * 32, "x"):
        answer = await shop.get(f"/v1/corrections/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-correction")
