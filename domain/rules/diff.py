"""What changed between two rulebooks, in words that an operator uses.

Both are compared as they are read, defaults included, so writing a default out is no change. Rules and levels
are told apart by their id: their order in the document has no meaning.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from domain.rules.rulebook import Rulebook, Section

Json = Any
Parts = Mapping[str, tuple[str, Any]]
"""The parts of a value by key, each with the token that names it in a JSON pointer."""

_SUBJECTS = {
    "rules": "rule", "currencies": "currency", "activities": "activity", "tiers": "tier set", "groups": "group",
    "budgets": "budget", "segments": "segment", "experiments": "experiment", "offers": "offer",
    "streaks": "streak", "badges": "badge", "referrals": "referral", "leaderboards": "leaderboard",
}  # fmt: skip
_WORDS = {
    "award per points": "points per step",
    "award per step": "step",
    "award per amount": "amount counted in steps",
    "award points": "points",
    "award rate": "rate",
    "award amount": "amount",
    "award currency": "currency",
    "value per_point": "value of a point",
}


class Change(msgspec.Struct, frozen=True):
    """One difference. `at` is the JSON pointer in the newer document; for what was removed, in the older one."""

    at: str
    change: Literal["added", "removed", "changed"]
    before: Json
    after: Json
    text: str


def diff(before: Rulebook, after: Rulebook) -> tuple[Change, ...]:
    """Every difference, in the order of the vocabulary."""
    return tuple(_changes(before, after, "", "", ()))


def _changes(before: Any, after: Any, old_at: str, new_at: str, names: tuple[str, ...]) -> Iterator[Change]:
    old, new = _parts(before), _parts(after)
    if old is None or new is None:
        if before != after:
            yield _change(before, after, old_at, new_at, names)
        return
    for key in [*old, *(key for key in new if key not in old)]:
        inner = (*names, key)
        if key not in new:
            token, value = old[key]
            yield _change(value, None, f"{old_at}/{token}", "", inner)
        elif key not in old:
            token, value = new[key]
            yield _change(None, value, "", f"{new_at}/{token}", inner)
        else:
            (old_token, one), (new_token, other) = old[key], new[key]
            yield from _changes(one, other, f"{old_at}/{old_token}", f"{new_at}/{new_token}", inner)


def _parts(value: Any) -> Parts | None:
    """The parts that are compared one by one; None when the value is compared as a whole."""
    if isinstance(value, Section):
        fields = ((field.encode_name, getattr(value, field.name)) for field in msgspec.structs.fields(value))
        return {name: (name, part) for name, part in fields if part is not None}
    if isinstance(value, dict):
        return {key: (_token(key), part) for key, part in value.items()}
    if isinstance(value, list) and all(hasattr(part, "id") for part in value):
        return {part.id: (str(index), part) for index, part in enumerate(value)}
    return None


def _change(before: Any, after: Any, old_at: str, new_at: str, names: tuple[str, ...]) -> Change:
    one, other = msgspec.to_builtins(before), msgspec.to_builtins(after)
    subject, words = _named(names)
    lead = f"{subject}: " if subject else ""
    if before is None:
        text = f"{lead}{words} added: {_said(other)}" if words else f"{subject} added"
        return Change(new_at, "added", None, other, text)
    if after is None:
        text = f"{lead}{words} removed, was {_said(one)}" if words else f"{subject} removed"
        return Change(old_at, "removed", one, None, text)
    lead += f"{words} " if words else ""
    return Change(new_at, "changed", one, other, f"{lead}{_said(one)} -> {_said(other)}")


def _named(names: Sequence[str]) -> tuple[str, str]:
    """Whose property it is, and which: ("rule base", "points per step"). No property: the thing itself."""
    section, rest = names[0], list(names[1:])
    if section == "tiers" and len(rest) >= 3 and rest[1] == "levels":
        return f"tier {rest[2]}", _property(rest[3:])
    if section in _SUBJECTS and rest:
        return f"{_SUBJECTS[section]} {rest[0]}", _property(rest[1:])
    return "", _property([section, *rest])


def _property(names: Sequence[str]) -> str:
    plain = " ".join(names)
    return _WORDS.get(plain, plain.replace("_", " "))


def _said(value: Json) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _token(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
