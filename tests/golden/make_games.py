"""Write the third golden log again: `python -m tests.golden.make_games`.

Streaks by day and by week, ticked in order, late, across zones and taken back; badges for conditions and for marks, by
period, kept and revoked; referrals of both sides, held and taken back. Like the others it is kept for ever.
"""

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path

from domain.errors import Refused
from domain.log import Claim, Entry, encode
from domain.member.commands import (
    ChangeMember,
    Introduction,
    IssueReferralCode,
    PayReferral,
    RecordActivity,
    ReferMember,
    ReverseReferral,
)
from domain.member.events import ReferralConverted, ReferralReversed
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
        referrals={
            "friends": {
                "trigger": "every:purchase", "owner": {"points": 20}, "friend": {"points": 10}, "hold": "P5D",
                "limit": 3,
            },
            "first": {"trigger": "first:purchase", "owner": {"points": 90}, "valid": "P60D"},
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
    owner = streams[0]
    owner.do(IssueReferralCode(code="0LG4"), now, claims=(Claim("referral-code", "0LG4"),))
    introduction = Introduction(owner=owner.id.hex, code="0LG4", issued_at=now)
    done = len(made) + sum(len(stream.entries) for stream in streams)
    while done < ENTRIES:
        now += timedelta(seconds=chance.randrange(1, 20_000))
        stream = chance.choice(streams)
        try:
            if stream.member.referred is None and chance.random() < 0.05:
                stream.do(ReferMember(introduction=introduction), now)
            else:
                _deed(stream, chance, done, now)
        except Refused:
            continue
        done += 1
        if done < ENTRIES and _promise(owner, stream.entries[-1], now):
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


def _promise(owner: Stream, entry: Entry, at: datetime) -> bool:
    """Keep what an entry promises the owner of the code; whether it did."""
    friend = entry.stream_id.hex
    for event in entry.events:
        if isinstance(event, ReferralConverted):
            pay = PayReferral(
                friend=friend, conversion=entry.version, referrals=event.referrals, rulebook=event.rulebook,
                occurred_at=event.at, rewards=event.rewards,
            )  # fmt: skip
            owner.do(pay, at, claims=(Claim("referral", f"{friend}/{entry.version}"),))
            return True
        if isinstance(event, ReferralReversed):
            for paid in owner.entries:
                done = paid.input
                if isinstance(done, PayReferral) and (done.friend, done.conversion) == (friend, event.conversion):
                    back = ReverseReferral(
                        friend=friend, conversion=event.conversion, referrals=event.referrals,
                        rulebook=done.rulebook, occurred_at=entry.at, paid=paid.version,
                    )  # fmt: skip
                    owner.do(back, at, claims=(Claim("referral-back", f"{friend}/{entry.version}"),))
                    return True
    return False


def main() -> None:
    lines = b"".join(encode(entry) + b"\n" for entry in entries())
    GAMES.write_bytes(gzip.compress(lines, mtime=0))


if __name__ == "__main__":
    main()
