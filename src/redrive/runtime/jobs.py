"""One invocation on its way through the executor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redrive.core.effects import Ran, Run
from redrive.core.time import Millis


@dataclass(slots=True)
class Job:
    """since_ms: when its own time began, once it has. forks: environments that died unused."""

    run: Run
    done: Callable[[Ran], None]
    forks: int = 0
    init_failed: bool = False  # its init failed once; the next one counts as its own time
    since_ms: Millis | None = None
    is_answered: bool = False
