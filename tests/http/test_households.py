"""Households over HTTP: one life of a household, and what is refused on the way."""

import msgspec
import pytest

from api.http import shapes
from tests.http.conftest import Json, Someone, purchase, with_scopes

pytestmark = pytest.mark.anyio


@pytest.fixture
async def home(shop: Someone) -> Someone:
    """Ann has points and owns the household; Bob belongs to it."""
    assert (await shop.post("/v1/members", {"id": "bob"})).status_code == 201
    assert (await shop.post("/v1/activities", purchase())).status_code == 201
    assert (await shop.post("/v1/households", {"id": "smiths"})).status_code == 201
    for member, role in (("ann", "owner"), ("bob", "member")):
        done = await shop.post("/v1/households/smiths/join", {"member": member, "role": role})
        assert msgspec.convert(done.json(), shapes.HouseholdJoined).role == role
    given = {"id": "t1", "from": "ann", "to": "smiths", "currency": "points", "points": 150}
    assert (await shop.post("/v1/transfers", given)).status_code == 201
    return shop


async def test_one_life_of_a_household(home: Someone) -> None:
    spent = await home.post(
        "/v1/redemptions", {"id": "r1", "member": "smiths", "by": "bob", "currency": "points", "points": 100}
    )
    assert spent.status_code == 201
    found = msgspec.convert((await home.get("/v1/households/smiths")).json(), shapes.Household, strict=False)
    assert found.balances["points"].available == 50
    assert [(one.member, one.contributed) for one in found.members] == [("ann", {"points": 150}), ("bob", {})]
    ledger = (await home.get("/v1/households/smiths/contributions?limit=1")).json()
    assert msgspec.convert(ledger, shapes.Contributions, strict=False).items[0].member == "ann"
    assert (await home.get("/v1/members/bob")).json()["household"] == "smiths"
    audit = (await home.get("/v1/audit/members/smiths")).json()
    assert audit["state"]["balances"]["points"]["available"] == 50
    left = (await home.post("/v1/households/smiths/leave", {"member": "bob"})).json()
    assert msgspec.convert(left, shapes.HouseholdLeft).points == {}
    gone = (await home.post("/v1/households/smiths/dissolve", {})).json()
    assert msgspec.convert(gone, shapes.HouseholdGone).status == "dissolved"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/households", {"id": "smiths"}, 409, "member-exists"),
        ("/v1/households", {"id": "lookup"}, 422, "bad-id"),
        ("/v1/households", {"id": "x", "limit": {"points": 0, "per": "day"}}, 422, "amount-out-of-range"),
        ("/v1/households", {"id": "x", "limit": {"points": 1, "per": "hour"}}, 422, "invalid-payload"),
        ("/v1/households/nobody/join", {"member": "ann"}, 404, "unknown-household"),
        ("/v1/households/ann/join", {"member": "bob"}, 404, "unknown-household"),
        ("/v1/households/smiths/join", {"member": "zoe"}, 404, "unknown-member"),
        ("/v1/households/smiths/join", {"member": "ann"}, 409, "not-eligible"),
        ("/v1/households/smiths/leave", {"member": "smiths"}, 409, "not-eligible"),
        ("/v1/redemptions", {"id": "r", "member": "smiths", "currency": "points", "points": 100}, 409, "not-eligible"),
        ("/v1/transfers", {"id": "t", "from": "smiths", "to": "ann", "currency": "points", "points": 1}, 409,
         "not-eligible"),
    ],
)  # fmt: skip
async def test_what_is_refused(home: Someone, path: str, body: Json, status: int, code: str) -> None:
    answer = await home.post(path, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_terms_change_all_at_once_by_an_operator(home: Someone) -> None:
    done = await home.ask("PATCH", "/v1/households/smiths", json={"spenders": "owner"})
    assert done.status_code == 200
    assert done.json()["household"] == {"id": "smiths", "spenders": "owner", "leaving": "take", "limit": None}
    client = await with_scopes(home, "client")
    assert (await client.ask("PATCH", "/v1/households/smiths", json={})).status_code == 403
