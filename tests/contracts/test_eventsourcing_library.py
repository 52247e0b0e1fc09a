"""A stock recorder of the `eventsourcing` library reads what our store wrote: the table is laid out as it expects."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from eventsourcing.persistence import Notification
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from domain.log import TOPIC, decode
from infrastructure.database import connect
from tests.audit.conftest import story, worlds, write
from tests.build import by_time, program_entries, saves


@pytest.fixture
def recorder(database_url: str) -> Iterator[PostgresApplicationRecorder]:
    world = worlds()[0]
    write(
        database_url,
        by_time(saves(world, program_entries(world)), *(saves(world, story(world, n).entries) for n in (1, 2, 3))),
    )
    url = urlsplit(database_url)
    query = parse_qs(url.query)
    datastore = PostgresDatastore(
        dbname=url.path.removeprefix("/"),
        host=url.hostname or query.get("host", [""])[0],
        port=url.port or query.get("port", ["5432"])[0],
        user=url.username or query.get("user", ["postgres"])[0],
        password=url.password or "",
    )
    # Made by our migrations, not by the library: the equal of CREATE_TABLE=no.
    with datastore:
        yield PostgresApplicationRecorder(datastore, events_table_name="stored_events")


def test_its_notification_log_has_every_entry_in_order_of_position(
    recorder: PostgresApplicationRecorder, database_url: str
) -> None:
    seen: list[Notification] = []
    while page := recorder.select_notifications(seen[-1].id if seen else None, 7, inclusive_of_start=False):
        seen += page
    with connect(database_url) as connection:
        ours = connection.execute(
            "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events"
            " ORDER BY notification_id"
        ).fetchall()
    assert [(n.id, n.originator_id, n.originator_version, n.topic, bytes(n.state)) for n in seen] == ours
    assert len(seen) == 3 * 8 + 3
    assert recorder.max_notification_id() == seen[-1].id
    assert {notification.topic for notification in seen} == {TOPIC}


def test_it_selects_the_events_of_a_stream(recorder: PostgresApplicationRecorder) -> None:
    stream = UUID(int=2**100 * 2 + 7)
    events = recorder.select_events(stream)
    assert [event.originator_version for event in events] == list(range(1, 9))
    assert {decode(bytes(event.state)).stream_id for event in events} == {stream}
    (last,) = recorder.select_events(stream, desc=True, limit=1)
    assert last.originator_version == 8
    assert [event.originator_version for event in recorder.select_events(stream, gt=2, lte=4)] == [3, 4]
