"""`guerdon listen` and `guerdon trigger`: webhooks on a machine of one's own."""

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.exceptions import Exit

if TYPE_CHECKING:
    from api.wiring import Wired
    from application.deliveries import Reply
    from application.messages import Message

_PROGRAM = click.option("--program", default="main", show_default=True, help="The program.")
_EVERY = 0.2


@click.command()
@_PROGRAM
@click.option("--to", "url", help="Forward events to this address, such as http://localhost:9000/hook.")
@click.option("--events", default="", help="Events to listen for, with commas; all when left out.")
@click.option("--after", type=click.IntRange(min=0), help="Begin behind this position of the log, not at its end.")
@click.option("--secret", help="Sign with this secret (whsec_...), not with a new one.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@click.option("--json", "to_json", is_flag=True, help="Print each delivery as a line of JSON, headers and body.")
def listen(
    *, program: str, url: str | None, events: str, after: int | None, secret: str | None, count: int | None,
    to_json: bool,
) -> None:  # fmt: skip
    """Show what webhooks are told, as it happens, and forward it to an address of this machine.

    No webhook is needed for it, and nothing is noted: what is not listened to is gone. Ctrl-C ends it.
    """
    from api.cli.session import session

    types = _types(events)
    _check_url(url)
    key = _secret(secret)

    async def work(wired: "Wired") -> None:
        from application.listening import messages
        from application.signatures import shown
        from infrastructure.outgoing import Outgoing

        await wired.programs.get(program)
        position = await wired.positions.head() if after is None else after
        if not to_json:
            click.echo(f"Listening. Deliveries are signed with {shown(key)}")
        heard = 0
        async with aclosing(Outgoing(to_loopback=True)) as post:
            while True:
                found = messages(wired.store, wired.webhooks.whose, program, types=types, after=position)
                async for place, told in found:
                    position = place
                    await _forward(post, url, told, key, to_json=to_json)
                    heard += 1
                    if heard == count:
                        return
                await asyncio.sleep(_EVERY)

    session(work)


@click.command()
@click.argument("event")
@_PROGRAM
@click.option("--webhook", help="Send it to this webhook only.")
@click.option("--to", "url", help="Send it to this address, such as http://localhost:9000/hook, and to no webhook.")
@click.option("--secret", help="Sign with this secret (whsec_...): with --to.")
def trigger(*, event: str, program: str, webhook: str | None, url: str | None, secret: str | None) -> None:
    """Make a sample of an event up, and send it to the webhooks that are told of such events.

    Nothing is recorded. Exit code 1 when somebody did not receive it.
    """
    from api.cli.session import session

    if webhook is not None and url is not None:
        raise click.UsageError("give --webhook or --to, not both")
    (name,) = _types(event) or {""}
    _check_url(url)
    key = _secret(secret)

    async def work(wired: "Wired") -> "list[tuple[str, Reply]]":
        from uuid import uuid4

        from application.deliveries import tell
        from application.messages import sample
        from infrastructure.clock import utc_now
        from infrastructure.outgoing import Outgoing

        await wired.programs.get(program)
        now = utc_now()
        told = sample(name, program, now, uuid4())
        if url is not None:
            async with aclosing(Outgoing(to_loopback=True)) as post:
                return [(url, await tell(post, url, told, [key], now))]
        return [
            (hook.id, await tell(wired.outgoing, hook.url, told, hook.secrets(wired.vault, now), now))
            for hook in await _told_of(wired, program, name, webhook)
        ]

    replies = session(work)
    for receiver, reply in replies:
        click.echo(f"{name} -> {receiver}  {_said(reply)}")
    if not replies:
        raise click.ClickException(f"no webhook of {program} is told of {name}")
    if not all(reply.good for _, reply in replies):
        raise Exit(1)


async def _told_of(wired: "Wired", program: str, name: str, webhook: str | None) -> "list[Any]":
    from application import webhooks

    if webhook is not None:
        return [await webhooks.one(wired.webhooks, program, webhook)]
    found = await wired.webhooks.listed(program, "", 1_000)
    return [hook for hook in found if hook.disabled_at is None and (not hook.types or name in hook.types)]


async def _forward(post: "Any", url: str | None, told: "Message", secret: bytes, *, to_json: bool) -> None:
    import msgspec

    from application.deliveries import TIMEOUT, Reply
    from application.signatures import headers
    from infrastructure.clock import utc_now

    body = msgspec.json.encode(told)
    signed = headers(told.id, utc_now(), body, [secret])
    reply = Reply()
    if url is not None:
        reply = await post.post(url, {"content-type": "application/json"} | signed, body, TIMEOUT)
    if to_json:
        line = {"headers": signed, "body": body.decode()} | ({"status": reply.status} if url is not None else {})
        click.echo(msgspec.json.encode(line).decode())
    else:
        said = f"  {_said(reply)}" if url is not None else ""
        click.echo(f"{told.time.isoformat(timespec='seconds')}  {told.type:<20}  {told.id}{said}")


def _said(reply: "Reply") -> str:
    return f"{reply.status if reply.good else reply.error} ({reply.seconds * 1000:.0f} ms)"


def _types(events: str) -> frozenset[str]:
    from application.messages import TYPES

    names = frozenset(name.strip() for name in events.split(",") if name.strip())
    if unknown := sorted(names - set(TYPES)):
        raise click.UsageError(f"no such event: {', '.join(unknown)}; see docs/reference/events.md")
    return names


def _check_url(url: str | None) -> None:
    from infrastructure.outgoing import check_url

    if url is not None:
        try:
            check_url(url, to_loopback=True)
        except ValueError as error:
            raise click.UsageError(f"{url}: {error}, or is this machine's own") from None


def _secret(text: str | None) -> bytes:
    import os

    from application.signatures import secret_of

    if text is None:
        return os.urandom(32)
    try:
        return secret_of(text)
    except ValueError:
        raise click.UsageError("a secret is whsec_ and base64") from None
