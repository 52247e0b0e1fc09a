"""One data set through the whole system: ingest, project, and read every answer back over HTTP."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

import click
import msgspec

from api.cli.ingest import bring_in
from api.cli.session import within
from api.cli.setup import SCOPES, boards, prepare
from api.wiring import Wired
from application.follow import wait_for
from application.ingest import Refusal, Tally
from application.rulebooks import ProgramBody, PublishBody, create_program, publish_document
from infrastructure.settings import Settings
from tests.acceptance.sets import DataSet

PROGRAM = "acceptance"
SOURCE = "feed"
READERS = 8
PATIENCE = 300.0
SAMPLED = 500
"""Activities that are also asked for one by one, and must read like the log."""

Json = dict[str, Any]


class Logged(msgspec.Struct, frozen=True):
    """The entry of an activity: its stream, its version there, and its events."""

    stream: str
    version: int
    events: list[Json]


class Answers(msgspec.Struct):
    """What the server said: entries by activity, members as they read, boards as of an instant."""

    entries: dict[str, Logged]
    members: dict[str, Json]
    refusals: list[Refusal]
    boards: dict[tuple[str, str | None], list[Json]] = {}
    codes: list[Json] = []
    """Codes of coupons that were used: whose, of which campaign, when."""

    @property
    def activities(self) -> dict[str, list[Json]]:
        """The events of each activity's entry."""
        return {name: entry.events for name, entry in self.entries.items()}


def run(settings: Settings, data: DataSet) -> Answers:
    prepare(settings.database_url or "")
    within(settings, boards)
    key = within(settings, lambda wired: _open(wired, data))
    with _told(f"{data.name}: taken in") as told:
        tally = within(settings, lambda wired: _ingest(wired, data))
        told(tally.done)
    with _server(settings) as port:
        client = _Client(port, key)
        with _told(f"{data.name}: projected") as told:
            told(within(settings, _projected))
        with _told(f"{data.name}: activities read back") as told:
            entries = list(_log(client))
            logged = dict(_activities(entries))
            told(len(logged))
        _check_some(client, logged)
        with _told(f"{data.name}: members read back") as told:
            members = _members(client, data.members_seen(), data.as_of)
            told(len(members))
        with _told(f"{data.name}: boards read back") as told:
            found = {(board, at): _board(client, board, at) for board, at in data.boards}
            told(len(found))
    by_name = {name: entry for (_, name), entry in logged.items()}
    return Answers(by_name, members, tally.refusals, found, list(_codes(entries)))


async def _open(wired: Wired, data: DataSet) -> str:
    body = ProgramBody(id=PROGRAM, sandbox=True, money=data.money)
    await create_program(wired.handler, body, actor="acceptance")
    await publish_document(wired.handler, PROGRAM, data.document, PublishBody(), actor="acceptance")
    _, key = await wired.api_keys.create(PROGRAM, SCOPES, "acceptance")
    return key


async def _ingest(wired: Wired, data: DataSet) -> Tally:
    if data.load is not None:
        return await data.load(wired, PROGRAM)
    return await bring_in(wired, PROGRAM, SOURCE, data.events, data.members, data.fields, by_input=True)


async def _projected(wired: Wired) -> int:
    """Wait until the server's follower has read all of the log; how many entries that were."""
    head = await wired.positions.head()
    if not await wait_for(wired.positions, [wired.boards.name], head, PATIENCE):
        raise RuntimeError(f"the tables for analysts have not reached position {head} in {PATIENCE:.0f} s")
    if parked := await wired.positions.parked(wired.boards.name):
        raise RuntimeError(f"{len(parked)} entries could not be projected")
    return head


# --- reading -------------------------------------------------------------------------------------


class _Client:
    """Reads with one connection per thread."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {key}"}
        self._own = threading.local()

    def get(self, path: str, **query: str) -> Json:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("GET", f"{path}?{urlencode(query)}", headers=self._headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"GET {path} {query}: {answer.status} {body[:300]!r}")
        found: Json = json.loads(body)
        return found


def _log(client: _Client) -> Iterator[Json]:
    """Every entry: its stream, what of its input is looked at, and its events."""
    cursor = "0"
    while cursor:
        page = client.get("/v1/log", after=cursor, limit="1000")
        for entry in page["items"]:
            asked = entry.get("input") or {}
            kept = {name: asked.get(name) for name in ("command", "source", "id")}
            yield {name: entry[name] for name in ("stream", "version", "events")} | {"input": kept}
        cursor = page["next_cursor"]


def _activities(entries: Iterable[Json]) -> Iterator[tuple[tuple[str, str], Logged]]:
    """The entry of every recorded activity by its source and id."""
    for entry in entries:
        asked = entry["input"]
        if asked["command"] == "RecordActivity":
            yield (asked["source"], asked["id"]), Logged(entry["stream"], entry["version"], entry["events"])


def _codes(entries: Iterable[Json]) -> Iterator[Json]:
    """Every use of a code, with the member it was used by."""
    members: dict[str, str] = {}
    for entry in entries:
        for event in entry["events"]:
            if event["event"] == "MemberEnrolled":
                members[entry["stream"]] = event["member"]
            elif event["event"] == "CodeRedeemed":
                yield event | {"member": members[entry["stream"]]}


def _check_some(client: _Client, activities: dict[tuple[str, str], Logged]) -> None:
    """Some activities, asked for one by one, must have the awards that the log has."""
    for source, name in list(activities)[:: max(1, len(activities) // SAMPLED)]:
        answer = client.get("/v1/activities", source=source, id=name)
        granted = [award["granted"] for award in answer["awards"]]
        own = (event for event in activities[source, name].events if event["event"] == "PointsEarned")
        logged = [event["points"] for event in own if event.get("restated") is None]
        if granted != logged:
            raise RuntimeError(f"activity {name} reads {granted}, the log has {logged}")


def _members(client: _Client, names: Iterable[str], as_of: str | None) -> dict[str, Json]:
    query = {"as_of": as_of} if as_of else {}
    with ThreadPoolExecutor(READERS) as pool:
        wanted = list(names)
        return dict(zip(wanted, pool.map(lambda name: client.get(f"/v1/members/{name}", **query), wanted), strict=True))


def _board(client: _Client, board: str, as_of: str | None) -> list[Json]:
    """All rows of a leaderboard as of an instant or now, page by page."""
    rows: list[Json] = []
    cursor = "0"
    while cursor:
        query = {"as_of": as_of} if as_of else {}
        page = client.get(f"/v1/leaderboards/{board}", cursor=cursor, limit="100", **query)
        rows += page["items"]
        cursor = page["next_cursor"]
    return rows


# --- the server ----------------------------------------------------------------------------------


@contextmanager
def _server(settings: Settings) -> Iterator[int]:
    """A real server in a process of its own; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = os.environ | {
        "GUERDON_DATABASE_URL": settings.database_url or "",
        "GUERDON_MASTER_KEY": b64encode(settings.master_key).decode(),
        "GUERDON_HOST": "127.0.0.1",
        "GUERDON_LOG_LEVEL": "WARNING",
        "PORT": str(port),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "serve"], env=environment, stdout=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(process, port)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError("the server did not start")


@contextmanager
def _told(what: str) -> Iterator[Callable[[int], None]]:
    """Print how many, how long and how fast."""
    began, counts = time.monotonic(), [0]
    yield lambda count: counts.__setitem__(0, count)
    seconds = time.monotonic() - began
    click.echo(f"{what}: {counts[0]} in {seconds:.1f} s ({counts[0] / seconds:.0f}/s)")
