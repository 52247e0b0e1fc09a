"""The arithmetic of the benchmarks, and what is written of them. How fast it is is no test."""
