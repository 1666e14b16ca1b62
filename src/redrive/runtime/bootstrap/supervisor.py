"""One environment whose runtime is a program: a process just forked from the launcher that starts
it, starts its extensions, and tells how they end.

    from the server    {configuration} {"start": true} {"stop": ..., "spare": [...]}
    to the server      {"failed": why} {"ended": name, "status": n}; the name of the runtime is ""

Each message is JSON behind its length. The supervisor ends when nothing that it started runs any
more, or at once with the server; what is left then is killed by the launcher, or ends with the
namespace. Its programs get no descriptor of ours but the log.
"""

# ruff: noqa: BLE001 - pathlib costs start time; the boundary of a process.
# This file must run on Python 3.8.

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH = struct.Struct("!I")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
RUNTIME = ""


def run(
    sock: socket.socket,
    log_fd: int,
    parent_pid: int,
    prctl: Callable[[int, int], None],
    confine: Callable[[dict[str, Any], int], None],
    base_modules: frozenset[str],
    base_path: list[str],
) -> NoReturn:
    """Be a supervisor until the end. Called right after the fork; never returns."""
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        if os.getppid() != parent_pid:
            os._exit(1)
        os.dup2(log_fd, 1)
        os.dup2(log_fd, 2)
        os.close(log_fd)
        channel = Channel(sock)
        config = channel.receive()
        try:
            confine(config["sandbox"], 0)
        except Exception as error:
            channel.send({"failed": f"the sandbox cannot be made: {error}"})
            os._exit(1)
        Supervisor(channel, config, prctl).main()
    except BaseException:
        traceback.print_exc()
    os._exit(1)


class Channel:
    """The socket to the server, in whole messages."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def receive(self) -> dict[str, Any]:
        """Wait for a message; end the process when the server has gone."""
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        message: dict[str, Any] = json.loads(self._read(length))
        return message

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        text = json.dumps(message).encode()
        try:
            self.sock.sendall(LENGTH.pack(len(text)) + text)
        except OSError:
            os._exit(0)

    def _read(self, size: int) -> bytes:
        buffer = b""
        while len(buffer) < size:
            data = self.sock.recv(size - len(buffer))
            if not data:
                os._exit(0)
            buffer += data
        return buffer


class Supervisor:
    """State of the process."""

    def __init__(
        self, channel: Channel, config: dict[str, Any], prctl: Callable[[int, int], None]
    ) -> None:
        self._channel = channel
        self._config = config
        self._prctl = prctl
        self._running: dict[int, str] = {}  # pid -> name
        self._may_start = False
        self._stops_at = 0.0  # when the runtime is killed that was asked to end
        self._is_stopping = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def main(self) -> NoReturn:
        """Start, watch, stop."""
        signal.signal(signal.SIGCHLD, woken)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for program in self._config["extensions"]:
            self._start(os.path.basename(program), [program])  # noqa: PTH119
        if not self._config["extensions"]:
            self._start(RUNTIME, self._config["command"])
        server = self._channel.sock.fileno()
        while self._running or not (self._may_start or self._is_stopping):
            left = None
            if self._stops_at:
                left = max(0.0, self._stops_at - time.monotonic())
            ready, _, _ = select.select([server, self._wake_read], [], [], left)
            if self._stops_at and time.monotonic() >= self._stops_at:
                self._stops_at = 0.0
                self._kill(RUNTIME, signal.SIGKILL)
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
                self._reap()
            if server in ready:
                self._obey(self._channel.receive())
        os._exit(0)

    def _obey(self, message: dict[str, Any]) -> None:
        if "start" in message:
            self._start(RUNTIME, self._config["command"])
        elif "stop" in message:
            self._is_stopping = True
            for name in list(self._running.values()):
                if name not in message["spare"] and name != RUNTIME:
                    self._kill(name, signal.SIGKILL)
            if message["stop"]:  # so many seconds after the polite request
                self._stops_at = time.monotonic() + message["stop"]
                self._kill(RUNTIME, signal.SIGTERM)
            else:
                self._kill(RUNTIME, signal.SIGKILL)

    def _start(self, name: str, command: list[str]) -> None:
        """Start a program; tell at once when it cannot be."""
        self._may_start = self._may_start or name == RUNTIME
        read_fd, write_fd = os.pipe()
        pid = os.fork()
        if not pid:
            self._become(command, write_fd)
        os.close(write_fd)
        self._running[pid] = name
        words = os.read(read_fd, 1000)  # ends when the program has taken over
        os.close(read_fd)
        if words:
            self._channel.send({"failed": words.decode("utf-8", "replace")})

    def _become(self, command: list[str], write_fd: int) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.chdir(self._config["cwd"])
            os.execve(command[0], command, self._config["variables"])
        except OSError as error:
            os.write(write_fd, f"fork/exec {command[0]}: {error.strerror}".encode())
        except BaseException:
            traceback.print_exc()
        os._exit(127)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            name = self._running.pop(pid, None)
            if name is not None:
                code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                self._channel.send({"ended": name, "status": code})

    def _kill(self, name: str, number: int) -> None:
        for pid, each in self._running.items():
            if each == name:
                os.kill(pid, number)


def woken(number: int, frame: object) -> None:
    """Do nothing: that the signal came wakes select through its descriptor."""


if __name__ == "__main__":
    sys.exit("this file is loaded by parent.py")
