"""What an operator can set, all of it by environment variables, read once at the start."""

import binascii
import logging
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import msgspec

from infrastructure.vault import KEY_BYTES

_HOW_TO_MAKE_A_KEY = "make one with: python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"


class WrongSetting(Exception):
    """A variable is missing or cannot be understood. The message names it and says what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process."""

    database_url: str | None  # None: the embedded PostgreSQL in `data_dir`
    data_dir: Path
    host: str
    port: int
    master_key: bytes  # 32 bytes; wraps every other key
    log_level: str
    workers: int
    drain_seconds: int  # that requests under way have to end, once the server is told to stop
    remembered_members: int = 50_000  # by each worker, some 7 kB each
    previous_master_key: bytes | None = None  # while the master key is rotated
    most_waiting: int = 2_000_000  # activities in the inbox, before no more are taken
    traces: bool = False  # whether OpenTelemetry's own variables ask for them
    access_days: int = 730  # that it stays known who looked at members
    smtp_url: str | None = None  # may hold a password
    webhooks_to_loopback: bool = False  # whether webhooks may lead to this machine: for trying things out

    def __repr__(self) -> str:
        # Settings end up in logs and tracebacks; the database URL may hold a password.
        place = "embedded" if self.database_url is None else "external"
        return f"Settings({place}, data_dir={str(self.data_dir)!r}, {self.host}:{self.port})"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; `WrongSetting` names the first variable that is wrong.

    With the embedded database a missing master key is created once in the data directory.
    """
    database_url = environ.get("GUERDON_DATABASE_URL") or None
    data_dir = Path(environ.get("GUERDON_DATA_DIR") or ".data").expanduser().absolute()
    return Settings(
        database_url=database_url,
        data_dir=data_dir,
        host=environ.get("GUERDON_HOST") or "127.0.0.1",
        port=_whole_number(environ, "PORT", default=8080, low=0, high=65_535),
        master_key=_master_key(environ, data_dir, embedded=database_url is None),
        previous_master_key=_previous_master_key(environ),
        log_level=_log_level(environ),
        workers=_whole_number(environ, "GUERDON_WORKERS", default=1, low=1, high=1_024),
        drain_seconds=_whole_number(environ, "GUERDON_DRAIN_SECONDS", default=20, low=1, high=3_600),
        remembered_members=_whole_number(environ, "GUERDON_REMEMBERED_MEMBERS", default=50_000, low=2, high=10_000_000),
        most_waiting=_whole_number(environ, "GUERDON_MOST_WAITING", default=2_000_000, low=0, high=1_000_000_000),
        traces=_traces(environ),
        access_days=_whole_number(environ, "GUERDON_ACCESS_DAYS", default=730, low=30, high=36_500),
        smtp_url=_smtp_url(environ),
        webhooks_to_loopback=_yes_or_no(environ, "GUERDON_WEBHOOKS_TO_LOOPBACK"),
    )


def _whole_number(environ: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    given = environ.get(name)
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or not low <= int(given) <= high:
        raise WrongSetting(f"{name} is {given!r}; set it to a whole number from {low} to {high}, or unset it.")
    return int(given)


def _smtp_url(environ: Mapping[str, str]) -> str | None:
    given = environ.get("GUERDON_SMTP_URL") or None
    if given is not None and not given.startswith(("smtp://", "smtp+starttls://", "smtps://")):
        raise WrongSetting(
            "GUERDON_SMTP_URL is not the address of a mail server; "
            "set it to smtp://host:25, smtp+starttls://user:password@host:587 or smtps://user:password@host, or unset."
        )
    return given


def _yes_or_no(environ: Mapping[str, str], name: str) -> bool:
    given = (environ.get(name) or "false").lower()
    if given not in ("true", "false"):
        raise WrongSetting(f"{name} is {given!r}; set it to true or false, or unset it.")
    return given == "true"


def _log_level(environ: Mapping[str, str]) -> str:
    level = (environ.get("GUERDON_LOG_LEVEL") or "INFO").upper()
    if level not in logging.getLevelNamesMapping():
        raise WrongSetting(f"GUERDON_LOG_LEVEL is {level!r}; set it to DEBUG, INFO, WARNING or ERROR, or unset it.")
    return level


def _traces(environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    asked = next((name for name in endpoints if environ.get(name)), None)
    if asked is None:
        return False
    try:
        there = find_spec("opentelemetry.sdk") and find_spec("opentelemetry.exporter.otlp.proto.http")
    except ModuleNotFoundError:
        there = None
    if there is None:
        raise WrongSetting(f"{asked} asks for traces, which need more packages: install guerdon[otel], or unset it.")
    return True


def _master_key(environ: Mapping[str, str], data_dir: Path, *, embedded: bool) -> bytes:
    given = environ.get("GUERDON_MASTER_KEY")
    if given:
        return _decoded(given, "GUERDON_MASTER_KEY")
    if not embedded:
        raise WrongSetting(
            "GUERDON_MASTER_KEY is not set. With GUERDON_DATABASE_URL it is required, because every process "
            f"must unlock the same keys; {_HOW_TO_MAKE_A_KEY}, and keep it in your secret store."
        )
    return _key_of_this_directory(data_dir / "master.key")


def _previous_master_key(environ: Mapping[str, str]) -> bytes | None:
    given = environ.get("GUERDON_PREVIOUS_MASTER_KEY")
    return _decoded(given, "GUERDON_PREVIOUS_MASTER_KEY") if given else None


def _key_of_this_directory(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and linked into place: of two processes that start together one wins, and
        # neither ever sees half a key.
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    try:
        return _decoded(path.read_text("ascii"), str(path))
    except PermissionError:
        raise WrongSetting(
            f"{path} cannot be read by this user. Run as the user who created it, or set GUERDON_DATA_DIR."
        ) from None


def _decoded(text: str, name: str) -> bytes:
    try:
        key = b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise WrongSetting(f"{name} is not base64; {_HOW_TO_MAKE_A_KEY}.") from None
    if len(key) != KEY_BYTES:
        raise WrongSetting(f"{name} holds {len(key)} bytes instead of {KEY_BYTES}; {_HOW_TO_MAKE_A_KEY}.")
    return key
