"""Find or install RabbitMQ for the tests, or say what to do.

python -m tests.brokers.rabbit
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDERS = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/sbin", "/usr/local/sbin", "/usr/sbin")
WAY = ("apt-get", "install", "--yes", "--no-install-recommends", "rabbitmq-server")
_PATIENCE = 300


def installed() -> str | None:
    """The program that runs a node; Debian's own wrapper of that name changes user, so it comes last."""
    for folder in FOLDERS:
        found = Path(folder) / "rabbitmq-server"
        if found.exists():
            return str(found)
    return shutil.which("rabbitmq-server")


def main() -> int:
    if installed():
        return 0
    print("Looking for a RabbitMQ for the bridge's tests ...")  # noqa: T201 - a command prints
    if shutil.which("apt-get") is not None and os.getuid() == 0:
        # Nothing is to be started by being installed: the tests have nodes of their own.
        policy = Path("/usr/sbin/policy-rc.d")
        ours = not policy.exists()
        if ours:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            for way in (("apt-get", "update"), WAY):
                _tried(way)
        finally:
            if ours:
                policy.unlink()
    if installed():
        return 0
    print(  # noqa: T201
        "No RabbitMQ could be installed, and the bridge's tests need one. Install it by the system's packages"
        " (Debian: apt-get install rabbitmq-server; macOS: brew install rabbitmq).",
        file=sys.stderr,
    )
    return 1


def _tried(way: tuple[str, ...]) -> None:
    try:
        subprocess.run(way, check=False, capture_output=True, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return


if __name__ == "__main__":
    sys.exit(main())
