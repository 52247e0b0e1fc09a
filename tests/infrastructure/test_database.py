"""The embedded PostgreSQL: shared while somebody uses it, gone when nobody does."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infrastructure.database import NoDatabase, connect, embedded, open_pool

_PROGRAM = """
import sys, time
from pathlib import Path
from infrastructure.database import embedded
with embedded(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A directory that PostgreSQL's user can enter, unlike pytest's under root."""
    with tempfile.TemporaryDirectory(prefix="guerdon-embedded-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        yield directory
        assert not _runs(directory)


def _runs(data_dir: Path) -> bool:
    return (data_dir / "postgres" / "data" / "postmaster.pid").exists()


def test_the_database_is_durable_checked_and_in_utf8(data_dir: Path) -> None:
    with embedded(data_dir) as dsn, connect(dsn) as connection:
        for name, expected in {
            "server_encoding": "UTF8",
            "data_checksums": "on",
            "fsync": "on",
            "synchronous_commit": "on",
            "listen_addresses": "",
            "TimeZone": "UTC",
            "application_name": "guerdon",
        }.items():
            assert connection.execute("SELECT current_setting(%s)", [name]).fetchone() == (expected,)
    assert not _runs(data_dir)


def test_what_was_written_is_there_at_the_next_start(data_dir: Path) -> None:
    with embedded(data_dir) as dsn, connect(dsn) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    with embedded(data_dir) as dsn, connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_the_first_to_leave_does_not_stop_it_for_the_others(data_dir: Path) -> None:
    with embedded(data_dir) as outer:
        with embedded(data_dir) as inner:
            assert inner == outer
        with connect(outer) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not _runs(data_dir)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_nothing_running(data_dir: Path, number: signal.Signals) -> None:
    with _other_process(data_dir) as other:
        other.send_signal(number)
        other.wait(30)
    assert not _runs(data_dir)


def test_a_process_beside_keeps_it_running(data_dir: Path) -> None:
    with _other_process(data_dir) as other:
        with embedded(data_dir):
            other.terminate()
            other.wait(30)
            assert _runs(data_dir)
        assert not _runs(data_dir)


def test_what_a_killed_process_left_running_is_taken_over_and_stopped(data_dir: Path) -> None:
    with _other_process(data_dir) as other:
        other.kill()
        other.wait(30)
    assert _runs(data_dir)
    with embedded(data_dir) as dsn, connect(dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not _runs(data_dir)


def _other_process(data_dir: Path) -> subprocess.Popen[str]:
    other = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, data_dir],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    return other


def test_a_long_path_is_no_obstacle(data_dir: Path) -> None:
    with embedded(data_dir / "long" / ("x" * 100)) as dsn, connect(dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        sockets = Path(connection.info.host)
        assert not sockets.is_relative_to(data_dir)
    assert not sockets.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another user")
def test_under_root_a_closed_directory_gets_a_link_to_the_cluster(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with embedded(closed) as dsn, connect(dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert closed.stat().st_mode & 0o777 == 0o700
    assert (closed / "postgres").is_symlink()
    shutil.rmtree((closed / "postgres").resolve())


def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    with pytest.raises(NoDatabase, match="no_such_setting"), embedded(data_dir, {"no_such_setting": "1"}):
        pass
    assert not _runs(data_dir)


def test_the_pool_hands_out_connections_like_the_others(database_url: str) -> None:
    async def settings() -> tuple[bool, list[tuple[str]]]:
        async with open_pool(database_url, 1, 2) as pool, pool.connection() as connection:
            rows = await connection.execute("SELECT current_setting(unnest(ARRAY['TimeZone', 'application_name']))")
            return connection.autocommit, await rows.fetchall()

    assert asyncio.run(settings()) == (True, [("UTC",), ("guerdon",)])


def test_each_test_has_a_database_of_its_own(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM stored_events").fetchone() == (0,)
