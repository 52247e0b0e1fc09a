"""Logs are JSON lines without personal data."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from infrastructure.logging import configure


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
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
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("somebody").exception("loud %s", "noise")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("loud noise", "error")
    assert "ValueError: broken" in line["exception"]
