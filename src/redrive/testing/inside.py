"""A whole server in a thread of this program, with an event loop of its own.

It leaves the program's signals, logging and collector alone. Function processes are children of
this program and end with the server. What a process of its own could do and this cannot: be killed
in the middle of something, as `kill -9` does it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from redrive.app import serve
from redrive.config import Config

END_S_MAX = 30.0
"""More than the end of all processes takes; a server that takes longer is a bug of ours."""


class Inside:
    """One server, from its first request to its end."""

    def __init__(self, config: Config) -> None:
        """Start it and wait until it listens. Raises what `serve` raises."""
        began: Future[tuple[str, Callable[[], None]]] = Future()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="redrive")
        self._ended = self._thread.submit(
            serve, config, lambda url, stop: began.set_result((url, stop))
        )
        self._thread.shutdown(wait=False)  # it takes no other work
        either: list[Future[Any]] = [began, self._ended]
        has_waited = False
        try:
            wait(either, return_when=FIRST_COMPLETED)
            has_waited = True
        finally:
            if not has_waited:  # Ctrl-C meanwhile: a thread that goes on would keep the program
                began.add_done_callback(lambda told: told.result()[1]())
                wait([self._ended], END_S_MAX)
        if not began.done():
            code = self._ended.result()
            raise AssertionError(f"the server ended with {code} before it listened")
        self.url, self._stop = began.result()

    def stop(self) -> None:
        """End it with all of its processes. Raises what has ended it before."""
        if not self._ended.done():
            self._stop()
        code = self._ended.result(END_S_MAX)
        assert code in (0, 1), f"the server ended with {code}: its store had failed"
