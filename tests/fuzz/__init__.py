"""Requests that nobody should send, in great numbers: `python -m tests.fuzz N`."""
