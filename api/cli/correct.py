"""`guerdon correct`: try a correction dry, look at it, approve it, and have it applied."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from api.cli.output import as_json, instant
from api.cli.tasks import progress_of, shared_out, workers_of

if TYPE_CHECKING:
    from api.wiring import Wired
    from application.corrections import Asked

Json = dict[str, Any]

_PROGRAM = click.option("--program", default="main", show_default=True, help="The program.")
_AS = click.option("--as", "actor", required=True, help="Who you are: the log names you so.")
_JSON = click.option("--json", "to_json", is_flag=True, help="Print the answer as JSON.")


@click.group()
def correct() -> None:
    """Correct what rules decided wrongly: proposed by one, approved by another, compensated, never edited."""


@correct.command("try")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_PROGRAM
@_AS
@click.option("--from", "begins", help="What happened at or after this instant (RFC 3339).")
@click.option("--to", "ends", help="What happened before this instant; otherwise to now.")
@click.option("--rule", "rules", multiple=True, help="Only this rule; may be given several times.")
@click.option("--member", "members", multiple=True, help="Only this member; may be given several times.")
@click.option("--cascade", type=click.Choice(["none", "to_now"]), default="none", show_default=True,
              help="Whether what came after the window is looked at, too.")  # fmt: skip
@click.option("--reverses", help="The other way round of what this correction did; without a file.")
@click.option("--reason", default="", help="Why; it stands in the log.")
@shared_out
@_JSON
def try_it(
    *,
    file: Path | None,
    program: str,
    actor: str,
    begins: str | None,
    ends: str | None,
    rules: tuple[str, ...],
    members: tuple[str, ...],
    cascade: Any,
    reverses: str | None,
    reason: str,
    processes: int | None,
    cluster: str | None,
    to_json: bool,
) -> None:
    """Decide a window again under the rulebook of a file. Writes the proposal, and nothing of any member's."""
    from api.cli.rules import document_in
    from api.cli.session import database, within
    from application import corrections
    from application.folding import TASKS_PER_WORKER
    from infrastructure.row_reader import states
    from infrastructure.zones import SystemZones

    if (file is None) == (reverses is None):
        raise click.UsageError("give a rulebook file, or --reverses with the id of a correction")
    document = document_in(file) if file is not None else None
    body = corrections.CorrectionBody(
        from_=instant(begins) if begins else None,
        to=instant(ends) if ends else None,
        rules=rules,
        members=members,
        cascade=cascade,
        reverses=reverses,
        reason=reason,
    )

    async def proposed(wired: "Wired") -> "Asked":
        return await corrections.propose(wired.handler, program, document, body, actor=f"cli:{actor}")

    with database() as settings:
        asked = within(settings, proposed)
        with workers_of(processes, cluster) as (executor, workers), progress_of("trying") as progress:
            found = corrections.dry_run(
                states(settings.database_url or ""),
                asked,
                SystemZones().offset,
                executor=executor,
                of=workers * TASKS_PER_WORKER,
                progress=progress,
            )

        async def noted(wired: "Wired") -> Json:
            sums = await corrections.note(wired.handler, program, asked.correction, found, actor=f"cli:{actor}")
            return sums | {"totals": (await corrections.read(wired.handler, program, asked.correction))["totals"]}

        told = within(settings, noted)
    if to_json:
        as_json(told)
        return
    click.echo(f"{told['correction']}: {told['members']} members")
    for one in told["totals"]:
        click.echo(f"  {_said(one)}")
    for currency, pair in told["available"].items():
        click.echo(f"  {currency} available: {pair['recorded']} -> {pair['corrected']}")


@correct.command()
@click.argument("correction")
@_PROGRAM
@click.option("--csv", "to_csv", is_flag=True, help="Print every activity and rule as CSV.")
@_JSON
def show(*, correction: str, program: str, to_csv: bool, to_json: bool) -> None:
    """Look at a correction: how far it is, and what it changes."""
    from api.cli.session import session
    from application import corrections

    if to_csv:
        click.echo(session(lambda wired: corrections.as_csv(wired.handler, program, correction)), nl=False)
        return
    told = session(lambda wired: corrections.read(wired.handler, program, correction))
    if to_json:
        as_json(told)
        return
    click.echo(f"{told['correction']}: {told['state']}, {told['members']} members, {told['applied']} corrected")
    for one in told["totals"]:
        click.echo(f"  {_said(one)}")
    for whose in told["moved"]:
        click.echo(f"  {whose or 'an erased member'} has moved since: try again for whom it was")


@correct.command()
@click.argument("correction")
@_PROGRAM
@_AS
@_JSON
def approve(*, correction: str, program: str, actor: str, to_json: bool) -> None:
    """Approve a correction that somebody else has tried, and apply it. A run that was stopped is started again."""
    from api.cli.session import session
    from application import corrections

    async def work(wired: "Wired") -> Json:
        await corrections.approved(wired.handler, program, correction, actor=f"cli:{actor}")
        with progress_of("correcting") as progress:
            return await corrections.apply(wired.handler, program, correction, progress=progress)

    told = session(work)
    if to_json:
        as_json(told)
        return
    click.echo(f"{told['applied']} members corrected, {told['moved']} have moved since the dry run")


def _said(one: Json) -> str:
    return f"rule {one['rule']}: {one['difference']:+d} {one['currency']} over {one['activities']} activities"
