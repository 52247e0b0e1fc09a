"""Whatever goes wrong, no line that a server writes tells who its members are or what they sent."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from httpx2 import Client

from infrastructure.database import connect
from tests.cli.server import PATIENCE, prepared, serving

pytestmark = pytest.mark.slow

MEMBER = "Zerlina-Quastenflosser"
# The address of a request, ids and keys are told no more than a name is.
PERSONAL = ("Quastenflosser", "zq@example.org", "loyalty-4711", "+49-30-5550199", "Geheimer", "qx-order", "qx-key")
ACTIVITY = {
    "id": "qx-order-1",
    "source": "shop",
    "type": "purchase",
    "member": MEMBER,
    "occurred_at": "2026-01-02T10:00:00Z",
    "data": {"amount_minor": 1_000, "note": "Geheimer Wunsch"},
}


def test_nothing_personal_is_written_whatever_goes_wrong(database_url: str, tmp_path: Path) -> None:
    key = asyncio.run(prepared(database_url, "admin"))
    written = tmp_path / "written"
    with (
        written.open("wb") as log,
        serving(database_url, log, GUERDON_WORKERS="2") as served,
        Client(
            base_url=f"http://127.0.0.1:{served.port}", headers={"authorization": f"Bearer {key}"}, timeout=PATIENCE
        ) as client,
    ):
        enrolled(client)
        refused(client)
        unstorable(client, database_url)
        unreadable(client, database_url)
        poisoned(client, database_url)
        cut_off(client, database_url)
    said = written.read_text("utf-8")
    assert [mark for mark in (*PERSONAL, key, key.removeprefix("gdn_")) if mark.lower() in said.lower()] == []
    # Each of the faults was told, in lines of JSON, and the server's own library speaks the same language.
    lines = [json.loads(line) for line in said.splitlines() if not line.startswith("Guerdon serves")]
    assert {"request", "request failed", "write failed", "entry parked"} <= {line["event"] for line in lines}


def enrolled(client: Client) -> None:
    person = {
        "id": MEMBER,
        "email": "zq@example.org",
        "external_ids": ["loyalty-4711"],
        "profile": {"name": "Zerlina Quastenflosser", "phone": "+49-30-5550199"},
    }
    assert client.post("/v1/members", json=person, headers={"idempotency-key": "qx-key-1"}).status_code == 201
    assert client.post("/v1/activities", json=ACTIVITY).status_code == 201


def refused(client: Client) -> None:
    """All that a caller can do wrong with personal data in every place."""
    answers = [
        client.get(f"/v1/members/{MEMBER}-gone"),
        client.get(f"/{MEMBER}/zq@example.org"),
        client.get("/v1/activities", params={"source": "shop", "id": "qx-order-2"}),
        client.post("/v1/members", json={"id": MEMBER}),
        client.post("/v1/members", json={"id": "other", "email": "zq@example.org"}),
        client.post("/v1/members", json={"id": "a", "email": MEMBER, "zq@example.org": 1}),
        client.post("/v1/activities", json=ACTIVITY | {"data": {"amount_minor": 1, "note": 4711}}),
        client.post("/v1/activities", json=ACTIVITY | {"type": MEMBER}),
        client.post("/v1/activities", json=ACTIVITY | {"occurred_at": "zq@example.org"}),
        client.post("/v1/activities", content=b'{"member": "Quastenflosser'),
        client.post("/v1/activities", json=ACTIVITY, headers={"authorization": "Bearer Quastenflosser"}),
        client.get("/v1/members/ann", headers={"x-request-id": "zq@example.org"}),
        client.request("QUASTENFLOSSER", f"/v1/members/{MEMBER}"),
    ]
    assert {answer.status_code for answer in answers[:11]} == {404, 409, 422, 400, 401}
    assert answers[11].status_code == 200
    assert answers[12].status_code == 405


def unstorable(client: Client, database_url: str) -> None:
    """PostgreSQL refuses a row, and its message quotes all of it."""
    with connect(database_url) as connection:
        connection.execute("ALTER TABLE claims ADD CONSTRAINT no_orders CHECK (key NOT LIKE '%qx-order-9%')")
        answer = client.post("/v1/activities", json=ACTIVITY | {"id": "qx-order-9"})
        assert answer.status_code == 500
        connection.execute("ALTER TABLE claims DROP CONSTRAINT no_orders")


def unreadable(client: Client, database_url: str) -> None:
    """A state row that is not one any more, and says a name where something else should stand."""
    with connect(database_url) as connection:
        stream = stream_of(database_url)
        connection.execute("UPDATE state_rows SET hot = %s WHERE stream = %s", [b'"Quastenflosser"', stream])
        assert client.get(f"/v1/members/{MEMBER}").status_code == 500
        # The next reader folds it from the log.
        connection.execute("UPDATE state_rows SET shape = -1 WHERE stream = %s", [stream])
        assert client.get(f"/v1/members/{MEMBER}").status_code == 200


def poisoned(client: Client, database_url: str) -> None:
    """An entry that no follower can take: the database quotes it to the follower, too."""
    with connect(database_url) as connection:
        connection.execute(
            "ALTER TABLE analytics.activities ADD CONSTRAINT no_orders CHECK (id NOT LIKE '%qx-order-8%')"
        )
        assert client.post("/v1/activities", json=ACTIVITY | {"id": "qx-order-8"}).status_code == 201
        connection.execute("UPDATE stored_events SET state = %s WHERE originator_version = 2 AND originator_id = %s",
            [b'{"schema": "Quastenflosser", "email": "zq@example.org"}', stream_of(database_url)],
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not connection.execute("SELECT FROM parked").fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert client.get(f"/v1/members/{MEMBER}/history").status_code == 500
        # What stands in the table is one line, without the row that the database added.
        errors = [error for (error,) in connection.execute("SELECT error FROM parked")]
        assert not [error for error in errors if "Quastenflosser" in error or "qx-order" in error]


def cut_off(client: Client, database_url: str) -> None:
    """The connections are cut while requests are under way."""
    with connect(database_url) as connection:
        for number in range(20):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            answer = client.post("/v1/activities", json=ACTIVITY | {"id": f"qx-order-1{number}", "member": "ann"})
            assert answer.status_code in (201, 503)


def stream_of(database_url: str) -> str:
    with connect(database_url) as connection:
        found = connection.execute("SELECT stream FROM claims WHERE kind = 'member' AND key = %s", [MEMBER]).fetchone()
        assert found is not None
        return str(found[0])
