"""Accepting: whoever could not be accepted yet is accepted when those before have arrived."""

from __future__ import annotations

import asyncio

from redrive.shell.listener import Listener

CLIENTS = 5


class Greeter(asyncio.Protocol):
    """Says hello."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")


def test_who_is_counted_twice_keeps_nobody_out() -> None:
    """With room for one that is arriving at a time, all are let in, and nobody has to leave."""

    async def scene() -> list[bytes]:
        loop = asyncio.get_running_loop()
        listener = Listener(loop, Greeter, lambda arriving: arriving == 0)
        port = await listener.bind("127.0.0.1", 0)
        streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CLIENTS)]
        listener.start()
        heard = [reader.readexactly(5) for reader, _writer in streams]
        try:
            return await asyncio.wait_for(asyncio.gather(*heard), 20)
        finally:
            listener.close()
            for _reader, writer in streams:
                writer.close()

    assert asyncio.run(scene()) == [b"hello"] * CLIENTS
