"""What clients make of mappings besides: filters, FIFO queues as sources, pollers of their own.

A queue has one filter, or none, in all its mappings of a world, so that the judges know of each
message for certain whether it is for a function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redrive.sim.chance import Dice
from redrive.sim.evidence import arn_of
from redrive.sim.runtime import REPORTER

FIFO_SOURCE = "main.fifo"

Passes = Callable[[str, str | None], bool]
"""Whether a message passes, by its body and its attribute `tint`."""

FILTERS: dict[str, Passes] = {
    '{"body": [{"anything-but": {"suffix": ["3", "7"]}}]}': lambda body, _tint: (
        body[-1] not in "37"
    ),
    '{"body": [{"wildcard": "m*1*"}]}': lambda body, _tint: "1" in body,
    '{"messageAttributes": {"tint": {"stringValue": [{"exists": false}]}}}': lambda _body, tint: (
        tint is None
    ),
    '{"$or": [{"body": [{"prefix": "m1"}]}, {"body": {"n": [1]}}]}': lambda body, _tint: (
        body.startswith("m1")
    ),
}
"""Patterns, and what they mean in the judges' own words."""


class MappingClients:
    """The part of the workload that knows these options."""

    def __init__(self, dice: Dice, *, has_fifo: bool) -> None:
        self._dice = dice
        self._has_fifo = has_fifo
        patterns = tuple(FILTERS)
        self._filters = {
            name: dice.pick(patterns) if dice.chance(0.4) else None
            for name in ("main", "side", FIFO_SOURCE)
        }

    def vary(self, params: dict[str, Any]) -> None:
        """Change the parameters of a CreateEventSourceMapping."""
        dice = self._dice
        if self._has_fifo and dice.chance(0.4):
            params["EventSourceArn"] = arn_of(FIFO_SOURCE)
            params["FunctionName"] = REPORTER
            params["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
            params["BatchSize"] = dice.pick((1, 3, 10))
            params.pop("MaximumBatchingWindowInSeconds", None)
        pattern = self._filters[params["EventSourceArn"].rsplit(":", 1)[-1]]
        if pattern is not None:
            params["FilterCriteria"] = {"Filters": [{"Pattern": pattern}]}
        if "ScalingConfig" not in params and dice.chance(0.2):
            params["ProvisionedPollerConfig"] = {"MinimumPollers": 2, "MaximumPollers": 3}
