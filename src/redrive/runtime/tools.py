"""Programs that the command line runs: a server of its own, and tools that install packages.

Like `process`, the only other user of subprocess, but for the other program: the server never
imports this. Nothing here decides what is run.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

WORDS_MAX = 2_000  # bytes of what a server said last: enough for its reason to have ended


def run_tool(command: Sequence[str], hear: Callable[[str], None]) -> int:
    """Run a command to its end, give each line that it writes to `hear`, return its exit code.

    What cannot be started is a line and the code 127, as in a shell. A tool that is interrupted
    with us (Ctrl-C reaches both) is waited for.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        hear(f"{command[0]} cannot be started: {error}")
        return 127
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            hear(line)
    return process.returncode


class ServerProcess:
    """A server that this program started and will stop. It has a session of its own, so that Ctrl-C
    in a terminal reaches us and not it."""

    def __init__(
        self,
        command: Sequence[str],
        noise: Path,
        environment: Mapping[str, str] | None = None,
        home: Path | None = None,
    ) -> None:
        """Start it; what it says goes to the file `noise`. Raises OSError.

        environment: its variables; home: the folder that it runs in; None for ours.
        """
        noise.parent.mkdir(parents=True, exist_ok=True)
        self._noise = noise
        with noise.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=home,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )
        self.pid = self._process.pid

    def ended_within(self, seconds: float) -> int | None:
        """Wait for its end, for some seconds at most; return its exit code, or None if it runs."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ask it to drain and to end (SIGTERM); the second time it ends at once."""
        self._process.terminate()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    @property
    def words(self) -> str:
        """The end of what it said."""
        try:
            return self._noise.read_bytes()[-WORDS_MAX:].decode("utf-8", "replace").strip()
        except OSError:
            return ""
