"""`guerdon rules what-if`: a rulebook file tried on the history of a program."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from api.cli.output import as_json, instant
from api.cli.tasks import progress_of, shared_out, workers_of

if TYPE_CHECKING:
    from api.wiring import Wired
    from application.what_if import Question

Json = dict[str, Any]


@click.command("what-if")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--program", default="main", show_default=True, help="The program whose history it is tried on.")
@click.option(
    "--from", "begins", help="What happened at or after this instant (RFC 3339); otherwise from the beginning."
)
@click.option("--to", "ends", help="What happened before this instant; otherwise to now.")
@click.option("--top", type=click.IntRange(0, 1000), default=100, show_default=True, help="How many to name.")
@click.option(
    "--csv", "folder", type=click.Path(file_okay=False, path_type=Path),
    help="A folder to write tables to; in members.csv is everybody that moved.",
)  # fmt: skip
@shared_out
@click.option("--json", "to_json", is_flag=True, help="Print the answer as JSON.")
def what_if(
    *,
    file: Path,
    program: str,
    begins: str | None,
    ends: str | None,
    top: int,
    folder: Path | None,
    processes: int | None,
    cluster: str | None,
    to_json: bool,
) -> None:
    """Try a rulebook file on history: what everybody would have, had it ruled in a window. Writes nothing."""
    from time import perf_counter

    from api.cli.rules import document_in
    from api.cli.session import database, within
    from application.what_if import WhatIfBody, question
    from application.what_if import what_if as try_it
    from application.what_if_answer import answer, row
    from infrastructure.row_reader import states
    from infrastructure.zones import SystemZones

    body = WhatIfBody(from_=instant(begins) if begins else None, to=instant(ends) if ends else None, top=top)
    document = document_in(file)

    async def work(wired: "Wired") -> "Question":
        return await question(wired.handler, program, document, body, every=folder is not None)

    with database() as settings:
        # Before there are processes: an application that is closed ends all that its process has started.
        asked = within(settings, work)
        streams, offset = states(settings.database_url or ""), SystemZones().offset
        with workers_of(processes, cluster) as (executor, workers), progress_of("trying") as progress:
            began = perf_counter()
            found = try_it(streams, asked, offset, executor=executor, workers=workers, progress=progress)
            seconds = perf_counter() - began
    told = answer(asked, found)
    if folder is not None:
        _write(folder, told, [row(one) for one in sorted(found.moved, key=lambda one: (one.member, one.currency))])
    if to_json:
        as_json(told)
        return
    for line in _said(told):
        click.echo(line)
    click.echo(f"{told['decided']} of {told['entries']} entries decided again, {told['decided'] / seconds:,.0f}/s")


def _write(folder: Path, told: Json, moved: list[Json]) -> None:
    from application.what_if_answer import TABLES, as_csv, table

    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        rows = moved if name == "members" else table(told, name)
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            file.writelines(as_csv(rows))


def _said(told: Json) -> Iterator[str]:
    for one in told["currencies"]:
        available, owed = one["available"], one["liability"]["value_minor"]
        yield f"{one['currency']}: available {_pair(available)}, {one['winners']} members win, {one['losers']} lose"
        if owed is not None:
            yield f"  liability {_pair(owed)} in minor units"
    for one in told["rules"]:
        yield f"rule {one['rule']}: {_pair(one['granted'])} {one['currency']}, {_pair(one['times'])} times"
    for one in told["budgets"]:
        yield f"budget {one['budget']}: {_pair(one['taken'])} points taken of {one['points']}"
    yield from _moves(told["tiers"])
    for code, count in told["refused"].items():
        yield f"{count} would be refused: {code}"


def _moves(tiers: Iterable[Json]) -> Iterator[str]:
    for one in tiers:
        if one["recorded"] != one["tried"]:
            before, after = (one[side] or "no level" for side in ("recorded", "tried"))
            yield f"tier set {one['set']}: {one['members']} members from {before} to {after}"


def _pair(pair: Json) -> str:
    recorded, tried = pair["recorded"], pair["tried"]
    return f"{recorded}" if recorded == tried else f"{recorded} -> {tried}"
