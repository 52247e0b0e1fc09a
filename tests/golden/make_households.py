"""Write the golden log of households again: `python -m tests.golden.make_households`.

Persons join and leave two households, give points, spend them under limits, at once or held, return what had earned
them; terms change, lots end in the pool, one household becomes part of the other. Like the others it is kept for ever.
"""

import gzip
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from application.merge_members import past_of
from domain.errors import Refused
from domain.log import Claim, Entry, encode
from domain.member.commands import (
    AbsorbMember,
    CancelRedemption,
    ChangeHousehold,
    ConfirmRedemption,
    DissolveHousehold,
    MergeMember,
    RecordActivity,
    RedeemPoints,
    ReturnRedemption,
)
from domain.member.pool import SpendingLimit
from domain.member.wallet import balance
from tests.build import Stream, World, adjust, enrol, instant, per, program_entries, purchase, rulebook
from tests.home import Home

HOUSEHOLDS = Path(__file__).with_name("households.jsonl.gz")
ENTRIES = 700
BEGIN = instant("2026-03-02T07:00")
MERGED = BEGIN + timedelta(days=70)


def entries() -> list[Entry]:
    """The whole log in order of position."""
    chance = random.Random(20_260_302)
    document = rulebook(per(100, 1), currency={"expires": {"after": "P1M"}, "spend_order": "expiry_first"})
    world = World(document, zone="Europe/Lisbon", program="street")
    made = program_entries(world)
    now = BEGIN
    persons = [Stream(world, number=number) for number in range(1, 7)]
    for number, stream in enumerate(persons):
        stream.do(enrol(now, f"m{number}"), now, claims=(Claim("member", f"m{number}", "h"),))
    limit = SpendingLimit(120, "week")
    homes = [
        Home(world, now, number=20, name="smiths", limit=limit),
        Home(world, now, number=21, name="joneses", spenders="owner", leaving="stay"),
    ]
    streams = [*persons, *(home.stream for home in homes)]
    merged = False
    while sum(len(stream.entries) for stream in streams) < ENTRIES:
        now += timedelta(seconds=chance.randrange(1, 30_000))
        if not merged and now > MERGED and not homes[1].stream.member.holds:
            merged = True
            _merge(homes[0].stream, homes[1].stream, now)
        deed = _deed(chance, persons, homes[:1] if merged else homes, now)
        try:
            deed()
        except Refused:
            continue
    _dissolve(homes[0], persons, now + timedelta(days=40))
    made += [entry for stream in streams for entry in stream.entries]
    made.sort(key=lambda entry: (entry.recorded_at, entry.stream, entry.version))
    return made


def _deed(chance: random.Random, persons: list[Stream], homes: list[Home], now: datetime) -> Callable[[], object]:
    person, home, number = chance.choice(persons), chance.choice(homes), chance.randrange(10**9)
    at_home = {homes[0].stream.id.hex, *homes[0].stream.member.absorbed}
    mine = [one for one in homes if one.stream.id.hex == person.member.household]
    if not mine and person.member.household in at_home:
        mine = homes[:1]
    pool = home.stream
    match chance.randrange(13):
        case 0 if not mine:
            role = chance.choice(["owner", "member"])
            return lambda: _both(person, pool, lambda: home.join(person, now, role))
        case 1 if mine and chance.random() < 0.3:
            return lambda: mine[0].leave(person, now)
        case 2 | 3 | 4 if mine:
            amount = max(1, balance(person.member, "points", now).available - chance.choice([0, 0, 5]))
            return lambda: _both(person, mine[0].stream, lambda: mine[0].give(person, amount, now, f"g{number}"))
        case 5 | 6:
            hold = chance.choice([None, None, 200_000])
            return lambda: home.spend(chance.randrange(1, 80), person, now, f"s{number}", hold)
        case 7 if pool.member.holds:
            held = next(iter(pool.member.holds.values()))
            done = (
                ConfirmRedemption(redemption=held.id, original=held.entry, points=chance.randrange(1, held.points + 1))
                if number % 2
                else CancelRedemption(redemption=held.id, original=held.entry)
            )
            return lambda: pool.do(done, now)
        case 11:
            spent = [one.input for one in pool.entries if isinstance(one.input, RedeemPoints)]
            if not spent:
                return lambda: pool.settle(now)
            made = next(one for one in pool.entries if one.input is spent[-1])
            back = ReturnRedemption(redemption=spent[-1].id, original=made.version)
            return lambda: pool.do(back, now)
        case 8:
            orders = [one.input.id for one in person.entries if isinstance(one.input, RecordActivity)]
            if mine and orders:
                return lambda: mine[0].take_back(person, chance.choice(orders[-3:]), None, now, f"r{number}")
            return lambda: pool.settle(now)
        case 9 if chance.random() < 0.2:
            limit = SpendingLimit(chance.randrange(50, 200), chance.choice(["day", "week", "month", "ever"]))
            return lambda: pool.do(ChangeHousehold(leaving=pool.member.pool.leaving, limit=limit), now)  # type: ignore[union-attr]
        case 10:
            return lambda: pool.do(adjust(chance.choice([5, -5, 20])), now)
        case _:
            amount = chance.choice([3_000, 4_200, 9_900])
            claims = (Claim("activity", f"shop\x1fp{number}", "h"),)
            return lambda: person.do(purchase(amount, f"p{number}", now), now, claims=claims)


def _both(one: Stream, other: Stream, act: Callable[[], object]) -> None:
    """Two entries or none: what the second refuses, the first has not done."""
    before = len(one.entries), one.member.copy()
    try:
        act()
    except Refused:
        del one.entries[before[0] :]
        one.member = before[1]
        raise


def _merge(survivor: Stream, loser: Stream, now: datetime) -> None:
    command = MergeMember(id="m1", into=survivor.id.hex, entry=len(survivor.entries) + 1)
    decision, _ = loser.decided(command, now)
    past = past_of(loser.entries, decision)
    loser.do(command, now)
    absorb = AbsorbMember(
        id="m1", member=loser.id.hex, entry=decision.member.version, past=past, survivor=survivor.id.hex
    )
    survivor.do(absorb, now)


def _dissolve(home: Home, persons: list[Stream], now: datetime) -> None:
    home.stream.settle(now)
    for person in persons:
        if home.stream.member.pool is not None and person.id.hex in home.stream.member.pool.seats:
            home.leave(person, now)
    home.stream.do(DissolveHousehold(reason="moved away"), now)


def main() -> None:
    lines = b"".join(encode(entry) + b"\n" for entry in entries())
    # Without a time stamp, so that the same log is the same file.
    HOUSEHOLDS.write_bytes(gzip.compress(lines, mtime=0))


if __name__ == "__main__":
    main()
