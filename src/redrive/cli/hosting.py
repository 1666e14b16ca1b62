"""The server that `redrive up` uses: the one that holds the data directory, or a child of its own.

begin ──running already──> theirs ───────────────────────> left alone at the end
    └──nobody──> child started ──healthy──> ours ──stop──> drained, waited for
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from redrive.cli.client import ANSWER_S_MAX, Client, NoServer, Place, holder
from redrive.runtime.tools import ServerProcess

READY_LOOKS_MAX = 1_500
LOOK_S = 0.02
"""A server is healthy after 0.2 to 0.5 s; on a machine under load it may take many times that."""

LOG = "server.log"

_PROCESS = re.compile(r"process (\d+)")


class HostError(Exception):
    """No server could be had; the text says why."""


class Host:
    """One server, ours to stop or not."""

    def __init__(
        self,
        data: Path,
        port: int,
        place: Place,
        *,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        home: Path | None = None,
    ) -> None:
        """Find the server of a data directory, or start one; it need not be ready yet.

        options, environment and home, the folder that it runs in (ours when they are None), are for
        one that is started.
        """
        self._data = data
        self._place = place
        self._process: ServerProcess | None = None
        self.endpoint = _running(data, place)
        if self.endpoint is None:
            command = [sys.executable, "-m", "redrive", "serve", "--data", str(data)]
            command += ["--log-format", "text", "--port", str(port), *options]
            try:
                self._process = ServerProcess(command, data / LOG, environment, home)
            except OSError as error:
                raise HostError(f"the server cannot be started: {error}") from error

    @property
    def is_ours(self) -> bool:
        """Tell whether this program started the server."""
        return self._process is not None

    def connect(self) -> Client:
        """Wait until the server is healthy and return a client of it. Raises HostError."""
        if self._process is None:
            assert self.endpoint is not None
            return Client(self._place._replace(endpoint=self.endpoint))
        for _ in range(READY_LOOKS_MAX):
            code = self._process.ended_within(LOOK_S)
            if code is not None:
                raise HostError(f"the server did not start:\n{self._process.words}")
            client = self._reached(self._process.pid)
            if client is not None:
                self.endpoint = client.place.endpoint
                return client
        raise HostError(f"the server does not answer; what it said is in {self._data / LOG}")

    def _reached(self, pid: int) -> Client | None:
        """Return a client once our child has written down its address and answers there."""
        endpoint = holder(self._data)
        if endpoint is None or _holder_pid(self._data) != pid:
            return None
        client = Client(self._place._replace(endpoint=endpoint), ANSWER_S_MAX)
        try:
            client.health()
        except NoServer:
            client.close()
            return None
        return client

    def ended(self) -> str | None:
        """Return what a server of ours said last when it has ended by itself, else None."""
        if self._process is None or self._process.ended_within(LOOK_S) is None:
            return None
        return self._process.words

    @property
    def pid(self) -> int | None:
        """The process to stop when the server is left running."""
        return None if self._process is None else self._process.pid

    def stop(self, tell: Callable[[], None]) -> int | None:
        """Let our server drain and end; return its exit code. A second Ctrl-C ends it at once.

        `tell` is called when there is something to wait for.
        """
        process = self._process
        if process is None:
            return None
        code = process.ended_within(0)
        if code is not None:
            return code
        tell()
        process.stop()
        try:
            return process.ended_within(ANSWER_S_MAX)
        except KeyboardInterrupt:
            process.stop()
            return process.ended_within(ANSWER_S_MAX)


def _running(data: Path, place: Place) -> str | None:
    """Return the address of the server that holds a data directory now, or None."""
    endpoint = holder(data)
    if endpoint is None:
        return None
    client = Client(place._replace(endpoint=endpoint), answer_s=5.0)
    try:
        told = client.health()
    except NoServer:
        return None
    finally:
        client.close()
    return endpoint if told.get("data") == os.fspath(data.absolute()) else None


def _holder_pid(data: Path) -> int | None:
    try:
        found = _PROCESS.search((data / "lock").read_text("utf-8", "replace"))
    except OSError:
        return None
    return int(found.group(1)) if found else None
