"""Analysts read the books over HTTP: liability, breakage, movements, rules."""

import copy
import csv
import io

import msgspec
import pytest
from litestar import Litestar

from api.http import shapes
from api.wiring import Wired
from application.follow import Projector, Runner
from application.samples import COFFEE
from tests.http.conftest import RETURN, Json, Someone, purchase, with_scopes

pytestmark = pytest.mark.anyio


@pytest.fixture
async def analyst(app: Litestar, shop: Someone) -> Someone:
    """An analyst of a program with two orders, a return and a redemption, once the followers have read it all."""
    wired: Wired = app.state.wired
    await shop.post("/v1/activities", purchase())
    await shop.post("/v1/activities", purchase("order-2"))
    await shop.post("/v1/returns", RETURN | {"amount_minor": 1_000})
    await shop.post("/v1/redemptions", {"id": "r1", "member": "ann", "currency": "points", "points": 100})
    await wired.tables.ensure()
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions, 1_000).catch_up()
    return await with_scopes(shop, "analyst")


async def _items(someone: Someone, path: str) -> list[Json]:
    answer = await someone.get(path)
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["items"]
    return items


def _table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def test_the_last_day_says_what_members_hold(shop: Someone, analyst: Someone) -> None:
    answer = (await analyst.get("/v1/analytics/liability")).json()
    msgspec.convert(answer, shapes.LiabilityDays, strict=False)
    held = (await shop.get("/v1/members/ann")).json()["balances"]["points"]
    assert answer["items"][-1]["outstanding"] == held["available"] + held["pending"] + held["held"]
    assert sum(one["redeemed"] for one in answer["items"]) == 100
    assert sum(one["issued"] - one["taken_back"] for one in answer["items"]) == held["lifetime"]
    assert answer["items"][-1]["estimate"] is None


async def test_an_estimate_defers_and_recognises_from_its_day_on(shop: Someone, analyst: Someone) -> None:
    body = {"currency": "points", "redeemed_share": "0.8", "deferred_per_point": "2", "effective_on": "2020-01-01"}
    refused = await analyst.post("/v1/analytics/liability/estimates", body)
    assert refused.json()["code"] == "missing-scope"
    made = await shop.post("/v1/analytics/liability/estimates", body)
    assert made.status_code == 201
    msgspec.convert(made.json(), shapes.EstimateMade, strict=False)
    last = (await _items(analyst, "/v1/analytics/liability"))[-1]
    kept = last["outstanding"] + 100
    assert last["allocated_minor"] == 2 * kept
    assert last["expected"] == (kept * 8 + 5) // 10
    assert last["recognised_minor"] == (2 * 2 * kept * 100 + last["expected"]) // (2 * last["expected"])
    assert last["deferred_minor"] == last["allocated_minor"] - last["recognised_minor"]
    assert [one["redeemed_share"] for one in await _items(analyst, "/v1/analytics/liability/estimates")] == ["0.8"]
    unknown = await shop.post("/v1/analytics/liability/estimates", body | {"currency": "stars"})
    assert unknown.json()["code"] == "unknown-currency"
    acts = (await shop.get("/v1/audit/access")).json()["items"]
    assert "liability.estimate" in [one["what"] for one in acts]


async def test_days_are_bounded_and_read_as_they_were_known(analyst: Someone) -> None:
    days = [one["day"] for one in await _items(analyst, "/v1/analytics/liability")]
    assert [one["day"] for one in await _items(analyst, f"/v1/analytics/liability?from={days[-1]}")] == days[-1:]
    assert [one["day"] for one in await _items(analyst, f"/v1/analytics/liability?to={days[0]}")] == days[:1]
    assert await _items(analyst, "/v1/analytics/liability?known_on=2020-01-01") == []
    assert await _items(analyst, "/v1/analytics/liability?currency=stars") == []
    for name in ("from", "to", "known_on"):
        assert (await analyst.get(f"/v1/analytics/liability?{name}=soon")).json()["code"] == "bad-time"


async def test_breakage_is_a_triangle(analyst: Someone) -> None:
    answer = (await analyst.get("/v1/analytics/breakage")).json()
    msgspec.convert(answer, shapes.Breakage, strict=False)
    (points,) = answer["items"]
    assert sum(cohort["redeemed"][-1] for cohort in points["cohorts"]) == 100
    for cohort in points["cohorts"]:
        assert cohort["projected_redeemed"] + cohort["projected_breakage"] == cohort["kept"]


async def test_movements_come_in_pages_and_sum_to_zero(analyst: Someone) -> None:
    whole = await _items(analyst, "/v1/analytics/movements?limit=1000")
    assert sum(one["points"] for one in whole) == 0
    paged: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await analyst.get(f"/v1/analytics/movements?limit=3&cursor={cursor}")).json()
        paged += answer["items"]
        cursor = answer["next_cursor"]
    assert paged == whole
    assert await _items(analyst, "/v1/analytics/movements?after=2199-01-01T00:00:00Z") == []
    assert "ann" not in str(whole)


async def test_rules_say_what_they_granted(analyst: Someone) -> None:
    rows = await _items(analyst, "/v1/analytics/rules")
    assert sum(one["granted"] for one in rows if one["rule"] == "base") == 210
    first, rest = (
        await _items(analyst, "/v1/analytics/rules?limit=1"),
        await _items(analyst, "/v1/analytics/rules?cursor=1"),
    )
    assert first + rest == rows
    assert await _items(analyst, "/v1/analytics/rules?to=2020-01-01") == []


@pytest.mark.parametrize("what", ["liability", "breakage", "movements", "rules"])
async def test_each_is_a_table_for_whoever_accepts_csv(analyst: Someone, what: str) -> None:
    items = await _items(analyst, f"/v1/analytics/{what}")
    answer = await analyst.get(f"/v1/analytics/{what}", headers={"accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = _table(answer.text)
    if what == "breakage":
        assert len(rows) == sum(len(cohort["redeemed"]) for one in items for cohort in one["cohorts"])
    else:
        assert [list(row) for row in rows] == [list(item) for item in items]
        assert [row["currency"] for row in rows] == [item["currency"] for item in items]


async def test_a_cell_is_never_a_formula(analyst: Someone, shop: Someone) -> None:
    await shop.post(
        "/v1/analytics/liability/estimates",
        {"currency": "points", "redeemed_share": "1", "deferred_per_point": "1", "reason": "=1+1"},
    )
    answer = await analyst.get("/v1/analytics/liability/estimates", headers={"accept": "text/csv"})
    assert [row["reason"] for row in _table(answer.text)] == ["'=1+1"]


async def test_analytics_are_for_analysts(shop: Someone, stranger: Someone, analyst: Someone) -> None:
    client = await with_scopes(shop, "client")
    for what in ("liability", "breakage", "movements", "rules", "liability/estimates", "experiments"):
        assert (await client.get(f"/v1/analytics/{what}")).json()["code"] == "missing-scope"
        assert await _items(stranger, f"/v1/analytics/{what}") == []


async def test_arms_of_an_experiment_are_compared_with_their_intervals(app: Litestar, admin: Someone) -> None:
    document = copy.deepcopy(COFFEE) | {"experiments": {"gift": {"arms": {"control": 1, "gift": 1}}}}
    gift = {"id": "gift", "on": "purchase", "phase": "add", "variant": {"experiment": "gift", "arm": "gift"},
            "award": {"currency": "points", "points": 50}}  # fmt: skip
    document["rules"] = [*document["rules"], gift]
    draft = (await admin.post("/v1/rulebooks", {"document": document})).json()
    published = await admin.post(f"/v1/rulebooks/{draft['draft']}/publish", {})
    assert published.status_code == 201, published.text
    for number in range(12):
        await admin.post("/v1/members", {"id": f"m{number}"})
        for name in ("a", "b"):
            bought = await admin.post("/v1/activities", purchase(f"{name}{number}", member=f"m{number}"))
            assert bought.status_code == 201, bought.text
    wired: Wired = app.state.wired
    await wired.tables.ensure()
    await Runner(Projector(wired.boards, wired.tables), wired.store, wired.positions, 1_000).catch_up()
    answer = (await admin.get("/v1/analytics/experiments")).json()
    msgspec.convert(answer, shapes.Experiments)
    (found,) = answer["items"]
    control, gift_arm = found["arms"]
    assert (found["experiment"], control["arm"], gift_arm["arm"]) == ("gift", "control", "gift")
    assert control["members"] + gift_arm["members"] == 12
    assert control["activities"] == {
        "total": 2 * control["members"],
        **dict.fromkeys(("mean", "low", "high"), "2.000000"),
    }
    assert int(gift_arm["granted"]["mean"][:-7]) - int(control["granted"]["mean"][:-7]) == 100
    rows = _table((await admin.get("/v1/analytics/experiments?experiment=gift", headers={"accept": "text/csv"})).text)
    assert [(row["arm"], row["measure"]) for row in rows][:2] == [("control", "activities"), ("control", "granted")]
    assert (await admin.get("/v1/analytics/experiments?experiment=none")).json()["items"] == []
