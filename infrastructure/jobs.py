"""Jobs in PostgreSQL: rows that any process can read, whichever one does the work."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
from psycopg_pool import AsyncConnectionPool

from application.jobs import Job, State
from infrastructure.clock import utc_now
from infrastructure.positions import database_errors

SILENT_TOO_LONG = timedelta(minutes=5)
"""A running job notes its progress twice a second; one that is silent for so long died with its process."""

Json = dict[str, Any]


class PostgresJobs:
    """The `Jobs` port."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def add(self, program: str, kind: str, request: Json) -> Job:
        now = utc_now()
        job = Job(
            id=f"job_{uuid4().hex}", kind=kind, state="running", done=0, total=0, result=None,
            created_at=now, updated_at=now,
        )  # fmt: skip
        async with self._pool.connection() as connection:
            await connection.execute(
                "INSERT INTO jobs (id, program, kind, state, request, created_at, updated_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (job.id, program, kind, job.state, msgspec.json.encode(request), now, now),
            )
        return job

    async def get(self, program: str, job: str) -> Job | None:
        async with self._pool.connection() as connection:
            found = await (
                await connection.execute(
                    "SELECT id, kind, state, done, total, result, created_at, updated_at FROM jobs"
                    " WHERE program = %s AND id = %s",
                    (program, job),
                )
            ).fetchone()
        if found is None:
            return None
        id_, kind, state, done, total, result, created_at, updated_at = found
        if state == "running" and utc_now() - updated_at > SILENT_TOO_LONG:
            state, result = "failed", b'{"error":"its process is gone: start it again"}'
        return Job(
            id=id_, kind=kind, state=state, done=done, total=total,
            result=msgspec.json.decode(result) if result is not None else None,
            created_at=created_at, updated_at=updated_at,
        )  # fmt: skip

    async def note(self, job: str, done: int, total: int) -> None:
        with database_errors():
            async with self._pool.connection() as connection:
                await connection.execute(
                    "UPDATE jobs SET done = %s, total = %s, updated_at = %s WHERE id = %s",
                    (done, total, utc_now(), job),
                )

    async def finish(self, job: str, state: State, result: Json) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(
                "UPDATE jobs SET state = %s, result = %s, updated_at = %s WHERE id = %s",
                (state, msgspec.json.encode(result), utc_now(), job),
            )
