"""Rows of the mappings service.

A mapping's states, and who moves it (`rules.settled_state` is the table of the right-hand moves):

    CreateEventSourceMapping ──> Creating ──┐
    Update, Enabled true     ──> Enabling ──┼──the poller has taken it up──> Enabled
    Update, other members    ──> Updating ──┤
    Update, Enabled false    ──> Disabling ─┴──no batch is under way──> Disabled
    Delete                   ──> Deleting ────no batch is under way──> (no row)

Creating and Updating end in Disabled where the mapping is not enabled.
AWS: API_GetEventSourceMapping, "State".
"""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.arn import Arn, parse_arn
from redrive.core.effects import Caller

CHANGED_TOPIC = "mappings:changed"
"""Woken when a mapping has been made, changed or deleted."""

NO_VERSION = 0
"""A version that no mapping has: to advance to it changes nothing."""


class Mapping(NamedTuple):
    """A mapping and its settings."""

    n: int  # order of creation
    uuid: str
    account: str
    region: str
    function_arn: str
    function_name: str
    queue_arn: str
    enabled: int
    state: str
    problem: str | None  # why it gets nothing done at present; None: nothing is known to be wrong
    batch_size: int
    window_ms: int
    reports_failures: int  # FunctionResponseTypes holds ReportBatchItemFailures
    concurrency_max: int | None  # ScalingConfig.MaximumConcurrency
    visibility_ms: int  # the queue's
    timeout_ms: int  # the function's
    known_ms: int  # when these two were asked for
    tags: str  # JSON object
    modified_ms: int
    version: int  # grows with every change of settings
    filters: str | None = None  # JSON list of patterns; None: every message passes
    counts_events: int = 0  # MetricsConfig holds EventCount
    pollers_min: int | None = None  # ProvisionedPollerConfig; None: not in provisioned mode
    pollers_max: int | None = None
    kms_key: str | None = None  # KMSKeyArn, a label
    consumer: str = "lambda"  # or "pipes": then function_arn is a pipe's

    @property
    def is_fifo(self) -> bool:
        """Tell whether the queue is a FIFO queue."""
        return self.queue_arn.endswith(".fifo")

    @property
    def arn(self) -> str:
        """The mapping's ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account}:event-source-mapping:{self.uuid}"

    @property
    def queue_url(self) -> str:
        """The queue's URL as another service names it: the path alone."""
        queue = parse_arn(self.queue_arn)
        assert isinstance(queue, Arn)
        return f"/{queue.account}/{queue.resource}"

    @property
    def caller(self) -> Caller:
        """As whom the mapping receives, invokes and deletes."""
        principal = f"arn:aws:iam::{self.account}:root"
        return Caller(self.account, self.region, principal, self.account)


class Found(NamedTuple):
    """What the other services say of a mapping's two ends."""

    function_arn: str
    function_name: str
    timeout_ms: int
    visibility_ms: int
    known_ms: int  # when this was asked for
