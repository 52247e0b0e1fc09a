"""The walk-through scripts of examples/ run beside a server as they are."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT
from tests.docs.conftest import Page

_SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
_TOLD = {
    "a_year_in_a_minute.py": (
        "order-9: tier_changed to silver",
        "order-3 is returned: 105 points go back",
        "500 points are spent, worth 5.00 euros",
        "the last order, rule base: 105 granted",
        "'available': 0, 'pending': 0, 'held': 0, 'debt': 0",
    )
}


@pytest.mark.parametrize("script", _SCRIPTS, ids=lambda script: script.name)
def test_a_walk_through_runs(script: Path, serving: Callable[[str], Page]) -> None:
    page = serving("run")
    (key,) = set(re.findall(r"gdn_[\w-]{43}", page.said))
    told = page.shell.run(f"KEY={key} SERVER=http://localhost:8080 python examples/{script.name}")
    for line in _TOLD[script.name]:
        assert line in told, told
