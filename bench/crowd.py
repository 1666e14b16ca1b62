"""Many clients at once, some of them ill-behaved: one process that only counts what they hear.

    job (JSON on stdin) -> all connect -> each sends its requests -> counts by kind (JSON on stdout)

Unlike the generator it pipelines, leaves answers unread, and takes refusals and closed connections
for results and not for failures.
"""

from __future__ import annotations

import json
import re
import resource
import selectors
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

READ_BYTES = 262_144
SLOW_BYTES = 65_536
SLOW_PAUSE_S = 0.01
"""A slow reader takes this little, this often, once it begins at all."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_TYPE = re.compile(rb'"__type": ?"([^"]*)"')
HEAD_BYTES_MAX = 65_536


@dataclass(slots=True)
class Job:
    """What each of `clients` sends at once on its connection: `parts`, [request, how often] each.

    A part's request is text, latin-1. silent_s: for so long nothing is read; then slowly if
    is_slow. Whoever has no answer after `seconds` is counted as waiting. Connections stay open
    until all is over.
    """

    port: int
    clients: int
    parts: list[tuple[str, int]]
    seconds: float
    silent_s: float = 0.0
    is_slow: bool = False
    pids: list[int] = field(default_factory=list)


class Answers:
    """Splits a connection's bytes into answers; of the bodies only the first bytes are kept."""

    def __init__(self) -> None:
        self._buffer = b""
        self._kind = ""
        self._left = 0

    def feed(self, data: bytes) -> list[str]:
        """Take bytes; return the kinds of the answers that end in them.

        A kind is the status, and for a refusal the code that its body names: "503 …".
        """
        found: list[str] = []
        self._buffer += data
        while True:
            if not self._kind and not self._begin():
                return found
            taken = min(self._left, len(self._buffer))
            self._buffer = self._buffer[taken:]
            self._left -= taken
            if self._left:
                return found
            found.append(self._kind)
            self._kind = ""

    def _begin(self) -> bool:
        """Read a head, and of a refusal the body too; False when there is not enough yet."""
        at = self._buffer.find(b"\r\n\r\n")
        if at < 0:
            if len(self._buffer) > HEAD_BYTES_MAX:
                raise ValueError("an answer's head without an end")
            return False
        head = self._buffer[: at + 2]
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 ") or length is None:
            raise ValueError(f"not a plain answer: {head[:80]!r}")
        kind, count = head[9:12].decode(), int(length[1])
        if kind != "200":
            if len(self._buffer) < at + 4 + count:
                return False
            named = _TYPE.search(self._buffer, at + 4, at + 4 + count)
            kind += f" {named[1].decode().rpartition('#')[2]}" if named else ""
        self._buffer = self._buffer[at + 4 :]
        self._kind, self._left = kind, count
        return True


class Caller:
    """One connection: what is still to send, and what it has heard."""

    def __init__(self, port: int, pieces: list[memoryview]) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", port))
        self.pieces = pieces
        self.at = 0
        self.offset = 0
        self.answers = Answers()
        self.heard: list[str] = []
        self.heard_bytes = 0
        self.ended = ""

    @property
    def is_done(self) -> bool:
        """Tell whether there is nothing more to hear."""
        return bool(self.ended) or len(self.heard) >= len(self.pieces)

    def write(self) -> bool:
        """Send what the socket takes; return whether there is more."""
        try:
            while self.at < len(self.pieces):
                piece = self.pieces[self.at]
                self.offset += self.socket.send(piece[self.offset :])
                if self.offset < len(piece):
                    return True
                self.at, self.offset = self.at + 1, 0
        except BlockingIOError:
            return True
        except OSError:
            return False  # what the server said before it closed is still to be read
        return False

    def read(self, count: int) -> None:
        """Take up to `count` bytes of answers."""
        try:
            data = self.socket.recv(count)
        except BlockingIOError:
            return
        except ConnectionRefusedError:
            self.ended = "not let in"
            return
        except OSError:
            data = b""
        self.heard_bytes += len(data)
        if data:
            self.heard += self.answers.feed(data)
        else:
            self.ended = "closed"

    def kinds(self) -> Counter[str]:
        """Return what became of its requests, by kind."""
        found = Counter(self.heard)
        missing = len(self.pieces) - len(self.heard)
        if missing > 0:
            was_refused = self.heard and self.heard[-1] != "200"
            reason = self.ended or "waiting"
            found[f"after a {self.heard[-1][:3]}" if was_refused else reason] += missing
        return found


def run(job: Job) -> dict[str, Any]:
    """Let the crowd in and return its counts.

    clients: what became of each, by the worst that it heard; requests: the same of each request.
    """
    _raise_file_limit()
    pieces = [memoryview(text.encode("latin-1")) for text, count in job.parts for _ in range(count)]
    began = time.monotonic()
    with selectors.DefaultSelector() as selector:
        callers = [Caller(job.port, pieces) for _ in range(job.clients)]
        _serve(job, selector, callers, began)
        taken_s = time.monotonic() - began
    requests: Counter[str] = Counter()
    clients: Counter[str] = Counter()
    for caller in callers:
        kinds = caller.kinds()
        requests += kinds
        refused = [kind for kind in kinds if kind != "200" and not kind.startswith("after")]
        clients[refused[0] if refused else "200"] += 1
        caller.socket.close()
    return {
        "requests": dict(requests),
        "clients": dict(clients),
        "offered_mb": job.clients * sum(map(len, pieces)) / 1_048_576,
        "heard_mb": sum(caller.heard_bytes for caller in callers) / 1_048_576,
        "wall_s": taken_s,
    }


def describe(kinds: dict[str, int]) -> str:
    """Return counts by kind as a reader wants them, the most frequent first."""
    ordered = sorted(kinds.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{count:,} x {kind}" for kind, count in ordered)


def _serve(job: Job, selector: selectors.BaseSelector, callers: list[Caller], began: float) -> None:
    """Write and read until everybody has heard everything, or the time is over."""
    for caller in callers:
        events = selectors.EVENT_WRITE | (0 if job.silent_s else selectors.EVENT_READ)
        selector.register(caller.socket, events, caller)
    waiting = len(callers)
    is_silent = job.silent_s > 0
    read_bytes = SLOW_BYTES if job.is_slow else READ_BYTES
    while waiting and time.monotonic() - began < job.seconds:
        if is_silent and time.monotonic() - began >= job.silent_s:
            is_silent = False
            for caller in callers:
                _listen(selector, caller)
        for key, mask in selector.select(0.05):
            caller = key.data
            if mask & selectors.EVENT_WRITE and not caller.write():
                if is_silent:
                    selector.unregister(caller.socket)
                else:
                    selector.modify(caller.socket, selectors.EVENT_READ, caller)
            if mask & selectors.EVENT_READ:
                caller.read(read_bytes)
                if caller.is_done:
                    selector.unregister(caller.socket)
                    waiting -= 1
        if job.is_slow and not is_silent:
            time.sleep(SLOW_PAUSE_S)


def _listen(selector: selectors.BaseSelector, caller: Caller) -> None:
    if caller.socket in selector.get_map():
        events = selector.get_key(caller.socket).events | selectors.EVENT_READ
        selector.modify(caller.socket, events, caller)
    else:
        selector.register(caller.socket, selectors.EVENT_READ, caller)


def _raise_file_limit() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    """Run the job on standard input."""
    json.dump(run(Job(**json.load(sys.stdin))), sys.stdout)


if __name__ == "__main__":
    main()
