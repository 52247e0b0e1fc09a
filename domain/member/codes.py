"""Codes of issued units: used once, by whoever has them, and what they bring.

The entry stands in the stream of whoever uses the code; what it needs to know of its issue comes in the command. That a
code is used once only, or void since its unit was returned, is a claim of that entry: whichever comes first has it.
"""

from datetime import datetime

from domain.errors import AmountOutOfRange, CodeOutsideWindow
from domain.member.commands import UseIssuedCode
from domain.member.draft import Draft
from domain.member.events import IssuedCodeUsed, PointsAdjusted
from domain.member.lateness import not_ahead
from domain.member.lives import life
from domain.member.spending import active, currency, lifetime_total
from domain.numbers import MAX_AMOUNT
from domain.rules.compiled import CompiledRulebook
from domain.rules.rewards import Gives, good_between


def use_issued_code(draft: Draft, command: UseIssuedCode) -> None:
    """Use the code of a unit, and get what it brings. Raises CodeOutsideWindow, MemberSuspended, FromTheFuture."""
    active(draft)
    terms, at = command.terms, draft.at
    gives = terms.gives
    book, _ = currency(draft, gives.currency if gives is not None else terms.currency)
    draft.rulebook = book.number
    not_ahead(draft, at, book.document.late, "/at")
    zone = book.document.time_zone or draft.circumstances.zone
    first, end = good_between(terms.valid, command.issued_at, zone, draft.circumstances.offsets)
    if (first is not None and at < first) or (end is not None and at >= end):
        raise CodeOutsideWindow("the code is not valid at this time", errors=[("/at", "outside its days")])
    draft.record(
        IssuedCodeUsed(code=command.code, reward=terms.id, redemption=command.redemption, owner=command.owner, at=at)
    )
    if gives is not None:
        _bring(draft, book, command, gives, draft.now)


def _bring(draft: Draft, book: CompiledRulebook, command: UseIssuedCode, gives: Gives, now: datetime) -> None:
    """It was paid for already: it counts for no tier, and on no leaderboard."""
    lasts = life(draft, "at_once", book.currency(gives.currency).expires, now, draft.zone(book))
    if lifetime_total(draft, gives.currency) + gives.points > MAX_AMOUNT:
        raise AmountOutOfRange("the balance would exceed 2^53 - 1")
    owed = draft.member.debt.get(gives.currency, 0)
    draft.record(
        PointsAdjusted(
            adjustment=f"code:{command.redemption}",
            currency=gives.currency,
            points=gives.points,
            reason=command.terms.id,
            lot=draft.new_lot(),
            available_at=lasts.available,
            expires_at=lasts.expires,
            repaid=min(owed, gives.points) if lasts.spendable(now) else 0,
            idle=lasts.idle,
        )
    )
