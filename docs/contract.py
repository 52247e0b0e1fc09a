"""What a change of the API takes from those who rely on it. Additions are free; removals and renames are named.

The promise is `docs/reference/openapi.json`. A change adds to it by `docs/generate.py`, which writes nothing while
anything here is broken.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Resolve = Callable[[Json], Json]

_CODE = re.compile(r"(?:^| · )([a-z-]+):")


def broken(before: Json, after: Json) -> list[str]:
    """What somebody who was written for `before` finds missing or other in `after`, as sentences."""
    return sorted(set(_broken(before, after)))


def _broken(before: Json, after: Json) -> Iterator[str]:
    for path, operations in before["paths"].items():
        for method, old in operations.items():
            place = f"{method.upper()} {path}"
            new = after["paths"].get(path, {}).get(method)
            if new is None:
                yield f"{place} is gone"
            else:
                yield from _operation(place, old, new, _resolver(before), _resolver(after))
    for code in sorted(_codes(before) - _codes(after)):
        yield f"the code {code} is gone"


def _operation(place: str, old: Json, new: Json, before: Resolve, after: Resolve) -> Iterator[str]:
    for word in ("operationId", "x-name", "x-scope", "x-repeats"):
        if word in old and old[word] != new.get(word):
            yield f"{place}: {word} was {old[word]}, is {new.get(word)}"
    yield from _parameters(place, old, new)
    sent = new.get("requestBody", {}).get("content", {})
    if "requestBody" in new and "requestBody" not in old:
        yield f"{place}: a body is now required"
    for kind, content in old.get("requestBody", {}).get("content", {}).items():
        if kind not in sent:
            yield f"{place}: no longer takes {kind}"
        else:
            yield from _sent(f"{place} body", content["schema"], sent[kind]["schema"], before, after, ())
    for status, answer in old["responses"].items():
        if status >= "300":
            continue
        if status not in new["responses"]:
            yield f"{place}: no longer answers {status}"
            continue
        told = new["responses"][status].get("content", {})
        for kind, content in answer.get("content", {}).items():
            if kind not in told:
                yield f"{place}: no longer answers in {kind}"
            else:
                yield from _told(f"{place} answer", content["schema"], told[kind]["schema"], before, after, ())


def _parameters(place: str, old: Json, new: Json) -> Iterator[str]:
    there = {(one["in"], one["name"]): one for one in new["parameters"]}
    known = {(one["in"], one["name"]) for one in old["parameters"]}
    for where, name in sorted(known - there.keys()):
        yield f"{place}: the parameter {name} ({where}) is gone"
    for (where, name), one in there.items():
        if (where, name) not in known and one.get("required"):
            yield f"{place}: the parameter {name} ({where}) is now required"


def _sent(at: str, old: Json, new: Json, before: Resolve, after: Resolve, inside: tuple[str, ...]) -> Iterator[str]:
    """What was taken is taken: no property less, none more that must be there, no type less."""
    if old.get("$ref", "") in inside:
        return
    inside = (*inside, old["$ref"]) if "$ref" in old else inside
    old, new = before(old), after(new)
    if lost := _kinds(old, before) - _kinds(new, after):
        yield f"{at}: no longer takes {', '.join(sorted(lost))}"
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{at}/{name} is now required"
    yield from _parts(_sent, at, old, new, before, after, inside)


def _told(at: str, old: Json, new: Json, before: Resolve, after: Resolve, inside: tuple[str, ...]) -> Iterator[str]:
    """What was said is said: no property less, none that may now be missing, no type more."""
    if old.get("$ref", "") in inside:
        return
    inside = (*inside, old["$ref"]) if "$ref" in old else inside
    old, new = before(old), after(new)
    more = {kind for kind in _kinds(new, after) - _kinds(old, before) if not kind.startswith("'")}
    if more and _kinds(old, before) != {"anything"}:
        yield f"{at}: may now be {', '.join(sorted(more))}"
    for name in sorted(set(old.get("required", ())) & new.get("properties", {}).keys() - set(new.get("required", ()))):
        yield f"{at}/{name} may now be missing"
    yield from _parts(_told, at, old, new, before, after, inside)


def _parts(
    compared: Callable[..., Iterator[str]],
    at: str, old: Json, new: Json, before: Resolve, after: Resolve, inside: tuple[str, ...],
) -> Iterator[str]:  # fmt: skip
    there = new.get("properties", {})
    for name, one in old.get("properties", {}).items():
        if name not in there:
            yield f"{at}/{name} is gone"
        else:
            yield from compared(f"{at}/{name}", one, there[name], before, after, inside)
    for word, step in (("items", "/0"), ("additionalProperties", "/*")):
        if isinstance(old.get(word), dict) and isinstance(new.get(word), dict):
            yield from compared(at + step, old[word], new[word], before, after, inside)
    for one in old.get("anyOf", ()):
        same = [
            other for other in new.get("anyOf", [new]) if _kinds(before(one), before) == _kinds(after(other), after)
        ]
        if same:
            yield from compared(at, one, same[0], before, after, inside)


def _kinds(schema: Json, resolve: Resolve) -> set[str]:
    """The types that a schema lets through; of a choice of texts, each text."""
    schema = resolve(schema)
    if "anyOf" in schema:
        return set().union(*(_kinds(one, resolve) for one in schema["anyOf"]))
    if "enum" in schema:
        return {repr(one) for one in schema["enum"]}
    return {schema.get("type", "anything")}


def _resolver(document: Json) -> Resolve:
    schemas = document["components"]["schemas"]

    def resolve(schema: Json) -> Json:
        found: Json = schemas[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
        return found

    return resolve


def _codes(document: Json) -> set[str]:
    return {
        code
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, answer in operation["responses"].items()
        if status >= "400"
        for code in _CODE.findall(answer["description"])
    }
