"""What an operator can read from /metrics, and that it names nobody."""

import pytest
from litestar import Litestar
from prometheus_client.parser import text_string_to_metric_families

from api.wiring import Wired
from application.ports import Unavailable
from application.rows import Wish
from domain.member.commands import SetMemberStatus
from infrastructure.database import connect
from infrastructure.positions import PostgresPositions
from tests.http.conftest import Someone, purchase

pytestmark = pytest.mark.anyio

Samples = dict[tuple[str, ...], float]


async def metrics(someone: Someone) -> Samples:
    """The samples by name and values of their labels."""
    page = await someone.get("/metrics")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }


async def test_activities_are_counted_by_what_became_of_them(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    await shop.post("/v1/activities", purchase())
    await shop.post("/v1/activities", purchase(data={"amount_minor": 1}))
    await shop.post("/v1/activities", b"{")
    await shop.post("/v1/activities/batch", [purchase("b1"), purchase("b2", member="nobody"), {"id": "b3"}])
    found = await metrics(shop)
    assert found["guerdon_activities_total", "recorded"] == 2
    assert found["guerdon_activities_total", "replayed"] == 1
    assert found["guerdon_activities_total", "activity-differs"] == 1
    assert found["guerdon_activities_total", "malformed-json"] == 1
    assert found["guerdon_activities_total", "unknown-member"] == 1
    assert found["guerdon_activities_total", "invalid-payload"] == 1


async def test_problems_are_counted_by_code_whoever_runs_into_them(shop: Someone, nobody: Someone) -> None:
    await nobody.get("/v1/members/ann")
    await nobody.get("/nowhere")
    await shop.get("/v1/members/unknown")
    await shop.post("/v1/activities/batch", [purchase("b", member="nobody")])
    found = await metrics(nobody)
    assert found["guerdon_problems_total", "unauthenticated"] == 1
    assert found["guerdon_problems_total", "not-found"] == 1
    assert found["guerdon_problems_total", "unknown-member"] == 2


async def test_a_made_up_method_is_no_series_of_its_own(nobody: Someone) -> None:
    await nobody.ask("BREW", "/v1/members")
    assert (await metrics(nobody))["guerdon_http_requests_total", "other", "", "405"] == 1


async def test_saves_are_timed_and_batches_measured(shop: Someone) -> None:
    before = await metrics(shop)
    await shop.post("/v1/activities/batch", [purchase(f"o{number}") for number in range(5)])
    found = await metrics(shop)
    for name, more in (
        ("guerdon_log_save_seconds_count", 5),
        ("guerdon_log_batch_saves_sum", 5),
        ("guerdon_log_batch_saves_count", 5),  # one member's entries come one after the other
        ("guerdon_log_batch_seconds_count", 5),
    ):
        assert found[name,] - before[name,] == more, name


async def test_conflicts_are_counted_by_the_check_they_did_not_pass(app: Litestar, shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    await shop.post("/v1/activities", purchase())
    assert (await metrics(shop))["guerdon_log_conflicts_total", "claim"] == 1
    wired: Wired = app.state.wired
    loaded, known = await wired.handler.find("main", "ann")
    await shop.post("/v1/activities", purchase("order-2"))
    # The member moved since it was loaded, so this is decided twice.
    stays = Wish(program="main", command=SetMemberStatus(status="active", reason="x"), actor="test")
    await wired.handler.handle(stays, loaded, known)
    assert (await metrics(shop))["guerdon_log_conflicts_total", "head"] == 1


async def test_caches_tell_what_they_had_and_what_they_had_to_make(
    app: Litestar, shop: Someone, database_url: str
) -> None:
    before = await metrics(shop)
    await shop.get("/v1/members/ann")
    with connect(database_url) as connection:
        connection.execute("UPDATE state_rows SET shape = -1 WHERE kind = 'member'")
    await shop.get("/v1/members/ann")
    found = await metrics(shop)
    assert (
        found["guerdon_cache_lookups_total", "program", "hit"] > before["guerdon_cache_lookups_total", "program", "hit"]
    )
    assert found["guerdon_cache_lookups_total", "state", "hit"] >= 1
    assert found["guerdon_cache_lookups_total", "state", "miss"] == 1


async def test_followers_tell_how_far_they_are(app: Litestar, shop: Someone, database_url: str) -> None:
    wired: Wired = app.state.wired
    await wired.positions.register("analytics", 1)
    await shop.post("/v1/activities", purchase())
    found = await metrics(shop)
    assert found["guerdon_follower_behind_entries", "analytics"] == await wired.positions.head()
    assert found["guerdon_parked_entries", "analytics"] == 0
    with connect(database_url) as connection:
        connection.execute(
            "UPDATE positions SET position = (SELECT max(notification_id) FROM stored_events),"
            " updated_at = now() - interval '1 hour'"
        )
        connection.execute(
            "INSERT INTO parked (follower, stream, position, error, parked_at)"
            " SELECT 'analytics', originator_id, notification_id, 'x', now() FROM stored_events LIMIT 2"
        )
    found = await metrics(shop)
    assert found["guerdon_follower_behind_entries", "analytics"] == 0
    assert 3_600 <= found["guerdon_follower_idle_seconds", "analytics"] < 7_200
    assert found["guerdon_parked_entries", "analytics"] == 2


async def test_without_a_database_the_followers_are_absent_and_the_rest_is_there(
    app: Litestar, nobody: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_: PostgresPositions) -> None:
        raise Unavailable("the database: gone")

    monkeypatch.setattr(PostgresPositions, "lags", gone)
    await nobody.get("/livez")
    found = await metrics(nobody)
    assert found["guerdon_http_requests_total", "GET", "/livez", "200"] == 1
    assert not [name for name in found if name[0].startswith(("guerdon_follower", "guerdon_parked"))]


async def test_no_label_names_anybody(shop: Someone) -> None:
    await shop.post("/v1/activities", purchase())
    await shop.get("/v1/members/ann")
    await shop.get("/v1/members/ann@example.org")
    values = {value for _, *labels in await metrics(shop) for value in labels}
    assert values
    assert not [value for value in values if "ann" in value or "order-1" in value or value == "main"]
