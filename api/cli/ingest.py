"""`guerdon ingest`: bring a feed in from a file."""

import asyncio
import gzip
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit

from api.cli.output import as_json

if TYPE_CHECKING:
    from api.wiring import Wired
    from application.ingest import Line, MemberFields, Tally

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--program", default="main", show_default=True, help="The program that takes it in.")
@click.option("--source", required=True, help="Where the lines come from; (source, id) is taken in once, for ever.")
@click.option("--members", type=_FILE, help="A file of members to enrol first.")
@click.option("--member-id", default="member_id", show_default=True, help="Field of a member's line: the id.")
@click.option("--attributes", default="", help="Fields of a member's line that become attributes; with commas.")
@click.option("--enrolled-at", help="Field of a member's line: an instant, a day or a month (its first, UTC).")
@click.option(
    "--clock",
    type=click.Choice(["program", "input"]),
    default="program",
    show_default=True,
    help="`input` moves a sandbox's clock along with the feed, so that recorded_at follows occurred_at.",
)
@click.option("--json", "to_json", is_flag=True, help="Print the outcome as JSON.")
def ingest(
    *,
    file: Path,
    program: str,
    source: str,
    members: Path | None,
    member_id: str,
    attributes: str,
    enrolled_at: str | None,
    clock: str,
    to_json: bool,
) -> None:
    """Bring in a file of JSON Lines, plain or .gz: activities, and with --members who they belong to.

    Lines are activities in the contract's shape, or {id, type, member_id, occurred_at, payload}. Each member's
    lines are taken in order. A run that was stopped is started again: what is there already is not counted twice.
    Members are enrolled no later than the first line of the feed. Exit code 1 when lines were refused.
    """
    from api.cli.session import session
    from application.ingest import MemberFields

    fields = MemberFields(
        id=member_id, attributes=tuple(name for name in attributes.split(",") if name), enrolled_at=enrolled_at
    )

    async def work(wired: "Wired") -> "Tally":
        await wired.programs.get(program)
        return await bring_in(wired, program, source, file, members, fields, by_input=clock == "input")

    started = time.monotonic()
    tally = session(work)
    seconds = time.monotonic() - started
    if to_json:
        as_json({"recorded": tally.recorded, "repeated": tally.repeated, "refused": tally.refused,
                 "refusals": tally.refusals, "seconds": round(seconds, 3)})  # fmt: skip
    else:
        click.echo(
            f"{tally.recorded} recorded, {tally.repeated} there already, {tally.refused} refused"
            f" in {seconds:.1f} s ({tally.done / seconds:.0f}/s)"
        )
        for one in tally.refusals:
            click.echo(f"  line {one.line}: {one.message} ({one.code})", err=True)
    if tally.refused:
        raise Exit(1)


async def bring_in(
    wired: "Wired",
    program: str,
    source: str,
    file: Path,
    members: Path | None,
    fields: "MemberFields",
    *,
    by_input: bool,
) -> "Tally":
    """Enrol the members of one file, then take in the activities of the other; what became of all lines."""
    from application.ingest import Tally, read_activities, read_members
    from application.ingest import ingest as take_in
    from domain.errors import ClockBackwards

    async def set_clock(now: datetime) -> None:
        # After a run that was stopped the clock is ahead of the feed's beginning, and stays.
        with suppress(ClockBackwards):
            await wired.clock.set(program, now)

    tally = Tally()
    start = _first_instant(file, source)
    if by_input and start is not None:
        await set_clock(start)
    if members is not None:
        with _shown(members, tally) as lines:
            people = read_members(lines, fields, start)
            await take_in(wired.handler, program, people, actor=f"ingest:{source}", source=source, tally=tally)
    with _shown(file, tally) as lines:
        return await take_in(
            wired.handler,
            program,
            read_activities(lines, source),
            actor=f"ingest:{source}",
            source=source,
            set_clock=set_clock if by_input else None,
            tally=tally,
        )


def _first_instant(file: Path, source: str) -> datetime | None:
    from application.ingest import read_activities
    from application.payloads import ActivityBody

    with _opened(file) as (lines, _):
        line: Line | None = next((one for one in read_activities(lines, source)), None)
    return line.body.occurred_at if line is not None and isinstance(line.body, ActivityBody) else None


@contextmanager
def _opened(file: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The lines of a file, and the file below them, whose position says how far it is read."""
    with file.open("rb") as raw:
        if file.suffix == ".gz":
            with gzip.open(raw) as lines:
                yield lines, raw  # type: ignore[misc]
        else:
            yield raw, raw


@contextmanager
def _shown(file: Path, tally: "Tally") -> Iterator[IO[bytes]]:
    """The lines of a file, with a bar on the terminal while they are read."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}/s"),
               TimeRemainingColumn())  # fmt: skip
    before, started = tally.done, time.monotonic()
    with _opened(file) as (lines, raw), Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(file.name, total=file.stat().st_size, rate=0)

        async def watch() -> None:
            while True:
                rate = (tally.done - before) / max(time.monotonic() - started, 0.001)
                bar.update(task, completed=raw.tell(), rate=f"{rate:.0f}")
                await asyncio.sleep(0.2)

        watching = asyncio.get_running_loop().create_task(watch())
        try:
            yield lines
        finally:
            watching.cancel()
