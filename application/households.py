"""Households: persons who share a pool of points, an account of its own.

Whatever changes a person and its household is one save of two entries, or none. The household's stream alone says who
belongs to it and may spend; a person's says only to which household it belongs.
"""

from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID

import msgspec

from application.answers import Answered, answered
from application.handle import AlreadyThere, Handler, Stored
from application.members import RESERVED
from application.payloads import MEMBER_ID
from application.programs import KnownProgram
from application.recent import Loaded
from application.repeats import Ask, Fingerprints, carry_out, repeat
from application.rows import Wish
from application.together import First, Second, save_both
from application.views import balance_shape, current_member
from domain.errors import (
    AmountOutOfRange,
    BadId,
    MemberErasedAlready,
    MemberSuspended,
    NotEligible,
    UnknownHousehold,
)
from domain.log import Claim, Entry
from domain.member.closing import moved_id
from domain.member.commands import (
    Brought,
    ChangeHousehold,
    DissolveHousehold,
    FormHousehold,
    JoinHousehold,
    LeaveHousehold,
    MemberCommand,
    ReceivePoints,
    ReturnActivity,
    SeatMember,
    SurrenderPoints,
    VacateSeat,
)
from domain.member.decide import Decision
from domain.member.events import MemberEventUnion, Part, PointsReceived, PointsSent
from domain.member.households import pooled
from domain.member.pool import OWNER, Pool, SpendingLimit
from domain.member.wallet import balance, currencies
from domain.numbers import MAX_AMOUNT

Json = dict[str, Any]


class LimitBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most points of a currency that each member spends in a period."""

    points: int
    per: Literal["day", "week", "month", "quarter", "half", "year", "ever"]


class HouseholdTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who spends, how much, and what becomes of the points of who leaves. What is left out is as it is at first."""

    spenders: Literal["all", "owner"] = "all"
    leaving: Literal["take", "stay"] = "take"
    limit: LimitBody | None = None


class HouseholdBody(HouseholdTerms, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A household's `id` is one of the ids of members."""

    id: str


class JoinBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    member: str
    role: Literal["owner", "member"] = "member"


class LeaveBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    member: str


class HouseholdChange(HouseholdTerms, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All terms at once. With `owner` one of the members owns the household from now on."""

    owner: str | None = None


class DissolveBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    reason: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked, with which key, in which request."""

    actor: str
    key: str | None = None
    correlation: str | None = None


class _NothingPooled(Exception):
    """A return has nothing to do with the household's pool."""


# --- the household ---------------------------------------------------------------------------------


async def form(handler: Handler, program: str, body: HouseholdBody, told: Told) -> Answered:
    """Open the account of a household, to which nobody belongs yet. Raises MemberExists."""
    if not MEMBER_ID.fullmatch(body.id) or body.id in RESERVED:
        raise BadId("a household's id is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[("/id", "not such an id")])
    command = FormHousehold(household=body.id, spenders=body.spenders, leaving=body.leaving, limit=_limit(body))
    wrapped, stream = handler.crypto.new_key(), handler.new_id()
    ask = _ask(program, "households", body, told, ("member", body.id))
    claims = Fingerprints(handler, handler.crypto.unwrap(wrapped), ask).claims
    wish = Wish(program=program, command=command, actor=told.actor, claims=claims, correlation=told.correlation)
    try:
        stored = await handler.create(wish, wrapped, stream)
    except AlreadyThere as there:
        stored = await repeat(handler, ask, there)
    return answered(stored, {"household": {"id": body.id, **_terms(command)}, "position": stored.position})


async def change(handler: Handler, program: str, household: str, body: HouseholdChange, told: Told) -> Answered:
    """Put a household on other terms, and give it another owner. Raises UnknownHousehold, NotEligible."""
    ask = _ask(program, f"households/{household}", body, told)
    loaded, known = await found(handler, program, household)
    owner = ""
    if body.owner is not None:
        person, _ = await handler.find(program, body.owner)
        owner = next(iter(_seats_of(person, _pool(loaded))), person.stream.hex)
    command = ChangeHousehold(spenders=body.spenders, leaving=body.leaving, limit=_limit(body), owner=owner)
    stored = await carry_out(handler, ask, _wish(ask, command), loaded, known)
    body_after = {"household": {"id": household, **_terms(command)}, "position": stored.position}
    return Answered(200, body_after, stored.position, stored.replayed)


async def found(handler: Handler, program: str, household: str) -> tuple[Loaded, KnownProgram]:
    """Raises UnknownHousehold."""
    if await handler.store.claim(program, "member", household) is None:
        await handler.programs.get(program, 0)
        raise UnknownHousehold(f"there is no household {household!r} in this program")
    loaded, known = await handler.find(program, household)
    if loaded.member.pool is None:
        raise UnknownHousehold(f"{household!r} is a member, no household")
    return loaded, known


async def read(handler: Handler, program: str, household: str) -> Json:
    """Who belongs to it, what each has put in and spent, and what the pool has now."""
    loaded, known = await found(handler, program, household)
    now = handler.now(loaded)
    member, _ = await current_member(handler, known, loaded, now)
    pool = _pool(loaded) if member.pool is None else member.pool
    given = await _given(handler, loaded)
    left: dict[str, dict[str, int]] = {}
    for lot in member.lots:
        origin = pool.origins.get(lot.id)
        if origin is not None:
            mine = left.setdefault(origin.member, {})
            mine[lot.currency] = mine.get(lot.currency, 0) + lot.remaining
    return {
        "id": member.id,
        "status": member.status,
        **_terms(pool),
        "balances": {name: balance_shape(balance(member, name, now)) for name in currencies(member)},
        "members": [
            {
                "member": await name_of(handler, program, stream),
                "role": seat.role,
                "since": seat.since,
                "contributed": given.get(stream, {}),
                "left": left.get(stream, {}),
                "spent": {name: points for name, (_, points) in sorted(seat.spent.items())},
            }
            for stream, seat in sorted(pool.seats.items(), key=lambda one: (one[1].since, one[0]))
        ],
        "version": member.version,
    }


async def contributions(handler: Handler, program: str, household: str, *, limit: int = 100, cursor: int = 0) -> Json:
    """The ledger of the pool: who put in what, from which lot, when that ends, and what is left of it."""
    loaded, known = await found(handler, program, household)
    member, _ = await current_member(handler, known, loaded, handler.now(loaded))
    left = {lot.id: lot.remaining for lot in member.lots}
    items = [
        {
            "member": await name_of(handler, program, event.sender),
            "transfer": event.transfer,
            "at": entry.recorded_at,
            "currency": event.currency,
            "points": part.points,
            "lot": part.lot,
            "from_lot": part.origin,
            "expires_at": part.expires_at,
            "left": left.get(part.lot, 0),
        }
        for entry, event in await _put_in(handler, loaded)
        for part in event.parts
    ]
    page = items[cursor : cursor + limit]
    return {"items": page, "next_cursor": str(cursor + limit) if len(items) > cursor + limit else None}


async def _given(handler: Handler, loaded: Loaded) -> dict[str, dict[str, int]]:
    """By stream and currency: all that was ever put in."""
    sums: dict[str, dict[str, int]] = {}
    for _, event in await _put_in(handler, loaded):
        mine = sums.setdefault(event.sender, {})
        mine[event.currency] = mine.get(event.currency, 0) + event.points
    return sums


async def _put_in(handler: Handler, loaded: Loaded) -> list[tuple[Entry, PointsReceived]]:
    """What was put into the pool, and into those of households that it has absorbed; lots as they are called here."""
    found = []
    for before, stream in enumerate((loaded.stream.hex, *loaded.member.absorbed), start=-1):
        for entry in await handler.entries(UUID(stream)):
            for event in entry.events:
                if isinstance(event, PointsReceived) and isinstance(entry.input, ReceivePoints) and _kept(event):
                    parts = event.parts
                    if before >= 0:
                        parts = tuple(msgspec.structs.replace(one, lot=moved_id(one.lot, before)) for one in parts)
                    found.append((entry, msgspec.structs.replace(event, parts=parts)))
    return sorted(found, key=lambda one: one[0].recorded_at)


def _kept(event: PointsReceived) -> bool:
    """Whether the pool remembers whose they were: a member's own account does not."""
    return any(part.origin for part in event.parts)


async def name_of(handler: Handler, program: str, stream: str) -> str | None:
    """The id of a person by stream, as it is known now; None once it was erased."""
    loaded, _ = await handler.load(program, UUID(stream))
    return loaded.member.id if loaded.member.status != "erased" else None


# --- joining and leaving ---------------------------------------------------------------------------


async def join(handler: Handler, program: str, household: str, body: JoinBody, told: Told) -> Answered:
    """Take a member in. Raises UnknownHousehold, NotEligible, MemberSuspended, LimitReached."""
    pool, _ = await found(handler, program, household)
    person, _ = await handler.find(program, body.member)
    ask = _ask(program, f"households/{household}/join", body, told)
    if person.stream == pool.stream:
        raise NotEligible("a household does not belong to a household", reasons=["household"])

    def joins(one: Loaded, other: Loaded) -> Wish:
        command = JoinHousehold(household=other.stream.hex, entry=other.member.version + 1)
        return _wish(ask, command, _claims(handler, ask, one))

    async def seats(one: Loaded, _: Loaded, decision: Decision) -> Wish:
        command = SeatMember(member=one.stream.hex, entry=decision.member.version, role=body.role)
        return _wish(ask, command)

    done = await _once(handler, ask, (person.stream, pool.stream), joins, seats)
    answer = {"household": household, "member": body.member, "role": body.role, "position": done.position}
    return answered(done, answer)


async def leave(handler: Handler, program: str, household: str, body: LeaveBody, told: Told) -> Answered:
    """Let a member go, with what is left of its own. Raises UnknownHousehold, NotEligible."""
    pool, _ = await found(handler, program, household)
    person, _ = await handler.find(program, body.member)
    ask = _ask(program, f"households/{household}/leave", body, told)
    if person.stream == pool.stream:
        raise NotEligible("a household does not belong to a household", reasons=["household"])
    done = await _leaves(handler, ask, pool, person)
    sent = {event.currency: event.points for event in done.entry.events if isinstance(event, PointsSent)}
    answer = {"household": household, "member": body.member, "points": sent, "position": done.position}
    return answered(done, answer)


async def dissolve(handler: Handler, program: str, household: str, body: DissolveBody, told: Told) -> Answered:
    """Let everybody go, the owner last, and close the account. A run that was cut short goes on when asked again."""
    loaded, known = await found(handler, program, household)
    ask = _ask(program, f"households/{household}/dissolve", body, told, ("dissolve", household))
    leaving = msgspec.structs.replace(ask, key=None, business=())
    current, _ = await current_member(handler, known, loaded, handler.now(loaded))
    if current.holds:
        raise NotEligible("points are held for redemptions: confirm or cancel these first", reasons=["points-held"])
    if current.debt or not all(lot.active for lot in current.lots):
        raise NotEligible("the household owes points, or waits for some", reasons=["has-points"])
    seats = _pool(loaded).seats
    persons = {name: (await handler.load(program, UUID(name)))[0] for name in seats}
    last = sorted(seats, key=lambda name: (persons[name].member.status != "erased", seats[name].role == OWNER, name))
    for name in last:
        now, _ = await handler.load(program, loaded.stream)
        if name in _pool(now).seats:
            await _leaves(handler, leaving, now, persons[name], name)
    loaded, known = await handler.load(program, loaded.stream)
    stored = await carry_out(handler, ask, _wish(ask, DissolveHousehold(reason=body.reason)), loaded, known)
    answer = {"household": household, "status": "dissolved", "position": stored.position}
    return answered(stored, answer)


async def _leaves(handler: Handler, ask: Ask, pool: Loaded, person: Loaded, seat: str = "") -> Stored:
    def vacates(one: Loaded, other: Loaded) -> Wish:
        streams = _seats_of(other, _pool(one)) or (seat or other.stream.hex,)
        command = VacateSeat(
            id=f"leave-{one.member.version + 1}",
            members=streams,
            to=other.stream.hex,
            entry=other.member.version + 1,
        )
        return _wish(ask, command, _claims(handler, ask, one))

    async def goes(one: Loaded, _: Loaded, decision: Decision) -> Wish:
        command = LeaveHousehold(
            id=f"leave-{decision.member.version}",
            household=one.stream.hex,
            entry=decision.member.version,
            brought=_brought(decision.events[decision.settled :]),
        )
        return _wish(ask, command)

    if person.member.status == "erased" or person.member.pool is not None:
        # Nobody is there to take anything along.
        command = VacateSeat(id=f"leave-{pool.member.version + 1}", members=(seat,))
        known = (await handler.load(ask.program, pool.stream))[1]
        return await carry_out(handler, ask, _wish(ask, command), pool, known)
    return await _once(handler, ask, (pool.stream, person.stream), vacates, goes)


async def _once(handler: Handler, ask: Ask, streams: tuple[UUID, UUID], first: First, second: Second) -> Stored:
    """Both entries, of which the first one's is told; or that of the same request that came before."""
    try:
        done = await save_both(handler, ask.program, streams, first, second)
    except AlreadyThere as there:
        before = await repeat(handler, ask, there)
        return msgspec.structs.replace(before, position=max(before.position, await _position_beside(handler, before)))
    # From there on both can be read.
    return msgspec.structs.replace(done.first, position=done.position)


async def _position_beside(handler: Handler, first: Stored) -> int:
    """Where the other entry of the save stands."""
    match first.entry.input:
        case JoinHousehold(household=stream, entry=version) | VacateSeat(to=stream, entry=version):
            pass
        case ReturnActivity(household=stream, household_entry=version):
            pass
        case _:
            return 0
    rows = await handler.store.rows(UUID(stream), after=version - 1, upto=version) if stream else []
    return rows[0].position if rows else 0


# --- spending, and taking back ---------------------------------------------------------------------


async def spender(handler: Handler, program: str, account: Loaded, by: str | None, redemption: str) -> str:
    """The stream of who spends from a pool, by which it sits there; '' where nobody is named.

    Raises UnknownMember, MemberErasedAlready, MemberSuspended.
    """
    if by is None:
        return ""
    person, _ = await handler.find(program, by)
    if person.member.status != "active" and await handler.store.claim(program, "redemption", redemption) is None:
        raise MemberSuspended(f"the member is {person.member.status}")
    seats = _seats_of(person, account.member.pool) if account.member.pool is not None else ()
    return seats[0] if seats else person.stream.hex


async def take_back(handler: Handler, ask: Ask, command: ReturnActivity, person: Loaded, number: int) -> Stored | None:
    """A return of what earned points that lie in the pool: what it leaves owed, the pool gives. None: it has none."""
    household, _ = await handler.load(ask.program, UUID(person.member.household))
    earned = {(person.stream.hex, number)}
    if command.origin:
        earned.add((command.origin, command.original))

    def returns(one: Loaded, other: Loaded) -> Wish:
        there = pooled(other.member, earned, handler.now(other))
        if not there:
            raise _NothingPooled
        more = msgspec.structs.replace(
            command, household=other.stream.hex, household_entry=other.member.version + 1, pooled=there
        )
        return _wish(ask, more, _claims(handler, ask, one))

    async def gives(one: Loaded, _: Loaded, decision: Decision) -> Wish:
        taken = tuple(
            Brought(event.currency, tuple(_as_sent(part) for part in event.parts))
            for event in decision.events
            if isinstance(event, PointsReceived)
        )
        if not taken:
            raise _NothingPooled
        version = decision.member.version
        return _wish(ask, SurrenderPoints(id=command.id, to=one.stream.hex, entry=version, brought=taken))

    try:
        return await _once(handler, ask, (person.stream, household.stream), returns, gives)
    except _NothingPooled:
        return None


def _as_sent(part: Part) -> Part:
    """A part that arrived, as it left the pool."""
    return Part(part.origin, part.points, part.expires_at, part.idle)


def _brought(events: Iterable[MemberEventUnion]) -> tuple[Brought, ...]:
    return tuple(Brought(event.currency, event.parts) for event in events if isinstance(event, PointsSent))


# --- small things ----------------------------------------------------------------------------------


def _seats_of(person: Loaded, pool: Pool) -> tuple[str, ...]:
    """The streams by which a person sits there: its own, and those of members that it has absorbed."""
    return tuple(name for name in (person.stream.hex, *person.member.absorbed) if name in pool.seats)


def _pool(loaded: Loaded) -> Pool:
    assert loaded.member.pool is not None
    return loaded.member.pool


def _limit(body: HouseholdTerms) -> SpendingLimit | None:
    if body.limit is None:
        return None
    if not 0 < body.limit.points <= MAX_AMOUNT:
        raise AmountOutOfRange("a limit is 1 to 2^53 - 1", errors=[("/limit/points", "1 to 2^53 - 1")])
    return SpendingLimit(body.limit.points, body.limit.per)


def _terms(of: Pool | FormHousehold | ChangeHousehold) -> Json:
    return {"spenders": of.spenders, "leaving": of.leaving, "limit": msgspec.to_builtins(of.limit)}


def _wish(ask: Ask, command: MemberCommand, claims: tuple[Claim, ...] = ()) -> Wish:
    return Wish(program=ask.program, command=command, actor=ask.actor, claims=claims, correlation=ask.correlation)


def _claims(handler: Handler, ask: Ask, loaded: Loaded) -> tuple[Claim, ...]:
    if loaded.key is None:
        raise MemberErasedAlready("the member was erased")
    return Fingerprints(handler, loaded.key, ask).claims


def _ask(program: str, route: str, body: Any, told: Told, *business: tuple[str, str]) -> Ask:
    return Ask(
        program=program, route=route, body=msgspec.to_builtins(body), actor=told.actor, key=told.key,
        business=business, correlation=told.correlation,
    )  # fmt: skip
