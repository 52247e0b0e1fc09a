"""M8 from outside: after an erasure neither tables, nor a rebuild elsewhere, nor the request log hold the person."""

import asyncio
import tempfile
import time

import pytest

from application.replay import replay
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import PostgresPositions
from infrastructure.tables import PostgresTables
from projections import ANALYTICS
from tests.application.test_erasure import SECRETS, everything
from tests.cli.server import prepared, server
from tests.conftest import fresh_database

pytestmark = pytest.mark.slow

BOB = {"id": "bob", "email": SECRETS[0], "profile": {"name": SECRETS[1]}, "external_ids": [SECRETS[2]]}
ORDER = {
    "id": "o1",
    "source": "shop",
    "type": "purchase",
    "member": "bob",
    "data": {"amount_minor": 9_900, "note": SECRETS[3]},
}
PATIENCE = 30


def _held(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


async def _rebuilt(database_url: str) -> None:
    async with open_pool(database_url, 1, 4) as pool:
        tables = PostgresTables(ANALYTICS, pool)
        await tables.ensure()
        store, positions = PostgresEventStore(database_url, pool), PostgresPositions(database_url, pool)
        await replay(ANALYTICS, store=store, positions=positions, tables=tables)


def _copy_the_log(source: str, target: str) -> None:
    """Only the log travels: what a rebuild has to work with."""
    with connect(source) as from_, connect(target) as to:
        copy = "COPY stored_events {} (FORMAT binary)"
        with from_.cursor().copy(copy.format("TO STDOUT")) as out, to.cursor().copy(copy.format("FROM STDIN")) as into:
            for block in out:
                into.write(block)


def test_m8_an_erased_person_is_nowhere(database_url: str, database_server: str) -> None:
    key = asyncio.run(prepared(database_url, "admin"))
    with tempfile.TemporaryFile() as log:
        with server(database_url, key, log) as client:
            assert client.post("/v1/members", json=BOB).status_code == 201
            order = ORDER | {"occurred_at": client.get("/v1/clock").json()["now"]}
            earned = client.post("/v1/activities", json=order)
            assert earned.status_code == 201, earned.text
            assert client.post("/v1/members/lookup", json={"email": SECRETS[0]}).json()["profile"] == BOB["profile"]
            erased = client.delete("/v1/members/bob")
            assert erased.status_code == 200, erased.text
            # The server's own follower has painted its tables when it has come this far.
            deadline = time.monotonic() + PATIENCE
            with connect(database_url) as connection:
                painted = "SELECT position FROM positions WHERE follower = 'analytics'"
                while (connection.execute(painted).fetchone() or (0,))[0] < erased.json()["position"]:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            assert client.get("/v1/members/bob").status_code == 410
            assert client.post("/v1/activities", json=order).status_code == 410
        log.seek(0)
        requests = log.read().decode()
    assert "POST" in requests
    assert not _held(requests)
    assert not _held(everything(database_url))
    with fresh_database(database_server) as elsewhere:
        _copy_the_log(database_url, elsewhere)
        asyncio.run(_rebuilt(elsewhere))
        rebuilt = everything(elsewhere)
        assert "o1" in rebuilt
        assert not _held(rebuilt)
