"""The rooms of what starts the work, wired: one list for the server, the simulator and tests.

A part of both composition roots: it makes rooms and workers and decides nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from redrive.catalogue import SERVICES, STATEMENTS
from redrive.core.effects import Caller, Chance, Worker
from redrive.services.alarms import operations as alarms
from redrive.services.alarms.room import Alarms
from redrive.services.alarms.watchman import Watchman
from redrive.services.buses import operations as buses
from redrive.services.buses.http_model import HttpMemory
from redrive.services.buses.replayer import Replayer
from redrive.services.buses.room import Buses
from redrive.services.buses.ticker import RuleTicker
from redrive.services.custom_buses import operations as custom_buses
from redrive.services.custom_buses.courier import Deliverer, Tender
from redrive.services.custom_buses.room import CustomBuses
from redrive.services.pipes import operations as pipes
from redrive.services.pipes.room import Pipes
from redrive.services.ports import Count, Outbox, uncounted
from redrive.services.registry import Registry
from redrive.services.schedules import operations as schedules
from redrive.services.schedules.room import Schedules
from redrive.services.schedules.sweeper import GroupSweeper
from redrive.services.schedules.ticker import Ticker
from redrive.services.topics import operations as topics
from redrive.services.topics.room import Topics
from redrive.wire.sdk import SdkReader

__all__ = ("SDK_SERVICES", "SERVICES", "STATEMENTS", "Parts", "add_rooms")

SDK_SERVICES = ("sqs", "lambda", "sts", "iam", "cloudwatch", "logs", *SERVICES)
"""Services whose operations a schedule can call by a universal target."""


class Parts(NamedTuple):
    """What all of these rooms are made with."""

    registry: Registry
    chance: Chance
    outbox: Outbox
    caller: Caller  # as whom the workers ask
    tally: Count = uncounted
    http_private: bool = False  # endpoints of other servers may be private ones, and without TLS
    topics: type[Topics] = Topics  # the simulator's sign without chance
    api: SdkReader | None = None  # what is asked by universal targets; None: one of its own


def add_rooms(parts: Parts) -> tuple[Worker, ...]:
    """Make the rooms, add their operations; return the workers, to be posted."""
    registry, chance, outbox, caller, count, http_private, topics_room, reader = parts
    http = HttpMemory(allows_http=http_private)
    buses.register(registry, Buses(chance, outbox, count, http=http))
    api = reader or SdkReader(SDK_SERVICES)
    custom_buses.register(registry, CustomBuses(chance, outbox, count, api.has))
    schedules.register(registry, Schedules(chance, outbox, api, count))
    topics.register(registry, topics_room(chance, outbox, count))
    pipes.register(registry, Pipes(chance, outbox, count))
    alarms.register(registry, Alarms(chance, outbox, count))
    return (
        RuleTicker(caller),
        Replayer(caller),
        Deliverer(caller),
        Tender(caller),
        Ticker(caller),
        GroupSweeper(caller),
        Watchman(caller),
    )
