"""Referrals: what a friend has to do, and what the owner of the code and the friend have for it."""

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from domain.rules.boards import ENROLLED
from domain.rules.rulebook import Referral, ReferralReward, Rulebook

TRIGGER = re.compile(r"enrolment|(first|every):(.+)")


class Reward(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Points of a referral for one of the two; they wait for the period `hold`."""

    referral: str
    currency: str
    points: int
    hold: str | None = None


class Terms(msgspec.Struct, frozen=True):
    """A referral ready to run: on which type of the friend's activities it counts, and how often."""

    id: str
    declared: Referral
    kind: str
    times: Literal["once", "every"]
    owner: Reward | None
    friend: Reward | None

    @property
    def first(self) -> bool:
        """Whether it is for who never did it before."""
        return self.times == "once" and self.kind != ENROLLED


def rule_of(referral: str) -> str:
    """What the points of a referral are granted by."""
    return f"referral:{referral}"


def compile_referrals(book: Rulebook) -> dict[str, Terms]:
    """The referrals of a rulebook by id."""
    only = next(iter(book.currencies), "")

    def reward(name: str, declared: Referral, given: ReferralReward | None) -> Reward | None:
        return Reward(name, given.currency or only, given.points, declared.hold) if given is not None else None

    found = {}
    for name, declared in sorted(book.referrals.items()):
        parts = TRIGGER.fullmatch(declared.trigger)
        assert parts is not None
        found[name] = Terms(
            id=name,
            declared=declared,
            kind=parts.group(2) or ENROLLED,
            times="every" if parts.group(1) == "every" else "once",
            owner=reward(name, declared, declared.owner),
            friend=reward(name, declared, declared.friend),
        )
    return found


def largest(rewards: Iterable[Reward | None]) -> tuple[Reward, ...]:
    """Of several for one person, the largest of each currency; of equal ones the first."""
    best: dict[str, Reward] = {}
    for one in rewards:
        if one is not None and (one.currency not in best or one.points > best[one.currency].points):
            best[one.currency] = one
    return tuple(best[currency] for currency in sorted(best))
