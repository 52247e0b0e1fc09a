"""Long work that a request starts and another one looks at: its state, its progress, its result."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from multiprocessing import active_children
from typing import Any, Literal, Protocol

import msgspec
import structlog

from application.ports import Unavailable
from domain.errors import Refused

log = structlog.get_logger(__name__)

Json = dict[str, Any]
State = Literal["running", "done", "failed"]
Progress = Callable[[int, int], None]
"""Told how much is done and how much there is; may be called from any thread."""

NOTED_EVERY = 0.5
"""Seconds between two notes of progress."""


class UnknownJob(Refused):
    code = "unknown-job"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its row has it. `done` and `total` count whatever the work counts."""

    id: str
    kind: str
    state: State
    done: int
    total: int
    result: Json | None
    created_at: datetime
    updated_at: datetime


class Jobs(Protocol):
    """Where jobs are kept."""

    async def add(self, program: str, kind: str, request: Json) -> Job: ...

    async def get(self, program: str, job: str) -> Job | None: ...

    async def note(self, job: str, done: int, total: int) -> None:
        """How far it is. Also a sign of life."""

    async def finish(self, job: str, state: State, result: Json) -> None: ...


class Worker:
    """Runs jobs of this process, each in a thread of its own."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._running: set[asyncio.Task[None]] = set()

    async def start(self, program: str, kind: str, request: Json, work: Callable[[Progress], Json]) -> Job:
        """Begin `work`, which blocks and may take hours; the job as it was begun."""
        return await self.begin(program, kind, request, lambda progress: asyncio.to_thread(work, progress))

    async def begin(self, program: str, kind: str, request: Json, work: Callable[[Progress], Awaitable[Json]]) -> Job:
        """The same of work that waits for others rather than for a processor."""
        job = await self._jobs.add(program, kind, request)
        task = asyncio.create_task(self._run(job.id, kind, work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return job

    async def stop(self) -> None:
        """Break off what still runs. Its rows say so once they have been silent for long."""
        for task in tuple(self._running):
            task.cancel()
        # Work that is shared out would keep this process until its last part is done, and outlive it if it were killed.
        for process in active_children():
            process.terminate()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, job: str, kind: str, work: Callable[[Progress], Awaitable[Json]]) -> None:
        so_far = [0, 0]

        def progress(done: int, total: int) -> None:
            so_far[:] = done, total

        working = asyncio.ensure_future(work(progress))
        try:
            while not (await asyncio.wait({working}, timeout=NOTED_EVERY))[0]:
                # The work goes on without the database for a while.
                with suppress(Unavailable):
                    await self._jobs.note(job, *so_far)
            result = await working
        except asyncio.CancelledError:
            working.cancel()
            raise
        except Exception as error:
            log.exception("job failed", job=job, kind=kind)
            await self._jobs.finish(job, "failed", {"error": type(error).__name__})
        else:
            await self._jobs.note(job, *so_far)
            await self._jobs.finish(job, "done", result)


async def read(jobs: Jobs, program: str, job: str) -> Json:
    """A job in the contract's shape. Raises UnknownJob."""
    found = await jobs.get(program, job)
    if found is None:
        raise UnknownJob(f"there is no job {job!r}")
    return {
        "job": found.id,
        "kind": found.kind,
        "state": found.state,
        "done": found.done,
        "of": found.total,
        "result": found.result,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
    }
