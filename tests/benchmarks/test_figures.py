"""From rounds to a line, and from a line to what is promised."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.curve import nice, svg
from benchmarks.figures import BY_KEY, FIGURES, Line, Measured, line_of, lines_of, quantile
from benchmarks.growth import below
from benchmarks.load import BATCH, content_length, wrong_in
from benchmarks.p16 import tps
from benchmarks.page import drawings, points_of, replaced, table
from benchmarks.table import append, latest, number, printed, read

MACHINE, COMMIT = "two cores", "abc"


def line(figure: str, *values: float, p16: tuple[float, ...] = (), commit: str = COMMIT) -> Line:
    return line_of(figure, "activities/s", Measured(values=list(values), p16=list(p16)), MACHINE, commit)


def test_a_line_has_medians_and_their_ratio() -> None:
    found = line("http_single", 3_000, 1_000, 2_000, p16=(10_000, 20_000, 4_000))
    assert (found.value, found.p16, found.ratio) == (2_000, 10_000, 0.2)
    assert (found.min, found.max, found.rounds) == (1_000, 3_000, 3)


def test_without_p16_there_is_no_ratio() -> None:
    assert (line("replay", 5).p16, line("replay", 5).ratio) == (None, None)


@pytest.mark.parametrize(
    ("figure", "measured", "met"),
    [
        ("http_single", 0.35, "goal"),
        ("http_single", 0.15, "floor"),
        ("http_single", 0.149, "missed"),
        ("read_p99_ms", 5, "goal"),
        ("read_p99_ms", 15, "floor"),
        ("read_p99_ms", 15.1, "missed"),
        ("load_generator", 1, ""),
    ],
)
def test_a_goal_or_a_floor_is_met_from_its_own_side(figure: str, measured: float, met: str) -> None:
    assert BY_KEY[figure].met(measured) == met


def test_every_goal_is_beyond_its_floor() -> None:
    for figure in FIGURES:
        if figure.goal is not None:
            assert figure.met(figure.goal) == "goal"
            assert figure.floor is not None
            assert figure.met(figure.floor) == "floor"


def test_a_quantile_is_one_of_the_values() -> None:
    hundred = [float(value) for value in range(100, 0, -1)]
    assert [quantile(hundred, share) for share in (0.5, 0.99, 1)] == [50, 99, 100]
    assert quantile([7], 0.99) == 7


def test_a_point_of_a_curve_has_a_line_of_its_own() -> None:
    measured = Measured(values=[1.1], curve={10: [2.0, 4.0], 100: [3.0]}, curve_unit="ms")
    found = lines_of(BY_KEY["growth_history"], measured, MACHINE, COMMIT)
    assert [(one.figure, one.value, one.unit) for one in found] == [
        ("growth_history", 1.1, "times"),
        ("growth_history@10", 3.0, "ms"),
        ("growth_history@100", 3.0, "ms"),
    ]


def test_lines_are_read_as_they_were_written_and_the_last_of_a_figure_counts(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    append([line("replay", 1), line("http_single", 1, p16=(2,))], file)
    append([line("replay", 3)], file)
    assert [(one.figure, one.value) for one in latest(read(file))] == [("http_single", 1), ("replay", 3)]


def test_the_printed_table_says_what_is_met() -> None:
    head, single, folds = printed([line("http_single", 2_000, p16=(10_000,)), line("replay", 350_000)]).splitlines()
    assert head.split() == ["figure", "unit", "min", "median", "max", "ratio", "goal", "floor"]
    assert single.split() == ["http_single", "activities/s", "2,000", "2,000", "2,000", "0.2", "0.35", "0.15", "floor"]
    assert folds.split()[-3:] == ["300,000", "120,000", "goal"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0, "0"), (1.3, "1.3"), (0.1449, "0.145"), (15, "15"), (120_000.4, "120,000")]
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text


# --- the page --------------------------------------------------------------------------------------


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    page = "before\n<!-- measured: table -->\nold\n<!-- end -->\nafter\n"
    assert replaced(page, "table", "new\n") == "before\n<!-- measured: table -->\nnew\n<!-- end -->\nafter\n"
    with pytest.raises(ValueError, match="curves"):
        replaced(page, "curves", "new\n")


def test_the_table_of_the_page_has_a_row_per_figure_and_names_what_is_missing() -> None:
    found = table([line("http_single", 2_000, p16=(10_000,))])
    head, rule, row = found.splitlines()[:3]
    assert {len(re.split(r"(?<!\\)\|", one)) for one in (head, rule, row)} == {len(head.split("|"))}
    assert "| http_single | `POST /v1/activities`, 64 connections |" in row
    assert row.endswith("| floor |")
    assert "`replay`" in found
    assert f"{MACHINE}; commit {COMMIT}" in found


def test_a_curve_has_the_points_of_the_last_run() -> None:
    lines = [
        line("growth_history@10", 9, commit="old"),
        line("growth_history@1000", 9, commit="old"),
        line("growth_history@10", 1),
        line("growth_history@100", 2),
    ]
    assert points_of("growth_history", lines) == [(10, 1), (100, 2)]
    assert list(drawings(lines)) == ["growth_history"]


def test_a_curve_is_drawn_from_zero_within_its_frame() -> None:
    drawn = ET.fromstring(svg("Cost, ms", "activities", [(10, 1.0), (100, 2.0), (10_000, 3.0)]))
    dots = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in drawn.iter() if dot.tag.endswith("circle")]
    width, height = map(float, drawn.get("viewBox", "").split()[2:])
    assert [x for x, _ in dots] == sorted(x for x, _ in dots)
    assert [y for _, y in dots] == sorted((y for _, y in dots), reverse=True)
    assert all(0 < x < width and 0 < y < height for x, y in dots)
    (one, _), (two, _), (three, _) = dots
    assert three - two == pytest.approx(2 * (two - one), abs=0.2)


@pytest.mark.parametrize(("step", "rounded"), [(0.3, 0.5), (1, 1), (1.01, 2), (4, 5), (700, 1_000)])
def test_the_steps_of_a_scale_are_round(step: float, rounded: float) -> None:
    assert nice(step) == pytest.approx(rounded)


# --- what is sent and what is read -----------------------------------------------------------------


def test_an_answer_ends_where_its_head_says() -> None:
    assert content_length(b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\nx: y") == 12
    with pytest.raises(AssertionError, match="without a length"):
        content_length(b"HTTP/1.1 201 Created\r\nx: y")


def test_what_is_not_a_success_is_wrong() -> None:
    good = b'{"status":201}'
    assert wrong_in(b"HTTP/1.1 201 Created\r\n\r\n{}") == ""
    assert "503" in wrong_in(b"HTTP/1.1 503 Unavailable\r\n\r\n{}")
    assert wrong_in(b'HTTP/1.1 200 OK\r\n\r\n{"items":[' + good * BATCH + b"]}") == ""
    assert "1 of a batch" in wrong_in(b'HTTP/1.1 200 OK\r\n\r\n{"items":[' + good * (BATCH - 1) + b"]}")


def test_the_figure_of_pgbench_is_found() -> None:
    assert tps("latency average = 1.2 ms\ntps = 12345.678901 (without initial connection time)\n") == 12_345.678901


def test_memory_is_that_of_a_process_and_its_descendants() -> None:
    assert below(1, [(1, 0, 10), (2, 1, 5), (3, 2, 2), (4, 0, 100)]) == 17
