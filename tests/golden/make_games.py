"""Write the third golden log again: `python -m tests.golden.make_games`.

Streaks by day and by week, ticked in order, late, across zones and taken back; badges for conditions and for marks, by
period, kept and revoked. Like the others it is kept for ever.
"""

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path

from domain.errors import Refused
from domain.log import Claim, Entry, encode
from domain.member.commands import ChangeMember, RecordActivity
from tests.build import Json, Stream, World, enrol, instant, per, program_entries, purchase, redeem, refund, rulebook

GAMES = Path(__file__).with_name("games.jsonl.gz")
ENTRIES = 800
BEGIN = instant("2026-03-02T07:00")
ZONES = ["Europe/Athens", "America/Los_Angeles", "Pacific/Auckland", "Pacific/Honolulu"]


def games(*, grace: int, every: int) -> Json:
    return rulebook(
        per(100, 1),
        currency={"available": {"after": "P3D"}, "expires": {"after": "P60D"}},
        zone_policy="member",
        day_starts="03:00",
        streaks={
            "daily": {
                "on": "purchase",
                "grace": grace,
                "when": "activity.amount_minor >= 500",
                "awards": [{"every": 1, "points": every}, {"at": 3, "points": 20}, {"at": 7, "points": 70}],
            },
            "weekly": {"on": "purchase", "period": "week", "awards": [{"every": 2, "points": 11}]},
        },
        badges={
            "regular": {"on": "purchase", "when": "history.streak('daily') >= 5", "points": 100},
            "spender": {
                "measure": "spend", "at": 10_000, "window": "month", "per": "month", "points": 33, "reversal": "revoke",
            },
            "odd": {"on": "purchase", "when": "10000 / (activity.amount_minor - 700) > 3", "per": "week"},
        },
        tiers={"levels": [{"id": "silver", "at": 300}]},
    )  # fmt: skip


def entries() -> list[Entry]:
    """The whole log in order of position."""
    chance = random.Random(20_260_302)
    world = World(games(grace=0, every=5), zone="Europe/Athens", program="games")
    world.publish(games(grace=1, every=6), BEGIN + timedelta(days=50))
    made = program_entries(world)
    streams = [Stream(world, number=number) for number in range(1, 7)]
    now = BEGIN
    for number, stream in enumerate(streams):
        stream.do(enrol(now, f"m{number}"), now, claims=(Claim("member", f"m{number}", "h"),))
        now += timedelta(minutes=chance.randrange(600))
    done = len(made) + len(streams)
    while done < ENTRIES:
        now += timedelta(seconds=chance.randrange(1, 20_000))
        try:
            _deed(chance.choice(streams), chance, done, now)
        except Refused:
            continue
        done += 1
    made += [entry for stream in streams for entry in stream.entries]
    made.sort(key=lambda entry: (entry.recorded_at, entry.stream, entry.version))
    return made


def _deed(stream: Stream, chance: random.Random, number: int, at: datetime) -> None:
    past = [entry.input.id for entry in stream.entries if isinstance(entry.input, RecordActivity)]
    match chance.randrange(14):
        case 0 | 1 if past:
            part = chance.choice([None, None, 100, 400])
            stream.do(refund(stream, chance.choice(past), part, at, f"r{number}"), at)
        case 2:
            stream.do(redeem(chance.randrange(1, 60), f"s{number}"), at)
        case 3:
            stream.do(ChangeMember(time_zone=chance.choice(ZONES)), at)
        case 4:
            stream.settle(at)
        case _:
            late = at - timedelta(seconds=chance.choice([0, 0, 0, chance.randrange(20 * 86_400)]))
            amount = chance.choice([300, 500, 700, 1_200, 4_000])
            claims = (Claim("activity", f"shop\x1fp{number}", "h"),)
            stream.do(purchase(amount, f"p{number}", late), at, claims=claims)


def main() -> None:
    lines = b"".join(encode(entry) + b"\n" for entry in entries())
    GAMES.write_bytes(gzip.compress(lines, mtime=0))


if __name__ == "__main__":
    main()
