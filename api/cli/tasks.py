"""Work that is shared out: who does the tasks, and how far they are."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from concurrent.futures import Executor

_PROCESSES = click.option(
    "--processes", type=click.IntRange(1, 256), help="How many work at once; as many as there are cores."
)
_CLUSTER = click.option(
    "--cluster", metavar="ADDRESS", help="Let a Dask cluster work instead: its scheduler, tcp://host:8786 or tls://."
)


def shared_out(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command whose work is shared out."""
    return _PROCESSES(_CLUSTER(command))


@contextmanager
def workers_of(processes: int | None, cluster: str | None) -> "Iterator[tuple[Executor, int]]":
    """Who does the tasks, and how many at once: the cluster, where its address is given, or processes here."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context
    from os import cpu_count

    from infrastructure.cluster import cluster as of_cluster

    if cluster is not None:
        if processes is not None:
            raise click.UsageError("--processes are of this machine: a cluster has its own")
        with of_cluster(cluster) as found:
            yield found
        return
    workers = processes or cpu_count() or 1
    # Spawned, not forked: they share no connection.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield pool, workers


@contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal, told done and total."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
