"""From a decision to the row that the log gets."""

from uuid import UUID

import msgspec

from application.ports import NewRow, NewState
from application.programs import KnownProgram
from application.recent import Loaded
from domain.log import ENGINE, TOPIC, Claim, Entry, Pins, after, encode, row_digest, stream_name
from domain.member.commands import MemberCommand
from domain.member.decide import Decision
from domain.member.draft import Circumstances
from domain.member.settle import next_due
from domain.member.shape import SHAPE, Horizon, horizon_of, pack
from domain.rules.rewards import ISSUED_CODE


def promise(stream: UUID, version: int) -> str:
    """The key of a promise: the entry that makes it."""
    return f"{stream.hex}/{version}"


class Wish(msgspec.Struct, kw_only=True, frozen=True):
    """A command for one member, with everything that the entry says around it.

    `claims` are keys that must be new. `by_time` marks the sweeper's entries, which have no input. `stands_on` are
    streams whose head the command was made from, with its version: the save is refused if one has moved.
    """

    program: str
    command: MemberCommand
    actor: str
    claims: tuple[Claim, ...] = ()
    releases: tuple[Claim, ...] = ()
    cause: str | None = None
    correlation: str | None = None
    by_time: bool = False
    stands_on: tuple[tuple[UUID, int], ...] = ()


def row_of(
    wish: Wish, loaded: Loaded, decision: Decision, circumstances: Circumstances, save: UUID
) -> tuple[NewRow, Loaded]:
    """The entry of a decision as the log gets it, without a state; and the member as that entry leaves it."""
    recorded_at = circumstances.recorded_at
    freed = tuple(Claim(ISSUED_CODE, code) for code in decision.freed)
    promises = tuple(Claim(kind, promise(loaded.stream, decision.member.version)) for kind in decision.promises)
    entry = Entry(
        stream=stream_name(wish.program, "member", loaded.stream),
        version=decision.member.version,
        save=save.hex,
        recorded_at=recorded_at,
        at=decision.at,
        actor=wish.actor,
        cause=wish.cause,
        correlation=wish.correlation,
        input=None if wish.by_time else wish.command,
        facts={"taken": circumstances.taken.used} if circumstances.taken.used else {},
        pins=Pins(
            engine=ENGINE,
            timeline=circumstances.timeline.number,
            rulebook=decision.rulebook,
            rulebooks=dict(sorted(circumstances.timeline.used.items())),
            zone=circumstances.zone,
            offsets=circumstances.offsets.used,
        ),
        events=decision.events,
        settled=decision.settled,
        after=after(decision.member, recorded_at),
        claims=(*wish.claims, *promises) if promises else wish.claims,
        takes=decision.takes,
        releases=(*wish.releases, *freed) if freed else wish.releases,
    )
    state = encode(entry)
    digest = row_digest(
        loaded.digest,
        program=wish.program,
        kind="member",
        stream=loaded.stream,
        version=entry.version,
        recorded_at=recorded_at,
        topic=TOPIC,
        state=state,
    )
    row = NewRow(
        entry=entry,
        stream=loaded.stream,
        program=wish.program,
        kind="member",
        topic=TOPIC,
        state=state,
        digest=digest,
    )
    return row, Loaded(loaded.stream, decision.member, digest, loaded.key, loaded.clock, remembered=True)


def with_state(row: NewRow, loaded: Loaded, known: KnownProgram) -> tuple[NewRow, Loaded]:
    """The last row of a save with the member's state, and the member without what went cold."""
    newest = known.newest
    today = row.entry.recorded_at.toordinal()
    kept, hot, cold = pack(loaded.member, horizon_of(newest) if newest else Horizon(), today)
    state = NewState(SHAPE, next_due(kept), hot, cold)
    return msgspec.structs.replace(row, member_state=state), msgspec.structs.replace(loaded, member=kept)
