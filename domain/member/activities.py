"""An activity: count it, run the rules, open lots, move tiers."""

from typing import Any

import msgspec

from domain.errors import AmountOutOfRange, MemberSuspended, NotEligible, UnknownActivityType
from domain.member.badges import grant_badges
from domain.member.commands import RecordActivity
from domain.member.counters import require
from domain.member.draft import Draft
from domain.member.events import ActivityRecorded, ExperimentAssigned, RuleFailed
from domain.member.granting import open_lots
from domain.member.lateness import not_ahead, not_too_old
from domain.member.lives import keep_alive
from domain.member.offers import Weighed, assign_by_rules, count_for_offers, hear_of_offers, weigh
from domain.member.reading import Reading
from domain.member.referrals import convert
from domain.member.restating import restate, with_late
from domain.member.scores import count_scores, scores_of
from domain.member.spending import spend_elsewhere
from domain.member.standing import raise_tiers, reached_before
from domain.member.state import Member
from domain.member.streaks import TICK, tick_streaks
from domain.numbers import MAX_AMOUNT
from domain.rules.boards import Scored
from domain.rules.compiled import ENROLLED, CompiledRulebook
from domain.rules.earning import Earned, earn
from domain.rules.expression import EvaluationError
from domain.rules.rulebook import Late
from domain.rules.streaks import ticked


class Evaluated(msgspec.Struct, frozen=True):
    """A pass of the rules over one activity, and what it read: the raw material of an explanation."""

    book: CompiledRulebook
    kind: str
    zone: str
    day: int
    reading: Reading
    measures: dict[str, int]
    failed: tuple[tuple[str, str], ...]
    earned: Earned
    scored: tuple[Scored, ...] = ()
    weighed: tuple[Weighed, ...] = ()
    """What it counts for each slot of an offer."""
    ticked: tuple[str, ...] = ()


def record_activity(draft: Draft, command: RecordActivity) -> Evaluated:
    """Decide an activity. Earning is judged at `occurred_at`, spending when it is recorded."""
    book = rulebook_for(draft, command)
    declared = book.activity(command.type)
    assert declared is not None
    _acceptable(draft, command, book)
    if declared.role == "spends":
        draft.at = draft.now
    draft.rulebook = book.number
    if book.restates and draft.circumstances.told is None and declared.role != "spends":
        retold = with_late(draft, book, command)
        if retold is not None:
            return restate(draft, book, command, retold)
    evaluated = evaluate(draft, draft.member, book, command)
    require(draft.member, evaluated.day)
    counts = counts_of(command.type, evaluated.measures, evaluated.ticked)
    for name, step in counts.items():
        total = draft.member.totals.get(name)
        if total is not None and abs(total.ever + step) > MAX_AMOUNT:
            raise AmountOutOfRange(f"the counter {name} would exceed 2^53 - 1", errors=[("/data", "too much")])
    before = reached_before(draft, book, evaluated.day, evaluated.zone) if book.patient else None
    draft.record(
        ActivityRecorded(
            source=command.source,
            id=command.id,
            type=command.type,
            occurred_at=command.occurred_at,
            day=evaluated.day,
            counts=counts,
        )
    )
    for experiment, arm in evaluated.earned.arms.items():
        draft.record(ExperimentAssigned(experiment=experiment, arm=arm))
    for rule, error in (*evaluated.failed, *evaluated.earned.failed):
        draft.record(RuleFailed(rule=rule, error=error))
    if declared.role == "spends":
        spend_elsewhere(draft, book, declared, command, evaluated.reading)
    keep_alive(draft, command.type, command.occurred_at, evaluated.zone)
    open_lots(
        draft,
        book,
        evaluated.earned,
        occurred_at=command.occurred_at,
        day=evaluated.day,
        zone=evaluated.zone,
    )
    if evaluated.ticked:
        tick_streaks(draft, book, command.type, evaluated.ticked, command.occurred_at, evaluated.day, evaluated.zone)
    if draft.member.referred is not None:
        convert(draft, command, evaluated.day, evaluated.zone)
    count_scores(draft, evaluated.scored, evaluated.day)
    at, day, zone = command.occurred_at, evaluated.day, evaluated.zone
    count_for_offers(draft, evaluated.weighed, at, day, zone)
    if declared.offer is not None and declared.role in ("assigns", "views"):
        hear_of_offers(draft, book, declared, command, evaluated.reading, day, zone)
    if evaluated.earned.assigned:
        assign_by_rules(draft, book, evaluated.earned.assigned, at, day, zone)
    raise_tiers(draft, book, at, day, zone, "reached", before)
    badges = book.badges(command.type)
    if badges:
        after = reading_of(draft, draft.member, book, command, evaluated.day, evaluated.zone)
        if grant_badges(draft, book, badges, command, after, evaluated.day, evaluated.zone):
            raise_tiers(draft, book, command.occurred_at, evaluated.day, evaluated.zone, "reached")
    return evaluated


def rulebook_for(draft: Draft, command: RecordActivity) -> CompiledRulebook:
    """The version that rules an activity, by its own time or by when it was learned of."""
    timeline, told = draft.circumstances.timeline, draft.circumstances.told
    if told is not None:
        return timeline.version(told.rulebook)
    latest = timeline.at(draft.now)
    late = latest.document.late if latest else Late()
    book = latest if late.rule_time == "recorded" else timeline.at(command.occurred_at)
    if book is None or book.activity(command.type) is None:
        raise UnknownActivityType(
            f"{command.type!r} is not an activity type of the rulebook in force at {command.occurred_at.isoformat()}",
            errors=[("/type", "declare it under `activities`, or correct the type")],
        )
    return book


def evaluate(draft: Draft, member: Member, book: CompiledRulebook, command: RecordActivity) -> Evaluated:
    """Run measures and rules over an activity, as the member stands. Records nothing."""
    zone = draft.zone(book, command.time_zone)
    day = draft.local_day(book, zone, command.occurred_at)
    reading = reading_of(draft, member, book, command, day, zone)
    measures, failed = measure(book, command.type, reading)
    earned = earn(book, command.type, command.occurred_at, reading, draft.circumstances.taken)
    scored, unscored = scores_of(draft, book, command, reading, earned)
    failed += unscored
    ticks: tuple[str, ...] = ()
    streaks = book.streaks(command.type)
    if streaks:
        ticks, unticked = ticked(streaks, reading)
        failed += unticked
    weighed = weigh(draft, member, command.type, command.occurred_at, day, measures)
    return Evaluated(book, command.type, zone, day, reading, measures, failed, earned, scored, weighed, ticks)


def reading_of(
    draft: Draft, member: Member, book: CompiledRulebook, command: RecordActivity, day: int, zone: str
) -> Reading:
    """What the rules may read of an activity of the local day `day`, and of a member."""
    program_zone = book.document.time_zone or draft.circumstances.zone
    return Reading(
        member=member,
        data=command.data,
        at=command.occurred_at,
        now=draft.now,
        day=day,
        zone=zone,
        offsets=draft.circumstances.offsets,
        program=draft.circumstances.program,
        tier_at=command.occurred_at if book.document.late.tier_time == "occurred" else draft.learned_at,
        program_zone=program_zone,
        store_zone=command.time_zone or program_zone,
        book=book,
    )


def measure(book: CompiledRulebook, kind: str, reading: Any) -> tuple[dict[str, int], tuple[tuple[str, str], ...]]:
    """The measures of an activity, and those that failed with their errors."""
    found: dict[str, int] = {}
    failed = []
    for name, evaluator in book.measures(kind):
        try:
            value = evaluator(reading)
            if abs(value) > MAX_AMOUNT:
                raise EvaluationError(f"{value} is out of range")
            found[name] = value
        except EvaluationError as error:
            failed.append((f"measure:{name}", str(error)))
    return found, tuple(failed)


def counts_of(kind: str, measures: dict[str, int], ticks: tuple[str, ...]) -> dict[str, int]:
    counts = {f"type:{kind}": 1} | {f"measure:{name}": value for name, value in measures.items() if value}
    return counts | {f"{TICK}{name}": 1 for name in ticks} if ticks else counts


def _acceptable(draft: Draft, command: RecordActivity, book: CompiledRulebook) -> None:
    member, late = draft.member, book.document.late
    if draft.circumstances.told is not None:
        return
    if member.status != "active":
        raise MemberSuspended(f"the member is {member.status}: activities are refused")
    not_ahead(draft, command.occurred_at, late)
    # Enrolments are taken however old: programs are imported with their members.
    if command.type != ENROLLED:
        not_too_old(draft, command.occurred_at, late)
    if (
        book.document.before_enrolment == "refuse"
        and member.enrolled_at is not None
        and command.occurred_at < member.enrolled_at
    ):
        raise NotEligible("the activity lies before the member's enrolment", reasons=["before-enrolment"])
