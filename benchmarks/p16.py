"""P16: what PostgreSQL alone does here, in transactions a second.

`pgbench -M prepared -c 16` inserting one 300-byte row per transaction into a table of the log's shape, on the same
server and in turns with what is measured. Machines are noisy: only ratios of one run count.
"""

import subprocess
import tempfile

from infrastructure.database import connect, programs

SECONDS = 2
DURABLE = ("fsync", "synchronous_commit")

_TABLE = """
CREATE TABLE IF NOT EXISTS p16 (originator_id uuid NOT NULL, originator_version bigint NOT NULL, topic text,
    state bytea, notification_id bigserial, PRIMARY KEY (originator_id, originator_version));
CREATE UNIQUE INDEX IF NOT EXISTS p16_notification_id_idx ON p16 (notification_id);
"""
_INSERT = (
    "INSERT INTO p16 (originator_id, originator_version, topic, state)"
    " VALUES (gen_random_uuid(), 1, 'guerdon.entry.1', decode(repeat('ab', 300), 'hex'));"
)


def assert_durable(dsn: str) -> str:
    """That the server keeps what it has acknowledged; its version."""
    with connect(dsn) as connection:
        for setting in DURABLE:
            row = connection.execute(f"SHOW {setting}").fetchone()
            assert row == ("on",), f"{setting} must be on"
            print(f"{setting} = {row[0]}")
        return f"PostgreSQL {connection.info.server_version // 10_000}.{connection.info.server_version % 10_000}"


def p16(dsn: str) -> float:
    """Transactions per second of plain inserts by sixteen clients."""
    with connect(dsn) as connection:
        connection.execute(_TABLE)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_INSERT)
        script.flush()
        command = [programs() / "pgbench", "-n", "-M", "prepared", "-c", "16", "-j", "2", "-T", SECONDS]
        arguments = [*map(str, command), "-f", script.name, dsn]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return tps(done.stdout)


def tps(printed: str) -> float:
    """The figure in what pgbench prints."""
    line = next(line for line in printed.splitlines() if line.startswith("tps"))
    return float(line.split("=")[1].split()[0])
