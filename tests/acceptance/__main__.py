"""Run every data set found in a folder. Exit code 0: all exact; 1: a difference; 2: nothing, or too little."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import click
import msgspec
from psycopg.sql import SQL, Identifier

from infrastructure import logging
from infrastructure.database import connect, embedded
from infrastructure.settings import Settings, from_environment
from tests.acceptance.journey import journeys
from tests.acceptance.run import run
from tests.acceptance.sets import DataSet, found_in
from tests.acceptance.shuffled import shuffled

EXACT, DIFFERENT, TOO_LITTLE = 0, 1, 2


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    arguments.add_argument("folder", type=Path, help="the data sets, one folder each, or one of them")
    arguments.add_argument("--database-url", help="a PostgreSQL server in which databases may be created")
    arguments.add_argument(
        "--shuffled", type=int, metavar="SEED", help="deliver feeds out of order, with repeats, under `late: restate`"
    )
    arguments.add_argument("--journey", action="store_true", help="beside several sets also the demonstration's")
    given = arguments.parse_args()
    logging.configure("WARNING")
    sets = found_in(given.folder)
    if given.journey and (len(sets) > 1 or given.folder.name == "journey"):
        sets += journeys(given.folder)
    if not sets:
        click.echo(f"{given.folder}: no data set that is known here", err=True)
        return TOO_LITTLE
    with tempfile.TemporaryDirectory(prefix="guerdon-acceptance-") as directory:
        Path(directory).chmod(0o711)  # under root, PostgreSQL's own user has to get through
        with _server(Path(directory), given.database_url) as settings:
            if given.shuffled is not None:
                sets = [shuffled(each, given.shuffled, Path(directory)) for each in sets if each.load is None]
            return max([_one(settings, each) for each in sets])


def _one(settings: Settings, data: DataSet) -> int:
    began = time.monotonic()
    with _fresh_database(settings) as fresh:
        answers = run(fresh, data)
    # Nothing that ran above has seen the outcomes.
    code = EXACT
    for compared in data.compare(answers):
        click.echo(compared.line())
        for difference in compared.differences[:10]:
            click.echo(f"  {difference}")
        if not compared.whole:
            code = max(code, TOO_LITTLE if compared.missing else DIFFERENT)
    for refusal in answers.refusals:
        click.echo(f"  {data.name}: refused line {refusal}")
        code = max(code, DIFFERENT)
    click.echo(f"{data.name}: {time.monotonic() - began:.0f} s in all")
    return code


@contextmanager
def _server(directory: Path, url: str | None) -> Iterator[Settings]:
    """Settings on the server given, or on an embedded one in a directory of its own."""
    url = url or os.environ.get("GUERDON_DATABASE_URL")
    settings = from_environment({"GUERDON_DATA_DIR": str(directory)})
    if url:
        yield msgspec.structs.replace(settings, database_url=url)
        return
    with embedded(directory) as dsn:
        yield msgspec.structs.replace(settings, database_url=dsn)


@contextmanager
def _fresh_database(settings: Settings) -> Iterator[Settings]:
    assert settings.database_url is not None
    name = f"guerdon_acceptance_{uuid4().hex}"
    with connect(settings.database_url) as server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            url = urlsplit(settings.database_url)._replace(path=f"/{name}").geturl()
            yield msgspec.structs.replace(settings, database_url=url)
        finally:
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


if __name__ == "__main__":
    sys.exit(main())
