"""Judge the referrals of a rulebook: a part of `check.py`."""

from domain.calendar import parse_period
from domain.rules.check_boards import Checking
from domain.rules.check_streaks import bonus, earning_type, unlike_rules
from domain.rules.referrals import TRIGGER, rule_of
from domain.rules.rulebook import ID

MOST = 1_000_000
"""The highest limit of friends."""


def check_referrals(checking: Checking) -> None:
    for name, referral in checking.book.referrals.items():
        at = f"/referrals/{name}"
        if not ID.fullmatch(name):
            checking.error("bad-id", at, "ids are 1 to 128 of A-Z a-z 0-9 _ . : -")
        unlike_rules(checking, at, rule_of(name))
        trigger = TRIGGER.fullmatch(referral.trigger)
        if trigger is None:
            checking.error("bad-policy", f"{at}/trigger", "enrolment, first:TYPE or every:TYPE")
        elif trigger.group(2) is not None:
            earning_type(checking, f"{at}/trigger", trigger.group(2))
        if referral.owner is None and referral.friend is None:
            checking.error("missing", at, "`owner`, `friend`, or both")
        for who, reward in (("owner", referral.owner), ("friend", referral.friend)):
            if reward is not None:
                bonus(checking, f"{at}/{who}", reward.points, reward.currency)
        for what, text in (("hold", referral.hold), ("valid", referral.valid)):
            if text is not None:
                _period(checking, f"{at}/{what}", text)
        if referral.limit is not None and not 1 <= referral.limit <= MOST:
            checking.error("out-of-range", f"{at}/limit", f"1 to {MOST:,} friends")


def _period(checking: Checking, at: str, text: str) -> None:
    try:
        period = parse_period(text)
    except ValueError as error:
        checking.error("bad-period", at, str(error))
        return
    if period.months > 1_200:
        checking.error("bad-period", at, "at most a hundred years")
