"""A headless Chromium, driven over its DevTools pipe: pages, scripts, and nothing installed."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS_MAX = 60.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-popup-blocking",
    "--remote-debugging-pipe",
)


def find() -> str | None:
    """Return the path of a Chromium: the variable CHROMIUM's, or one on the PATH."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One browser with one page. hosts are names that lead to this machine."""

    def __init__(self, program: str, folder: Path, hosts: Iterable[str]) -> None:
        rules = ",".join(f"MAP {host} 127.0.0.1" for host in hosts)
        read, self._out = os.pipe()
        self._in, write = os.pipe()
        # Chromium reads commands from descriptor 3 and answers on 4.
        script = f'exec "$0" "$@" 3<&{read} 4>&{write}'
        self._log = (folder / "chromium.log").open("wb")
        self._process = subprocess.Popen(
            [
                *("/bin/bash", "-c", script, program, *FLAGS),
                *(f"--host-resolver-rules={rules}", f"--user-data-dir={folder / 'profile'}"),
                "about:blank",
            ],
            pass_fds=(read, write),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        os.close(read)
        os.close(write)
        self._ids = count(1)
        self._buffer = b""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.ask("Page.enable", self._session)

    def ask(self, method: str, session: str | None = None, /, **params: Any) -> dict[str, Any]:
        """Do a DevTools command and return its result."""
        identity = next(self._ids)
        command: dict[str, Any] = {"id": identity, "method": method, "params": params}
        if session is not None:
            command["sessionId"] = session
        os.write(self._out, json.dumps(command).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == identity:
                assert "error" not in message, (method, message["error"])
                result: dict[str, Any] = message["result"]
                return result

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], SECONDS_MAX)
            assert ready, "the browser does not answer"
            piece = os.read(self._in, 65_536)
            assert piece, f"the browser has ended: {self._process.wait()}"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found

    def open(self, url: str) -> None:
        """Go to an address, as a link to it would."""
        went = self.ask("Page.navigate", self._session, url=url)
        assert "errorText" not in went, (url, went)
        self.run("new Promise(done => document.readyState == 'complete' ? done() : onload = done)")

    def run(self, expression: str) -> Any:
        """Return what a script's promise is kept with, in the page that is open."""
        ran = self.ask(
            "Runtime.evaluate",
            self._session,
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in ran, ran["exceptionDetails"]
        return ran["result"].get("value")

    def close(self) -> None:
        """End the browser and what it started."""
        os.close(self._out)  # Chromium ends when nobody can command it
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        os.close(self._in)
        self._log.close()
