"""Write the second golden log again: `python -m tests.golden.make_market`.

What the first one is too old for: order lines, groups of every kind, a rule that stops, multipliers of lines, budgets,
points for a share of an order, expiry by inactivity, edits of levels and of existing lots, leaderboards with count-back
and prizes, returns by line. Like the first it is kept for ever.
"""

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from domain.errors import Refused
from domain.log import Claim, Entry, encode
from domain.member.commands import PayPrize, RecordActivity
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

MARKET = Path(__file__).with_name("market.jsonl.gz")
ENTRIES = 1_000
BEGIN = instant("2026-02-02T07:00")
PAYLOAD: Json = {"type": "object", "properties": {"amount_minor": {"type": "integer"}, "place": {"type": "integer"}}}
GOODS = [
    ("TEA", "drinks", 450),
    ("BEANS", "coffee", 1199),
    ("MUG", "kitchen", 2050),
    ("GIFT", "cards", 5000),
    ("CAKE", "food", 333),
]


def market(*, silver: int, idle: Json, now: bool) -> Json:
    coffee = {"where": "line.labels.category == 'coffee'"}
    return rulebook(
        points(1, rule="card", priority=1, stop=True, lines={"where": "line.sku == 'GIFT'"}, when="size('x') == 1"),
        per(100, 1),
        points("line.amount_minor / 300", rule="tea", lines={"where": "line.sku == 'TEA'", "paid_with_points": True}),
        multiply("2", rule="coffee", lines=coffee, budget="coffee"),
        multiply("1.25", rule="all", group="boosts"),
        multiply("1.5", rule="evening", group="boosts", when="local.hour >= 17"),
        points(9, rule="early", phase="add", group="extras", when="local.hour < 9"),
        points(12, rule="big", phase="add", group="extras", when="activity.amount_minor >= 4000"),
        points(3, rule="first", phase="add", group="one", priority=5, budget="uses"),
        points(4, rule="second", phase="add", group="one", priority=6),
        points(40, rule="jackpot", phase="add", group="alone", when="activity.amount_minor == 333"),
        currency={
            "expires": {"inactive_for": "P40D", "round_up": "day"} | idle,
            "expires_applies_to": "existing" if now else "new",
            "overdraft": "debt",
            "value": {"per_point": "1", "max_share": "0.5"},
        },
        activities={"purchase": {"data": PAYLOAD, "measures": {"spend": "activity.amount_minor"}}},
        groups={"boosts": "best", "extras": "newest", "one": "first", "alone": "exclusive"},
        budgets={"coffee": {"currency": "points", "points": 400, "partial": True}, "uses": {"uses": 150}},
        tiers={
            "measure": "spend", "window": "lifetime", "on_edit": "now" if now else "next_review",
            "levels": [{"id": "silver", "at": silver}, {"id": "gold", "at": 3 * silver}],
        },
        leaderboards={
            "spenders": {"score": "points_earned:points", "period": "month"},
            "races": {
                "score": "activity.amount_minor / 100", "by": "activity.place <= 2 ? 'front' : 'back'",
                "ties": "count_back", "count_back": ["activity.place"],
                "prizes": [{"rank": 1, "currency": "points", "points": 100}],
            },
        },
    )  # fmt: skip


def entries() -> list[Entry]:
    """The whole log in order of position."""
    chance = random.Random(20_260_202)
    world = World(market(silver=20_000, idle={}, now=False), zone="Europe/Lisbon", program="market")
    world.publish(market(silver=12_000, idle={"inactive_for": "P25D"}, now=True), BEGIN + timedelta(days=80))
    made = program_entries(world)
    streams = [Stream(world, number=number) for number in range(1, 13)]
    now = BEGIN
    for number, stream in enumerate(streams):
        stream.do(enrol(now, f"m{number}"), now, claims=(Claim("member", f"m{number}", "h"),))
        now += timedelta(minutes=chance.randrange(600))
    done = len(made) + len(streams)
    while done < ENTRIES:
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
    recorded = (entry.input for entry in stream.entries if isinstance(entry.input, RecordActivity))
    past = [one for one in recorded if one.data.get("lines")]
    claims = (Claim("activity", f"shop\x1fp{number}", "h"),)
    match chance.randrange(12):
        case 0 | 1 if past:
            order = chance.choice(past)
            line = chance.choice(order.data["lines"])
            back = msgspec.structs.replace(
                refund(stream, order.id, line["amount_minor"], now, f"r{number}"),
                lines=[{"line": line["id"], "amount_minor": line["amount_minor"]}],
            )
            stream.do(back, now)
        case 2 if past:
            stream.do(refund(stream, chance.choice(past).id, chance.choice([None, 100]), now, f"r{number}"), now)
        case 3:
            spend = redeem(chance.randrange(1, 60), f"s{number}")
            spend = msgspec.structs.replace(
                spend, order_source="till", order_id=f"o{number}", order_minor=chance.choice([500, 10_000])
            )
            stream.do(spend, now)
        case 4 if chance.random() < 0.3:
            prize = PayPrize(
                leaderboard="races", board="front", period="ever", closed_at=now, rulebook=1, rank=1, currency="points",
                points=100,
            )  # fmt: skip
            stream.do(prize, now, claims=(Claim("prize", f"races\x1ffront\x1f{number}", "h"),))
        case 5:
            stream.settle(now)
        case _:
            late = now - timedelta(seconds=chance.choice([0, 0, 0, chance.randrange(45 * 86_400)]))
            chosen = chance.sample(GOODS, chance.randrange(0, 4))
            lines: list[Json] = [
                {"id": str(at), "sku": sku, "amount_minor": price, "labels": {"category": kind}}
                | ({"flags": ["paid_with_points"]} if chance.random() < 0.1 else {})
                for at, (sku, kind, price) in enumerate(chosen, 1)
            ]
            amount = sum(line["amount_minor"] for line in lines) or chance.choice([333, 4200])
            data = ({"lines": lines} if lines else {}) | {"place": chance.randrange(1, 6)}
            stream.do(purchase(amount, f"p{number}", late, **data), now, claims=claims)


def main() -> None:
    lines = b"".join(encode(entry) + b"\n" for entry in entries())
    # Without a time stamp, so that the same log is the same file.
    MARKET.write_bytes(gzip.compress(lines, mtime=0))


if __name__ == "__main__":
    main()
