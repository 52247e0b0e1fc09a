"""Nothing skipped, lost or doubled: whatever can die is killed under load, and everything is counted.

Read on in this order: `verdict.py` (what clients were told, held against the log), `clients.py` and `tail.py` (who is
told), `machines.py` (what can be killed), `evening.py` (a busy evening of kills, which is `make torture`);
`victims.py` and `points.py` (processes that die at a named point), `guards.py` and `steps.py` (the write path with a
guard off, and one statement at a time). All chance of an evening comes from one seed, which is printed.
"""
