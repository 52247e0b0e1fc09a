"""Long work of a process that stops is broken off, with everybody who helps it."""

import asyncio
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import active_children, get_context
from typing import Any

from application.jobs import Job, Json, Progress, Worker

FOR_EVER = 3_600


class Remembered:
    """The port of jobs, in memory."""

    async def add(self, program: str, kind: str, request: Json) -> Job:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        return Job(id="job_1", kind=kind, state="running", done=0, total=0, result=None, created_at=now, updated_at=now)

    async def get(self, program: str, job: str) -> Job | None:
        return None

    async def note(self, job: str, done: int, total: int) -> None: ...

    async def finish(self, job: str, state: Any, result: Json) -> None: ...


def test_a_job_that_is_shared_out_ends_with_its_process() -> None:
    def work(progress: Progress) -> Json:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(time.sleep, FOR_EVER).result()
        return {}

    async def run() -> None:
        worker = Worker(Remembered())
        await worker.start("main", "verify", {}, work)
        while not active_children():  # noqa: ASYNC110 - a process gives no notice
            await asyncio.sleep(0.01)
        await worker.stop()

    # The loop ends when the thread does that waited for the pool.
    asyncio.run(run())
    assert active_children() == []
