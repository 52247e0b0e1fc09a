"""The same tasks on a Dask cluster: the same digests, the same verdicts, the same rows."""

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from distributed import LocalCluster

from application.audit import verify
from application.folding import fold_all, fold_range
from application.replay import replay
from infrastructure.cluster import NoCluster, cluster
from infrastructure.row_reader import readers, states
from tests.projections.boards import house, interleaved, lives, write


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler with two worker processes."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as local:
        yield local.scheduler_address


def test_a_cluster_comes_to_the_same_digest_and_verdicts(database_url: str, address: str) -> None:
    write(database_url, interleaved(lives(8)))
    with cluster(address) as (executor, workers):
        assert workers == 2
        folded = fold_all(states(database_url), None, executor=executor, workers=workers)
        verdicts = verify(readers(database_url), executor=executor)
    assert folded == fold_range(states(database_url), None, 0, 1)
    with ThreadPoolExecutor(2) as threads:
        assert verdicts == verify(readers(database_url), executor=threads)


def test_what_was_asked_before_is_asked_again(database_url: str, address: str) -> None:
    with cluster(address) as (executor, workers):
        assert fold_all(states(database_url), None, executor=executor, workers=workers).entries == 0
        write(database_url, interleaved(lives(2)))
        assert fold_all(states(database_url), None, executor=executor, workers=workers).members == 2


def test_tables_that_a_cluster_fills_are_those_that_followers_write(database_url: str, address: str) -> None:
    async def run() -> None:
        async with house(database_url) as found:
            write(database_url, interleaved(lives(8)))
            await found.runner().catch_up()
            before = await found.tables.digests()
            with cluster(address) as (executor, _):
                await replay(
                    found.boards,
                    store=found.store,
                    positions=found.positions,
                    tables=found.tables,
                    executor=executor,
                    afresh=True,
                )
            assert await found.tables.digests() == before

    asyncio.run(run())


def test_without_a_scheduler_workers_or_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrastructure.cluster.SECONDS", 0.2)
    with pytest.raises(NoCluster, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"), cluster("tcp://127.0.0.1:9"):
        pass
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(NoCluster, match="has no workers"),
        cluster(empty.scheduler_address),
    ):
        pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NoCluster, match=r"guerdon\[cluster\]"), cluster("tcp://127.0.0.1:9"):
        pass
