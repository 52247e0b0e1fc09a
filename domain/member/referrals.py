"""Referrals as the friend's stream has them: a code is used, and what the friend does then counts, or is returned.

What the owner of the code has for it stands in the owner's stream (`referral_payments.py`). The friend's entry
promises it, and the promise is kept by an entry there that claims it: so it is kept, and kept once.
"""

from datetime import datetime

from domain.calendar import parse_period, shift
from domain.errors import CodeOutsideWindow, LimitReached, NotEligible, Refused, SelfReferral
from domain.member.bonuses import grant, granted, take_back
from domain.member.commands import Introduction, RecordActivity
from domain.member.draft import Draft, Original
from domain.member.events import MemberReferred, ReferralCodeIssued, ReferralConverted, ReferralReversed
from domain.member.spending import active
from domain.rules.compiled import CompiledRulebook
from domain.rules.referrals import Terms, largest, rule_of
from domain.takes import Take

REFERRAL = "referral"
"""Kind of takes: how many friends an owner's code has brought, by owner and referral."""

DUE, UNDUE = "referral-due", "referral-undue"
"""Kinds of promises: the owner is to have, or to give back, what a friend's entry led to."""


def issue_code(draft: Draft, code: str) -> None:
    """Give the member a code. A member has one, for all referrals there are."""
    active(draft)
    book = draft.circumstances.timeline.at(draft.now)
    if book is None or not book.referrals:
        raise NotEligible("this program has no referrals", reasons=["no-referrals"])
    draft.rulebook = book.number
    if not draft.member.code:
        draft.record(ReferralCodeIssued(code=code))


def introduce(draft: Draft, introduction: Introduction, at: datetime) -> None:
    """Note whose code the member came with, and the referrals that it counts for, on the terms of `at`."""
    active(draft)
    if introduction.code == draft.member.code:
        raise SelfReferral("a member's own code brings nobody")
    if draft.member.referred is not None:
        raise NotEligible("the member was referred before", reasons=["already-referred"])
    book = draft.circumstances.timeline.at(at)
    if book is None or not book.referrals:
        raise NotEligible("this program has no referrals", reasons=["no-referrals"])
    draft.rulebook = book.number
    counted, reasons, taken = [], [], []
    for terms in book.referrals.values():
        key = f"{introduction.owner}\x1f{terms.id}"
        reason = _why_not(draft, book, terms, introduction, key, at)
        if reason is not None:
            reasons.append(reason)
            continue
        counted.append(terms.id)
        if terms.declared.limit is not None:
            taken.append(Take(REFERRAL, key, 1, terms.declared.limit))
    if not counted:
        raise _refusal(reasons)
    draft.takes += taken
    draft.record(
        MemberReferred(
            owner=introduction.owner, code=introduction.code, referrals=tuple(counted), rulebook=book.number, at=at
        )
    )


def convert(draft: Draft, command: RecordActivity, day: int, zone: str) -> None:
    """Grant the friend what an activity brings by the referral, and promise the owner what it brings there.

    Of several referrals for one person the largest counts. Their terms are those under which the code was used.
    """
    referred = draft.member.referred
    if referred is None or command.occurred_at < referred.at:
        return
    book = draft.circumstances.timeline.version(referred.rulebook)
    terms = [
        one
        for one in (book.referrals[name] for name in referred.referrals)
        if one.kind == command.type and (one.times == "every" or not referred.conversions.get(one.id))
    ]
    if not terms:
        return
    draft.record(
        ReferralConverted(
            owner=referred.owner,
            referrals=tuple(one.id for one in terms),
            rulebook=book.number,
            at=command.occurred_at,
            rewards=largest(one.owner for one in terms),
        )
    )
    draft.promises.append(DUE)
    for one in largest(one.friend for one in terms):
        rule = rule_of(one.referral)
        grant(draft, book, rule, one.currency, one.points, command.occurred_at, day, zone, hold=one.hold)


def take_back_referral(draft: Draft, original: Original) -> None:
    """An activity that a referral counted for came back whole: both sides lose what it brought."""
    converted = original.converted
    if converted is None:
        return
    book = draft.circumstances.timeline.version(converted.rulebook)
    draft.record(ReferralReversed(conversion=original.version, owner=converted.owner, referrals=converted.referrals))
    draft.promises.append(UNDUE)
    for name in converted.referrals:
        for given in granted(draft, rule_of(name)):
            if given.version == original.version:
                take_back(draft, book, given, given.left, {})


def _why_not(
    draft: Draft, book: CompiledRulebook, terms: Terms, introduction: Introduction, key: str, at: datetime
) -> str | None:
    if terms.declared.valid is not None:
        offsets, zone = draft.circumstances.offsets, draft.zone(book)
        ends = shift(offsets.local(zone, introduction.issued_at), parse_period(terms.declared.valid))
        if at >= offsets.instant(zone, ends):
            return "code-outside-window"
    if terms.first and terms.kind in draft.member.first:
        return "not-the-first"
    limit = terms.declared.limit
    if limit is not None and draft.circumstances.taken.of(REFERRAL, key) >= limit:
        return "limit-reached"
    return None


def _refusal(reasons: list[str]) -> Refused:
    match sorted(set(reasons)):
        case ["code-outside-window"]:
            return CodeOutsideWindow("the code is not valid any more")
        case ["limit-reached"]:
            return LimitReached("the code has brought as many friends as it may")
        case found:
            return NotEligible("no referral counts for this member", reasons=found)
