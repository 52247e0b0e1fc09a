"""What is promised: each figure, how it is counted, its goal and its floor."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """A figure by its key. `judged` is what goal and floor are held against: the ratio to P16, or the value itself."""

    key: str
    what: str
    unit: str
    judged: Literal["ratio", "value"]
    goal: float | None
    floor: float | None
    lower_is_better: bool = False
    only_full: bool = False
    needs_node: bool = False

    def met(self, measured: float) -> str:
        """`goal`, `floor`, or `missed`; empty where nothing is promised."""
        if self.goal is None or self.floor is None:
            return ""
        for name, bound in (("goal", self.goal), ("floor", self.floor)):
            if (measured <= bound) if self.lower_is_better else (measured >= bound):
                return name
        return "missed"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What the rounds of one figure gave. `p16` are the rounds of P16 in between, where it is a ratio to that.

    `curve` holds the rounds behind it, by how much there was of what grows.
    """

    values: list[float]
    p16: list[float] = []
    curve: dict[int, list[float]] = {}
    curve_unit: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line of results.jsonl: `value` is the median, `ratio` that to the median of P16."""

    figure: str
    value: float
    unit: str
    p16: float | None
    ratio: float | None
    min: float
    max: float
    rounds: int
    machine: str
    commit: str


def line_of(figure: str, unit: str, measured: Measured, machine: str, commit: str) -> Line:
    value = statistics.median(measured.values)
    p16 = statistics.median(measured.p16) if measured.p16 else None
    return Line(
        figure=figure,
        value=_rounded(value),
        unit=unit,
        p16=_rounded(p16) if p16 is not None else None,
        ratio=round(value / p16, 3) if p16 is not None else None,
        min=_rounded(min(measured.values)),
        max=_rounded(max(measured.values)),
        rounds=len(measured.values),
        machine=machine,
        commit=commit,
    )


def lines_of(figure: Figure, measured: Measured, machine: str, commit: str) -> list[Line]:
    """The figure's own line, and one for each point of its curve, named `figure@amount`."""
    points = {f"{figure.key}@{amount}": Measured(values=values) for amount, values in measured.curve.items()}
    return [
        line_of(figure.key, figure.unit, measured, machine, commit),
        *(line_of(name, measured.curve_unit, point, machine, commit) for name, point in points.items()),
    ]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _rounded(value: float) -> float:
    """Four digits or so: more would be noise."""
    return round(value) if abs(value) >= 1_000 else round(value, 3)


_RATE = "activities/s"
FIGURES = (
    Figure("commands_inproc", "activities in process, 256 in flight", _RATE, "ratio", 1.0, 0.35),
    Figure("http_single", "`POST /v1/activities`, 64 connections", _RATE, "ratio", 0.35, 0.15),
    Figure("http_batch", "1,000 activities a request", _RATE, "ratio", 0.8, 0.35),
    Figure("sequential_p50_ms", "one client over HTTP, median", "ms", "value", 1.5, 2.5, lower_is_better=True),
    Figure("hot_stream", "64 connections on one member", _RATE, "ratio", 0.40, 0.25),
    Figure("claims", "claims of one reward in process, 256 in flight", "claims/s", "value", 1_000, 500),
    Figure("returns", "whole returns in process, 256 in flight", "returns/s", "value", 1_000, 400),
    Figure("read_p99_ms", "member read under half of peak writes", "ms", "value", 5, 15, lower_is_better=True),
    Figure(
        "own_rank_p99_ms", "own rank among a million, while 1,000 scores a second change", "ms", "value", 10, 25,
        lower_is_better=True,
    ),
    Figure("projection_catchup", "into balances, movements and awards", _RATE, "value", 40_000, 20_000),
    Figure("replay", "folded from the log, two processes", _RATE, "value", 300_000, 120_000),
    Figure("redecide", "decided again from the log, two processes", _RATE, "value", 60_000, 20_000),
    Figure("what_if", "history under another rulebook, two processes", _RATE, "value", 50_000, 20_000),
    Figure("correction", "corrected: tried by two processes, approved, applied", _RATE, "value", 10_000, 3_334),
    Figure(
        "rules_100", "a decision under 100 rules, of which 20 apply, to one under the 20", "times", "value", 1.3, 1.5,
        lower_is_better=True,
    ),
    Figure(
        "segment_count", "counting a segment of a million members", "s", "value", 0.5, 2, lower_is_better=True,
    ),
    Figure(
        "growth_history", "an earn after 10,000 activities to one after 10", "times", "value", 1.2, 1.5,
        lower_is_better=True,
    ),
    Figure("growth_log", "throughput on 10 million activities to empty", "times", "value", 0.8, 0.6, only_full=True),
    Figure(
        "memory_growth", "server memory, 10 times the activities", "times", "value", 1.1, 1.3,
        lower_is_better=True,
    ),
    Figure("tree_follower", "writing while the tree of the log grows, to writing alone", "times", "value", 0.98, 0.95),
    Figure("inbox_take", "taken to be recorded later, 1,000 at a time", _RATE, "value", 10_000, 3_000),
    Figure("inbox_drain", "recorded out of the inbox, one process", _RATE, "ratio", 0.5, 0.15),
    Figure(
        "inbox_read_p99_ms", "member read while a backlog is recorded", "ms", "value", 10, 50, lower_is_better=True,
    ),
    Figure("broker_events", "events to NATS JetStream, each synced", "events/s", "value", 1_000, 300),
    Figure("two_workers", "two workers to one, 64 connections", "times", "value", 1.3, 1.0),
    Figure("vs_eventsourcing", "saves, 64 in flight, to the library's own", "times", "value", 10, 5),
    Figure("vs_emmett", "the same, to Emmett on Node", "times", "value", 5, 3, needs_node=True),
    Figure("vs_message_db", "the same, to Message DB on Node", "times", "value", 5, 3, needs_node=True),
    Figure("load_generator", "the clients alone, nothing served", "requests/s", "value", None, None),
)  # fmt: skip
BY_KEY = {figure.key: figure for figure in FIGURES}
