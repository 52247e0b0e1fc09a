"""What is wrong with a mapping, before any message comes."""

import re
from collections.abc import Collection, Iterator
from typing import Any, Literal

import msgspec

from application.gateway.mapping import (
    HEADER,
    ActivityRule,
    Given,
    MappingDocument,
    MappingRule,
    Value,
    places,
)
from domain.errors import Refused

Json = dict[str, Any]

MAX_RULES = 100
LONGEST_KEPT = 400
LONGEST_TOLERANCE = 86_400
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_HEADER = re.compile(r"header:[A-Za-z0-9-]{1,64}")
_STEP = re.compile(r"[.\[]([^.\[\]]+)\]?")


class MappingInvalid(Refused):
    code = "mapping-invalid"


class MappingFinding(msgspec.Struct, frozen=True, kw_only=True):
    """An error keeps a mapping from being used, a warning does not. `at` is a JSON pointer into the document."""

    severity: Literal["error", "warning"]
    code: str
    at: str
    message: str


def check(document: Json, types: Collection[str] | None = None) -> tuple[MappingDocument | None, list[MappingFinding]]:
    """The mapping in a document, if it is one, and all findings. `types` are the activity types of the rulebook."""
    try:
        mapping = msgspec.convert(document, MappingDocument)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `")
        at = "".join(f"/{step}" for step in _STEP.findall(where.strip("`$")) if step != "...")
        return None, [_error("shape", at, said.replace("`", ""))]
    found = [*_signature(mapping), *_values(mapping), *_rules(mapping, types)]
    return (mapping if all(one.severity != "error" for one in found) else None), found


def checked(document: Json, types: Collection[str] | None = None) -> tuple[MappingDocument, list[MappingFinding]]:
    """The same of a document that is to be used. Raises MappingInvalid with all errors."""
    mapping, found = check(document, types)
    if mapping is None:
        wrong = [(f"/mapping{one.at}", f"{one.code}: {one.message}") for one in found if one.severity == "error"]
        raise MappingInvalid("the mapping has errors", errors=wrong)
    return mapping, found


def _signature(mapping: MappingDocument) -> Iterator[MappingFinding]:
    signed = mapping.signature
    if signed.scheme == "hmac" and not _HEADER.fullmatch(HEADER + signed.header):
        yield _error("signature-header", "/signature/header", "name the header that has the signature")
    if signed.scheme == "square" and not signed.url.startswith("https://"):
        yield _error("signature-url", "/signature/url", "the address that Square was given is part of what it signs")
    if not 0 < signed.tolerance_seconds <= LONGEST_TOLERANCE:
        yield _error("tolerance", "/signature/tolerance_seconds", f"1 to {LONGEST_TOLERANCE}")


def _values(mapping: MappingDocument) -> Iterator[MappingFinding]:
    if not 0 < len(mapping.source) <= 100 or not mapping.source.isprintable():
        yield _error("source", "/source", "1 to 100 printable characters")
    if not 0 < mapping.keep_days <= LONGEST_KEPT:
        yield _error("keep-days", "/keep_days", f"1 to {LONGEST_KEPT}")
    for at, given in _all(mapping):
        yield from _value(at, given)


def _all(mapping: MappingDocument) -> Iterator[tuple[str, Given]]:
    yield "/type", mapping.type
    yield "/id", mapping.id
    for number, rule in enumerate(mapping.rules):
        for at, given in _of(rule):
            yield f"/rules/{number}{at}", given


def _of(rule: MappingRule) -> Iterator[tuple[str, Given]]:
    for place in rule.where:
        yield "/where", place
    if rule.activity is not None:
        one = rule.activity
        yield "/activity/id", one.id
        yield "/activity/occurred_at", one.occurred_at
        for name, given in one.data.items():
            yield f"/activity/data/{name}", given
        for number, way in enumerate(one.member):
            for kind in ("id", "external_id", "email"):
                if (held := getattr(way, kind)) is not None:
                    yield f"/activity/member/{number}/{kind}", held
    if rule.return_ is not None:
        yield "/return/id", rule.return_.id
        yield "/return/of", rule.return_.of
        yield "/return/occurred_at", rule.return_.occurred_at
        if rule.return_.amount_minor is not None:
            yield "/return/amount_minor", rule.return_.amount_minor


def _value(at: str, given: Given) -> Iterator[MappingFinding]:
    if isinstance(given, Value):
        ways = [one for one in (given.at, given.each, given.object, given.value) if one is not None]
        if len(ways) != 1:
            yield _error("value", at, "one of at, value, each, object")
        if (given.each is None) != (given.of is None):
            yield _error("value", at, "each and of go together")
        if not 0 <= given.scale <= 6:
            yield _error("scale", f"{at}/scale", "0 to 6")
        if given.of is not None:
            yield from _value(f"{at}/of", given.of)
        for name, part in (given.object or {}).items():
            yield from _value(f"{at}/object/{name}", part)
    for place in places(given) if isinstance(given, str) or given.object is None else ():
        if not (_POINTER.fullmatch(place) or _HEADER.fullmatch(place)):
            yield _error("place", at, f"{place!r} is neither a JSON pointer (/data/id) nor a header (header:x-id)")


def _rules(mapping: MappingDocument, types: Collection[str] | None) -> Iterator[MappingFinding]:
    if not 0 < len(mapping.rules) <= MAX_RULES:
        yield _error("rules", "/rules", f"1 to {MAX_RULES} rules")
    taken: set[str] = set()
    for number, rule in enumerate(mapping.rules):
        at = f"/rules/{number}"
        if (rule.activity is None) == (rule.return_ is None):
            yield _error("rule", at, "one of activity, return")
        if not rule.on:
            yield _error("on", f"{at}/on", "name the types of messages that it is about")
        elif set(rule.on) <= taken:
            yield _warning("never-fits", at, "rules before it take all messages of its types")
        if not rule.where:
            taken |= set(rule.on)
        if rule.activity is not None:
            yield from _activity(f"{at}/activity", rule.activity, types)


def _activity(at: str, rule: ActivityRule, types: Collection[str] | None) -> Iterator[MappingFinding]:
    if not rule.member:
        yield _error("member", f"{at}/member", "say how the member is found")
    for number, way in enumerate(rule.member):
        if sum(one is not None for one in (way.id, way.external_id, way.email)) != 1:
            yield _error("member", f"{at}/member/{number}", "one of id, external_id, email")
    if types is not None and rule.type not in types:
        yield _warning("unknown-activity-type", f"{at}/type", f"the rulebook in force declares no {rule.type!r}")


def _error(code: str, at: str, message: str) -> MappingFinding:
    return MappingFinding(severity="error", code=code, at=at, message=message)


def _warning(code: str, at: str, message: str) -> MappingFinding:
    return MappingFinding(severity="warning", code=code, at=at, message=message)
