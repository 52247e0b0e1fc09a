"""Write the golden log again: `python -m tests.golden.make_log`.

Everything is made up from one seed, with a clock of its own: 2,000 entries of two programs, with four versions of
rules, Berlin's clock changes, late activities, returns, debt, expiries, reviews, adjustments, redemptions and
spending reported by a feed. The file is kept for ever: as long as the engine's number stays, code that decides any
of its entries otherwise has changed an outcome.
"""

import gzip
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from domain.errors import Refused
from domain.log import Claim, Entry, encode
from domain.member.commands import ChangeMember, RecordActivity, SetMemberStatus
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
    rate,
    redeem,
    refund,
    rulebook,
)

HERE = Path(__file__).parent
LOG = HERE / "log.jsonl.gz"
ENTRIES = 2_000
BEGIN = instant("2026-01-05T07:00")

_SPENDING = {
    "points.redeemed": {
        "data": {"type": "object", "properties": {"points": {"type": "integer"}}},
        "role": "spends", "currency": "miles", "points": "activity.points",
    }
}  # fmt: skip
_LEVELS = [{"id": "silver", "at": 300}, {"id": "gold", "at": 900}]


def shop(generous: int, downgrade: str) -> Json:
    return rulebook(
        per(1000, generous),
        rate("0.031", rule="miles", currency="miles", round="half_even"),
        multiply("1.5", rule="silver", when="member.tiers.status.level == 'silver'"),
        multiply("2", rule="gold", when="member.tiers.status.level == 'gold'", award={"currency": "points"}),
        points(25, rule="welcome", on="member.enrolled"),
        points(
            "history.count('purchase', 'P90D') * 2", rule="loyal", phase="add", cap=[{"points": 30, "period": "month"}]
        ),
        points(
            15,
            rule="late-night",
            phase="add",
            when="local.hour >= 22 || local.hour < 5",
            cap=[{"times": 1, "period": "week"}],
        ),
        points("1000 / (activity.amount_minor - 1300)", rule="fragile", phase="add"),
        currency={"expires": {"after": "P6M", "round_up": "month"}, "available": {"after": "P2D"}},
        currencies={
            "miles": {
                "overdraft": "debt",
                "spend_order": "proportional",
                "expires": {"after": "P100D"},
                "returns": {"recovery": "within_balance"},
                "value": {"per_point": "0.5", "step": 5},
            }
        },
        activities=_SPENDING,
        tiers={"measure": "points_earned:points", "window": "quarter", "downgrade": downgrade, "levels": _LEVELS},
    )


def club() -> Json:
    return rulebook(
        points("activity.amount_minor / 500 + (member.counters.spend.last_30d > 20000 ? 3 : 0)"),
        zone_policy="member",
        day_starts="04:00",
        currency={"expires": {"after": "PT2000H"}, "returns": {"recompute": "proportional"}},
        tiers={
            "measure": "visits",
            "window": "rolling P2M",
            "downgrade": "one_step",
            "levels": [{"id": "regular", "at": 3}],
        },
    )


def entries() -> list[Entry]:
    """The whole log in order of position."""
    chance = random.Random(20_260_105)
    berlin = World(shop(10, "one_step"), zone="Europe/Berlin", program="shop")
    berlin.publish(shop(12, "recompute"), BEGIN + timedelta(days=60))
    berlin.publish(shop(8, "none"), BEGIN + timedelta(days=150), BEGIN + timedelta(days=180))
    york = World(club(), zone="America/New_York", program="club")
    made = [*program_entries(berlin), *program_entries(york)]
    made += _lives(berlin, chance, 24, (ENTRIES - len(made)) * 3 // 4)
    made += _lives(york, chance, 9, ENTRIES - len(made))
    made.sort(key=lambda entry: (entry.recorded_at, entry.stream, entry.version))
    return made


def _lives(world: World, chance: random.Random, members: int, count: int) -> list[Entry]:
    streams = [Stream(world, number=1000 * len(world.program) + number) for number in range(members)]
    now = BEGIN
    for number, stream in enumerate(streams):
        name = f"{world.program}-{number}"
        zone = chance.choice(["Asia/Tokyo", "America/New_York", None]) if world.program == "club" else None
        stream.do(enrol(now, name, time_zone=zone), now, claims=(Claim("member", name, "h"),))
        now += timedelta(minutes=chance.randrange(600))
    done = members
    while done < count:
        now += timedelta(seconds=chance.randrange(1, 25_000_000 // count * 2))
        stream = chance.choice(streams)
        try:
            _deed(stream, chance, done, now)
        except Refused:
            continue
        done += 1
    return [entry for stream in streams for entry in stream.entries]


def _deed(stream: Stream, chance: random.Random, number: int, now: datetime) -> None:
    def bought() -> Iterator[str]:
        for entry in stream.entries:
            if isinstance(entry.input, RecordActivity) and entry.input.type == "purchase":
                yield entry.input.id

    shopping = stream.world.program == "shop"
    amount = chance.choice([1299, 2500, 1300, 4999, 20_000, 8_765, 1])
    claims = (Claim("activity", f"shop\x1fp{number}", "h"),)
    match chance.randrange(20):
        case 0 | 1 | 2 | 3 | 4 | 5 | 6:
            stream.do(purchase(amount, f"p{number}", now), now, claims=claims)
        case 7 | 8:
            late = now - timedelta(seconds=chance.randrange(60 * 86_400))
            stream.do(purchase(amount, f"p{number}", late), now, claims=claims)
        case 9 | 10 | 11:
            past = list(bought())
            if not past:
                raise Refused("nothing to return")
            back = chance.choice([None, amount // 3 or None, 100])
            stream.do(refund(stream, chance.choice(past), back, now, f"r{number}"), now)
        case 12 | 13:
            stream.do(redeem(chance.randrange(1, 80), f"s{number}"), now)
        case 14 if shopping:
            spent = RecordActivity(
                source="feed", id=f"f{number}", type="points.redeemed", occurred_at=now,
                data={"points": chance.randrange(400)},
            )  # fmt: skip
            stream.do(spent, now)
        case 15:
            stream.do(adjust(chance.choice([50, -30, -200]), f"a{number}", allow_negative=chance.random() < 0.7), now)
        case 16:
            stream.settle(now)
        case 17:
            stream.do(ChangeMember(attributes={"mood": chance.choice(["good", "better"])}), now)
        case 18 if chance.random() < 0.2:
            status = "active" if stream.member.status == "suspended" else "suspended"
            stream.do(SetMemberStatus(status=status, reason="check"), now)
        case _:
            stream.do(purchase(amount + number, f"p{number}", now), now, claims=claims)


def main() -> None:
    lines = b"".join(encode(entry) + b"\n" for entry in entries())
    # Without a time stamp, so that the same log is the same file.
    LOG.write_bytes(gzip.compress(lines, mtime=0))


if __name__ == "__main__":
    main()
