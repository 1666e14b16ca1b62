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
from typing import Any, ClassVar

from bench.processes import family
from bench.requests import http_request, sqs_headers
from bench.signing import Signer

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / ".bench"
COMPILED = ROOT / ".native"
PACKAGES = COMPILED if (COMPILED / "redrive").is_dir() else ROOT / "src"
"""Where the measured Redrive is: as `pip install .` compiles it (`make native`), or interpreted."""

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
    key: ClassVar[tuple[str, str] | None] = None
    """Access key and secret with which requests to it have to be signed."""

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
        self.spawn()
        while not self._is_healthy():
            self.check_alive(began)
            time.sleep(0.002)
        self.healthy_ms = (time.perf_counter() - began) * 1_000

    def spawn(self) -> None:
        """Start the process and do not wait."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=ROOT,
                env={
                    **{k: v for k, v in os.environ.items() if k not in UNLIKE_USERS},
                    "PYTHONPATH": str(PACKAGES),
                    **self.environment(),
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def check_alive(self, began_s: float) -> None:
        """Stop the server and raise RuntimeError when it has ended or has taken too long."""
        assert self._process is not None
        if self._process.poll() is None and time.perf_counter() - began_s < READY_SECONDS_MAX:
            return
        tail = (self.folder / "server.log").read_text(errors="replace")[-2_000:]
        self.stop()
        raise RuntimeError(f"{self.name} did not become healthy:\n{tail}")

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

    def halt(self) -> None:
        """End the process by SIGTERM, and by SIGKILL what is left; its files stay."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def kill(self) -> None:
        """End the process by SIGKILL, as kill -9 does; its files stay."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        """End the process and what it started, and remove its files."""
        self.halt()
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


KEY = ("AKIABENCH00000000001", "bench/secret+of/forty+characters/0123456789")


class Keyed(Redrive):
    """Redrive with an access key of its own: every request has to be signed with it."""

    name = "redrive, signed"
    key = KEY

    def command(self) -> list[str]:
        """Write the file of keys and name it."""
        access_key, secret = KEY
        file = self.folder / "keys.toml"
        file.touch(mode=0o600)
        file.write_text(f'[{access_key}]\nsecret = "{secret}"\n')
        return [*super().command(), "--keys-file", str(file)]


class Relaxed(Redrive):
    """Redrive with `durability = relaxed`: a reply leaves before its message is synced."""

    name = "redrive, NOT SYNCED"

    def environment(self) -> dict[str, str]:
        """Ask for it as a person would."""
        return {"REDRIVE_DURABILITY": "relaxed"}


NARROW_FILES = 512


class Narrow(Redrive):
    """Redrive where the system allows it few open files, and so few connections."""

    name = "redrive, few files"

    def command(self) -> list[str]:
        """Lower the hard limit too: the server raises its own to that."""
        return ["sh", "-c", f'ulimit -n {NARROW_FILES}; exec "$@"', "sh", *super().command()]


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

    def __init__(self, server: Server) -> None:
        self._address = ("127.0.0.1", server.port)
        self._signer = Signer(*server.key) if server.key else None
        self._connection: socket.socket | None = None

    def sqs(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call an SQS operation. Raises RuntimeError unless the answer is 200."""
        return self._call("POST", "/", params, sqs_headers(operation), "sqs")

    def lambda_(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """Call a Lambda operation by its path. Raises RuntimeError unless the answer is 2xx."""
        return self._call(method, path, params, {"Content-Type": "application/json"}, "lambda")

    def _call(
        self, method: str, path: str, params: Any, headers: dict[str, str], service: str
    ) -> dict[str, Any]:
        request = http_request(
            method,
            path,
            json.dumps(params).encode(),
            service=service,
            headers=headers,
            signer=self._signer,
        )
        try:
            response, body = self._exchange(request, method)
        except (ConnectionError, http.client.HTTPException):
            # The server closed a connection that had rested for long.
            self.close()
            response, body = self._exchange(request, method)
        if not 200 <= response.status < 300:
            target = headers.get("X-Amz-Target", "")
            raise RuntimeError(f"{method} {path} {target}: {response.status} {body[:500]!r}")
        return json.loads(body) if body else {}

    def _exchange(self, request: bytes, method: str) -> tuple[http.client.HTTPResponse, bytes]:
        if self._connection is None:
            self._connection = socket.create_connection(self._address, timeout=60)
        self._connection.sendall(request)
        response = http.client.HTTPResponse(self._connection, method=method)
        response.begin()
        body = response.read()
        if response.will_close:
            self.close()
        return response, body

    def create_queue(self, name: str, **attributes: str) -> str:
        """Create a queue and return its URL."""
        url: str = self.sqs("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
