"""Payloads made from a schema: the same ones each time, for trying rules out.

Values are taken in turn from what the schema allows at its edges and what the rules compare with, so that conditions
are met and missed. A payload that the whole schema does not take (patterns, `anyOf`) is left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.rules.celtree import Tree, unparse
from domain.rules.schema import compile_schema
from domain.rules.truth import comparisons

Json = Any
AMOUNTS = (0, 1, 99, 1_000, 12_345, 99_999)
TEXTS = ("a", "b")
DEEPEST, LONGEST = 4, 20
"""How deep payloads go, and how many elements a list has at most."""


def payloads(schema: Mapping[str, Json], trees: Mapping[str, Tree], count: int) -> Iterator[dict[str, Json]]:
    """Up to `count` payloads that a schema takes, around the constants of expressions about `activity`."""
    hints: dict[str, list[Json]] = {}
    for tree in trees.values():
        for _, what, value, _ in comparisons(tree):
            # A comparison inside a fold names its element, whatever the list: the last name will do.
            hints.setdefault(unparse(what).rsplit(".", 1)[-1], []).append(value)
    takes = compile_schema(schema)
    for number in range(count):
        made = _Made(hints, number).of(schema, "", 0)
        if isinstance(made, dict) and not takes.errors(made):
            yield made


class _Made:
    def __init__(self, hints: Mapping[str, list[Json]], number: int) -> None:
        self.hints = hints
        self.number = number
        self.fields = 0

    def of(self, schema: Json, name: str, depth: int) -> Json:
        if not isinstance(schema, dict) or depth > DEEPEST:
            return None
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._one(schema["enum"])
        kind = schema.get("type", "object" if "properties" in schema else None)
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                named = schema.get("properties") or {}
                required = schema.get("required") or []
                made = {one: self.of(part, one, depth + 1) for one, part in named.items() if self._sent(one, required)}
                return {one: value for one, value in made.items() if value is not None}
            case "array":
                least = schema.get("minItems", 0)
                if least > LONGEST:
                    return None
                length = max(least, min(self.number % 4, schema.get("maxItems", 3)))
                return [self.of(schema.get("items"), name, depth + 1) for _ in range(length)]
            case "integer":
                return self._integer(schema, name)
            case "boolean":
                return self._one([True, False])
            case "string":
                return self._one([value for value in self.hints.get(name, []) if isinstance(value, str)] + [*TEXTS])
            case _:
                return None

    def _integer(self, schema: Mapping[str, Json], name: str) -> int:
        near = [value for value in self.hints.get(name, []) if type(value) is int]
        candidates = [*AMOUNTS, *(value + step for value in near for step in (-1, 0, 1))]
        least, most = schema.get("minimum"), schema.get("maximum")
        candidates += [edge for edge in (least, most) if type(edge) is int]
        fits = [
            value
            for value in candidates
            if (least is None or value >= least) and (most is None or value <= most) and abs(value) < 2**40
        ]
        return int(self._one(fits or [least or 0]))

    def _sent(self, name: str, required: list[str]) -> bool:
        """What may be left out is, now and then; an amount never: nothing would be earned."""
        return name in required or name == "amount_minor" or self.number % 5 != 4

    def _one(self, values: list[Json]) -> Json:
        """The values in turn; each field goes on at a pace of its own, so that they meet in many ways."""
        self.fields += 1
        return values[(self.number * self.fields + self.number // len(values)) % len(values)]
