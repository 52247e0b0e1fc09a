"""Judge the offers of a rulebook, and the rules that assign them: a part of `check.py`."""

import re
from collections.abc import Mapping
from typing import Protocol

from domain.calendar import UNITS, Offsets, parse_period
from domain.numbers import MAX_AMOUNT
from domain.rules.offers import GOALS, first_of, last_of, meant_by
from domain.rules.rulebook import Coupon, Goal, Offer, Rule, Rulebook

MOST_PERIODS = 1_000
"""A slot remembers each period in which something counted."""
LONGEST_MONTHS = 1_200
"""A hundred years: a slot is open until its end."""

# Letters that an address and a key can hold.
_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_CODE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")


class Checking(Protocol):
    """What `check` gives its parts."""

    @property
    def book(self) -> Rulebook: ...

    def error(self, code: str, at: str, message: str, rule: str | None = None) -> None: ...
    def warning(self, code: str, at: str, message: str, rule: str | None = None) -> None: ...


def check_offers(checking: Checking) -> None:
    for name, offer in checking.book.offers.items():
        at = f"/offers/{name}"
        if not _ID.fullmatch(name):
            checking.error("bad-id", at, "an offer's id stands in addresses: 1 to 128 of A-Z a-z 0-9 _ . -")
        _goal(checking, at, offer)
        _window(checking, at, offer)
        if offer.reward is not None:
            if offer.reward.currency not in checking.book.currencies:
                message = f"{offer.reward.currency!r} is not a currency here"
                checking.error("unknown-currency", f"{at}/reward/currency", message)
            if not 1 <= offer.reward.points <= MAX_AMOUNT:
                checking.error("out-of-range", f"{at}/reward/points", "1 to 2^53 - 1")
        if offer.coupon is not None:
            _coupon(checking, f"{at}/coupon", offer.coupon)
        if offer.goal is None and offer.coupon is None and offer.reward is not None:
            checking.warning("unused", f"{at}/reward", "nothing completes the offer: it has no goal and no coupon")


def check_assigning(checking: Checking, at: str, rule: Rule) -> None:
    """A rule that assigns an offer does nothing else."""
    if rule.assign not in checking.book.offers:
        checking.error("unknown-offer", f"{at}/assign", f"{rule.assign!r} is not under `offers`", rule.id)
    others = {"award": rule.award, "by": rule.by, "budget": rule.budget, "available": rule.available,
              "expires": rule.expires}  # fmt: skip
    for name, value in others.items():
        if value is not None:
            checking.error("misplaced", f"{at}/{name}", "a rule that assigns an offer grants nothing itself", rule.id)
    if rule.phase == "multiply":
        checking.error("misplaced", f"{at}/assign", "a multiplier assigns nothing: use the phase `add`", rule.id)
    for number, cap in enumerate(rule.cap):
        if cap.times is None:
            checking.error("misplaced", f"{at}/cap/{number}", "an assignment is capped by `times`", rule.id)


def _goal(checking: Checking, at: str, offer: Offer) -> None:
    if offer.goal is None:
        if offer.of is not None:
            checking.error("misplaced", f"{at}/of", "only with a `goal`")
        return
    named = [name for name in GOALS if getattr(offer.goal, name) is not None]
    if len(named) != 1:
        checking.error("missing", f"{at}/goal", f"exactly one of {', '.join(f'`{name}`' for name in GOALS)}")
    if offer.of is None:
        checking.error("missing", f"{at}/of", "what counts: an activity type and a measure, such as purchase.spend")
        return
    meant = meant_by(offer.of, checking.book)
    if len(meant) > 1:
        checking.error("ambiguous", f"{at}/of", f"{offer.of!r} may name {len(meant)} things here")
    elif not meant:
        kind = next((kind for kind in checking.book.activities if offer.of.startswith(f"{kind}.")), None)
        if kind is None:
            checking.error("unknown-activity-type", f"{at}/of", f"{offer.of!r} names no activity type here")
        else:
            checking.error("unknown-measure", f"{at}/of", f"{kind!r} has no measure {offer.of[len(kind) + 1 :]!r}")
    elif checking.book.activities[meant[0][0]].role == "reverses":
        checking.error("misplaced", f"{at}/of", "a return takes back what its activity counted")
    elif len(named) == 1:
        _amounts(checking, at, named[0], offer.goal, measured=meant[0][1] is not None)


def _amounts(checking: Checking, at: str, kind: str, goal: Goal, *, measured: bool) -> None:
    place, value = f"{at}/goal/{kind}", getattr(goal, kind)
    if kind in ("distinct", "periods"):
        unit, count = value
        if unit not in UNITS:
            checking.error("bad-window", place, f"one of {', '.join(UNITS)}, and how many")
        if not 1 <= count <= MOST_PERIODS:
            checking.error("out-of-range", place, f"1 to {MOST_PERIODS} of them")
        return
    if kind != "count" and not measured:
        checking.error("unknown-measure", f"{at}/of", f"`{kind}` compares a measure: name one, such as purchase.spend")
    least = 0 if kind == "one_above" else 1
    if not least <= value <= MAX_AMOUNT:
        checking.error("out-of-range", place, f"{least} to 2^53 - 1")


def _window(checking: Checking, at: str, offer: Offer) -> None:
    if offer.window is None:
        if offer.coupon is None or offer.coupon.to is None:
            message = "how long a slot is open: a period such as PT168H, or the `to` of its coupon"
            checking.error("missing", f"{at}/window", message)
        return
    try:
        period = parse_period(offer.window)
    except ValueError as error:
        checking.error("bad-period", f"{at}/window", str(error))
        return
    if period.months and period.seconds:
        checking.error("bad-period", f"{at}/window", "months are of the calendar, hours are exact: not both")
    elif period.months + period.days // 28 > LONGEST_MONTHS:
        checking.error("bad-period", f"{at}/window", "at most a hundred years")


def _coupon(checking: Checking, at: str, coupon: Coupon) -> None:
    if not coupon.campaign:
        checking.error("missing", f"{at}/campaign", "the campaign that the codes belong to")
    if not coupon.codes:
        checking.error("missing", f"{at}/codes", "at least one code")
    seen: set[str] = set()
    for number, code in enumerate(coupon.codes):
        if not _CODE.fullmatch(code):
            checking.error("bad-id", f"{at}/codes/{number}", "a code is 1 to 200 characters that can be written")
        if code in seen:
            checking.error("duplicate-id", f"{at}/codes/{number}", "the same code stands there already")
        seen.add(code)
    for name in ("uses", "per_assignment"):
        value = getattr(coupon, name)
        if value is not None and not 1 <= value <= MAX_AMOUNT:
            checking.error("out-of-range", f"{at}/{name}", "1 to 2^53 - 1, or null for any number")
    ends: Mapping[str, str | None] = {"from": coupon.from_, "to": coupon.to}
    known = {}
    for name, text in ends.items():
        if text is None:
            continue
        try:
            known[name] = (first_of if name == "from" else last_of)(text, "UTC", _UTC)
        except (ValueError, OverflowError):
            checking.error("bad-time", f"{at}/{name}", "a day such as 2027-01-31, or a time with offset")
    if len(known) == 2 and known["to"] < known["from"]:
        checking.error("bad-time", f"{at}/to", "it ends before it begins")


_UTC = Offsets(lambda _zone, _seconds: 0)
