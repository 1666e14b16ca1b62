"""The targets of worlds of events: some are there, some are not, some can be made to fail."""

from __future__ import annotations

from redrive.sim.evidence import ACCOUNT, REGION, arn_of

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:worker"
NO_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:missing"
THEIRS = f"arn:aws:lambda:{REGION}:111111111111:function:theirs"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/side"
DEFAULT_BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
FIFO_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:line.fifo"
NOWHERE = arn_of("nowhere")
ORDERED = arn_of("ordered.fifo")
DEAD_URL = "https://dead.sim/in"
HOOKS = ("https://hook.sim/a", DEAD_URL)
API = "api-destination"
QUEUES = ("q1", "q2", "q3", "sub1", "sub2", "dead", "piped-dead", "piped-out")
CAN_FAIL = (
    *(arn_of(name) for name in ("q1", "q3", "sub1", "dead", "ordered.fifo")),
    FUNCTION,
    BUS,
    TOPIC,
)
"""Targets that are made to fail for a while or for ever."""
