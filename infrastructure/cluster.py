"""Tasks on the workers of a Dask cluster, instead of processes of this machine.

The library is the extra `cluster`. The workers need this version of the code, and reach the database by the same
URL: it travels with each task, so a cluster beyond one machine wants an address of `tls://`.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

SECONDS = 10
"""How long the scheduler has to answer."""


class NoCluster(Exception):
    """The cluster cannot be used, and why."""


@contextmanager
def cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """The workers behind a scheduler as an executor, and how many tasks they run at once. Raises NoCluster."""
    try:
        from distributed import Client
    except ImportError:
        message = "--cluster needs the extra `cluster`: pip install 'guerdon[cluster]'"
        raise NoCluster(message) from None
    try:
        client = Client(address, timeout=SECONDS, set_as_default=False)
    except (OSError, TypeError, ValueError) as error:
        message = f"no scheduler answers at {address}"
        raise NoCluster(message) from error
    with client:
        workers = sum(client.nthreads().values())
        if not workers:
            message = f"the scheduler at {address} has no workers"
            raise NoCluster(message)
        # Not pure: the log goes on, so the same call again is not the same answer.
        yield client.get_executor(pure=False), workers
