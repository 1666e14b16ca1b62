"""Programs that the command line runs, and the files that it watches."""

from __future__ import annotations

import sys
from pathlib import Path

from redrive.runtime.tools import ServerProcess, run_tool


def test_a_tool_is_heard() -> None:
    """Every line of both its outputs is given on, and its exit code is returned."""
    heard: list[str] = []
    code = "import sys; print('one', flush=True); print('two', file=sys.stderr); sys.exit(3)"
    assert run_tool([sys.executable, "-c", code], heard.append) == 3
    assert [line.strip() for line in heard] == ["one", "two"]


def test_a_tool_that_is_not_there() -> None:
    """A tool that cannot be started is a line and a shell's exit code."""
    heard: list[str] = []
    assert run_tool(["/nowhere/uv"], heard.append) == 127
    assert "/nowhere/uv cannot be started" in heard[0]


def test_a_server_is_asked_to_end(tmp_path: Path) -> None:
    """Its end is waited for, and what it said last can be read."""
    code = "import signal; print('up', flush=True); signal.sigwait([signal.SIGTERM])"
    code = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); {code}"
    server = ServerProcess([sys.executable, "-c", code], tmp_path / "deep" / "noise")
    assert server.ended_within(0) is None
    while server.words != "up":
        assert server.ended_within(0.01) is None
    server.stop()
    assert server.ended_within(60) == 0
