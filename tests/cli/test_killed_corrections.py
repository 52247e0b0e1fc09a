"""A correction whose process is killed goes on where it was, and is empty when it is run again (M2)."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from typing import Any

import pytest

from infrastructure.database import connect
from tests.application.engine import MASTER_KEY, opened, process
from tests.application.test_corrections import RIGHT, WRONG, day, points_of, sound, tried

pytestmark = pytest.mark.slow

MEMBERS = 180
KILLS = 2
PATIENCE = 60


def _approving(url: str, name: str) -> "subprocess.Popen[str]":
    environment = os.environ | {
        "GUERDON_DATABASE_URL": url,
        "GUERDON_MASTER_KEY": b64encode(MASTER_KEY).decode(),
        "GUERDON_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "api.cli.main", "correct", "approve", name, "--as", "boss", "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _corrected(url: str) -> int:
    with connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM claims WHERE kind = 'correction'").fetchone()
    return int(row[0]) if row is not None else 0


def _killed(url: str, name: str, at_least: int) -> int:
    """Kill a run with signal 9 as soon as so many members are corrected; how many are."""
    deadline = time.monotonic() + PATIENCE
    with _approving(url, name) as running:
        while _corrected(url) < at_least:
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
        running.send_signal(signal.SIGKILL)
        assert running.wait(PATIENCE) == -signal.SIGKILL
    return _corrected(url)


def _ended(url: str, name: str) -> Any:
    with _approving(url, name) as running:
        out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, err
    return json.loads(out)


def _log(url: str) -> list[tuple[int, bytes]]:
    with connect(url) as connection:
        rows = connection.execute("SELECT notification_id, digest FROM stored_events ORDER BY 1").fetchall()
    return [(position, bytes(digest)) for position, digest in rows]


def test_m2_a_correction_that_is_killed_again_and_again_corrects_everybody_once(database_url: str) -> None:
    names = [f"m{number}" for number in range(MEMBERS)]

    async def wronged() -> str:
        async with opened(database_url, WRONG) as engine:
            await asyncio.gather(*(engine.enrol(name) for name in names))
            await engine.at(day(2))
            await asyncio.gather(*(engine.buy(1_000, member=name, name=f"o-{name}") for name in names))
            await engine.at(day(20))
            name, sums = await tried(engine, database_url, RIGHT, from_=day(1), to=day(10))
            assert sums["members"] == MEMBERS
            return name

    name = asyncio.run(wronged())
    done = 0
    for number in range(KILLS):
        done = _killed(database_url, name, done + MEMBERS // (2 * KILLS))
        assert done < MEMBERS, f"kill {number} came too late to prove anything"
    assert _ended(database_url, name) == {"correction": name, "applied": MEMBERS, "moved": 0}
    stored = _log(database_url)
    # Run again it is empty: not a byte is added.
    assert _ended(database_url, name) == {"correction": name, "applied": MEMBERS, "moved": 0}
    assert _log(database_url) == stored

    async def righted() -> None:
        async with process(database_url) as engine:
            assert {await points_of(engine, one) for one in names} == {(20, 0)}
            again, nothing = await tried(engine, database_url, RIGHT, from_=day(1), to=day(10))
            assert nothing["members"] == 0
            assert again != name

    asyncio.run(righted())
    sound(database_url)
