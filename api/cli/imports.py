"""`guerdon import`: bring another program's members in, with what they have; and lists of codes."""

import csv
import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit

from api.cli.output import as_json

if TYPE_CHECKING:
    from api.wiring import Wired
    from application.import_members import Imported


@click.group("import")
def imports() -> None:
    """Bring in what another program has."""


@imports.command("codes")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--program", default="main", show_default=True, help="The program that takes them in.")
@click.option("--reward", required=True, help="Whose units they are for; a reward with `codes: list`.")
@click.option("--json", "to_json", is_flag=True, help="Print the outcome as JSON.")
def codes(*, file: Path, program: str, reward: str, to_json: bool) -> None:
    """Codes for a reward, from a file, plain or .gz: one a line, as a CSV with the column code, or as NDJSON.

    The file is read as it goes, so a million are no burden. A run that was stopped is started again: what is there
    already, or issued, is not brought in twice. Exit code 1 when lines were refused.
    """
    from api.cli.session import session
    from application.import_codes import Brought, import_codes

    with gzip.open(file, "rt", encoding="utf-8-sig") if file.suffix == ".gz" else file.open(encoding="utf-8-sig") as f:

        async def work(wired: "Wired") -> "Brought":
            return await import_codes(wired.handler, wired.listed_codes, program, reward, f)

        found = session(work)
    if to_json:
        as_json({"lines": found.lines, "added": found.added, "refused": found.refused})
    else:
        click.echo(f"{found.added} added, {found.lines - found.added - len(found.refused)} there already,"
                   f" {len(found.refused)} refused")  # fmt: skip
        for number in found.refused[:20]:
            click.echo(f"  line {number}: no code of 1 to 200 characters that can be seen", err=True)
    if found.refused:
        raise Exit(1)


@imports.command("members")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--program", default="main", show_default=True, help="The program that takes them in.")
@click.option("--source", required=True, help="Where they come from; each row of a source is taken in once, for ever.")
@click.option("--dry-run", is_flag=True, help="Read and check every row, and write nothing.")
@click.option("--refused", type=click.Path(dir_okay=False, path_type=Path), help="Write refused rows there, as CSV.")
@click.option("--json", "to_json", is_flag=True, help="Print the outcome as JSON.")
def members(*, file: Path, program: str, source: str, dry_run: bool, refused: Path | None, to_json: bool) -> None:
    """Members, their open lots and their levels, from a CSV file with a head.

    Columns: id, email, external_id, enrolled_at; currency, points, expires_at of a lot; set, level, valid_until of a
    level. All but id may be left out or empty; further rows of an id bring further lots and levels. A run that was
    stopped is started again: what is there already is not counted twice. Exit code 1 when rows were refused.
    """
    from api.cli.session import session
    from application.import_members import COLUMNS, import_members

    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        unknown = sorted(set(rows.fieldnames or ()) - set(COLUMNS))
        if unknown or "id" not in (rows.fieldnames or ()):
            raise click.ClickException(f"columns are {', '.join(COLUMNS)}; unknown: {', '.join(unknown) or 'none'}")

        async def work(wired: "Wired") -> "Imported":
            return await import_members(
                wired.handler, program, rows, source=source, actor=f"import:{source}", dry_run=dry_run
            )

        found = session(work)
    if refused is not None:
        with refused.open("w", newline="", encoding="utf-8") as out:
            table = csv.DictWriter(out, ("line", "code", "reason", *COLUMNS))
            table.writeheader()
            for one in found.refused:
                table.writerow({"line": one.line, "code": one.code, "reason": one.reason, **one.row})
    if to_json:
        as_json({"rows": found.rows, "members": found.members, "lots": found.lots, "levels": found.levels,
                 "repeated": found.repeated, "refused": found.refused, "dry_run": dry_run})  # fmt: skip
    else:
        taken = "nothing written" if dry_run else (
            f"{found.members} members, {found.lots} lots, {found.levels} levels, {found.repeated} there already"
        )  # fmt: skip
        click.echo(f"{found.rows} rows: {taken}, {len(found.refused)} refused")
        for one in found.refused[:20]:
            click.echo(f"  line {one.line}: {one.reason} ({one.code})", err=True)
    if found.refused:
        raise Exit(1)
