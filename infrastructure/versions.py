"""What this process works with: versions of Guerdon, Python, the libraries that results could depend on, time zones."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from infrastructure.database import connect
from infrastructure.zones import data_of_zones

_LIBRARIES = ("guerdon", "cel-expr-python", "cryptography", "eventsourcing", "msgspec", "psycopg", "tzdata")


def versions(dsn: str) -> Mapping[str, str]:
    """By name; PostgreSQL is asked."""
    with connect(dsn) as connection:
        ((postgres,),) = connection.execute("SHOW server_version").fetchall()
    return {
        "python": platform.python_version(),
        "postgresql": postgres,
        "zones": data_of_zones(),
        **{name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
