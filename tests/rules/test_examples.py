"""Every example rulebook passes `check`, and the sample program is one of them."""

import json
from pathlib import Path

import pytest

from application.samples import COFFEE
from domain.rules.check import check
from infrastructure.zones import SystemZones

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
RULEBOOKS = sorted(EXAMPLES.glob("*/rulebook.json"))


@pytest.mark.parametrize("file", RULEBOOKS, ids=lambda file: file.parent.name)
def test_an_example_has_no_findings(file: Path) -> None:
    assert check(json.loads(file.read_text()), known_zone=SystemZones().known).findings == ()


def test_the_examples_are_there() -> None:
    assert {file.parent.name for file in RULEBOOKS} >= {
        "airline",
        "cashback",
        "cdnow",
        "coffee",
        "coffee-stamps",
        "community",
        "corner-shop",
        "flash-campaign",
        "frequent-flyer",
        "hotel",
        "marketplace",
        "refer-a-friend",
        "streak-app",
        "subscription",
    }


def test_the_sample_program_has_the_coffee_shop_s_rulebook() -> None:
    assert json.loads((EXAMPLES / "coffee" / "rulebook.json").read_text()) == COFFEE
