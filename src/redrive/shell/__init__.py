"""Floor 4: the event loop, sockets and the real clock."""
