"""`python -m tests.patterns [PAIRS] [--seed SEED]`: so many pairs of a pattern and an event."""

from __future__ import annotations

import argparse
import secrets
import sys

from .judge import PAIRS, Wrong, judge_round


def main() -> int:
    """Judge; print the seed of what is wrong, and stop there."""
    parser = argparse.ArgumentParser(prog="python -m tests.patterns", description=__doc__)
    parser.add_argument("pairs", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, help="the first of consecutive seeds")
    arguments = parser.parse_args()
    first = secrets.randbits(32) if arguments.seed is None else arguments.seed
    pairs = matching = 0
    for seed in range(first, first + -(-arguments.pairs // PAIRS)):
        try:
            told = judge_round(seed)
        except Wrong as wrong:
            print(f"seed {seed}: {wrong}\nagain: python -m tests.patterns {PAIRS} --seed {seed}")
            return 1
        pairs += told.pairs
        matching += told.matching
    print(f"seeds {first} to {seed}: {pairs:,} pairs, {matching:,} of them match; all agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
