"""Two processes' worth of everything at once on few members and one reward: `python -m tests.torture.stress 300 7`.

Whatever locks what, somebody else wants it too. PostgreSQL counts deadlocks; there must be none.
"""

import asyncio
import os
import random
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from application import codes, move_points, redemptions, rewards
from application.audit import verify
from application.offers import RedeemCodeBody
from application.points import Hold, RedeemBody
from application.redemptions import ConfirmBody, ReturnRedemptionBody
from application.reward_terms import Price, RewardBody, RewardChange
from domain.errors import Refused
from infrastructure.database import connect, embedded
from infrastructure.migrate import migrate
from infrastructure.row_reader import readers
from tests.application.engine import PROGRAM, Engine, opened, process

MEMBERS, TASKS = 12, 24
DEEDS = (
    "claim", "hold", "confirm", "cancel", "return", "use", "guess", "buy", "bring back", "transfer", "change", "sweep",
)  # fmt: skip


def deadlocks(dsn: str) -> int:
    with connect(dsn) as connection:
        found = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert found is not None
    return int(found[0])


async def stressed(dsn: str, seconds: float, seed: int) -> Counter[str]:
    """How often each deed was done, and not refused."""
    done: Counter[str] = Counter(dict.fromkeys(DEEDS, 0))
    async with opened(dsn, start=None, sandbox=False) as one, process(dsn) as other:
        for name, more in (("mug", {"codes": "list", "stock": 200}), ("card", {"codes": "generate"})):
            terms: Any = {
                "id": name, "kind": "gift", "price": Price(currency="points", points=1),
                "gives": Price(currency="points", points=2), **more,
            }  # fmt: skip
            await rewards.create(one.handler, PROGRAM, RewardBody(**terms), actor="test")
        await one.codes.add(PROGRAM, "mug", (f"L{number}" for number in range(20_000)))
        await asyncio.gather(*(one.enrol(f"m{number}") for number in range(MEMBERS)))
        await asyncio.gather(*(one.adjust(1_000, member=f"m{number}") for number in range(MEMBERS)))
        over = asyncio.get_running_loop().time() + seconds
        begun = _Begun()
        crowd = [
            _Somebody((one, other)[number % 2], random.Random(seed * 1_000 + number), begun) for number in range(TASKS)
        ]

        async def works(somebody: _Somebody) -> None:
            while asyncio.get_running_loop().time() < over:
                deed = somebody.chance.choice(DEEDS)
                with suppress(Refused):
                    await somebody.does(deed)
                    done[deed] += 1

        await asyncio.gather(*(works(somebody) for somebody in crowd))
    return done


class _Begun(msgspec.Struct):
    """What somebody has begun, and anybody may go on with."""

    held: list[str] = []
    confirmed: list[str] = []
    codes: list[str] = []
    orders: list[str] = []


class _Somebody:
    """Who does this and that with what others have begun."""

    def __init__(self, engine: Engine, chance: random.Random, begun: _Begun) -> None:
        self.engine = engine
        self.chance = chance
        self.begun = begun

    async def does(self, deed: str) -> None:
        handler, pool, name = self.engine.handler, self.engine.codes, uuid4().hex
        member, other = (f"m{number}" for number in self.chance.sample(range(1, MEMBERS), 2))
        match deed:
            case "claim" | "hold":
                body = RedeemBody(
                    id=name, member=member, reward=self.chance.choice(("mug", "card")),
                    hold=Hold(ttl=self.chance.choice(("PT1S", "PT1H"))) if deed == "hold" else None,
                )  # fmt: skip
                done = await rewards.redeem(handler, PROGRAM, body, actor="test", pool=pool)
                (self.begun.held if deed == "hold" else self.begun.confirmed).append(name)
                self.begun.codes += done.body["redemption"]["codes"]
            case "confirm" | "cancel":
                held = _one_of(self.chance, self.begun.held)
                if deed == "confirm":
                    done = await redemptions.confirm(handler, PROGRAM, held, ConfirmBody(), actor="test", pool=pool)
                    self.begun.codes += done.body["redemption"]["codes"]
                    self.begun.confirmed.append(held)
                else:
                    await redemptions.cancel(handler, PROGRAM, held, actor="test")
            case "return":
                spent = _one_of(self.chance, self.begun.confirmed)
                await redemptions.give_back(handler, PROGRAM, spent, ReturnRedemptionBody(), actor="test")
            case "use" | "guess":
                code = _one_of(self.chance, self.begun.codes) if deed == "use" else name
                # Who guesses has to wait, and would keep the others from using theirs.
                used = RedeemCodeBody(code=code, member=member if deed == "use" else "m0")
                try:
                    await codes.redeem(handler, self.engine.misses, PROGRAM, used, actor=f"key:{name[:2]}")
                except Refused:
                    if deed == "use":
                        raise
            case "buy":
                await self.engine.buy(50_00, member=member, name=name)
                self.begun.orders.append(name)
            case "bring back":
                await self.engine.give_back(_one_of(self.chance, self.begun.orders))
            case "transfer":
                moved = move_points.TransferBody(id=name, from_=member, to=other, currency="points", points=1)
                await move_points.transfer(handler, PROGRAM, moved, actor="test")
            case "change":
                stock = RewardChange(stock=self.chance.randrange(100, 100_000))
                await rewards.change(handler, PROGRAM, "mug", stock, etag="*", actor="test")
            case _:
                await self.engine.sweep()


def _one_of(chance: random.Random, names: list[str]) -> str:
    if not names:
        raise Refused("nobody has begun one")
    return chance.choice(names[-200:])


def main(seconds: float, seed: int) -> int:
    with tempfile.TemporaryDirectory(prefix="guerdon-stress-") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101 - under root, PostgreSQL's own user has to get in
        with embedded(Path(directory)) as dsn:
            migrate(dsn)
            done = asyncio.run(stressed(dsn, seconds, seed))
            found, verdict = deadlocks(dsn), verify(readers(dsn))
    counts = ", ".join(f"{deed} {count}" for deed, count in done.items())
    sys.stdout.write(f"{counts}\n{found} deadlocks, {verdict['different']} findings in {seconds:.0f} s\n")
    return 1 if found or verdict["different"] else 0


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]), int(sys.argv[2])))
