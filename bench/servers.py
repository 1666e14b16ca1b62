"""The servers that are compared: started on free ports, ready when they say so, stopped for good.

Redrive gets a fresh data directory under `.bench/` in the working tree: the disk that a user's data
would be on. A tmpfs would make every sync free.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.processes import family
from bench.requests import CREDENTIAL, SQS_JSON

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / ".bench"
READY_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A server process and its port. Subclasses say how it starts and when it is ready."""

    name = ""
    health = "/"

    def __init__(self) -> None:
        SCRATCH.mkdir(exist_ok=True)
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=SCRATCH))
        self.healthy_ms = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return what to execute."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return the variables that the server gets besides ours."""
        return {}

    def start(self) -> None:
        """Start the process and wait until it is healthy; `healthy_ms` is how long that took."""
        began = time.perf_counter()
        log = (self.folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            self.command(),
            cwd=ROOT,
            env={
                **{k: v for k, v in os.environ.items() if k not in UNLIKE_USERS},
                "PYTHONPATH": str(ROOT / "src"),
                **self.environment(),
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        while not self._is_healthy():
            if self._process.poll() is not None or time.perf_counter() - began > READY_SECONDS_MAX:
                tail = (self.folder / "server.log").read_text(errors="replace")[-2_000:]
                self.stop()
                raise RuntimeError(f"{self.name} did not become healthy:\n{tail}")
            time.sleep(0.002)
        self.healthy_ms = (time.perf_counter() - began) * 1_000

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self.health)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    @property
    def pid(self) -> int:
        """The main process."""
        assert self._process is not None
        return self._process.pid

    def pids(self) -> list[int]:
        """Return the main process and all its descendants."""
        return family(self.pid)

    def stop(self) -> None:
        """End the process and what it started, and remove its files."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


class Redrive(Server):
    """The server under test, from the source tree beside this package."""

    name = "redrive"
    health = "/_redrive/health"

    def command(self) -> list[str]:
        """Return `redrive serve` on a fresh data directory."""
        serve = [sys.executable, "-m", "redrive", "serve", "--host", "127.0.0.1"]
        return [*serve, "--port", str(self.port), "--data", str(self.folder / "data")]


class Bare(Server):
    """The floor (see bench/bare.py)."""

    name = "bare"

    def command(self) -> list[str]:
        """Return the bare server's command."""
        return [sys.executable, "-m", "bench.bare", str(self.port)]


class Ministack(Server):
    """A peer: a pure Python emulator that keeps everything in memory.

    It lives in an environment of its own, `.venv-bench`: its dependencies are its own affair.
    """

    name = "ministack"
    health = "/_ministack/health"

    def command(self) -> list[str]:
        """Return ministack's command."""
        program = ROOT / ".venv-bench" / "bin" / "ministack"
        if not program.exists():
            raise RuntimeError(
                "no peer: run `python3 -m venv .venv-bench && "
                ".venv-bench/bin/pip install ministack==1.5.33` first"
            )
        return [str(program)]

    def environment(self) -> dict[str, str]:
        """Keep it on the loopback, quiet, and its files in its folder."""
        return {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "LOG_LEVEL": "WARNING",
            "TMPDIR": str(self.folder),
            "PYTHONPATH": "",
        }


PEERS: dict[str, type[Server]] = {"ministack": Ministack}


UNLIKE_USERS = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
"""Variables of a build machine that make a server start slower than it does for a person."""


class Client:
    """A plain client for what is not measured: creating things and asking for them."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def sqs(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call an SQS operation. Raises RuntimeError unless the answer is 200."""
        return self._call(
            "POST",
            "/",
            params,
            {"X-Amz-Target": f"AmazonSQS.{operation}", "Content-Type": SQS_JSON},
            "sqs",
        )

    def lambda_(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """Call a Lambda operation by its path. Raises RuntimeError unless the answer is 2xx."""
        return self._call(method, path, params, {"Content-Type": "application/json"}, "lambda")

    def _call(
        self, method: str, path: str, params: Any, headers: dict[str, str], service: str
    ) -> dict[str, Any]:
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={CREDENTIAL.format(service=service)}, "
            f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
        )
        headers["X-Amz-Date"] = "20261121T090000Z"
        try:
            response, body = self._exchange(method, path, json.dumps(params), headers)
        except (ConnectionError, http.client.HTTPException):
            # The server closed a connection that had rested for long.
            self._connection.close()
            response, body = self._exchange(method, path, json.dumps(params), headers)
        if not 200 <= response.status < 300:
            target = headers.get("X-Amz-Target", "")
            raise RuntimeError(f"{method} {path} {target}: {response.status} {body[:500]!r}")
        return json.loads(body) if body else {}

    def _exchange(
        self, method: str, path: str, body: str, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        return response, response.read()

    def create_queue(self, name: str, **attributes: str) -> str:
        """Create a queue and return its URL."""
        url: str = self.sqs("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
