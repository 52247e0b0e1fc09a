"""Birthdays, anniversaries and renewals: what time brings about and rules reward.

The next one of a kind is a fact in the log, planned when the member or the rules change and when one is reached. So
it falls due like the end of a lot, in `settle`, at the first instant of its local day, under the rulebook then in
force; nobody has to come by on the day.
"""

from datetime import datetime, time

from domain.errors import AmountOutOfRange
from domain.member.draft import Draft
from domain.member.events import ExperimentAssigned, Occasion, OccasionPlanned, OccasionReached, RuleFailed
from domain.member.granting import open_lots
from domain.member.offers import assign_by_rules
from domain.member.reading import Reading
from domain.member.standing import lift_tiers
from domain.rules.compiled import CompiledRulebook
from domain.rules.earning import earn
from domain.rules.occasions import ANNIVERSARY, BIRTHDAY, in_year, month_and_day


def plan(draft: Draft, book: CompiledRulebook | None, after: datetime) -> None:
    """Note when the member's next occasions are, where that has changed."""
    if draft.circumstances.told is not None:
        return
    known = draft.member.occasions
    kinds = {BIRTHDAY, ANNIVERSARY} & book.occasions if book is not None and draft.member.status != "erased" else set()
    for kind in sorted(kinds | known.keys()):
        due = _next(draft, book, kind, after) if book is not None and kind in kinds else None
        if due != (known[kind].at if kind in known else None):
            draft.record(OccasionPlanned(occasion=kind, at=due))


def reach(draft: Draft, kind: str, at: datetime) -> None:
    """What the rules in force give for an occasion that was planned for `at`, and when the next one is."""
    book = draft.circumstances.timeline.at(at)
    if book is None or kind not in book.occasions:
        plan(draft, book, at)
        return
    zone = draft.zone(book)
    offsets = draft.circumstances.offsets
    day = draft.local_day(book, zone, at)
    year = offsets.local(zone, at).year
    draft.record(
        OccasionReached(
            occasion=kind, at=at, rulebook=book.number, year=year, next_at=_next(draft, book, kind, at, reached=year)
        )
    )
    enrolled = draft.member.enrolled_at
    years = year - offsets.local(zone, enrolled).year if enrolled is not None else 0
    celebrate(draft, book, kind, {"years": years} if kind == ANNIVERSARY else {}, at=at, day=day, zone=zone)


def celebrate(
    draft: Draft, book: CompiledRulebook, kind: str, data: dict[str, object], *, at: datetime, day: int, zone: str
) -> None:
    """Run the rules on an occasion at its instant. Who is suspended is given nothing."""
    if draft.member.status != "active" or draft.circumstances.told is not None:
        return
    program_zone = book.document.time_zone or draft.circumstances.zone
    reading = Reading(
        member=draft.member,
        data=data,
        at=at,
        now=at,
        day=day,
        zone=zone,
        offsets=draft.circumstances.offsets,
        program=draft.circumstances.program,
        tier_at=at,
        book=book,
        program_zone=program_zone,
        store_zone=program_zone,
    )
    earned = earn(book, kind, at, reading, draft.circumstances.taken)
    for experiment, arm in earned.arms.items():
        draft.record(ExperimentAssigned(experiment=experiment, arm=arm))
    for rule, error in earned.failed:
        draft.record(RuleFailed(rule=rule, error=error))
    occasion = Occasion(kind=kind, at=at, rulebook=book.number)
    try:
        open_lots(draft, book, earned, occurred_at=at, day=day, zone=zone, occasion=occasion)
    except AmountOutOfRange as error:
        # Nobody asked for it, so there is nobody to refuse.
        draft.record(RuleFailed(rule=kind, error=str(error)))
    assign_by_rules(draft, book, earned.assigned, at, day, zone)
    lift_tiers(draft, book, at, day, zone)


def _next(
    draft: Draft, book: CompiledRulebook, kind: str, after: datetime, *, reached: int | None = None
) -> datetime | None:
    """The first instant of the next such day that begins after `after`. Each kind comes once in a calendar year."""
    zone, offsets, member = draft.zone(book), draft.circumstances.offsets, draft.member
    now = offsets.local(zone, after).year
    standing = member.occasions.get(kind)
    last = reached or (standing.year if standing is not None else 0)
    if kind == BIRTHDAY:
        first, found = last + 1, month_and_day(member.attributes.get(book.document.members.birthday or ""))
    elif member.enrolled_at is not None:
        enrolled = offsets.local(zone, member.enrolled_at).date()
        first, found = max(last, enrolled.year) + 1, (enrolled.month, enrolled.day)
    else:
        return None
    if found is None:
        return None
    for year in range(max(first, now), max(first, now) + 2):
        at = offsets.instant(
            zone, datetime.combine(in_year(year, *found), time.fromisoformat(book.document.day_starts))
        )
        if at > after:
            return at
    raise AssertionError("a day of the year comes every year")
