"""Stock readers of the `eventsourcing` library read what our store wrote: the table is laid out as they expect.

They need one thing of ours, by the library's own setting MAPPER_TOPIC: how bytes become an entry.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import groupby
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import Mapper, Notification, StoredEvent, Tracking
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.projection import Projection, ProjectionRunner

from domain.log import TOPIC, Entry, decode, fold
from domain.member.state import Member
from infrastructure.database import connect
from tests.application.engine import SHOP, opened, process
from tests.audit.conftest import story, worlds, write
from tests.build import by_time, program_entries, saves


def place(database_url: str) -> dict[str, Any]:
    """Where the database is, in the words of the library."""
    url = urlsplit(database_url)
    query = parse_qs(url.query)
    return {
        "dbname": url.path.removeprefix("/"),
        "host": url.hostname or query.get("host", [""])[0],
        "port": str(url.port or query.get("port", ["5432"])[0]),
        "user": url.username or query.get("user", ["postgres"])[0],
        "password": url.password or "",
    }


@pytest.fixture
def recorder(database_url: str) -> Iterator[PostgresApplicationRecorder]:
    world = worlds()[0]
    write(
        database_url,
        by_time(saves(world, program_entries(world)), *(saves(world, story(world, n).entries) for n in (1, 2, 3))),
    )
    datastore = PostgresDatastore(**place(database_url))
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


# --- an application and a projection -------------------------------------------------------------


class Entries(Mapper[UUID]):
    """Reads entries. The library asks for it by its topic."""

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        return Read(stored_event)


class Read:
    """An entry with what the library wants to know of an event."""

    def __init__(self, stored: StoredEvent) -> None:
        self.originator_id = stored.originator_id
        self.originator_version = stored.originator_version
        self.entry: Entry = decode(bytes(stored.state))


class Log(Application[UUID]):
    """Its name says which table it reads: stored_events."""

    name = "stored"


class Positions(POPOTrackingRecorder):
    """A view that notes what it was told, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, Read]] = []


class Notes(Projection[Positions]):
    """The projection that fills it."""

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.seen.append((tracking.notification_id, domain_event))
        self.view.insert_tracking(tracking)


def environment(database_url: str) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "NOTES_PERSISTENCE_MODULE": "eventsourcing.popo",
        "MAPPER_TOPIC": f"{__name__}:Entries",
        "CREATE_TABLE": "no",
        **{f"POSTGRES_{name.upper()}": value for name, value in place(database_url).items()},
    }


def test_a_stock_application_of_the_library_reads_the_log_and_folds_members(database_url: str) -> None:
    world = worlds()[0]
    write(database_url, by_time(saves(world, program_entries(world)), saves(world, story(world, 1).entries)))

    def folded(member: Member | None, events: Any) -> Member:
        member = member or Member()
        for event in events:
            fold(member, event.entry)
        return member

    with Log(environment(database_url)) as application:
        section = application.notification_log.select(start=1, limit=10)
        assert [one.topic for one in section] == [TOPIC] * 10
        member = application.repository.get(UUID(int=2**100 + 7), projector_func=folded)
        assert (member.version, member.id) == (8, "main-1")


def test_a_stock_projection_runner_misses_nothing_while_two_processes_write(database_url: str) -> None:
    """Also of saves of many entries: each process saves a busy member's wishes together."""

    async def write_much(upto: int) -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(opened(database_url, SHOP, start=None, sandbox=False))
            other = await stack.enter_async_context(process(database_url))
            for number in range(4):
                await one.enrol(f"m{number}")
            await asyncio.gather(
                *((one, other)[number % 2].buy(100, member=f"m{number % 4}") for number in range(upto))
            )

    with ProjectionRunner(
        application_class=Log, projection_class=Notes, view_class=Positions, env=environment(database_url)
    ) as runner:
        asyncio.run(write_much(400))
        with connect(database_url) as connection:
            ours = connection.execute(
                "SELECT notification_id, originator_id, originator_version FROM stored_events ORDER BY 1"
            ).fetchall()
        runner.wait(ours[-1][0], timeout=30)
        seen = [
            (position, read.originator_id, read.originator_version) for position, read in runner.projection.view.seen
        ]
    assert seen == ours
    assert len(seen) == 400 + 4 + 2
    # Runs of one member's entries: several rows in one save.
    assert max(len(list(run)) for _, run in groupby(ours, key=lambda row: row[1])) > 10
