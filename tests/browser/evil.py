"""An attacker's web server: one page, at any path."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ATTACKS = (Path(__file__).parent / "attacks.js").read_text("utf-8")
HOSTS = ("evil.test", "rebind.test")


class Evil:
    """A web server on this machine that serves one page, at any path, on a port of its own."""

    def __init__(self, port: int = 0) -> None:
        page = f"<!doctype html><title>evil</title><body><script>{ATTACKS}</script>".encode()

        self._open: set[socket.socket] = set()
        connections = self._open

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                super().setup()
                connections.add(self.connection)

            def finish(self) -> None:
                connections.discard(self.connection)
                super().finish()

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Stop, and leave the port to another; a browser opens connections ahead of time."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
