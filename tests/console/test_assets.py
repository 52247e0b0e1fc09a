"""Other people's files are as they made them, and there are no others."""

import tomllib
from hashlib import sha256

from api.console.page import ASSETS, STATIC

MANIFEST = tomllib.loads((STATIC / "manifest.toml").read_text("utf-8"))["asset"]


def test_every_vendored_file_is_the_one_of_the_manifest() -> None:
    for asset in MANIFEST:
        assert sha256((STATIC / asset["file"]).read_bytes()).hexdigest() == asset["sha256"], asset["file"]
        assert asset["name"]
        assert asset["version"]
        assert asset["licence"]


def test_every_vendored_file_stands_in_the_manifest() -> None:
    there = {f"vendor/{path.name}" for path in (STATIC / "vendor").iterdir()}
    assert there == {asset["file"] for asset in MANIFEST}


def test_every_file_that_is_served_is_there() -> None:
    assert all((STATIC / name).is_file() for name in ASSETS)
