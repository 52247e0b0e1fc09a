"""Several workers of one server answer as one."""

import asyncio

import pytest
from httpx2 import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.server import prepared, serving
from tests.cli.test_drain import headers, purchase

pytestmark = pytest.mark.slow

WORKERS = 2


def test_whichever_worker_is_asked_counts_for_all(database_url: str) -> None:
    key = asyncio.run(prepared(database_url))
    with serving(database_url, GUERDON_WORKERS=str(WORKERS)) as served:
        address = f"http://127.0.0.1:{served.port}"
        # A new connection each: the kernel gives them to one worker or the other.
        for number in range(40):
            with Client(base_url=address, headers=headers(key)) as client:
                assert client.post("/v1/activities", json=purchase(f"o{number}")).status_code == 201
        for _ in range(10):
            with Client(base_url=address) as client:
                page = client.get("/metrics").text
            found = {
                (sample.name, *sample.labels.values()): sample.value
                for family in text_string_to_metric_families(page)
                for sample in family.samples
            }
            assert found["guerdon_activities_total", "recorded"] == 40
            assert found["guerdon_log_batch_saves_sum",] == 40
            assert found["guerdon_http_request_seconds_count", "/v1/activities"] == 40
            assert ("guerdon_follower_behind_entries", "analytics") in found
            assert "# HELP guerdon_activities_total Activities by outcome" in page
