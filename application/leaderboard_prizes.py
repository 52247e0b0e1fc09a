"""Pay what a closed board won: each prize once, wherever a process dies."""

from uuid import UUID

import structlog

from application.handle import MAX_TRIES, AlreadyThere, Handler, Stored
from application.leaderboard_places import Place, event_of
from application.ports import ClaimTaken, HeadMoved, Save, Unavailable
from application.programs import KnownProgram, next_instant, next_row
from application.repeats import SEPARATOR
from application.rows import Wish
from domain.errors import (
    AmountOutOfRange,
    MemberErasedAlready,
    MemberSuspended,
    UnknownMember,
)
from domain.log import Claim
from domain.member.commands import PayPrize
from domain.program.commands import NotePrizes
from domain.program.decide import note_prizes, winners

ACTOR = "system:leaderboards"


_log = structlog.get_logger(__name__)


async def pay_prizes(handler: Handler, known: KnownProgram, closed: Stored) -> None:
    """Pay what a closed board won, each prize once, and note that it is done.

    May be cut off anywhere and run again, by any number of processes: every prize is a claim.
    """
    event, program = event_of(closed), known.program.id
    place = Place(program, event.leaderboard, event.board, event.period)
    if await handler.store.claim(program, "prizes", place.key) is not None:
        return
    board = known.load(event.rulebook).document.leaderboards[event.leaderboard]
    paid = passed_over = 0
    for row, prize in winners(event, board):
        command = PayPrize(
            leaderboard=event.leaderboard,
            board=event.board,
            period=event.period,
            closed_at=event.closed_at,
            rulebook=event.rulebook,
            rank=row.rank,
            currency=prize.currency,
            points=prize.points,
        )
        if await _pay(handler, place, command, UUID(row.member), f"{closed.entry.stream}/{closed.entry.version}"):
            paid += 1
        else:
            passed_over += 1
    await _note(handler, place, paid, passed_over)


async def _pay(handler: Handler, place: Place, command: PayPrize, member: UUID, cause: str) -> bool:
    """Whether the member has the prize; not when nobody is left to take it."""
    claim = Claim("prize", SEPARATOR.join((place.key, command.currency, member.hex)))
    if await handler.store.claim(place.program, claim.kind, claim.key) is not None:
        return True
    wish = Wish(program=place.program, command=command, actor=ACTOR, claims=(claim,), cause=cause)
    try:
        await handler.handle(wish, *await handler.load(place.program, member))
    except AlreadyThere:
        return True
    except (UnknownMember, MemberErasedAlready, MemberSuspended, AmountOutOfRange) as refused:
        _log.info("prize_passed_over", leaderboard=place.leaderboard, period=place.period, code=refused.code)
        return False
    return True


async def _note(handler: Handler, place: Place, paid: int, passed_over: int) -> None:
    command = NotePrizes(
        leaderboard=place.leaderboard, board=place.board, period=place.period, paid=paid, passed_over=passed_over
    )
    for _ in range(MAX_TRIES):
        known = await handler.programs.refresh(place.program)
        now = next_instant(known, await handler.clock.now(place.program))
        claims = (Claim("prizes", place.key),)
        row = next_row(place.program, known, command, note_prizes(command), ACTOR, now, handler.new_id(), claims)
        try:
            await handler.store.append(Save(program=place.program, rows=(row,)))
        except HeadMoved:
            continue
        except ClaimTaken:
            pass  # another process was quicker
        return
    raise Unavailable("too many others change this program at once")
