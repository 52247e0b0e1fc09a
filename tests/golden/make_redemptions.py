"""Write the golden log of redemptions again: `python -m tests.golden.make_redemptions`.

Points are set aside, confirmed whole and in part, cancelled, forgotten until time lets them go, returned in parts, to
their lots or in new ones; lots end meanwhile, by date and by inactivity, and members owe. Like the others it is kept
for ever.
"""

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path

from domain.errors import Refused
from domain.log import Claim, Entry, encode
from domain.member.commands import (
    CancelRedemption,
    ConfirmRedemption,
    RecordActivity,
    RedeemPoints,
    ReturnRedemption,
)
from domain.member.events import PointsHeld, PointsRedeemed
from tests.build import (
    Json,
    Stream,
    World,
    adjust,
    enrol,
    instant,
    per,
    program_entries,
    purchase,
    refund,
    rulebook,
)

REDEMPTIONS = Path(__file__).with_name("redemptions.jsonl.gz")
ENTRIES = 800
BEGIN = instant("2026-03-02T07:00")

MILES: Json = {"expires": {"inactive_for": "P20D"}, "spend_order": "proportional"}


def kiosk(share: str) -> Json:
    return rulebook(
        per(100, 1),
        per(300, 2, rule="miles", currency="miles"),
        currency={
            "expires": {"after": "P1M"},
            "value": {"per_point": "1.5", "round": "up", "max_share": share},
            "returns": {"recovery": "unlimited"},
        },
        currencies={"miles": MILES},
        tiers={
            "measure": "member.balances.points.available", "downgrade": "recompute", "demote": "at_once",
            "levels": [{"id": "silver", "at": 120}],
        },
    )  # fmt: skip


def entries() -> list[Entry]:
    """The whole log in order of position."""
    chance = random.Random(20_260_303)
    world = World(kiosk("0.5"), zone="Europe/Lisbon", program="kiosk")
    world.publish(kiosk("0.25"), BEGIN + timedelta(days=45))
    made = program_entries(world)
    streams = [Stream(world, number=number) for number in range(1, 9)]
    now = BEGIN
    for number, stream in enumerate(streams):
        stream.do(enrol(now, f"m{number}"), now, claims=(Claim("member", f"m{number}", "h"),))
        now += timedelta(minutes=chance.randrange(600))
    done = len(made) + len(streams)
    while done < ENTRIES:
        now += timedelta(seconds=chance.randrange(1, 18_000))
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
    spends = [
        (event.redemption, entry.version)
        for entry in stream.entries
        for event in entry.events
        if isinstance(event, PointsRedeemed | PointsHeld)
    ]
    match chance.randrange(14):
        case 0 if past:
            back = refund(stream, chance.choice(past).id, chance.choice([None, 900]), now, f"r{number}")
            stream.do(back, now)
        case 1 if not chance.randrange(3):
            stream.do(adjust(-chance.randrange(1, 60), f"a{number}", allow_negative=True), now)
        case 2:
            stream.settle(now)
        case 3 | 4 | 5:
            _spend(stream, chance, number, now, chance.choice([600, 7_200, 86_400 * 5, 86_400 * 25]))
        case 6:
            _spend(stream, chance, number, now, None)
        case 7 | 8 if spends:
            name, version = chance.choice(spends[-3:])
            some = chance.choice([None, None, chance.randrange(1, 40)])
            stream.do(ConfirmRedemption(redemption=name, original=version, points=some), now)
        case 9 if spends:
            name, version = chance.choice(spends[-3:])
            stream.do(CancelRedemption(redemption=name, original=version), now)
        case 10 | 11 if spends:
            name, version = chance.choice(spends)
            some, mode = chance.choice([None, chance.randrange(1, 40)]), chance.choice([None, None, "reissue"])
            stream.do(ReturnRedemption(redemption=name, original=version, points=some, mode=mode), now)
        case _:
            amount = chance.choice([333, 4_200, 2_999, 7_000])
            claims = (Claim("activity", f"shop\x1fp{number}", "h"),)
            stream.do(purchase(amount, f"p{number}", now), now, claims=claims)


def _spend(stream: Stream, chance: random.Random, number: int, now: datetime, hold: int | None) -> None:
    currency = chance.choice(["points", "points", "miles"])
    asked = RedeemPoints(
        id=f"s{number}",
        currency=currency,
        points=chance.randrange(1, 90),
        order_source="shop",
        order_id=f"o{chance.randrange(60)}",
        order_minor=400,
        hold_seconds=hold,
    )
    stream.do(asked, now, claims=(Claim("redemption", f"s{number}", "h"),))


def main() -> None:
    lines = b"".join(encode(entry) + b"\n" for entry in entries())
    # Without a time stamp, so that the same log is the same file.
    REDEMPTIONS.write_bytes(gzip.compress(lines, mtime=0))


if __name__ == "__main__":
    main()
