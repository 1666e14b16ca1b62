"""Processes: start a parent, pass descriptors, kill, reap, look at memory. Mechanics without a
rule.

The only file of Redrive that starts, signals or waits for a process.

A child's process number may be given to another process once its parent has reaped it, so the
server holds a descriptor of the process itself (pidfd) where the system has them, and kills through
that. The group is killed by the warm parent, just before it reaps the leader, while the number
cannot be reused.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_HAS_PIDFD = hasattr(os, "pidfd_open")
REAP_SECONDS_MAX = 5.0
ISOLATED = ("-I", "-S", "-X", "utf8")
"""Options of Python: without variables, site-packages and the folder that it is started in."""


def pipe_pair() -> tuple[int, int]:
    """Return the ends of a pipe, reading end first; reading never blocks."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    return read_fd, write_fd


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return our end, which never blocks, and the other's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setblocking(False)
    return ours, theirs


def send_with_fds(sock: socket.socket, data: bytes, fds: Sequence[int]) -> bool:
    """Send a short message with descriptors at once; False without room or a listener."""
    try:
        return socket.send_fds(sock, [data], fds) == len(data)
    except OSError:
        return False


class ParentProcess:
    """A warm parent that this process has started."""

    def __init__(
        self, program: str, script: Path, role: str, variables: Mapping[str, str], noise: Path
    ) -> None:
        """Start it in a session of its own, so that Ctrl-C in a terminal reaches only the server.

        Without the interpreter's site-packages: Lambda's holds none but its runtime's, and where
        Redrive was installed beside the interpreter they would be ours. role: see parent.py.

        What it prints goes to the file `noise`. Raises OSError when it cannot be started.
        """
        self._noise = noise
        self.words = ""  # the end of what it printed, once it is reaped
        self.control, theirs = socket_pair()
        command = [program, *ISOLATED, str(script), str(theirs.fileno()), role]
        try:
            with noise.open("wb") as output:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(variables),
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        except OSError:
            self.control.close()
            raise
        finally:
            theirs.close()
        self.pid = self._process.pid

    def kill(self) -> None:
        """Kill it; its environments die with it."""
        if self._process.poll() is None:
            self._process.kill()

    def reap(self, seconds: float = REAP_SECONDS_MAX) -> bool:
        """Wait until it has ended; False when it has not."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        try:
            self.words = self._noise.read_bytes()[-2000:].decode("utf-8", "replace").strip()
            self._noise.unlink()
        except FileNotFoundError:  # reaped before, or the folder is gone
            return True
        return True


class ChildProcess:
    """An environment's process: a child of a warm parent, not of this process."""

    def __init__(self, pid: int, own_levels: int = 0) -> None:
        """own_levels: see `environment.Fitting`."""
        self.pid = pid
        self._own_levels = own_levels
        self._pidfd = -1
        if _HAS_PIDFD:
            try:
                self._pidfd = os.pidfd_open(pid)
            except OSError:  # it is gone already, and nothing must be signalled under its number
                self._pidfd = -2

    def kill(self) -> None:
        """Kill the process; its parent sees to its group and to what it leaves behind."""
        try:
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            elif self._pidfd == -1:
                os.kill(self.pid, signal.SIGKILL)
        except OSError:
            return

    def kill_group(self) -> None:
        """Kill its whole group: for when its parent is gone and cannot."""
        try:
            if self._pidfd != -2:
                os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            return

    def close(self) -> None:
        """Forget the process."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self._pidfd = -2

    def resident_kb(self) -> int:
        """Return the resident memory of this process alone."""
        return _resident_kb(self.pid)

    def memory_kb(self, doubt_kb: int, *, is_peak: bool = False) -> int:
        """Return the resident memory of the process and its descendants now; 0 if it cannot be
        seen.

        What processes share is counted once for each, which is cheap; where that exceeds doubt_kb
        the kernel is asked for proportional sizes, which is exact. is_peak: the most that each of
        them ever had.
        """
        pids = _family(self.pid, 4, self._own_levels)
        total = sum(_peak_kb(pid) if is_peak else _resident_kb(pid) for pid in pids)
        if len(pids) > 1 and total > doubt_kb:
            total = sum(_proportional_kb(pid) for pid in pids)
        return total


def _family(pid: int, depth: int, skipped: int) -> list[int]:
    """Return a process and its descendants, down to some depth, without so many levels on top."""
    found = [] if skipped else [pid]
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_bytes().split()
    except OSError:
        return found
    for child in children if depth else ():
        found += _family(int(child), depth - 1, max(0, skipped - 1))
    return found


def _resident_kb(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE_BYTES // 1024
    except (OSError, IndexError):
        return 0


def _peak_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_bytes().split(b"\n")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(b"VmHWM:"))


def _proportional_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_bytes().split(b"\n")
    except OSError:
        return _resident_kb(pid)
    return sum(int(line.split()[1]) for line in lines if line.startswith(b"Pss:"))


class Question:
    """A program that is asked something, and answers with what it prints."""

    def __init__(self, command: Sequence[str]) -> None:
        """Ask, and do not wait. What cannot be started answers nothing."""
        self._process: subprocess.Popen[bytes] | None = None
        self._answer = b""
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return

    def answer(self) -> bytes:
        """Wait for the answer, for some seconds at most; nothing when there is none."""
        if self._process is not None:
            try:
                self._answer, _ = self._process.communicate(timeout=REAP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()
            self._process = None
        return self._answer

    def close(self) -> None:
        """Do without the answer."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def ask_version(program: str) -> str:
    """Return what a program prints when it is asked for its version."""
    return Question([program, "--version"]).answer().decode("utf-8", "replace").strip()


class Removals:
    """Folders that are being removed beside the loop, however much is in them."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def remove(self, folder: Path) -> None:
        """Begin to remove a folder; what cannot be removed stays."""
        self._running = [each for each in self._running if each.poll() is None]
        try:
            folder.rmdir()  # most are empty
        except FileNotFoundError:
            return
        except OSError:
            self._running.append(
                subprocess.Popen(
                    ["rm", "-rf", "--", str(folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )

    def close(self) -> None:
        """Wait for the end of what was begun, but not for ever."""
        for each in self._running:
            try:
                each.wait(REAP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
        self._running.clear()
