"""An approved correction, applied to one member: the differences it found, as of the activities they are about."""

from domain.errors import VersionConflict
from domain.member.commands import ApplyCorrection, CorrectedAward
from domain.member.compensating import open_more, take_back_of
from domain.member.counters import require
from domain.member.draft import Draft
from domain.member.events import ActivityRestated, PointsEarned, Restated
from domain.member.standing import lower_tiers, raise_tiers


def apply_correction(draft: Draft, command: ApplyCorrection) -> None:
    """Compensate what came out wrong. Raises VersionConflict for a member that has moved since the dry run."""
    if draft.circumstances.told is None and draft.member.version != command.seen:
        raise VersionConflict(f"the member is at version {draft.member.version}, the dry run saw {command.seen}")
    timeline = draft.circumstances.timeline
    in_force = timeline.at(draft.now)
    draft.rulebook = in_force.number if in_force is not None else 0
    if command.rows:
        require(draft.member, min(row.day for row in command.rows))
    for row in command.rows:
        about = Restated(row.activity, row.at, row.rulebook)
        book = timeline.version(row.rulebook)
        zone = draft.zone(book)
        draft.record(ActivityRestated(activity=row.activity, at=row.at, rulebook=row.rulebook, day=row.day))
        for award in row.awards:
            if award.points < 0:
                take_back_of(draft, award.rule, award.currency, -award.points, award.counts, row.activity, about)
            else:
                open_more(draft, _lot(draft, award, row.day), row.at, zone, about)
        lost = [award.currency for award in row.awards if award.points < 0]
        if any(award.points > 0 for award in row.awards):
            raise_tiers(draft, book, row.at, row.day, zone, "corrected")
        if lost:
            moved = frozenset(f"{kind}:{currency}" for currency in lost for kind in ("granted", "earned"))
            lower_tiers(draft, book, row.at, row.day, zone, moved)


def _lot(draft: Draft, award: CorrectedAward, day: int) -> PointsEarned:
    return PointsEarned(
        lot=draft.new_lot(),
        currency=award.currency,
        rule=award.rule,
        wanted=award.points,
        points=award.points,
        available_at=award.available_at,
        expires_at=award.expires_at,
        idle=award.idle,
        counts=award.counts,
        day=day,
    )


def correction_cause(command: ApplyCorrection) -> str:
    """`correction:cor_...`: which correction moved it."""
    return f"correction:{command.correction}"
