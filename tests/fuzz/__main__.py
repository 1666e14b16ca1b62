"""`python -m tests.fuzz [REQUESTS] [--protocol P] [--seed SEED]`: so many requests of each
protocol, a chunk of them for each seed.
"""

from __future__ import annotations

import argparse
import resource
import secrets
import sys
import tempfile
from collections import Counter
from pathlib import Path

from .mutations import Fuzz
from .speech import PROTOCOLS
from .target import Found, LiveTarget, Target

CHUNK = 5_000
LIVE_SHARE = 50
"""One request in so many goes to a real process through a real socket as well."""

GROWTH_KB_MAX = 100_000
"""What all chunks after the first may add to this process's memory."""

MEMORY = Path("/dev/shm")


def main() -> int:
    """Shoot; print each seed, and stop at the first harm."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("requests", type=int, nargs="?", default=100_000)
    parser.add_argument("--protocol", choices=PROTOCOLS, help="only this one")
    parser.add_argument("--seed", type=int, help="run this seed again")
    arguments = parser.parse_args()
    chosen = PROTOCOLS if arguments.protocol is None else (arguments.protocol,)
    return max(shoot_all(name, arguments.requests, arguments.seed) for name in chosen)


def shoot_all(protocol: str, requests: int, given: int | None) -> int:
    """Shoot all requests of a protocol; return the exit code."""
    left, first_kb = requests, 0
    while left > 0:
        count = min(left, CHUNK)
        seed = secrets.randbits(32) if given is None else given
        try:
            statuses = shoot(seed, count, protocol)
        except Found as found:
            again = f"python -m tests.fuzz {count} --protocol {protocol} --seed {seed}"
            print(f"{protocol}, seed {seed}: {found}\nagain: {again}")
            return 1
        used_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        first_kb = first_kb or used_kb
        told = dict(sorted(statuses.items()))
        print(f"{protocol}, seed {seed}: {count} requests, {told}", flush=True)
        if used_kb - first_kb > GROWTH_KB_MAX:
            print(f"memory grew from {first_kb} to {used_kb} KB")
            return 1
        left -= count
    return 0


def shoot(seed: int, count: int, protocol: str = "json") -> Counter[int]:
    """Shoot `count` requests of a seed at the parts, and a share at a process. Raises Found."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        target = Target(Fuzz(seed, protocol), Path(folder))
        for _ in range(count):
            target.shoot()
        target.finish()
    if count >= LIVE_SHARE:
        with tempfile.TemporaryDirectory() as folder:
            live = LiveTarget(Fuzz(seed, protocol), Path(folder))
            try:
                for _ in range(count // LIVE_SHARE):
                    live.shoot()
                live.finish()
            finally:
                live.close()
    return Counter(target.statuses)


if __name__ == "__main__":
    sys.exit(main())
