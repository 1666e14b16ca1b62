"""What all clients together may do."""

from __future__ import annotations

import pytest

from redrive.shell.clients import IDLE_SWEEPS_MAX, UNFINISHED_SWEEPS_MAX, Clients


class FakeClient:
    """A connection that does what the test says."""

    def __init__(self) -> None:
        self.idle_sweeps = 0
        self.progress = (0, False, False)
        self.is_aborted = False

    def abort(self) -> None:
        """Remember that it was closed."""
        self.is_aborted = True


@pytest.mark.parametrize(
    ("progress", "sweeps"),
    [((1, True, False), UNFINISHED_SWEEPS_MAX), ((1, False, False), IDLE_SWEEPS_MAX)],
)
def test_dawdlers_are_closed(progress: tuple[int, bool, bool], sweeps: int) -> None:
    """A request that stays unfinished, and a connection without one, end after their time."""
    clients, client = Clients(), FakeClient()
    clients.enter(client)
    client.progress = progress
    for _ in range(sweeps):
        clients.sweep()
        assert not client.is_aborted
    clients.sweep()
    assert client.is_aborted


def test_progress_and_waiting_are_no_dawdling() -> None:
    """A long poll, and a client that begins requests, are never closed."""
    clients, polls, asks = Clients(), FakeClient(), FakeClient()
    clients.enter(polls)
    clients.enter(asks)
    polls.progress = (1, False, True)
    for n in range(3 * IDLE_SWEEPS_MAX):
        asks.progress = (n, False, False)
        clients.sweep()
    assert not polls.is_aborted
    assert not asks.is_aborted


def test_who_has_left_is_forgotten() -> None:
    """A closed connection is neither counted nor swept."""
    clients, client = Clients(), FakeClient()
    clients.enter(client)
    clients.leave(client)
    for _ in range(IDLE_SWEEPS_MAX + 2):
        clients.sweep()
    assert not client.is_aborted
    assert not clients.open
