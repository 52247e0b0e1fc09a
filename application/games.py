"""Badges a member was granted, and why an activity moved streaks, brought badges, counted for a friend, or did not."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from application.answers import activity_ref
from application.handle import Handler
from application.history import past
from domain.log import Entry
from domain.member.activities import Evaluated
from domain.member.commands import RecordActivity
from domain.member.counters import in_days
from domain.member.events import BadgeGranted, BadgeRevoked, ReferralConverted, StreakMoved
from domain.member.games import Referred
from domain.member.state import Member, evolve
from domain.rules.expression import Tree, clauses

Json = dict[str, Any]


async def badges(handler: Handler, program: str, member: str, *, limit: int = 100, cursor: int = 0) -> Json:
    """Every badge the member was ever granted, oldest first, and whether it is still held."""
    loaded, known = await handler.find(program, member)
    found = await past(handler, known, loaded.stream, handler.now(loaded))
    items: dict[tuple[str, str], Json] = {}
    for entry in found.entries:
        for event in entry.events:
            if isinstance(event, BadgeGranted):
                items[event.badge, event.period] = {
                    "badge": event.badge,
                    "period": event.period,
                    "granted_at": event.at,
                    "state": "held",
                    "revoked_at": None,
                    "activity": activity_ref(
                        entry.stream_id, event.restated.activity if event.restated else entry.version
                    ),
                    "rulebook": event.restated.rulebook if event.restated else entry.pins.rulebook,
                }
            elif isinstance(event, BadgeRevoked):
                items[event.badge, event.period] |= {"state": "revoked", "revoked_at": entry.at}
    every = list(items.values())
    page = every[cursor : cursor + limit]
    return {"items": page, "next_cursor": str(cursor + limit) if len(every) > cursor + limit else None}


# --- why -----------------------------------------------------------------------------------------


def explained(evaluated: Evaluated, entry: Entry, before: Member) -> Json:
    """What an activity did to each streak and badge of its type, and by a referral; nothing where none looks at it."""
    book, kind = evaluated.book, evaluated.kind
    found: Json = {}
    if book.streaks(kind):
        found["streaks"] = list(_streaks(evaluated, entry))
    if book.badges(kind):
        found["badges"] = list(_badges(evaluated, entry, before))
    if before.referred is not None:
        found["referral"] = _referral(before.referred, kind, entry)
    return found


def _streaks(evaluated: Evaluated, entry: Entry) -> Iterator[Json]:
    errors = dict(evaluated.failed)
    moves = {event.streak: event for event in entry.events if isinstance(event, StreakMoved)}
    for streak in evaluated.book.streaks(evaluated.kind):
        move = moves.get(streak.id)
        note = None
        if streak.id not in evaluated.ticked:
            note = "its condition does not hold"
        elif move is None:
            note = f"this {streak.declared.period} had counted already"
        yield {
            "streak": streak.id,
            "ticked": move is not None,
            "clauses": _clauses(evaluated.book.trees.get(f"/streaks/{streak.id}/when"), evaluated.reading),
            "current": move.current if move else None,
            "longest": move.longest if move else None,
            "previous": move.previous if move else None,
            "reason": move.reason if move else None,
            "error": errors.get(streak.rule),
            "note": note,
        }


def _badges(evaluated: Evaluated, entry: Entry, before: Member) -> Iterator[Json]:
    own = (event for event in entry.events if isinstance(event, BadgeGranted) and event.restated is None)
    granted = {event.badge: event for event in own}
    # Badges are looked at with the member as the activity leaves it.
    member = before.copy()
    for event in entry.events:
        if isinstance(event, BadgeGranted):
            break
        evolve(member, event, entry.stamp)  # type: ignore[arg-type]
    reading = evaluated.reading.of(member)
    for badge in evaluated.book.badges(evaluated.kind):
        declared, mine = badge.declared, granted.get(badge.id)
        value = None
        if declared.measure is not None:
            value = reading.counter(declared.measure, declared.window)
        already = mine is None and _held(member, badge.counter, badge.days(evaluated.day))
        yield {
            "badge": badge.id,
            "granted": mine is not None,
            "period": badge.period(evaluated.day),
            "clauses": _clauses(evaluated.book.trees.get(f"/badges/{badge.id}/when"), reading),
            "value": value,
            "at": declared.at,
            "note": None if mine is not None else "held already" if already else "not reached",
        }


def _referral(referred: Referred, kind: str, entry: Entry) -> Json:
    """Whether the activity of a friend counted for whoever brought the friend, and why not."""
    converted = next((event for event in entry.events if isinstance(event, ReferralConverted)), None)
    note = None
    if converted is None and isinstance(entry.input, RecordActivity) and entry.input.occurred_at < referred.at:
        note = "it happened before the code was used"
    elif converted is None:
        counted = [name for name in referred.referrals if referred.conversions.get(name)]
        note = f"counted already: {', '.join(counted)}" if counted else f"none of them is for {kind}"
    return {
        "referrals": list(converted.referrals) if converted is not None else [],
        "counted": converted is not None,
        "rulebook": referred.rulebook,
        "owner_rewards": [msgspec.to_builtins(one) for one in converted.rewards] if converted is not None else [],
        "note": note,
    }


def _held(member: Member, counter: str, days: tuple[int | None, int]) -> bool:
    first, last = days
    if first is None:
        total = member.totals.get(counter)
        return total is not None and total.ever > 0
    return in_days(member, counter, first, last) > 0


def _clauses(tree: Tree | None, reading: Any) -> list[Json]:
    return [msgspec.to_builtins(clause, builtin_types=(datetime,)) for clause in clauses(tree, reading)] if tree else []
