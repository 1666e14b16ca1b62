"""The `redrive` command as a person types it, and the server that it leaves running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

GONE_SECONDS_MAX = 20.0
COMMAND_SECONDS_MAX = 180.0  # the first `up` installs the functions' requirements
REGION = "us-east-1"
ACCOUNT = "000000000000"
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


class Server:
    """One folder with a template, one port, one data directory; several lives of the server.

    output: where what `redrive up` says goes, a file descriptor.
    """

    def __init__(self, folder: Path, parameters: dict[str, str], output: int) -> None:
        self._folder, self._output = folder, output
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = str(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self._port}"
        self._parameters = [f"{name}={value}" for name, value in parameters.items()]
        self.pid: int | None = None

    def up(self, *, is_shown: bool) -> int:
        """`redrive up --detach`: start a server unless one runs, deploy; return its process id."""
        words = ["up", "--detach", "--port", self._port]
        words += [word for given in self._parameters for word in ("--parameter", given)]
        said = self._run(words, is_shown=is_shown)
        health = self._health()
        if health is None:
            raise DemoError(f"`redrive up` left no server{self._last_words()}\n{said}")
        self.pid = int(health["pid"])
        return self.pid

    def kill(self) -> None:
        """SIGKILL the server: nothing is flushed, nobody is told."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM it: it drains and ends."""
        self._end(signal.SIGTERM)

    def show(self, *words: str) -> None:
        """Run a `redrive` command that asks the server, for a person to read."""
        self._run([*words, "--endpoint", self.url], is_shown=True)

    def ask(self, *words: str) -> list[dict[str, Any]]:
        """Run one for its JSON: an object, or one a line for what comes in pieces."""
        said = self._run([*words, "--endpoint", self.url, "--json"], is_shown=False)
        decoder, found, at = json.JSONDecoder(), [], 0
        while at < len(said):
            value, at = decoder.raw_decode(said, at)
            found.append(value)
            at += len(said[at:]) - len(said[at:].lstrip())
        return found

    def _run(self, words: list[str], *, is_shown: bool) -> str:
        """Run a command; return what it printed unless that is shown. Raises DemoError."""
        process = subprocess.Popen(
            [sys.executable, "-m", "redrive", *words],
            cwd=self._folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._output if is_shown else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            said, complaint = process.communicate(timeout=COMMAND_SECONDS_MAX)
        except BaseException:  # Ctrl-C: an `up` that is told to end takes its server with it
            process.terminate()
            process.communicate(timeout=GONE_SECONDS_MAX)
            raise
        if process.returncode != 0:
            why = f"{said or ''}{complaint}".strip()
            raise DemoError(f"redrive {words[0]} ended with code {process.returncode}: {why}")
        return said or ""

    def client(self, service: str) -> Any:
        """Return a boto3 client that tries each request once and looks at no proxy."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="demo",
            config=Config(
                connect_timeout=2,
                read_timeout=15,
                proxies={},
                retries={"total_max_attempts": 1},
            ),
        )

    def _end(self, how: signal.Signals) -> None:
        pid, self.pid = self.pid, None
        if pid is None:
            return
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            return
        pause = threading.Event()
        for _ in range(int(GONE_SECONDS_MAX / 0.02)):
            if self._health() is None:
                return
            pause.wait(0.02)
        raise DemoError(f"the server, process {pid}, has not ended{self._last_words()}")

    def _health(self) -> dict[str, Any] | None:
        """Return what the server says of itself, None when nobody answers."""
        try:
            with NO_PROXY.open(f"{self.url}/_redrive/health", timeout=5) as answer:
                told: dict[str, Any] = json.load(answer)
                return told
        except (OSError, ValueError):
            return None

    def _last_words(self) -> str:
        log = self._folder / ".redrive" / "server.log"
        if not log.exists():
            return ""
        return f"; the server said:\n{log.read_text('utf-8', 'replace')[-3_000:]}"


def _environment() -> dict[str, str]:
    """Return the environment without the person's own settings for AWS and Redrive."""
    foreign = ("AWS_", "REDRIVE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": ACCOUNT}
