"""Telemetry: what functions wrote and what happens now, for people to read."""
