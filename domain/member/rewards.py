"""Rewards of the catalogue: redeemed for points, held, issued, and given back.

The terms stand in the command as the reward's own stream has them, so a redemption is decided again from the member's
stream alone. Stock is shared by all members (a take); how many one member may have is its own counter.
"""

from collections.abc import Iterator

from domain.errors import InvalidPayload, LimitReached, NotEligible, NotEnoughPoints, Refused, SoldOut
from domain.member.commands import RedeemReward
from domain.member.condition import holds, reading_now
from domain.member.counters import require
from domain.member.draft import Draft
from domain.member.events import RewardIssued, RewardReleased, RewardReserved
from domain.member.pooling import charge
from domain.member.spending import active, currency, set_aside, spend
from domain.member.state import Hold
from domain.member.wallet import balance, draw, spendable
from domain.numbers import MAX_AMOUNT
from domain.rules.compiled import CompiledRulebook
from domain.rules.expression import Clause, clauses, compile_tree
from domain.rules.rewards import RewardTerms
from domain.takes import Take

STOCK = "stock"
"""Kind of takes: units of a reward."""
CONDITION = "condition-not-met"
"""The reason where the reward's `when` does not hold."""


def redeem_reward(draft: Draft, command: RedeemReward) -> None:
    """Spend the price and issue the units, or hold both. Raises SoldOut, LimitReached, NotEligible, NotEnoughPoints."""
    terms, quantity = command.terms, command.quantity
    book, policy = currency(draft, terms.currency)
    draft.rulebook = book.number
    for refusal in obstacles(draft, book, terms, quantity):
        raise refusal
    day = draft.local_day(book, draft.zone(book), draft.now)
    counts = {_counter(terms): quantity}
    points = terms.points * quantity
    takes = (Take(STOCK, terms.id, quantity, terms.stock),) if terms.stock is not None else ()
    draft.takes += takes
    draws, _ = draw(spendable(draft.member, terms.currency, draft.now), points, policy.spend_order)
    if command.hold_seconds is None:
        spend(draft, command.id, terms.currency, points, draws, None)
        draft.record(
            RewardIssued(
                redemption=command.id, reward=terms.id, quantity=quantity, codes=command.codes, day=day, counts=counts
            )
        )
    else:
        set_aside(draft, command.id, terms.currency, points, draws, None, command.hold_seconds, takes)
        draft.record(
            RewardReserved(
                redemption=command.id, reward=terms.id, quantity=quantity, day=day, counts=counts, codes=command.codes
            )
        )
    if draft.member.pool is not None or command.by:
        charge(draft, command.id, command.by, terms.currency, points, held=command.hold_seconds is not None)


def obstacles(draft: Draft, book: CompiledRulebook, terms: RewardTerms, quantity: int) -> Iterator[Refused]:
    """Everything that keeps the member from having so many units now, in the order in which it is refused."""
    try:
        active(draft)
    except Refused as refusal:
        yield refusal
    yield from _out_of_time(draft, terms)
    if terms.tree is not None and not holds(compile_tree(terms.tree), reading_now(draft, book)):
        yield NotEligible(f"{terms.id} is not for this member", reasons=[CONDITION], errors=_unmet(draft, book, terms))
    # It counts whether or not there is a limit by now.
    require(draft.member, draft.local_day(book, draft.zone(book), draft.now))
    has = draft.member.totals.get(_counter(terms))
    if terms.per_member is not None and (has.ever if has else 0) + quantity > terms.per_member:
        yield LimitReached(f"a member has at most {terms.per_member} of {terms.id}")
    if terms.stock is not None:
        left = terms.stock - draft.circumstances.taken.of(STOCK, terms.id)
        if quantity > left:
            yield SoldOut(f"{max(0, left)} of {terms.id} are left, {quantity} asked for")
    points = terms.points * quantity
    if points > MAX_AMOUNT:
        yield InvalidPayload("the price is more than a number can hold", errors=[("/quantity", "fewer")])
    available = balance(draft.member, terms.currency, draft.now).available
    if points > available:
        yield NotEnoughPoints(asked=points, available=available)


def why(draft: Draft, book: CompiledRulebook, terms: RewardTerms) -> tuple[Clause, ...]:
    """The parts of the condition, each with what it came to for the member."""
    return clauses(terms.tree, reading_now(draft, book)) if terms.tree is not None else ()


def issue(draft: Draft, hold: Hold, points: int | None, codes: tuple[str, ...]) -> None:
    """Units that were held are the member's now."""
    if points not in (None, hold.points):
        raise InvalidPayload("a reward is confirmed whole", errors=[("/points", "leave it out")])
    draft.record(
        RewardIssued(redemption=hold.id, reward=hold.reward, quantity=hold.quantity, codes=hold.codes or codes)
    )


def give_up(draft: Draft, redemption: str, reward: str, quantity: int, day: int, counts: dict[str, int]) -> None:
    """Units go back to the stock, and count for the member no more."""
    if counts:
        require(draft.member, day)
    draft.record(
        RewardReleased(
            redemption=redemption,
            reward=reward,
            quantity=quantity,
            day=day,
            counts={name: -step for name, step in counts.items()},
        )
    )


def _out_of_time(draft: Draft, terms: RewardTerms) -> Iterator[Refused]:
    if terms.withdrawn:
        yield NotEligible(f"{terms.id} is not offered any more", reasons=["withdrawn"])
    elif terms.starts is not None and draft.now < terms.starts:
        yield NotEligible(f"{terms.id} is not offered yet", reasons=["not-started"])
    elif terms.ends is not None and draft.now >= terms.ends:
        yield NotEligible(f"{terms.id} is not offered any more", reasons=["ended"])


def _unmet(draft: Draft, book: CompiledRulebook, terms: RewardTerms) -> list[tuple[str, str]]:
    """What of the condition does not hold: whoever redeems reads it in the refusal."""
    return [("/when", f"{part.text} is false") for part in why(draft, book, terms) if part.value is False]


def _counter(terms: RewardTerms) -> str:
    """What the member has of the reward, as its own counter."""
    return f"reward:{terms.id}"
