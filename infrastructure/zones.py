"""Time-zone data of this machine. Whatever is read here is a fact, to be pinned in the entry that used it."""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError


class SystemZones:
    """UTC offsets by IANA zone name, from the system's data or the `tzdata` package."""

    def offset(self, zone: str, epoch_seconds: int) -> int:
        """Seconds to add to UTC for local time in `zone` at that instant; ValueError for an unknown zone."""
        return _offset(zone, epoch_seconds)

    def known(self, zone: str) -> bool:
        """Whether `zone` names a time zone here."""
        try:
            _zone(zone)
        except ValueError:
            return False
        return True


def data_of_zones() -> str:
    """Which time-zone data is used here, and its version as far as it tells one."""
    for folder in map(Path, TZPATH):
        if (folder / "Europe" / "Berlin").is_file():
            for name in ("+VERSION", "tzdata.zi"):
                if (folder / name).is_file():
                    with (folder / name).open(encoding="ascii") as file:
                        return f"of the system, {file.readline().removeprefix('# version').strip()}"
            return "of the system, without a version"
    return "of the package tzdata"


@lru_cache(maxsize=65_536)
def _offset(zone: str, epoch_seconds: int) -> int:
    there = datetime.fromtimestamp(epoch_seconds, UTC).astimezone(_zone(zone))
    offset = there.utcoffset()
    assert offset is not None
    return offset.days * 86_400 + offset.seconds


@lru_cache(maxsize=1_024)
def _zone(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    # A directory of the zone data ("Europe") and a path that leaves it are not zones either.
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(f"unknown time zone: {zone!r}") from error
