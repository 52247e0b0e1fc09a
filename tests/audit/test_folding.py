"""Every member folded from the log: the same books, and the same digest, however the work is shared out."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from uuid import UUID

import pytest

from application.folding import Folded, digest_of, fold_all, fold_range
from domain.log import decode, decode_folded, fold
from domain.member.state import Hold, Lot, Member
from infrastructure.database import connect
from infrastructure.row_reader import states
from tests.application.engine import PROGRAM, START, days, opened


@pytest.fixture
def played(database_url: str) -> str:
    """Twenty members with purchases, returns and redemptions."""

    async def story() -> None:
        async with opened(database_url) as engine:
            for number in range(20):
                await engine.enrol(f"m{number}")
            await engine.at(START + days(3))
            for number in range(20):
                for purchase in range(1 + number % 4):
                    await engine.buy(1000 * purchase + 4000, member=f"m{number}", name=f"{number}.{purchase}")
                if number % 3 == 0:
                    await engine.give_back(f"{number}.0", 1500)
                if number % 5 == 0:
                    await engine.redeem(7, member=f"m{number}")

    asyncio.run(story())
    return database_url


def _in(executor: Executor, url: str, workers: int, program: str | None = PROGRAM) -> Folded:
    with executor:
        return fold_all(states(url), program, executor=executor, workers=workers)


def test_one_process_or_three_threads_or_two_processes_come_to_the_same(played: str) -> None:
    once = fold_range(states(played), PROGRAM, 0, 1)
    assert (once.members, once.entries) == (20, 20 + 50 + 7 + 4)
    assert _in(ThreadPoolExecutor(3), played, 3) == once
    assert _in(ProcessPoolExecutor(2, mp_context=get_context("spawn")), played, 2) == once
    assert _in(ThreadPoolExecutor(1), played, 1, None) == once
    assert _in(ThreadPoolExecutor(1), played, 1, "other") == Folded()


def test_the_digest_is_that_of_the_books_that_whole_entries_give(played: str) -> None:
    books: dict[UUID, Member] = {}
    with connect(played) as database:
        rows = database.execute(
            "SELECT originator_id, state FROM stored_events WHERE kind = 'member' ORDER BY originator_version"
        ).fetchall()
    for stream, state in rows:
        fold(books.setdefault(stream, Member()), decode(state))
    whole = sum(digest_of(stream, book) for stream, book in books.items()) % 2**256
    assert fold_range(states(played), PROGRAM, 0, 1).digest == whole


def test_one_changed_amount_changes_the_digest(played: str) -> None:
    before = fold_range(states(played), PROGRAM, 0, 1)
    with connect(played) as database:
        database.execute(
            "UPDATE stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'), %s, %s), 'UTF8')"
            " WHERE originator_version = 2",
            ('"points":40,', '"points":41,'),
        )
    after = fold_range(states(played), PROGRAM, 0, 1)
    assert (after.entries, after.members) == (before.entries, before.members)
    assert after.digest != before.digest


def lines() -> Iterator[bytes]:
    import gzip

    from tests.golden.test_golden import LOGS

    for path in LOGS:
        yield from gzip.decompress(path.read_bytes()).splitlines()


def test_a_fold_reads_of_an_entry_all_that_it_writes() -> None:
    whole: dict[str, Member] = {}
    lean: dict[str, Member] = {}
    for line in lines():
        entry = decode(line)
        if entry.kind == "member":
            fold(whole.setdefault(entry.stream, Member()), entry)
            fold(lean.setdefault(entry.stream, Member()), decode_folded(line))
    assert whole == lean
    assert len(whole) > 40


def test_a_digest_does_not_know_how_a_state_row_is_packed() -> None:
    lot = Lot(
        id="1.1", currency="points", points=120, remaining=100, occurred_at=START, available_at=START, expires_at=None,
        entry=1, rule="base", rulebook=1, active=True,
    )  # fmt: skip
    hold = Hold(id="r1", currency="points", points=20, parts=(lot,), entry=2, ends_at=START, rulebook=1)
    book = Member(id="anna", lots=[lot], holds={"r1": hold})
    assert f"{digest_of(UUID(int=7), book):064x}" == "04f198cbd528ba7dbc844a8f984ce0c3c0d7d18f6093f85476cf28af7473217d"
