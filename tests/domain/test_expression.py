"""Expressions: what a rule may say, what it comes to, what is refused and where the caret points."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.rules.expression import (
    CheckFailed,
    Clause,
    Environment,
    EvaluationError,
    Value,
    clauses,
    compile_tree,
    evaluate,
    references,
    unparse,
)

LINE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "sku": {"type": "string"},
        "quantity": {"type": "integer"},
        "labels": {"type": "object"},
        "flags": {"type": "array", "items": {"type": "string"}},
    },
}
PURCHASE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "amount_minor": {"type": "integer"},
        "channel": {"enum": ["app", "web"]},
        "paid": {"type": "boolean"},
        "note": {"type": ["string", "null"]},
        "in": {"type": "string"},
        "odd-name": {"type": "string"},
        "fooBar": {"type": "string"},
        "foo_bar": {"type": "string"},
        "weight": {"type": "number"},
        "shipping": {"$ref": "#/$defs/address"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "sizes": {"type": "array", "items": {"type": "integer"}},
        "lines": {"type": "array", "items": LINE},
    },
    "$defs": {
        "address": {
            "type": "object",
            "properties": {"country": {"type": "string"}, "billing": {"$ref": "#/$defs/address"}},
        }
    },
}
ATTRIBUTES: dict[str, Any] = {
    "type": "object",
    "properties": {"region": {"type": "string"}, "birthday_today": {"type": "boolean"}},
}

ENVIRONMENT = Environment.build(
    activity=PURCHASE,
    attributes=ATTRIBUTES,
    tier_sets=["status", "gold-club"],
    currencies=["points"],
    measures=["spend", "visits"],
    types=["purchase", "login"],
    streaks=["login"],
    line=LINE,
)


class Facts:
    """A context written out."""

    def __init__(self, **activity: Value) -> None:
        self.activity: dict[str, Value] = {
            "amount_minor": 1999,
            "channel": "app",
            "note": None,
            "in": "door",
            "labels": {"campaign": "spring", "gone": None},
            "counts": {"a": 1},
            "tags": ["a", "b"],
            "sizes": [1, 2, 3],
            "shipping": {"country": "DE"},
            "lines": [
                {"sku": "s1", "quantity": 2, "labels": {"category": "coffee"}},
                {"sku": "s2", "quantity": 1, "labels": {}},
            ],
            **activity,
        }
        self.line: dict[str, Value] = {"sku": "s1", "labels": {"category": "coffee"}}
        self.asked: list[tuple[str, ...]] = []

    @property
    def member(self) -> Mapping[str, Value]:
        return {
            "attributes": {"region": "EU"},
            "tiers": {"status": {"level": "gold"}, "gold-club": {"level": ""}},
            "balances": {"points": {"available": 10, "pending": 5, "held": 0, "debt": 0, "lifetime": 99}},
        }

    @property
    def local(self) -> Mapping[str, Value]:
        return {
            "hour": 10,
            "weekday": 7,
            "day": 22,
            "month": 11,
            "year": 2026,
            "date": "2026-11-22",
            "at": datetime(2026, 11, 22, 9, tzinfo=UTC),
        }

    @property
    def program(self) -> Mapping[str, Value]:
        return {"id": "shop"}

    def counter(self, measure: str, window: str) -> int:
        self.asked.append(("counter", measure, window))
        return 7

    def history(self, function: str, name: str, window: str) -> int | datetime | None:
        self.asked.append((function, name, window))
        known = {"first": None, "last": datetime(2026, 11, 20, 9, tzinfo=UTC)}
        return known.get(function, 3)


def value(source: str, facts: Facts | None = None, expects: Any = "bool") -> Value:
    """What an expression comes to, through the stored form of its tree."""
    tree = json.loads(json.dumps(ENVIRONMENT.check(source, expects)))
    return evaluate(tree, facts or Facts())


def failure(source: str, facts: Facts | None = None, expects: Any = "bool") -> str:
    with pytest.raises(EvaluationError) as caught:
        value(source, facts, expects)
    return str(caught.value)


TRUE = """
activity.amount_minor > 0 && activity.channel == 'app'
activity.`in` == 'door'
activity.labels.campaign == 'spring' && activity.labels['campaign'] == 'spring'
'campaign' in activity.labels && !('gone' in activity.labels) && !('x' in activity.labels)
activity.counts['a'] + 1 == 2
'a' in activity.tags && !('c' in activity.tags)
activity.sizes[1] == 2
activity.sizes + [4] == [1, 2, 3, 4] && activity.sizes != [] && [] == []
activity.tags.all(t, t in activity.tags)
activity.lines.exists(l, l.sku == 's2' && l.quantity > 0)
activity.lines.all(l, l.quantity > 0)
activity.lines.exists_one(l, l.sku == 's1')
activity.lines.filter(l, l.quantity > 1).size() == 1
activity.lines.filter(l, l.quantity > 1)[0].sku == 's1'
activity.lines.map(l, l.quantity) == [2, 1]
activity.lines.map(l, l.quantity > 1, l.sku) == ['s1']
activity.lines.exists(l, activity.sizes.exists(s, s == l.quantity))
activity.sizes.exists(s, [s].exists(s, s == 3))
activity.lines[0].labels.category == 'coffee'
has(activity.channel) && !has(activity.note) && !has(activity.fooBar)
has(activity.shipping.country) && !has(activity.shipping.billing.country)
has(activity.labels.campaign) && !has(activity.labels.gone)
member.attributes.region == 'EU' && !has(member.attributes.birthday_today)
member.tiers.status.level == 'gold' && member.tiers['gold-club'].level == ''
member.balances.points.available + member.balances['points'].pending == 15
member.counters.spend.last_30d == 7 && member.counters['spend']['ever'] == 7
member.counters.visits.days == 7 && member.counters.visits.half == 7
history.count('purchase', 'P30D') == 3 && history.days('login', 'ever') == 3
history.sum('spend', 'P12M') == 3 && history.streak('login') == 3
local.at - history.last('purchase') == duration('48h')
history.last('purchase') + duration('48h') == local.at && local.at - duration('48h') == history.last('purchase')
duration('1h30m') == duration('90m') && duration('-1s') < duration('1us')
duration('1h') + duration('1m') == duration('61m')
local.at >= timestamp('2026-11-22T10:00:00+01:00') && local.at < timestamp('2026-11-22T09:00:00.000001Z')
local.hour == 10 && local.weekday == 7 && local.day == 22 && local.month == 11 && local.year == 2026
local.date == '2026-11-22' && program.id == 'shop'
rate(activity.amount_minor, '0.05') == 99 && rate(-1999, '0.05') == -99 && rate(3, '1.5') == 4
-7 / 2 == -3 && -7 % 2 == -1 && 7 % -2 == 1 && 7 / -2 == -3 && --7 == 7
2 + 3 * 4 == 14 && (2 + 3) * 4 == 20 && 10 - 3 - 2 == 5
'abc'.startsWith('a') && 'abc'.endsWith('c') && 'abc'.contains('b') && 'a' + 'b' == 'ab' && 'B' < 'a'
size('ünïcödé') == 7 && 'x'.size() == 1 && size(activity.lines) == 2
false < true && (local.hour > 9 ? true : false)
activity.fooBar == 'x' || true
!(activity.fooBar == 'x' && false)
[1, 2, 0].exists(n, 1 / n == 1) && ![0, 1].all(n, 1 / n == 2)
'\\t\\u00e9\\n' == '\t\u00e9\\n'
line.labels.category == 'coffee' // the line of an order
"""


@pytest.mark.parametrize("source", TRUE.strip().splitlines())
def test_an_expression_means_what_cel_says(source: str) -> None:
    assert value(source) is True


@pytest.mark.parametrize("source", TRUE.strip().splitlines())
def test_the_text_of_a_tree_has_the_same_meaning(source: str) -> None:
    text = unparse(ENVIRONMENT.check(source, "bool"))
    assert value(text) is True
    assert unparse(ENVIRONMENT.check(text, "bool")) == text


@pytest.mark.parametrize(
    ("source", "expects", "result"),
    [
        ("activity.amount_minor / 100", "int", 19),
        ("activity.shipping.country", "string", "DE"),
        ("local.at", "timestamp", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("activity.lines.map(l, l.quantity)[0]", "int", 2),
    ],
)
def test_an_expression_gives_what_is_asked_for(source: str, expects: str, result: Value) -> None:
    assert value(source, expects=expects) == result


FAILS: list[tuple[str, dict[str, Value], str]] = [
    ("activity.fooBar == 'x'", {}, "absent: activity.fooBar"),
    ("activity.note == 'x'", {}, "absent: activity.note"),
    ("activity.shipping.billing.country == 'DE'", {}, "absent: activity.shipping.billing"),
    ("activity.labels.nope == 'x'", {}, "absent: activity.labels.nope"),
    ("activity.sizes[3] == 1", {}, "absent: activity.sizes[3]"),
    ("activity.sizes[-1] == 1", {}, "absent: activity.sizes[-1]"),
    ("history.first('purchase') < local.at", {}, "absent: history.first('purchase')"),
    ("activity.amount_minor / 0 == 1", {}, "division by zero"),
    ("activity.amount_minor % 0 == 1", {}, "modulus by zero"),
    ("activity.amount_minor * 2 > 0", {"amount_minor": 2**62}, "integer overflow"),
    ("-activity.amount_minor > 0", {"amount_minor": -(2**63)}, "integer overflow"),
    ("activity.amount_minor / -1 > 0", {"amount_minor": -(2**63)}, "integer overflow"),
    ("rate(activity.amount_minor, '999999999') > 0", {"amount_minor": 2**53}, "integer overflow"),
    ("timestamp('9999-12-31T00:00:00Z') + duration('48h') > local.at", {}, "timestamp out of range"),
    ("activity.channel + activity.channel == ''", {"channel": "x" * 6000}, "a text longer than 10000"),
    ("activity.sizes + activity.sizes == []", {"sizes": [1] * 6000}, "a list longer than 10000"),
    # Data that the schema of another version let in.
    ("activity.amount_minor > 0", {"amount_minor": True}, "not of type int: activity.amount_minor"),
    ("activity.amount_minor > 0", {"amount_minor": 2**63}, "not of type int: activity.amount_minor"),
    ("activity.channel == 'x'", {"channel": 5}, "not of type string: activity.channel"),
    ("activity.shipping.country == 'x'", {"shipping": "DE"}, "not of type object: activity.shipping"),
    ("activity.tags.exists(t, t == 'x')", {"tags": ["a", 1]}, "not of type string: activity.tags"),
    ("activity.lines.exists(l, l.sku == 'x')", {"lines": [1]}, "not of type object: activity.lines"),
    ("1 in activity.sizes", {"sizes": [True]}, "not of type int: activity.sizes"),
    ("activity.counts['a'] == 1", {"counts": {"a": "1"}}, "not of type int: activity.counts['a']"),
    # An error counts only where nothing else decides.
    ("activity.fooBar == 'x' && true", {}, "absent: activity.fooBar"),
    ("false || activity.fooBar == 'x'", {}, "absent: activity.fooBar"),
    ("activity.fooBar == 'x' ? true : true", {}, "absent: activity.fooBar"),
    ("[1, 0].all(n, 1 / n == 1)", {}, "division by zero"),
    ("[0, 2].exists(n, 1 / n == 1)", {}, "division by zero"),
    ("[1, 0].exists_one(n, 1 / n == 1)", {}, "division by zero"),
]


@pytest.mark.parametrize(("source", "activity", "message"), FAILS)
def test_an_expression_without_a_value_says_why(source: str, activity: dict[str, Value], message: str) -> None:
    assert failure(source, Facts(**activity)).startswith(message)


def test_only_what_decides_is_read() -> None:
    facts = Facts()
    assert value("activity.channel == 'web' && history.count('purchase', 'ever') > 1", facts) is False
    assert value("activity.channel == 'app' || member.counters.spend.ever > 1", facts) is True
    assert facts.asked == []
    value("member.counters.spend.last_365d > 1", facts)
    assert facts.asked == [("counter", "spend", "last_365d")]


# --- cost ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "activity.sizes.all(a, activity.sizes.all(b, a + b > 0))",
        "activity.sizes.all(a, a in activity.sizes)",
        "activity.sizes.map(a, activity.sizes + [a] == [])[0]",
        "false && true || activity.sizes.all(a, activity.sizes.all(b, true)) || true",
    ],
)
def test_iteration_has_a_budget(source: str) -> None:
    facts = Facts(sizes=[1] * 1000)
    assert failure(source, facts).startswith("cost")
    assert failure(source, facts).startswith("cost"), "each evaluation has its own"


def test_a_usual_order_is_within_the_budget() -> None:
    facts = Facts(sizes=list(range(1, 90)))
    assert value("activity.sizes.all(a, activity.sizes.all(b, a + b > 0))", facts) is True


# --- what is refused ------------------------------------------------------------------------------------

BAD = """
activity.nope > 3                                         | 1:10 | there is no field 'nope'
activity.chanel == 'app'                                  | 1:10 | did you mean 'channel'?
activity.shipping.contry == 'DE'                          | 1:19 | did you mean 'country'?
activity.lines.all(l, l.skuu == 'x')                      | 1:25 | did you mean 'sku'?
activity.weight > 3                                       | 1:10 | there is no field 'weight'
activity.`odd-name` == 'x'                                | 1:9  | there is no field 'odd-name'
activity.amount_minor                                     | 1:1  | this gives a whole number, and true or false
activity.shipping                                         | 1:1  | this gives an object
nope && true                                              | 1:1  | unknown name 'nope'
local.hur == 1                                            | 1:7  | did you mean 'local.hour'?
member == 1                                               | 1:1  | it holds member.attributes, member.tiers
member.email == ''                                        | 1:8  | unknown name 'member.email'
member.tiers.stats.level == ''                            | 1:14 | there is no tier set 'stats'; did you mean 'status'?
member.tiers.status.lvl == ''                             | 1:21 | did you mean 'level'?
member.tiers[activity.channel].level == ''                | 1:8  | write member.tiers.<tier set>.level
member.balances.pts.available > 1                         | 1:17 | there is no currency 'pts'
member.balances.points.avail > 1                          | 1:24 | did you mean 'available'?
member.counters.spnd.ever > 1                             | 1:17 | there is no measure 'spnd'; did you mean 'spend'?
member.counters.spend.last_0d > 1                         | 1:23 | there is no 'last_0d' here
member.counters['spnd'].ever > 1                          | 1:17 | did you mean 'spend'?
has(member.tiers.status)                                  | 1:4  | what is declared is always there
history.count('purchse', 'ever') > 1                      | 1:15 | there is no activity type 'purchse'
history.count('purchase', 'P30X') > 1                     | 1:27 | 'P30X' is no window
history.count(activity.channel, 'ever') > 1               | 1:24 | must be written out
history.sum('purchase', 'ever') > 1                       | 1:13 | there is no measure 'purchase'
history.streak('purchase') > 1                            | 1:16 | there is no streak 'purchase'
history.cout('purchase') > 1                              | 1:1  | it holds history.count
rate(1, '5%') == 1                                        | 1:9  | a rate is a decimal such as '0.05'
rate(1, '-1') == 1                                        | 1:9  | a rate is a decimal such as '0.05'
rate(1, activity.channel) == 1                            | 1:18 | the rate must be written out
timestamp('2026-13-01T00:00:00Z') > local.at              | 1:11 | there is no such instant
timestamp('2026-11-22') > local.at                        | 1:11 | a timestamp is written like
timestamp(1) > local.at                                   | 1:1  | timestamp() takes a text in quotes
duration('1d') > duration('1h')                           | 1:10 | a duration is written like
1.5 > 1                                                   | 1:5  | numbers are whole
1.5 > 1.0                                                 | 1:5  | '>' is for whole numbers
[1.5] == [1.5]                                            | 1:1  | all of one type
1u == 1u                                                  | 1:1  | constants are true, false, whole numbers and texts
b'a' == b'a'                                              | 1:1  | constants are true, false, whole numbers and texts
null == null                                              | 1:1  | constants are true, false, whole numbers and texts
9007199254740992 == 1                                     | 1:1  | a number beyond 9007199254740991
99999999999999999999999 == 1                              | 1:1  | invalid int literal
'\\u0000' == 'a'                                          | 1:1  | NUL
activity.amount_minor + 'a' == 1                          | 1:23 | '+' does not take (int, string)
!activity.amount_minor                                    | 1:1  | '!' does not take (int)
activity == activity                                      | 1:1  | an object cannot be used as a value
activity.lines == activity.lines                          | 1:10 | a list of object cannot be used as a value
[1, 'a'].size() == 2                                      | 1:1  | all of one type
[[1]] == [[1]]                                            | 1:1  | all of one type
activity.tags.map(t, [t]).size() == 1                     | 1:22 | lists of lists
{'a': 1}.size() == 1                                      | 1:10 | size() is for texts and lists
activity.tags.map(t, {'a': t}).size() == 1                | 1:22 | maps and objects cannot be made here
google.protobuf.Duration{seconds: 1} == duration('1s')    | 1:1  | maps and objects cannot be made here
dyn(1) == 1                                               | 1:1  | dyn() is not part of the rule language
type(1) == int                                            | 1:1  | type() is not part of the rule language
int('3') == 3                                             | 1:1  | int() is not part of the rule language
string(3) == '3'                                          | 1:1  | string() is not part of the rule language
activity.channel.matches('a+')                            | 1:18 | matches() is not part of the rule language
local.at.getHours() > 1                                   | 1:10 | depends on the host's time zones
local.at.getHours('Europe/Berlin') > 1                    | 1:10 | depends on the host's time zones
activity.labels.exists(k, k == 'a')                       | 1:10 | iteration over a map
activity.labels.map(k, k) == []                           | 1:10 | iteration over a map
activity.labels.all(k, activity.labels[k] == 'a')         | 1:10 | iteration over a map
{'a': 1}.exists(k, k == 'a')                              | 1:1  | iteration over a map
size(activity.labels) == 1                                | 1:1  | size() is for texts and lists
activity.sizes.sum() == 1                                 | 1:16 | unknown name 'sum'
activity.tags.all(a, activity.tags.all(b, activity.tags.all(c, true))) | 1:60 | 2 deep at most
activity.tags.all(member, true)                           | 1:19 | 'member' has a meaning already
1 +                                                       | 1:4  | syntax: mismatched input '<EOF>'
@                                                         | 1:1  | syntax:
"""


def _bad() -> list[tuple[str, str, str]]:
    rows = [row.rsplit("|", 2) for row in BAD.strip().splitlines()]
    return [(source.rstrip(), place.strip(), message.strip()) for source, place, message in rows]


@pytest.mark.parametrize(("source", "place", "message"), _bad())
def test_a_mistake_is_found_where_it_is(source: str, place: str, message: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        ENVIRONMENT.check(source, "bool")
    first = caught.value.problems[0]
    assert message in first.message
    assert f"{first.line}:{first.column}" == place


def test_all_mistakes_are_reported_in_order_with_a_caret() -> None:
    with pytest.raises(CheckFailed) as caught:
        ENVIRONMENT.check("activity.chanel == 'ü' &&\n  activity.amount > 1 &&\n\tnope", "bool")
    first, second, third = caught.value.problems
    assert (first.line, second.line, third.line) == (1, 2, 3)
    assert first.text == "activity.chanel == 'ü' &&\n         ^"
    assert second.text == "  activity.amount > 1 &&\n           ^"
    assert third.text == " nope\n ^"


def test_without_an_activity_none_can_be_read() -> None:
    segment = Environment.build(None, ATTRIBUTES, measures=["spend"])
    assert segment.check("member.counters.spend.last_365d > 100000", "bool")
    with pytest.raises(CheckFailed, match=r"unknown name 'activity\.amount_minor'"):
        segment.check("activity.amount_minor > 0", "bool")


# --- hostile input ---------------------------------------------------------------------------------------

HOSTILE = {
    "nothing": "",
    "spaces": " " * 4000,
    "far too long": "(" * 100_000 + "1" + ")" * 100_000,
    "parentheses": "(" * 1999 + "1" + ")" * 1999,
    "brackets": "[" * 1999 + "]" * 1999,
    "braces": "{1:" * 900 + "1" + "}" * 900,
    "calls": "size(" * 700 + "'a'" + ")" * 700,
    "a wide conjunction": " && ".join(["true"] * 490),
    "a long sum": "+".join(["1"] * 1990) + " > 1",
    "a long select": "activity" + ".a" * 1900,
    "a long index": "activity.sizes" + "[0]" * 1300,
    "ternaries": "true?1:" * 570 + "1",
    "macros": "[1].exists(i," * 290 + "true" + ")" * 290,
    "comparisons": "1<" * 1900 + "1",
    "minus": "-" * 3990 + "1",
    "a huge integer": "1" * 4000,
    "quotes": "'" * 3999,
    "an open text": '"' + "a" * 3000,
    "escapes": '"' + "\\u" * 1900 + '"',
    "NUL": "1 == 1\0",
    "a lone surrogate": "'\ud800' == 'a'",
    "an escaped surrogate": "'\\ud800' == 'a'",
    "a made-up report": "'\nERROR: <input>:9:9: gotcha\n' + 1",
    "internal names": "@result && @in",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused(name: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        ENVIRONMENT.check(HOSTILE[name], "bool")
    for problem in caught.value.problems:
        assert problem.message
        problem.text.encode()
        assert len(problem.text) < 300
        assert 1 <= problem.line <= HOSTILE[name].count("\n") + 1


# --- explanations ----------------------------------------------------------------------------------------


def explained(source: str, facts: Facts | None = None, expects: Any = "bool") -> list[tuple[str, object]]:
    found = clauses(ENVIRONMENT.check(source, expects), facts or Facts())
    return [(clause.text, clause.value) for clause in found]


def test_a_condition_is_explained_clause_by_clause() -> None:
    source = "activity.amount_minor > 5000 &&\n  (activity.channel == 'app' || activity.fooBar == 'x')"
    assert clauses(ENVIRONMENT.check(source, "bool"), Facts()) == (
        Clause("activity.amount_minor > 5000", 1, 1, value=False),
        Clause("activity.amount_minor", 1, 1, value=1999),
        Clause("activity.channel == 'app'", 2, 4, value=True),
        Clause("activity.channel", 2, 4, value="app"),
        Clause("activity.fooBar == 'x'", 2, 33, value="error: absent: activity.fooBar"),
        Clause("activity.fooBar", 2, 33, value="error: absent: activity.fooBar"),
    )


def test_of_a_ternary_the_branch_taken_is_shown() -> None:
    assert explained("activity.paid ? 1 : 2", Facts(paid=True), "int") == [("activity.paid", True), ("1", 1)]
    assert explained("activity.paid ? 1 : 2", Facts(), "int") == [("activity.paid", "error: absent: activity.paid")]


@pytest.mark.parametrize(
    ("source", "expects", "parts"),
    [
        (
            "!(local.hour < 9)",
            "bool",
            [("local.hour < 9", False), ("local.hour", 10)],
        ),
        (
            "activity.amount_minor / 100 * 2",
            "int",
            [("activity.amount_minor / 100 * 2", 38), ("activity.amount_minor / 100", 19)],
        ),
        (
            "rate(activity.amount_minor, '0.05')",
            "int",
            [("rate(activity.amount_minor, '0.05')", 99), ("activity.amount_minor", 1999)],
        ),
        (
            "'a' in activity.tags",
            "bool",
            [("'a' in activity.tags", True), ("activity.tags", ["a", "b"])],
        ),
        (
            "activity.lines.exists(l, l.quantity > 1)",
            "bool",
            [("activity.lines.exists(l, l.quantity > 1)", True)],
        ),
        (
            "size(activity.lines) == 2",
            "bool",
            [("size(activity.lines) == 2", True), ("size(activity.lines)", 2)],
        ),
        (
            "local.at - history.last('purchase') < duration('72h')",
            "bool",
            [
                ("local.at - history.last('purchase') < duration('72h')", True),
                ("local.at - history.last('purchase')", "172800s"),
            ],
        ),
        (
            "local.at > timestamp('2026-01-01T00:00:00Z')",
            "bool",
            [
                ("local.at > timestamp('2026-01-01T00:00:00Z')", True),
                ("local.at", "2026-11-22T09:00:00+00:00"),
            ],
        ),
    ],
)
def test_an_expression_is_shown_with_its_operands(source: str, expects: str, parts: list[tuple[str, object]]) -> None:
    assert explained(source, expects=expects) == parts


def test_an_explanation_shows_no_whole_object() -> None:
    """An object may hold personal fields, which no rule can name."""
    facts = Facts(lines=[{"sku": "s1", "quantity": 1, "engraving": "For Ann"}])
    shown = explained("activity.lines.filter(l, l.quantity > 0).size() == 1 && 'x' in activity.labels", facts)
    assert "Ann" not in repr(shown)


# --- references ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("activity.amount_minor > 0", {("activity", "amount_minor")}),
        ("has(activity.shipping.country)", {("activity", "shipping.country")}),
        ("activity.labels['a'] == activity.labels.b", {("activity", "labels.a"), ("activity", "labels.b")}),
        (
            "activity.lines.exists(l, l.sku == 'a' && l.labels.c == 'b')",
            {("activity", "lines"), ("activity", "lines.sku"), ("activity", "lines.labels.c")},
        ),
        (
            "activity.lines.filter(l, true).exists(m, m.sku == 'a')",
            {("activity", "lines"), ("activity", "lines.sku")},
        ),
        ("line.sku == 'a'", {("line", "sku")}),
        ("member.attributes.region == 'EU'", {("attribute", "region")}),
        ("member.tiers['gold-club'].level == ''", {("tier", "gold-club")}),
        ("member.balances.points.held > 1", {("balance", "points")}),
        ("member.counters.spend.last_7d > 1", {("counter", "spend", "last_7d")}),
        (
            "history.sum('spend', 'P30D') > 1 || history.last('login') < local.at",
            {("history", "sum", "spend", "P30D"), ("history", "last", "login", "ever"), ("local", "at")},
        ),
        ("rate(activity.amount_minor, '0.5') > [1][0]", {("activity", "amount_minor")}),
        ("program.id == 'a' ? true : false", {("program", "id")}),
    ],
)
def test_references_are_what_an_expression_reads(source: str, reads: set[tuple[str, ...]]) -> None:
    assert references(ENVIRONMENT.check(source, "bool")) == reads


# --- the stored tree -------------------------------------------------------------------------------------


def test_the_stored_tree_is_pinned() -> None:
    """These bytes stand in published rulebooks for ever: they may be added to, not changed."""
    source = (
        "activity.amount_minor >= 100 && has(activity.note) && activity.labels['a'] in ['x'] && "
        "activity.lines.map(l, l.quantity > 0, l.sku).exists(s, s == member.tiers.status.level) && "
        "rate(member.balances.points.held, '0.5') - -1 < member.counters.spend.ever + "
        "history.count('login', 'P30D') && local.at > timestamp('2026-01-01T00:00:00Z') + duration('1h') && "
        "member.attributes.region == program.id"
    )
    tree = ENVIRONMENT.check(source, "bool")
    assert json.loads(json.dumps(tree)) == tree
    assert _parts(tree) == [
        ["call", 1, 1, ">=", [["field", 1, 1, "int", ["root", 1, 1, "activity"], "amount_minor"],
                              ["const", 1, 26, 100]]],
        ["has", 1, 33, ["root", 1, 37, "activity"], "note"],
        ["call", 1, 55, "in", [
            ["item", 1, 55, "string", ["field", 1, 55, "map string", ["root", 1, 55, "activity"], "labels"],
             ["const", 1, 71, "a"]],
            ["list", 1, 79, [["const", 1, 80, "x"]]]]],
        ["fold", 1, 88, "exists",
         ["fold", 1, 88, "map", ["field", 1, 88, "list object", ["root", 1, 88, "activity"], "lines"], "l",
          ["field", 1, 126, "string", ["name", 1, 126, "l"], "sku"],
          ["call", 1, 110, ">", [["field", 1, 110, "int", ["name", 1, 110, "l"], "quantity"],
                                 ["const", 1, 123, 0]]]],
         "s", ["call", 1, 143, "==", [["name", 1, 143, "s"], ["tier", 1, 148, "status"]]], None],
        ["call", 1, 178, "<", [
            ["call", 1, 178, "-", [["rate", 1, 178, ["balance", 1, 183, "points", "held"], "0.5"],
                                   ["const", 1, 221, -1]]],
            ["call", 1, 226, "+", [["counter", 1, 226, "spend", "ever"],
                                   ["history", 1, 255, "count", "login", "P30D"]]]]],
        ["call", 1, 289, ">", [["fact", 1, 289, "timestamp", "local", "at"],
                               ["call", 1, 300, "+ time", [["timestamp", 1, 300, "2026-01-01T00:00:00Z"],
                                                           ["duration", 1, 336, "1h"]]]]],
        ["call", 1, 354, "==", [["field", 1, 354, "string", ["root", 1, 354, "attributes"], "region"],
                                ["fact", 1, 382, "string", "program", "id"]]],
    ]  # fmt: skip


def _parts(tree: Any) -> list[Any]:
    if tree[0] == "call" and tree[3] == "&&":
        return [part for one in tree[4] for part in _parts(one)]
    return [tree]


def test_a_tree_of_another_kind_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="not a node"):
        compile_tree(["lambda", 1, 1, []])


def test_one_compiled_expression_serves_many_evaluations() -> None:
    run = compile_tree(ENVIRONMENT.check("activity.sizes.exists(s, s > 10)", "bool"))
    assert [run(Facts(sizes=[n])) for n in (9, 10, 11)] == [False, False, True]


def test_an_instant_keeps_its_microseconds() -> None:
    instant = datetime(2026, 11, 22, 9, tzinfo=UTC) + timedelta(microseconds=1)
    assert value("timestamp('2026-11-22T09:00:00.000001Z')", expects="timestamp") == instant
