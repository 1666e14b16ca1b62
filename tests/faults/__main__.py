"""`python -m tests.faults [STATES] [--seed SEED]`: loss of power in any number of states.

Worlds follow each other, each from a seed of its own, which is printed; a seed says everything, so
`--seed` with one that found something finds it again.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from itertools import count

from redrive.sim import world
from redrive.sim.evidence import Violation

from .inspector import Inspector
from .powerloss import Findings, lose_power


def main() -> int:
    """Lose power until so many distinct states have been looked at; return 1 at a violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("states", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, help="the first world's seed; the next is one more")
    arguments = parser.parse_args()
    first = secrets.randbits(32) if arguments.seed is None else arguments.seed
    seen, findings = 0, Findings()
    for seed in count(first):
        inspector = Inspector(world._STATEMENTS)  # one each: what was seen is kept in memory
        try:
            lose_power(seed, inspector, findings)
        except Violation as violation:
            print(f"{violation}\nagain: make powerloss N=1 SEED={seed}")
            return 1
        seen += inspector.seen
        print(f"seed {seed}: {inspector.seen:,} states, {seen:,} in all", flush=True)
        if seen >= arguments.states:
            break
    print(
        f"{seen:,} states of {findings.worlds} worlds, at {findings.moments:,} moments around"
        f" {findings.commits:,} commits: each holds what was acknowledged"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
