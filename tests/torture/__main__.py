"""`make torture SECONDS=... SEED=...`: evenings of kills for so long, and one line at the end."""

import random
import sys

from tests.torture.evening import evening, for_seconds


def main() -> int:
    seconds = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    _say(f"SEED={seed}")
    report = evening(seed, for_seconds(seconds))
    _say("killed: " + ", ".join(f"{what} {count}" for what, count in sorted(report.kills.items())))
    _say("answered: " + ", ".join(f"{status} {count:,}" for status, count in sorted(report.answered.items())))
    _say(f"requests cut off: {report.cut:,}")
    _say(str(report))
    return 0 if report.verdict.sound else 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
