"""A wheel has the files that are not code and that the code looks for, where it looks for them."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as an installation of the wheel has it, with nothing of the repository beside it."""
    built, folder = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", built],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (wheel,) = built.glob("*.whl")
    with ZipFile(wheel) as files:
        files.extractall(folder)
    return folder


def _said(installed: Path, program: str) -> str:
    # The folder comes before the editable installation of the repository.
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=installed,
        env={"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_demonstration_finds_its_rulebook(installed: Path) -> None:
    found = Path(_said(installed, "from api.cli.demo import RULEBOOK; print(RULEBOOK)"))
    assert found.is_relative_to(installed)
    assert found.read_bytes() == (ROOT / "examples" / "journey" / "rulebook.json").read_bytes()


def test_only_the_engine_is_in_it(installed: Path) -> None:
    folders = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert folders == {"domain", "application", "infrastructure", "projections", "api", "migrations"}
    assert sorted(path.name for path in (installed / "migrations").glob("*.sql")) == sorted(
        path.name for path in (ROOT / "migrations").glob("*.sql")
    )
    pages = {path.name for path in (installed / "api" / "http" / "problem_pages").iterdir()}
    assert pages == {path.name for path in (ROOT / "docs" / "reference" / "problems").iterdir()}


def test_the_console_has_its_templates_and_its_files(installed: Path) -> None:
    for kind in ("templates", "static", "static/vendor"):
        there = {path.name for path in (ROOT / "api" / "console" / kind).iterdir()}
        assert {path.name for path in (installed / "api" / "console" / kind).iterdir()} == there
