"""An evening of kills, for so many seconds, from such a seed; one line at its end. The last part of `make torture`."""

import sys

from tests.torture.evening import evening, for_seconds


def main() -> int:
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
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
