"""The client is a package of its own: it installs, and works, with nothing of the engine beside it."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import guerdon_client

pytestmark = pytest.mark.slow

FOLDER = Path(guerdon_client.__file__).parent


def test_its_wheel_has_all_of_it_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=FOLDER, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("guerdon_client-*.whl")
    with ZipFile(wheel) as files:
        names = {name for name in files.namelist() if ".dist-info/" not in name}
        files.extractall(tmp_path / "installed")
    assert names == {f"guerdon_client/{path.name}" for path in FOLDER.iterdir() if path.suffix in (".py", ".typed")}
    program = (
        "import sys; from guerdon_client import Client; Client('http://localhost', 'k').close();"
        "print(sorted(set(sys.modules) & {'domain', 'application', 'infrastructure', 'api', 'litestar', 'psycopg'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "installed", check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
