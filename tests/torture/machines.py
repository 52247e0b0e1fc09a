"""What can be killed: a PostgreSQL of its own, and `guerdon serve` processes, started again as operators do."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from socket import socket

import psycopg

from infrastructure.database import NoDatabase, connect, embedded
from infrastructure.migrate import migrate
from tests.application.engine import MASTER_KEY

LINUX = Path("/proc/self/task").exists()
"""Whether the processes of a server can be found."""
ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0
"""Seconds in which whatever was killed has to be there again."""
PAUSE = 0.05


class Cluster:
    """A PostgreSQL with stock settings (fsync on): its processes, and how to kill them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self.dsn = self._stack.enter_context(embedded(directory))

    def close(self) -> None:
        with suppress(NoDatabase), embedded(self._directory):  # it may be down: it ends as it began
            pass
        self._stack.close()

    @property
    def postmaster(self) -> int:
        return int((self._directory / "postgres" / "data" / "postmaster.pid").read_text().split()[0])

    def backends(self, names: str = "guerdon%") -> list[int]:
        """Processes that serve connections of servers and followers."""
        try:
            with connect(self.dsn) as connection:
                found = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s AND pid <> pg_backend_pid()"
                    " ORDER BY pid",
                    [names],
                ).fetchall()
        except psycopg.OperationalError:
            return []
        return [pid for (pid,) in found]

    def kill_backend(self, chance: random.Random) -> bool:
        """PostgreSQL then ends all of them and recovers: nobody knows what the dead one did to shared memory."""
        found = self.backends()
        return bool(found) and _kill(chance.choice(found))

    def terminate_writer(self) -> bool:
        """The gentler way: one connection ends with what it was doing."""
        try:
            with connect(self.dsn) as connection:
                ended = connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'guerdon writer'"
                ).fetchall()
        except psycopg.OperationalError:
            return False
        return bool(ended)

    async def kill_postmaster(self) -> bool:
        """Kill the first process, and start again once the others have gone with it."""
        killed = _kill(self.postmaster)
        await asyncio.to_thread(self._start)
        return killed

    def _start(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            # Refused while a process of before still holds the shared memory, or has not been buried.
            with suppress(NoDatabase, psycopg.OperationalError), embedded(self._directory):
                return
            time.sleep(PAUSE)
        raise NoDatabase("PostgreSQL does not start again")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A migrated cluster in a directory of its own."""
    directory = Path(tempfile.mkdtemp(prefix="guerdon-torture-"))
    directory.chmod(0o711)  # under root, PostgreSQL's own user has to get through
    try:
        found = Cluster(directory)
        try:
            migrate(found.dsn)
            yield found
        finally:
            found.close()
    finally:
        shutil.rmtree(directory)


class Server:
    """A `guerdon serve` with two workers and a follower, started again whenever it ended, until it is stopped."""

    def __init__(self, dsn: str, **settings: str) -> None:
        self.port = free_port()
        self.starts = 0
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("GUERDON_", "OTEL_"))
        } | {
            "GUERDON_DATABASE_URL": dsn,
            "GUERDON_MASTER_KEY": b64encode(MASTER_KEY).decode(),
            "GUERDON_WORKERS": "2",
            "GUERDON_LOG_LEVEL": "ERROR",
            "PORT": str(self.port),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        assert self._keeper is not None
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is not None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait, PATIENCE)

    async def ready(self) -> None:
        """Wait until it answers."""
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(PAUSE)

    async def _keep(self) -> None:
        while True:
            self.starts += 1
            self._process = self._started()
            await asyncio.to_thread(self._process.wait)
            # Whatever of it outlived its first process holds the port.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "api.cli.main", "serve"],
            cwd=ROOT, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /readyz HTTP/1.1\r\nhost: guerdon\r\nconnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
        except OSError:
            return False
        return b" 200 " in answer[:20]

    # --- what can be killed ---

    def kill(self) -> bool:
        """All of its processes at once, but the follower, which goes with the pipe between them."""
        if self._process is None or self._process.poll() is not None:
            return False
        os.killpg(self._process.pid, signal.SIGKILL)
        return True

    def kill_worker(self, chance: random.Random) -> bool:
        return self._kill_one("spawn_main", chance)

    def kill_follower(self, chance: random.Random) -> bool:
        return self._kill_one("follow", chance)

    async def restarted(self) -> None:
        """Ask it to end, which it does when it has answered what it has taken, and wait until the next one answers."""
        assert self._process is not None
        starts = self.starts
        self._process.terminate()
        while self.starts == starts:  # noqa: ASYNC110
            await asyncio.sleep(PAUSE)
        await self.ready()

    def resident(self) -> int:
        """The memory of its largest worker, in bytes."""
        sizes = [0]
        for pid in self._children("spawn_main"):
            with suppress(OSError):
                sizes.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        return max(sizes)

    def _kill_one(self, word: str, chance: random.Random) -> bool:
        found = self._children(word)
        return bool(found) and _kill(chance.choice(found))

    def _children(self, word: str) -> list[int]:
        if self._process is None:
            return []
        found = []
        with suppress(OSError):
            # Each child is listed with the thread that started it.
            for task in Path(f"/proc/{self._process.pid}/task").iterdir():
                for child in (task / "children").read_text().split():
                    with suppress(OSError):
                        if word.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                            found.append(int(child))
        return sorted(found)


@asynccontextmanager
async def servers(dsn: str, count: int = 2, **settings: str) -> AsyncIterator[list[Server]]:
    """Servers on one database, once they all answer."""
    found = [Server(dsn, **settings) for _ in range(count)]
    try:
        for server in found:
            server.start()
        for server in found:
            await server.ready()
        yield found
    finally:
        await asyncio.gather(*(server.stop() for server in found))


def free_port() -> int:
    """A port on which nobody listens."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
