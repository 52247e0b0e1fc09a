"""Local days and instants, in zones whose clocks are set at midnight and elsewhere."""

from datetime import datetime, timedelta

import pytest

from domain.calendar import Offsets
from infrastructure.zones import SystemZones

ZONES = ["America/Santiago", "America/Asuncion", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut", "Europe/Berlin",
         "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns", "UTC"]  # fmt: skip

WALL = datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001 - wall-clock time


@pytest.mark.parametrize("zone", ZONES)
def test_every_midnight_is_the_first_instant_of_its_day(zone: str) -> None:
    offsets = Offsets(SystemZones().offset)
    day = datetime(2010, 1, 1)  # noqa: DTZ001 - wall-clock time
    while day.year < 2030:
        midnight = offsets.instant(zone, day)
        assert offsets.local(zone, midnight) >= day
        assert offsets.local(zone, midnight - timedelta(seconds=1)) < day + timedelta(hours=1)
        day += timedelta(days=1)


def test_a_time_that_comes_twice_is_meant_the_first_time() -> None:
    offsets = Offsets(SystemZones().offset)
    assert offsets.instant("Europe/Berlin", WALL).isoformat() == "2026-10-25T00:30:00+00:00"
