"""How a member reads: balances, tiers with what it takes to keep or reach, counters."""

from datetime import datetime
from typing import Any

import msgspec

from application.handle import Handler
from application.programs import KnownProgram
from application.recent import Loaded
from domain.member import counters
from domain.member.counters import ColdHistoryNeeded
from domain.member.draft import Circumstances, local_day
from domain.member.settle import settled
from domain.member.shape import bring_in
from domain.member.state import Member
from domain.member.wallet import Balance, balance, currencies
from domain.rules.compiled import CompiledRulebook
from domain.rules.tiers import Tiers, rank, window

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
    """The public shape of a settled member, less its personal fields."""
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
        "segments": list(member.segments),
    }


def balance_shape(held: Balance) -> Json:
    shape: Json = msgspec.to_builtins(held)
    return shape


def tiers_of(member: Member, circumstances: Circumstances, book: CompiledRulebook | None, now: datetime) -> Json:
    found: Json = {}
    for name, tiers in book.tiers.items() if book else ():
        assert book is not None
        standing = member.tiers.get(name)
        level = standing.level if standing else None
        today = local_day(book, _zone(book, circumstances), now, circumstances.offsets)
        progress = counters.in_days(member, tiers.counter, *window(tiers, today))
        found[name] = {
            "level": level,
            "since": standing.since if standing else None,
            "valid_until": standing.valid_until if standing else None,
            "progress": progress,
            "next": _next(tiers, level, progress),
            "keep": _keep(tiers, level, progress, standing.valid_until if standing else None),
        }
    return found


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


def _next(tiers: Tiers, level: str | None, progress: int) -> Json | None:
    for one in tiers.ladder[rank(tiers, level) :]:
        return {"level": one.id, "needs": max(0, one.at - progress)}
    return None


def _keep(tiers: Tiers, level: str | None, progress: int, until: datetime | None) -> Json | None:
    """What is missing to keep the level at its review; None where none is due."""
    if level is None or until is None:
        return None
    mark = next((one.at for one in tiers.ladder if one.id == level), 0)
    return {"level": level, "needs": max(0, mark - progress), "by": until}
