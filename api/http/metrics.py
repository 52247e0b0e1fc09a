"""What is counted for Prometheus. Labels are names that the code knows: never an id, never a key.

A server with one worker counts in memory. With several, `guerdon serve` names a directory in which they count
together, so that each of them answers for all.
"""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from application.ports import Unavailable
from infrastructure.inbox import Backed, PostgresInbox
from infrastructure.positions import Lag, PostgresPositions

CONTENT_TYPE = CONTENT_TYPE_LATEST
SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The library's variable for the directory in which processes count together; it is read when it is imported."""
PATIENCE = 1.0
"""Seconds that the database has to tell how far the followers are."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_SAVES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one process. It is what the engine calls a `Watch`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("guerdon_http_requests", "Requests answered.", "method", "route", "status")
        self._seconds = self._histogram(
            "guerdon_http_request_seconds", "Time to the first byte of the answer.", _SECONDS, "route"
        )
        self._problems = self._counter("guerdon_problems", "Problems answered, items of batches included.", "code")
        self._activities = self._counter(
            "guerdon_activities", "Activities by outcome: recorded, replayed, or the code of the problem.", "outcome"
        )
        self._save = self._histogram(
            "guerdon_log_save_seconds", "Time a save waited until it was committed or refused.", _SECONDS
        )
        self._batch = self._histogram("guerdon_log_batch_seconds", "Time of one transaction of the log.", _SECONDS)
        self._saves = self._histogram("guerdon_log_batch_saves", "Saves written in one transaction.", _SAVES)
        self._conflicts = self._counter(
            "guerdon_log_conflicts", "Saves that a check of the log turned away, by check.", "check"
        )
        self._caches = self._counter("guerdon_cache_lookups", "Look-ups in caches.", "cache", "result")
        self._known: dict[tuple[str, ...], Any] = {}

    # --- what a request is told about ---

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        self._child(self._requests, method, route, str(status)).inc()
        self._child(self._seconds, route).observe(seconds)

    def problem(self, code: str) -> None:
        self._child(self._problems, code).inc()

    def activity(self, outcome: str) -> None:
        self._child(self._activities, outcome).inc()

    # --- what the engine is watched for ---

    def saved(self, seconds: float) -> None:
        self._save.observe(seconds)

    def wrote(self, saves: int, seconds: float) -> None:
        self._saves.observe(saves)
        self._batch.observe(seconds)

    def conflicted(self, check: str) -> None:
        self._child(self._conflicts, check).inc()

    def looked_up(self, cache: str, *, hit: bool) -> None:
        self._child(self._caches, cache, "hit" if hit else "miss").inc()

    # --- what Prometheus reads ---

    async def page(self, positions: PostgresPositions, inbox: PostgresInbox) -> bytes:
        """Everything as Prometheus' text. Without a database there is nothing of the followers in it."""
        try:
            async with asyncio.timeout(PATIENCE):
                lags, backed = await positions.lags(), await inbox.backed()
        except (TimeoutError, Unavailable):
            lags, backed = [], None
        followers = CollectorRegistry(auto_describe=False)
        followers.register(_Followers(lags))
        followers.register(_Inbox(backed))
        return generate_latest(self._together()) + generate_latest(followers)

    def _together(self) -> CollectorRegistry:
        if SHARED not in os.environ:
            return self._registry
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return together

    # --- making them ---

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, meaning, labels, buckets=buckets, registry=self._registry)

    def _child(self, metric: Counter | Histogram, *labels: str) -> Any:
        """The series of these labels. The library's own look-up costs more than the counting."""
        key = (metric._name, *labels)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = metric.labels(*labels)
        return found


class _Inbox(Collector):
    """What waits to be recorded, as the database told just now."""

    def __init__(self, backed: Backed | None) -> None:
        self._backed = backed

    def collect(self) -> Iterator[Metric]:
        if self._backed is None:
            return
        for name, meaning, value in (
            (
                "guerdon_inbox_waiting",
                "Activities that wait to be recorded; about, beyond 10,000.",
                self._backed.waiting,
            ),
            ("guerdon_inbox_oldest_seconds", "How long the oldest of them has waited.", self._backed.oldest),
            (
                "guerdon_inbox_parked",
                "Activities that could not be recorded; counted up to 10,000.",
                self._backed.parked,
            ),
        ):
            yield GaugeMetricFamily(name, meaning, value=value)


class _Followers(Collector):
    """How far the followers are, as the database told just now."""

    def __init__(self, lags: list[Lag]) -> None:
        self._lags = lags

    def collect(self) -> Iterator[Metric]:
        for name, meaning, field in (
            (
                "guerdon_follower_behind_entries",
                "Entries that a follower has not taken; counted up to 100,000.",
                "behind",
            ),
            ("guerdon_follower_idle_seconds", "Time since a follower moved; long when nothing is written.", "idle"),
            ("guerdon_parked_entries", "Entries that a follower could not take.", "parked"),
        ):
            family = GaugeMetricFamily(name, meaning, labels=["follower"])
            for lag in self._lags:
                family.add_metric([lag.follower], getattr(lag, field))
            if self._lags:
                yield family
