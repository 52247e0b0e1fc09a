"""Judge the leaderboards of a rulebook: a part of `check.py`."""

import re
from datetime import datetime
from typing import Any, Protocol

from domain.numbers import MAX_AMOUNT
from domain.rules.boards import ENROLLED, POINTS, candidates, currency_of, expressions, measures_of, tree_key
from domain.rules.rulebook import Leaderboard, Rulebook

DEEPEST_PRIZE = 1_000
"""The last rank that may win: a snapshot keeps everybody who does."""

_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class Checking(Protocol):
    """What `check` gives its parts."""

    @property
    def book(self) -> Rulebook: ...

    def error(self, code: str, at: str, message: str) -> None: ...
    def warning(self, code: str, at: str, message: str) -> None: ...
    def expression(self, at: str, source: str, expects: Any, kind: str, *, key: str | None = None) -> None: ...
    def fits(self, source: str, expects: Any, kind: str) -> bool: ...


def check_boards(checking: Checking) -> None:
    for name, declared in checking.book.leaderboards.items():
        at = f"/leaderboards/{name}"
        if not _ID.fullmatch(name):
            checking.error("bad-id", at, "a leaderboard's id stands in addresses: 1 to 128 of A-Z a-z 0-9 _ . -")
        _score(checking, at, declared)
        _season(checking, at, declared)
        _ties(checking, at, declared)
        _prizes(checking, at, declared)
        _types(checking, name, declared)


def check_boards_against(checking: Checking, before: Rulebook) -> None:
    """What may not change while results count: they would not add up, or not be found again."""
    for name, old in before.leaderboards.items():
        new = checking.book.leaderboards.get(name)
        if new is None:
            continue
        for field in ("score", "by", "period"):
            if getattr(new, field) != getattr(old, field):
                _changed(checking, f"/leaderboards/{name}/{field}")
        if "count_back" in (new.ties, old.ties) and (new.ties, new.count_back) != (old.ties, old.count_back):
            _changed(checking, f"/leaderboards/{name}/{'ties' if new.ties != old.ties else 'count_back'}")


def _changed(checking: Checking, at: str) -> None:
    checking.error("leaderboard-changed", at, "what has been counted would not add up: give it a new id")


def _score(checking: Checking, at: str, declared: Leaderboard) -> None:
    book = checking.book
    currency = currency_of(declared, book.currencies)
    if currency == "":
        checking.error("ambiguous", f"{at}/score", f"with several currencies write {POINTS}:CURRENCY")
    elif currency is not None and currency not in book.currencies:
        checking.error("unknown-currency", f"{at}/score", "not a currency here")


def _season(checking: Checking, at: str, declared: Leaderboard) -> None:
    begins = _instant(checking, f"{at}/starts", declared.starts)
    ends = _instant(checking, f"{at}/ends", declared.ends)
    if begins is not None and ends is not None and ends <= begins:
        checking.error("bad-time", f"{at}/ends", "it ends before it starts")


def _instant(checking: Checking, at: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found
    except ValueError:
        pass
    checking.error("bad-time", at, "a time with offset, such as 2027-01-01T00:00:00+01:00")
    return None


def _ties(checking: Checking, at: str, declared: Leaderboard) -> None:
    if declared.ties == "count_back" and not declared.count_back:
        checking.error("missing", f"{at}/count_back", "count-back compares places: say what gives one")
    if declared.ties != "count_back" and declared.count_back:
        checking.warning("unused", f"{at}/count_back", "places only count with `ties`: count_back")


def _prizes(checking: Checking, at: str, declared: Leaderboard) -> None:
    seen = set()
    for number, prize in enumerate(declared.prizes):
        place = f"{at}/prizes/{number}"
        if not 1 <= prize.rank <= DEEPEST_PRIZE:
            checking.error("out-of-range", f"{place}/rank", f"1 to {DEEPEST_PRIZE}")
        if not 1 <= prize.points <= MAX_AMOUNT:
            checking.error("out-of-range", f"{place}/points", "1 to 2^53 - 1")
        if prize.currency not in checking.book.currencies:
            checking.error("unknown-currency", f"{place}/currency", f"{prize.currency!r} is not a currency here")
        if (prize.rank, prize.currency) in seen:
            checking.error("duplicate-id", place, "another prize of this rank is in the same currency")
        seen.add((prize.rank, prize.currency))


def _types(checking: Checking, name: str, declared: Leaderboard) -> None:
    """Which activity types count, and the trees of the expressions for each of them."""
    at, book = f"/leaderboards/{name}", checking.book
    measures = measures_of(book)
    wanted = list(expressions(name, declared, measures))
    kinds = candidates(declared, book)
    if declared.on is not None:
        for number, kind in enumerate(declared.on):
            if kind not in book.activities and kind != ENROLLED:
                message = f"{kind!r} is not an activity type here"
                checking.error("unknown-activity-type", f"{at}/on/{number}", message)
            elif kind in book.activities and book.activities[kind].role == "reverses":
                checking.error("misplaced", f"{at}/on/{number}", "a return takes back what its activity scored")
            elif declared.score in measures and kind not in measures[declared.score]:
                checking.error("unknown-measure", f"{at}/on/{number}", f"{kind!r} has no measure {declared.score!r}")
        kinds = [kind for kind in kinds if kind in book.activities or kind == ENROLLED]
    elif wanted:
        fitting = {kind: sum(checking.fits(source, gives, kind) for _, source, gives in wanted) for kind in kinds}
        whole = [kind for kind in kinds if fitting[kind] == len(wanted)]
        # Where no type fits, what is wrong is told about the one that fits best.
        kinds = whole or sorted(kinds, key=lambda kind: -fitting[kind])[:1]
    if not kinds:
        checking.error("missing", f"{at}/on", "no activity type counts here")
    for kind in kinds:
        for pointer, source, gives in wanted:
            checking.expression(pointer, source, gives, kind, key=tree_key(pointer, kind))
