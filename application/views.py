"""How a member reads: balances, tiers with what it takes to keep or reach, counters."""

from datetime import date, datetime
from typing import Any

import msgspec

from application.handle import Handler
from application.programs import KnownProgram
from application.recent import Loaded
from domain.calendar import MICROSECOND
from domain.member import counters
from domain.member.counters import ColdHistoryNeeded
from domain.member.draft import Circumstances, local_day
from domain.member.floors import in_force
from domain.member.levels import evidence
from domain.member.offers import by_assignment
from domain.member.settle import settled
from domain.member.shape import bring_in
from domain.member.slots import Slot
from domain.member.state import Member, TierStanding
from domain.member.wallet import Balance, balance, currencies
from domain.rules.compiled import CompiledRulebook
from domain.rules.tiers import Tiers, rank

Json = dict[str, Any]


async def member_view(handler: Handler, known: KnownProgram, loaded: Loaded, now: datetime) -> Json:
    """A member as time has made it by `now`; nothing is written."""
    current, circumstances = await current_member(handler, known, loaded, now)
    try:
        return shown(current, circumstances, now)
    except ColdHistoryNeeded:
        return shown(bring_in(current, await handler.store.cold(loaded.stream)), circumstances, now)


async def current_member(
    handler: Handler, known: KnownProgram, loaded: Loaded, now: datetime
) -> tuple[Member, Circumstances]:
    """The member settled up to `now`, and under what; nothing is written."""
    circumstances = handler.circumstances(known, now)
    try:
        return settled(loaded.member, circumstances)[0], circumstances
    except ColdHistoryNeeded:
        whole = bring_in(loaded.member, await handler.store.cold(loaded.stream))
        return settled(whole, circumstances)[0], circumstances


def shown(member: Member, circumstances: Circumstances, now: datetime) -> Json:
    """The public shape of a settled member, less its personal fields. `offers` are its open slots."""
    book = circumstances.timeline.at(now)
    names = sorted({*currencies(member), *(book.document.currencies if book else ())})
    return {
        "id": member.id,
        "status": member.status,
        "enrolled_at": member.enrolled_at,
        "attributes": member.attributes,
        "consents": member.consents,
        "time_zone": member.time_zone,
        "version": member.version,
        "balances": {name: balance_shape(balance(member, name, now)) for name in names},
        "tiers": tiers_of(member, circumstances, book, now),
        "counters": counters_of(member, circumstances, book, now),
        "offers": [slot_shape(slot, circumstances, now) for slot in sorted(member.slots, key=by_assignment)],
        "streaks": streaks_of(member, circumstances, book, now),
        "badges": badges_of(member),
        "referrals": {"code": member.code or None, "brought": dict(sorted(member.referrals.items()))},
        "segments": list(member.segments),
        "household": member.household or None,
    }


def slot_shape(slot: Slot, circumstances: Circumstances, now: datetime) -> Json:
    """A slot as its own rulebook means it. `state` is open, completed, or closed without having been."""
    offer = circumstances.timeline.version(slot.rulebook).offers[slot.offer]
    return {
        "slot": slot.id,
        "offer": slot.offer,
        "state": "completed" if slot.completed else "open" if now <= slot.ends_at else "closed",
        "assigned_at": slot.assigned_at,
        "ends_at": slot.ends_at,
        "viewed_at": slot.viewed_at,
        "progress": slot.progress,
        "target": offer.goal.target if offer.goal else None,
        "completed_at": slot.completed_at,
        "uses": slot.uses,
        "rulebook": slot.rulebook,
    }


def balance_shape(held: Balance) -> Json:
    shape: Json = msgspec.to_builtins(held)
    return shape


def tiers_of(member: Member, circumstances: Circumstances, book: CompiledRulebook | None, now: datetime) -> Json:
    found: Json = {}
    if book is None:
        return found
    for name, tiers in book.tiers.items():
        standing = member.tiers.get(name)
        level = standing.level if standing else None
        today = local_day(book, _zone(book, circumstances), now, circumstances.offsets)
        progress = evidence(member, circumstances, book, tiers, day=today, zone=_zone(book, circumstances), at=now)
        found[name] = {
            "level": level,
            "since": standing.since if standing else None,
            "valid_until": standing.valid_until if standing else None,
            "progress": progress,
            "next": _next(tiers, level, progress),
            "keep": _keep(tiers, level, progress, standing.valid_until if standing else None),
            "grace": standing is not None and standing.grace is not None,
            "begins": standing.upgrade_at if standing else None,
            "projected": _projected(member, circumstances, book, tiers, standing),
            "floor": _floor(tiers, standing, now),
        }
    return found


def streaks_of(member: Member, circumstances: Circumstances, book: CompiledRulebook | None, now: datetime) -> Json:
    """Each streak of the rulebook as it stands now: a run that is broken is the previous one, unwritten."""
    found: Json = {}
    for name in sorted(book.document.streaks) if book else ():
        assert book is not None
        streak, standing = book.streak(name), member.streaks.get(name)
        if standing is None:
            found[name] = {"current": 0, "longest": 0, "previous": 0, "since": None, "last": None}
            continue
        # In the calendar that the last activity was counted in.
        today = local_day(book, standing.zone, now, circumstances.offsets)
        current = streak.length_at(standing.current, standing.last, today)
        found[name] = {
            "current": current,
            "longest": standing.longest,
            "previous": standing.previous if current or not standing.last else standing.current,
            "since": date.fromordinal(standing.first) if current else None,
            "last": date.fromordinal(standing.last) if standing.last else None,
        }
    return found


def badges_of(member: Member) -> Json:
    return {
        name: {"count": badge.count, "granted_at": badge.at, "period": badge.period}
        for name, badge in sorted(member.badges.items())
    }


def counters_of(member: Member, circumstances: Circumstances, book: CompiledRulebook | None, now: datetime) -> Json:
    """Every declared measure: all time, distinct days, and each window that the rules look at."""
    if book is None:
        return {}
    today = local_day(book, _zone(book, circumstances), now, circumstances.offsets)
    measures = {name for kind in book.document.activities.values() for name in kind.measures}
    windows = {(name, window) for kind, name, window in book.windows if kind == "measure"}
    found: Json = {}
    for measure in sorted(measures):
        names = {"ever", "days", *(window for name, window in windows if name == measure)}
        found[measure] = {
            window: counters.in_window(member, f"measure:{measure}", window, today) for window in sorted(names)
        }
    return found


def _zone(book: CompiledRulebook, circumstances: Circumstances) -> str:
    return "UTC" if book.document.zone_policy == "utc" else book.document.time_zone or circumstances.zone


def _projected(
    member: Member, circumstances: Circumstances, book: CompiledRulebook, tiers: Tiers, standing: TierStanding | None
) -> Json | None:
    """What the next review will find if nothing happens until then; None where none is due."""
    if standing is None or standing.valid_until is None:
        return None
    at, zone = standing.valid_until, _zone(book, circumstances)
    just_before = at - MICROSECOND
    before, _ = settled(member, msgspec.structs.replace(circumstances, recorded_at=just_before))
    later, _ = settled(before, msgspec.structs.replace(circumstances, recorded_at=at))
    day = local_day(book, zone, just_before, circumstances.offsets)
    value = evidence(before, circumstances, book, tiers, day=day, zone=zone, at=just_before)
    then = later.tiers.get(tiers.name)
    return {
        "at": at,
        "level": then.level if then else None,
        "needs": max(0, _mark(tiers, standing.level) - value),
        "balances": {currency: balance(later, currency, at).available for currency in sorted(currencies(later))},
    }


def _floor(tiers: Tiers, standing: TierStanding | None, now: datetime) -> Json | None:
    """The floor in force, whether it holds the member above its own level, and that level; None where none is."""
    floor = in_force(tiers, standing, now) if standing is not None else None
    if floor is None or standing is None:
        return None
    return {
        "level": floor.level,
        "until": floor.until,
        "holds": standing.beneath is not None,
        "own": standing.own.level,
    }


def _next(tiers: Tiers, level: str | None, progress: int) -> Json | None:
    for one in tiers.ladder[rank(tiers, level) :]:
        return {"level": one.id, "needs": max(0, one.at - progress)}
    return None


def _keep(tiers: Tiers, level: str | None, progress: int, until: datetime | None) -> Json | None:
    """What is missing to keep the level at its review; None where none is due."""
    if level is None or until is None:
        return None
    return {"level": level, "needs": max(0, _mark(tiers, level) - progress), "by": until}


def _mark(tiers: Tiers, level: str | None) -> int:
    return next((one.at for one in tiers.ladder if one.id == level), 0)
