"""A member's streaks: ticked by activities, bridged by late ones, taken back by returns.

What is ticked stands in counters by local day, so any run can be made again from them; the standing is only what the
next tick looks at. A tick that comes in order costs no more than that look.
"""

from datetime import date, datetime

from domain.calendar import Offsets
from domain.member.bonuses import grant, granted, take_back
from domain.member.counters import days_of, in_days
from domain.member.draft import Draft, Original, local_day
from domain.member.events import StreakMoved
from domain.member.games import StreakStanding
from domain.member.state import Member
from domain.rules.compiled import CompiledRulebook
from domain.rules.streaks import CompiledStreak, Run, StreakAward, runs

TICK = "tick:"
_LAST_DAY = date.max.toordinal()


def tick_streaks(
    draft: Draft, book: CompiledRulebook, kind: str, ticked: tuple[str, ...], at: datetime, day: int, zone: str
) -> None:
    """Move the streaks that an activity of the local day `day`, which is counted already, ticked."""
    for streak in book.streaks(kind):
        if streak.id not in ticked:
            continue
        standing = draft.member.streaks.get(streak.id)
        period = streak.start(day)
        if standing is None or period > standing.last:
            _tick(draft, book, streak, standing, at, day, zone)
        elif period < standing.last and in_days(draft.member, streak.ticks, period, streak.end(day) - 1) == 1:
            _tick_late(draft, book, streak, standing, at, day, zone)


def take_back_streaks(draft: Draft, book: CompiledRulebook, original: Original, counts: dict[str, int]) -> None:
    """Undo what the ticks that a return took back had led to. `counts` are the counters that it moved."""
    for streak in book.streaks(original.command.type):
        if counts.get(streak.ticks, 0) < 0:
            _untick(draft, book, streak, original.day)


def standing_of(member: Member, streak: CompiledStreak, at: datetime, zone: str) -> StreakStanding:
    """The standing made again from what is ticked; `at` and `zone` are those of the last activity."""
    return _standing(_runs(member, streak, _periods(member, streak)), at, zone)


# --- in order, late, and back ------------------------------------------------------------------


def _tick(
    draft: Draft,
    book: CompiledRulebook,
    streak: CompiledStreak,
    standing: StreakStanding | None,
    at: datetime,
    day: int,
    zone: str,
) -> None:
    """The first tick of a period after all others: the run goes on, or another begins."""
    period = streak.start(day)
    run, previous, longest, skipped = Run(period, period, 1), 0, 1, 0
    goes_on = False
    if standing is not None:
        skipped = _never_had(streak, book, standing, at, day, zone, draft.circumstances.offsets)
        missed = streak.missed(standing.last, period) - skipped
        goes_on = standing.last > 0 and missed <= streak.declared.grace
        if goes_on:
            run = Run(standing.first, period, standing.current + 1)
        previous = standing.previous if goes_on or not standing.last else standing.current
        longest = max(standing.longest, run.length)
    draft.record(
        StreakMoved(
            streak=streak.id,
            day=day,
            current=run.length,
            longest=longest,
            previous=previous,
            first=run.first,
            last=period,
            at=at,
            zone=zone,
            reason="ticked" if goes_on else "begun",
            counts={streak.skips: skipped} if goes_on and skipped else {},
        )
    )
    for award in streak.awards:
        times = award.due(run.length) - (award.due(run.length - 1) if goes_on else 0)
        _reward(draft, book, streak, award, times, at, day, zone)


def _tick_late(
    draft: Draft,
    book: CompiledRulebook,
    streak: CompiledStreak,
    standing: StreakStanding,
    at: datetime,
    day: int,
    zone: str,
) -> None:
    """A tick of a period before the last one: the runs are made again, and some may have become one."""
    period = streak.start(day)
    periods = _periods(draft.member, streak)
    after = _runs(draft.member, streak, periods)
    before = _runs(draft.member, streak, [one for one in periods if one != period])
    _restate(draft, streak, after, day, standing.at, standing.zone, "late")
    for award in streak.awards:
        due = _due(award, after)
        # Runs that became one may have been granted more than it is due: that stands, and is not granted again.
        times = min(due - _due(award, before), due - _paid(draft, award))
        _reward(draft, book, streak, award, times, at, day, zone)


def _untick(draft: Draft, book: CompiledRulebook, streak: CompiledStreak, day: int) -> None:
    period, standing = streak.start(day), draft.member.streaks.get(streak.id)
    if in_days(draft.member, streak.ticks, period, streak.end(day) - 1) > 0:
        return  # another activity of the same period stands
    periods = _periods(draft.member, streak)
    after = _runs(draft.member, streak, periods)
    before = _runs(draft.member, streak, sorted({*periods, period}))
    # A merge leaves the standing of a streak behind that the rules had given up, but none of what it gave.
    if standing is not None:
        _restate(draft, streak, after, day, standing.at, standing.zone, "returned")
    run = next(one for one in before if one.first <= period <= one.last)
    left = [one for one in after if run.first <= one.first <= run.last]
    for award in streak.awards:
        lost = award.due(run.length) - _due(award, left)
        here = in_days(draft.member, award.counter, run.first, streak.end(run.last) - 1)
        # What the run is no longer due; and nothing stays beyond what all runs together are.
        times = max(min(lost, here), _paid(draft, award) - _due(award, after))
        _revoke(draft, book, streak, award, times, period, run)


def _restate(
    draft: Draft, streak: CompiledStreak, after: list[Run], day: int, at: datetime, zone: str, reason: str
) -> None:
    made = _standing(after, at, zone)
    draft.record(
        StreakMoved(
            streak=streak.id,
            day=day,
            current=made.current,
            longest=made.longest,
            previous=made.previous,
            first=made.first,
            last=made.last,
            at=at,
            zone=zone,
            reason=reason,
        )
    )


def _standing(found: list[Run], at: datetime, zone: str) -> StreakStanding:
    last = found[-1] if found else Run(0, 0, 0)
    longest = max((run.length for run in found), default=0)
    return StreakStanding(
        last.length, longest, found[-2].length if len(found) > 1 else 0, last.first, last.last, at, zone
    )


# --- awards ------------------------------------------------------------------------------------


def _due(award: StreakAward, found: list[Run]) -> int:
    return sum(award.due(run.length) for run in found)


def _paid(draft: Draft, award: StreakAward) -> int:
    """How often the award was granted, less what returns took back."""
    total = draft.member.totals.get(award.counter)
    return total.ever if total else 0


def _reward(
    draft: Draft,
    book: CompiledRulebook,
    streak: CompiledStreak,
    award: StreakAward,
    times: int,
    at: datetime,
    day: int,
    zone: str,
) -> None:
    if times > 0:
        grant(draft, book, streak.rule, award.currency, award.points * times, at, day, zone, {award.counter: times})


def _revoke(
    draft: Draft,
    book: CompiledRulebook,
    streak: CompiledStreak,
    award: StreakAward,
    times: int,
    period: int,
    run: Run,
) -> None:
    """Take an award back so often: what was granted in the period that is gone, then in its run, the latest first."""
    if times <= 0:
        return
    found = [given for given in granted(draft, streak.rule) if given.count(award.counter) > 0]
    found.sort(
        key=lambda given: (
            streak.start(given.award.day) != period,
            not run.first <= given.award.day < streak.end(run.last),
            -given.award.day,
            -given.version,
        )
    )
    for given in found:
        here = min(times, given.count(award.counter))
        points = given.left if here == given.count(award.counter) else given.left * here // given.count(award.counter)
        take_back(draft, book, given, points, {award.counter: -here})
        times -= here
        if not times:
            break


# --- looking -----------------------------------------------------------------------------------


def _periods(member: Member, streak: CompiledStreak) -> list[int]:
    """Every period with a tick, by its first day, in order."""
    days = days_of(member, streak.ticks, 1, _LAST_DAY)
    return list(dict.fromkeys(streak.start(day) for day in days))


def _runs(member: Member, streak: CompiledStreak, periods: list[int]) -> list[Run]:
    moved = days_of(member, streak.skips, 1, _LAST_DAY)
    return list(runs(streak, periods, {day: in_days(member, streak.skips, day, day) for day in moved}))


def _never_had(
    streak: CompiledStreak,
    book: CompiledRulebook,
    standing: StreakStanding,
    at: datetime,
    day: int,
    zone: str,
    offsets: Offsets,
) -> int:
    """Days between two ticks that a member who moved from one zone to another never had.

    A gap is one only if the calendar of either zone has it: who flies across the date line lands a day later.
    """
    if zone == standing.zone or streak.declared.period != "day":
        return 0
    if local_day(book, standing.zone, standing.at, offsets) != standing.last:
        return 0  # where the run's last day was is not known any more
    there = local_day(book, standing.zone, at, offsets) - standing.last
    here = day - local_day(book, zone, standing.at, offsets)
    return max(0, day - standing.last - max(1, min(there, here)))
