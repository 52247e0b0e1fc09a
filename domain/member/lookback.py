"""What decisions ask of the member's own stream besides activities, which are `domain/redecide.py`'s."""

from domain.log import Entry
from domain.member.events import PointsAdjusted


def adjustment(entry: Entry) -> PointsAdjusted:
    """Raises LookupError where the entry is none."""
    found = next((event for event in entry.events if isinstance(event, PointsAdjusted)), None)
    if found is None:
        raise LookupError(f"entry {entry.version} is no adjustment")
    return found
