"""Write the golden log of segments again: `python -m tests.golden.make_segments`.

Members come into segments and leave them: by purchases, returns, time that passed, a sweeper, and a version that drops
some and brings others; a rule reads what they are in. Like the others it is kept for ever.
"""

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path

from domain.errors import Refused
from domain.log import Claim, Entry, encode
from domain.member.commands import RecordActivity
from tests.build import (
    Json,
    Stream,
    World,
    enrol,
    instant,
    multiply,
    per,
    points,
    program_entries,
    purchase,
    redeem,
    refund,
    rulebook,
)

SEGMENTS = Path(__file__).with_name("segments.jsonl.gz")
ENTRIES = 500
BEGIN = instant("2026-03-02T07:00")


def circle(segments: Json) -> Json:
    return rulebook(
        per(100, 1),
        multiply("2", rule="vip", when="member.segments.vip") if "vip" in segments else multiply("1", rule="vip"),
        points(5, rule="newcomer", phase="add", when="!member.segments['old-hand'] && local.hour >= 12"),
        currency={"expires": {"after": "P2M"}},
        tiers={"window": "month", "levels": [{"id": "silver", "at": 900}]},
        segments=segments,
    )


FIRST: Json = {
    "vip": "member.counters.spend.last_30d > 45000 || member.tiers.status.level == 'silver'",
    "old-hand": "history.count('purchase', 'ever') >= 5",
    "rich": "member.balances.points.available > 200",
    "odd": "10000 / (member.counters.spend.ever - 4200) > 1",
}
SECOND: Json = {
    "vip": "member.counters.spend.last_30d > 38000",
    "old-hand": FIRST["old-hand"],
    "quiet": "local.year > 1 && history.count('purchase', 'P3D') == 0",
}


def entries() -> list[Entry]:
    """The whole log in order of position."""
    chance = random.Random(20_260_302)
    world = World(circle(FIRST), zone="Europe/Madrid", program="circle")
    world.publish(circle(SECOND), BEGIN + timedelta(days=60))
    made = program_entries(world)
    streams = [Stream(world, number=number) for number in range(1, 9)]
    now = BEGIN
    for number, stream in enumerate(streams):
        stream.do(enrol(now, f"m{number}"), now, claims=(Claim("member", f"m{number}", "h"),))
        now += timedelta(minutes=chance.randrange(600))
    done = len(made) + len(streams)
    while done < ENTRIES:
        now += timedelta(seconds=chance.randrange(1, 50_000))
        try:
            _deed(chance.choice(streams), chance, done, now)
        except Refused:
            continue
        done += 1
    made += [entry for stream in streams for entry in stream.entries]
    made.sort(key=lambda entry: (entry.recorded_at, entry.stream, entry.version))
    return made


def _deed(stream: Stream, chance: random.Random, number: int, now: datetime) -> None:
    past = [entry.input for entry in stream.entries if isinstance(entry.input, RecordActivity)]
    claims = (Claim("activity", f"shop\x1fp{number}", "h"),)
    match chance.randrange(9):
        case 0 if past:
            back = refund(stream, chance.choice(past).id, chance.choice([None, 900]), now, f"r{number}")
            stream.do(back, now)
        case 1:
            stream.do(redeem(chance.randrange(1, 90), f"s{number}"), now)
        case 2:
            stream.settle(now)
        case _:
            amount = chance.choice([333, 4_200, 2_999, 7_000])
            stream.do(purchase(amount, f"p{number}", now), now, claims=claims)


def main() -> None:
    lines = b"".join(encode(entry) + b"\n" for entry in entries())
    # Without a time stamp, so that the same log is the same file.
    SEGMENTS.write_bytes(gzip.compress(lines, mtime=0))


if __name__ == "__main__":
    main()
