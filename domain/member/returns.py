"""Returns: take back what the returned part of an activity earned, under the rules it was earned by.

Cumulative targets: after each return, the total taken from an award is what the whole of the returned money
calls for, so rounding never leaks, and the last return takes the rest.
"""

import msgspec

from domain.calendar import month_of
from domain.errors import BadTime, InvalidPayload, NotEligible, ReturnExceedsActivity
from domain.member.activities import evaluate
from domain.member.badges import take_back_badges
from domain.member.bonuses import granted, is_bonus, take_back
from domain.member.clawback import caps_back, claw_back, takes_back
from domain.member.closing import moved_key
from domain.member.commands import RecordActivity, ReturnActivity
from domain.member.counters import require
from domain.member.draft import Draft, Given, HistoryNeeded, Original
from domain.member.events import ActivityReversed, LineReturned, PointsClawedBack, PointsEarned
from domain.member.kept import LinesBack, kept_of, lines_back, order_lines
from domain.member.lateness import not_ahead
from domain.member.offers import rule_name, take_back_progress, withdraw
from domain.member.referrals import take_back_referral
from domain.member.restoring import give_back
from domain.member.scores import take_back_scores
from domain.member.standing import lower_tiers
from domain.member.state import Reversed
from domain.member.streaks import TICK, take_back_streaks
from domain.numbers import share
from domain.rules.boards import Scored
from domain.rules.compiled import CompiledRule, CompiledRulebook
from domain.rules.earning import selected
from domain.rules.lines import OrderContext
from domain.rules.rulebook import Returns


def return_activity(draft: Draft, command: ReturnActivity) -> None:
    """Decide a return. Which lots pay is judged now; the movement takes effect at `occurred_at`."""
    history = draft.circumstances.history
    if history is None:
        raise HistoryNeeded(f"entry {command.original}")
    original = history.original(_place(draft, command))
    book = draft.circumstances.timeline.version(original.rulebook)
    draft.rulebook = book.number
    declared = book.activity(original.command.type)
    if declared is not None and declared.role == "spends":
        raise NotEligible("spending that a feed reported cannot be returned", reasons=["spends-points"])
    if command.occurred_at < original.command.occurred_at:
        raise BadTime(
            "a return does not come before its activity",
            errors=[("/occurred_at", f"not before {original.command.occurred_at.isoformat()}")],
        )
    not_ahead(draft, command.occurred_at, book.document.late)
    require(draft.member, original.day)
    so_far = _so_far(draft, original)
    base = amount_of(original.command)
    back = _back(command, original, base, so_far, _policy(book, original))
    returned = so_far.returned_minor + back.amount
    complete = so_far.complete or back.complete or base is None or returned >= base
    kept = None if complete else _kept(draft, book, original, returned, back.so_far)
    counts = _measures_back(original, so_far, kept)
    draft.record(
        ActivityReversed(
            return_id=command.id,
            source=command.source,
            activity=original.version,
            amount_minor=back.amount,
            returned_minor=returned,
            excess_minor=back.excess,
            day=original.day,
            counts=counts,
            complete=complete,
            lines=back.so_far,
        )
    )
    if command.gives_back:
        _give_back(draft, command, returned, base, complete=complete)
    by_rules = {rule.rule.id for rule in book.rules(original.command.type)}
    stays: dict[tuple[str, str], int] = {}
    for award in original.awards:
        known = award.rule in by_rules
        if not known and (award.restated is None or is_bonus(award.rule)):
            continue  # a bonus goes with what it was for
        taken = so_far.taken.get(award.lot, 0)
        if known and not complete:
            target = _target(book, original, award, returned, base, kept, stays)
        else:
            # A correction may have granted by a rule that the activity's own rulebook never had.
            target = award.points if complete else share(award.points, returned, base or 1)
        if target > taken:
            points = target - taken
            if known and award.lot not in original.corrected:
                draft.takes += takes_back(book, award, original.day, points, last=target >= award.points)
            policy = book.currency(award.currency)
            given = Given(original.version, original.rulebook, award, original.fates[award.lot])
            claw_back(draft, policy, given, points, caps_back(award, taken, points))
    take_back_scores(draft, book, original, so_far, kept.scored if kept else None)
    take_back_streaks(draft, book, original, counts)
    take_back_badges(draft, book, original, complete=complete)
    if complete and not so_far.complete:
        take_back_referral(draft, original)
    day = _offers_back(draft, original, so_far, counts, complete=complete)
    zone = draft.zone(book, original.command.time_zone)
    lower_tiers(draft, book, command.occurred_at, day, zone, moved(draft))


def _give_back(draft: Draft, command: ReturnActivity, returned: int, base: int | None, *, complete: bool) -> None:
    """Give back the points that paid for the returned part, before any are taken: what they repay need not be owed."""
    history, timeline = draft.circumstances.history, draft.circumstances.timeline
    assert history is not None
    for spend in history.payments(command.activity_source, command.activity_id):
        target = spend.points if complete or not base else share(spend.points, returned, base)
        if target > spend.back:
            policy = timeline.version(spend.rulebook).currency(spend.currency).returns
            give_back(draft, spend, target - spend.back, policy.points_paid)


def _offers_back(draft: Draft, original: Original, so_far: Reversed, counts: dict[str, int], *, complete: bool) -> int:
    """Take back what the activity counted for offers, and the rewards of those that this leaves uncompleted.

    The earliest local day that anything is taken back of: a reward counted on the day of what completed its offer.
    """
    day = original.day
    for slot in take_back_progress(draft, original, so_far, counts, complete=complete):
        for given in granted(draft, rule_name(slot.offer)) if slot.lot else ():
            if given.award.lot == slot.lot:
                require(draft.member, given.award.day)
                take_back(draft, draft.circumstances.timeline.version(given.rulebook), given, given.left, {})
                day = min(day, given.award.day)
    if complete:
        withdraw(draft, original)
    return day


def amount_of(command: RecordActivity) -> int | None:
    """The money of an activity in minor units: `data.amount_minor`; None when it has none."""
    amount = command.data.get("amount_minor")
    return amount if isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0 else None


def _place(draft: Draft, command: ReturnActivity) -> int:
    """The number that the activity has in this stream: another one where a member that was absorbed had it."""
    if not command.origin:
        return command.original
    return moved_key(command.original, draft.member.absorbed.index(command.origin))


def _so_far(draft: Draft, original: Original) -> Reversed:
    month = draft.member.months.get(month_of(original.day))
    return (month.reversed.get(original.version) if month else None) or Reversed()


def _policy(book: CompiledRulebook, original: Original) -> Returns:
    for award in original.awards:
        return book.currency(award.currency).returns
    return Returns()


def _back(
    command: ReturnActivity, original: Original, base: int | None, so_far: Reversed, policy: Returns
) -> LinesBack:
    """The money that counts as returned now, by lines where the return names them, and what exceeds the original."""
    lines = order_lines(original.command.data)
    if not command.lines or not lines or base is None:
        amount, excess = _amount(command, base, so_far, policy)
        return LinesBack(so_far.lines, amount, excess, complete=False)
    found = lines_back(command.lines, lines, so_far.lines, refuse=policy.over_return == "refuse")
    # Lines may add up to more than was paid for the order, or to less: the last one takes the rest.
    left = max(0, base - so_far.returned_minor)
    amount = left if found.complete else min(found.amount, left)
    return msgspec.structs.replace(found, amount=amount)


def _amount(command: ReturnActivity, base: int | None, so_far: Reversed, policy: Returns) -> tuple[int, int]:
    """The money of a return that names no lines, and what exceeds the original."""
    if base is None:
        if command.amount_minor is not None:
            raise InvalidPayload(
                "the activity has no amount: return it whole", errors=[("/amount_minor", "leave it out")]
            )
        return 0, 0
    left = max(0, base - so_far.returned_minor)
    asked = left if command.amount_minor is None else command.amount_minor
    if asked > base:
        raise ReturnExceedsActivity(f"{asked} returned of {base}", errors=[("/amount_minor", f"at most {base}")])
    if asked > left and policy.over_return == "refuse":
        raise ReturnExceedsActivity(f"{asked} returned, {left} left", errors=[("/amount_minor", f"at most {left}")])
    return min(asked, left), max(0, asked - left)


class _Kept(msgspec.Struct, frozen=True):
    """What the activity would have earned and measured, had only what was kept been bought.

    `left` is the money left of each line, `order` what conditions on its lines read.
    """

    granted: dict[tuple[str, str], int]
    measures: dict[str, int]
    scored: tuple[Scored, ...]
    left: dict[int, int]
    order: OrderContext
    ticked: tuple[str, ...]


def _kept(
    draft: Draft, book: CompiledRulebook, original: Original, returned: int, lines: dict[str, LineReturned]
) -> _Kept:
    bought = original.command.data
    kept = kept_of(bought, returned, lines)
    then = msgspec.structs.replace(
        draft.circumstances,
        recorded_at=original.recorded_at,
        timeline=draft.circumstances.timeline.cut(original.timeline),
        # What is kept may fit rules that the whole did not, and these may ask for other quantities.
        taken=original.taken.looking_back(),
    )
    look_back = Draft(original.before, then, original.command.occurred_at)
    command = msgspec.structs.replace(original.command, data=kept.data)
    evaluated = evaluate(look_back, look_back.member, book, command)
    granted = {(award.rule, award.currency): award.granted for award in evaluated.earned.awards}
    return _Kept(
        granted,
        evaluated.measures,
        evaluated.scored,
        kept.left,
        OrderContext(evaluated.reading, bought),
        evaluated.ticked,
    )


def _measures_back(original: Original, so_far: Reversed, kept: _Kept | None) -> dict[str, int]:
    """What each measure and streak loses, beyond what earlier returns took. The activity itself stays counted."""
    back = {}
    for name, counted in original.counts.items():
        if name.startswith("measure:"):
            remains = kept.measures.get(name.removeprefix("measure:"), 0) if kept else 0
        elif name.startswith(TICK):
            remains = 1 if kept and name.removeprefix(TICK) in kept.ticked else 0
        else:
            continue
        step = remains - counted - so_far.counts.get(name, 0)
        if step:
            back[name] = step
    return back


def _target(
    book: CompiledRulebook,
    original: Original,
    award: PointsEarned,
    returned: int,
    base: int | None,
    kept: _Kept | None,
    stays: dict[tuple[str, str], int],
) -> int:
    """The points of one award that the money returned so far calls for.

    `stays` is what other awards of the same rule keep: a restatement gives a rule a second one.
    """
    assert base is not None and kept is not None
    rule = _rule(book, original, award)
    if not _proportional(book, original, award):
        name = (award.rule, award.currency)
        remains = min(award.points, max(0, _remains(book, original, award, kept) - stays.get(name, 0)))
        stays[name] = stays.get(name, 0) + remains
        return award.points - remains
    if rule.rule.lines is not None and kept.left:
        # What the rule is about: its own lines, as they were bought.
        lines = selected(rule, order_lines(original.command.data), kept.order)
        base = sum(line.amount for line in lines)
        returned = base - sum(kept.left[line.number] for line in lines)
    return share(award.points, returned, base) if 0 <= returned <= base and base else 0


def _rule(book: CompiledRulebook, original: Original, award: PointsEarned) -> CompiledRule:
    return next(one for one in book.rules(original.command.type) if one.rule.id == award.rule)


def _remains(book: CompiledRulebook, original: Original, award: PointsEarned, kept: _Kept) -> int:
    """What would be granted for what was kept: by the same rule, or by one that its group would choose instead."""
    group = _rule(book, original, award).rule.group
    granted = {one.rule for one in original.awards} - {award.rule}
    stand_ins = {
        one.rule.id for one in book.rules(original.command.type) if group is not None and one.rule.group == group
    }
    names = {award.rule} | (stand_ins - granted)
    return sum(
        points for (rule, currency), points in kept.granted.items() if rule in names and currency == award.currency
    )


def _proportional(book: CompiledRulebook, original: Original, award: PointsEarned) -> bool:
    policy = book.currency(award.currency).returns.recompute
    if policy != "auto":
        return policy == "proportional"
    rules, rule = book.rules(original.command.type), _rule(book, original, award)
    if rule.rule.phase == "multiply":
        # A multiplier follows its base: part steps, part rates is steps.
        return not rule.reads_amounts and not any(
            one.reads_amounts
            for one in rules
            if one.rule.phase == "base" and any(other.rule == one.rule.id for other in original.awards)
        )
    return not rule.reads_amounts


def moved(draft: Draft) -> frozenset[str]:
    """The counters that this return has lowered."""
    found: set[str] = set()
    for event in draft.events:
        if isinstance(event, ActivityReversed):
            found |= event.counts.keys()
        elif isinstance(event, PointsClawedBack):
            found |= {f"granted:{event.currency}", f"earned:{event.currency}"}
    return frozenset(found)
