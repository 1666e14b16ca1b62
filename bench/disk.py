"""What one sync takes on this disk: what every other figure about durability stands on."""

from __future__ import annotations

import os
import tempfile
from array import array
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from bench.generator import quantiles
from bench.servers import SCRATCH

PAGE = os.urandom(4_096)


def measure_sync(*, count: int) -> dict[str, Any]:
    """Time write + fdatasync of 4 KiB in the directory of the servers' data.

    append: to the end of a growing file. overwrite: over what is allocated already, as a log that
    begins anew is written.
    """
    SCRATCH.mkdir(exist_ok=True)
    number, name = tempfile.mkstemp(prefix="sync-", dir=SCRATCH)
    try:
        return {kind: _times(number, count) for kind in ("append", "overwrite")}
    finally:
        os.close(number)
        Path(name).unlink()


def _times(number: int, count: int) -> dict[str, float]:
    os.lseek(number, 0, os.SEEK_SET)
    taken = array("q")
    for _ in range(count):
        began = perf_counter_ns()
        os.write(number, PAGE)
        os.fdatasync(number)
        taken.append(perf_counter_ns() - began)
    return quantiles(taken)
