"""A PostgreSQL for the tests: one server per run, one fresh database per test that asks for it.

Nothing is started before a test asks. `GUERDON_TEST_DATABASE_URL` names a server to use instead of
the embedded one; its user must be allowed to create databases.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from hypothesis import settings
from psycopg.sql import SQL, Identifier

from infrastructure.database import connect, embedded
from infrastructure.migrate import migrate

# Speed is checked by benchmarks, never by a test that is timed: machines are noisy.
settings.register_profile("guerdon", deadline=None)
settings.load_profile("guerdon")

_TEMPLATE = "guerdon_test_template"
# Tests don't survive a power cut anyway.
_FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "300"}
_RUN_DIRECTORY = "GUERDON_TEST_DIRECTORY"
_PREPARED_BY_ANYBODY = 7  # advisory lock: one worker makes the template, the others wait


def pytest_configure(config: pytest.Config) -> None:
    # The workers of pytest-xdist inherit the environment, and so share the directory.
    if not _is_worker(config):
        directory = Path(tempfile.mkdtemp(prefix="guerdon-tests-"))
        directory.chmod(0o711)  # under root, PostgreSQL's own user has to get through
        os.environ[_RUN_DIRECTORY] = str(directory)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config):
        directory = Path(os.environ.pop(_RUN_DIRECTORY))
        # The last worker stops the server, unless it was killed.
        if list(directory.glob("postgres/data/postmaster.pid")):
            with embedded(directory):
                pass
        shutil.rmtree(directory)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """URL of a server with a migrated template; tests want `database_url`."""
    given = os.environ.get("GUERDON_TEST_DATABASE_URL")
    if given:
        _prepare_template(given)
        yield given
        return
    with embedded(Path(os.environ[_RUN_DIRECTORY]), _FAST) as url:
        _prepare_template(url)
        yield url


@pytest.fixture
def database_url(database_server: str) -> Iterator[str]:
    """URL of a fresh, migrated database that is dropped after the test."""
    with fresh_database(database_server) as url:
        yield url


@contextmanager
def fresh_database(database_server: str) -> Iterator[str]:
    """The same for property tests, which need one per example."""
    name = f"guerdon_test_{uuid4().hex}"
    with connect(database_server) as server:
        # A template is copied only while nobody is connected to it: not while another worker migrates it.
        server.execute("SELECT pg_advisory_lock_shared(%s)", [_PREPARED_BY_ANYBODY])
        server.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(_TEMPLATE)))
        server.execute("SELECT pg_advisory_unlock_shared(%s)", [_PREPARED_BY_ANYBODY])
        yield _beside(database_server, name)
        server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def empty_database_url(database_server: str) -> Iterator[str]:
    """URL of a fresh database without any table."""
    name = f"guerdon_test_{uuid4().hex}"
    with connect(database_server) as server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield _beside(database_server, name)
        server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _prepare_template(url: str) -> None:
    with connect(url) as server:
        server.execute("SELECT pg_advisory_lock(%s)", [_PREPARED_BY_ANYBODY])
        found = server.execute("SELECT FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone()
        if found is None:
            server.execute(SQL("CREATE DATABASE {}").format(Identifier(_TEMPLATE)))
        migrate(_beside(url, _TEMPLATE))


def _beside(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()
