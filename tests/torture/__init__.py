"""Nothing skipped, lost or doubled: whatever can die is killed under load, and everything is counted.

Read on in this order: `verdict.py` (what clients were told, held against the log) and `tail.py` (a reader of the log);
`guards.py` and `steps.py` (the write path with a guard off, and one statement at a time).
"""
