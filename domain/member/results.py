"""What an entry counted on leaderboards, derived from its events alone."""

from collections.abc import Iterator
from datetime import datetime

from domain.log import Entry
from domain.member.events import ActivityRecorded, ScoreCounted


def results_of(entry: Entry) -> Iterator[tuple[ScoreCounted, datetime]]:
    """The results of an entry, each with when it took effect: when the activity, or its return, happened."""
    effective_at = entry.at
    for event in entry.events:
        if isinstance(event, ActivityRecorded):
            effective_at = event.occurred_at
        elif isinstance(event, ScoreCounted):
            yield event, effective_at
