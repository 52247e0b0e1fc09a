"""Activities: check the payload, hide what is personal, record, simulate, explain."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from application import answers, referrals
from application.answers import Answered, answered
from application.explanations import evaluate_only, explanation, parsed
from application.handle import Handler, Stored
from application.members import EnrolBody, LookupBody, enrol, lookup
from application.payloads import ActivityBody, command_of, sane
from application.points import reverse
from application.programs import KnownProgram
from application.recent import Loaded
from application.repeats import SEPARATOR, Ask, carry_out
from application.rows import Wish
from application.sealing import seal_payload
from domain.errors import (
    InvalidPayload,
    MemberExists,
    UnknownActivity,
    UnknownActivityType,
    UnknownMember,
    UnknownMoney,
)
from domain.log import ENGINE, Entry, Pins, after, decode, stream_name
from domain.member.commands import RecordActivity, ReturnActivity
from domain.member.decide import Decision, next_instant
from domain.member.draft import Circumstances
from domain.member.shape import bring_in
from domain.rules.check import check
from domain.rules.compiled import ENROLLED, CompiledRulebook
from domain.rules.rulebook import digest_of, read
from domain.rules.timeline import Published

Json = dict[str, Any]


class SimulateBody(ActivityBody, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The same, tried without writing; `rulebook` names a draft (rb_7) or a version to try it under."""

    rulebook: str | int | None = None


async def record(
    handler: Handler,
    program: str,
    body: ActivityBody,
    *,
    actor: str,
    key: str | None = None,
    correlation: str | None = None,
) -> Answered:
    """Record an activity: durable before it is answered. Raises Refused."""
    sane(body, handler.zones)
    loaded, known = await _whose(handler, program, body, actor)
    ask = Ask(
        program=program,
        route="activities",
        body=msgspec.to_builtins(body),
        actor=actor,
        key=key,
        business=(("activity", body.source + SEPARATOR + body.id),),
        correlation=correlation,
    )

    def wish(loaded: Loaded, known: KnownProgram) -> Wish:
        # The rules say what the payload must fit, and what of it is personal: with other rules it is read anew.
        book = _ruling(known, body, handler.now(loaded))
        declared = book.activity(body.type)
        if declared is not None and declared.role == "reverses":
            raise _Reverses(book)
        command = command_of(body, book)
        if loaded.key is not None:
            data, sealed = seal_payload(
                handler.crypto, command.data, declared, key=loaded.key, program=program, stream=loaded.stream
            )
            command = msgspec.structs.replace(command, data=data, sealed=sealed)
        return Wish(program=program, command=command, actor=actor)

    try:
        found = await carry_out(handler, ask, wish, loaded, known)
    except _Reverses as type_of_return:
        return await reverse(handler, ask, type_of_return.book, body)
    if found.promises:
        await referrals.keep(handler, program, found)
    newest = await handler.programs.newest_at(program, found.entry.pins.timeline)
    return answered(found, answers.activity(found, loaded.member.id, newest))


class _Reverses(Exception):
    """The rules say that an activity of this type is a return."""

    def __init__(self, book: CompiledRulebook) -> None:
        super().__init__()
        self.book = book


async def simulate(handler: Handler, program: str, body: SimulateBody, *, draft: Json | None = None) -> Json:
    """The answer `record` would give, with the explanation. Writes nothing.

    `draft` is a document to try instead of the published versions.
    """
    sane(body, handler.zones)
    loaded, known = await handler.find(program, await _member_id(handler, program, body))
    # The explanation reads more than a decision does: clauses that did not matter, months long past.
    whole = bring_in(loaded.member, await handler.store.cold(loaded.stream))
    loaded = msgspec.structs.replace(loaded, member=whole)
    now = handler.now(loaded)
    if draft is not None:
        known = trying(known, draft, now)
    elif isinstance(body.rulebook, int):
        known = _under(known, body.rulebook)
    command = command_of(body, _ruling(known, body, now))
    return await told(handler, loaded, known, command, next_instant(loaded.member, now))


async def told(
    handler: Handler, loaded: Loaded, known: KnownProgram, command: RecordActivity, recorded_at: datetime
) -> Json:
    """What deciding an activity would answer, with the explanation. Writes nothing."""
    decision, circumstances = await handler.decide(command, loaded, known, recorded_at)
    entry = _as_entry(known.program.id, loaded, command, decision, circumstances)
    return answers.activity(Stored(entry, 0), loaded.member.id, circumstances.timeline.at(recorded_at)) | {
        "simulated": True,
        "explanation": explanation(evaluate_only(loaded.member, circumstances, command), entry, loaded.member),
    }


async def get(handler: Handler, program: str, ref: str) -> Json:
    """A recorded activity, answered as it was when it was recorded."""
    stream, version = parsed(ref)
    return await _shown(handler, program, stream, version)


async def find(handler: Handler, program: str, source: str, activity_id: str) -> Json:
    """A recorded activity by its business key."""
    held = await handler.store.claim(program, "activity", source + SEPARATOR + activity_id)
    if held is None:
        raise UnknownActivity(f"no activity {activity_id!r} of source {source!r}")
    return await _shown(handler, program, held.stream, held.version)


# --- whose, and under which rules --------------------------------------------------------------


def _ruling(known: KnownProgram, body: ActivityBody, now: datetime) -> CompiledRulebook:
    """The version whose schema the payload must fit; the domain decides the rest (and what is unknown)."""
    timeline = known.timeline()
    latest = timeline.at(now)
    by_recording = latest is not None and latest.document.late.rule_time == "recorded"
    book = latest if by_recording else timeline.at(body.occurred_at)
    if book is None or book.activity(body.type) is None or body.type == ENROLLED:
        raise UnknownActivityType(
            f"{body.type!r} is not an activity type of the rulebook in force",
            errors=[("/type", "declare it under `activities`, or correct the type")],
        )
    declared = book.activity(body.type)
    if declared is not None and declared.money is not None:
        money: Any = body.data
        for part in declared.money.removeprefix("/").split("/"):
            money = money.get(part) if isinstance(money, dict) else None
        if money is not None and money != known.program.money:
            raise UnknownMoney(
                f"this program counts in {known.program.money}",
                errors=[(f"/data{declared.money}", f"only {known.program.money}")],
            )
    return book


async def _whose(handler: Handler, program: str, body: ActivityBody, actor: str) -> tuple[Loaded, KnownProgram]:
    """The member an activity is of, enrolled on the spot where the rulebook says so."""
    member = await _member_id(handler, program, body)
    try:
        return await handler.to_change(program, member)
    except UnknownMember:
        pass
    # A repeat of an activity whose member was erased must say so, whoever has the id now.
    there = await handler.store.claim(program, "activity", body.source + SEPARATOR + body.id)
    if there is not None:
        return await handler.load(program, there.stream)
    known = await handler.programs.get(program)
    book = _ruling(known, body, await handler.clock.now(program))
    if book.document.unknown_member == "enrol" and body.member is not None:
        command_of(body, book)
        # Unless another activity of the same stranger was faster.
        with suppress(MemberExists):
            await enrol(handler, program, EnrolBody(id=member, enrolled_at=body.occurred_at), actor=actor)
        return await handler.find(program, member)
    raise await handler.unknown(program, member)


async def _member_id(handler: Handler, program: str, body: ActivityBody) -> str:
    if (body.member is None) == (body.member_email is None):
        raise InvalidPayload(
            "give one of member, member_email", errors=[("/member", "exactly one of member, member_email")]
        )
    if body.member is not None:
        return body.member
    found: str = (await lookup(handler, program, LookupBody(email=body.member_email)))["id"]
    return found


def _under(known: KnownProgram, number: int) -> KnownProgram:
    known.load(number)
    published = tuple(version for version in known.program.published if version.number <= number)
    program = msgspec.structs.replace(known.program, published=published)
    return msgspec.structs.replace(known, program=program)


def trying(known: KnownProgram, document: Json, now: datetime) -> KnownProgram:
    """The program as if `document` had been published from the beginning."""
    checked = check(document)
    if not checked.ok:
        raise InvalidPayload(
            "the draft has errors: check it first",
            errors=[(one.at, one.message) for one in checked.findings if one.severity == "error"],
        )
    number = len(known.program.published) + 1
    trial = CompiledRulebook(number, digest_of(document), read(document), checked.trees)
    version = Published(number, trial.digest, datetime.min.replace(tzinfo=UTC), now)
    program = msgspec.structs.replace(known.program, published=(*known.program.published, version))
    return msgspec.structs.replace(known, program=program, compiled={**known.compiled, number: trial})


def _as_entry(
    program: str, loaded: Loaded, command: RecordActivity, decision: Decision, circumstances: Circumstances
) -> Entry:
    return Entry(
        stream=stream_name(program, "member", loaded.stream),
        version=decision.member.version,
        save="",
        recorded_at=circumstances.recorded_at,
        at=decision.at,
        actor="",
        input=command,
        pins=Pins(
            engine=ENGINE,
            timeline=circumstances.timeline.number,
            rulebook=decision.rulebook,
            rulebooks=circumstances.timeline.used,
        ),
        events=decision.events,
        settled=decision.settled,
        after=after(decision.member, circumstances.recorded_at),
    )


async def _shown(handler: Handler, program: str, stream: UUID, version: int) -> Json:
    rows = await handler.store.rows(stream, after=version - 1, upto=version)
    if not rows or rows[0].program != program:
        raise UnknownActivity("no such activity")
    entry = decode(rows[0].state)
    if not isinstance(entry.input, RecordActivity | ReturnActivity):
        raise UnknownActivity("that entry is not an activity")
    loaded, _ = await handler.load(program, stream)
    found = Stored(entry, rows[0].position)
    book = await handler.programs.newest_at(program, entry.pins.timeline)
    if isinstance(entry.input, ReturnActivity):
        return answers.returned(found, loaded.member.id, book)
    return answers.activity(found, loaded.member.id, book) | {
        "data": entry.input.data,
        "metadata": entry.input.metadata,
    }
