"""How long the server needs for the pages of the console: 50 loads of each, as `benchmarks.console` measures them."""

import pytest
from httpx2 import Client

from benchmarks.console import seconds
from tests.console.conftest import Served
from tests.console.test_browser import PLACES

pytestmark = pytest.mark.slow

MOST = 0.2


def test_of_twenty_loads_of_a_page_nineteen_take_under_200_ms(year: Served) -> None:
    found = {}
    with Client(base_url=year.address, timeout=60) as console:
        console.post("/console/sign-in", data={"key": year.key})
        for place in PLACES:
            taken = seconds(console, place)
            found[place] = taken[len(taken) * 95 // 100]
    assert {place: most for place, most in found.items() if most >= MOST} == {}
