"""What a correction would change of one member: its stream told again under a trial, activity by activity.

The same telling as a what-if, held against what was recorded with every correction that is linked to it already: so
what was corrected once comes out even the next time.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import msgspec

from domain.log import After, Entry, decode
from domain.member.commands import ApplyCorrection, CorrectedActivity, CorrectedAward
from domain.member.events import PointsClawedBack, PointsEarned
from domain.member.outcomes import Granted, Outcome, Story
from domain.what_if import Retold, WhatIf


class Differences(msgspec.Struct, frozen=True):
    """What came out differently for a member at a version; `recorded` and `tried` as they stand in either story."""

    member: str
    version: int
    rows: tuple[CorrectedActivity, ...]
    recorded: After
    tried: After


def differences(
    asked: WhatIf, states: Sequence[bytes], *, to_now: bool, rules: Collection[str], members: Collection[str]
) -> Differences | None:
    """The differences of a member; None where there are none. `rules` and `members` empty: all of them.

    `to_now` also looks at what came after the window, under its own rules with the corrected state.
    """
    retold = Retold(asked, states)
    outcome = retold.outcome()
    if not retold.under_trial or (members and outcome.member not in members):
        return None
    was, told = Story(), Story()
    for state in states:
        _tell(was, decode(state))
    for state in states[: retold.apart]:
        _tell(told, decode(state))
    for one in retold.retold:
        if one.decision is not None:
            _tell(told, one.entry())
    scope = {one.recorded.version for one in retold.retold} if to_now else retold.under_trial
    rows = [
        row
        for version in sorted(scope & was.activities.keys() & told.activities.keys())
        if (row := _row(was.activities[version], told.activities[version], rules))
    ]
    rows = [msgspec.structs.replace(row, cascaded=row.activity not in retold.under_trial) for row in rows]
    if not rows:
        return None
    return Differences(outcome.member, len(states), tuple(rows), outcome.recorded.after, outcome.tried.after)


def _tell(story: Story, entry: Entry) -> None:
    story.add(entry.version, entry.pins.rulebook, entry.events)


def _row(was: Outcome, told: Outcome, rules: Collection[str]) -> CorrectedActivity | None:
    awards = []
    for rule, currency in sorted(was.granted.keys() | told.granted.keys()):
        before = was.granted.get((rule, currency), Granted())
        after = told.granted.get((rule, currency), Granted())
        points = after.points - before.points
        if not points or (rules and rule not in rules):
            continue
        names = before.counts.keys() | after.counts.keys()
        counts = {name: after.counts.get(name, 0) - before.counts.get(name, 0) for name in sorted(names)}
        award = CorrectedAward(
            rule=rule,
            currency=currency,
            points=points,
            wanted=after.points,
            counts={name: step for name, step in counts.items() if step},
        )
        awards.append(_living(award, after.awards[0]) if points > 0 else award)
    return _corrected(was, awards) if awards else None


def _corrected(was: Outcome, awards: Iterable[CorrectedAward]) -> CorrectedActivity:
    return CorrectedActivity(activity=was.version, at=was.at, rulebook=was.rulebook, day=was.day, awards=tuple(awards))


def _living(award: CorrectedAward, like: PointsEarned) -> CorrectedAward:
    return msgspec.structs.replace(award, available_at=like.available_at, expires_at=like.expires_at, idle=like.idle)


def reversal(states: Sequence[bytes], correction: str) -> tuple[CorrectedActivity, ...]:
    """The other way round of what a correction did to a member, and nothing reversed twice."""
    entries = [decode(state) for state in states]
    story, lots = Story(), dict[str, PointsEarned]()
    net: dict[int, dict[tuple[str, str], CorrectedAward]] = defaultdict(dict)
    for entry in entries:
        _tell(story, entry)
        lots |= {event.lot: event for event in entry.events if isinstance(event, PointsEarned)}
        asked = entry.input
        if not isinstance(asked, ApplyCorrection) or correction not in (asked.correction, asked.reverses):
            continue
        for event in entry.events:
            if not isinstance(event, PointsEarned | PointsClawedBack) or event.restated is None:
                continue
            points = -event.points if isinstance(event, PointsEarned) else event.points
            name, row = (event.rule, event.currency), net[event.restated.activity]
            so_far = row.get(name) or CorrectedAward(rule=event.rule, currency=event.currency, points=0)
            counts = {one: so_far.counts.get(one, 0) - event.counts.get(one, 0) for one in so_far.counts | event.counts}
            changed = msgspec.structs.replace(so_far, points=so_far.points + points, counts=counts)
            row[name] = _living(changed, lots[event.lot]) if event.lot in lots else changed
    rows = []
    for version, row in sorted(net.items()):
        outcome = story.activities[version]
        awards = [
            msgspec.structs.replace(award, wanted=outcome.granted[name].points + award.points)
            for name, award in sorted(row.items())
            if award.points
        ]
        if awards:
            rows.append(_corrected(outcome, awards))
    return tuple(rows)
