"""What a rulebook says in vain is pointed out: rules that never match, and rules that never apply."""

import copy
from typing import Any

import pytest

from domain.rules.check import check
from domain.rules.lint import unread
from domain.rules.rulebook import read

Json = Any

PURCHASE: Json = {
    "data": {
        "type": "object",
        "properties": {
            "amount_minor": {"type": "integer", "minimum": 0, "maximum": 1_000_00},
            "channel": {"type": "string", "enum": ["shop", "web"]},
            "store": {"type": "string"},
            "till": {"type": "string"},
            "cashier": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "trainee": {"type": "boolean"}},
                "required": ["name"],
            },
        },
        "required": ["amount_minor", "channel", "store"],
    }
}


def rule(rule_id: str, points: int = 10, **more: Any) -> Json:
    return {"id": rule_id, "on": "purchase", "award": {"currency": "points", "points": points}, **more}


def times(rule_id: str, by: str, **more: Any) -> Json:
    return {"id": rule_id, "on": "purchase", "phase": "multiply", "by": by, **more}


def found(*rules: Json, **more: Any) -> list[tuple[str, str, int | None, int | None]]:
    document = {
        "currencies": {"points": {}},
        "activities": {"purchase": copy.deepcopy(PURCHASE)},
        "rules": list(rules),
        "tiers": {"status": {"levels": [{"id": "silver", "at": 100}]}},
        **more,
    }
    checked = check(document)
    assert checked.ok
    return [(one.code, one.at, one.line, one.column) for one in checked.findings]


@pytest.mark.parametrize(
    ("when", "place"),
    [
        ("false", (1, 1)),
        ("1 > 2", (1, 1)),
        ("activity.amount_minor > 10 && false", (1, 31)),
        ("activity.amount_minor > 500 && activity.amount_minor < 400", (1, 32)),
        ("activity.amount_minor > 500 &&\n activity.amount_minor == 500", (2, 2)),
        ("activity.amount_minor > 100000", (1, 1)),
        ("activity.amount_minor < 0", (1, 1)),
        ("0 > activity.amount_minor", (1, 1)),
        ("activity.channel == 'phone'", (1, 1)),
        ("activity.store == 'a' && activity.store == 'b'", (1, 26)),
        ("activity.channel != 'web' && activity.channel != 'shop'", (1, 30)),
        ("member.counters.spend.ever > 9 && member.counters.spend.ever < 9", None),
        ("(activity.amount_minor < 0) || (activity.amount_minor > 100000)", (1, 2)),
    ],
)
def test_a_rule_that_never_matches(when: str, place: tuple[int, int] | None) -> None:
    if place is None:
        when = when.replace("member.counters.spend.ever", "history.count('purchase', 'ever')")
        (warning,) = found(rule("r", when=when))
        assert warning[:2] == ("never-matches", "/rules/0/when")
        return
    assert found(rule("r", when=when)) == [("never-matches", "/rules/0/when", *place)]


@pytest.mark.parametrize(
    "when",
    [
        "activity.amount_minor > 99999",
        "activity.amount_minor >= 0",
        "activity.channel == 'web' || activity.channel == 'phone'",
        "activity.store == 'a' || activity.store == 'b'",
        "activity.amount_minor > 5 && activity.amount_minor < 7",
        "!(activity.amount_minor < 0)",
        "activity.store != 'a' && activity.store != 'b'",
        "true",
    ],
)
def test_a_rule_that_may_match(when: str) -> None:
    assert found(rule("r", when=when)) == []


def test_a_rule_whose_dates_are_the_wrong_way_round() -> None:
    dated = rule("r", starts="2027-02-01T00:00:00Z", ends="2027-01-01T00:00:00Z")
    assert found(dated) == [("never-matches", "/rules/0/ends", None, None)]


def test_lines_that_no_order_has() -> None:
    of_lines = rule("r", lines={"where": "line.quantity > 5 && line.quantity < 5"})
    assert found(of_lines) == [("never-matches", "/rules/0/lines/where", 1, 22)]


SHADOWED = ("shadowed", "/rules/1", None, None)
FIRST_SHADOWED = ("shadowed", "/rules/0", None, None)


@pytest.mark.parametrize(
    ("first", "second", "groups", "expected"),
    [
        # A rule that always matches and stops.
        (rule("a", stop=True), rule("b"), {}, [SHADOWED]),
        (rule("a", stop=True, when="1 < 2"), times("b", "2"), {}, [SHADOWED]),
        (rule("a", stop=True, when="activity.amount_minor > 5"), rule("b"), {}, []),
        (rule("a", stop=True, priority=200), rule("b"), {}, []),
        (rule("a", stop=True, calendar={"rrule": "FREQ=WEEKLY;BYDAY=TU"}), rule("b"), {}, []),
        (rule("a", stop=True, ends="2027-01-01T00:00:00Z"), rule("b"), {}, []),
        (
            rule("a", stop=True, ends="2027-01-01T00:00:00Z"),
            rule("b", starts="2026-01-01T00:00:00Z", ends="2026-02-01T00:00:00Z"),
            {},
            [SHADOWED],
        ),
        # Its amount may have no value: then it does not match, and does not stop.
        (rule("a", stop=True) | {"award": {"currency": "points", "rate": "0.1"}}, rule("b"), {}, []),
        # Groups.
        (rule("a", group="g"), rule("b", group="g"), {"g": "first"}, [SHADOWED]),
        (rule("a", group="g", when="activity.amount_minor > 5"), rule("b", group="g"), {"g": "first"}, []),
        (rule("a", 10, group="g"), rule("b", 10, group="g"), {"g": "best"}, [SHADOWED]),
        (rule("a", 10, group="g"), rule("b", 11, group="g"), {"g": "best"}, [FIRST_SHADOWED]),
        (
            rule("a", 10, group="g", when="activity.amount_minor > 5"),
            rule("b", 11, group="g", when="activity.amount_minor > 5"),
            {"g": "best"},
            [],
        ),
        (times("a", "2", group="g"), times("b", "1.5", group="g"), {"g": "best"}, [SHADOWED]),
        (rule("a", group="g"), rule("b"), {"g": "exclusive"}, [SHADOWED]),
        (rule("a"), rule("b", group="g"), {"g": "exclusive"}, [FIRST_SHADOWED]),
        (rule("a", group="g"), rule("b", group="g"), {"g": "all"}, []),
    ],
)
def test_a_rule_that_never_applies(first: Json, second: Json, groups: Json, expected: list[Any]) -> None:
    assert found(first, second, groups=groups) == expected


def test_two_exclusive_groups_in_each_other_s_way() -> None:
    rules = [rule(name, group=name, when="activity.amount_minor > 5") for name in ("g", "h")]
    assert found(*rules, groups={"g": "exclusive", "h": "exclusive"}) == [
        ("overlapping-exclusives", "/groups/h", None, None)
    ]


@pytest.mark.parametrize(
    ("rules", "more", "expected"),
    [
        (
            [rule("r", when="activity.amount_minor / 0 > 5")],
            {},
            [("division-by-zero", "/rules/0/when", 1, 1)],
        ),
        (
            [rule("r") | {"award": {"currency": "points", "points": "activity.amount_minor % 0"}}],
            {},
            [("division-by-zero", "/rules/0/award/points", 1, 1)],
        ),
        (
            [rule("r", when="activity.amount_minor > 5 && member.tiers.status.level == 'gold'")],
            {},
            [("unknown-level", "/rules/0/when", 1, 30)],
        ),
        ([rule("r", when="member.tiers.status.level == ''")], {}, []),
        ([], {"budgets": {"b": {"uses": 5}}}, [("unused-budget", "/budgets/b", None, None)]),
    ],
)
def test_other_words_in_vain(rules: list[Json], more: Json, expected: list[Any]) -> None:
    assert found(*rules, **more) == expected


def test_measures_that_nothing_reads_are_listed_without_a_warning() -> None:
    document = {
        "currencies": {"points": {}},
        "activities": {"purchase": PURCHASE | {"measures": dict.fromkeys(("a", "b", "c", "d", "e"), "1")}},
        "rules": [
            rule("r", when="member.counters.a.ever > 3"),
            rule("s", when="history.sum('b', 'P30D') > 3"),
        ],
        "tiers": {"status": {"measure": "c", "levels": [{"id": "x", "at": 1}]}},
        "leaderboards": {"board": {"score": "d"}},
    }
    checked = check(document)
    assert checked.findings == ()
    assert unread(read(document), checked.trees) == ("/activities/purchase/measures/e",)


ATTRIBUTES: Json = {"type": "object", "properties": {"student": {"type": "boolean"}, "born": {"type": "string"}}}


@pytest.mark.parametrize(
    ("when", "place"),
    [
        ("activity.till == '1'", (1, 1)),
        ("activity.amount_minor > 0 && '1' == activity.till", (1, 37)),
        ("activity.till == '1' || !has(activity.till)", None),
        ("has(activity.till) && activity.till == '1'", None),
        ("activity.till == '1' && has(activity.till)", None),
        ("has(activity.till) || activity.till == '1'", (1, 23)),
        ("!has(activity.till) || activity.till == '1'", None),
        ("!(has(activity.till) && true) || activity.till == '1'", None),
        ("!(!has(activity.till) || activity.store == 'a') && activity.till == '1'", None),
        ("has(activity.till) ? activity.till == '1' : false", None),
        ("has(activity.till) ? true : activity.till == '1'", (1, 29)),
        ("!has(activity.till) ? true : activity.till == '1'", None),
        ("activity.cashier.name == 'Ann'", (1, 1)),
        ("has(activity.cashier) && activity.cashier.name == 'Ann'", None),
        ("has(activity.cashier) && activity.cashier.trainee", (1, 26)),
        ("has(activity.cashier.trainee) && activity.cashier.trainee", (1, 5)),
        ("has(activity.cashier) && has(activity.cashier.trainee) && activity.cashier.trainee", None),
        ("member.attributes.student", (1, 1)),
        ("has(member.attributes.student) && member.attributes.student", None),
        ("['1', '2'].exists(one, one == activity.till)", (1, 31)),
        ("has(activity.till) && ['1', '2'].exists(one, one == activity.till)", None),
    ],
)
def test_what_need_not_be_sent_is_asked_for_first(when: str, place: tuple[int, int] | None) -> None:
    expected = [("unasked", "/rules/0/when", *place)] if place is not None else []
    assert found(rule("r", when=when), members={"attributes": ATTRIBUTES}) == expected


def test_a_field_that_is_read_twice_is_told_of_once() -> None:
    twice = rule("r", when="activity.till == '1' || activity.till == '2'")
    assert found(twice) == [("unasked", "/rules/0/when", 1, 1)]


def test_segments_ask_for_attributes_too() -> None:
    segments = {
        "young": "member.attributes.born > '2000'",
        "old": "has(member.attributes.born) && member.attributes.born < '1960'",
    }
    assert found(members={"attributes": ATTRIBUTES}, segments=segments) == [("unasked", "/segments/young", 1, 1)]
