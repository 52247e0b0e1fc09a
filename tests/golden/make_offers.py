"""Write the golden log of offers again: `python -m tests.golden.make_offers`.

Slots assigned by commands, rules and activities, seen or not, goals of every kind, coupons with and without limits,
late activities, returns that reopen and withdraw. Like the others it is kept for ever.
"""

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from domain.errors import Refused
from domain.log import Claim, Entry, encode
from domain.member.commands import AssignOffer, RecordActivity, RedeemCode
from tests.build import (
    Json,
    Stream,
    World,
    enrol,
    instant,
    per,
    program_entries,
    purchase,
    redeem,
    refund,
    rulebook,
)

OFFERS = Path(__file__).with_name("offers.jsonl.gz")
ENTRIES = 1_200
BEGIN = instant("2026-04-01T06:00")
NAMED: Json = {"data": {"type": "object", "properties": {"offer_id": {"type": "string"}}}}


def market(*, mark: int) -> Json:
    reward = {"currency": "points", "points": 25}

    def challenge(goal: Json, window: str, **more: Any) -> Json:
        return {"goal": goal, "of": "purchase.spend", "window": window, "reward": reward, **more}

    return rulebook(
        per(100, 1),
        {"id": "big", "on": "purchase", "phase": "add", "when": f"activity.amount_minor > {6 * mark}",
         "assign": "week", "cap": [{"times": 2, "period": "month"}]},
        currency={"expires": {"after": "P60D"}, "available": {"after": "P3D"}, "overdraft": "debt"},
        activities={
            "offer.assigned": {**NAMED, "role": "assigns", "offer": "activity.offer_id"},
            "offer.viewed": {**NAMED, "role": "views", "offer": "activity.offer_id"},
        },
        tiers={"measure": "points_earned:points", "levels": [{"id": "silver", "at": 300}, {"id": "gold", "at": 900}]},
        offers={
            "above": challenge({"one_above": mark}, "PT168H"),
            "least": challenge({"one_at_least": 2 * mark}, "P5D", requires_view=True),
            "sum": challenge({"sum": 5 * mark}, "P1M"),
            "count": {"goal": {"count": 3}, "of": "purchase", "window": "P10D", "reward": reward},
            "week": challenge({"distinct": ["week", 2]}, "P21D"),
            "days": challenge({"periods": ["day", 3]}, "P14D"),
            "news": {"window": "PT96H"},
            "spring": {
                "reward": {"currency": "points", "points": 5},
                "coupon": {"campaign": "spring", "codes": ["A", "B"], "from": "2026-04-10", "to": "2026-05-20"},
            },
            "few": {
                "window": "P40D",
                "coupon": {"campaign": "few", "codes": ["A", "F"], "uses": 30, "per_assignment": 2},
            },
        },
    )  # fmt: skip


def entries() -> list[Entry]:
    """The whole log in order of position."""
    chance = random.Random(20_260_401)
    world = World(market(mark=1_000), zone="Europe/Lisbon", program="offers")
    world.publish(market(mark=1_500), BEGIN + timedelta(days=45))
    made = program_entries(world)
    streams = [Stream(world, number=number) for number in range(1, 13)]
    now = BEGIN
    for number, stream in enumerate(streams):
        stream.do(enrol(now, f"m{number}"), now, claims=(Claim("member", f"m{number}", "h"),))
        now += timedelta(minutes=chance.randrange(600))
    done = len(made) + len(streams)
    while done < ENTRIES:
        now += timedelta(seconds=chance.randrange(1, 16_000))
        try:
            _deed(chance.choice(streams), chance, done, now)
        except Refused:
            continue
        done += 1
    made += [entry for stream in streams for entry in stream.entries]
    made.sort(key=lambda entry: (entry.recorded_at, entry.stream, entry.version))
    return made


def _deed(stream: Stream, chance: random.Random, number: int, now: datetime) -> None:
    recorded = (entry.input for entry in stream.entries if isinstance(entry.input, RecordActivity))
    past = [one.id for one in recorded if one.type == "purchase"]
    late = now - timedelta(seconds=chance.choice([0, 0, 0, chance.randrange(40 * 86_400)]))
    name = chance.choice(["above", "least", "sum", "count", "week", "days", "news", "spring", "few"])
    match chance.randrange(12):
        case 0 if past:
            stream.do(refund(stream, chance.choice(past), chance.choice([None, None, 700]), now, f"r{number}"), now)
        case 1:
            stream.do(AssignOffer(offer=name, at=late), now)
        case 2 | 3:
            kind = chance.choice(["offer.assigned", "offer.viewed"])
            claims = (Claim("activity", f"mail\x1fo{number}", "h"),)
            told = RecordActivity(source="mail", id=f"o{number}", type=kind, occurred_at=late, data={"offer_id": name})
            stream.do(told, now, claims=claims)
        case 4 | 5:
            campaign = chance.choice([None, "spring", "few"])
            stream.do(RedeemCode(code=chance.choice("ABF"), campaign=campaign, at=chance.choice([None, late])), now)
        case 6:
            stream.do(redeem(chance.randrange(1, 40), f"s{number}"), now)
        case 7:
            stream.settle(now)
        case _:
            bought = purchase(chance.choice([0, 400, 999, 1_000, 1_001, 2_500, 7_000]), f"p{number}", late)
            stream.do(bought, now, claims=(Claim("activity", f"shop\x1fp{number}", "h"),))


def main() -> None:
    lines = b"".join(encode(entry) + b"\n" for entry in entries())
    # Without a time stamp, so that the same log is the same file.
    OFFERS.write_bytes(gzip.compress(lines, mtime=0))


if __name__ == "__main__":
    main()
