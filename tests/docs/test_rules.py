"""docs/rules.md: every box of JSON passes `check`, every mistake is found, and the shop is an example.

A box `json shop` begins the document, `json add` is merged into it (objects by key, lists one after the other) and
`json also` is a rule beside it that is not kept. `GUERDON_WRITE_DOCS=1` writes the shop to examples/corner-shop.
"""

import json
import os
import re
from collections.abc import Iterator
from functools import reduce
from typing import Any

import msgspec
import pytest

from domain.rules.check import check
from domain.rules.rulebook import Rule
from infrastructure.zones import SystemZones
from tests.build import Json, World
from tests.docs.blocks import ROOT, pretty
from tests.docs.test_pages import WRITE
from tests.rules.test_example_stories import granted
from tests.spec import Given, Step, bought, enrolled, given

PAGE = (ROOT / "docs" / "rules.md").read_text("utf-8")
SHOP = ROOT / "examples" / "corner-shop" / "rulebook.json"
_BOX = re.compile(r"^```json (?P<kind>shop|add|also)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)
"""The dashes under a heading have no spaces, so they are no row."""
_LIKE = {"whole number": "{} > 1", "true or false": "{}", "text": "{} != ''", "instant": "{} < local.at"}


def boxes(*kinds: str) -> list[tuple[int, Json]]:
    found = [box for box in _BOX.finditer(PAGE) if box["kind"] in kinds]
    return [(PAGE.count("\n", 0, box.start()) + 1, json.loads(box["text"])) for box in found]


def merged(document: Any, more: Any) -> Any:
    """Keys join the objects that are there, entries join the lists."""
    if isinstance(document, dict) and isinstance(more, dict):
        return document | {
            name: merged(document[name], part) if name in document else part for name, part in more.items()
        }
    if isinstance(document, list) and isinstance(more, list):
        return document + more
    assert document == more, f"{document!r} is there already, not {more!r}"
    return document


def shop() -> Json:
    document: Json = reduce(merged, [part for _, part in boxes("shop", "add")])
    return document


def beside(rule: Json) -> Json:
    """The shop with one more rule, which needs to say only what it is about."""
    whole = {"id": "new", "on": "purchase", "award": {"currency": "points", "points": 5}} | rule
    return shop() | {"rules": [*shop()["rules"], whole]}


def findings(document: Json) -> list[str]:
    return [f"`{one.code}`: {one.message}" for one in check(document, known_zone=SystemZones().known).findings]


def rows(heading: str) -> Iterator[list[str]]:
    """The rows of the first table under a heading."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = section[section.index("\n| ") :].lstrip("\n").split("\n\n", 1)[0]
    for row in _ROW.findall(table)[1:]:
        yield row.replace("\\|", "\0").replace(" | ", "\1").replace("\0", "|").split("\1")


def test_the_shop_passes_check_box_by_box() -> None:
    document: Json = {}
    for line, part in boxes("shop", "add"):
        document = merged(document, part)
        found = [one for one in findings(document) if not one.startswith("`unused")]
        assert not found, f"line {line}: {found}"
    assert findings(document) == []


def test_every_rule_beside_the_shop_passes_check() -> None:
    for line, rule in boxes("also"):
        assert findings(beside(rule)) == [], f"line {line}"


def test_the_whole_shop_is_an_example() -> None:
    if os.environ.get(WRITE):
        SHOP.parent.mkdir(exist_ok=True)
        SHOP.write_text(pretty(shop()) + "\n", "utf-8")
    assert json.loads(SHOP.read_text("utf-8")) == shop()


def test_every_mistake_is_found_as_the_page_says_and_what_was_meant_is_right() -> None:
    for wrong, said, right in rows("Mistakes that everybody makes once"):
        code, message = said.split(": ", 1)
        found = findings(beside(_rule(wrong)))
        assert any(one.startswith(code) and message in one for one in found), f"{wrong}: {found}"
        assert findings(beside(_rule(right))) == [], right


def test_what_wishes_stand_for_passes_check() -> None:
    for wish, keys in rows("From a wish to a rule"):
        assert findings(beside(_rule(keys))) == [], wish


def _rule(cell: str) -> Json:
    rule: Json = json.loads("{" + cell.strip("`") + "}")
    if rule.get("phase") == "multiply":
        rule["award"] = None
    return rule


def test_everything_a_condition_may_read_is_there_and_of_its_type() -> None:
    for names, type_, _ in rows("When: conditions"):
        for name in re.findall(r"`([^`]+)`", names):
            found = findings(beside({"when": _LIKE[type_].format(name)}))
            assert [one for one in found if not one.startswith("`unasked`")] == [], name


def test_the_table_of_keys_has_every_key_of_a_rule() -> None:
    named = [name for keys, *_ in rows("All keys of a rule") for name in re.findall(r"`(\w+)`", keys)]
    assert sorted(named) == sorted(field.encode_name for field in msgspec.structs.fields(Rule))


# --- what the page promises in words --------------------------------------------------------------


def buying(rule: str, *steps: Step) -> Given:
    document = beside(next(one for _, one in boxes("also") if one["id"] == rule))
    return given(World(document), enrolled("2030-01-01"), *steps)


def test_every_third_purchase_of_twenty_euros_in_a_month_twice_a_month() -> None:
    start = buying("third")
    got = []
    for number, amount in enumerate([20_00, 19_99, 25_00, 20_00, 5_00, 20_00, 20_00, 20_00, 20_00, 20_00, 20_00], 1):
        outcome = start.when(_cart(amount, f"p{number}", f"2030-05-{number:02}"))
        got.append(granted(outcome).get("third", 0))
    assert got == [0, 0, 0, 50, 0, 0, 0, 50, 0, 0, 0]
    assert "third" not in granted(start.when(_cart(20_00, "june", "2030-06-01")))


def test_lines_paid_with_points_alone_bring_no_third() -> None:
    start = buying("third", _cart(20_00, "a", "2030-05-01"), _cart(20_00, "b", "2030-05-02"))
    free = bought(20_00, "c", "2030-05-03", lines=[{"amount_minor": 2000, "labels": {}, "flags": ["paid_with_points"]}])
    assert "third" not in granted(start.when(free))


def _cart(amount: int, name: str, at: str) -> Step:
    return bought(amount, name, at, lines=[{"amount_minor": amount, "labels": {}}])


@pytest.mark.parametrize(
    ("rule", "before", "amount", "at", "points"),
    [
        ("above-fifty", None, 58_00, "2030-02-01", 2),
        ("above-fifty", None, 50_00, "2030-02-01", 0),
        ("back-again", None, 10_00, "2030-02-01", 0),
        ("back-again", "2030-02-01", 10_00, "2030-04-02", 0),
        ("back-again", "2030-02-01", 10_00, "2030-04-03", 100),
    ],
)
def test_the_other_wishes(rule: str, before: str | None, amount: int, at: str, points: int) -> None:
    start = buying(rule, *([_cart(5_00, "before", before)] if before else []))
    assert granted(start.when(_cart(amount, "now", at))).get(rule, 0) == points


def test_five_percent_of_the_tea_alone_in_the_app() -> None:
    tea = {"amount_minor": 600, "labels": {"category": "tea"}}
    cake = {"amount_minor": 1400, "labels": {"category": "cake"}}
    basket = bought(20_00, "a", "2030-02-01", lines=[tea, cake], channel="app")
    assert granted(buying("tea-app").when(basket))["tea-app"] == 30
