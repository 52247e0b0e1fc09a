"""What a run of benchmarks stands on: a server of its own, and a fresh copy of the prepared database per figure."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from benchmarks import workload
from benchmarks.figures import Measured
from benchmarks.p16 import assert_durable, p16
from infrastructure.database import connect, embedded

ROUNDS = 5
MEMBERS = 20_000


class Bench:
    """Figures begin alike, whatever ran before them: each has a copy of a database that was filled once.

    `quick` is a twentieth of everything in two rounds: to see that all runs, not how fast.
    """

    def __init__(self, dsn: str, postgres: str, *, quick: bool = False, full: bool = False) -> None:
        self.postgres = postgres
        self.full = full
        self.rounds = 2 if quick else ROUNDS
        self.scale = 20 if quick else 1
        self.members = MEMBERS // self.scale
        self._dsn = dsn
        self._filled: set[str] = set()
        self._copies = 0

    @contextmanager
    def database(self, name: str = "members", fill: Callable[[str], None] | None = None) -> Iterator[str]:
        """A copy of the database of that name, dropped afterwards. Whoever asks first has it filled."""
        if name not in self._filled:
            say(f"filling the database {name!r}")
            self._run("CREATE DATABASE {}", name)
            (fill or self._members)(self._at(name))
            with connect(self._at(name)) as connection:
                connection.execute("VACUUM ANALYZE")
            self._filled.add(name)
        self._copies += 1
        copy = f"{name}_{self._copies}"
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", copy, name)
        try:
            yield self._at(copy)
        finally:
            self._run("DROP DATABASE {} WITH (FORCE)", copy)

    def in_turns(self, dsn: str, ours: Callable[[int], float]) -> Measured:
        """Rounds of P16 and of ours, one after the other. `ours` gets the number of its round."""
        limits, values = [], []
        for number in range(self.rounds):
            limits.append(p16(dsn))
            values.append(ours(number))
            say(f"P16 {limits[-1]:,.0f}   ours {values[-1]:,.0f}   ratio {values[-1] / limits[-1]:.2f}")
        return Measured(values=values, p16=limits)

    def _members(self, dsn: str) -> None:
        workload.prepare(dsn, self.members)

    def _at(self, database: str) -> str:
        return make_conninfo(self._dsn, dbname=database)

    def _run(self, statement: str, *names: str) -> None:
        with connect(self._dsn) as connection:
            connection.execute(SQL(statement).format(*map(Identifier, names)))


@contextmanager
def opened(*, quick: bool = False, full: bool = False) -> Iterator[Bench]:
    """A PostgreSQL in a directory that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="guerdon-bench-") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101 - under root, PostgreSQL's own user has to get in
        with embedded(Path(directory)) as dsn:
            yield Bench(dsn, assert_durable(dsn), quick=quick, full=full)


def followed(dsn: str, patience: float = 120.0) -> None:
    """Wait until the server's follower has read the whole log, so that its work is no part of what comes next."""
    until = time.monotonic() + patience
    with connect(dsn) as connection:
        while True:
            row = connection.execute(
                "SELECT (SELECT position FROM positions WHERE follower = 'analytics')"
                " >= (SELECT max(notification_id) FROM stored_events)"
            ).fetchone()
            if row == (True,):
                return
            assert time.monotonic() < until, "the follower does not follow"
            time.sleep(0.05)


def say(text: str) -> None:
    print(f"    {text}", file=sys.stderr, flush=True)
