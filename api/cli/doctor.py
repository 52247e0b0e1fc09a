"""`guerdon doctor`: what is wrong with this installation, and what to do about it."""

import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import rich_click as click
from click.exceptions import Exit

from api.cli.output import as_json

if TYPE_CHECKING:
    import psycopg

    from infrastructure.settings import Settings

_PACKAGES = ("domain", "application", "infrastructure", "projections", "api", "migrations")
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
_LAG = 100_000
"""Entries that a follower may be behind before that is worth a word."""
_SKEW = timedelta(seconds=2)
_FREE = 1 << 30
"""Bytes below which the embedded database's disk is worth a word: PostgreSQL stops when it is full."""
_MARKS = {"good": "ok  ", "doubtful": "note", "bad": "BAD "}

State = Literal["good", "doubtful", "bad"]
Answer = tuple[str, State, str]
"""What was looked at, how it is, and what to do or know."""


@click.command()
@click.option("--json", "to_json", is_flag=True, help="Print the findings as JSON.")
def doctor(*, to_json: bool) -> None:
    """Look over this installation. Exit code 1 when something has to be mended."""
    answers = list(_look())
    if to_json:
        as_json([{"check": name, "state": state, "detail": detail} for name, state, detail in answers])
    else:
        for name, state, detail in answers:
            click.echo(f"{_MARKS[state]} {name:<12} {detail}")
    if any(state == "bad" for _, state, _ in answers):
        raise Exit(1)


def _look() -> Iterator[Answer]:
    import psycopg

    from api.cli.session import database
    from infrastructure.database import NoDatabase
    from infrastructure.settings import WrongSetting

    yield "python", "good", sys.version.split()[0]
    yield _packages()
    try:
        with database() as settings:
            yield from examine(settings)
    except WrongSetting as error:
        yield "settings", "bad", str(error)
    except (NoDatabase, psycopg.OperationalError) as error:
        yield "database", "bad", _first_line(error)


def examine(settings: "Settings") -> Iterator[Answer]:
    """An installation whose settings are known, as a running server's are."""
    import psycopg

    from infrastructure.database import connect

    yield "settings", "good", f"data in {settings.data_dir}, server at {settings.host}:{settings.port}"
    assert settings.database_url is not None
    yield from _disk(settings)
    try:
        with connect(settings.database_url) as connection:
            yield from _database(settings, connection)
    except psycopg.OperationalError as error:
        yield "database", "bad", _first_line(error)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _packages() -> Answer:
    """Another distribution that owns one of our import names overwrites files and removes them when it goes."""
    from importlib.metadata import packages_distributions

    owners = packages_distributions()
    others = {name: sorted({*owners.get(name, [])} - {"guerdon"}) for name in _PACKAGES}
    clashes = [f"{name} ({', '.join(found)})" for name, found in others.items() if found]
    if clashes:
        return "packages", "bad", f"also owned by others: {'; '.join(clashes)}. Install Guerdon on its own."
    return "packages", "good", "our import names are ours"


def _disk(settings: "Settings") -> Iterator[Answer]:
    if not settings.data_dir.exists():
        return  # the database is elsewhere, and so is its disk
    free = shutil.disk_usage(settings.data_dir).free
    state: State = "good" if free >= _FREE else "bad"
    yield "disk", state, f"{free / _FREE:,.1f} GiB are free in {settings.data_dir}"


def _database(settings: "Settings", connection: "psycopg.Connection") -> Iterator[Answer]:
    server = connection.info.server_version
    state: State = "good" if server >= 140_000 else "bad"
    needed = "" if state == "good" else "; 14 is the oldest that is supported"
    yield "database", state, f"PostgreSQL {server // 10_000}.{server % 10_000}, reachable{needed}"
    yield _text(connection)
    yield _connections(settings, connection)
    missing = _missing_migrations(connection)
    if missing:
        yield "migrations", "bad", f"not applied: {', '.join(missing)}; run `guerdon migrate`"
        return
    yield "migrations", "good", "all applied"
    yield _master_key(settings, connection)
    yield _durability(connection)
    yield from _followers(connection)
    yield _webhooks(connection)
    yield _clock(connection)


def _text(connection: "psycopg.Connection") -> Answer:
    """Keys are texts in unique indexes: another encoding cannot hold them, another order no longer finds them."""
    row = connection.execute("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")
    (encoding,) = row.fetchone() or ("",)
    if encoding != "UTF8":
        return "text", "bad", f"the database is in {encoding}: make one in UTF8"
    if connection.info.server_version >= 150_000:
        row = connection.execute(
            "SELECT datcollversion, pg_database_collation_actual_version(oid) FROM pg_database"
            " WHERE datname = current_database()"
        )
        then, now = row.fetchone() or (None, None)
        if then is not None and then != now:
            mend = "REINDEX DATABASE, then ALTER DATABASE ... REFRESH COLLATION VERSION"
            return "text", "bad", f"its order was that of version {then} and is now that of {now}: {mend}"
    return "text", "good", "UTF8, in an order that has not changed"


def _connections(settings: "Settings", connection: "psycopg.Connection") -> Answer:
    """Each worker and the followers have a pool, and one connection that writes; each follower leads on another."""
    from api.wiring import READERS

    needed = (settings.workers + 1) * (READERS + 1) + 2
    row = connection.execute(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    ).fetchone()
    assert row is not None
    if needed > row[0]:
        return "connections", "doubtful", f"this server may want {needed} at once, PostgreSQL has {row[0]} for all"
    return "connections", "good", f"this server may want {needed} of {row[0]} at once, verify jobs aside"


def _missing_migrations(connection: "psycopg.Connection") -> list[str]:
    from importlib.resources import files

    expected = {
        step.name.removesuffix(".sql")
        for step in files("migrations").iterdir()
        if step.name.endswith(".sql") and not step.name.endswith(".rollback.sql")
    }
    kept = connection.execute("SELECT to_regclass('_yoyo_migration') IS NOT NULL").fetchone()
    if kept is None or not kept[0]:
        return sorted(expected)
    return sorted(expected - {row[0] for row in connection.execute("SELECT migration_id FROM _yoyo_migration")})


def _master_key(settings: "Settings", connection: "psycopg.Connection") -> Answer:
    from infrastructure.vault import Unreadable, Vault

    vault = Vault(settings.master_key, settings.previous_master_key)
    programs = connection.execute("SELECT id, key FROM programs ORDER BY id").fetchall()
    for program, key in programs:
        try:
            vault.unwrap(key)
        except Unreadable:
            return "master key", "bad", f"does not open the key of program {program}: set the one it was made with"
    if settings.previous_master_key is not None:
        waiting = sum(vault.rewrapped(bytes(key)) is not None for _, key in programs)
        then = "run `guerdon keys rotate-master`" if waiting else "unset GUERDON_PREVIOUS_MASTER_KEY"
        return "master key", "doubtful", f"is being rotated, {waiting} of {len(programs)} programs wait: {then}"
    return "master key", "good", f"opens the key of every program ({len(programs)})"


def _durability(connection: "psycopg.Connection") -> Answer:
    rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(_DURABLE)])
    weak = sorted(f"{name} is {setting}" for name, setting in rows if setting in ("off", "local"))
    if weak:
        return "durability", "bad", f"{', '.join(weak)}: an acknowledged write can be lost"
    return "durability", "good", "what is acknowledged is on disk"


def _followers(connection: "psycopg.Connection") -> Iterator[Answer]:
    lags = connection.execute(
        "SELECT p.follower, (SELECT count(*) FROM (SELECT FROM stored_events WHERE notification_id > p.position"
        " LIMIT %s) behind) FROM positions p ORDER BY 1",
        [_LAG + 1],
    ).fetchall()
    slow = [name for name, lag in lags if lag > _LAG]
    if not lags:
        yield "followers", "doubtful", "none has run yet: tables for analysts are empty"
    elif slow:
        yield "followers", "doubtful", f"more than {_LAG} entries behind: {', '.join(slow)}; is `guerdon follow` up?"
    else:
        yield "followers", "good", ", ".join(f"{name} is {lag} entries behind" for name, lag in lags)
    parked = connection.execute("SELECT follower, count(*) FROM parked GROUP BY 1 ORDER BY 1").fetchall()
    if parked:
        told = ", ".join(f"{count} of {name}" for name, count in parked)
        yield "parked", "bad", f"entries that could not be projected: {told}; see the table `parked`"
    else:
        yield "parked", "good", "no entry is parked"


def _webhooks(connection: "psycopg.Connection") -> Answer:
    """Those that their owner disabled are as they should be."""
    from application.webhooks import BY_OWNER

    rows = connection.execute(
        "SELECT id, disabled_at IS NOT NULL FROM webhooks WHERE failing_since IS NOT NULL AND disabled_at IS NULL"
        " OR disabled_at IS NOT NULL AND disabled_because <> %s ORDER BY 1 LIMIT 10",
        [BY_OWNER],
    ).fetchall()
    disabled = [name for name, off in rows if off]
    failing = [name for name, off in rows if not off]
    if disabled:
        return (
            "webhooks",
            "bad",
            f"disabled, because nobody could be told: {', '.join(disabled)}; see the console's Webhooks",
        )
    if failing:
        return "webhooks", "doubtful", f"no delivery succeeds at present: {', '.join(failing)}"
    return "webhooks", "good", "none fails"


def _clock(connection: "psycopg.Connection") -> Answer:
    from infrastructure.clock import utc_now

    asked = utc_now()
    row = connection.execute(
        "SELECT clock_timestamp(), (SELECT max(s.recorded_at) FROM state_rows s JOIN programs p ON p.id = s.program"
        " WHERE p.clock IS NULL)"
    ).fetchone()
    answered = utc_now()
    assert row is not None
    theirs, newest = row
    if not asked - _SKEW <= theirs <= answered + _SKEW:
        return "clock", "bad", f"this machine and the database differ by {theirs - answered}: use NTP on both"
    if newest is not None and newest > answered + _SKEW:
        return "clock", "bad", f"the log's newest entry is from {newest.isoformat()}: this clock is behind it"
    return "clock", "good", "agrees with the database's"
