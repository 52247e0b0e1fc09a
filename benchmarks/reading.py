"""Reads of a member while others write: an open loop, so that a stall is counted for everybody it would have met."""

from benchmarks.bench import Bench, followed, say
from benchmarks.figures import Measured, quantile
from benchmarks.http import served

READS = 200
"""Reads a second."""
SECONDS = 4.0


def read_p99_ms(bench: Bench) -> Measured:
    """At half the writes that the same server took at its peak, just before."""
    with bench.database() as dsn, served(bench, dsn, processes=2) as server:
        peak = server.drive("peak", "single").rate
        values = []
        for number in range(bench.rounds):
            followed(dsn)
            writing = server.start(f"w{number}", "single", seconds=SECONDS, rate=peak / 2)
            reading = server.start(f"w{number}", "read", seconds=SECONDS, rate=READS)
            values.append(quantile(reading.result().latencies, 0.99) * 1_000)
            say(f"{values[-1]:.1f} ms at {writing.result().rate:,.0f} writes/s of {peak:,.0f}")
        return Measured(values=values)
