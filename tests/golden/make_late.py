"""Write the golden log of late activities again: `python -m tests.golden.make_late`.

Under `late: restate` activities arrive in any order, between returns, redemptions and sweeps; what they change of later
ones is compensated: awards, caps, a budget, levels, offers, streaks, badges. Like the others it is kept for ever.
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
    adjust,
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

LATE = Path(__file__).with_name("late.jsonl.gz")
ENTRIES = 800
BEGIN = instant("2026-03-02T07:00")
NAMED: Json = {
    "data": {"type": "object", "properties": {"offer": {"type": "string"}}, "required": ["offer"]},
    "offer": "activity.offer",
}


def post(step: int, more: Json) -> Json:
    """The rules of a shop whose tills send when they have a line."""
    return rulebook(
        per(step, 1, cap=[{"points": 150, "per": "member", "period": "month"}]),
        points(40, rule="first", when="history.count('purchase', 'P30D') == 0", budget="welcome"),
        multiply("2", rule="silver", when="member.tiers.status.level == 'silver'"),
        {"id": "gift", "on": "purchase", "when": "activity.amount_minor > 6000", "assign": "sum"},
        late={"mode": "restate", "max_age": "P45D"},
        budgets={"welcome": {"currency": "points", "points": 2_000}},
        currency={"expires": {"after": "P2M"}},
        activities={"offer.assigned": NAMED | {"role": "assigns"}, "offer.viewed": NAMED | {"role": "views"}},
        offers={
            "bogo": {"goal": {"one_above": 4_000}, "of": "purchase.spend", "window": "P10D", "requires_view": True,
                     "reward": {"currency": "points", "points": 10}},
            "sum": {"goal": {"sum": 9_000}, "of": "purchase.spend", "window": "P7D",
                    "reward": {"currency": "points", "points": 15}},
            "days": {"goal": {"distinct": ["day", 3]}, "of": "purchase.visits", "window": "P30D",
                     "reward": {"currency": "points", "points": 20}},
        },
        streaks={"weekly": {"on": "purchase", "period": "week", "awards": [{"at": 3, "points": 30}]}},
        badges={
            "spender": {"measure": "spend", "at": 30_000, "per": "month", "points": 25},
            "big": {"on": "purchase", "when": "activity.amount_minor > 6900"},
        },
        tiers={"measure": "spend", "window": "rolling P2M", "validity": "P2M", "downgrade": "recompute",
               "levels": [{"id": "silver", "at": 20_000}, {"id": "gold", "at": 60_000}]},
        **more,
    )  # fmt: skip


def entries(seed: int = 20_260_302, count: int = ENTRIES) -> list[Entry]:
    """The whole log in order of position."""
    chance = random.Random(seed)
    world = World(post(100, {}), zone="Europe/Madrid", program="post")
    world.publish(post(120, {}), BEGIN + timedelta(days=60))
    made = program_entries(world)
    streams = [Stream(world, number=number, hot=True) for number in range(1, 9)]
    now = BEGIN
    for number, stream in enumerate(streams):
        stream.do(enrol(now, f"m{number}"), now, claims=(Claim("member", f"m{number}", "h"),))
        now += timedelta(minutes=chance.randrange(600))
    done = len(made) + len(streams)
    while done < count:
        now += timedelta(seconds=chance.randrange(1, 30_000))
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
    bought = [one for one in past if one.type == "purchase"]
    claims = (Claim("activity", f"till\x1fp{number}", "h"),)
    late = timedelta(seconds=chance.choice([0, 0, 3_600, 200_000, chance.randrange(3_000_000)]))
    at = now - late
    match chance.randrange(12):
        case 0 if bought:
            back = refund(stream, chance.choice(bought).id, chance.choice([None, 900]), now, f"r{number}")
            stream.do(back, now)
        case 1:
            stream.do(redeem(chance.randrange(1, 90), f"s{number}"), now)
        case 2:
            stream.settle(now)
        case 3:
            stream.do(adjust(chance.choice([20, -10]), f"a{number}"), now)
        case 4 | 5 as which:
            kind = "offer.assigned" if which == 4 else "offer.viewed"
            offer = chance.choice(["bogo", "sum", "days"])
            told = RecordActivity(source="crm", id=f"o{number}", type=kind, occurred_at=at, data={"offer": offer})
            stream.do(told, now, claims=(Claim("activity", f"crm\x1fo{number}", "h"),))
        case _:
            amount = chance.choice([333, 4_200, 2_999, 7_000])
            stream.do(purchase(amount, f"p{number}", at), now, claims=claims)


def main() -> None:
    lines = b"".join(encode(entry) + b"\n" for entry in entries())
    # Without a time stamp, so that the same log is the same file.
    LATE.write_bytes(gzip.compress(lines, mtime=0))


if __name__ == "__main__":
    main()
