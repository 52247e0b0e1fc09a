"""Claims of one reward that everybody wants, and returns of purchases; in process, 256 in flight."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from time import perf_counter

from api.wiring import Wired, wired
from application import collector, points, rewards
from application.points import ActivityName, RedeemBody, ReturnBody
from application.reward_terms import Price, RewardBody
from benchmarks import workload
from benchmarks.bench import Bench, say
from benchmarks.figures import Measured
from domain.errors import RewardExists

CLAIMS, RETURNS = 3_000, 2_000
STOCK = 10_000_000


def claims(bench: Bench) -> Measured:
    """Claims a second of one reward with stock, limit and a code for each unit, by members one after the other."""
    return _rounds(bench, _claims)


def returns(bench: Bench) -> Measured:
    """Whole returns a second, of purchases of as many members."""
    return _rounds(bench, _returns)


def _rounds(bench: Bench, one: Callable[[str, int, Bench], Coroutine[None, None, float]]) -> Measured:
    values = []
    with bench.database() as dsn:
        for number in range(bench.rounds):
            values.append(workload.run(one(dsn, number, bench)))
            say(f"{values[-1]:,.0f} a second")
    return Measured(values=values)


async def _claims(dsn: str, number: int, bench: Bench) -> float:
    count = CLAIMS // bench.scale
    async with wired(workload.settings_of(dsn)) as parts:
        body = RewardBody(
            id="mug", kind="product", price=Price(currency="points", points=1), stock=STOCK, per_member=1_000,
            codes="generate",
        )  # fmt: skip
        with suppress(RewardExists):
            await rewards.create(parts.handler, workload.PROGRAM, body, actor="bench")
        await _claimed(parts, f"warm{number}", 300, bench.members)
        collector.rest()
        started = perf_counter()
        await _claimed(parts, f"r{number}", count, bench.members)
        return count / (perf_counter() - started)


async def _claimed(parts: Wired, run: str, count: int, members: int) -> None:
    async def claim(number: int) -> None:
        body = RedeemBody(id=f"{run}-{number}", member=workload.member_of(number * 7_919 % members), reward="mug")
        await rewards.redeem(parts.handler, workload.PROGRAM, body, actor="bench")

    await workload.side_by_side(count, claim)


async def _returns(dsn: str, number: int, bench: Bench) -> float:
    count = RETURNS // bench.scale
    run = f"r{number}"
    async with wired(workload.settings_of(dsn)) as parts:
        raw = [workload.purchase(run, one, bench.members) for one in range(count)]
        await workload.side_by_side(count, lambda one: workload.record(parts, raw[one]))
        collector.rest()
        started = perf_counter()

        async def give_back(one: int) -> None:
            name = f"order-{run}-{one}"
            body = ReturnBody(
                id=f"back-{name}", source="bench", activity=ActivityName(source="bench", id=name),
                occurred_at=datetime.now(UTC),
            )  # fmt: skip
            await points.return_activity(parts.handler, workload.PROGRAM, body, actor="bench")

        await workload.side_by_side(count, give_back)
        return count / (perf_counter() - started)
