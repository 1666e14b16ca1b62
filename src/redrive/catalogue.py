"""What is known of the rooms before they are loaded (rooms.py): their names, nothing more."""

from __future__ import annotations

STATEMENTS = (
    *(f"{n}/{n}" for n in ("buses", "custom_buses", "schedules", "topics", "pipes", "alarms")),
    "buses/archives",
    "buses/http",
)
"""Their files of statements, below services and without .sql."""

SERVICES = ("events", "eventbridgev2", "scheduler", "sns", "pipes")
"""What they add to the services on the wire; alarms are a part of cloudwatch."""

RESETS = ("events", "eventbridgev2", "scheduler", "sns", "pipes", "alarms")
"""Services with an operation ResetAccount."""
