"""The same feed out of order: every line somewhere else, some of them twice, decided one by one as they arrive."""

import gzip
import json
import random
from pathlib import Path

import msgspec

from tests.acceptance.sets import DataSet, lines

REPEATED = 0.3
"""The share of lines that are delivered once more."""


def shuffled(data: DataSet, seed: int, directory: Path) -> DataSet:
    """The set with its feed shuffled, under its own rules with `late: restate`. Its outcomes are the same."""
    chance = random.Random(seed)
    feed = list(lines(data.events))
    feed += chance.sample(feed, round(REPEATED * len(feed)))
    chance.shuffle(feed)
    events = directory / f"{data.name}.shuffled.jsonl.gz"
    with gzip.open(events, "wt", compresslevel=1) as file:
        file.writelines(json.dumps(line) + "\n" for line in feed)
    document = data.document
    late = document.get("late", {}) | {"mode": "restate"}
    return msgspec.structs.replace(data, events=events, ordered=data.events, rulebook=document | {"late": late})
