"""What follows from the log does not depend on who makes it again, where, or in how many processes."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from tests.audit.proving import MASTER_KEY

ROOT = Path(__file__).parents[2]
HOSTS = [
    ("1", {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"}),
    ("2", {"PYTHONHASHSEED": "4711", "TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8"}),
    ("3", {"PYTHONHASHSEED": "random", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "1"}),
]


def certified(dsn: str, processes: str, host: dict[str, str]) -> dict[str, Any]:
    settings = {"GUERDON_DATABASE_URL": dsn, "GUERDON_MASTER_KEY": b64encode(MASTER_KEY).decode()}
    done = subprocess.run(
        [sys.executable, "-m", "api.cli.main", "audit", "certificate", "--processes", processes, "--json"],
        cwd=ROOT, env=os.environ | settings | host, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_certificate_is_the_same_in_any_number_of_processes_on_any_host(log: str) -> None:
    first, *others = [certified(log, processes, host) for processes, host in HOSTS]
    assert [other["results"] for other in others] == [first["results"]] * 2
    assert [other["certificate"] for other in others] == [first["certificate"]] * 2
    results = first["results"]
    assert results["verdicts"] == {"equal": 125, "different": 0, "not_redecidable": 0, "older_engine": 0}
    assert {name: tree["size"] for name, tree in results["trees"].items()} == {"main": 99, "other": 26}
    assert {"balances", "movements", "awards"} <= results["tables"].keys()
    assert {"python", "postgresql", "zones", "tzdata", "msgspec"} <= first["made_with"].keys()
