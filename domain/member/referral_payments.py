"""Referrals as the owner's stream has them: what a friend brought, and what is taken back of it."""

from domain.member.bonuses import grant, granted, take_back
from domain.member.commands import PayReferral, ReverseReferral
from domain.member.counters import require
from domain.member.draft import Draft
from domain.member.events import ReferralRewarded, ReferralTakenBack
from domain.member.returns import moved
from domain.member.standing import lower_tiers, raise_tiers
from domain.rules.referrals import rule_of


def pay_referral(draft: Draft, command: PayReferral) -> None:
    """Grant what a friend's activity brought. Who has left has nothing of it, and it is noted that it was offered."""
    book = draft.circumstances.timeline.version(command.rulebook)
    draft.rulebook = book.number
    gone = draft.member.status in ("closed", "erased")
    draft.record(
        ReferralRewarded(
            friend=command.friend, conversion=command.conversion, referrals=command.referrals, passed_over=gone
        )
    )
    if gone:
        return
    zone = draft.zone(book)
    day = draft.local_day(book, zone, command.occurred_at)
    require(draft.member, day)
    for one in command.rewards:
        rule = rule_of(one.referral)
        grant(draft, book, rule, one.currency, one.points, command.occurred_at, day, zone, hold=one.hold)
    raise_tiers(draft, book, command.occurred_at, day, zone, "reached")


def reverse_referral(draft: Draft, command: ReverseReferral) -> None:
    """Take back what the entry `paid` granted."""
    book = draft.circumstances.timeline.version(command.rulebook)
    draft.rulebook = book.number
    draft.record(ReferralTakenBack(friend=command.friend, conversion=command.conversion, referrals=command.referrals))
    days = set()
    for name in command.referrals:
        for given in granted(draft, rule_of(name)):
            if given.version == command.paid:
                require(draft.member, given.award.day)
                days.add(given.award.day)
                take_back(draft, book, given, given.left, {})
    for day in days:
        lower_tiers(draft, book, command.occurred_at, day, draft.zone(book), moved(draft))


def referral_cause(command: PayReferral | ReverseReferral) -> str:
    """`referral:friends`: the friend is nobody's business here."""
    return "referral:" + "+".join(command.referrals)
