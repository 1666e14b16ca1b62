"""More clients than the server has files for: each hears an answer, and afterwards all is well."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from live import LiveServer, Wire, request

FILES = 320  # of which the server keeps 256 for what is not a client


def test_every_client_beyond_the_limit_is_told_so(folder: Path) -> None:
    """With 64 places for 250 clients that stay: 200 or 503, nobody is hung up on in silence."""
    server = LiveServer(folder, files_max=FILES)
    wires: list[Wire] = []
    try:
        assert server.port, server.text
        for _ in range(250):
            wire = server.wire()
            wire.send(request("ListQueues", {}))
            wires.append(wire)
        heard: Counter[int] = Counter()
        for wire in reversed(wires):  # the first ones stay while the last ones wait
            answer = wire.answer()
            assert answer is not None
            heard[answer.status] += 1
            if answer.status == 503:
                assert answer.code == "ServiceUnavailable"
                wire.close()
        assert set(heard) == {200, 503}
        assert heard[200] >= FILES - 256
        for wire in wires:
            wire.close()
        server.call("CreateQueue", QueueName="q")
        assert "a bug of ours" not in server.text
    finally:
        server.close()
