"""Rewards of the catalogue: redeemed for points, held, issued, and given back.

The terms stand in the command as the reward's own stream has them, so a redemption is decided again from the member's
stream alone. Stock is shared by all members (a take); how many one member may have is its own counter.
"""

from domain.errors import InvalidPayload, LimitReached, NotEligible, NotEnoughPoints, SoldOut
from domain.member.commands import RedeemReward
from domain.member.counters import require
from domain.member.draft import Draft
from domain.member.events import RewardIssued, RewardReleased, RewardReserved
from domain.member.spending import active, currency, set_aside, spend
from domain.member.state import Hold
from domain.member.wallet import balance, draw, spendable
from domain.numbers import MAX_AMOUNT
from domain.rules.rewards import RewardTerms
from domain.takes import Take

STOCK = "stock"
"""Kind of takes: units of a reward."""


def redeem_reward(draft: Draft, command: RedeemReward) -> None:
    """Spend the price and issue the units, or hold both. Raises SoldOut, LimitReached, NotEligible, NotEnoughPoints."""
    active(draft)
    terms, quantity = command.terms, command.quantity
    book, policy = currency(draft, terms.currency)
    draft.rulebook = book.number
    _in_time(draft, terms)
    day = draft.local_day(book, draft.zone(book), draft.now)
    counts = _counts(draft, terms, quantity, day)
    takes: tuple[Take, ...] = ()
    if terms.stock is not None:
        left = terms.stock - draft.circumstances.taken.of(STOCK, terms.id)
        if quantity > left:
            raise SoldOut(f"{max(0, left)} of {terms.id} are left, {quantity} asked for")
        takes = (Take(STOCK, terms.id, quantity, terms.stock),)
    points = terms.points * quantity
    if points > MAX_AMOUNT:
        raise InvalidPayload("the price is more than a number can hold", errors=[("/quantity", "fewer")])
    available = balance(draft.member, terms.currency, draft.now).available
    if points > available:
        raise NotEnoughPoints(asked=points, available=available)
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
        draft.record(RewardReserved(redemption=command.id, reward=terms.id, quantity=quantity, day=day, counts=counts))


def issue(draft: Draft, hold: Hold, points: int | None, codes: tuple[str, ...]) -> None:
    """Units that were held are the member's now."""
    if points not in (None, hold.points):
        raise InvalidPayload("a reward is confirmed whole", errors=[("/points", "leave it out")])
    draft.record(RewardIssued(redemption=hold.id, reward=hold.reward, quantity=hold.quantity, codes=codes))


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


def _in_time(draft: Draft, terms: RewardTerms) -> None:
    if terms.withdrawn:
        raise NotEligible(f"{terms.id} is not offered any more", reasons=["withdrawn"])
    if terms.starts is not None and draft.now < terms.starts:
        raise NotEligible(f"{terms.id} is not offered yet", reasons=["not-started"])
    if terms.ends is not None and draft.now >= terms.ends:
        raise NotEligible(f"{terms.id} is not offered any more", reasons=["ended"])


def _counts(draft: Draft, terms: RewardTerms, quantity: int, day: int) -> dict[str, int]:
    """What the member's own counter of the reward moves; it counts whether or not there is a limit by now."""
    name = f"reward:{terms.id}"
    require(draft.member, day)
    has = draft.member.totals.get(name)
    if terms.per_member is not None and (has.ever if has else 0) + quantity > terms.per_member:
        raise LimitReached(f"a member has at most {terms.per_member} of {terms.id}")
    return {name: quantity}
