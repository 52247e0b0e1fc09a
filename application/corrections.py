"""Corrections: a window decided again under other rules, looked at first, approved by somebody else, then compensated.

    propose -> dry_run (in as many processes as it is given) -> note -> approve -> apply

The proposal, what the dry run found, the approval and the end stand in a stream of the correction's own. Each member
is corrected once (a claim of its stream), and only as it was seen by the dry run: who has moved since is left for the
next correction. So a run that was killed is simply started again.
"""

import asyncio
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import closing, suppress
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec

from application.answers import activity_ref
from application.collector import resting
from application.folding import Connect
from application.handle import AlreadyThere, Handler
from application.ports import HeadMoved, NewRow, NewState, Save
from application.repeats import SEPARATOR
from application.rows import Wish
from application.what_if import Question, WhatIfBody, question
from domain.calendar import BEGINNING, FOREVER, MICROSECOND, Lookup
from domain.correction.commands import (
    ApproveCorrection,
    Cascade,
    CorrectionCommand,
    NoteCorrected,
    NoteDryRun,
    ProposeCorrection,
)
from domain.correction.decide import applied, approve, tried
from domain.correction.events import CorrectionEventUnion, CorrectionProposed, MemberToCorrect
from domain.correction.state import Correction, evolve
from domain.differences import differences, reversal
from domain.errors import InvalidPayload, Refused, UnknownCorrection, VersionConflict
from domain.log import ENGINE, NO_DIGEST, TOPIC, Claim, Entry, Pins, Row, decode, encode, row_digest, stream_name
from domain.member.commands import ApplyCorrection
from domain.rules.rulebook import digest_of

Json = dict[str, Any]
Progress = Callable[[int, int], None]

AT_ONCE = 64
"""Members that are corrected side by side."""
MOST = 20_000
"""How many members one correction changes at most: a wider one is several."""
COLUMNS = (
    "member", "activity", "occurred_at", "rule", "currency", "wanted", "recorded", "difference", "state",
)  # fmt: skip


class CorrectionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The window, by the time that rules an activity; a draft (`rb_7`) or a version to decide it under.

    `rules` and `members` left out are all. `cascade: to_now` also looks at what came after the window, under its own
    rules. With `reverses`, the id of a correction, there is no rulebook and no window.
    """

    rulebook: str | int | None = None
    from_: datetime | None = msgspec.field(default=None, name="from")
    to: datetime | None = None
    rules: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    cascade: Cascade = "none"
    reverses: str | None = None
    reason: str = ""


class Known(msgspec.Struct, frozen=True):
    """A correction folded from its stream, and the end of its chain."""

    id: str
    stream: UUID
    correction: Correction
    version: int
    digest: bytes
    recorded_at: datetime | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """All that a task of a dry run needs to know; it pickles. `question` is None for a reversal."""

    program: str
    correction: str
    question: Question | None
    to_now: bool = False
    rules: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    reverses: str = ""


class Found(msgspec.Struct):
    """What a dry run found: the members to correct, and sums of what they would have."""

    members: list[MemberToCorrect] = []
    available: dict[str, list[int]] = {}
    debt: dict[str, list[int]] = {}
    tiers: dict[str, int] = {}

    def add(self, other: "Found") -> None:
        self.members += other.members
        for mine, theirs in ((self.available, other.available), (self.debt, other.debt)):
            for currency, pair in theirs.items():
                so_far = mine.setdefault(currency, [0, 0])
                so_far[0] += pair[0]
                so_far[1] += pair[1]
        for move, count in other.tiers.items():
            self.tiers[move] = self.tiers.get(move, 0) + count


# --- proposing and trying ----------------------------------------------------------------------


async def propose(handler: Handler, program: str, document: Json | None, body: CorrectionBody, *, actor: str) -> Asked:
    """Note a proposal; what its dry run needs. Raises RulebookInvalid, BadTime, UnknownMember, UnknownCorrection."""
    if (document is None) == (body.reverses is None):
        raise InvalidPayload("give one of rulebook, reverses", errors=[("/rulebook", "exactly one of the two")])
    asked: Question | None = None
    if document is not None:
        asked = await question(handler, program, document, WhatIfBody(from_=body.from_, to=body.to))
    if body.reverses is not None:
        await find(handler, program, body.reverses)
    await _know_rules(handler, program, document, body.rules)
    streams = [(await handler.find(program, name))[0].stream.hex for name in body.members]
    stream = handler.new_id()
    name = f"cor_{stream.hex}"
    begins, ends = (asked.begins, asked.ends) if asked is not None else (BEGINNING, FOREVER)
    said: Any = {
        "begins": begins,
        "ends": ends,
        "cascade": body.cascade,
        "rules": body.rules,
        "members": tuple(streams),
        "reverses": body.reverses or "",
        "reason": body.reason,
    }
    event = CorrectionProposed(document=document or {}, trees=asked.trees if asked is not None else {}, **said)
    command = ProposeCorrection(digest=digest_of(document) if document is not None else "", **said)
    new = Known(name, stream, Correction(), 0, NO_DIGEST, None)
    await _append(handler, program, new, [(command, event)], actor)
    return Asked(
        program=program,
        correction=name,
        question=asked,
        to_now=body.cascade == "to_now",
        rules=frozenset(body.rules),
        members=frozenset(body.members),
        reverses=body.reverses or "",
    )


async def _know_rules(handler: Handler, program: str, document: Json | None, names: Sequence[str]) -> None:
    """Raises InvalidPayload for a name that no rule has or ever had: nobody would learn why nothing is corrected."""
    if not names:
        return
    known = await handler.programs.get(program, await handler.store.timeline(program))
    documents = [document or {}, *(published.document for published in known.documents.values())]
    rules = {rule["id"] for one in documents for rule in one.get("rules", ())}
    # What badges, offers and the like grant is under names such as badge:early.
    wrong = [place for place, name in enumerate(names) if name not in rules and ":" not in name]
    if wrong:
        raise InvalidPayload("there is no such rule", errors=[(f"/rules/{place}", "no rule's id") for place in wrong])


def dry_run(
    connect: Connect,
    asked: Asked,
    offset: Lookup,
    *,
    executor: Executor,
    of: int = 1,
    progress: Progress = lambda _done, _total: None,
) -> Found:
    """What would be corrected, range by range of members. Writes nothing. Raises InvalidPayload for too many."""
    whole = Found()
    tasks = [executor.submit(range_of, connect, asked, offset, number, of) for number in range(of)]
    progress(0, of)
    try:
        for done, task in enumerate(as_completed(tasks), start=1):
            whole.add(task.result())
            progress(done, of)
    finally:
        for task in tasks:
            task.cancel()
    if len(whole.members) > MOST:
        raise InvalidPayload(f"{len(whole.members)} members would be corrected, {MOST} at most: narrow the window")
    whole.members.sort(key=lambda one: one.stream)
    return whole


def range_of(connect: Connect, asked: Asked, offset: Lookup, number: int, of: int) -> Found:
    """The members of one range out of `of`."""
    first, last = UUID(int=2**128 * number // of), UUID(int=2**128 * (number + 1) // of - 1)
    what_if = asked.question.what_if(offset) if asked.question is not None else None
    found = Found()
    with resting(), connect() as view, closing(view.states(asked.program, first, last)) as states:
        for stream, rows in groupby(states, key=itemgetter(0)):
            stored = [state for _, state in rows]
            if what_if is None:
                back = reversal(stored, asked.reverses)
                if back:
                    found.members.append(MemberToCorrect(stream.hex, len(stored), back))
                continue
            told = differences(what_if, stored, to_now=asked.to_now, rules=asked.rules, members=asked.members)
            if told is None:
                continue
            found.members.append(MemberToCorrect(stream.hex, told.version, told.rows))
            for currency in told.recorded.balances.keys() | told.tried.balances.keys():
                pair = [side.balances.get(currency) for side in (told.recorded, told.tried)]
                for sums, field in ((found.available, "available"), (found.debt, "debt")):
                    so_far = sums.setdefault(currency, [0, 0])
                    for side, held in enumerate(pair):
                        so_far[side] += getattr(held, field) if held is not None else 0
            for name in told.recorded.tiers.keys() | told.tried.tiers.keys():
                before, after = told.recorded.tiers.get(name), told.tried.tiers.get(name)
                if before != after:
                    move = SEPARATOR.join((name, before or "", after or ""))
                    found.tiers[move] = found.tiers.get(move, 0) + 1
    return found


async def note(handler: Handler, program: str, name: str, found: Found, *, actor: str) -> Json:
    """Note what a dry run found, so that it can be approved. The sums, for the job."""
    known = await find(handler, program, name)
    parts = tried(found.members)
    await _append(handler, program, known, [(NoteDryRun(part=part.part, of=part.of), part) for part in parts], actor)
    return {
        "correction": name,
        "members": len(found.members),
        "available": {currency: _pair(pair) for currency, pair in sorted(found.available.items())},
        "debt": {currency: _pair(pair) for currency, pair in sorted(found.debt.items())},
        "tiers": [
            dict(zip(("set", "from", "to"), move.split(SEPARATOR), strict=True)) | {"members": count}
            for move, count in sorted(found.tiers.items())
        ],
    }


def _pair(pair: Sequence[int]) -> Json:
    return {"recorded": pair[0], "corrected": pair[1]}


# --- approving and applying --------------------------------------------------------------------


async def approved(handler: Handler, program: str, name: str, *, actor: str) -> Known:
    """Approve it, unless that was done. Raises UnknownCorrection, NotTried, SameActor."""
    known = await find(handler, program, name)
    events = approve(known.correction, actor)
    if events:
        # Unless somebody else has approved it just now.
        with suppress(HeadMoved):
            await _append(handler, program, known, [(ApproveCorrection(), events[0])], actor)
        known = await find(handler, program, name)
    return known


async def apply(handler: Handler, program: str, name: str, *, progress: Progress = lambda _done, _total: None) -> Json:
    """Correct each member once, as it was seen; who has moved since is listed. Whoever was corrected stays so."""
    known = await find(handler, program, name)
    correction = known.correction
    if correction.state not in ("approved", "applied"):
        raise InvalidPayload("the correction is not approved")
    assert correction.asked is not None
    reverses = correction.asked.reverses
    moved: list[str] = []
    done = 0
    for some in _parts(correction.members):
        # Side by side, for the log takes many saves at a time.
        outcomes = await asyncio.gather(
            *(
                _corrected(
                    handler,
                    program,
                    one,
                    ApplyCorrection(correction=name, seen=one.version, rows=one.rows, reverses=reverses),
                    correction.approver,
                )
                for one in some
            )
        )
        moved += [one.stream for one, corrected in zip(some, outcomes, strict=True) if not corrected]
        done += len(some)
        progress(done, len(correction.members))
    if correction.state == "approved":
        event = applied(moved, len(correction.members))
        with suppress(HeadMoved):  # another run was faster
            await _append(handler, program, known, [(NoteCorrected(), event)], correction.approver)
    return {"correction": name, "applied": len(correction.members) - len(moved), "moved": len(moved)}


def _parts(members: Sequence[MemberToCorrect]) -> Iterator[Sequence[MemberToCorrect]]:
    for start in range(0, len(members), AT_ONCE):
        yield members[start : start + AT_ONCE]


async def _corrected(
    handler: Handler, program: str, one: MemberToCorrect, command: ApplyCorrection, actor: str
) -> bool:
    """Whether the member is corrected now, by this run or by one before it."""
    key = f"{command.correction}/{one.stream}"
    if await handler.store.claim(program, "correction", key) is not None:
        return True
    wish = Wish(
        program=program,
        command=command,
        actor=actor,
        claims=(Claim("correction", key),),
        cause=f"correction:{command.correction}",
    )
    try:
        # Not the one that it was merged into: that has other entries.
        loaded, known = await handler.load_itself(program, UUID(one.stream))
        await handler.handle(wish, loaded, known)
    except AlreadyThere:
        return True
    except VersionConflict:
        return False
    except Refused:
        # What cannot be corrected (an amount beyond all bounds) is somebody's to look at, as what has moved is.
        return False
    return True


# --- reading -----------------------------------------------------------------------------------


async def find(handler: Handler, program: str, name: str) -> Known:
    """A correction by its id. Raises UnknownCorrection."""
    rows = await rows_of(handler, program, name)
    return folded(name, rows, [decode(row.state) for row in rows])


async def rows_of(handler: Handler, program: str, name: str) -> list[Row]:
    """What is stored of a correction. Raises UnknownCorrection."""
    try:
        stream = UUID(name.removeprefix("cor_")) if name.startswith("cor_") else None
    except ValueError:
        stream = None
    rows = await handler.store.rows(stream) if stream is not None else []
    if not rows or rows[0].program != program or rows[0].kind != "correction":
        raise UnknownCorrection(f"there is no correction {name!r}")
    return rows


def folded(name: str, rows: Sequence[Row], entries: Sequence[Entry]) -> Known:
    correction = Correction()
    for entry in entries:
        for event in entry.events:
            correction = evolve(correction, event, entry.actor, entry.recorded_at)  # type: ignore[arg-type]
    last = rows[-1]
    return Known(name, last.stream, correction, last.version, last.digest, last.recorded_at)


async def read(handler: Handler, program: str, name: str, *, limit: int = 100, cursor: int = 0) -> Json:
    """A correction in the contract's shape, with a page of what it changes: by activity and rule."""
    known = await find(handler, program, name)
    correction = known.correction
    asked = correction.asked
    assert asked is not None
    totals: dict[tuple[str, str], list[int]] = {}
    for one in correction.members:
        for row in one.rows:
            for award in row.awards:
                so_far = totals.setdefault((award.rule, award.currency), [0, 0])
                so_far[0] += 1
                so_far[1] += award.points
    page = await _rows(handler, program, known, correction.members, skip=cursor, limit=limit + 1)
    return {
        "correction": name,
        "state": correction.state,
        "reason": asked.reason,
        "window": {
            "from": asked.begins if asked.begins > BEGINNING else None,
            "to": asked.ends if asked.ends < FOREVER else None,
        },
        "cascade": asked.cascade,
        "rules": list(asked.rules),
        "reverses": asked.reverses or None,
        "proposed_by": correction.proposer,
        "proposed_at": correction.proposed_at,
        "approved_by": correction.approver or None,
        "approved_at": correction.approved_at,
        "members": len(correction.members),
        "applied": correction.applied,
        "moved": [await name_of(handler, program, stream) for stream in correction.moved],
        "totals": [
            {"rule": rule, "currency": currency, "activities": count, "difference": points}
            for (rule, currency), (count, points) in sorted(totals.items())
        ],
        "items": page[:limit],
        "next_cursor": str(cursor + limit) if len(page) > limit else None,
    }


async def as_csv(handler: Handler, program: str, name: str) -> str:
    """All of what a correction changes."""
    known = await find(handler, program, name)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in await _rows(handler, program, known, known.correction.members):
        writer.writerow({**row, "occurred_at": row["occurred_at"].isoformat()})
    return text.getvalue()


async def _rows(
    handler: Handler,
    program: str,
    known: Known,
    members: Sequence[MemberToCorrect],
    *,
    skip: int = 0,
    limit: int | None = None,
) -> list[Json]:
    found: list[Json] = []
    moved = set(known.correction.moved)
    number = 0
    for one in members:
        count = sum(len(row.awards) for row in one.rows)
        if number + count <= skip:
            number += count
            continue
        whose = await name_of(handler, program, one.stream)
        state = "moved" if one.stream in moved else known.correction.state
        for row in changes_of(one, whose, state):
            if number >= skip:
                found.append(row)
            number += 1
            if limit is not None and len(found) == limit:
                return found
    return found


def changes_of(one: MemberToCorrect, whose: str | None, state: str) -> Iterator[Json]:
    """What it changes of a member, by activity and rule."""
    for row in one.rows:
        for award in row.awards:
            yield {
                "member": whose,
                "activity": activity_ref(UUID(one.stream), row.activity),
                "occurred_at": row.at,
                "rule": award.rule,
                "currency": award.currency,
                "wanted": award.wanted,
                "recorded": award.wanted - award.points,
                "difference": award.points,
                "state": state,
            }


async def name_of(handler: Handler, program: str, stream: str) -> str | None:
    """The client's id of a member; None for an erased one."""
    loaded, _ = await handler.load(program, UUID(stream))
    return loaded.member.id if loaded.member.status != "erased" else None


# --- writing -----------------------------------------------------------------------------------


async def _append(
    handler: Handler,
    program: str,
    known: Known,
    steps: Sequence[tuple[CorrectionCommand, CorrectionEventUnion]],
    actor: str,
) -> None:
    """The next entries of a correction's stream, in one save."""
    save = handler.new_id()
    now = await handler.clock.now(program)
    version, digest, last = known.version, known.digest, known.recorded_at
    rows = []
    for command, event in steps:
        version += 1
        recorded_at = now if last is None or now > last else last + MICROSECOND
        entry = Entry(
            stream=stream_name(program, "correction", known.stream),
            version=version,
            save=save.hex,
            recorded_at=recorded_at,
            at=recorded_at,
            actor=actor,
            input=command,
            pins=Pins(engine=ENGINE),
            events=(event,),
        )
        state = encode(entry)
        digest = row_digest(
            digest,
            program=program,
            kind="correction",
            stream=known.stream,
            version=version,
            recorded_at=recorded_at,
            topic=TOPIC,
            state=state,
        )
        rows.append(
            NewRow(
                entry=entry, stream=known.stream, program=program, kind="correction", topic=TOPIC, state=state,
                digest=digest,
            )
        )  # fmt: skip
        last = recorded_at
    rows[-1] = msgspec.structs.replace(rows[-1], member_state=NewState(0, None, b""))
    await handler.store.append(Save(program=program, rows=tuple(rows)))
