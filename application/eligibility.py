"""Which rewards a member could have now, and what stands in the way of the others."""

from collections.abc import Sequence
from typing import Any

import msgspec

from application.handle import Handler
from application.views import current_member
from domain.errors import NotEligible, Refused
from domain.member.draft import Circumstances, Draft
from domain.member.rewards import STOCK, obstacles, why
from domain.member.shape import bring_in
from domain.rules.rewards import RewardTerms

Json = dict[str, Any]


async def in_reach(handler: Handler, program: str, member: str, rewards: Sequence[RewardTerms]) -> dict[str, Json]:
    """By reward whether the member could redeem a unit of it, why not, and how its condition came out.

    It is asked what a redemption asks, so that neither says what the other denies. Raises UnknownMember.
    """
    loaded, known = await handler.find(program, member)
    whole = bring_in(loaded.member, await handler.store.cold(loaded.stream))
    now = handler.now(loaded)
    current, _ = await current_member(handler, known, msgspec.structs.replace(loaded, member=whole), now)
    taken = await handler.store.taken(program, [(STOCK, terms.id) for terms in rewards if terms.stock is not None])
    circumstances = handler.circumstances(known, now, taken=taken)
    draft = Draft(current, circumstances, now)
    return {terms.id: _judged(draft, circumstances, terms) for terms in rewards}


def _judged(draft: Draft, circumstances: Circumstances, terms: RewardTerms) -> Json:
    book = circumstances.timeline.at(draft.now)
    if book is None or terms.currency not in book.document.currencies:
        return {"eligible": False, "reasons": ["unknown-currency"], "clauses": []}
    reasons = [reason for refusal in obstacles(draft, book, terms, 1) for reason in _reasons(refusal)]
    return {
        "eligible": not reasons,
        "reasons": reasons,
        "clauses": msgspec.to_builtins(why(draft, book, terms)),
    }


def _reasons(refusal: Refused) -> Sequence[str]:
    return refusal.reasons if isinstance(refusal, NotEligible) and refusal.reasons else (refusal.code,)
