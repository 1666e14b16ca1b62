"""A disk that is full or fails: nothing is acknowledged that is not kept, and a restart goes on."""

from __future__ import annotations

import http.client
from pathlib import Path
from random import Random
from threading import Thread

from .ledger import Ledger
from .load import LEASE_S, drain, start_load
from .server import CrashServer, Refused

PLANTED = Path(__file__).with_name("planted.py")
CLIENTS = 4


def _server(folder: Path, fault: str) -> CrashServer:
    return CrashServer(folder, (str(PLANTED), fault, str(folder)))


def _create(server: CrashServer) -> str:
    attributes = {"VisibilityTimeout": str(LEASE_S)}
    answer = server.client().call("CreateQueue", QueueName="orders", Attributes=attributes)
    url: str = answer["QueueUrl"]
    return url


def _send_many(server: CrashServer, url: str, ledger: Ledger, name: str) -> list[str]:
    """Send from several clients at once; return what the refusals said."""
    said: list[str] = []

    def work(number: int) -> None:
        client = server.client()
        for n in range(10):
            body = f"{name}-{number}-{n}"
            ledger.attempt_send([body])
            try:
                answer = client.call("SendMessage", QueueUrl=url, MessageBody=body)
            except Refused as error:
                ledger.book_refusal(body)
                said.append(str(error.status))
            except (OSError, http.client.HTTPException):
                said.append("no answer")
                client.close()
                return
            else:
                ledger.book_send(body, answer)

    threads = [Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def _check_after_restart(folder: Path, port: int, url: str, ledger: Ledger) -> None:
    """Start the shipped server on the same files and empty the queue."""
    healthy = CrashServer(folder)
    healthy.port = port
    healthy.start()
    try:
        ledger.settle(drain(healthy.client(), url, ledger))
    finally:
        assert healthy.stop() == 0
    assert ledger.violations == []


def test_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """While the disk is full every change is refused (503) and undone; then work goes on."""
    server, ledger = _server(tmp_path, "full"), Ledger()
    server.start()
    try:
        url = _create(server)
        assert _send_many(server, url, ledger, "before") == []
        (tmp_path / "fault").touch()
        assert _send_many(server, url, ledger, "during") == ["503"] * (10 * CLIENTS)
        assert server.is_healthy()
        (tmp_path / "fault").unlink()
        assert _send_many(server, url, ledger, "after") == []
    finally:
        server.kill()
    assert ledger.sends == 2 * 10 * CLIENTS
    _check_after_restart(tmp_path, server.port, url, ledger)


def test_failed_sync_ends_the_server(tmp_path: Path) -> None:
    """After a failed sync nothing is acknowledged, the process exits; a restart goes on."""
    server, ledger = _server(tmp_path, "sync"), Ledger()
    server.start()
    try:
        url = _create(server)
        assert _send_many(server, url, ledger, "before") == []
        (tmp_path / "fault").touch()
        acknowledged = ledger.sends
        said = _send_many(server, url, ledger, "during")
        assert set(said) <= {"503", "no answer"}
        assert said.count("no answer") == CLIENTS
        assert ledger.sends == acknowledged
        assert server.wait_for_exit() == 74
    finally:
        server.kill()
    assert "the store failed" in server.log.read_text()
    (tmp_path / "fault").unlink()
    _check_after_restart(tmp_path, server.port, url, ledger)


def test_failed_sync_is_the_last(tmp_path: Path) -> None:
    """After a failed sync nothing more is written or synced, though a second sync would succeed."""
    server, ledger = _server(tmp_path, "sync-once"), Ledger()
    server.start()
    try:
        url = _create(server)
        threads = start_load(server, url, ledger, Random(1), "life")
        (tmp_path / "fault").touch()
        for thread in threads:
            thread.join()
        assert server.wait_for_exit() == 74
    finally:
        server.kill()
    assert not (tmp_path / "after").exists(), (tmp_path / "after").read_text()
    _check_after_restart(tmp_path, server.port, url, ledger)


def test_failed_write_under_load_ends_the_server(tmp_path: Path) -> None:
    """A write that the kernel refuses under load loses nothing that was acknowledged."""
    server, ledger = CrashServer(tmp_path), Ledger()
    server.file_bytes_max = 1_500_000
    server.start()
    try:
        url = _create(server)
        for thread in start_load(server, url, ledger, Random(1), "life"):
            thread.join()
        assert server.wait_for_exit() == 74
    finally:
        server.kill()
    assert ledger.sends > 0
    assert "the store failed" in server.log.read_text()
    assert "a bug of ours" not in server.log.read_text()
    _check_after_restart(tmp_path, server.port, url, ledger)
