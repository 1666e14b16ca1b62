"""`python -m tests.crash [KILLS] [--seed SEED]`: any number of kills, 50 a directory.

A seed fixes all that is drawn (requests, bodies, moments); how the clients' threads and the server
take turns is the machine's affair. So a seed that found a fault finds it again most of the time,
not always: the files that are kept show what it left behind.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from .campaign import run_campaign

KILLS_PER_FOLDER = 50


def main() -> int:
    """Run campaigns; print the seed of each, and keep the files of one that failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("kills", type=int, nargs="?", default=50)
    parser.add_argument("--seed", type=int, help="run this seed again")
    arguments = parser.parse_args()
    left = arguments.kills
    while left > 0:
        kills = min(left, KILLS_PER_FOLDER)
        seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
        folder = Path(tempfile.mkdtemp(prefix="redrive-crash-"))
        outcome = run_campaign(seed, folder, kills)
        print(outcome, flush=True)
        if outcome.violations:
            print(f"again: make crash N={kills} SEED={seed}; the server's files: {folder}")
            return 1
        shutil.rmtree(folder)
        left -= kills
    return 0


if __name__ == "__main__":
    sys.exit(main())
