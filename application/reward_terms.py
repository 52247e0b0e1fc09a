"""What a reward is offered on: the bodies that say it, and whether it can be kept."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from application.offers import MAX_CODE
from application.payloads import UNPRINTABLE, sane_text, sane_time
from application.programs import KnownProgram
from domain.calendar import parse_period
from domain.errors import AmountOutOfRange, BadId, InvalidPayload, UnknownCurrency
from domain.numbers import MAX_AMOUNT
from domain.rules.check import LONGEST_MONTHS
from domain.rules.check_rewards import check_condition
from domain.rules.expression import CheckFailed
from domain.rules.rewards import Gives, RewardKind, RewardTerms, Validity
from domain.rules.rulebook import Rulebook


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    currency: str
    points: int


class ValidBody(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename={"for_": "for"}
):
    """A code is good from the period `after` its issue on, `for` a period, such as P10D."""

    after: str | None = None
    for_: str | None = None


class RewardBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A reward: what a unit costs, how many there are (null: no limit), how many a member may have, and when.

    `when` is a condition over the member, such as `member.tiers.status.level == 'gold'` or
    `member.segments.regulars`. `codes`: `generate` gives each unit a code that cannot be guessed; a list, or `list` for
    one that is brought in later, gives each unit one of it. `valid` says when a code is good, `gives` what it brings
    whoever uses it: its owner, or of a `gift` anybody.
    """

    id: str
    kind: RewardKind
    price: Price
    name: str = ""
    stock: int | None = None
    per_member: int | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    when: str | None = None
    codes: Literal["generate", "list"] | list[str] | None = None
    valid: ValidBody | None = None
    gives: Price | None = None


class RewardChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is given replaces what was; null takes a limit away. `withdrawn`: it is not offered any more.

    `codes` are added to the reward's list.
    """

    price: Price | msgspec.UnsetType = msgspec.UNSET
    name: str | msgspec.UnsetType = msgspec.UNSET
    stock: int | msgspec.UnsetType | None = msgspec.UNSET
    per_member: int | msgspec.UnsetType | None = msgspec.UNSET
    starts: datetime | msgspec.UnsetType | None = msgspec.UNSET
    ends: datetime | msgspec.UnsetType | None = msgspec.UNSET
    when: str | msgspec.UnsetType | None = msgspec.UNSET
    codes: list[str] | msgspec.UnsetType = msgspec.UNSET
    valid: ValidBody | msgspec.UnsetType | None = msgspec.UNSET
    gives: Price | msgspec.UnsetType | None = msgspec.UNSET
    withdrawn: bool | msgspec.UnsetType = msgspec.UNSET


def sane_terms(known: KnownProgram, terms: RewardTerms) -> RewardTerms:
    """Terms that can be kept, with what the condition was checked to mean.

    Raises AmountOutOfRange, BadTime, InvalidPayload, UnknownCurrency.
    """
    newest = known.newest
    if newest is None or terms.currency not in newest.document.currencies:
        raise UnknownCurrency(
            f"{terms.currency!r} is not a currency of this program", errors=[("/price/currency", "unknown")]
        )
    sane_text("/name", terms.name)
    for at, amount in (("/price/points", terms.points), ("/stock", terms.stock), ("/per_member", terms.per_member)):
        if amount is not None and not 0 <= amount <= MAX_AMOUNT:
            raise AmountOutOfRange("an amount is 0 to 2^53 - 1", errors=[(at, "0 to 2^53 - 1")])
    for at, instant in (("/starts", terms.starts), ("/ends", terms.ends)):
        if instant is not None:
            sane_time(at, instant)
    if terms.starts is not None and terms.ends is not None and terms.ends <= terms.starts:
        raise InvalidPayload("a reward ends after it starts", errors=[("/ends", "not after starts")])
    _sane_codes_terms(newest.document, terms)
    if not terms.when:
        return msgspec.structs.replace(terms, tree=None)
    try:
        return msgspec.structs.replace(terms, tree=check_condition(newest.document, terms.when))
    except CheckFailed as failed:
        told = [("/when", f"{one.line}:{one.column}: {one.message}") for one in failed.problems]
        raise InvalidPayload("the condition has errors", errors=told) from None


def _sane_codes_terms(book: Rulebook, terms: RewardTerms) -> None:
    gives, valid = terms.gives, terms.valid
    for at, part in (("/gives", gives), ("/valid", valid)):
        if part is not None and not terms.has_codes:
            raise InvalidPayload(
                "it is the code that is good for a while, or brings something", errors=[(at, "needs codes")]
            )
    if gives is not None:
        if terms.kind not in ("gift", "credit"):
            raise InvalidPayload(
                "only a gift and a credit bring something", errors=[("/gives", f"not of a {terms.kind}")]
            )
        if gives.currency not in book.currencies:
            raise UnknownCurrency(
                f"{gives.currency!r} is not a currency of this program", errors=[("/gives/currency", "unknown")]
            )
        if not 0 < gives.points <= MAX_AMOUNT:
            raise AmountOutOfRange("an amount is 1 to 2^53 - 1", errors=[("/gives/points", "1 to 2^53 - 1")])
    for name in ("after", "for_"):
        text = getattr(valid, name) if valid is not None else ""
        if text:
            _period(f"/valid/{name.rstrip('_')}", text)


def _period(at: str, text: str) -> None:
    try:
        days = parse_period(text)
    except ValueError as error:
        raise InvalidPayload("not a period", errors=[(at, str(error))]) from None
    if days.months > LONGEST_MONTHS or days.days > 31 * LONGEST_MONTHS or days.seconds > 2_678_400 * LONGEST_MONTHS:
        raise InvalidPayload("not a period", errors=[(at, "at most a thousand years")])


def sane_codes(codes: Iterable[str]) -> None:
    """Raises BadId for a code that cannot be kept."""
    for number, code in enumerate(codes):
        if not is_code(code):
            raise BadId("a code is 1 to 200 characters that can be seen", errors=[(f"/codes/{number}", "no code")])


def is_code(text: str) -> bool:
    """Whether a list can have this as a code."""
    return 0 < len(text) <= MAX_CODE and text == text.strip() and not UNPRINTABLE.search(text)


def validity(body: ValidBody | None) -> Validity | None:
    return Validity(body.after or "", body.for_ or "") if body is not None else None


def given_by(body: Price | None) -> Gives | None:
    return Gives(body.currency, body.points) if body is not None else None


def utc(instant: datetime | None) -> datetime | None:
    if instant is None:
        return None
    sane_time("/starts", instant)
    return instant.astimezone(UTC)
