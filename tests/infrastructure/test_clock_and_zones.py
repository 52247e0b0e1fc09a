"""Time as the outside tells it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from freezegun import freeze_time

from infrastructure.clock import utc_now
from infrastructure.zones import SystemZones

WINTER = int(datetime(2026, 1, 15, 12, tzinfo=UTC).timestamp())
SUMMER = int(datetime(2026, 7, 15, 12, tzinfo=UTC).timestamp())


def test_the_clock_is_aware_and_moves() -> None:
    before = utc_now()
    assert before.utcoffset() == timedelta(0)
    assert before <= utc_now()


@freeze_time("2026-03-01 10:00:00.000001")
def test_a_frozen_instant_is_a_real_datetime_that_can_be_encoded() -> None:
    now = utc_now()
    assert type(now).__name__ == "datetime"
    assert msgspec.json.encode(now) == b'"2026-03-01T10:00:00.000001Z"'


@pytest.mark.parametrize(
    ("zone", "at", "hours"),
    [
        ("UTC", WINTER, 0),
        ("Europe/Berlin", WINTER, 1),
        ("Europe/Berlin", SUMMER, 2),
        ("America/New_York", WINTER, -5),
        ("Asia/Kolkata", SUMMER, 5.5),
    ],
)
def test_offsets_are_in_seconds_east_of_utc(zone: str, at: int, hours: float) -> None:
    assert SystemZones().offset(zone, at) == hours * 3600


def test_an_instant_before_1970_has_an_offset() -> None:
    assert SystemZones().offset("Europe/London", -1) == 3600


@pytest.mark.parametrize("zone", ["Atlantis/Capital", "Europe", "", "../etc/passwd", "/etc/passwd", "a\0b", "x" * 300])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    assert not SystemZones().known(zone)
    with pytest.raises(ValueError, match="unknown time zone"):
        SystemZones().offset(zone, 0)


def test_a_zone_is_known() -> None:
    assert SystemZones().known("Asia/Tokyo")
