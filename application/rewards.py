"""The catalogue: put a reward in, change it, read it, and redeem points for it.

A reward is a stream of its own, which holds its terms. A redemption takes these along in its command, with the number
of the entry that they come from; stock is checked in the transaction that writes the redemption.
"""

import re
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from application import answers, households
from application.answers import Answered, answered
from application.catalogue import Reward
from application.codes import CodePool
from application.eligibility import in_reach
from application.handle import MAX_TRIES, Handler
from application.points import Hold, RedeemBody, hold_seconds, sane_name
from application.ports import ClaimTaken, HeadMoved, NewRow, NewState, Save, SourceMoved, Unavailable
from application.programs import KnownProgram
from application.referrals import new_code
from application.repeats import Ask, carry_out
from application.reward_terms import RewardBody, RewardChange, given_by, sane_codes, sane_terms, utc, validity
from application.rows import Wish
from application.rulebooks import PreconditionFailed, PreconditionRequired
from domain.calendar import MICROSECOND
from domain.errors import (
    AmountOutOfRange,
    BadId,
    InvalidPayload,
    KeyReused,
    Refused,
    RewardExists,
    SoldOut,
    UnknownReward,
)
from domain.log import ENGINE, NO_DIGEST, TOPIC, Claim, Entry, Pins, decode, encode, row_digest, stream_name
from domain.member.commands import RedeemReward
from domain.member.rewards import STOCK
from domain.reward.commands import ChangeReward, CreateReward, RewardCommand
from domain.reward.decide import decide
from domain.reward.events import RewardChanged, RewardCreated
from domain.rules.rewards import ISSUED_CODE, RewardTerms

Json = dict[str, Any]

REWARD_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
MOST_UNITS = 100
"""Units of one redemption."""


def reward_stream(program: str, reward: str) -> UUID:
    """The stream of a reward follows from its id, which is never used twice."""
    return uuid5(NAMESPACE_URL, f"guerdon:reward:{program}:{reward}")


async def find(handler: Handler, program: str, reward: str) -> Reward:
    """Raises UnknownReward."""
    found = await _fold(handler, reward_stream(program, reward))
    if found is None:
        raise UnknownReward(f"there is no reward {reward!r} in this program")
    return found


async def _fold(handler: Handler, stream: UUID) -> Reward | None:
    rows = await handler.store.rows(stream)
    terms = None
    for row in rows:
        for event in decode(row.state).events:
            if isinstance(event, RewardCreated | RewardChanged):
                terms = event.terms
    last = rows[-1] if rows else None
    return Reward(terms, last.version, last.digest, last.recorded_at, last.position) if terms and last else None


# --- the catalogue -------------------------------------------------------------------------------


async def create(
    handler: Handler, program: str, body: RewardBody, *, actor: str, key: str | None = None,
    correlation: str | None = None, pool: CodePool | None = None,
) -> Answered:  # fmt: skip
    """Put a reward into the catalogue. Raises RewardExists, UnknownCurrency."""
    if not REWARD_ID.fullmatch(body.id):
        raise BadId("a reward's id is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[("/id", "not such an id")])
    terms = RewardTerms(
        id=body.id,
        kind=body.kind,
        currency=body.price.currency,
        points=body.price.points,
        name=body.name,
        stock=body.stock,
        per_member=body.per_member,
        starts=utc(body.starts),
        ends=utc(body.ends),
        generates_codes=body.codes == "generate",
        when=body.when or "",
        listed_codes=body.codes == "list" or isinstance(body.codes, list),
        valid=validity(body.valid),
        gives=given_by(body.gives),
    )
    sane_codes(body.codes if isinstance(body.codes, list) else ())
    known = await _known(handler, program)
    terms = sane_terms(known, terms)
    stream = reward_stream(program, body.id)
    request = handler.crypto.fingerprint(known.key, "rewards", msgspec.json.encode(body))
    made = await handler.store.rows(stream, upto=1)
    if made:
        before = await handler.store.claim(program, "key", key) if key is not None else None
        if before is not None and (before.stream, before.hash) == (stream, request):
            return await _told(
                handler, program, Reward(terms, 1, made[0].digest, made[0].recorded_at, made[0].position), 200
            )
        raise RewardExists(f"the reward {body.id!r} exists")
    command = CreateReward(terms=terms)
    if isinstance(body.codes, list) and pool is not None:
        # Before the reward is there: nobody finds it without its codes, and a repeat brings in none twice.
        taken = await pool.elsewhere(program, body.id, body.codes) | await pool.held(program, body.codes)
        _all_free(body.codes, taken)
        await pool.add(program, body.id, body.codes)
    saved = await _append(handler, known, program, None, command, actor, key, request, correlation)
    return await _told(handler, program, saved, 201)


def _all_free(codes: Sequence[str], taken: Collection[str]) -> None:
    """Raises InvalidPayload for codes that cannot be this reward's: nobody would learn that they were left out."""
    why = "another reward has it, or had"
    places = [(f"/codes/{place}", why) for place, code in enumerate(codes) if code in taken]
    if places:
        raise InvalidPayload(f"{len(places)} of the codes are another reward's", errors=places[:10])


async def change(
    handler: Handler,
    program: str,
    reward: str,
    body: RewardChange,
    *,
    etag: str | None,
    actor: str,
    correlation: str | None = None,
    pool: CodePool | None = None,
) -> Answered:
    """Offer a reward on other terms from now on. Raises UnknownReward, PreconditionRequired, PreconditionFailed."""
    found = await find(handler, program, reward)
    if etag is None:
        raise PreconditionRequired("send the reward's ETag as If-Match, so that nobody's edit is lost")
    if etag not in ("*", str(found.version)):
        raise PreconditionFailed(f"{reward} was edited meanwhile: read it again")
    given = {
        name: value for name in RewardChange.__struct_fields__ if (value := getattr(body, name)) is not msgspec.UNSET
    }
    price = given.pop("price", None)
    if price is not None:
        given |= {"currency": price.currency, "points": price.points}
    for name in ("starts", "ends"):
        if name in given:
            given[name] = utc(given[name])
    codes = given.pop("codes", [])
    if codes and not found.terms.listed_codes:
        raise InvalidPayload("the reward has no list of codes", errors=[("/codes", "only with `codes: list`")])
    sane_codes(codes)
    if "when" in given:
        given["when"] = given["when"] or ""
    if "valid" in given:
        given["valid"] = validity(given["valid"])
    if "gives" in given:
        given["gives"] = given_by(given["gives"])
    known = await _known(handler, program)
    terms = sane_terms(known, msgspec.structs.replace(found.terms, **given))
    if codes and pool is not None:
        _all_free(codes, await pool.elsewhere(program, reward, codes))
    command = ChangeReward(terms=terms)
    saved = await _append(handler, known, program, found, command, actor, None, "", correlation)
    if codes and pool is not None:
        await pool.add(program, reward, codes)
    return await _told(handler, program, saved, 200)


async def read(handler: Handler, program: str, reward: str, pool: CodePool | None = None) -> tuple[Json, str]:
    """A reward as it is offered now, and its etag."""
    found = await find(handler, program, reward)
    shown = await _shape(handler, program, found)
    if pool is not None and found.terms.listed_codes:
        shown["codes_left"] = await pool.left(program, reward)
    return shown, str(found.version)


async def listing(
    handler: Handler, program: str, member: str | None = None, *, limit: int = 100, cursor: int = 0
) -> Json:
    """The catalogue, by id; for a member, whether it could have a unit of each now, and why not."""
    await _known(handler, program)
    folded = [await _fold(handler, stream) for stream in await handler.store.rewards(program)]
    rewards = sorted((one for one in folded if one is not None), key=lambda one: one.terms.id)
    page = rewards[cursor : cursor + limit]
    reached = await in_reach(handler, program, member, [one.terms for one in page]) if member is not None else {}
    return {
        "items": [await _shape(handler, program, one) | reached.get(one.terms.id, {}) for one in page],
        "next_cursor": str(cursor + limit) if len(rewards) > cursor + limit else None,
    }


async def _append(
    handler: Handler,
    known: KnownProgram,
    program: str,
    before: Reward | None,
    command: RewardCommand,
    actor: str,
    key: str | None,
    request: str,
    correlation: str | None,
) -> Reward:
    event = decide(command, before.terms if before else None)
    terms, stream = event.terms, reward_stream(program, event.terms.id)
    clock = await handler.clock.now(program)
    now = clock if before is None else max(clock, before.recorded_at + MICROSECOND)
    entry = Entry(
        stream=stream_name(program, "reward", stream),
        version=before.version + 1 if before else 1,
        save=handler.new_id().hex,
        recorded_at=now,
        at=now,
        actor=actor,
        correlation=correlation,
        input=command,
        pins=Pins(engine=ENGINE, timeline=len(known.program.published)),
        events=(event,),
        claims=(Claim("key", key, request),) if key is not None else (),
    )
    state = encode(entry)
    digest = row_digest(
        before.digest if before else NO_DIGEST, program=program, kind="reward", stream=stream, version=entry.version,
        recorded_at=now, topic=TOPIC, state=state,
    )  # fmt: skip
    row = NewRow(entry, stream, program, "reward", TOPIC, state, digest, NewState(0, None, b""))
    try:
        (position,) = await handler.store.append(Save(program=program, rows=(row,)))
    except HeadMoved:
        if before is None:
            raise RewardExists(f"the reward {terms.id!r} exists") from None
        raise PreconditionFailed(f"{terms.id} was edited meanwhile: read it again") from None
    except ClaimTaken:
        raise KeyReused(f"the key {key!r} was used for another request") from None
    return Reward(terms, entry.version, digest, now, position)


async def _told(handler: Handler, program: str, reward: Reward, status: int) -> Answered:
    body = await _shape(handler, program, reward) | {"position": reward.position}
    return Answered(status, body, reward.position, replayed=False)


async def _shape(handler: Handler, program: str, reward: Reward) -> Json:
    terms, left = reward.terms, None
    if terms.stock is not None:
        taken = await handler.store.taken(program, [(STOCK, terms.id)])
        left = max(0, terms.stock - taken[STOCK, terms.id])
    return {
        "id": terms.id,
        "kind": terms.kind,
        "name": terms.name,
        "price": {"currency": terms.currency, "points": terms.points},
        "stock": terms.stock,
        "left": left,
        "per_member": terms.per_member,
        "starts": terms.starts,
        "ends": terms.ends,
        "when": terms.when or None,
        "codes_left": None,
        "codes": "generate" if terms.generates_codes else "list" if terms.listed_codes else None,
        "valid": msgspec.to_builtins(terms.valid),
        "gives": msgspec.to_builtins(terms.gives),
        "withdrawn": terms.withdrawn,
        "version": reward.version,
    }


async def _known(handler: Handler, program: str) -> KnownProgram:
    return await handler.programs.get(program, await handler.store.timeline(program))


# --- redeeming -----------------------------------------------------------------------------------


async def redeem(
    handler: Handler, program: str, body: RedeemBody, *, actor: str, key: str | None = None,
    correlation: str | None = None, pool: CodePool | None = None,
) -> Answered:  # fmt: skip
    """Redeem points for units of a reward, or hold both. Raises UnknownReward, SoldOut, LimitReached, NotEligible."""
    assert body.reward is not None
    if body.currency is not None or body.points is not None or body.value_minor is not None:
        raise InvalidPayload(
            "a reward has its own price", errors=[("/reward", "without currency, points, value_minor")]
        )
    quantity = 1 if body.quantity is None else body.quantity
    if not 0 < quantity <= MOST_UNITS:
        raise AmountOutOfRange("a quantity is 1 to 100", errors=[("/quantity", f"1 to {MOST_UNITS}")])
    for at, name in (("/id", body.id), ("/reward", body.reward)):
        if not REWARD_ID.fullmatch(name):
            raise BadId("an id is 1 to 128 of A-Z a-z 0-9 . _ ~ -", errors=[(at, "not such an id")])
    if body.order is not None:
        sane_name("/order/source", body.order.source)
        sane_name("/order/id", body.order.id)
    stream = reward_stream(program, body.reward)
    for _ in range(MAX_TRIES):
        found = handler.catalogue.get(stream) or await find(handler, program, body.reward)
        handler.catalogue.keep(stream, found)
        try:
            return await _redeem(handler, program, found, body, quantity, actor, key, correlation, pool)
        except SourceMoved:
            # It is offered on other terms by now.
            handler.catalogue.drop(stream)
        except Refused:
            newest = await find(handler, program, body.reward)
            if newest.version == found.version:
                raise
            handler.catalogue.keep(stream, newest)
    raise Unavailable("the reward is being changed again and again")


async def _redeem(
    handler: Handler,
    program: str,
    found: Reward,
    body: RedeemBody,
    quantity: int,
    actor: str,
    key: str | None,
    correlation: str | None,
    pool: CodePool | None,
) -> Answered:
    assert body.reward is not None
    loaded, known = await handler.find(program, body.member)
    codes = new_codes(handler, quantity) if found.terms.generates_codes and body.hold is None else ()
    leased: tuple[str, ...] = ()
    if found.terms.listed_codes:
        codes = leased = await _leased(handler, pool, program, body, quantity)
    command = RedeemReward(
        id=body.id,
        terms=found.terms,
        version=found.version,
        quantity=quantity,
        codes=codes,
        order_source=body.order.source if body.order else None,
        order_id=body.order.id if body.order else None,
        hold_seconds=_seconds(body.hold),
        by=await households.spender(handler, program, loaded, body.by, body.id),
    )
    ask = Ask(
        program=program, route="redemptions", body=msgspec.to_builtins(body), actor=actor, key=key,
        business=(("redemption", body.id),), correlation=correlation,
    )  # fmt: skip
    wish = Wish(
        program=program,
        command=command,
        actor=actor,
        claims=code_claims(codes),
        stands_on=((reward_stream(program, body.reward), found.version),),
    )
    async with settled_lease(pool, program, leased, kept=body.hold is not None) as lease:
        done = await carry_out(handler, ask, wish, loaded, known)
        lease.used = not done.replayed
    book = await handler.programs.newest_at(program, done.entry.pins.timeline)
    return answered(done, answers.redemption(done, body.member, book))


def _seconds(hold: Hold | None) -> int | None:
    return hold_seconds(hold) if hold is not None else None


class Lease:
    """Codes that were leased for a redemption, and whether it has them."""

    used = False


@asynccontextmanager
async def settled_lease(
    pool: CodePool | None, program: str, codes: Sequence[str], *, kept: bool
) -> AsyncIterator[Lease]:
    """End the lease however the redemption ends: issued codes leave the list, those a hold keeps stay, claimed."""
    lease = Lease()
    try:
        yield lease
    finally:
        if pool is not None and codes:
            await (pool.issued if lease.used and not kept else pool.give_back)(program, codes)


async def _leased(
    handler: Handler, pool: CodePool | None, program: str, body: RedeemBody, quantity: int
) -> tuple[str, ...]:
    """Raises SoldOut where the list has fewer codes, unless it was this redemption that had the last."""
    codes = await pool.lease(program, body.reward or "", quantity) if pool is not None else []
    if len(codes) == quantity:
        return tuple(codes)
    if pool is not None:
        await pool.give_back(program, codes)
    if await handler.store.claim(program, "redemption", body.id) is None:
        raise SoldOut(f"{len(codes)} codes of {body.reward} are left, {quantity} asked for")
    return ()


def new_codes(handler: Handler, quantity: int) -> tuple[str, ...]:
    return tuple(new_code(handler.new_id()) for _ in range(quantity))


def code_claims(codes: tuple[str, ...]) -> tuple[Claim, ...]:
    return tuple(Claim(ISSUED_CODE, code) for code in codes)


async def codes_for(handler: Handler, stream: UUID, version: int) -> tuple[str, ...]:
    """Fresh codes for the units that an entry holds, if they have any."""
    # Of a member that was merged nothing is held any more.
    rows = await handler.store.rows(stream, after=version - 1, upto=version) if version > 0 else []
    asked = decode(rows[0].state).input if rows else None
    if isinstance(asked, RedeemReward) and asked.terms.generates_codes:
        return new_codes(handler, asked.quantity)
    return ()
