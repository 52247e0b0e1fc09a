"""Each guard of the write path, on and off: off, the checks of this folder find what it was there for."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from application.answers import Answered
from application.follow import Overtaken, Runner
from domain.log import Row
from infrastructure.clock import utc_now
from infrastructure.database import connect
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import PostgresPositions
from tests.application.engine import SHOP, Engine, opened, process, run
from tests.projections.boards import House, house, interleaved, lives, write
from tests.torture.guards import Careless, without_check, without_constraint, without_lock
from tests.torture.steps import INSERTED, step_by_step
from tests.torture.tail import Tail
from tests.torture.verdict import Ledger, Verdict, judge, unfolded

GUARDED = pytest.mark.parametrize("guarded", [True, False], ids=["on", "off"])
BUDGET = {
    **SHOP,
    "budgets": {"spring": {"points": 500, "currency": "points"}},
    "rules": [
        {
            "id": "base",
            "on": "purchase",
            "award": {"currency": "points", "per": {"step": 100, "points": 1}},
            "budget": "spring",
        }
    ],
}


class Two:
    """Two processes of the engine on one database, and what their clients were told."""

    def __init__(self, one: Engine, other: Engine, dsn: str) -> None:
        self.one = one
        self.other = other
        self.dsn = dsn
        self.ledger = Ledger()
        self.bought = utc_now()
        """When all was bought: a request that is repeated is the same to the letter."""

    async def buy(self, engine: Engine, name: str, *, member: str = "ann", amount: int = 100) -> Answered:
        self.ledger.sent.add(name)
        answer = await engine.buy(amount, member=member, name=name, at=self.bought)
        await self.ledger.acknowledge(name, answer.position)
        return answer

    async def judged(self, *tails: Tail) -> Verdict:
        return await judge(self.dsn, self.ledger, tails, boards=False)


async def two(stack: AsyncExitStack, dsn: str, document: dict[str, object] | None = None) -> Two:
    """With the members ann and ben, whom both have seen, the first process last."""
    one = await stack.enter_async_context(opened(dsn, document, start=None, sandbox=False))
    other = await stack.enter_async_context(process(dsn))
    found = Two(one, other, dsn)
    for member in ("ann", "ben"):
        await one.enrol(member)
        for number, engine in enumerate((other, one)):
            await found.buy(engine, f"first-{member}-{number}", member=member, amount=0)
    return found


def store_of(engine: Engine) -> PostgresEventStore:
    assert isinstance(engine.handler.store, PostgresEventStore)
    return engine.handler.store


class Gate:
    """A place at which somebody waits until they may go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.may_go = asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self.may_go.wait()


@GUARDED
def test_without_the_lock_a_reader_skips(database_url: str, monkeypatch: pytest.MonkeyPatch, *, guarded: bool) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            found = await two(stack, database_url)
            if not guarded:
                without_lock(monkeypatch)
            gate = Gate()

            async def hold(step: str, _connection: object) -> None:
                if step == INSERTED:
                    await gate()

            tail = Tail(database_url)
            step_by_step(store_of(found.one), hold)
            slow = asyncio.create_task(found.buy(found.one, "slow", member="ann"))
            await gate.reached.wait()
            quick = asyncio.create_task(found.buy(found.other, "quick", member="ben"))
            while not quick.done() and not _somebody_waits_for_a_lock(database_url):  # noqa: ASYNC110
                await asyncio.sleep(0)
            assert quick.done() is not guarded
            await tail.to_the_end(2**62)
            gate.may_go.set()
            await asyncio.gather(slow, quick)
            verdict = await found.judged(tail)
            assert verdict.sound is guarded
            assert verdict.skipped == ([] if guarded else [found.ledger.acknowledged["slow"]])

    run(story)


def _somebody_waits_for_a_lock(dsn: str) -> bool:
    with connect(dsn) as connection:
        found = connection.execute(
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return found.fetchone() is not None


@GUARDED
def test_without_the_check_of_claims_a_request_counts_twice(
    database_url: str, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            found = await two(stack, database_url)
            if not guarded:
                without_check(monkeypatch, "claim")
                without_constraint(database_url, "claims", "claims_pkey")
            await found.buy(found.one, "order")
            again = await found.buy(found.other, "order")
            assert again.replayed is guarded
            verdict = await found.judged()
            assert verdict.sound is guarded
            assert verdict.doubled == ([] if guarded else ["order"])

    run(story)


@GUARDED
def test_without_the_check_of_heads_two_entries_follow_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            found = await two(stack, database_url)
            if not guarded:
                without_check(monkeypatch, "head")
                without_constraint(database_url, "stored_events", "stored_events_pkey")
            await found.buy(found.one, "here")
            # What this process remembers of ann is old by now.
            await found.buy(found.other, "there")
            await found.buy(found.one, "here again")
            verdict = await found.judged()
            assert verdict.sound is guarded
            assert any("comes after" in line for line in verdict.unsound) is not guarded

    run(story)


@pytest.mark.parametrize("check", ["claim", "head"])
def test_where_a_check_fails_the_database_itself_refuses(
    database_url: str, monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            found = await two(stack, database_url)
            without_check(monkeypatch, check)
            await found.buy(found.one, "order")
            with pytest.raises(Exception, match="duplicate key"):
                await found.other.buy(100, name="order" if check == "claim" else "another")
            assert (await found.judged()).sound

    run(story)


@GUARDED
def test_without_the_check_of_takes_a_budget_is_overspent(
    database_url: str, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            found = await two(stack, database_url, BUDGET)
            if not guarded:
                without_check(monkeypatch, "take")
            gate, store = Gate(), store_of(found.one)
            append = store.append

            async def wait_first(save: object) -> tuple[int, ...]:
                await gate()
                return await append(save)  # type: ignore[arg-type]

            monkeypatch.setattr(store, "append", wait_first)
            slow = asyncio.create_task(found.buy(found.one, "slow", member="ann", amount=400_00))
            await gate.reached.wait()
            await found.buy(found.other, "quick", member="ben", amount=400_00)
            gate.may_go.set()
            granted = [award["granted"] for award in (await slow).body["awards"]]
            assert granted == ([100] if guarded else [400])
            verdict = await found.judged()
            assert verdict.sound is guarded
            assert any("800 of 500 taken" in line for line in verdict.unsound) is not guarded

    run(story)


class Late:
    """A log whose reader is held up between its look and its work."""

    def __init__(self, found: House, gate: Gate) -> None:
        self._store = found.store
        self._gate = gate

    async def log(self, program: str | None, *, after: int = 0, limit: int = 100) -> list[Row]:
        rows = await self._store.log(program, after=after, limit=limit)
        await self._gate()
        return rows


@GUARDED
def test_without_compare_and_set_of_positions_entries_count_twice(database_url: str, *, guarded: bool) -> None:
    async def leads(found: House, positions: PostgresPositions) -> None:
        gate = Gate()
        stale = asyncio.create_task(Runner(found.projector(), Late(found, gate), positions, batch=5).step())
        await gate.reached.wait()
        await found.runner().catch_up()
        gate.may_go.set()
        if guarded:
            with pytest.raises(Overtaken):
                await stale
        else:
            await stale

    async def story() -> None:
        async with house(database_url) as found:
            rows: Sequence[Row] = interleaved(lives(3))
            write(database_url, rows)
            await leads(found, (PostgresPositions if guarded else Careless)(database_url, found._pool))
        assert (await unfolded(database_url) == []) is guarded

    run(story)
