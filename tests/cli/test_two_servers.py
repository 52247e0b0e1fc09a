"""Two server processes on one database: what one has acknowledged, the other knows at once."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.cli.server import prepared, server

ROUNDS = 1_000

pytestmark = pytest.mark.slow


def test_points_earned_at_one_server_are_spent_at_the_other_a_thousand_times(database_url: str) -> None:
    key = asyncio.run(prepared(database_url))
    with server(database_url, key) as one, server(database_url, key) as other:
        for number in range(ROUNDS):
            here, there = (one, other) if number % 2 else (other, one)
            purchase = {
                "id": f"o{number}",
                "source": "shop",
                "type": "purchase",
                "member": "ann",
                "occurred_at": datetime.now(UTC).isoformat(),
                "data": {"amount_minor": 100},
            }
            earned = here.post("/v1/activities", json=purchase)
            assert earned.status_code == 201, earned.text
            spend = {"id": f"r{number}", "member": "ann", "currency": "points", "points": 1}
            spent = there.post("/v1/redemptions", json=spend)
            assert spent.status_code == 201, spent.text
            assert spent.json()["member"]["balances"]["points"]["available"] == 0
