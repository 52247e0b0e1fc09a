"""Many random lives, of one seed: `python -m tests.simulation SEED STEPS`."""

import asyncio
import random
import sys
import tempfile
import traceback
from pathlib import Path

from infrastructure.database import embedded
from infrastructure.migrate import migrate
from tests.simulation.life import Life, Statistics, house, sound
from tests.simulation.rules import Numbers
from tests.simulation.steps import KINDS, step

LENGTH = 60
"""Steps of one life."""


def numbers_of(chance: random.Random) -> Numbers:
    return Numbers(*(chance.randrange(10**9) for _ in range(3)))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


async def simulate(url: str, seed: int, steps: int, statistics: Statistics) -> int:
    """How many lives were broken off by a broken law; each says how to repeat it."""
    broken = 0
    async with house(url) as where:
        while statistics.steps < steps:
            chance = random.Random(f"{seed}/{statistics.lives}")
            life = Life(where, f"p{statistics.lives}")
            statistics.lives += 1
            told: list[str] = []
            try:
                await life.begin(numbers_of(chance), sandbox=chance.random() < 0.5)
                for _ in range(min(LENGTH, steps - statistics.steps)):
                    kind = chance.choice(KINDS)
                    told.append(kind)
                    await step(life, kind, numbers_of(chance), statistics)
                await life.end()
            except Exception:  # noqa: BLE001 - whatever it is, it is told, and the next life begins
                broken += 1
                _say(f"--- life {life.program} of seed {seed}, broken at step {len(told)}: {told[-1:]}")
                _say(traceback.format_exc(limit=-4))
                entries = (entry for book in life.ledger.books.values() for entry in book.entries)
                for entry in sorted(entries, key=lambda one: one.recorded_at)[-4:]:
                    _say(f"{entry.stream} {entry.version} {entry.recorded_at} {entry.input}")
                    _say("\n".join(f"    {event}" for event in entry.events))
                _say(f"{life.document}")
        if not broken:
            await sound(where)
    return broken


def main() -> None:
    seed, steps = int(sys.argv[1]), int(sys.argv[2])
    statistics = Statistics()
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        with embedded(Path(directory), {"fsync": "off", "full_page_writes": "off"}) as url:
            migrate(url)
            broken = asyncio.run(simulate(url, seed, steps, statistics))
    _say("\n".join(statistics.lines()))
    _say(f"{statistics.steps:,} steps, seed {seed}, {len(statistics.taken)} kinds, {broken} broken")
    sys.exit(broken > 0)


if __name__ == "__main__":
    main()
