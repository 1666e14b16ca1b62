"""`python -m tests.cron [ZONES]`: so many zones, from the first by name; without a number, all."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files

from .judge import EXPRESSIONS, Told, Wrong, judge_changes, judge_expressions


def zones() -> list[str]:
    """Return the names of the IANA database."""
    return sorted(set((files("tzdata") / "zones").read_text("utf-8").split()) - {"Factory"})


def main() -> int:
    """Judge; print the figures, or what is wrong, and stop there."""
    parser = argparse.ArgumentParser(prog="python -m tests.cron", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("--first", type=int, default=0, help="zones that are left out before")
    arguments = parser.parse_args()
    told = Told()
    judged = zones()[arguments.first : arguments.first + arguments.count]
    for zone in judged:
        try:
            told += judge_expressions(zone, EXPRESSIONS) + judge_changes(zone)
        except Wrong as wrong:
            print(wrong)
            return 1
    print(
        f"{len(judged)} zones x {len(EXPRESSIONS)} expressions x 20 years:"
        f" {told.alike:,} instants as cronsim has them, {told.left_out:,} that it makes up for"
        f" where a clock leaves them out; {told.changes:,} changes of clocks walked"
        f" in {told.minutes:,} minutes"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
