"""When a lot begins and ends, under the policies of its rule and its currency; and what moves its end."""

from datetime import datetime
from sys import intern

import msgspec

from domain.member.draft import Draft
from domain.member.events import Idle, LotsRescheduled
from domain.member.state import BY_HAND, Lot
from domain.member.wallet import open_lots
from domain.rules.compiled import CompiledRulebook
from domain.rules.expiry import available_at, expires_at
from domain.rules.rulebook import Availability, Expiry


class Life(msgspec.Struct, frozen=True):
    """`available` None waits for an action, `expires` None never comes; `idle` says that activities move the end."""

    available: datetime | None
    expires: datetime | None
    idle: Idle | None = None

    def spendable(self, now: datetime) -> bool:
        return self.available is not None and self.available <= now and (self.expires is None or now < self.expires)


def life(
    draft: Draft,
    begins: str | Availability,
    ends: str | Expiry,
    occurred_at: datetime,
    zone: str,
    available: datetime | None = None,
    *,
    recorded_at: datetime | None = None,
) -> Life:
    """The life of a lot that is opened for what happened at `occurred_at` and is known since `recorded_at`.

    `available` overrules `begins`. A lot that waits for an action begins to live with it: until then it has no end,
    but for a fixed date.
    """
    offsets = draft.circumstances.offsets
    available = available or available_at(begins, occurred_at=occurred_at, zone=zone, offsets=offsets)
    if available is None and not _dated(ends):
        return Life(None, None)
    if isinstance(ends, Expiry) and ends.inactive_for is not None:
        idle = _idle(ends, ends.inactive_for)
        return Life(available, kept_alive(draft, idle, occurred_at, zone), idle)
    expires = expires_at(
        ends,
        occurred_at=occurred_at,
        recorded_at=recorded_at or draft.learned_at,
        available=available,
        zone=zone,
        offsets=offsets,
    )
    return Life(available, expires)


def kept_alive(draft: Draft, idle: Idle, occurred_at: datetime, zone: str) -> datetime:
    """The end of a lot that is earned at `occurred_at` and ends by inactivity, by all that is known of activities."""
    return idle_until(draft, idle, max(occurred_at, _last(draft, idle) or occurred_at), zone)


def begin(draft: Draft, lot: Lot) -> None:
    """The life of a lot that has waited for an action begins now: when it ends, by the rules it was opened under.

    Or by those in force, where these say that they are for existing lots.
    """
    book = draft.circumstances.timeline.version(lot.rulebook)
    newest = draft.circumstances.timeline.at(draft.now)
    if newest is not None and newest.currency(lot.currency).expires_applies_to == "existing":
        book = newest
    rule = next((one for one in book.document.rules if one.id == lot.rule), None)
    ends = rule.expires if rule is not None and rule.expires is not None else None
    lasts = life(draft, "at_once", ends or book.currency(lot.currency).expires, draft.now, draft.zone(book))
    if lasts.expires is None:
        return
    draft.record(
        LotsRescheduled(
            currency=lot.currency,
            lots=(lot.id,),
            at=draft.now,
            expires_at=lasts.expires,
            idle=lasts.idle,
            reason="activation",
            rulebook=book.number,
        )
    )


def keep_alive(draft: Draft, kind: str, occurred_at: datetime, zone: str) -> None:
    """An activity of a type moves the end of those lots that end by inactivity; never to an earlier instant."""
    if not open_lots(draft.member).idle:
        return
    moved: dict[tuple[str, datetime], list[str]] = {}
    for lot in draft.member.lots:
        if lot.idle is None or (lot.idle.activities and kind not in lot.idle.activities):
            continue
        end = idle_until(draft, lot.idle, occurred_at, zone)
        if lot.expires_at is not None and end > lot.expires_at:
            moved.setdefault((lot.currency, end), []).append(lot.id)
    for (currency, end), lots in moved.items():
        draft.record(
            LotsRescheduled(currency=currency, lots=tuple(lots), at=occurred_at, expires_at=end, reason="activity")
        )


def reschedule(draft: Draft, book: CompiledRulebook, at: datetime) -> None:
    """A version whose expiry applies to existing lots comes into force at `at`: no lot ends before that.

    What operators gave by hand keeps the end they gave it.
    """
    zone = draft.zone(book)
    rules = {rule.id: rule for rule in book.document.rules}
    moved: dict[tuple[str, datetime | None, Idle | None], list[str]] = {}
    for lot in draft.member.lots:
        currency = book.document.currencies.get(lot.currency)
        if currency is None or currency.expires_applies_to != "existing" or lot.rule == BY_HAND:
            continue
        own = rules[lot.rule].expires if lot.rule in rules else None
        end, idle = _end_under(draft, currency.expires if own is None else own, lot, at, zone)
        if (end, idle) != (lot.expires_at, lot.idle):
            moved.setdefault((lot.currency, end, idle), []).append(lot.id)
    for (name, end, idle), lots in moved.items():
        draft.record(
            LotsRescheduled(
                currency=name, lots=tuple(lots), at=at, expires_at=end, idle=idle, reason="policy", rulebook=book.number
            )
        )


def still_ends(draft: Draft, lot: Lot, at: datetime) -> datetime | None:
    """When a lot ends, as of `at`, that may have been out of the book: activities moved the end of an idle one."""
    for one in draft.member.lots:
        if one.id == lot.id:
            return one.expires_at
    last = _last(draft, lot.idle) if lot.idle is not None else None
    book = draft.circumstances.timeline.at(at)
    if lot.idle is None or last is None or book is None or lot.expires_at is None:
        return lot.expires_at
    return max(lot.expires_at, idle_until(draft, lot.idle, last, draft.zone(book)))


def _end_under(
    draft: Draft, ends: str | Expiry, lot: Lot, at: datetime, zone: str
) -> tuple[datetime | None, Idle | None]:
    if lot.available_at is not None and isinstance(ends, Expiry) and ends.inactive_for is not None:
        idle = _idle(ends, ends.inactive_for)
        return idle_until(draft, idle, max(at, _last(draft, idle) or at), zone), idle
    if lot.available_at is None and not _dated(ends):
        return None, None
    end = expires_at(
        ends,
        occurred_at=lot.occurred_at,
        recorded_at=lot.occurred_at,
        available=lot.available_at,
        zone=zone,
        offsets=draft.circumstances.offsets,
    )
    return (max(at, end) if end is not None else None), None


def _dated(ends: str | Expiry) -> bool:
    """Whether a policy names the date of the end, which waits for nobody."""
    return isinstance(ends, Expiry) and ends.at is not None


def _idle(ends: Expiry, inactive_for: str) -> Idle:
    # Defaults are left out of what is stored by identity: the same words have to be the same object.
    return Idle(for_=inactive_for, round_up=intern(ends.round_up), activities=tuple(ends.activities))


def idle_until(draft: Draft, idle: Idle, since: datetime, zone: str) -> datetime:
    """When a lot ends if nothing comes after an activity at `since`."""
    end = expires_at(
        Expiry(after=idle.for_, round_up=idle.round_up),
        occurred_at=since,
        recorded_at=since,
        available=since,
        zone=zone,
        offsets=draft.circumstances.offsets,
    )
    assert end is not None
    return end


def _last(draft: Draft, idle: Idle) -> datetime | None:
    """The member's last activity of those that count."""
    last = draft.member.last
    return max((at for kind, at in last.items() if not idle.activities or kind in idle.activities), default=None)
