"""`guerdon audit` and `guerdon replay`: prove what is in the log, and make from it what follows from it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click
from click.exceptions import Exit

from api.cli.access import access
from api.cli.output import as_json, instant
from api.cli.proofs import bundle, certificate, check_bundle, checkpoint, kept_checkpoints, keys
from api.cli.tasks import progress_of, shared_out, workers_of

if TYPE_CHECKING:
    from api.wiring import Wired

_PROGRAM = click.option("--program", default="main", show_default=True, help="The program.")
_JSON = click.option("--json", "to_json", is_flag=True, help="Print the answer as JSON.")


@click.group()
def audit() -> None:
    """Prove the log, a member's history, or one activity's points."""


for _command in (access, checkpoint, keys, bundle, check_bundle, certificate):
    audit.add_command(_command)


@audit.command()
@click.option("--program", help="Only this program; otherwise all.")
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Checkpoints that were kept elsewhere: the log must still be theirs.",
)
@click.option("--key", "keys", multiple=True, help="With --against: public keys to believe, instead of the database's.")
@shared_out
@_JSON
def verify(
    *,
    program: str | None,
    against: tuple[Path, ...],
    keys: tuple[str, ...],
    processes: int | None,
    cluster: str | None,
    to_json: bool,
) -> None:
    """Check every stored byte and decide every entry again. Exit code 1 when something differs."""
    from api.cli.session import database
    from application.audit import verify as check_all
    from infrastructure.row_reader import readers

    with workers_of(processes, cluster) as (executor, _), database() as settings, progress_of("verifying") as progress:
        dsn = settings.database_url or ""
        kept = kept_checkpoints(dsn, program, against, keys)
        found = check_all(readers(dsn), program, executor=executor, progress=progress, against=kept)
    if to_json:
        as_json(found)
    else:
        click.echo(
            f"{found['equal']} entries equal, {found['different']} different,"
            f" {found['not_redecidable']} not re-decidable, {found['older_engine']} of an older engine"
        )
        for name, checkpoints in kept.items() if found["first"] is None else ():
            click.echo(f"still the log of {name} whose first {checkpoints[-1].size} entries were signed")
        for finding in found["findings"][:20]:
            click.echo(f"  position {finding['position']}, {finding['stream']}: {finding['detail']}")
    if found["first"] is not None:
        raise Exit(1)


@audit.command()
@click.option("--program", help="Only this program; otherwise all.")
@shared_out
@_JSON
def fold(*, program: str | None, processes: int | None, cluster: str | None, to_json: bool) -> None:
    """Fold every member from the log; one digest, the same however many processes worked on it."""
    from time import perf_counter

    from api.cli.session import database
    from application.folding import fold_all
    from infrastructure.row_reader import states

    with (
        workers_of(processes, cluster) as (executor, workers),
        database() as settings,
        progress_of("folding") as progress,
    ):
        began = perf_counter()
        found = fold_all(
            states(settings.database_url or ""), program, executor=executor, workers=workers, progress=progress
        )
        seconds = perf_counter() - began
    if to_json:
        as_json({"entries": found.entries, "members": found.members, "digest": found.hex})
    else:
        click.echo(f"{found.entries} entries of {found.members} members, {found.entries / seconds:,.0f}/s")
        click.echo(f"digest {found.hex}")


@audit.command()
@click.argument("member")
@_PROGRAM
@click.option("--as-of", help="The state at this instant of the world (RFC 3339).")
@click.option("--known-at", help="As it was known at this instant of the program's clock (RFC 3339).")
@_JSON
def member(*, member: str, program: str, as_of: str | None, known_at: str | None, to_json: bool) -> None:
    """Show a member's entries, the state they lead to, and the digest that proves them."""
    from api.cli.session import looking, session
    from application.audit import member as history

    async def work(wired: "Wired") -> dict[str, Any]:
        with looking(wired, program, "audit member"):
            return await history(
                wired.handler,
                program,
                member,
                as_of=instant(as_of) if as_of else None,
                known_at=instant(known_at) if known_at else None,
            )

    answer = session(work)
    if to_json:
        as_json(answer)
        return
    for one in answer["entries"]:
        entry = one["entry"]
        events = ", ".join(event["event"] for event in entry.get("events", ()))
        click.echo(f"{entry['recorded_at']}  {entry['version']:>5}  {events}")
    for currency, held in answer["state"]["balances"].items():
        click.echo(f"{currency}: " + ", ".join(f"{points} {name}" for name, points in held.items()))
    click.echo(f"digest {answer['digest']}")


@audit.command()
@click.argument("activity", metavar="SOURCE/ID")
@_PROGRAM
@_JSON
def explain(*, activity: str, program: str, to_json: bool) -> None:
    """Say why an activity earned what it earned, clause by clause, or why a return took what it took."""
    from api.cli.session import looking, session
    from application.explanations import explain as explained
    from application.explanations import ref_of

    source, slash, name = activity.partition("/")
    if not slash:
        raise click.UsageError("name the activity as SOURCE/ID, such as shop/order-1001")

    async def work(wired: "Wired") -> dict[str, Any]:
        with looking(wired, program, "audit explain"):
            return await explained(wired.handler, program, await ref_of(wired.handler, program, source, name))

    answer = session(work)
    if to_json:
        as_json(answer)
    else:
        for line in _told_return(answer) if "returns" in answer else _told(answer):
            click.echo(line)


@click.command()
@click.option("--digest", is_flag=True, help="Print a digest of each table, equal for equal rows anywhere.")
@shared_out
@_JSON
def replay(*, digest: bool, processes: int | None, cluster: str | None, to_json: bool) -> None:
    """Rebuild the tables for analysts from the first entry, while the old ones go on being read."""
    from api.cli.session import session
    from application.replay import replay as rebuild

    async def work(wired: "Wired") -> dict[str, Any]:
        with progress_of("replaying") as progress:
            position = await rebuild(
                wired.boards,
                store=wired.store,
                positions=wired.positions,
                tables=wired.tables,
                progress=progress,
                afresh=True,
                executor=executor,
            )
        return {"position": position} | ({"digests": await wired.tables.digests()} if digest else {})

    with workers_of(processes, cluster) as (executor, _):
        answer = session(work)
    if to_json:
        as_json(answer)
        return
    click.echo(f"rebuilt up to position {answer['position']}")
    for table, value in answer.get("digests", {}).items():
        click.echo(f"{value}  {table}")


def _told_return(answer: dict[str, Any]) -> Iterator[str]:
    activity, original = answer["activity"], answer["returns"]
    whole = "the whole" if original["complete"] else f"{original['returned_minor']} so far"
    yield f"{activity['source']}/{activity['id']}, a return of {whole} of {original['source']}/{original['id']}"
    for rule in answer["rules"]:
        before = f" after {rule['taken_before']}" if rule["taken_before"] else ""
        yield f"  {rule['rule']}: {rule['taken']} of {rule['granted']} {rule['currency']} taken back{before}"
        for name in ("from_pending", "from_lots", "from_other"):
            for draw in rule[name]:
                yield f"      {draw['points']} {name.replace('_', ' ')}: lot {draw['lot']}"
        for name in ("expired", "debt", "written_off"):
            if rule[name]:
                yield f"      {rule[name]} {name.replace('_', ' ')}"


def _told(answer: dict[str, Any]) -> Iterator[str]:
    activity, rulebook = answer["activity"], answer["rulebook"]
    yield f"{activity['source']}/{activity['id']}, a {activity['type']}, under rulebook {rulebook['version']}"
    for rule in answer["rules"]:
        if rule["error"]:
            yield f"  {rule['rule']}: failed, so it counted as nothing: {rule['error']}"
        elif not rule["matched"]:
            yield f"  {rule['rule']}: does not apply{_noted(rule)}{_because(rule)}"
        elif rule["currency"] is None:
            yield f"  {rule['rule']}: applies{_noted(rule)}"
        else:
            yield f"  {rule['rule']}: {rule['granted']} {rule['currency']}{_limited(rule)}{_noted(rule)}"
        if rule["lines"]:
            yield f"      for line{'s'[: len(rule['lines']) - 1]} {', '.join(rule['lines'])} of the order"
        for clause in rule["clauses"]:
            yield f"      {clause['text']}  is  {_shown(clause['value'])}"
    for streak in answer.get("streaks", ()):
        run = f"{streak['current']} in a row, {streak['longest']} at most" if streak["ticked"] else streak["note"]
        yield f"  streak {streak['streak']}: {run}"
    for badge in answer.get("badges", ()):
        reached = f" ({_shown(badge['value'])} of {badge['at']})" if badge["value"] is not None else ""
        yield f"  badge {badge['badge']}: {badge['note'] or 'granted'}{reached}"
        for clause in badge["clauses"]:
            yield f"      {clause['text']}  is  {_shown(clause['value'])}"
    referral = answer.get("referral")
    if referral is not None:
        yield f"  referral: {referral['note'] or 'counted for ' + ', '.join(referral['referrals'])}"
    for name, value in answer["read"].items():
        yield f"  {name} was {_shown(value)}"


def _limited(rule: dict[str, Any]) -> str:
    """What cut the grant, in words."""
    limit = rule["limited_by"]
    if not limit:
        return ""
    if "group" in limit:
        return f" of {rule['wanted']}: the group {limit['group']} chose another rule"
    if limit.get("stacking") == "limit":
        return f" of {rule['wanted']}: as many promotions as go together have applied"
    if "stacking" in limit:
        return f" of {rule['wanted']}: a promotion of {limit['stacking']} has applied, which it does not go with"
    kind = "budget" if "budget" in limit else "cap"
    return f" of {rule['wanted']}: the {kind} {limit[kind]} had {limit['left']} left"


def _because(rule: dict[str, Any]) -> str:
    """The part of a condition that is not so, where there are others."""
    part = rule["why_not"]
    if part is None or rule["note"] or part["text"] == rule["clauses"][0]["text"]:
        return ""
    return f": {part['text']} is not so"


def _noted(rule: dict[str, Any]) -> str:
    return f" ({rule['note']})" if rule.get("note") else ""


def _shown(value: object) -> str:
    """A value as it is written in a rule: true, "", 105."""
    return msgspec.json.encode(value).decode()
