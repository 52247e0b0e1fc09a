"""A rulebook tried on history: every member's stream told again, in as many processes as there are.

Streams are self-contained, so a range of their ids is a task for any `concurrent.futures.Executor`. A task answers
with sums and with the members that moved most; only who asks for every member that moved gets them all.
"""

from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from multiprocessing import get_context
from operator import itemgetter
from os import cpu_count
from typing import Any
from uuid import UUID

import msgspec

from application.collector import resting
from application.folding import TASKS_PER_WORKER, Connect
from application.handle import Handler
from application.programs import KnownProgram, fold_program, program_stream
from application.rulebooks import checked
from application.what_if_sums import Sums
from domain.calendar import BEGINNING, FOREVER, Lookup
from domain.errors import BadTime, InvalidPayload, RulebookInvalid
from domain.log import Row
from domain.program.state import Program
from domain.rules.compiled import CompiledRulebook
from domain.rules.rulebook import digest_of, read
from domain.what_if import Trial, WhatIf

Json = dict[str, Any]
Progress = Callable[[int, int], None]

TOP, MOST_NAMED = 100, 1_000
"""How many of those who win most, and of those who lose most, are named: usually, and at most."""


class WhatIfBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The window, by the time that rules an activity: `from` included, `to` (None: no end) excluded."""

    from_: datetime | None = msgspec.field(default=None, name="from")
    to: datetime | None = None
    top: int = TOP


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """All that a task needs to know; it pickles. `program_rows` are the program's own stream."""

    program: str
    program_rows: tuple[Row, ...]
    document: Any
    trees: Any
    begins: datetime
    ends: datetime
    now: datetime
    top: int = TOP
    every: bool = False
    """Whether every member that moved is wanted, not only those at the top."""

    def what_if(self, offset: Lookup) -> WhatIf:
        known = fold_program(KnownProgram(Program(), 0, b"", None, {}, {}, b""), list(self.program_rows))
        number = len(known.program.published) + 1
        book = CompiledRulebook(number, digest_of(self.document), read(self.document), self.trees)
        return WhatIf(known.timeline(), Trial(book, self.begins, self.ends), known.program.time_zone, self.now, offset)


async def question(handler: Handler, program: str, document: Any, body: WhatIfBody, *, every: bool = False) -> Question:
    """The question that a request asks, of history as it stands. Raises RulebookInvalid, BadTime."""
    known = await handler.programs.refresh(program)
    judged = checked(handler, known, document)
    if not judged.ok:
        raise RulebookInvalid(
            "the rulebook has errors",
            errors=[(finding.at, finding.message) for finding in judged.findings if finding.severity == "error"],
        )
    begins = (body.from_ or BEGINNING).astimezone(UTC)
    ends = (body.to or FOREVER).astimezone(UTC)
    if begins >= ends:
        raise BadTime("the window ends before it begins", errors=[("/to", "after `from`")])
    if not 0 <= body.top <= MOST_NAMED:
        raise InvalidPayload("too many to name", errors=[("/top", f"0 to {MOST_NAMED}")])
    return Question(
        program=program,
        program_rows=tuple(await handler.store.rows(program_stream(program))),
        document=document,
        trees=judged.trees,
        begins=begins,
        ends=ends,
        now=await handler.clock.now(program),
        top=body.top,
        every=every,
    )


# --- the work ------------------------------------------------------------------------------------


def what_if(
    connect: Connect,
    asked: Question,
    offset: Lookup,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Sums:
    """Tell the whole history of a program under a trial. `progress` counts ranges of members."""
    if executor is None:
        # Spawned, not forked: the caller may run threads.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            return _shared(connect, asked, offset, pool, workers or cpu_count() or 1, progress)
    return _shared(connect, asked, offset, executor, workers or 1, progress)


def _shared(
    connect: Connect, asked: Question, offset: Lookup, executor: Executor, workers: int, progress: Progress
) -> Sums:
    of = max(1, workers) * TASKS_PER_WORKER
    tasks = [executor.submit(range_of, connect, asked, offset, number, of) for number in range(of)]
    whole = Sums()
    progress(0, of)
    try:
        for done, task in enumerate(as_completed(tasks), start=1):
            whole.add(task.result())
            whole.keep(asked.top)
            progress(done, of)
    finally:
        for task in tasks:
            task.cancel()
    return whole


def range_of(connect: Connect, asked: Question, offset: Lookup, number: int, of: int) -> Sums:
    """The members of one range out of `of`: ids are spread evenly, so ranges are alike."""
    first, last = UUID(int=2**128 * number // of), UUID(int=2**128 * (number + 1) // of - 1)
    told, sums = asked.what_if(offset), Sums()
    # A copy that is not read to its end has to be closed before its connection is.
    with resting(), connect() as view, closing(view.states(asked.program, first, last)) as states:
        for _, rows in groupby(states, key=itemgetter(0)):
            sums.note(told.of([state for _, state in rows]), asked.top, every=asked.every)
    sums.keep(asked.top)
    return sums
