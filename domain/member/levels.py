"""What a tier set sees of a member: the counter over its window, or its expression; and until when a level holds."""

from datetime import datetime

from domain.member.counters import in_days
from domain.member.draft import Circumstances, Draft, local_day
from domain.member.reading import Reading
from domain.member.state import Member
from domain.rules.compiled import CompiledRulebook
from domain.rules.expression import EvaluationError
from domain.rules.tiers import Tiers, valid_until, window


def evidence(
    member: Member,
    circumstances: Circumstances,
    book: CompiledRulebook,
    tiers: Tiers,
    *,
    day: int,
    zone: str,
    at: datetime,
    since: int | None = None,
) -> int:
    """The value that decides a level, looked at on the local day `day`; an expression sees the member as of `at`.

    `since` is an earlier look of which the window goes on. An expression without a value counts as 0.
    """
    if tiers.value is None:
        begins = anchor(member, circumstances, book, tiers, zone)
        return in_days(member, tiers.counter, window(tiers, day if since is None else since, begins)[0], day)
    program_zone = book.document.time_zone or circumstances.zone
    reading = Reading(
        member=member,
        data={},
        at=at,
        now=at,
        day=day,
        zone=zone,
        offsets=circumstances.offsets,
        program=circumstances.program,
        tier_at=at,
        book=book,
        program_zone=program_zone,
        store_zone=program_zone,
    )
    try:
        value: int = tiers.value(reading)
    except EvaluationError:
        return 0
    return value


def anchor(member: Member, circumstances: Circumstances, book: CompiledRulebook, tiers: Tiers, zone: str) -> int:
    """The local day whose anniversaries begin the set's periods: enrolment, or the day the level was got."""
    begins = member.enrolled_at
    if tiers.policy.window == "tier_anniversary":
        standing = member.tiers.get(tiers.name)
        since = standing.own.since if standing is not None else None
        begins = since if since is not None else begins
    elif tiers.policy.window != "anniversary":
        return 0
    return local_day(book, zone, begins, circumstances.offsets) if begins is not None else 1


def holds_until(draft: Draft, book: CompiledRulebook, tiers: Tiers, at: datetime, zone: str) -> datetime | None:
    """Until when a level holds that is got or renewed at `at`."""
    begins = anchor(draft.member, draft.circumstances, book, tiers, zone)
    return valid_until(tiers, at, zone, draft.circumstances.offsets, begins)


def new_until(draft: Draft, book: CompiledRulebook, tiers: Tiers, at: datetime, zone: str) -> datetime | None:
    """Until when a level holds that is got at `at`: a year of its own begins with it, where years are the level's."""
    if tiers.policy.window == "tier_anniversary":
        return valid_until(tiers, at, zone, draft.circumstances.offsets, draft.local_day(book, zone, at))
    return holds_until(draft, book, tiers, at, zone)
