"""Results on leaderboards: counted with an activity, taken back with its return."""

from collections.abc import Mapping
from typing import Any

from domain.member.commands import RecordActivity
from domain.member.draft import Draft, Original
from domain.member.events import PointsClawedBack, ScoreCounted
from domain.member.state import Reversed
from domain.rules.boards import CompiledBoard, Scored, score
from domain.rules.compiled import CompiledRulebook
from domain.rules.earning import Earned


def scores_of(
    draft: Draft, book: CompiledRulebook, command: RecordActivity, reading: Any, earned: Earned
) -> tuple[tuple[Scored, ...], tuple[tuple[str, str], ...]]:
    """What an activity scores, and the leaderboards that failed. Periods are those of the program's own calendar."""
    boards = book.boards(command.type)
    if not boards:
        return (), ()
    granted: dict[str, int] = {}
    for award in earned.awards:
        granted[award.currency] = granted.get(award.currency, 0) + award.granted
    day = draft.local_day(book, program_zone(draft, book), command.occurred_at)
    return score(boards, command.occurred_at, day, reading, granted)


def program_zone(draft: Draft, book: CompiledRulebook) -> str:
    """The zone whose calendar makes the periods of leaderboards: one for all members, whatever they live by."""
    if book.document.zone_policy == "utc":
        return "UTC"
    return book.document.time_zone or draft.circumstances.zone


def count_scores(draft: Draft, scored: tuple[Scored, ...], day: int) -> None:
    for one in scored:
        draft.record(
            ScoreCounted(
                leaderboard=one.leaderboard,
                board=one.board,
                period=one.period,
                day=day,
                score=one.score,
                places=one.places,
            )
        )


def take_back_scores(
    draft: Draft, book: CompiledRulebook, original: Original, so_far: Reversed, kept: tuple[Scored, ...] | None
) -> None:
    """Take from each result what the returned part of its activity scored; `kept` None: all that is left.

    Scores of points go with the points that this return took back; others are what the kept part would have scored.
    Never more is taken than was counted. A place is taken back with the whole activity only.
    """
    boards = {board.id: board for board in book.boards(original.command.type)}
    remaining = {one.leaderboard: one.score for one in kept or ()}
    for counted in original.scores:
        taken = so_far.scores.get(counted.leaderboard, 0)
        step = _left(draft, boards, counted, taken, remaining, whole=kept is None) - counted.score - taken
        places = counted.places if kept is None and not so_far.complete else ()
        if step or places:
            draft.record(
                ScoreCounted(
                    leaderboard=counted.leaderboard,
                    board=counted.board,
                    period=counted.period,
                    day=original.day,
                    score=step,
                    places=places,
                    activity=original.version,
                )
            )


def _left(
    draft: Draft,
    boards: Mapping[str, CompiledBoard],
    counted: ScoreCounted,
    taken: int,
    remaining: Mapping[str, int],
    *,
    whole: bool,
) -> int:
    """What stays of a result after this return: between nothing and what was counted."""
    if whole:
        return 0
    currency = boards[counted.leaderboard].currency
    if currency is None:
        stays = remaining.get(counted.leaderboard, 0)
    else:
        back = (event for event in draft.events if isinstance(event, PointsClawedBack))
        stays = counted.score + taken - sum(event.points for event in back if event.currency == currency)
    low, high = sorted((0, counted.score))
    return max(low, min(high, stays))
