"""What the kernel knows of processes: CPU time, memory, children. Linux only."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return user + system time of the processes so far. One that has ended counts as nothing.

    Read from the processes' CPU clocks: /proc/<pid>/stat counts in steps of 10 ms, which is a tenth
    of a short workload.
    """
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += time.clock_gettime(_cpu_clock(pid))
    return total


def _cpu_clock(pid: int) -> int:
    """Return what clock_getcpuclockid(3) returns on Linux, which Python does not offer."""
    return (~pid << 3) | 2


def rss_mb(pids: Iterable[int]) -> float:
    """Return the resident memory of the processes; pages that they share are counted for each."""
    kilobytes = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return kilobytes / 1024


def pss_mb(pids: Iterable[int]) -> float:
    """Return the resident memory of the processes; pages that they share are shared out."""
    kilobytes = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


def peak_mb(pids: Iterable[int]) -> float:
    """Return the most resident memory that each process had since `forget_peak`, added up."""
    kilobytes = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return kilobytes / 1024


def forget_peak(pids: Iterable[int]) -> None:
    """Let the kernel count the processes' highest resident memory anew (proc(5), clear_refs)."""
    for pid in pids:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        current = todo.pop()
        found.append(current)
        todo.extend(parents.get(current, ()))
    return found
