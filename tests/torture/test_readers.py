"""Four processes write as fast as they can and are killed in between: readers that follow the log skip nothing."""

import asyncio
import random
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from infrastructure.database import connect
from tests.torture import victims
from tests.torture.seeds import seed
from tests.torture.tail import Tail

pytestmark = pytest.mark.slow

WRITERS = 4
TASKS = 8
ENTRIES = 200_000
BETWEEN = 20_000
"""Entries at most that are written between two kills; how many is drawn."""
SEED = seed(4)


def test_readers_from_three_places_see_two_hundred_thousand_entries_in_order(database_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        chance, killed = random.Random(SEED), 0
        first = Tail(database_url)
        tails = [first]
        writers = [_writer(database_url, tmp_path) for _ in range(WRITERS)]
        first.follow()
        kill_at = chance.randrange(BETWEEN)
        while len(first.seen) < ENTRIES:
            await asyncio.sleep(0.01)
            if len(first.seen) >= kill_at:
                victim = chance.randrange(WRITERS)
                assert writers[victim].is_alive()
                victims.end(writers[victim])
                writers[victim] = _writer(database_url, tmp_path)
                killed += 1
                kill_at = len(first.seen) + chance.randrange(BETWEEN)
            if len(tails) < 3 and len(first.seen) > len(tails) * ENTRIES // 3:
                # One begins where this one has just been, and one a little further on.
                tails.append(Tail(database_url, first.seen[-1]))
                tails[-1].follow()
        for writer in writers:
            victims.end(writer)
        positions, runs = _stored(database_url)
        for tail in tails:
            await tail.to_the_end(positions[-1])
            assert tail.missed(positions) == []
        assert killed > ENTRIES / BETWEEN
        # A save is there as a whole or not at all, and every one that was acknowledged is there.
        assert all(count == last and count in (victims.RUN, 2 * victims.RUN) for count, last in runs.values())
        lost = [line for line in _acknowledged(tmp_path) if runs.get(line[0], (0, 0))[0] < line[1]]
        assert lost == []

    asyncio.run(story())


def _writer(dsn: str, directory: Path) -> BaseProcess:
    return victims.start(victims.writer, dsn, str(directory), TASKS)


def _stored(dsn: str) -> tuple[list[int], dict[str, tuple[int, int]]]:
    """The positions in order; entries and last version of each stream."""
    with connect(dsn) as connection:
        positions = [
            position
            for (position,) in connection.execute("SELECT notification_id FROM stored_events ORDER BY 1").fetchall()
        ]
        runs = connection.execute(
            "SELECT originator_id::text, count(*), max(originator_version) FROM stored_events GROUP BY 1"
        ).fetchall()
    return positions, {stream: (count, last) for stream, count, last in runs}


def _acknowledged(directory: Path) -> list[tuple[str, int]]:
    lines = [line.split() for path in directory.iterdir() for line in path.read_text().splitlines()]
    return [(stream, int(version)) for stream, version in lines]
