"""`guerdon rules`: check, compare and publish rulebooks."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.exceptions import Exit

from api.cli.output import as_json, instant
from api.cli.what_if import what_if

if TYPE_CHECKING:
    from domain.rules.check import Finding
    from domain.rules.rulebook import Rulebook
    from domain.rules.worst_case import WorstCase

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def rules() -> None:
    """Check, compare, try and publish rulebooks."""


rules.add_command(what_if)


@rules.command()
@click.argument("file", type=_FILE)
@click.option("--json", "to_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--worst-case", "worst", is_flag=True, help="Say also what each rule can grant at most.")
def check(*, file: Path, to_json: bool, worst: bool) -> None:
    """Check a rulebook file, without a database. Exit code 1 when it has errors.

    Activities made from its schemas are earned and returned: nothing may be left of them.
    """
    from domain.rehearsal import rehearsed
    from domain.rules.check import check as check_document
    from domain.rules.lint import unread
    from domain.rules.rulebook import read
    from domain.rules.worst_case import worst_case
    from infrastructure.zones import SystemZones

    document = document_in(file)
    checked = check_document(document, known_zone=SystemZones().known, text=file.read_text("utf-8"))
    overview: dict[str, Any] = {}
    if checked.ok:
        book = read(document)
        checked = rehearsed(book, checked)
        overview = {"worst_case": worst_case(book, checked.trees), "unread": unread(book, checked.trees)}
    if to_json:
        as_json({"ok": checked.ok, "findings": checked.findings, **overview})
    else:
        for finding in checked.findings:
            click.echo(_told(file, finding))
        for one in overview.get("worst_case", ()) if worst else ():
            click.echo(_at_most(one))
        if checked.ok:
            click.echo(f"{file}: no errors")
    if not checked.ok:
        raise Exit(1)


@rules.command()
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
@click.option("--json", "to_json", is_flag=True, help="Print the changes as JSON.")
def diff(*, before: Path, after: Path, to_json: bool) -> None:
    """Say what changed from one rulebook file to another."""
    from domain.rules.diff import diff as difference

    changes = difference(_read(before), _read(after))
    if to_json:
        as_json({"changes": changes})
    elif not changes:
        click.echo("no difference in meaning")
    for change in changes if not to_json else ():
        click.echo(change.text)


@rules.command()
@click.argument("file", type=_FILE)
@click.option("--program", default="main", show_default=True, help="The program to publish it in.")
@click.option("--effective-from", type=str, help="When it begins to rule (RFC 3339); otherwise at once.")
@click.option("--expects", type=int, help="The version you saw last; another one since is a conflict.")
@click.option("--note", default="", help="Why, for whoever reads the history.")
@click.option("--json", "to_json", is_flag=True, help="Print the answer as JSON.")
def publish(
    *, file: Path, program: str, effective_from: str | None, expects: int | None, note: str, to_json: bool
) -> None:
    """Check a rulebook file and put it in force."""
    from api.cli.session import ACTOR, session
    from application.rulebooks import PublishBody, publish_document

    document = document_in(file)
    begins: datetime | None = instant(effective_from) if effective_from else None

    async def work(wired: Any) -> dict[str, Any]:
        body = PublishBody(effective_from=begins, expects=expects)
        return (await publish_document(wired.handler, program, document, body, actor=ACTOR, note=note)).body

    answer = session(work)
    if to_json:
        as_json(answer)
    else:
        click.echo(f"version {answer['version']} of {program} is published ({answer['digest']})")


def document_in(file: Path) -> Any:
    """The JSON in a file. Raises ClickException."""
    import msgspec

    try:
        return msgspec.json.decode(file.read_bytes())
    except msgspec.DecodeError as error:
        raise click.ClickException(f"{file} is not JSON: {error}") from None


def _read(file: Path) -> "Rulebook":
    import msgspec

    from domain.rules.rulebook import read

    try:
        return read(document_in(file))
    except msgspec.ValidationError as error:
        raise click.ClickException(f"{file} is not a rulebook: {error}") from None


def _told(file: Path, finding: "Finding") -> str:
    place = f"{finding.at or '/'}" + (f":{finding.line}:{finding.column}" if finding.line else "")
    where = f"{file}:{finding.place.line}:{finding.place.column}" if finding.place else f"{file}"
    told = f"{where}: {finding.severity} {finding.code} at {place}: {finding.message}"
    if finding.text:
        told += "".join(f"\n    {line}" for line in finding.text.splitlines())
    return told


def _at_most(one: "WorstCase") -> str:
    parts = [f"{one.activity} per activity" if one.activity is not None else "no bound per activity"]
    parts += [f"{limit.points} per member and {limit.period}" for limit in one.member]
    if one.everybody is not None:
        parts.append(f"{one.everybody} to all members together")
    return f"rule {one.rule}: at most {', '.join(parts)} ({one.currency})"
