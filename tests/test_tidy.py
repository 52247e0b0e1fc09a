"""The tree is tidy: nothing unfinished, nothing of one machine, and every module says what it is for."""

import ast
import re
import subprocess
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parent.parent
_PACKAGES = (
    "domain",
    "application",
    "infrastructure",
    "projections",
    "api",
    "migrations",
    "guerdon_client",
    "tests",
    "benchmarks",
)
_TEXT = {
    ".cfg",
    ".css",
    ".html",
    ".ini",
    ".js",
    ".json",
    ".md",
    ".py",
    ".sh",
    ".sql",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
    "",
}
# Spelled so that this file doesn't find itself.
_UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|NotImplemented[E]rror)\b")
_REGISTRIES = re.compile(
    r"\b(py[p]i\.org|pythonhosted[.]org|registry\.npm[j]s\.org|registry\.yarn[p]kg\.com|proxy\.go[l]ang\.org)\b"
)
_MACHINE_PATHS = re.compile(r"(?<![\w.*-])/(root|home|Users|work)/[\w.-]")


def _files() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, check=True, text=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = [Path(name) for name in listed.stdout.split("\0") if name]
    # Vendored files are other people's words.
    return [path for path in paths if (ROOT / path).is_file() and path.suffix in _TEXT and "vendor" not in path.parts]


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()}"
        for path in _files()
        for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_nothing_is_left_unfinished() -> None:
    assert _lines_with(_UNFINISHED) == []


def test_no_file_names_a_package_registry() -> None:
    assert _lines_with(_REGISTRIES) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert _lines_with(_MACHINE_PATHS) == []


def test_every_module_says_what_it_is_for() -> None:
    modules = [path for path in _files() if path.suffix == ".py" and path.parts[0] in _PACKAGES]
    silent = [str(path) for path in modules if not ast.get_docstring(ast.parse((ROOT / path).read_text("utf-8")))]
    assert silent == []


def test_the_pure_rooms_compute_without_floats_and_without_the_hash_of_a_process() -> None:
    """The banned calls of ruff cannot see built-ins. Numbers are integers, Decimals or fractions there."""
    found = [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path in _files()
        if path.suffix == ".py" and path.parts[0] in {"domain", "projections"}
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if _is_float_arithmetic(node) or _calls(node, "float", "hash")
    ]
    assert found == []


def _is_float_arithmetic(node: ast.AST) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and any(
        isinstance(side, ast.Constant) and isinstance(side.value, float) for side in (node.left, node.right)
    )


def _calls(node: ast.AST, *names: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
