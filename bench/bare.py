"""The floor: a server on Redrive's own stack that reads a request and answers a fixed body.

asyncio.Protocol + httptools + uvloop, one process. Each operation gets a body of the size and shape
of SQS's own answer, so that a ratio to this server says what the work behind the answer costs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import cast

import httptools
import uvloop

from bench.requests import order_text

_ID = "7f1c3f0a-52c6-4d5b-9a0e-2b6f0f4c1d3e"
_MD5 = "0cc175b9c0f1b6a831c399e269772661"
_HANDLE = "AQEB" + "q" * 60


def _answers() -> dict[bytes, bytes]:
    send = {"MessageId": _ID, "MD5OfMessageBody": _MD5}
    bodies: dict[str, object] = {
        "SendMessage": send,
        "SendMessageBatch": {"Successful": [{"Id": str(n), **send} for n in range(10)]},
        "ReceiveMessage": {
            "Messages": [
                {
                    "MessageId": _ID,
                    "ReceiptHandle": _HANDLE,
                    "MD5OfBody": _MD5,
                    "Body": order_text(n, 1_024),
                }
                for n in range(10)
            ]
        },
        "DeleteMessageBatch": {"Successful": [{"Id": str(n)} for n in range(10)]},
    }
    return {
        f"AmazonSQS.{name}".encode(): _response(json.dumps(body, separators=(",", ":")).encode())
        for name, body in bodies.items()
    }


def _response(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"x-amzn-RequestId: {_ID}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


_ANSWERS = _answers()
_OTHER = _response(b"{}")


class Bare(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._answer = _OTHER
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the methods below."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Pick the answer by the operation."""
        if name.lower() == b"x-amz-target":
            self._answer = _ANSWERS.get(value, _OTHER)

    def on_body(self, body: bytes) -> None:
        """Keep the body, as a server that works would."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer."""
        b"".join(self._body)
        self._body.clear()
        self._write(self._answer)
        self._answer = _OTHER


async def serve(port: int) -> None:
    """Listen until killed."""
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port, backlog=1_024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
