"""Mappings as AWS's answers show them, and page markers. Pure."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from redrive.core.time import SECOND_MS, Millis
from redrive.services.mappings.model import Mapping
from redrive.services.mappings.refusals import invalid
from redrive.services.mappings.settings import REPORTS_FAILURES


def configuration(mapping: Mapping) -> dict[str, Any]:
    """Return an EventSourceMappingConfiguration.

    A queue's has no LastProcessingResult. AWS: as captured.
    """
    shape: dict[str, Any] = {
        "UUID": mapping.uuid,
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": mapping.window_ms // SECOND_MS,
        "EventSourceArn": mapping.queue_arn,
        "FunctionArn": mapping.function_arn,
        "LastModified": Millis(mapping.modified_ms),
        "State": mapping.state,
        "StateTransitionReason": mapping.problem or "USER_INITIATED",
        "EventSourceMappingArn": mapping.arn,
    }
    if mapping.reports_failures:
        shape["FunctionResponseTypes"] = [REPORTS_FAILURES]
    if mapping.concurrency_max is not None:
        shape["ScalingConfig"] = {"MaximumConcurrency": mapping.concurrency_max}
    if mapping.filters is not None:
        patterns = orjson.loads(mapping.filters)
        shape["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in patterns]}
    if mapping.kms_key is not None:
        shape["KMSKeyArn"] = mapping.kms_key
    if mapping.counts_events:
        shape["MetricsConfig"] = {"Metrics": ["EventCount"]}
    if mapping.pollers_min is not None:
        shape["ProvisionedPollerConfig"] = {
            "MinimumPollers": mapping.pollers_min,
            "MaximumPollers": mapping.pollers_max,
        }
    return shape


def encode_marker(n: int) -> str:
    """Return a page marker: opaque to clients, the last mapping's number to us."""
    return base64.urlsafe_b64encode(str(n).encode()).decode()


def decode_marker(marker: str) -> int:
    """Return the number in a marker, or refuse one that we did not make."""
    try:
        return int(base64.urlsafe_b64decode(marker.encode()))
    except ValueError:
        raise invalid("Invalid value for parameter Marker.") from None
