"""Sixty kills of everything that can be killed, while clients go on asking: nothing lost, doubled or skipped."""

import pytest

from tests.torture.evening import evening
from tests.torture.machines import LINUX

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not LINUX, reason="reads /proc")]

SEED = 60
KILLS = 60
ACKNOWLEDGED = 50_000


def test_sixty_kills_and_fifty_thousand_acknowledged_requests() -> None:
    report = evening(SEED, lambda so_far: so_far.kills.total() >= KILLS and so_far.verdict.acknowledged >= ACKNOWLEDGED)
    assert report.verdict.sound, report
    # Otherwise nobody was asked to find out what had become of a request.
    assert report.cut > 0
