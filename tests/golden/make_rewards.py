"""Write the golden log of rewards again: `python -m tests.golden.make_rewards`.

A catalogue that changes while members redeem from it: units at once and held, with codes of their own, of lists and
without, for some members only; confirmed, cancelled, forgotten, returned; codes used by their owners and, of gifts, by
others, in time and too late. Like the others it is kept for ever.
"""

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from application.rewards import reward_stream
from domain.errors import Refused
from domain.log import ENGINE, Claim, Entry, Pins, encode, stream_name
from domain.member.commands import (
    CancelRedemption,
    ConfirmRedemption,
    RedeemReward,
    ReturnRedemption,
    UseIssuedCode,
)
from domain.member.events import RewardIssued
from domain.reward.commands import ChangeReward, CreateReward
from domain.reward.decide import decide
from domain.rules.check_rewards import check_condition
from domain.rules.rewards import Gives, RewardTerms, Validity
from domain.rules.rulebook import read
from tests.build import Json, Stream, World, adjust, enrol, instant, per, program_entries, purchase, rulebook

REWARDS = Path(__file__).with_name("rewards.jsonl.gz")
ENTRIES = 800
BEGIN = instant("2026-03-02T07:00")

BOOK: Json = rulebook(
    per(100, 1),
    currency={"expires": {"after": "P2M"}},
    currencies={"credit": {"scale": 2, "expires": {"after": "P1Y"}}},
    segments={"regulars": "history.count('purchase', 'ever') >= 3"},
    tiers={"measure": "points_earned:points", "window": "lifetime", "levels": [{"id": "silver", "at": 150}]},
)


def terms(name: str, **more: Any) -> RewardTerms:
    found = RewardTerms(**{"id": name, "kind": "product", "currency": "points", "points": 20, **more})
    return msgspec.structs.replace(found, tree=check_condition(read(BOOK), found.when)) if found.when else found


CATALOGUE = (
    terms("mug", stock=60, per_member=12),
    terms("tasting", when="member.segments.regulars || member.tiers.status.level == 'silver'", points=12),
    terms("cinema", kind="discount", generates_codes=True, valid=Validity("P1D", "P10D"), points=9),
    terms("card", kind="gift", listed_codes=True, gives=Gives("credit", 15_00), stock=80),
    terms(
        "back", kind="credit", generates_codes=True, gives=Gives("points", 10), points=11, valid=Validity(for_="P3D")
    ),
)


class _Catalogue:
    """The rewards' own streams."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now: dict[str, tuple[RewardTerms, int]] = {}
        self.entries: list[Entry] = []

    def offer(self, offered: RewardTerms, at: datetime) -> None:
        before, version = self.now.get(offered.id, (None, 0))
        command = CreateReward(terms=offered) if before is None else ChangeReward(terms=offered)
        self.entries.append(
            Entry(
                stream=stream_name(self.world.program, "reward", reward_stream(self.world.program, offered.id)),
                version=version + 1, save=f"{version + 1:032x}", recorded_at=at, at=at, actor="key:test",
                input=command, pins=Pins(engine=ENGINE, timeline=1), events=(decide(command, before),),
            )
        )  # fmt: skip
        self.now[offered.id] = offered, version + 1


def entries() -> list[Entry]:
    """The whole log in order of position."""
    chance = random.Random(20_260_304)
    world = World(BOOK, zone="Europe/Lisbon", program="shop")
    made = program_entries(world)
    catalogue = _Catalogue(world)
    now = BEGIN
    for offered in CATALOGUE:
        now += timedelta(minutes=1)
        catalogue.offer(offered, now)
    streams = [Stream(world, number=number) for number in range(1, 9)]
    for number, stream in enumerate(streams):
        now += timedelta(minutes=chance.randrange(1, 600))
        stream.do(enrol(now, f"m{number}"), now, claims=(Claim("member", f"m{number}", "h"),))
    spent: set[str] = set()
    while len(made) + len(catalogue.entries) + sum(len(stream.entries) for stream in streams) < ENTRIES:
        now += timedelta(seconds=chance.randrange(1, 18_000))
        number = len(catalogue.entries) + sum(len(stream.entries) for stream in streams)
        try:
            _deed(catalogue, streams, chance, number, now, spent)
        except Refused:
            continue
    made += catalogue.entries + [entry for stream in streams for entry in stream.entries]
    made.sort(key=lambda entry: (entry.recorded_at, entry.stream, entry.version))
    return made


def _deed(
    catalogue: _Catalogue, streams: list[Stream], chance: random.Random, number: int, now: datetime, spent: set[str]
) -> None:
    stream = chance.choice(streams)
    redeemed = [(entry.input.id, entry.version) for entry in stream.entries if isinstance(entry.input, RedeemReward)]
    held = [(hold.id, hold.entry) for hold in stream.member.holds.values()]
    match chance.randrange(16):
        case 0:
            old, _ = chance.choice(list(catalogue.now.values()))
            cheaper = {"points": chance.randrange(5, 25), "withdrawn": not chance.randrange(5)}
            catalogue.offer(msgspec.structs.replace(old, **cheaper), now)
        case 1:
            stream.settle(now)
        case 2:
            stream.do(adjust(chance.choice([40, -15]), f"a{number}", allow_negative=True), now)
        case 3 | 4 | 5 | 6:
            _claim(catalogue, stream, chance, number, now, None)
        case 7 | 8:
            _claim(catalogue, stream, chance, number, now, chance.choice([600, 86_400 * 4]))
        case 9 if redeemed:
            name, version = chance.choice(held or redeemed[-3:])
            codes = (f"C{number}",)
            stream.do(ConfirmRedemption(redemption=name, original=version, codes=codes), now)
        case 10 if redeemed:
            name, version = chance.choice(held or redeemed[-3:])
            stream.do(CancelRedemption(redemption=name, original=version), now)
        case 11 if redeemed:
            name, version = chance.choice(redeemed)
            stream.do(ReturnRedemption(redemption=name, original=version), now)
        case 12 | 13:
            _use(streams, stream, chance, now, spent)
        case _:
            claims = (Claim("activity", f"shop\x1fp{number}", "h"),)
            stream.do(purchase(chance.choice([1_333, 4_200, 2_999]), f"p{number}", now), now, claims=claims)


def _claim(
    catalogue: _Catalogue, stream: Stream, chance: random.Random, number: int, now: datetime, hold: int | None
) -> None:
    offered, version = chance.choice(list(catalogue.now.values()))
    quantity = chance.choice([1, 1, 2])
    coded = offered.listed_codes or (offered.generates_codes and hold is None)
    codes = tuple(f"{offered.id}-{number}-{unit}" for unit in range(quantity)) if coded else ()
    asked = RedeemReward(
        id=f"r{number}", terms=offered, version=version, quantity=quantity, codes=codes, hold_seconds=hold
    )
    claims = (Claim("redemption", f"r{number}", "h"), *(Claim("issued-code", code) for code in codes))
    stream.do(asked, now, claims=claims)


def _use(streams: list[Stream], by: Stream, chance: random.Random, now: datetime, spent: set[str]) -> None:
    """A code that somebody has been given, by its owner; or of a gift by anybody."""
    issued = [
        (owner, entry, event, code)
        for owner in streams
        for entry in owner.entries
        for event in entry.events
        if isinstance(event, RewardIssued)
        for code in event.codes
        if code not in spent
    ]
    owner, entry, event, code = chance.choice(issued or [(by, None, None, "")])
    if entry is None or event is None:
        return
    asked = next(
        one for one in owner.entries if isinstance(one.input, RedeemReward) and one.input.id == event.redemption
    )
    assert isinstance(asked.input, RedeemReward)
    used = UseIssuedCode(
        code=code, redemption=event.redemption, owner=owner.id.hex, entry=asked.version,
        issued_at=entry.recorded_at, terms=asked.input.terms,
        at=chance.choice([None, now - timedelta(hours=20)]),
    )  # fmt: skip
    whoever = by if asked.input.terms.for_anybody else owner
    whoever.do(used, now, claims=(Claim("spent-code", code, "h"),))
    spent.add(code)


def main() -> None:
    lines = b"".join(encode(entry) + b"\n" for entry in entries())
    # Without a time stamp, so that the same log is the same file.
    REWARDS.write_bytes(gzip.compress(lines, mtime=0))


if __name__ == "__main__":
    main()
