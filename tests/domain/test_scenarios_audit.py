"""Worked cases M, on the domain: what was decided stays decided, and can be explained."""

from datetime import timedelta

import msgspec
import pytest

from domain.member.commands import RecordActivity
from domain.redecide import StreamHistory
from domain.rules.earning import traced
from domain.rules.limits import LimitedBy
from tests.build import Stream, World, enrol, folded, instant, points, purchase, refund, rulebook
from tests.spec import bought, earned, enrolled, given, lawful, published


def test_m1_a_changed_rule_does_not_rewrite_what_was_earned() -> None:
    outcome = (
        given(rulebook(points(100)), enrolled(), bought(1_00, "p1"), published(rulebook(points(200)), "2026-01-05"))
        .when(bought(1_00, "p2", "2026-01-06"))
        .then(earned(200))
        .balance(300)
    )
    first = outcome.stream.entries[1]
    assert first.pins.rulebook == 1
    assert folded(outcome.stream.entries).totals["earned:points"].ever == 300
    lawful(outcome.stream)


def test_m1_a_late_purchase_is_ruled_by_the_version_of_its_own_day() -> None:
    given(rulebook(points(100)), enrolled(), published(rulebook(points(200)), "2026-01-05")).when(
        bought(1_00, "late", "2026-01-04", learned="2026-02-01")
    ).then(earned(100))


def test_m10_an_award_names_its_rule_the_values_it_saw_the_cap_that_bit_and_its_lot() -> None:
    book = rulebook(
        points(100, when="activity.amount_minor >= 1000 && local.weekday == 5", cap=[{"points": 60, "period": "day"}])
    )
    stream = Stream(World(book))
    stream.do(enrol(), "2026-01-01")
    command = purchase(12_34, at="2026-01-02")
    decision, _ = stream.decided(command, "2026-01-02")
    evaluated = decision.evaluated
    assert evaluated is not None
    (trace,) = traced(evaluated.book, evaluated.kind, command.occurred_at, evaluated.earned, evaluated.reading)
    assert (trace.rule, trace.matched, trace.wanted, trace.granted) == ("base", True, 100, 60)
    assert trace.limited_by == LimitedBy(left=60, cap="base.0")
    assert {clause.text: clause.value for clause in trace.clauses} == {
        "activity.amount_minor >= 1000": True,
        "activity.amount_minor": 1234,
        "local.weekday == 5": True,
        "local.weekday": 5,
    }
    entry = stream.do(command, "2026-01-02")
    assert entry.pins.rulebooks == {1: evaluated.book.digest}
    assert [event.lot for event in entry.events if hasattr(event, "lot")] == ["2.1"]


def test_any_entry_of_a_long_stream_is_looked_back_at_in_any_order() -> None:
    stream = Stream(World(rulebook(points(10))))
    stream.do(enrol(), "2026-01-01")
    for number in range(70):
        at = instant("2026-01-02") + timedelta(hours=number)
        stream.do(purchase(1_00, f"p{number}", at), at)
        if number % 7 == 6:
            stream.do(refund(stream, f"p{number // 2}", 50, at, f"r{number}"), at)
    lawful(stream)
    so_far = stream.entries[:1]
    history = StreamHistory(so_far)
    for entry in stream.entries[1:]:
        with pytest.raises(LookupError):
            history.original(entry.version)
        so_far.append(entry)
    bought_in = [entry.version for entry in stream.entries[1:] if isinstance(entry.input, RecordActivity)]
    for version in (*bought_in, *reversed(bought_in), *bought_in[::9]):
        then = folded(stream.entries[: version - 1])
        assert msgspec.to_builtins(history.original(version).before) == msgspec.to_builtins(then)
