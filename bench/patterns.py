"""Events against the patterns of many rules at once, without a server around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from bench.servers import PACKAGES, ROOT

RULES = (1_000, 10_000)


def measure_patterns(rules: int) -> dict[str, Any]:
    """Run bench.matching on the Redrive that is measured. Raises RuntimeError."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.matching", str(rules)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(PACKAGES)},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"bench.matching ended with {done.returncode}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
