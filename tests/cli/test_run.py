"""`guerdon run`: everything starts with one command, the printed request works, and Ctrl-C leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.server import ROOT, left_behind

pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="guerdon-run-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@contextmanager
def _started(data_dir: Path, until: str, *, by_terminal: bool = True) -> Iterator[str]:
    """What `guerdon run` printed up to a line that matches; stopped by Ctrl-C or SIGTERM afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUERDON_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "run"],
        cwd=ROOT,
        env=environment | {"GUERDON_DATA_DIR": str(data_dir), "PORT": str(port), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        # A start that hangs ends the loop below, and with it the test.
        guard = threading.Timer(90, process.terminate)
        guard.start()
        said = ""
        try:
            for line in process.stdout:
                said += line
                if re.search(until, line):
                    break
            yield said
        finally:
            guard.cancel()
            if by_terminal:
                os.killpg(process.pid, signal.SIGINT)  # to the whole group
            else:
                process.terminate()
            assert process.wait(30) == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="the printed request needs curl")
def test_the_printed_request_awards_points_each_time_it_is_pasted(data_dir: Path) -> None:
    with _started(data_dir, r"^curl ") as said:
        (request,) = [line for line in said.splitlines() if line.startswith("curl ")]
        answers = [
            json.loads(subprocess.run(["sh", "-c", request], capture_output=True, check=True, timeout=30).stdout)
            for _ in range(2)
        ]
        assert [answer["awards"][0]["granted"] for answer in answers] == [105, 105]
        assert answers[0]["id"] != answers[1]["id"]
    assert not list(data_dir.glob("postgres/data/postmaster.pid"))
    assert left_behind(str(data_dir)) == []

    # The second start finds what the first one made, and says how to make another key.
    began = time.monotonic()
    with _started(data_dir, r"keys create") as said:
        assert "gdn_" not in said
    assert time.monotonic() - began < 20
    assert left_behind(str(data_dir)) == []


def test_sigterm_stops_everything_the_database_too(data_dir: Path) -> None:
    with _started(data_dir, r"^curl ", by_terminal=False):
        assert list(data_dir.glob("postgres/data/postmaster.pid"))
    assert not list(data_dir.glob("postgres/data/postmaster.pid"))
    assert left_behind(str(data_dir)) == []


def test_the_sample_is_opened_beside_a_program_that_was_there_first(data_dir: Path) -> None:
    for command in (["migrate"], ["programs", "create", "journey"]):
        subprocess.run(
            [sys.executable, "-m", "api.cli.main", *command],
            cwd=ROOT,
            env=os.environ | {"GUERDON_DATA_DIR": str(data_dir)},
            capture_output=True,
            timeout=90,
            check=True,
        )
    with _started(data_dir, r"^curl ") as said:
        assert "Program 'main' is open" in said
    assert left_behind(str(data_dir)) == []


def test_a_port_that_is_taken_is_told(data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = subprocess.run(
            [sys.executable, "-m", "api.cli.main", "run"],
            cwd=ROOT,
            env=os.environ | {"GUERDON_DATA_DIR": str(data_dir), "PORT": str(other.getsockname()[1])},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.returncode == 1
    assert "choose another port, as in PORT=8081" in done.stderr
