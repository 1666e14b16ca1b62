"""python -m redrive.sim [--events] --seeds 1000 --start 0 [--steps N]"""

from __future__ import annotations

import argparse
import sys

from redrive.sim.replay import EVENTS_STEPS_DEFAULT, STEPS_DEFAULT, Failure, play


def main(arguments: list[str] | None = None) -> int:
    """Play seeds; return 1 at the first that fails."""
    parser = argparse.ArgumentParser(prog="python -m redrive.sim", description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds (default 100)")
    parser.add_argument("--start", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--steps", type=int, help="steps of each seed")
    parser.add_argument("--hash", action="store_true", help="print each seed's trace hash")
    text = "rules, topics, schedules and pipes, with targets that fail"
    parser.add_argument("--events", action="store_true", help=text)
    given = parser.parse_args(arguments)
    steps = given.steps or (EVENTS_STEPS_DEFAULT if given.events else STEPS_DEFAULT)
    for seed in range(given.start, given.start + given.seeds):
        outcome = play(seed, steps, is_of_events=given.events)
        if isinstance(outcome, Failure):
            print(outcome.told(steps))  # noqa: T201 - a command's output is its product
            return 1
        if given.hash:
            print(f"{seed} {outcome}")  # noqa: T201
    print(f"{given.seeds} seeds from {given.start}: no invariant failed")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
