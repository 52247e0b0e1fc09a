"""Logs are JSON lines without personal data."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator

import psycopg
import pytest
import structlog

from infrastructure.database import connect, told
from infrastructure.logging import configure


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    yield
    sys.excepthook = hook
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_personal_data_and_secrets_are_dropped_at_any_depth(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    structlog.get_logger().info(
        "enrolled",
        stream="m1",
        email="ada@example.org",
        body={"profile": {"a": 1}, "items": [{"Key": "k", "n": 2}]},
    )
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "enrolled"
    assert line["stream"] == "m1"
    assert "email" not in line
    assert line["body"] == {"items": [{"n": 2}]}


def test_records_of_libraries_come_out_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    configure("WARNING")
    logging.getLogger("somebody").info("quiet")
    try:
        raise ValueError("ada@example.org")
    except ValueError:
        logging.getLogger("somebody").exception("loud %s", "noise")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("loud noise", "error")
    assert line["exception"].startswith("ValueError\n")
    assert "test_logging.py" in line["exception"]


def test_an_exception_is_told_by_class_and_place_and_never_by_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    try:
        raise ValueError("ada@example.org")
    except ValueError as error:
        structlog.get_logger().exception("one")
        structlog.get_logger().error("two", exc_info=error)
        asyncio.run(_not_awaited(error))
        sys.excepthook(ValueError, error, error.__traceback__)
    written = capsys.readouterr().err
    assert "ada" not in written
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["event"] for line in lines] == ["one", "two", "three", "stopped"]
    assert all(line["exception"].startswith("ValueError\n") for line in lines)


async def _not_awaited(error: Exception) -> None:
    """What asyncio does with an exception that nobody retrieves: it is told twice, in the text and beside it."""
    asyncio.get_running_loop().call_exception_handler({"message": "three", "future": error, "exception": error})


def test_a_terminal_shows_no_local_variables(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    configure("INFO")
    email = "ada@example.org"
    try:
        raise ValueError(email)
    except ValueError:
        structlog.get_logger().exception("broken")
    written = capsys.readouterr().err
    assert "ValueError" in written
    assert email not in written


def test_an_error_of_the_database_is_told_without_what_it_quotes(database_url: str) -> None:
    with connect(database_url) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation) as twice:
            connection.execute("INSERT INTO positions VALUES (%s, 0, 1, now()), (%s, 0, 1, now())", ["ada", "ada"])
        with pytest.raises(psycopg.DataError) as wrong:
            connection.execute("SELECT %s::text::int", ["ada"])
    assert told(twice.value) == "UniqueViolation (23505, positions_pkey)"
    assert told(wrong.value) == "InvalidTextRepresentation (22P02)"
    assert told(ValueError("ada")) == "ValueError"
    with pytest.raises(psycopg.OperationalError) as gone:
        psycopg.connect("host=127.0.0.1 port=1 dbname=x", connect_timeout=2)
    assert "refused" in told(gone.value)
