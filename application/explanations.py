"""Why an activity earned what it earned, and why a return took what it took: decided again, and said."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from application import answers, games
from application.answers import parse_ref
from application.handle import Handler
from application.repeats import SEPARATOR
from domain.calendar import recorded_offsets
from domain.errors import UnknownActivity
from domain.log import Entry, fold
from domain.member.activities import Evaluated, evaluate, rulebook_for
from domain.member.closing import moved_id
from domain.member.commands import ApplyCorrection, RecordActivity, ReturnActivity
from domain.member.correcting import correction_cause
from domain.member.draft import Circumstances, Draft
from domain.member.events import ActivityReversed, PointsClawedBack, PointsEarned
from domain.member.offers import Weighed
from domain.member.restating import with_late
from domain.member.settle import settle
from domain.member.state import Member
from domain.redecide import StreamHistory, taken_of
from domain.rules.celtree import references
from domain.rules.earning import RuleTrace, traced
from domain.rules.expression import Clause, EvaluationError

Json = dict[str, Any]


async def ref_of(handler: Handler, program: str, source: str, name: str) -> str:
    """The ref of an activity, or of a return, by its business key. Raises UnknownActivity."""
    for kind in ("activity", "return"):
        held = await handler.store.claim(program, kind, source + SEPARATOR + name)
        if held is not None:
            return answers.activity_ref(held.stream, held.version)
    raise UnknownActivity(f"no activity or return {name!r} of source {source!r}")


async def explain(handler: Handler, program: str, ref: str) -> Json:
    """Why an activity earned what it earned: decided again from the log, under its pinned rulebook."""
    entries, later = await _told(handler, program, ref)
    entry = entries[-1]
    if isinstance(entry.input, ReturnActivity):
        return _explained_return(ref, entry, entries, *await _returned(handler, entry.input, entries))
    if not isinstance(entry.input, RecordActivity):
        raise UnknownActivity("that entry is not an activity")
    known = await handler.programs.get(program, entry.pins.timeline)
    before = Member()
    for earlier in entries[:-1]:
        fold(before, earlier)
    circumstances = Circumstances(
        program=program,
        zone=entry.pins.zone,
        recorded_at=entry.recorded_at,
        timeline=known.timeline().cut(entry.pins.timeline),
        offsets=recorded_offsets(entry.pins.offsets),
        taken=taken_of(entry),
        history=StreamHistory(entries[:-1]),
    )
    evaluated = evaluate_only(before, circumstances, entry.input)
    restated = list(_restated(entry.version, later))
    return {
        "ref": ref,
        "activity": {"source": entry.input.source, "id": entry.input.id, "type": entry.input.type},
        "rulebook": answers.rulebook(entry),
        "awards": answers.awards(entry),
        "effects": answers.effects(entry),
        **explanation(evaluated, entry, before),
        **({"restated": restated} if restated else {}),
    }


async def _returned(handler: Handler, asked: ReturnActivity, entries: list[Entry]) -> tuple[Entry, list[PointsEarned]]:
    """The entry of the activity that came back, and its awards by the lots they have in this stream."""
    if not asked.origin:
        original = next(one for one in entries if one.version == asked.original)
        return original, _awards(original)
    member = Member()
    for entry in entries[:-1]:
        fold(member, entry)
    (original,) = (await handler.entries(UUID(asked.origin), asked.original))[-1:]
    before = member.absorbed.index(asked.origin)
    return original, [msgspec.structs.replace(award, lot=moved_id(award.lot, before)) for award in _awards(original)]


def _awards(entry: Entry) -> list[PointsEarned]:
    return [event for event in entry.events if isinstance(event, PointsEarned) and event.points]


async def entries_until(handler: Handler, program: str, ref: str) -> list[Entry]:
    """The member's entries, up to the one that `ref` names. Raises UnknownActivity."""
    return (await _told(handler, program, ref))[0]


async def _told(handler: Handler, program: str, ref: str) -> tuple[list[Entry], list[Entry]]:
    """The member's entries up to the one that `ref` names, and those after it."""
    stream, version = parsed(ref)
    whole = await handler.entries(stream)
    entries, later = whole[:version], whole[version:]
    if not entries or entries[-1].program != program or entries[-1].version != version:
        raise UnknownActivity("no such activity")
    return entries, later


def _restated(version: int, later: Iterable[Entry]) -> Iterator[Json]:
    """What later entries made of the awards of an activity: late ones that belong before it, and corrections."""
    for entry in later:
        for event in entry.events:
            if not isinstance(event, PointsEarned | PointsClawedBack) or event.restated is None:
                continue
            if event.restated.activity == version:
                points = event.points if isinstance(event, PointsEarned) else -event.points
                asked = entry.input
                yield {
                    "rule": event.rule,
                    "currency": event.currency,
                    "points": points,
                    "cause": correction_cause(asked)
                    if isinstance(asked, ApplyCorrection)
                    else answers.activity_ref(entry.stream_id, entry.version),
                    "recorded_at": entry.recorded_at,
                }


def _explained_return(
    ref: str, entry: Entry, entries: list[Entry], original: Entry, awards: list[PointsEarned]
) -> Json:
    """Why a return took what it took: what each rule had granted, what was taken before, and where it came from now."""
    asked = entry.input
    assert isinstance(asked, ReturnActivity)
    before = Counter[str]()
    for one in entries[:-1]:
        before.update({event.lot: event.points for event in one.events if isinstance(event, PointsClawedBack)})
    taken = {event.lot: event for event in entry.events if isinstance(event, PointsClawedBack)}
    noted = next(event for event in entry.events if isinstance(event, ActivityReversed))
    return {
        "ref": ref,
        "activity": {"source": asked.source, "id": asked.id, "type": asked.type},
        "rulebook": answers.rulebook(entry),
        "returns": {
            "ref": answers.activity_ref(original.stream_id, original.version),
            "source": asked.activity_source,
            "id": asked.activity_id,
            "amount_minor": noted.amount_minor,
            "returned_minor": noted.returned_minor,
            "complete": noted.complete,
        },
        "rules": [_taken(award, before[award.lot], taken.get(award.lot)) for award in awards],
        "given_back": answers.given_back(entry),
        "read": {},
        "effects": answers.effects(entry),
    }


def _taken(award: PointsEarned, before: int, event: PointsClawedBack | None) -> Json:
    """One award of the returned activity: granted, taken back before, and now."""
    sources = (event.from_pending, event.from_lots, event.from_other) if event is not None else ((), (), ())
    return {
        "rule": award.rule,
        "currency": award.currency,
        "granted": award.points,
        "taken_before": before,
        "taken": event.points if event is not None else 0,
        "from_pending": answers.draws(sources[0]),
        "from_lots": answers.draws(sources[1]),
        "from_other": answers.draws(sources[2]),
        "expired": event.expired if event is not None else 0,
        "debt": event.debt if event is not None else 0,
        "written_off": event.written_off if event is not None else 0,
    }


def evaluate_only(member: Member, circumstances: Circumstances, command: RecordActivity) -> Evaluated:
    """The rules over an activity, in its place, with the member as it stood: a decision moves what they read."""
    draft = Draft(member, circumstances, command.occurred_at)
    settle(draft)
    book = rulebook_for(draft, command)
    history = circumstances.history
    if book.restates and circumstances.told is None and history is not None and with_late(draft, book, command):
        return evaluate_only(*history.place_of(command, book.number, circumstances), command)
    return evaluate(draft, draft.member, book, command)


def explanation(evaluated: Evaluated, entry: Entry, before: Member) -> Json:
    """The evaluator's own trace, in the contract's shape, with the lots it opened and what else the entry moved."""
    command = entry.input
    assert isinstance(command, RecordActivity)
    lots: dict[str, list[str]] = {}
    for award in answers.awards(entry):
        lots.setdefault(award["rule"], []).extend(award["lots"])
    traces = traced(evaluated.book, evaluated.kind, command.occurred_at, evaluated.earned, evaluated.reading)
    return {
        "rules": [_trace(trace) | {"lots": lots.get(trace.rule, [])} for trace in traces],
        "offers": [_weighed(one) for one in evaluated.weighed],
        "measures": evaluated.measures,
        "read": _read(evaluated, command),
        "zone": evaluated.zone,
        **games.explained(evaluated, entry, before),
    }


def _weighed(one: Weighed) -> Json:
    """What it counted for a slot, and why nothing."""
    return {
        "offer": one.slot.offer,
        "slot": one.slot.id,
        "step": one.step,
        "progress": one.progress,
        "target": one.offer.goal.target if one.offer.goal else None,
        "completed": one.completes,
        "note": one.note,
    }


def _trace(trace: RuleTrace) -> Json:
    return {
        "rule": trace.rule,
        "phase": trace.phase,
        "matched": trace.matched,
        "clauses": [_clause(clause) for clause in trace.clauses],
        "why_not": None
        if trace.why_not is None
        else _clause(trace.why_not.clause) | {"operands": [_clause(one) for one in trace.why_not.operands]},
        "lines": list(trace.lines) if trace.lines is not None else None,
        "currency": trace.currency,
        "wanted": trace.wanted,
        "granted": trace.granted,
        "limited_by": msgspec.to_builtins(trace.limited_by) if trace.limited_by else None,
        "error": trace.error,
        "note": trace.note,
        "assigns": trace.assigns,
    }


def _clause(clause: Clause) -> Json:
    return {"text": clause.text, "line": clause.line, "column": clause.column, "value": clause.value}


def _read(evaluated: Evaluated, command: RecordActivity) -> Json:
    """What the rules of the type read, by name, with its value."""
    book, reading = evaluated.book, evaluated.reading
    paths = [rule.path for rule in book.rules(command.type)]
    found: Json = {}
    for path, tree in book.trees.items():
        if not any(path.startswith(f"{one}/") for one in paths):
            continue
        for reference in sorted(references(tree)):
            if reference[0] == "line":
                continue  # each line has its own; the trace names those that were meant
            name, value = _value(reading, reference)
            found[name] = value
    return found


def _value(reading: Any, reference: tuple[str, ...]) -> tuple[str, Any]:
    kind, *rest = reference
    try:
        match kind:
            case "activity":
                value: Any = reading.activity
                for part in ".".join(rest).split("."):
                    value = value.get(part) if isinstance(value, Mapping) else None
                return "activity." + ".".join(rest), value
            case "counter":
                return f"member.counters.{rest[0]}.{rest[1]}", reading.counter(*rest)
            case "history":
                value = reading.history(*rest)
                return f"history.{rest[0]}({', '.join(repr(one) for one in rest[1:])})", value
            case "tier":
                return f"member.tiers.{rest[0]}.level", reading.member["tiers"][rest[0]]["level"]
            case "segment":
                return f"member.segments.{rest[0]}", rest[0] in reading.member["segments"]
            case "balance":
                name = ".".join(rest)
                balance = reading.member["balances"][rest[0]]
                return f"member.balances.{name}", balance if len(rest) == 1 else balance[rest[1]]
            case "attribute":
                value = reading.member["attributes"]
                for part in ".".join(rest).split("."):
                    value = value.get(part) if isinstance(value, Mapping) else None
                return "member.attributes." + ".".join(rest), value
            case "local":
                return f"local.{rest[0]}", reading.local[rest[0]]
            case _:
                return ".".join(reference), None
    except (EvaluationError, KeyError) as error:
        return ".".join(reference), f"error: {error}"


def parsed(ref: str) -> tuple[UUID, int]:
    found = parse_ref(ref)
    if found is None:
        raise UnknownActivity("no such activity")
    return found
